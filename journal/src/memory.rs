//! The journal in memory: for tests, simulations and what-if. Nothing survives the process.
//!
//! Shape: one vector of events, one map from stream to the positions and commands in it. An append takes the
//! lock once for all of its items; a reader takes it once for each page of [`PAGE`] events and visits them
//! outside the lock, so a visitor may append.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};
use uuid::Uuid;

use crate::check::check;
use crate::limits::LONGEST_WAIT;
use crate::{
    Append, Appending, Cause, Clock, Expected, Filter, Journal, JournalError, Micros, NewEvent, Position,
    Receipt, Recorded, Scanned, SystemClock, Version, Visit,
};

/// Events a reader takes from the log at a time.
const PAGE: usize = 256;

/// The whole log in memory. Cheap to make; share it in an `Arc`.
pub struct MemoryJournal {
    log: Mutex<Log>,
    grown: Condvar,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Log {
    events: Vec<Arc<Stored>>,
    streams: HashMap<Arc<str>, Stream>,
    last_recorded: Micros,
}

#[derive(Default)]
struct Stream {
    positions: Vec<Position>,
    commands: HashMap<Uuid, ([u8; 16], Receipt)>,
}

struct Stored {
    position: Position,
    stream: Arc<str>,
    version: Version,
    recorded_at: Micros,
    cause: Arc<Cause>,
    event: NewEvent,
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryJournal {
    /// An empty journal on the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// An empty journal on a clock of the caller's.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { log: Mutex::default(), grown: Condvar::new(), clock }
    }

    /// Clones the page of events at `positions`, so that visiting happens outside the lock.
    fn page(&self, positions: impl Iterator<Item = Position>) -> Vec<Arc<Stored>> {
        let log = self.log.lock();
        positions.map_while(|p| log.events.get(index(p)?).cloned()).collect()
    }
}

/// Index of a position in the vector; position 0 has none.
fn index(position: Position) -> Option<usize> {
    usize::try_from(position.checked_sub(1)?).ok()
}

impl Log {
    fn head(&self) -> Position {
        self.events.len() as Position
    }

    /// The first event that should have been counted and was not.
    fn overlooked(&self, expected: Expected) -> Option<Position> {
        let Expected::Counted { after, .. } = expected else { return None };
        let later = self.events.iter().skip(usize::try_from(after).unwrap_or(usize::MAX));
        let mut found = later.filter(|stored| {
            expected.overlooks(stored.position, &stored.event.kind, stored.event.occurred_at)
        });
        found.next().map(|stored| stored.position)
    }

    /// `conflicts`: the streams on which an item of the call was lost.
    fn append(
        &mut self,
        item: Append,
        conflicts: &mut HashSet<String>,
        now: Micros,
    ) -> Result<Receipt, JournalError> {
        check(&item)?;
        let name: Arc<str> = match self.streams.get_key_value(item.stream.as_str()) {
            Some((name, stream)) => {
                if let Some((fingerprint, receipt)) = stream.commands.get(&item.cause.command) {
                    if *fingerprint == item.cause.fingerprint {
                        return Ok(Receipt { replayed: true, ..*receipt });
                    }
                    let command = item.cause.command;
                    return Err(JournalError::CommandReused { stream: item.stream, command });
                }
                Arc::clone(name)
            }
            None => item.stream.as_str().into(),
        };
        let actual = self.streams.get(&name).map_or(0, |s| s.positions.len() as Version);
        let after_conflict = item.expected.follows() && conflicts.contains(&item.stream);
        if after_conflict || !item.expected.holds(actual) {
            conflicts.insert(item.stream.clone());
            let (stream, expected) = (item.stream, item.expected);
            return Err(JournalError::Conflict { stream, expected, actual });
        }
        if let Some(position) = self.overlooked(item.expected) {
            conflicts.insert(item.stream.clone());
            return Err(JournalError::Overtaken { stream: item.stream, position });
        }
        let first = self.head() + 1;
        let cause = Arc::new(item.cause);
        let stream = self.streams.entry(Arc::clone(&name)).or_default();
        for event in item.events {
            self.last_recorded = now.max(self.last_recorded + 1);
            let position = self.events.len() as Position + 1;
            stream.positions.push(position);
            self.events.push(Arc::new(Stored {
                position,
                stream: Arc::clone(&name),
                version: stream.positions.len() as Version,
                recorded_at: self.last_recorded,
                cause: Arc::clone(&cause),
                event,
            }));
        }
        let receipt = Receipt {
            first,
            last: self.events.len() as Position,
            version: stream.positions.len() as Version,
            replayed: false,
        };
        stream.commands.insert(cause.command, (cause.fingerprint, receipt));
        Ok(receipt)
    }
}

impl Stored {
    fn recorded(&self) -> Recorded<'_> {
        Recorded {
            position: self.position,
            stream: &self.stream,
            version: self.version,
            id: self.event.id,
            kind: &self.event.kind,
            schema: self.event.schema,
            occurred_at: self.event.occurred_at,
            recorded_at: self.recorded_at,
            command: self.cause.command,
            fingerprint: self.cause.fingerprint,
            correlation: self.cause.correlation,
            actor: &self.cause.actor,
            refs: &self.event.refs,
            data: &self.event.data,
        }
    }
}

impl Journal for MemoryJournal {
    fn describe(&self) -> String {
        "memory".into()
    }

    fn append(&self, items: Vec<Append>) -> Appending<'_> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut log = self.log.lock();
            let mut conflicts = HashSet::new();
            let results = items.into_iter().map(|item| log.append(item, &mut conflicts, now)).collect();
            drop(log);
            self.grown.notify_all();
            results
        })
    }

    fn head(&self) -> Result<Position, JournalError> {
        Ok(self.log.lock().head())
    }

    fn scan(
        &self,
        after: Position,
        upto: Option<Position>,
        filter: &Filter,
        visit: Visit<'_>,
    ) -> Result<Scanned, JournalError> {
        let head = self.head()?;
        let end = upto.unwrap_or(head).min(head);
        let mut through = after;
        while through < end {
            for stored in self.page((through + 1..=end).take(PAGE)) {
                through = stored.position;
                if filter.wants(&stored.event.kind, &stored.stream) && visit(stored.recorded()).is_break() {
                    return Ok(Scanned { through, head });
                }
            }
        }
        Ok(Scanned { through, head })
    }

    fn read_stream(&self, stream: &str, after: Version, visit: Visit<'_>) -> Result<Version, JournalError> {
        let positions = |from: Version| -> (Vec<Position>, Version) {
            let log = self.log.lock();
            let Some(stream) = log.streams.get(stream) else {
                return (Vec::new(), 0);
            };
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let page = stream.positions.iter().skip(from).take(PAGE).copied().collect();
            (page, stream.positions.len() as Version)
        };
        let (mut page, last) = positions(after);
        let mut seen = after;
        while seen < last {
            for stored in self.page(page.into_iter()) {
                seen = stored.version;
                if seen > last || visit(stored.recorded()).is_break() {
                    return Ok(last);
                }
            }
            page = positions(seen).0;
        }
        Ok(last)
    }

    fn read_streams(
        &self,
        streams: &[&str],
        upto: Option<Position>,
        visit: Visit<'_>,
    ) -> Result<(), JournalError> {
        let mut positions: Vec<Position> = {
            let log = self.log.lock();
            let end = upto.unwrap_or(Position::MAX).min(log.head());
            let of = |name: &&str| log.streams.get(*name).map(|s| s.positions.iter().copied());
            streams.iter().filter_map(of).flatten().filter(|p| *p <= end).collect()
        };
        positions.sort_unstable();
        positions.dedup();
        for page in positions.chunks(PAGE) {
            for stored in self.page(page.iter().copied()) {
                if let ControlFlow::Break(()) = visit(stored.recorded()) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn wait_beyond(&self, after: Position, timeout: Duration) -> Result<Position, JournalError> {
        let deadline = Instant::now() + timeout.min(LONGEST_WAIT);
        let mut log = self.log.lock();
        while log.head() <= after {
            if self.grown.wait_until(&mut log, deadline).timed_out() {
                break;
            }
        }
        Ok(log.head())
    }
}
