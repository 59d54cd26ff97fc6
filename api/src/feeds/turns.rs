//! Whose turn it is to read the journal: one reader must not keep the others from it, however often it asks.
//!
//! Few read at the same time, each key one page at a time; so keys take turns. Who asks for pages faster than they are
//! read is told to come again; streams ask for the next page when they have sent the one before, and wait.
//! Webhooks have turns of their own.

use std::collections::HashMap;
use std::sync::Arc;

use daybook_domain::PartyId;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{INTERNAL, Problem, TOO_MANY_WAITING};

/// Most pages that are read at the same time: each holds a thread.
const MOST_READING: usize = 4;
/// Most pages that are read for webhooks at the same time.
const MOST_FOR_WEBHOOKS: usize = 2;
/// Most pages that one key waits for.
const MOST_WAITING_OF_ONE: usize = 8;
/// Most pages that all keys wait for.
const MOST_WAITING: usize = 128;

/// Who reads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    /// Whoever asked for a page.
    Page(PartyId),
    /// The stream of a key.
    Stream(PartyId),
    /// What brings events to a receiver.
    Webhook,
}

/// The turns.
pub(super) struct Turns {
    reading: Arc<Semaphore>,
    for_webhooks: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    keys: Arc<Mutex<HashMap<PartyId, OfKey>>>,
}

/// The turn of a key.
struct OfKey {
    turn: Arc<Semaphore>,
    /// Who waits for it or has it.
    asking: usize,
    /// Pages among these.
    pages: usize,
}

/// A turn, until it is dropped.
pub(super) struct Turn {
    // in this order: the next of this key asks behind those of other keys that wait already
    _reading: OwnedSemaphorePermit,
    _own: Option<(OwnedSemaphorePermit, Asking)>,
}

/// Counts in [`OfKey`].
struct Asking {
    keys: Arc<Mutex<HashMap<PartyId, OfKey>>>,
    key: PartyId,
    page: bool,
    _waiting: Option<OwnedSemaphorePermit>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut keys = self.keys.lock();
        if let Some(own) = keys.get_mut(&self.key) {
            own.asking -= 1;
            own.pages -= usize::from(self.page);
            if own.asking == 0 {
                keys.remove(&self.key);
            }
        }
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            reading: Arc::new(Semaphore::new(MOST_READING)),
            for_webhooks: Arc::new(Semaphore::new(MOST_FOR_WEBHOOKS)),
            waiting: Arc::new(Semaphore::new(MOST_WAITING)),
            keys: Arc::default(),
        }
    }
}

impl Turns {
    /// Waits for a turn.
    pub async fn wait(&self, reader: Reading) -> Result<Turn, Problem> {
        let (key, page) = match reader {
            Reading::Webhook => {
                return Ok(Turn { _reading: acquired(&self.for_webhooks).await?, _own: None });
            }
            Reading::Page(key) => (key, true),
            Reading::Stream(key) => (key, false),
        };
        let (turn, asking) = self.ask(key, page)?;
        let own = acquired(&turn).await?;
        let reading = acquired(&self.reading).await?;
        Ok(Turn { _reading: reading, _own: Some((own, asking)) })
    }

    fn ask(&self, key: PartyId, page: bool) -> Result<(Arc<Semaphore>, Asking), Problem> {
        let many = |whose: &str| {
            Problem::new(
                TOO_MANY_WAITING,
                format!("{whose} wait already: read one page after the other, or a stream"),
            )
        };
        let waiting = if page {
            let place = Arc::clone(&self.waiting).try_acquire_owned();
            Some(place.map_err(|_| many("many pages of all keys"))?)
        } else {
            None // there are no more of them than streams
        };
        let mut keys = self.keys.lock();
        let own = keys.entry(key).or_insert_with(|| OfKey {
            turn: Arc::new(Semaphore::new(1)),
            asking: 0,
            pages: 0,
        });
        if page && own.pages >= MOST_WAITING_OF_ONE {
            return Err(many("many pages of this key"));
        }
        own.asking += 1;
        own.pages += usize::from(page);
        let asking = Asking { keys: Arc::clone(&self.keys), key, page, _waiting: waiting };
        Ok((Arc::clone(&own.turn), asking))
    }
}

async fn acquired(turn: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    let permit = Arc::clone(turn).acquire_owned().await;
    permit.map_err(|error| Problem::new(INTERNAL, error.to_string()))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn key(n: usize) -> PartyId {
        PartyId::new(&format!("key:{n}")).unwrap()
    }

    // outside of a runtime, whose tasks give way after so many polls
    #[test]
    fn a_key_that_asks_for_much_at_once_keeps_no_other_waiting() {
        let turns = Turns::default();
        let mut greedy: Vec<_> =
            (0..MOST_WAITING_OF_ONE).map(|_| Box::pin(turns.wait(Reading::Page(key(1))))).collect();
        let held: Vec<_> = greedy.iter_mut().filter_map(|asks| asks.now_or_never()).collect();
        assert_eq!(held.len(), 1, "one page at a time");
        let refused = turns.wait(Reading::Page(key(1))).now_or_never().unwrap().err().unwrap();
        assert!(refused.is(TOO_MANY_WAITING));
        let other = turns.wait(Reading::Page(key(2))).now_or_never();
        assert!(other.unwrap().is_ok(), "another key reads meanwhile");
        assert!(turns.wait(Reading::Webhook).now_or_never().unwrap().is_ok());
        drop((greedy, held));
        assert!(turns.keys.lock().is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn more_pages_than_may_wait_are_refused_and_webhooks_and_streams_go_on() {
        let turns = Turns::default();
        let mut waiting: Vec<_> =
            (0..MOST_WAITING).map(|n| Box::pin(turns.wait(Reading::Page(key(n))))).collect();
        let held: Vec<_> = waiting.iter_mut().filter_map(|asks| asks.now_or_never()).collect();
        assert_eq!(held.len(), MOST_READING);
        let refused = turns.wait(Reading::Page(key(MOST_WAITING))).now_or_never().unwrap().err().unwrap();
        assert!(refused.is(TOO_MANY_WAITING));
        assert!(turns.wait(Reading::Webhook).now_or_never().unwrap().is_ok());
        assert!(
            turns.wait(Reading::Stream(key(1_000))).now_or_never().is_none(),
            "a stream waits, and is not refused"
        );
        drop((waiting, held));
        assert!(turns.wait(Reading::Page(key(1))).now_or_never().unwrap().is_ok());
    }
}
