//! Numbers of pages and ways that stand in an order of their own.

use std::cmp::Ordering;

use daybook_metrics::SessionRule;
use daybook_metrics::sessions::{Deed, Hit, Visit};
use sha2::{Digest as _, Sha256};

/// A number with the rank of what it stands for. Hits of one instant are put in the order of what they are: their
/// numbers tell which was heard of first, which differs from one pass to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranked {
    /// Of the texts behind the number.
    pub rank: u64,
    /// The number of what it is the same as: what is noted beside (a region, a search term) tells nothing apart.
    pub same: u32,
    /// The number.
    pub number: u32,
    /// The rank of what is noted beside: of hits that are otherwise alike, which stands first.
    pub beside: u64,
}

impl Ranked {
    fn key(self) -> (u64, u32) {
        (self.rank, self.same)
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// The rank of some texts: the same on every machine.
pub(crate) fn rank(texts: &[Option<&str>]) -> u64 {
    let mut hash = Sha256::new();
    for text in texts {
        let len = text.map_or(u64::MAX, |text| text.len() as u64);
        hash.update(len.to_le_bytes());
        hash.update(text.unwrap_or_default());
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest.as_chunks::<8>().0.first().map_or(0, |first| u64::from_le_bytes(*first))
}

/// The hits of one visitor in order of time, and the visits that they come to.
pub(crate) type Visits = (Vec<Hit<u32, u32>>, Vec<Visit<u32, u32>>);

/// Puts the hits of one visitor in order and cuts them into visits; ranks are in the way after that. Whether a visit moved
/// on is told by the paths of its pages, as PV is: the same page of another topic or sales channel is a reload.
pub(crate) fn cut(
    rule: &SessionRule,
    mut hits: Vec<Hit<Ranked, Ranked>>,
    path: impl Fn(u32) -> u32,
) -> Visits {
    let beside = |hit: &Hit<Ranked, Ranked>| {
        let (Deed::View(page) | Deed::Act { page, .. }) = hit.deed;
        (page.beside, hit.arrival.map(|way| way.beside))
    };
    let visits = rule.visits_by(&mut hits, |page| path(page.number), beside);
    let number = |ranked: Ranked| ranked.number;
    let hit = |hit: Hit<Ranked, Ranked>| Hit {
        at: hit.at,
        day: hit.day,
        deed: match hit.deed {
            Deed::View(page) => Deed::View(page.number),
            Deed::Act { key, page } => Deed::Act { key, page: page.number },
        },
        arrival: hit.arrival.map(number),
        tagged: hit.tagged,
    };
    let visit = |visit: Visit<Ranked, Ranked>| Visit {
        place: number(visit.place),
        entry: visit.entry.map(number),
        exit: visit.exit.map(number),
        arrival: visit.arrival.map(number),
        hits: visit.hits,
        from: visit.from,
        until: visit.until,
        day: visit.day,
        views: visit.views,
        acts: visit.acts,
        key: visit.key,
        moved_on: visit.moved_on,
        tagged: visit.tagged,
    };
    (hits.into_iter().map(hit).collect(), visits.into_iter().map(visit).collect())
}
