//! Events of `channel-{sales channel}`.

use crate::codec::event;
use crate::{Code, Money};

event! {
    /// A platform said what happened on it in a day. Nothing of it is booked: its sales come as checkouts.
    ChannelTrafficReported {
        channel: Code,
        /// The day, `2026-11-22`, as the platform counts days.
        day: Code,
        /// Distinct visitors.
        uv: u64,
        /// Pages shown.
        pv: u64,
        /// Which report says so.
        source: Code;
        /// Visitors who were not paid for.
        free_uv: u64,
        paid_uv: u64,
        buyers: u64,
        orders: u64,
        /// What customers paid, as the platform says.
        gmv: Money,
    }
}
