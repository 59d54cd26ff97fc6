//! What every backend promises, as tests: a backend is a journal when it passes them all.
//!
//! ```text
//! #[test]
//! fn my_backend_keeps_every_promise() {
//!     let ran = conformance::run(&MyBackend);
//!     let all: Vec<_> = conformance::cases().map(|case| case.name).collect();
//!     assert_eq!(ran, all, "a case was skipped");
//! }
//! ```

mod appending;
mod limits;
pub mod ordinals;
mod parallel;
mod reading;
mod repeating;
pub mod tools;
mod waiting;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::{Clock, Journal};

/// Makes journals of one kind.
pub trait Backend {
    /// A place for a journal of its own, empty, that takes the time from `clock`.
    fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place>;
}

/// Where one journal lives.
pub trait Place {
    /// Opens the journal, or opens it again with what it holds. The caller has dropped the one before.
    fn open(&self) -> Arc<dyn Journal>;
}

/// A promise and its test.
#[derive(Clone, Copy)]
pub struct Case {
    /// The promise, as a sentence.
    pub name: &'static str,
    /// The test: panics when the promise is broken.
    pub run: fn(&dyn Backend),
}

/// Every case of the suite, in the order of the modules.
pub fn cases() -> impl Iterator<Item = Case> {
    [appending::CASES, repeating::CASES, limits::CASES, reading::CASES, waiting::CASES, parallel::CASES]
        .into_iter()
        .flatten()
        .copied()
}

/// Runs every case and returns the names of those it ran.
///
/// # Panics
/// When cases failed, after all have run; the message lists them.
#[must_use = "compare with cases(): none may be skipped"]
pub fn run(backend: &dyn Backend) -> Vec<&'static str> {
    let mut ran = Vec::new();
    let mut failed = Vec::new();
    for case in cases() {
        if catch_unwind(AssertUnwindSafe(|| (case.run)(backend))).is_err() {
            failed.push(case.name);
        }
        ran.push(case.name);
    }
    assert!(failed.is_empty(), "{} promises broken: {failed:#?}", failed.len());
    ran
}
