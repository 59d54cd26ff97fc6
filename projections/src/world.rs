//! What every model may know besides its own row: closed periods and the settings in force.

use daybook_domain::books::Policy;
use daybook_domain::{Event, EventKind};
use serde::{Deserialize, Serialize};

use crate::model::KindSet;

/// The small world that stands beside all rows, folded first in the same pass. Derived in journal order, so
/// that there is no race about what a period's close still took in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct World {
    /// Start of the first open period, microseconds; none while no period is closed.
    closed_until: Option<i64>,
    /// Settings in force.
    pub policy: Policy,
    /// Name of the market.
    pub market: String,
    /// IANA name of the zone whose days are business days.
    pub time_zone: String,
}

impl World {
    /// The types that change it.
    pub const KINDS: KindSet = KindSet::of(&[
        EventKind::MarketOpened,
        EventKind::PolicyAdopted,
        EventKind::PeriodClosed,
        EventKind::PeriodReopened,
    ]);

    /// Remembers.
    pub fn fold(&mut self, event: &Event) {
        match event {
            Event::MarketOpened(e) => {
                e.name.clone_into(&mut self.market);
                e.time_zone.as_str().clone_into(&mut self.time_zone);
            }
            Event::PolicyAdopted(e) => self.policy = e.policy.clone(),
            Event::PeriodClosed(e) => self.closed_until = self.closed_until.max(Some(e.until.0)),
            Event::PeriodReopened(e) => self.closed_until = e.closed_until.map(|t| t.0),
            _ => {}
        }
    }

    /// When something that happened at `occurred_at` (microseconds) is booked: then, or at the start of the
    /// first open period when its own is closed.
    #[must_use]
    pub fn booked_at(&self, occurred_at: i64) -> i64 {
        self.closed_until.map_or(occurred_at, |open| open.max(occurred_at))
    }
}
