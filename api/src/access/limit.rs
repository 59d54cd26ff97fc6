//! How fast a key may ask: a token bucket, kept as the one instant at which it would be full again.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Holder, Role};
use crate::problem::{Problem, TOO_MANY_REQUESTS};

/// A rate and how much of it may be saved up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second; 0 sets no limit.
    pub per_second: u32,
    /// Requests at once, after a pause.
    pub burst: u32,
}

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (per_second, burst) = text.split_once('/').unwrap_or((text, text));
        match (per_second.parse(), burst.parse()) {
            (Ok(per_second), Ok(burst)) => Ok(Self { per_second, burst }),
            _ => Err("write requests a second and at once, such as 100/200; 0 sets no limit"),
        }
    }
}

/// Rates by role; a role that is not named is not limited.
pub type Rates = BTreeMap<Role, Rate>;

/// Rates where the settings name none: wide enough for one busy program, narrow enough that one in a loop does not
/// take the service from the others. The shop's own systems and admins are not limited: there the service's
/// own backpressure decides.
#[must_use]
pub fn usual_rates() -> Rates {
    let rate = |per_second, burst| Rate { per_second, burst };
    BTreeMap::from([
        (Role::Merchant, rate(100, 200)),
        (Role::Analyst, rate(100, 200)),
        (Role::Finance, rate(200, 400)),
        (Role::Operator, rate(500, 1_000)),
        // one key for all visitors
        (Role::Collector, rate(5_000, 20_000)),
    ])
}

/// What is left of a rate.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Nanoseconds that a request costs.
    cost: u64,
    /// Nanoseconds' worth of requests that may be used at once.
    room: u64,
    /// When it is full again, in nanoseconds since the service began.
    full_at: AtomicU64,
}

impl Bucket {
    pub fn new(rate: Rate) -> Option<Self> {
        if rate.per_second == 0 {
            return None;
        }
        let cost = 1_000_000_000 / u64::from(rate.per_second);
        let room = cost * u64::from(rate.burst.max(1));
        Some(Self { cost, room, full_at: AtomicU64::new(0) })
    }

    /// Takes so many requests out, or says how long to wait for them. More than may be used at once cost as many as may.
    pub fn take(&self, now: u64, count: u64) -> Result<(), Duration> {
        let cost = self.cost.saturating_mul(count).min(self.room);
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let after = full_at.max(now) + cost;
            if after - now > self.room {
                return Err(Duration::from_nanos(after - now - self.room));
            }
            let swap = Ordering::Relaxed;
            match self.full_at.compare_exchange_weak(full_at, after, swap, swap) {
                Ok(_) => return Ok(()),
                Err(actual) => full_at = actual,
            }
        }
    }
}

/// What a key may ask for still: a request of many pays for each.
#[derive(Clone)]
pub(crate) struct Allowance {
    pub(super) holder: Arc<Holder>,
    pub(super) began: Instant,
}

impl Allowance {
    /// Takes one request out.
    ///
    /// # Errors
    /// `too_many_requests`, with how long to wait.
    pub fn take(&self) -> Result<(), Problem> {
        self.take_all(1)
    }

    /// Takes as many out as a request holds, beyond the one that it was let in for.
    ///
    /// # Errors
    /// As [`take`](Self::take); nothing is taken then.
    pub fn take_all(&self, count: u64) -> Result<(), Problem> {
        let Some(bucket) = &self.holder.usage.bucket else { return Ok(()) };
        let elapsed = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX / 2);
        bucket.take(elapsed, count).map_err(|wait| {
            let role = self.holder.caller.role.name();
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let detail = format!("a key of the role {role} may not ask so fast");
            Problem::new(TOO_MANY_REQUESTS, detail).retry_after(seconds)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_is_taken_at_once_and_then_one_request_for_each_that_has_grown() {
        let bucket = Bucket::new(Rate { per_second: 10, burst: 3 }).unwrap();
        let now = 5 * SECOND;
        assert_eq!([(); 3].map(|()| bucket.take(now, 1)), [Ok(()); 3]);
        assert_eq!(bucket.take(now, 1), Err(Duration::from_millis(100)));
        assert_eq!(
            bucket.take(now + SECOND / 20, 1),
            Err(Duration::from_millis(50)),
            "the refused cost nothing"
        );
        assert_eq!(bucket.take(now + SECOND / 10, 1), Ok(()));
        assert!(bucket.take(now + SECOND / 10, 1).is_err());
        let later = now + 60 * SECOND;
        assert_eq!([(); 3].map(|()| bucket.take(later, 1)), [Ok(()); 3], "a pause saves up a burst");
        assert!(bucket.take(later, 1).is_err(), "and no more");
    }

    #[test]
    fn a_request_of_many_pays_for_all_of_them_or_for_none() {
        let bucket = Bucket::new(Rate { per_second: 10, burst: 30 }).unwrap();
        assert_eq!(bucket.take(SECOND, 20), Ok(()));
        assert_eq!(bucket.take(SECOND, 20), Err(Duration::from_secs(1)));
        assert_eq!(bucket.take(SECOND, 10), Ok(()), "the refused cost nothing");
        assert_eq!(bucket.take(60 * SECOND, 1_000), Ok(()), "more than a burst cost a burst");
        assert!(bucket.take(60 * SECOND, 1).is_err());
    }

    #[test]
    fn a_rate_of_nothing_sets_no_limit() {
        assert!(Bucket::new(Rate { per_second: 0, burst: 0 }).is_none());
        let narrow = Bucket::new(Rate { per_second: 1, burst: 0 }).unwrap();
        assert!(narrow.take(SECOND, 1).is_ok() && narrow.take(SECOND, 1).is_err());
    }
}
