//! What can be wrong with a log or a proof. Closed.

use std::path::Path;

/// Why something was not done, or does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// A file or text is not what it should be.
    #[error("{what}: {why}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// It was read, and it does not hold.
    #[error("{0}")]
    Broken(String),
    /// The log's tiles cannot be used; they can be made again from the journal.
    #[error(
        "the log's tiles are damaged ({0}): `daybook log checkpoint --anew` makes them again from the journal"
    )]
    Damaged(String),
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// Somebody else writes the log.
    #[error("{0} is being written by another process: try again when it is done")]
    Busy(String),
}

impl ProofError {
    pub(crate) fn malformed(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Malformed { what, why: why.to_string() }
    }

    pub(crate) fn broken(why: impl Into<String>) -> Self {
        Self::Broken(why.into())
    }

    pub(crate) fn damaged(why: impl std::fmt::Display) -> Self {
        Self::Damaged(why.to_string())
    }

    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::File { path, error }
    }
}
