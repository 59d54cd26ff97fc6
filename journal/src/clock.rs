//! The journal's clock: the only source of `recorded_at`, and a port so that tests can drive it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Micros;

/// Tells the time. The journal never lets `recorded_at` go back, whatever the clock says.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since the Unix epoch, UTC.
    fn now(&self) -> Micros;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // this is the port
    fn now(&self) -> Micros {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| Micros::try_from(since.as_micros()).unwrap_or(Micros::MAX))
    }
}

/// A clock that stands where it is put: for tests and simulations.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `now` (microseconds since the Unix epoch).
    #[must_use]
    pub fn at(now: Micros) -> Self {
        Self(AtomicI64::new(now))
    }

    /// Puts the clock to `now`, forwards or back.
    pub fn set(&self, now: Micros) {
        self.0.store(now, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Micros {
        self.0.load(Ordering::SeqCst)
    }
}
