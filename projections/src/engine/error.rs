//! What can go wrong between the journal and a read model.

use daybook_domain::DecodeError;
use daybook_journal::{JournalError, Position};

/// Why read models could not be made, followed or asked.
#[derive(Debug, thiserror::Error)]
pub enum ReadModelError {
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The file of read models could not be read or written.
    #[error("{path}: {why}")]
    Store {
        /// The file.
        path: String,
        /// What SQLite or the file system said.
        why: String,
        /// Whether the same call may succeed later.
        transient: bool,
    },
    /// An event could not be read. Read models stop before it: a figure that left it out would be wrong.
    #[error(
        "read models stop before position {position} ({stream}): {why}. They hold everything before it, and \
         nothing after it until a version of Daybook that can read the event follows the journal"
    )]
    Undecodable {
        /// Where.
        position: Position,
        /// In which stream.
        stream: String,
        /// What the codec said.
        why: DecodeError,
    },
    /// The references of an event could not be read.
    #[error("read models stop before position {position} ({stream}): its refs cannot be read: {why}")]
    BadRefs {
        /// Where.
        position: Position,
        /// In which stream.
        stream: String,
        /// What the JSON reader said.
        why: String,
    },
    /// A sum went out of the range of 64 bits.
    #[error("read models stop before position {position}: a sum of {table} would leave the range of 64 bits")]
    Overflow {
        /// Where.
        position: Position,
        /// In which table.
        table: &'static str,
    },
    /// No read model has this name.
    #[error("no read model is called {name:?}; there are {known}")]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// Read models had not come far enough in time.
    #[error("read models are at position {applied}, not yet at {wanted}; the journal's head is {head}")]
    Behind {
        /// The position asked for.
        wanted: Position,
        /// How far they are.
        applied: Position,
        /// The head of the journal.
        head: Position,
    },
    /// A pass over the journal had not come to its end in time.
    #[error("the journal was read through position {done} of {total} when the time was over")]
    TookTooLong {
        /// How far.
        done: Position,
        /// Of what.
        total: Position,
    },
    /// Counting visitors had not come to its end in time.
    #[error("the visits of {done} of {total} visitors were counted when the time was over")]
    LateCounting {
        /// How many.
        done: u64,
        /// Of how many.
        total: u64,
    },
    /// Figures kept by day had not been put together in time.
    #[error("{rows} rows of figures kept by day were read and not put together when the time was over")]
    LateKept {
        /// How many.
        rows: u64,
    },
    /// The lists by which channels were told in the file of read models are none.
    #[error(
        "the lists of sites by which channels were told lie in the file of read models and cannot be read: {why}. Name them \
         anew (`daybook serve --sites FILE`), and the figures are made anew by them"
    )]
    BadSites {
        /// What the reader said.
        why: String,
    },
    /// A question that cannot be answered as it is put.
    #[error("{0}")]
    BadQuestion(String),
}

impl ReadModelError {
    /// Whether the same call may succeed later without any change by the caller.
    #[must_use]
    pub fn transient(&self) -> bool {
        match self {
            Self::Journal(e) => e.transient(),
            Self::Store { transient, .. } => *transient,
            Self::Behind { .. } => true,
            _ => false,
        }
    }

    /// An error of the file system at `path`.
    pub(crate) fn file(path: &std::path::Path, e: &std::io::Error) -> Self {
        Self::Store { path: path.display().to_string(), why: e.to_string(), transient: false }
    }
}

impl From<rusqlite::Error> for ReadModelError {
    fn from(e: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
        let code = e.sqlite_error_code();
        Self::Store {
            path: "the read-model file".to_owned(),
            why: e.to_string(),
            transient: matches!(code, Some(DatabaseBusy | DatabaseLocked | DiskFull)),
        }
    }
}
