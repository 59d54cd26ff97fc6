//! What goes wrong with keys.

use crate::problem::{BAD_REQUEST, NOT_FOUND, Problem, REFUSED, UNAVAILABLE};

/// Why something about keys was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// It is not wanted like this.
    #[error("{field}: {why}")]
    Refused {
        /// What is wrong.
        field: &'static str,
        /// Why, and the cure.
        why: String,
    },
    /// There is no key of this id.
    #[error("no key {0}")]
    Unknown(String),
    /// The key of this id is out of force for good.
    #[error("key {0} is revoked: make a new one")]
    Revoked(String),
    /// The file of keys, or the operating system, does not serve.
    #[error("{0}")]
    Unavailable(String),
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let detail = error.to_string();
        match error {
            AccessError::Refused { field, .. } => Self::new(BAD_REQUEST, detail).at(format!("/{field}")),
            AccessError::Unknown(_) => Self::new(NOT_FOUND, detail),
            AccessError::Revoked(_) => Self::new(REFUSED, detail),
            AccessError::Unavailable(_) => Self::own(UNAVAILABLE, &detail),
        }
    }
}
