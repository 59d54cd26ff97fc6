//! What a market adds to the lists: its own hosts, the engines and networks of its country, its partners.

use serde::{Deserialize, Serialize};

/// A market's additions to the rule, part of its settings. What it names is taken before what the lists say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MarketSites {
    /// The market's own hosts: coming from there is no arrival. `*.shop.example` takes everything below as well.
    pub own_hosts: Vec<String>,
    /// Search engines.
    pub search_engines: Vec<MarketSite>,
    /// Social networks.
    pub social_networks: Vec<MarketSite>,
    /// Mail read in the browser.
    pub mail: Vec<MarketSite>,
    /// Directories of links.
    pub directories: Vec<MarketSite>,
    /// Partners who are paid per sale, known by these values of the tag `source`, or of a parameter below.
    pub partners: Vec<String>,
    /// Parameters of the landing URL that name a partner, such as `aff_id`. With no partners listed, any value counts.
    pub partner_parameters: Vec<String>,
}

/// A site that a market knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MarketSite {
    /// Its name in reports.
    pub name: String,
    /// Its hosts: `host`, `*.host` with everything below it, or `host.*` in any country.
    pub hosts: Vec<String>,
    /// For a search engine: the parameters that hold the search term.
    #[serde(default)]
    pub terms: Vec<String>,
}

/// Why a market's additions were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSites {
    /// A host that cannot be one.
    #[error(
        "{field}: {host:?} is no host: write `shop.example`, `*.shop.example` or `shop.*`, without https:// and path"
    )]
    Host {
        /// The setting.
        field: &'static str,
        /// What was given.
        host: String,
    },
    /// A version that this build does not know.
    #[error("there is no version {version} of the channel rule: the last one is {last}", last = super::LAST_VERSION)]
    Version {
        /// What was asked for.
        version: u32,
    },
}
