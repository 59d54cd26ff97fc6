//! How many read at once: a server has a number of connections, and who writes must get one though many read.

use std::cell::Cell;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::JournalError;

thread_local! {
    /// Reads that this thread has begun and not ended: a visitor may read itself.
    static UNDER_WAY: Cell<usize> = const { Cell::new(0) };
}

/// A number of turns, of which each reader takes one.
pub(super) struct Turns {
    taken: Mutex<usize>,
    given_back: Condvar,
    most: usize,
}

impl Turns {
    /// So many, at least one.
    pub(super) fn new(most: usize) -> Self {
        Self { taken: Mutex::new(0), given_back: Condvar::new(), most: most.max(1) }
    }

    /// Waits for a turn. Who reads within a read passes: waiting for oneself has no end.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] when there is none for so long.
    pub(super) fn take(&self, longest: Duration) -> Result<Turn<'_>, JournalError> {
        let nested = UNDER_WAY.get() > 0;
        let deadline = Instant::now() + longest;
        let mut taken = self.taken.lock();
        while *taken >= self.most && !nested {
            if self.given_back.wait_until(&mut taken, deadline).timed_out() && *taken >= self.most {
                return Err(JournalError::Unavailable(format!(
                    "{} reads of the journal are under way already, as many as there are connections for; try again",
                    self.most
                )));
            }
        }
        *taken += 1;
        UNDER_WAY.set(UNDER_WAY.get() + 1);
        Ok(Turn(self))
    }
}

/// Given back when it is dropped, by the thread that took it.
pub(super) struct Turn<'t>(&'t Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        UNDER_WAY.set(UNDER_WAY.get() - 1);
        *self.0.taken.lock() -= 1;
        self.0.given_back.notify_one();
    }
}
