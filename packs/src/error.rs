//! What can be wrong with a pack.

/// Why a pack could not be made, read or believed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file cannot be read or written.
    #[error("{name}: {source}")]
    File {
        /// Which.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no pack, or a file of it cannot be read as what it should be.
    #[error("{name}: {why}")]
    Malformed {
        /// Which file.
        name: String,
        /// What is wrong with it and where.
        why: String,
    },
    /// A sum is beyond what can be reckoned in.
    #[error("{0} is beyond what a pack can hold")]
    Overflow(&'static str),
}

impl PackError {
    /// A file that is not what it should be.
    pub fn malformed(name: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self::Malformed { name: name.into(), why: why.to_string() }
    }

    /// A file that cannot be had.
    pub fn file(name: impl Into<String>, source: std::io::Error) -> Self {
        Self::File { name: name.into(), source }
    }
}
