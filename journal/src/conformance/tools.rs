//! What the cases, and tests of other crates, write and read journals with.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use uuid::Uuid;

use super::{Backend, Place};
use crate::{
    Append, Cause, Expected, Filter, Journal, JournalError, ManualClock, Micros, NewEvent, Position, Receipt,
    Recorded, Version,
};

pub use crate::Kept;

/// Runs a future on this thread.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// An append of one event of type `Tested` per payload, its command and fingerprint derived from `command`.
#[must_use]
pub fn item(stream: &str, command: u128, expected: Expected, data: &[&str]) -> Append {
    let event = |(n, data): (usize, &&str)| NewEvent {
        id: Uuid::from_u128((command << 16) + n as u128),
        kind: "Tested".into(),
        schema: 1,
        occurred_at: 1_700_000_000_000_000 + n as Micros,
        refs: "{}".into(),
        data: (*data).to_owned(),
    };
    Append {
        stream: stream.to_owned(),
        expected,
        cause: Cause {
            command: Uuid::from_u128(command),
            fingerprint: command.to_be_bytes(),
            correlation: Uuid::from_u128(!command),
            actor: "conformance".into(),
        },
        events: data.iter().enumerate().map(event).collect(),
    }
}

/// Appends one item.
///
/// # Errors
/// What the journal answers.
pub fn append(journal: &dyn Journal, item: Append) -> Result<Receipt, JournalError> {
    let mut answers = block_on(journal.append(vec![item]));
    assert_eq!(answers.len(), 1, "one answer per item");
    answers.remove(0)
}

/// Appends items that must be accepted.
///
/// # Panics
/// When one is refused.
pub fn fill(journal: &dyn Journal, items: impl IntoIterator<Item = Append>) -> Vec<Receipt> {
    let answers = block_on(journal.append(items.into_iter().collect()));
    answers.into_iter().map(|answer| answer.unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// The whole log.
///
/// # Panics
/// When it cannot be read.
pub fn log(journal: &dyn Journal) -> Vec<Kept> {
    scan(journal, 0, None, &Filter::default())
}

/// The events of a scan.
///
/// # Panics
/// When they cannot be read.
pub fn scan(journal: &dyn Journal, after: Position, upto: Option<Position>, filter: &Filter) -> Vec<Kept> {
    let mut all = Vec::new();
    let mut keep = |event: Recorded<'_>| {
        all.push(Kept::from(event));
        ControlFlow::Continue(())
    };
    journal.scan(after, upto, filter, &mut keep).unwrap_or_else(|error| panic!("{error}"));
    all
}

/// The events of one stream and its last version.
///
/// # Panics
/// When they cannot be read.
pub fn stream(journal: &dyn Journal, name: &str, after: Version) -> (Vec<Kept>, Version) {
    let mut all = Vec::new();
    let mut keep = |event: Recorded<'_>| {
        all.push(Kept::from(event));
        ControlFlow::Continue(())
    };
    let last = journal.read_stream(name, after, &mut keep).unwrap_or_else(|error| panic!("{error}"));
    (all, last)
}

/// A new journal, its place and its clock.
pub(super) fn fresh(backend: &dyn Backend) -> (Box<dyn Place>, Arc<dyn Journal>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(1_800_000_000_000_000));
    let place = backend.place(clock.clone());
    let journal = place.open();
    (place, journal, clock)
}
