//! Who asks, and what they may do.
//!
//! Every endpoint names one [`Permission`]; a [`Role`] is a set of them; a key has one role and, for a merchant,
//! the merchant whose data it may see and touch, everywhere.

mod caller;
mod role;

use std::collections::HashMap;

use axum::http::{HeaderMap, header};
use parking_lot::RwLock;

pub use caller::Caller;
pub use role::{Permission, Role};

use crate::problem::{Problem, UNAUTHENTICATED};

/// The keys that are known.
#[derive(Default)]
pub struct Access {
    keys: RwLock<HashMap<String, Caller>>,
}

impl Access {
    /// Whom a request comes from.
    ///
    /// # Errors
    /// `unauthenticated` without a known key.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let unknown =
            || Problem::new(UNAUTHENTICATED, "Authorization: send `Bearer KEY` with a key that is in force");
        let text = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = text.and_then(|text| text.strip_prefix("Bearer ")).ok_or_else(unknown)?;
        self.keys.read().get(key).cloned().ok_or_else(unknown)
    }

    /// Lets this key in.
    pub fn admit(&self, key: String, caller: Caller) {
        self.keys.write().insert(key, caller);
    }
}
