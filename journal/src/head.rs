//! The head: everything up to it is durable. And those who wait for it to grow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::Position;

#[derive(Default)]
pub(crate) struct Head {
    position: AtomicU64,
    lock: Mutex<()>,
    grown: Condvar,
}

impl Head {
    pub(crate) fn get(&self) -> Position {
        self.position.load(Ordering::Acquire)
    }

    /// Call when everything up to `position` is durable. Costs one uncontended lock when nobody waits.
    pub(crate) fn publish(&self, position: Position) {
        if self.position.fetch_max(position, Ordering::AcqRel) < position {
            // Under the lock, or a waiter that has just looked would miss it.
            drop(self.lock.lock());
            self.grown.notify_all();
        }
    }

    pub(crate) fn wait_beyond(&self, after: Position, timeout: Duration) -> Position {
        let deadline = Instant::now() + timeout;
        let mut guard = self.lock.lock();
        while self.get() <= after {
            if self.grown.wait_until(&mut guard, deadline).timed_out() {
                break;
            }
        }
        self.get()
    }
}
