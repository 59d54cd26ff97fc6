//! Plans: targets for any metric over any time and sales channel, how far they are reached, and what it takes.
//!
//! Shape: a [`PlanFile`] as it was written becomes a [`Plan`] that holds together, or a [`BadPlan`] that names the key and
//! the cure. What a time came to ([`Counts`]) is counted elsewhere; here it is held against the target
//! ([`Target::attained`]), and turned into the visitors, the conversion or the price that the rest takes
//! ([`Target::takes`]). All of it is in exact fractions, divided last: `actual / target to date` of thirds and cents is
//! what it is, and rounded once where people read it.
//!
//! Time: a plan begins on a day, and its months count from that day. Phases follow each other and are as long as they
//! say, half months too. A time that is not over is held against the part of its target that its days so far are of all
//! its days; levels (a day's orders, a rate) are held against the whole.

mod attained;
mod counts;
mod file;
mod fraction;
mod metric;
mod read;
mod takes;
mod times;

pub use attained::{Attained, State};
pub use counts::{Counts, Daily, Needs, Tracked, Unknown};
pub use file::PlanFile;
pub use fraction::Fraction;
pub use metric::{Kind, Metric, Unit};
pub use read::BadPlan;
pub use takes::{Lever, Rates, Takes};
pub use times::Span;

use chrono::NaiveDate;
use daybook_domain::Currency;
use rust_decimal::Decimal;

/// Most phases of a plan.
pub const MOST_PHASES: usize = 100;
/// Most months of a plan.
pub const MOST_MONTHS: u32 = 1_200;
/// Most sales channels with a share.
pub const MOST_CHANNELS: usize = 100;
/// Most targets, those of sales channels counted one by one.
pub const MOST_TARGETS: usize = 1_000;

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// All its days.
    pub days: Span,
    /// What its amounts are in.
    pub currency: Currency,
    /// Its phases, one after the other.
    pub phases: Vec<Phase>,
    /// Shares of sales channels, the largest first; they sum to one.
    pub shares: Vec<(String, Decimal)>,
    /// Its targets, as written; one by sales channel is followed by those of the channels.
    pub targets: Vec<Target>,
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Its days.
    pub days: Span,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Of which metric.
    pub metric: Metric,
    /// The time it is for, in words.
    pub time: String,
    /// The days it is for.
    pub days: Span,
    /// Of sales in this channel; of all where none is named.
    pub sales_channel: Option<String>,
    /// How it is to be read.
    pub sense: Sense,
    /// The number: minor units of money, pieces, a part of one.
    pub value: Fraction,
}

/// How a target is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sense {
    /// So much or more.
    AtLeast,
    /// More than that.
    MoreThan,
    /// So much or less.
    AtMost,
}

impl Sense {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast => "at_least",
            Self::MoreThan => "more_than",
            Self::AtMost => "at_most",
        }
    }

    /// Whether a value meets a target.
    #[must_use]
    pub fn met(self, value: Fraction, target: Fraction) -> bool {
        match self {
            Self::AtLeast => value >= target,
            Self::MoreThan => value > target,
            Self::AtMost => value <= target,
        }
    }
}

/// Numbers of a plan that went beyond 127 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the numbers of a plan go beyond what can be reckoned with: name smaller targets")]
pub struct Beyond;

impl Plan {
    /// Whether its first day lies after this one.
    #[must_use]
    pub fn begins_after(&self, today: NaiveDate) -> bool {
        today < self.days.from
    }
}
