//! A visitor's part of the figures of days.

use std::ops::{AddAssign, SubAssign};

use daybook_domain::Timestamp;
use daybook_metrics::SessionRule;
use daybook_metrics::sessions::{Day, Deed, Hit};

use super::heard::{Dictionary, View};
use super::{CellKey, Group, NONE};
use crate::calendar::Calendar;
use crate::metrics::ranked::{Ranked, Visits, cut};

/// What adds up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// Pages shown.
    pub views: i64,
    /// Distinct pages of the visitor on the day.
    pub pv: i64,
    /// Visits that began.
    pub visits: i64,
    pub bounces: i64,
    /// Microseconds.
    pub stay: i64,
}

impl Part {
    /// Whether the visitor is one of the cell's bouncers: a visit that began on the day before and saw the cell's page after
    /// midnight is filed here and makes no visitor.
    pub(crate) fn is_of_a_bouncer(&self) -> bool {
        self.views > 0 && self.bounces > 0
    }
}

impl AddAssign for Part {
    fn add_assign(&mut self, other: Self) {
        self.views += other.views;
        self.pv += other.pv;
        self.visits += other.visits;
        self.bounces += other.bounces;
        self.stay += other.stay;
    }
}

impl SubAssign for Part {
    fn sub_assign(&mut self, other: Self) {
        self.views -= other.views;
        self.pv -= other.pv;
        self.visits -= other.visits;
        self.bounces -= other.bounces;
        self.stay -= other.stay;
    }
}

/// The business day of an instant, as a number.
pub(crate) fn day_of(calendar: Calendar, at: i64) -> Day {
    calendar.day(Timestamp(at)).to_epoch_days()
}

/// A visitor's views, which need not be in order, cut into visits by the plan's definition.
pub(crate) fn visits(views: &[View], dictionary: &Dictionary, calendar: Calendar) -> Visits {
    let hit = |view: &View| {
        let ranked = |rank: u64, number: u32| Ranked { rank, same: number, number, beside: 0 };
        let page = ranked(dictionary.page(view.page).rank, view.page);
        let way = (view.way != NONE).then(|| (dictionary.way(view.way), view.way));
        Hit {
            at: Timestamp(view.at),
            day: day_of(calendar, view.at),
            deed: Deed::View(page),
            arrival: way.map(|(way, number)| ranked(way.rank, number)),
            tagged: way.is_some_and(|(way, _)| way.tagged),
        }
    };
    cut(&SessionRule::default(), views.iter().map(hit).collect(), |page| dictionary.page(page).path)
}

/// Room for one visitor's parts, used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// Each view under each of its keys, with its path.
    seen: Vec<(CellKey, u32)>,
    /// What one visit is filed under.
    began: Vec<(Group, u32)>,
    parts: Vec<(CellKey, Part)>,
}

impl Parts {
    /// The parts of one visitor, in order of their keys. It counts as a visitor of a cell where it has views.
    pub(crate) fn of(
        &mut self,
        views: &[View],
        dictionary: &Dictionary,
        calendar: Calendar,
    ) -> &[(CellKey, Part)] {
        let rule = SessionRule::default();
        let (hits, visits) = visits(views, dictionary, calendar);
        self.seen.clear();
        self.parts.clear();
        for visit in &visits {
            let (channel, campaign) = dictionary.came(visit.arrival);
            self.began.clear();
            for hit in &hits[visit.hits.clone()] {
                let Deed::View(page) = hit.deed else { continue };
                let page = dictionary.page(page);
                let words = [NONE, channel, campaign, page.merchant, page.sales_channel];
                for (group, word) in Group::FILED.into_iter().zip(words) {
                    self.seen.push((CellKey { group, day: hit.day, word }, page.path));
                    self.began.push((group, word));
                }
            }
            self.began.sort_unstable();
            self.began.dedup();
            let bounces = i64::from(rule.bounced(visit));
            let part = Part { visits: 1, bounces, stay: rule.duration(visit), ..Part::default() };
            let filed =
                self.began.iter().map(|(group, word)| CellKey { group: *group, day: visit.day, word: *word });
            self.parts.extend(filed.map(|key| (key, part)));
        }
        self.seen.sort_unstable();
        for of_page in self.seen.chunk_by(|a, b| a == b) {
            let part = Part { views: of_page.len() as i64, pv: 1, ..Part::default() };
            self.parts.push((of_page[0].0, part));
        }
        self.parts.sort_unstable_by_key(|(key, _)| *key);
        self.parts.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                first.1 += later.1;
            }
            same
        });
        &self.parts
    }
}
