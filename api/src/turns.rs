//! Whose turn it is to read much: one caller must not keep the others from it, however often it asks.
//!
//! Few read at the same time, each key once; so keys take turns. Who asks faster than it is answered is told to come
//! again; but for those of whom there are few, who wait.

use std::collections::HashMap;
use std::sync::Arc;

use daybook_domain::PartyId;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::problem::{INTERNAL, Problem, TOO_MANY_WAITING};

/// How many read, and how many wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Most at the same time: each holds a thread.
    pub reading: usize,
    /// Most that one key asks for at the same time.
    pub of_one: usize,
    /// Most that all keys ask for at the same time.
    pub of_all: usize,
}

/// Who waits for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// One of many: refused where too many wait.
    WithinLimits,
    /// One of few.
    Always,
}

/// The turns.
pub(crate) struct Turns {
    limits: Limits,
    reading: Arc<Semaphore>,
    asking: Arc<Semaphore>,
    keys: Arc<Mutex<HashMap<PartyId, OfKey>>>,
}

/// The turn of a key.
struct OfKey {
    turn: Arc<Semaphore>,
    /// Who waits for it or has it.
    asking: usize,
    /// Those [within limits](Waits::WithinLimits) among these.
    limited: usize,
}

/// A turn, until it is dropped.
pub(crate) struct Turn {
    // in this order: the next of this key asks behind those of other keys that wait already
    _reading: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _asking: Asking,
}

/// Counts in [`OfKey`].
struct Asking {
    keys: Arc<Mutex<HashMap<PartyId, OfKey>>>,
    key: PartyId,
    limited: Option<OwnedSemaphorePermit>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut keys = self.keys.lock();
        if let Some(own) = keys.get_mut(&self.key) {
            own.asking -= 1;
            own.limited -= usize::from(self.limited.is_some());
            if own.asking == 0 {
                keys.remove(&self.key);
            }
        }
    }
}

impl Turns {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            reading: Arc::new(Semaphore::new(limits.reading)),
            asking: Arc::new(Semaphore::new(limits.of_all)),
            keys: Arc::default(),
        }
    }

    /// Waits for a turn.
    pub async fn wait(&self, key: PartyId, waits: Waits) -> Result<Turn, Problem> {
        let (turn, asking) = self.ask(key, waits)?;
        let own = acquired(&turn).await?;
        let reading = acquired(&self.reading).await?;
        Ok(Turn { _reading: reading, _own: own, _asking: asking })
    }

    /// The same for who has until then.
    pub async fn wait_until(&self, key: PartyId, waits: Waits, until: Instant) -> Result<Turn, Problem> {
        tokio::time::timeout_at(until, self.wait(key, waits)).await.unwrap_or_else(|_| {
            let detail = "others, or other requests of this key, are reading as much: ask again later";
            Err(Problem::new(TOO_MANY_WAITING, detail).retry_after(30))
        })
    }

    fn ask(&self, key: PartyId, waits: Waits) -> Result<(Arc<Semaphore>, Asking), Problem> {
        let many = |whose: &str| {
            let detail = format!("{whose} wait for such a read already: ask for one after the other");
            Problem::new(TOO_MANY_WAITING, detail)
        };
        let limited = match waits {
            Waits::WithinLimits => {
                let place = Arc::clone(&self.asking).try_acquire_owned();
                Some(place.map_err(|_| many("many others"))?)
            }
            Waits::Always => None,
        };
        let mut keys = self.keys.lock();
        let own = keys.entry(key).or_insert_with(|| OfKey {
            turn: Arc::new(Semaphore::new(1)),
            asking: 0,
            limited: 0,
        });
        if limited.is_some() && own.limited >= self.limits.of_one {
            return Err(many("many requests of this key"));
        }
        own.asking += 1;
        own.limited += usize::from(limited.is_some());
        Ok((Arc::clone(&own.turn), Asking { keys: Arc::clone(&self.keys), key, limited }))
    }
}

async fn acquired(turn: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    let permit = Arc::clone(turn).acquire_owned().await;
    permit.map_err(|error| Problem::new(INTERNAL, error.to_string()))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::Waits::{Always, WithinLimits};
    use super::*;

    const LIMITS: Limits = Limits { reading: 4, of_one: 8, of_all: 32 };

    fn key(n: usize) -> PartyId {
        PartyId::new(&format!("key:{n}")).unwrap()
    }

    // outside of a runtime, whose tasks give way after so many polls
    #[test]
    fn a_key_that_asks_for_much_at_once_keeps_no_other_waiting() {
        let turns = Turns::new(LIMITS);
        let asks = |n, waits| turns.wait(key(n), waits);
        let mut greedy: Vec<_> = (0..LIMITS.of_one).map(|_| Box::pin(asks(1, WithinLimits))).collect();
        let held: Vec<_> = greedy.iter_mut().filter_map(FutureExt::now_or_never).collect();
        assert_eq!(held.len(), 1, "one at a time");
        let refused = asks(1, WithinLimits).now_or_never().unwrap().err().unwrap();
        assert!(refused.is(TOO_MANY_WAITING));
        assert!(asks(1, Always).now_or_never().is_none(), "a stream waits, and is not refused");
        assert!(asks(2, WithinLimits).now_or_never().unwrap().is_ok(), "another key reads meanwhile");
        drop((greedy, held));
        assert!(turns.keys.lock().is_empty(), "nothing is kept of who is gone");
    }

    #[tokio::test]
    async fn who_has_no_turn_in_time_is_told_to_come_again() {
        let turns = Turns::new(Limits { reading: 1, ..LIMITS });
        let soon = || Instant::now() + std::time::Duration::from_millis(20);
        let held = turns.wait_until(key(1), WithinLimits, soon()).await.unwrap();
        let refused = turns.wait_until(key(2), WithinLimits, soon()).await.err().unwrap();
        assert!(refused.is(TOO_MANY_WAITING));
        assert!(format!("{refused:?}").contains("retry_after: Some(30)"), "{refused:?}");
        drop(held);
        assert!(turns.wait_until(key(2), WithinLimits, soon()).await.is_ok());
    }

    #[test]
    fn more_than_may_wait_are_refused_but_for_the_few() {
        let turns = Turns::new(LIMITS);
        let asks = |n, waits| turns.wait(key(n), waits);
        let mut waiting: Vec<_> = (0..LIMITS.of_all).map(|n| Box::pin(asks(n, WithinLimits))).collect();
        let held: Vec<_> = waiting.iter_mut().filter_map(FutureExt::now_or_never).collect();
        assert_eq!(held.len(), LIMITS.reading);
        let refused = asks(1_000, WithinLimits).now_or_never().unwrap().err().unwrap();
        assert!(refused.is(TOO_MANY_WAITING));
        assert!(asks(1_000, Always).now_or_never().is_none());
        drop((waiting, held));
        assert!(asks(1, WithinLimits).now_or_never().unwrap().is_ok());
    }
}
