//! How a writer is doing: counters for whoever watches it. No metrics library: a snapshot of plain numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Bounds of [`Load::sizes`]: 1, 2, 4, ... 2,048 events, and more than that.
pub const SIZES: usize = 13;

/// How long a failed batch counts, unless one is written meanwhile.
const FAILING: Duration = Duration::from_secs(5);

/// How a journal's writer is doing. Counts are since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Events that wait for the writer.
    pub queued: u64,
    /// Batches committed.
    pub batches: u64,
    /// Events in them.
    pub events: u64,
    /// Batches by size: entry `n` counts those of at most 2^n events, the last one larger ones.
    pub sizes: [u64; SIZES],
    /// Why it cannot write, when it could not just now.
    pub failing: Option<String>,
}

/// The writer's side of [`Load`].
#[derive(Default)]
pub(crate) struct Counters {
    batches: AtomicU64,
    events: AtomicU64,
    sizes: [AtomicU64; SIZES],
    failed: Mutex<Option<(Instant, String)>>,
}

impl Counters {
    /// A batch of so many events is committed.
    pub(crate) fn committed(&self, events: u64) {
        if events > 0 {
            self.batches.fetch_add(1, Ordering::Relaxed);
            self.events.fetch_add(events, Ordering::Relaxed);
            let size = events.next_power_of_two().trailing_zeros() as usize;
            self.sizes[size.min(SIZES - 1)].fetch_add(1, Ordering::Relaxed);
        }
        *self.failed.lock() = None;
    }

    /// A batch was not written.
    pub(crate) fn failed(&self, why: String) {
        *self.failed.lock() = Some((Instant::now(), why));
    }

    /// As it stands.
    pub(crate) fn load(&self, queued: u64) -> Load {
        let failed = self.failed.lock();
        let recent = failed.as_ref().filter(|(at, _)| at.elapsed() < FAILING);
        Load {
            queued,
            batches: self.batches.load(Ordering::Relaxed),
            events: self.events.load(Ordering::Relaxed),
            sizes: std::array::from_fn(|n| self.sizes[n].load(Ordering::Relaxed)),
            failing: recent.map(|(_, why)| why.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_counted_by_the_power_of_two_that_holds_them() {
        let counters = Counters::default();
        for events in [1, 2, 3, 4, 2_048, 2_049, 1_000_000, 0] {
            counters.committed(events);
        }
        let load = counters.load(7);
        assert_eq!((load.queued, load.batches), (7, 7));
        assert_eq!((load.sizes[0], load.sizes[1], load.sizes[2]), (1, 1, 2));
        assert_eq!((load.sizes[11], load.sizes[12]), (1, 2));
        assert_eq!(load.sizes.iter().sum::<u64>(), load.batches);
    }

    #[test]
    fn a_batch_that_is_written_ends_the_failing() {
        let counters = Counters::default();
        counters.failed("no room".into());
        assert_eq!(counters.load(0).failing.as_deref(), Some("no room"));
        counters.committed(1);
        assert_eq!(counters.load(0).failing, None);
    }
}
