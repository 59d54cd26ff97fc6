//! What visits add up to. Every figure here is a sum, so that cells of days, channels and campaigns add up; ratios are
//! taken from the sums, last.

use std::collections::BTreeSet;
use std::ops::{Add, AddAssign};

use daybook_domain::Timestamp;
use daybook_domain::time::DAY;

use super::{Day, Deed, Definition, Hit, SessionRule, Visit};

/// Figures of traffic under one definition, of one visitor or, summed, of many.
///
/// Visitors add up over visitors only, not over days: for several cells, unite their sets of visitors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Distinct visitors.
    pub visitors: u64,
    /// Of them, those who bounced: with a visit that was a bounce, on a day on which they were seen here (who saw this page
    /// only after the midnight that the visit ran across did not enter by it). Of a page it is the plan's "entered by it and
    /// opened no other".
    pub bouncers: u64,
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
            bouncers: self.bouncers + other.bouncers,
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

impl Figures {
    /// The bounce rate as the definition has it, as a numerator and a denominator: the plan's is a share of visitors,
    /// that of the tools a share of visits.
    #[must_use]
    pub const fn bounce_rate(&self, definition: Definition) -> (u64, u64) {
        match definition {
            Definition::Plan => (self.bouncers, self.visitors),
            Definition::Ga4 | Definition::Matomo | Definition::Plausible => (self.bounces, self.visits),
        }
    }
}

/// One visitor's hits and visits of one cell (a day, a channel, all of them), while they are added up. `P` tells pages
/// apart.
#[derive(Clone, Debug)]
pub struct Tally<P> {
    views: u64,
    /// The days on which something else was done than to see a page.
    acted: Vec<Day>,
    /// Pages that were shown, by the day.
    pages: BTreeSet<(Day, P)>,
    utc_days: BTreeSet<i64>,
    visits: u64,
    bounces: u64,
    /// The days of the bounces.
    bounced: Vec<Day>,
    stay: i64,
}

/// Notes a day; days come in their order.
fn note(days: &mut Vec<Day>, day: Day) {
    if days.last() != Some(&day) {
        days.push(day);
    }
}

impl<P> Default for Tally<P> {
    fn default() -> Self {
        let (pages, utc_days) = (BTreeSet::new(), BTreeSet::new());
        let (acted, bounced) = (Vec::new(), Vec::new());
        Self { views: 0, acted, pages, utc_days, visits: 0, bounces: 0, bounced, stay: 0 }
    }
}

impl<P: Ord> Tally<P> {
    /// A page was shown.
    pub fn view(&mut self, at: Timestamp, day: Day, page: P) {
        self.views += 1;
        self.pages.insert((day, page));
        self.utc_days.insert(at.0.div_euclid(DAY));
    }

    /// Something else was done.
    pub fn act(&mut self, at: Timestamp, day: Day) {
        note(&mut self.acted, day);
        self.utc_days.insert(at.0.div_euclid(DAY));
    }

    /// A visit began.
    pub fn visit<Q, T>(&mut self, rule: &SessionRule, visit: &Visit<Q, T>) {
        self.visits += 1;
        if rule.bounced(visit) {
            self.bounces += 1;
            note(&mut self.bounced, visit.day);
        }
        self.stay += rule.duration(visit);
    }

    /// What it comes to. Who was never shown a page, the plan does not know; the tools count whoever sent an event.
    #[must_use]
    pub fn figures(&self, definition: Definition) -> Figures {
        let acts: &[Day] = if definition == Definition::Plan { &[] } else { &self.acted };
        let seen = self.views > 0 || !acts.is_empty();
        let entered = |day: &Day| self.pages.iter().any(|(shown, _)| shown == day) || acts.contains(day);
        Figures {
            visitors: match definition {
                Definition::Plausible => self.utc_days.len() as u64,
                _ => u64::from(seen),
            },
            bouncers: u64::from(self.bounced.iter().any(entered)),
            views: self.views,
            page_views: match definition {
                Definition::Plan => self.pages.len() as u64,
                _ => self.views,
            },
            visits: self.visits,
            bounces: self.bounces,
            stay: self.stay,
        }
    }
}

impl SessionRule {
    /// The figures of one visitor's hits, whatever their order.
    pub fn figures<P: Copy + Ord, T: Copy + Ord>(&self, hits: &mut [Hit<P, T>]) -> Figures {
        let visits = self.visits(hits);
        let mut tally = Tally::default();
        for hit in &*hits {
            match hit.deed {
                Deed::View(page) => tally.view(hit.at, hit.day, page),
                Deed::Act { .. } => tally.act(hit.at, hit.day),
            }
        }
        visits.iter().for_each(|visit| tally.visit(self, visit));
        tally.figures(self.definition)
    }
}
