//! While nobody knows whether a batch was committed: what is read then may be the state before it, and who keeps it in
//! memory would never learn better.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::JournalError;

/// How long a reader waits for it to be over, from its beginning on: as a rule a new connection tells.
const A_MOMENT: Duration = Duration::from_secs(1);

/// Between the writer, who does not know, and those who read.
#[derive(Default)]
pub(super) struct Doubt {
    /// Whether `since` is set: spares readers the lock.
    raised: AtomicBool,
    since: Mutex<Option<Instant>>,
    over: Condvar,
}

impl Doubt {
    /// From here on nothing is read. Before anybody is told that an outcome is unknown.
    pub(super) fn begin(&self) {
        self.since.lock().get_or_insert_with(Instant::now);
        self.raised.store(true, Ordering::SeqCst);
    }

    /// The transaction is over: what is read is what became of it.
    pub(super) fn end(&self) {
        *self.since.lock() = None;
        self.raised.store(false, Ordering::SeqCst);
        self.over.notify_all();
    }

    /// Waits a moment until what is read can be believed.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] when it cannot be yet.
    pub(super) fn settled(&self) -> Result<(), JournalError> {
        if !self.raised.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut since = self.since.lock();
        while let Some(began) = *since {
            if self.over.wait_until(&mut since, began + A_MOMENT).timed_out() && since.is_some() {
                return Err(JournalError::Unavailable(
                    "whether the last batch was written is not known yet, and nothing is read before it is; the \
                     journal goes on by itself"
                        .to_owned(),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_wait_a_moment_for_an_outcome_and_then_are_told_that_there_is_none_yet() {
        let doubt = Doubt::default();
        assert_eq!(doubt.settled(), Ok(()));
        doubt.begin();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| doubt.settled());
            std::thread::sleep(Duration::from_millis(100));
            doubt.end();
            assert_eq!(reader.join().unwrap(), Ok(()));
        });
        doubt.begin();
        assert!(matches!(doubt.settled(), Err(JournalError::Unavailable(_))));
        let began = Instant::now();
        assert!(doubt.settled().is_err());
        assert!(began.elapsed() < A_MOMENT / 2, "the moment is one in all, not one for each");
        doubt.end();
        assert_eq!(doubt.settled(), Ok(()));
    }
}
