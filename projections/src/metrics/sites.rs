//! The lists by which channels are told in kept figures, so that whoever asks knows with which ones these were made.

use daybook_metrics::channel::BadSites;
use daybook_metrics::{ChannelRule, MarketSites};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::engine::ReadModelError;

/// The channel rule with a market's lists. Equal ones tell every visit's channel alike.
#[derive(Clone, Debug)]
pub struct Sites {
    rule: ChannelRule,
    kept: String,
}

/// As a file of read models has them.
#[derive(Serialize, Deserialize)]
struct Kept {
    rule: u32,
    sites: MarketSites,
}

impl Sites {
    /// The newest rule with these lists.
    ///
    /// # Errors
    /// [`BadSites::Host`] when a host cannot be one.
    pub fn of(sites: &MarketSites) -> Result<Self, BadSites> {
        let rule = ChannelRule::new(sites)?;
        let kept = Kept { rule: rule.version(), sites: sites.clone() };
        let kept = serde_json::to_string(&kept).expect("invariant: lists are plain data");
        Ok(Self { rule, kept })
    }

    /// Those that were kept as a text, under the newest rule.
    ///
    /// # Errors
    /// [`ReadModelError::BadSites`] for a text that is none.
    pub(crate) fn read(kept: &str) -> Result<Self, ReadModelError> {
        let bad = |why: String| ReadModelError::BadSites { why };
        let Kept { sites, .. } = serde_json::from_str(kept).map_err(|error| bad(error.to_string()))?;
        Self::of(&sites).map_err(|error| bad(error.to_string()))
    }

    /// As a text.
    pub(crate) fn as_kept(&self) -> &str {
        &self.kept
    }

    /// A digest of the rule's version and the lists, hex: whoever has the same lists has the same one.
    #[must_use]
    pub fn digest(&self) -> String {
        Sha256::digest(&self.kept).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// How channels are told.
    #[must_use]
    pub fn rule(&self) -> &ChannelRule {
        &self.rule
    }
}

impl Default for Sites {
    /// The rule's own lists.
    fn default() -> Self {
        Self::of(&MarketSites::default()).expect("invariant: the rule's own lists are sound")
    }
}

impl PartialEq for Sites {
    fn eq(&self, other: &Self) -> bool {
        self.kept == other.kept
    }
}

impl Eq for Sites {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_they_were_kept_and_those_of_another_rule_are_not_the_same() {
        let own = MarketSites { own_hosts: vec!["shop.example".into()], ..MarketSites::default() };
        let sites = Sites::of(&own).unwrap();
        assert_eq!(Sites::read(sites.as_kept()).unwrap(), sites);
        assert_ne!(sites, Sites::default());
        assert_eq!((sites.digest().len(), sites.digest()), (64, sites.clone().digest()));
        assert_ne!(sites.digest(), Sites::default().digest());
        let older =
            sites.as_kept().replacen(&format!("\"rule\":{}", sites.rule().version()), "\"rule\":0", 1);
        assert_ne!(older, sites.as_kept());
        assert_eq!(Sites::read(&older).unwrap(), sites, "the lists stay, under the newest rule");
        let none = Sites::read("{}").unwrap_err().to_string();
        assert!(none.contains("cannot be read: missing field") && none.contains("--sites"), "{none}");
        assert!(Sites::of(&MarketSites { own_hosts: vec!["https://a".into()], ..own }).is_err());
    }
}
