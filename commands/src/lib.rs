//! Executes a command: read, decide, append.
//!
//! ```text
//! Request ── fingerprint ──> cached state (else read the stream) ──> seen before? ──> the first answer
//!                                   │ no
//!                                   └─> facts of other streams ──> decide ──> evolve ──> append At(version)
//! ```
//!
//! Shape: one generic handler ([`Commands`]) over every [`Aggregate`](daybook_domain::Aggregate). States lie in a
//! bounded cache of shards; a decision holds its shard's lock for the few microseconds of decide, evolve, encode
//! and hand-over, never while the journal writes.
//!
//! Correctness: the cache is ahead of the journal by what is being written. An acceptance is safe by the
//! version it expects. Anything else (a rejection, "already so") waits until the state that it rests on is
//! durable, and, where other processes write the same journal, is given only after reading the stream's tail.
//! An append that fails takes the cached state with it.
//!
//! Cost: one serialization of the command (for its fingerprint), one of each event, one SHA-256, no clone of
//! a state.

mod batch;
mod cache;
mod error;
mod facts;
mod fresh;
mod handler;
mod ledger;
mod policy;
mod reading;
mod refusals;
mod request;
mod settle;
mod traffic;

pub use batch::{Added, Batch, Submitted};
pub use daybook_journal::{Clock, ManualClock, SystemClock};
pub use error::CommandError;
pub use facts::PendingBalance;
pub use handler::{Commands, Options};
pub use refusals::{MemoryRefusals, REFUSALS_KEPT, Refusal, Refusals, SqliteRefusals};
pub use request::{Executed, Request};
pub use traffic::{Recorded, Traffic, TrafficLimits};
