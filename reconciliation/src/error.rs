//! Why a file was not taken.

/// Why a file was refused. Each says where, what is wrong and what to do about it; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// No format fits what the file holds.
    #[error(
        "line 1: this is no statement that is known here ({found}): export it again, or name it with --format-of"
    )]
    UnknownFormat {
        /// What it looks like.
        found: String,
    },
    /// The bytes are not text in the encoding of the format.
    #[error("line {line}: {why}: export the file again in {wanted}")]
    Encoding {
        /// Where, counted from one.
        line: u64,
        /// What is there.
        why: String,
        /// What the format is written in.
        wanted: &'static str,
    },
    /// The file ends before the statement does.
    #[error("line {line}: the file ends before the statement does ({why}): it was cut off; export it again")]
    Truncated {
        /// The last line.
        line: u64,
        /// What is missing.
        why: String,
    },
    /// Something in a line is not what it should be.
    #[error("line {line}: {why}")]
    Line {
        /// Where, counted from one.
        line: u64,
        /// What is wrong, naming the field.
        why: String,
    },
    /// A limit of what is read.
    #[error("{what} is more than {most}, the most that is read: split the file")]
    TooLarge {
        /// What there is too much of.
        what: String,
        /// The limit.
        most: u64,
    },
    /// A packed file that cannot be unpacked.
    #[error("the packed file cannot be read: {why}")]
    Packed {
        /// What is wrong with it.
        why: String,
    },
}

impl StatementError {
    /// At this line, for this reason.
    pub(crate) fn at(line: u64, why: impl Into<String>) -> Self {
        Self::Line { line, why: why.into() }
    }
}
