//! A simulated market through the real command path, the same for the same seed.
//!
//! Shape: each basket's story is fixed when it is filled and written into a script, commands by time. The
//! run takes the script hour by hour: the hour's commands, what they set off, the refunds that providers have
//! paid meanwhile, the deadlines that fell due. What visitors did on a day is recorded as it ends. Nothing is drawn at
//! random after the script.

mod basket;
mod cast;
mod crowd;
mod desk;
mod disputes;
mod finance;
mod road;
mod run;
pub mod statements;
mod story;

pub use crowd::{CAMPAIGN, HELD_OUT, TRUE_LIFT_PERCENT};
pub use run::{DemoError, Report, START, Told, run};
pub use story::Story;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::str::FromStr;

use daybook_domain::Timestamp;

use crate::AnyCommand;

/// How large a market to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Days on which orders are placed; the market runs on for a while after.
    pub days: u32,
    /// Baskets filled a day.
    pub orders_per_day: u32,
    /// Seed of everything drawn.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { days: 90, orders_per_day: 200, seed: 7 }
    }
}

/// What will happen, by time; what is written first comes first among equals.
#[derive(Default)]
pub(crate) struct Script {
    queue: BinaryHeap<Reverse<(Timestamp, u64)>>,
    acts: BTreeMap<u64, AnyCommand>,
    next: u64,
}

impl Script {
    /// Writes an act into it.
    pub(crate) fn push(&mut self, at: Timestamp, act: AnyCommand) {
        self.queue.push(Reverse((at, self.next)));
        self.acts.insert(self.next, act);
        self.next += 1;
    }

    /// The next act before `until`, with its number.
    pub(crate) fn pop_before(&mut self, until: Timestamp) -> Option<(Timestamp, u64, AnyCommand)> {
        let Reverse((at, n)) = *self.queue.peek()?;
        if at >= until {
            return None;
        }
        self.queue.pop();
        self.acts.remove(&n).map(|act| (at, n, act))
    }

    /// Acts still to come.
    pub(crate) fn len(&self) -> usize {
        self.acts.len()
    }
}

/// An id or word written in this module.
fn text<T>(text: &str) -> T
where
    T: FromStr,
    T::Err: std::fmt::Debug,
{
    text.parse().expect("invariant: the demo's own ids are visible ASCII and short")
}
