//! How a visitor came: the traffic channel of a landing, by a pure and versioned rule.
//!
//! | channel | rule |
//! |---|---|
//! | direct (直接流量) | no referrer, no tags: typed, a bookmark, a favourite |
//! | organic search (自然搜索) | the referrer is a known search engine, without paid tags |
//! | paid search (付费搜索, SEM) | a search engine as source or referrer with a paid medium, or its ad click id |
//! | external (外部来源) | any other site |
//! | affiliate (CPS, 网盟) | medium `affiliate` or `cps`, a known partner, an affiliate network's click id |
//! | social (SNS) | a known social network |
//! | email (EDM), sms, offline, directory | by medium; mail in the browser and directories by their host too |
//!
//! What is asked first: the medium of the tags; a partner; a click id; the source of the tags; the referrer. Tags beat
//! the referrer because the market wrote them itself; a click id comes after the medium because networks hang theirs on
//! links that somebody else tagged. Whether a landing was paid for stands beside the channel, since a banner on a forum
//! is external and paid, and a post on a social network social and free.
//!
//! A referrer that is the page's own host, or one of the market's, is no arrival without tags: the visitor was there
//! already.

mod lists;
mod market;
mod rule;
mod tags;
mod url;

use std::fmt;
use std::str::FromStr;

pub use market::{BadSites, MarketSite, MarketSites};
pub use rule::ChannelRule;
pub use tags::{FoundTags, Tags, page_itself};

/// The newest version of the rule.
pub const LAST_VERSION: u32 = 1;

/// How a visitor came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Typed, from a bookmark, or without a trace of where from.
    Direct,
    /// Found by searching.
    OrganicSearch,
    /// By an ad on a search engine.
    PaidSearch,
    /// From another site.
    External,
    /// By a partner who is paid per sale.
    Affiliate,
    /// From a social network.
    Social,
    /// From a letter.
    Email,
    /// From a text message.
    Sms,
    /// From something printed, spoken or shown away from the web.
    Offline,
    /// From a directory of links.
    Directory,
}

impl Channel {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::Direct,
        Self::OrganicSearch,
        Self::PaidSearch,
        Self::External,
        Self::Affiliate,
        Self::Social,
        Self::Email,
        Self::Sms,
        Self::Offline,
        Self::Directory,
    ];

    /// Its word in events, files and columns.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::OrganicSearch => "organic_search",
            Self::PaidSearch => "paid_search",
            Self::External => "external",
            Self::Affiliate => "affiliate",
            Self::Social => "social",
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Offline => "offline",
            Self::Directory => "directory",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Channel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text).ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|channel| channel.as_str()).collect();
            format!("{text:?} is no traffic channel: use one of {}", all.join(", "))
        })
    }
}

/// What the rule looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Landing<'a> {
    /// Path or address of the page that was shown; its parameters are read for tags that are not given.
    pub page: &'a str,
    /// The page that the visitor came from.
    pub referrer: Option<&'a str>,
    /// The tags of the link.
    pub tags: Tags<'a>,
}

/// What the rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// How the visitor came.
    pub channel: Channel,
    /// Whether somebody was paid for it.
    pub paid: bool,
    /// The engine, network or partner by its name, or the host or source where none is known.
    pub site: Option<std::borrow::Cow<'a, str>>,
    /// What was searched for, where the referrer or a tag tells.
    pub term: Option<String>,
    /// The campaign that the link named.
    pub campaign: Option<std::borrow::Cow<'a, str>>,
    /// Whether the link was tagged: the landing begins a visit where another campaign's was under way.
    pub tagged: bool,
}
