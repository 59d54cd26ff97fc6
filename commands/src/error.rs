//! Why a command had no effect, or an unknown one. Closed.

use daybook_domain::Rejection;
use daybook_journal::JournalError;
use uuid::Uuid;

/// Why a command was not executed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// The decider refused it; nothing was changed. The same command may be accepted later.
    #[error("{0}")]
    Rejected(Rejection),
    /// The stream is not at the version the caller named, or other writers won every retry. Nothing was written.
    #[error("{stream} is at version {actual}, not {expected}; read it again and decide again")]
    Conflict {
        /// The stream.
        stream: String,
        /// The version the caller or the last try expected.
        expected: u64,
        /// The version it has.
        actual: u64,
    },
    /// The command id was used on this stream for another content. Nothing was written.
    #[error(
        "command {command} was already used on {stream} with other content; use a new id for a new command"
    )]
    Reused {
        /// The stream.
        stream: String,
        /// The command id.
        command: Uuid,
    },
    /// The journal cannot be read or written now. Nothing was written; the same call may succeed later.
    #[error("{0}")]
    Unavailable(String),
    /// More waits than is taken. Nothing was written; the same call may succeed later.
    #[error("{0}")]
    Overloaded(String),
    /// It may or may not have happened: send the same command again, it takes effect once.
    #[error("{0}")]
    OutcomeUnknown(String),
    /// The request itself is wrong.
    #[error("{field}: {cure}")]
    Malformed {
        /// What is wrong.
        field: &'static str,
        /// What to do about it.
        cure: String,
    },
}

impl CommandError {
    /// Whether the same call may succeed later without any change by the caller.
    #[must_use]
    pub const fn transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Overloaded(_) | Self::OutcomeUnknown(_) | Self::Conflict { .. }
        )
    }

    /// A stable code, `snake_case`: the rejection's own, or the kind of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.code,
            Self::Conflict { .. } => "conflict",
            Self::Reused { .. } => "command_reused",
            Self::Unavailable(_) => "unavailable",
            Self::Overloaded(_) => "overloaded",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::Malformed { .. } => "malformed",
        }
    }
}

impl From<Rejection> for CommandError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<JournalError> for CommandError {
    fn from(error: JournalError) -> Self {
        use daybook_journal::Expected;
        match error {
            JournalError::Conflict { stream, expected, actual } => {
                let expected = match expected {
                    Expected::At(version) | Expected::Counted { version, .. } => version,
                    Expected::NoStream | Expected::Any => 0,
                };
                Self::Conflict { stream, expected, actual }
            }
            JournalError::Overtaken { position, .. } => Self::Rejected(Rejection::new(
                "books_moved_on",
                format!(
                    "what was booked at position {position} is not counted: close with the books as they are now"
                ),
            )),
            JournalError::CommandReused { stream, command } => Self::Reused { stream, command },
            JournalError::TooLarge { what, actual, limit } => Self::Malformed {
                field: what,
                cure: format!("is {actual}, more than the limit of {limit}: send less at once"),
            },
            JournalError::Malformed(why) => Self::Malformed { field: "append", cure: why },
            JournalError::OutcomeUnknown(_) => Self::OutcomeUnknown(error.to_string()),
            JournalError::Unavailable(_) | JournalError::Locked(_) | JournalError::Corrupt(_) => {
                Self::Unavailable(error.to_string())
            }
        }
    }
}
