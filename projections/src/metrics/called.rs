//! What links call campaigns: by their ids, or by their names, which are one's after the other's.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::Timestamp;
use daybook_domain::campaign::events::CampaignPlanned;
use hashbrown::HashMap;

use super::names::Names;

/// Campaigns by the words that links have for them, all as numbers of texts.
#[derive(Debug, Default)]
pub(super) struct Called {
    campaigns: BTreeSet<u32>,
    /// Words of links in lower case.
    lower: HashMap<u32, u32, ahash::RandomState>,
    /// Who had a name, in lower case, when.
    named: BTreeMap<u32, Vec<Named>>,
}

#[derive(Clone, Copy, Debug)]
struct Named {
    starts: Timestamp,
    ends: Timestamp,
    campaign: u32,
}

impl Called {
    /// A campaign was planned.
    pub fn plan(&mut self, campaign: u32, plan: &CampaignPlanned, names: &mut Names) {
        self.campaigns.insert(campaign);
        let name = names.number(&plan.name.to_lowercase());
        let (starts, ends) = (plan.starts, plan.ends);
        self.named.entry(name).or_default().push(Named { starts, ends, campaign });
    }

    /// A link said a word.
    pub fn said(&mut self, word: u32, names: &mut Names) {
        let lower = names.text(word).to_lowercase();
        self.lower.insert(word, names.number(&lower));
    }

    /// The campaign that a link's word stands for at a moment: an id before a name. Where several have had the name, the
    /// one that has it then, or had it last before.
    pub fn campaign(&self, word: u32, at: Timestamp) -> u32 {
        if self.campaigns.contains(&word) {
            return word;
        }
        let named = self.lower.get(&word).and_then(|lower| self.named.get(lower));
        let Some(named) = named else { return word };
        let now = named.iter().find(|of| of.starts <= at && at < of.ends);
        let before = || named.iter().filter(|of| of.ends <= at).max_by_key(|of| of.ends);
        let after = || named.iter().min_by_key(|of| of.starts);
        now.or_else(before).or_else(after).map_or(word, |of| of.campaign)
    }
}
