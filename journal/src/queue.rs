//! What waits for the writer: bounded in events, taken by the writer all at once.
//!
//! A push is one short lock; the writer swaps the whole vector out under the same lock, so the cost of handing
//! over does not grow with the batch. Room is a semaphore of events: who finds none waits without
//! holding a thread.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::{Semaphore, oneshot};

use crate::{Append, JournalError, Receipt};

/// As often as this many calls, a caller gives way. On few cores a thread that was woken gets one only at the
/// scheduler's next tick, after milliseconds: in that time the callers would all have called, and wait for a writer
/// that has not begun. Where a core is free, giving way returns at once.
const TURN: usize = 64;

/// One result per item.
pub(crate) type Results = Vec<Result<Receipt, JournalError>>;

/// The answers of a call, with its items: they are freed where they were made, not by the writer.
pub(crate) struct Answer {
    pub items: Vec<Append>,
    /// The answers so far; the next item to write is `items[results.len()]`.
    pub results: Results,
    /// Streams on which an item was lost to another writer.
    pub conflicts: HashSet<String>,
}

/// One call of `append`.
pub(crate) struct Entry {
    pub answer: Answer,
    pub reply: oneshot::Sender<Answer>,
    /// Events of room it took.
    pub room: u32,
}

impl Entry {
    pub(crate) fn reply(self) {
        // Who no longer waits has dropped the future; the append stands all the same.
        let _ = self.reply.send(self.answer);
    }
}

#[derive(Default)]
struct State {
    waiting: Vec<Entry>,
    closed: bool,
    writer_sleeps: bool,
}

/// What waiting came to.
pub(crate) enum Waited {
    Something,
    /// Nobody asked for anything.
    Nothing,
    /// Closed and empty: the writer may go.
    Closed,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    room: Semaphore,
    capacity: u32,
}

impl Queue {
    /// A queue with room for so many events (at least one).
    pub(crate) fn new(capacity: u32) -> Self {
        let capacity = capacity.max(1);
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            room: Semaphore::new(capacity as usize),
            capacity,
        }
    }

    /// Has the writer append what is `writable`: checked in the caller's thread, so that the writer only meets what can be
    /// written. One result per item.
    pub(crate) async fn append(
        &self,
        items: Vec<Append>,
        writable: fn(&Append) -> Result<(), JournalError>,
    ) -> Results {
        if items.is_empty() {
            return Vec::new();
        }
        if items.iter().all(|item| writable(item).is_ok()) {
            return self.hand_over(items).await;
        }
        let checked: Vec<_> = items.into_iter().map(|item| writable(&item).map(|()| item)).collect();
        let good: Vec<Append> = checked.iter().filter_map(|c| c.as_ref().ok().cloned()).collect();
        let written = if good.is_empty() { Vec::new() } else { self.hand_over(good).await };
        let mut written = written.into_iter();
        let answer = |item: Result<Append, JournalError>| {
            item.and_then(|_| written.next().unwrap_or_else(|| Err(writer_gone())))
        };
        checked.into_iter().map(answer).collect()
    }

    async fn hand_over(&self, items: Vec<Append>) -> Results {
        let count = items.len();
        let Some(answer) = self.push(items).await else {
            return vec![Err(JournalError::Unavailable("the journal is shutting down".into())); count];
        };
        answer.await.map_or_else(|_| vec![Err(writer_gone()); count], |answer| answer.results)
    }

    /// Waits for room, then hands `items` to the writer. `None`: the writer is gone.
    async fn push(&self, items: Vec<Append>) -> Option<oneshot::Receiver<Answer>> {
        let events = items.iter().map(|item| item.events.len()).sum::<usize>();
        // A call larger than the queue takes all of it: it is one caller's memory in any case.
        let room = u32::try_from(events).unwrap_or(u32::MAX).min(self.capacity);
        self.room.acquire_many(room).await.ok()?.forget();
        let (reply, receiver) = oneshot::channel();
        let answer = Answer { results: Vec::with_capacity(items.len()), items, conflicts: HashSet::new() };
        let mut state = self.state.lock();
        if state.closed {
            return None;
        }
        state.waiting.push(Entry { answer, reply, room });
        let wake = std::mem::take(&mut state.writer_sleeps);
        let calls = state.waiting.len();
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        if wake || calls.is_multiple_of(TURN) {
            std::thread::yield_now();
        }
        Some(receiver)
    }

    /// Events that wait.
    pub(crate) fn depth(&self) -> u64 {
        (self.capacity as usize).saturating_sub(self.room.available_permits()) as u64
    }

    /// Sleeps until something waits. False when the queue is closed and empty: the writer may go.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.state.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return false;
            }
            state.writer_sleeps = true;
            self.wake.wait(&mut state);
        }
        state.writer_sleeps = false;
        true
    }

    /// As [`wait`](Self::wait), but not for longer than this.
    pub(crate) fn wait_for(&self, longest: Duration) -> Waited {
        let deadline = Instant::now() + longest;
        let mut state = self.state.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return Waited::Closed;
            }
            state.writer_sleeps = true;
            if self.wake.wait_until(&mut state, deadline).timed_out() && state.waiting.is_empty() {
                state.writer_sleeps = false;
                return if state.closed { Waited::Closed } else { Waited::Nothing };
            }
        }
        state.writer_sleeps = false;
        Waited::Something
    }

    /// Whether nothing more is taken in.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Appends everything that waits to `into`.
    pub(crate) fn take(&self, into: &mut VecDeque<Entry>) {
        let taken = std::mem::take(&mut self.state.lock().waiting);
        if !taken.is_empty() {
            self.room.add_permits(taken.iter().map(|entry| entry.room as usize).sum());
            into.extend(taken);
        }
    }

    /// No more pushes; what waits is still taken.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.room.close();
        self.wake.notify_all();
    }

    /// Closes and forgets what waits: the writer died, and its callers must hear of it.
    pub(crate) fn abandon(&self) {
        self.close();
        self.state.lock().waiting.clear();
    }
}

pub(crate) fn writer_gone() -> JournalError {
    JournalError::OutcomeUnknown("the journal's writer stopped".into())
}
