//! Why the market could not do what was asked.

use daybook_commands::CommandError;
use daybook_journal::JournalError;

/// Why the market could not be opened or driven.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MarketError {
    /// A command had no effect, or an unknown one.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The journal could not be opened or read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A URL names no store that this version can open.
    #[error("{0}")]
    Url(String),
    /// The market's own file or its read models cannot be used now.
    #[error("{0}")]
    Unavailable(String),
}
