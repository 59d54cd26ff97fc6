//! The append-only log that everything else in Daybook is folded from.
//!
//! One contract ([`Journal`]), several backends. A payload is opaque here: this crate knows streams,
//! versions, positions and commands, and nothing of money.
//!
//! What every backend promises, and the [`conformance`] suite checks:
//! - position order is commit order; a prefix read up to `P` never changes;
//! - an acknowledged append survives the death of the process and of the machine;
//! - within one stream a command takes effect once, whatever is retried;
//! - each item of an [`append`](Journal::append) stands alone: one refused condition fails its item only;
//! - `recorded_at` never decreases.
//!
//! Reading is synchronous and bounded by pages; call it from a thread that may block.

pub mod ahead;
pub mod baseline;
mod check;
mod clock;
pub mod conformance;
mod contract;
pub mod follow;
mod head;
pub mod kurrentdb;
pub mod limits;
mod load;
mod memory;
pub mod postgres;
mod queue;
mod restore;
pub mod sqlite;
mod streams;

pub use check::{category, check};
pub use clock::{Clock, ManualClock, SystemClock};
pub use contract::*;
pub use follow::Follower;
pub use load::{Load, SIZES};
pub use memory::MemoryJournal;
pub use postgres::PostgresJournal;
pub use sqlite::SqliteJournal;
