//! What can be wrong with a hit.

use std::fmt;

use crate::codec::words;

words! {
    /// What may be wrong with a hit.
    FaultKind {
        NotATime = "not_a_time",
        FromTheFuture = "from_the_future",
        TooOld = "too_old",
        NoVisitor = "no_visitor",
        NoPage = "no_page",
        BadId = "bad_id",
        UnknownAct = "unknown_act",
        TooLong = "too_long",
        OnlyOfActs = "only_of_acts",
        Unreadable = "unreadable",
        Personal = "personal",
    }
}

impl FaultKind {
    /// What it means, for a list of findings.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::NotATime => "`at` is no RFC 3339 time with an offset",
            Self::FromTheFuture => "`at` lies ahead of the clock by more than the tolerance",
            Self::TooOld => "`at` lies further back than is taken: in a file, before 1995",
            Self::NoVisitor => "nobody is named who saw or did it",
            Self::NoPage => "a view names no page",
            Self::BadId => "an identifier is not 1 to 64 visible ASCII characters",
            Self::UnknownAct => "`act` is not one of the acts that are known",
            Self::TooLong => "a text is longer than its bound",
            Self::OnlyOfActs => "a view says what only an act has",
            Self::Unreadable => "it is no object of texts with the fields of a hit",
            Self::Personal => "an IP or mail address stands for the visitor",
        }
    }
}

/// Why something is not a hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault.
    pub kind: FaultKind,
    /// The field.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.why)
    }
}

impl std::error::Error for Fault {}
