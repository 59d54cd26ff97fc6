//! The read-model engine, the models and their queries.
//!
//! A read model is a row type and two pure functions, `route` and `fold` ([`model::Model`]); the engine
//! ([`ReadModels`]) makes its table, follows the journal, rebuilds it, answers as of any moment and digests it.
//! Nothing here decides anything: what stands in a row was said by an event.

mod calendar;
pub mod digest;
pub mod engine;
pub mod fields;
pub mod metrics;
pub mod model;
pub mod models;
pub mod queries;
pub mod record;
pub mod world;

pub use calendar::{Calendar, When};
pub use digest::{Digest, TableDigest};
pub use engine::{
    AsOf, AsWritten, EachEvent, EachStep, Events, Follower, Freshness, Measured, ModelStatus, Place,
    Progress, ReadModelError, ReadModels, Snapshot, Stage, Status, measure_rebuild,
};
