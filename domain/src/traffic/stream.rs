//! Which stream a hit lies in.

use std::fmt;

use chrono::DateTime;

use crate::time::DAY;
use crate::{Timestamp, VisitorId};

/// Streams of one day. Never changed: a hit that comes again must meet itself.
pub const SHARDS: u8 = 16;

/// The stream of a day and a share of its visitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrafficStream {
    /// Days since 1970-01-01, UTC.
    day: i64,
    shard: u8,
}

impl TrafficStream {
    /// The stream of a visitor's hits at `at`.
    #[must_use]
    pub fn of(visitor: &VisitorId, at: Timestamp) -> Self {
        // FNV-1a and a last mixing: any spread will do, so long as it is the same for ever
        let hash = visitor.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { day: at.0.div_euclid(DAY), shard: ((mixed >> 32) % u64::from(SHARDS)) as u8 }
    }
}

impl fmt::Display for TrafficStream {
    /// The stream's name: `traffic-2026-11-22-a`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_micros(self.day * DAY) {
            Some(day) => write!(f, "traffic-{}-{:x}", day.format("%Y-%m-%d"), self.shard),
            None => write!(f, "traffic-{}-{:x}", self.day, self.shard),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_by_day_and_shard_and_its_choice_never_changes() {
        let name = |visitor: &str, at: &str| {
            TrafficStream::of(&visitor.parse().unwrap(), Timestamp::parse(at).unwrap()).to_string()
        };
        assert_eq!(name("v1", "2026-11-22T23:59:59.999999Z"), "traffic-2026-11-22-2");
        assert_eq!(name("v1", "2026-11-23T00:00:00Z"), "traffic-2026-11-23-2");
        assert_eq!(name("v1", "1969-12-31T23:00:00Z"), "traffic-1969-12-31-2");
    }

    #[test]
    fn visitors_spread_over_all_shards_about_evenly() {
        let mut counts = [0_u32; SHARDS as usize];
        for n in 0..16_000 {
            let visitor = VisitorId::new(&format!("visitor-{n}")).unwrap();
            counts[usize::from(TrafficStream::of(&visitor, Timestamp(0)).shard)] += 1;
        }
        assert!(counts.iter().all(|n| (800..1_200).contains(n)), "{counts:?}");
    }
}
