//! How far read models have come: what a long job reports, and what `status` shows.

use std::path::PathBuf;

use daybook_journal::{Micros, Position};

/// What a long job is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading and folding the journal.
    Folding,
    /// Writing rows and indexes.
    Writing,
}

/// How far a long job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub stage: Stage,
    /// Positions done.
    pub done: Position,
    /// Positions there are; 0 when not known.
    pub total: Position,
}

/// How fresh read models are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Every model has applied the journal through this position.
    pub applied: Position,
    /// The journal's head.
    pub head: Position,
}

impl Freshness {
    /// Positions behind; a number of events where positions are dense.
    #[must_use]
    pub const fn lag_positions(&self) -> u64 {
        self.head.saturating_sub(self.applied)
    }
}

/// How one model stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelStatus {
    /// Its name.
    pub model: String,
    /// Version of its layout and folds.
    pub version: u32,
    /// How often it was made beside its live tables.
    pub generation: u32,
    /// What it has applied.
    pub applied: Position,
    /// Positions behind the journal's head.
    pub lag_positions: u64,
}

/// How all read models stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The file.
    pub path: PathBuf,
    /// Applied and head.
    pub freshness: Freshness,
    /// When the last event applied was recorded, microseconds; 0 when none was.
    pub applied_recorded_at: Micros,
    /// Each model.
    pub models: Vec<ModelStatus>,
    /// Why following has stopped, if it has.
    pub stopped: Option<String>,
}
