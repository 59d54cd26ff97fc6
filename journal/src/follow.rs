//! Following the log: wait, visit the next batch, remember where it ended.
//!
//! A batch is bounded by events and by bytes, so that a follower's memory and its transactions are. The position
//! lives in the follower only; who must survive a restart keeps it with what it has made of the events, and
//! starts again from there.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::{Filter, Journal, JournalError, Micros, Position, Visit};

/// What ends a batch, whichever comes first. The event that reaches a bound is still in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Events visited (those filtered out do not count).
    pub events: usize,
    /// Bytes of their refs and payloads.
    pub bytes: usize,
}

impl Default for Bounds {
    /// 5,000 events or 8 MiB.
    fn default() -> Self {
        Self { events: 5_000, bytes: 8 << 20 }
    }
}

/// What a follower has visited in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Events visited.
    pub events: usize,
    /// Bytes of their refs and payloads.
    pub bytes: usize,
    /// Everything up to here was visited or filtered out: the checkpoint to keep.
    pub through: Position,
    /// The log's head when the batch began.
    pub head: Position,
}

impl Batch {
    /// Whether nothing is left that was there when the batch began.
    #[must_use]
    pub fn caught_up(&self) -> bool {
        self.through >= self.head
    }
}

/// How far a follower is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Positions between the follower and the head.
    pub positions: u64,
    /// How long the oldest event it has not visited has been in the log, in microseconds.
    pub micros: Micros,
}

impl Lag {
    /// The time behind, in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.micros as f64 / 1e6
    }
}

/// A reader that goes along with the log.
pub struct Follower {
    journal: Arc<dyn Journal>,
    filter: Filter,
    position: Position,
}

impl Follower {
    /// A follower that has seen everything up to and including `after`.
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>, after: Position, filter: Filter) -> Self {
        Self { journal, filter, position: after }
    }

    /// Everything up to here has been visited or filtered out.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Goes to another place: back to a checkpoint after a batch could not be used.
    pub fn seek(&mut self, position: Position) {
        self.position = position;
    }

    /// Visits the next batch; waits up to `timeout` if the log holds nothing new (zero: does not wait). A batch
    /// without events means that nothing wanted came in. A visitor that breaks ends the batch after its event.
    ///
    /// # Errors
    /// As [`Journal::scan`]; the position has not moved then, although events may have been visited.
    pub fn next(
        &mut self,
        bounds: Bounds,
        timeout: Duration,
        visit: Visit<'_>,
    ) -> Result<Batch, JournalError> {
        let mut head = self.journal.head()?;
        if head <= self.position && !timeout.is_zero() {
            head = self.journal.wait_beyond(self.position, timeout)?;
        }
        let (mut events, mut bytes) = (0, 0);
        let mut count = |event: crate::Recorded<'_>| {
            events += 1;
            bytes += event.refs.len() + event.data.len();
            visit(event)?;
            if events >= bounds.events || bytes >= bounds.bytes {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        let scanned = self.journal.scan(self.position, Some(head), &self.filter, &mut count)?;
        self.position = self.position.max(scanned.through);
        Ok(Batch { events, bytes, through: self.position, head })
    }

    /// How far behind the follower is at `now` (microseconds since the Unix epoch). Reads one event.
    ///
    /// # Errors
    /// As [`Journal::scan`].
    pub fn lag(&self, now: Micros) -> Result<Lag, JournalError> {
        let positions = self.journal.head()?.saturating_sub(self.position);
        let mut oldest = None;
        if positions > 0 {
            let mut first = |event: crate::Recorded<'_>| {
                oldest = Some(event.recorded_at);
                ControlFlow::Break(())
            };
            self.journal.scan(self.position, None, &Filter::default(), &mut first)?;
        }
        Ok(Lag { positions, micros: oldest.map_or(0, |at| now.saturating_sub(at).max(0)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::tools::{fill, item};
    use crate::{Expected, ManualClock, MemoryJournal};

    fn journal(events: u128) -> Arc<MemoryJournal> {
        let journal = Arc::new(MemoryJournal::with_clock(Arc::new(ManualClock::at(1_000_000))));
        fill(&*journal, (0..events).map(|n| item("order-1", n, Expected::Any, &["{}"])));
        journal
    }

    fn positions(follower: &mut Follower, bounds: Bounds) -> (Vec<Position>, Batch) {
        let mut seen = Vec::new();
        let mut visit = |event: crate::Recorded<'_>| {
            seen.push(event.position);
            ControlFlow::Continue(())
        };
        let batch = follower.next(bounds, Duration::ZERO, &mut visit).unwrap();
        (seen, batch)
    }

    #[test]
    fn batches_of_any_bound_cover_the_log_once() {
        let journal = journal(100);
        for (events, bytes) in [(1, usize::MAX), (7, usize::MAX), (100, usize::MAX), (usize::MAX, 9)] {
            let mut follower = Follower::new(journal.clone(), 0, Filter::default());
            let mut all = Vec::new();
            loop {
                let (seen, batch) = positions(&mut follower, Bounds { events, bytes });
                assert!(seen.len() <= events && seen.len() == batch.events);
                assert!(bytes == usize::MAX || seen.len() <= 3, "refs and data are two bytes each");
                all.extend(seen);
                assert_eq!(batch.through, follower.position());
                if batch.caught_up() {
                    break;
                }
            }
            assert_eq!(all, (1..=100).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_batch_in_which_everything_is_filtered_out_moves_the_position() {
        let filter = Filter { kinds: Some(vec!["Other".into()]), categories: None };
        let mut follower = Follower::new(journal(10), 0, filter);
        let (seen, batch) = positions(&mut follower, Bounds::default());
        assert!(seen.is_empty() && batch.caught_up());
        assert_eq!(follower.position(), 10);
    }

    #[test]
    fn lag_is_counted_in_positions_and_from_the_oldest_event_not_seen() {
        let journal = journal(10);
        let mut follower = Follower::new(journal, 0, Filter::default());
        assert_eq!(follower.lag(3_000_000).unwrap(), Lag { positions: 10, micros: 2_000_000 });
        positions(&mut follower, Bounds { events: 4, bytes: usize::MAX });
        let lag = follower.lag(3_000_000).unwrap();
        assert_eq!(lag, Lag { positions: 6, micros: 2_000_000 - 4 });
        positions(&mut follower, Bounds::default());
        assert_eq!(follower.lag(3_000_000).unwrap(), Lag::default());
    }
}
