//! Visits: what a visitor's hits come to, under the plan's definition or that of a common tool.
//!
//! A metric that two programs call by one name is often two metrics. Here the definition is a parameter, and each stands
//! with its source. All of them see the same hits of one visitor, in any order: hits are put in order of time first, and
//! those of one instant in an order of their own, so that a late hit gives what it would have given in time.
//!
//! | | plan | GA4 | Matomo | Plausible |
//! |---|---|---|---|---|
//! | a new visit after | a pause beyond the timeout | the same | the same | the same |
//! | a new campaign | starts a visit | does not | starts one, where the visit came by another | does not |
//! | midnight | does not | does not | starts one, in the site's zone | does not |
//! | acts beside views | are not looked at | keep a session alive | keep a visit alive | keep a visit alive |
//! | bounce | one page, reloads or not | not engaged: no 2nd view, no key act, 10 s or less | one action | one view, no act |
//! | duration | first to last view; 0 for one page | first to last event | first to last action and 1 s; 0 for one | first to last event |
//! | PV | distinct visitor, page and business day | every view | every view | every view |
//! | visitors of several days | once | once | once | once for each UTC day |
//!
//! Sources: **GA4** <https://support.google.com/analytics/answer/12798876> (a session begins when none is active, ends
//! after 30 minutes without activity, has no other limit; engaged: longer than 10 seconds, a key event, or at least 2
//! views), <https://support.google.com/analytics/answer/12195621> (bounce rate: sessions that were not engaged). What
//! GA4 measures by a script of its own (that a page stayed in the foreground) no log of page views can tell: there,
//! a session of one view lasts 0 s. **Matomo** <https://matomo.org/faq/general/faq_36/> (30 minutes, a new
//! campaign, midnight in the site's zone), `plugins/Referrers/Columns/Campaign.php` (no new visit where the running one
//! came direct; it does start one where the visit came by a search or another site, which hits do not tell here),
//! `plugins/CoreHome/Columns/VisitTotalTime.php` (1 s is added). **Plausible**
//! <https://plausible.io/docs/metrics-definitions> (visitors on several days count for each; a single page view and
//! no other event is a bounce; duration 0 then), <https://plausible.io/data-policy> (identities change daily, at
//! midnight UTC), `lib/plausible/session/cache_store.ex` (30 minutes; a visit goes on over midnight).

mod cut;
mod figures;

use std::ops::Range;
use std::str::FromStr;

use daybook_domain::Timestamp;
use daybook_domain::time::SECOND;

pub use figures::{Figures, Tally};

/// The number of a business day: days since 1970-01-01, in the market's own zone.
pub type Day = i32;

/// The timeout that the plan and all tools begin with: 30 minutes, in microseconds.
pub const DEFAULT_TIMEOUT: i64 = 30 * 60 * SECOND;

/// Whose definition of a visit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Definition {
    /// The plan's: the default.
    #[default]
    Plan,
    /// Google Analytics 4.
    Ga4,
    /// Matomo.
    Matomo,
    /// Plausible.
    Plausible,
}

impl Definition {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plan, Self::Ga4, Self::Matomo, Self::Plausible];

    /// Its word: `plan`, `ga4`, `matomo`, `plausible`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Ga4 => "ga4",
            Self::Matomo => "matomo",
            Self::Plausible => "plausible",
        }
    }
}

impl FromStr for Definition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|definition| definition.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is no definition: use plan, ga4, matomo or plausible"))
    }
}

/// What a visitor did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed<P> {
    /// Was shown a page.
    View(P),
    /// Did something else.
    Act {
        /// Whether it is what the shop wants: an order, a registration (a key event, a goal).
        key: bool,
        /// Where it was done.
        page: P,
    },
}

/// A hit of one visitor. `P` tells pages apart, `T` the ways in which one came: texts, or numbers that stand for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit<P, T> {
    /// When it happened.
    pub at: Timestamp,
    /// The business day of that.
    pub day: Day,
    /// What it was.
    pub deed: Deed<P>,
    /// How the visitor came to it; none within the site.
    pub arrival: Option<T>,
    /// Whether that was by a campaign's link.
    pub tagged: bool,
}

/// What counts as a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRule {
    /// Whose definition.
    pub definition: Definition,
    /// The longest pause within a visit, in microseconds: one that is longer by any amount ends it.
    pub timeout: i64,
}

impl Default for SessionRule {
    fn default() -> Self {
        Self { definition: Definition::Plan, timeout: DEFAULT_TIMEOUT }
    }
}

/// A visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit<P, T> {
    /// Its hits, as a range of the ordered ones that it was cut from; under the plan's definition acts may lie
    /// between them that belong to no visit.
    pub hits: Range<usize>,
    /// When it began.
    pub from: Timestamp,
    /// Its last hit.
    pub until: Timestamp,
    /// The business day on which it began, which it counts for.
    pub day: Day,
    /// The page of its first hit, which was seen or on which something was done.
    pub place: P,
    /// The first page seen; none where there were only acts.
    pub entry: Option<P>,
    /// The last page seen.
    pub exit: Option<P>,
    /// How many views.
    pub views: u32,
    /// How many acts.
    pub acts: u32,
    /// Whether one of the acts is what the shop wants.
    pub key: bool,
    /// Whether it saw another page than the one it entered by.
    pub moved_on: bool,
    /// How it came.
    pub arrival: Option<T>,
    /// Whether that was by a campaign's link.
    pub tagged: bool,
}

impl SessionRule {
    /// The default timeout under a definition.
    #[must_use]
    pub const fn of(definition: Definition) -> Self {
        Self { definition, timeout: DEFAULT_TIMEOUT }
    }

    /// Puts the hits of one visitor in order and cuts them into visits.
    pub fn visits<P: Copy + Ord, T: Copy + Ord>(&self, hits: &mut [Hit<P, T>]) -> Vec<Visit<P, T>> {
        self.visits_by(hits, |page| page, |_| ())
    }

    /// The same, where `itself` tells which page is another one, and `beside` what is noted beside a hit: of one instant,
    /// those that are alike but for that stand in its order.
    pub fn visits_by<P: Copy + Ord, T: Copy + Ord, I: Eq, B: Ord>(
        &self,
        hits: &mut [Hit<P, T>],
        itself: impl Fn(P) -> I,
        beside: impl Fn(&Hit<P, T>) -> B,
    ) -> Vec<Visit<P, T>> {
        // of one instant, the landing comes before the page that it sends on to
        hits.sort_unstable_by_key(|hit| (hit.at, !hit.tagged, hit.deed, hit.arrival, hit.day, beside(hit)));
        self.cut(hits, &itself)
    }

    /// How long a visit lasted, in microseconds.
    #[must_use]
    pub fn duration<P, T>(&self, visit: &Visit<P, T>) -> i64 {
        let lasted = visit.until.0 - visit.from.0;
        match self.definition {
            // a page that was only loaded again is one page
            Definition::Plan if !visit.moved_on => 0,
            Definition::Matomo if visit.views + visit.acts > 1 => lasted + SECOND,
            _ => lasted,
        }
    }

    /// Whether a visit was a bounce.
    #[must_use]
    pub fn bounced<P, T>(&self, visit: &Visit<P, T>) -> bool {
        match self.definition {
            Definition::Plan => !visit.moved_on,
            Definition::Ga4 => visit.views < 2 && !visit.key && self.duration(visit) <= 10 * SECOND,
            Definition::Matomo | Definition::Plausible => visit.views + visit.acts < 2,
        }
    }
}
