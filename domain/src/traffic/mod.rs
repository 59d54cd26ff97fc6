//! Traffic: what visitors looked at and did. The fact is the hit; visits, channels and visitors in a period are
//! derived from it.
//!
//! Hits lie in streams `traffic-{day}-{shard}`: the day in UTC on which the hit occurred, and one of
//! [`SHARDS`] by its visitor, so that a visitor's hits of a day stand together and no stream grows without bound.
//! Nothing is decided about a hit but whether it is one and whether it was taken before, so these streams have no
//! aggregate: [`RawHit::check`] makes a [`Hit`] of what came from outside, or says what is wrong with it. A hit's
//! id is its event's id.

mod discreet;
pub mod events;
mod fault;
mod hit;
mod stream;

pub use fault::{Fault, FaultKind};
pub use hit::{EARLIEST, Hit, Incoming, MAX_PAGE, MAX_TEXT, MAX_URL, RawHit};
pub use stream::{SHARDS, TrafficStream};
