//! What visits add up to. Every figure here is a sum, so that cells of days, channels and campaigns add up; ratios are
//! taken from the sums, last.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Add, AddAssign};

use daybook_domain::time::DAY;

use super::{Day, Deed, Definition, Hit, SessionRule, Visit};

/// Figures of traffic under one definition, of one visitor or, summed, of many.
///
/// Visitors add up over visitors only, not over days: for several cells, unite their sets of visitors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Distinct visitors.
    pub visitors: u64,
    /// Every page shown.
    pub views: u64,
    /// PV as the definition counts it.
    pub page_views: u64,
    /// Visits that began.
    pub visits: u64,
    /// Of them, bounces.
    pub bounces: u64,
    /// How long they lasted together, in microseconds.
    pub stay: i64,
}

impl Add for Figures {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            visitors: self.visitors + other.visitors,
            views: self.views + other.views,
            page_views: self.page_views + other.page_views,
            visits: self.visits + other.visits,
            bounces: self.bounces + other.bounces,
            stay: self.stay + other.stay,
        }
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SessionRule {
    /// The figures of one visitor's hits, whatever their order.
    pub fn figures<P: Copy + Ord, T: Copy + Ord>(&self, hits: &mut [Hit<P, T>]) -> Figures {
        let visits = self.visits(hits);
        let views = hits.iter().filter(|hit| matches!(hit.deed, Deed::View(_))).count() as u64;
        // who was never shown a page, the plan does not know; the tools count whoever sent an event
        let seen = !visits.is_empty();
        let visitors = match self.definition {
            Definition::Plausible => {
                hits.iter().map(|hit| hit.at.0.div_euclid(DAY)).collect::<BTreeSet<i64>>().len() as u64
            }
            _ => u64::from(seen),
        };
        let page_views = match self.definition {
            Definition::Plan => page_days(&[], hits).len() as u64,
            _ => views,
        };
        Figures {
            visitors,
            views,
            page_views,
            visits: visits.len() as u64,
            bounces: visits.iter().filter(|visit| self.bounced(visit)).count() as u64,
            stay: visits.iter().map(|visit| self.duration(visit)).sum(),
        }
    }
}

/// What a visitor was to a page on a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageDay {
    /// Whether a visit entered by the page and saw no other: the plan's bounce. A reload is no other page.
    pub bounced: bool,
}

/// The pages that one visitor saw, by business day: the plan's PV is how many there are, and its bounce rate of a
/// page the visitors who bounced off it / all its visitors. A bounce counts for the day on which its visit began.
#[must_use]
pub fn page_days<P: Copy + Ord, T>(
    visits: &[Visit<P, T>],
    hits: &[Hit<P, T>],
) -> BTreeMap<(Day, P), PageDay> {
    let mut days: BTreeMap<(Day, P), PageDay> = BTreeMap::new();
    for hit in hits {
        if let Deed::View(page) = hit.deed {
            days.entry((hit.day, page)).or_default();
        }
    }
    for visit in visits.iter().filter(|visit| !visit.moved_on) {
        if let Some(page) = visit.entry {
            days.entry((visit.day, page)).or_default().bounced = true;
        }
    }
    days
}
