//! The caller of a request.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use daybook_domain::{MerchantId, PartyId};

use super::Role;
use crate::problem::{INTERNAL, NOT_FOUND, Problem};

/// Who asks: what a key, or a token of an outside issuer, stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Under this name events say who acted: `key:ID`, or the token's subject. Idempotency keys are its own.
    pub actor: PartyId,
    /// What it is for.
    pub role: Role,
    /// The merchant it is bound to; always there for [`Role::Merchant`].
    pub merchant: Option<MerchantId>,
}

impl Caller {
    /// Whether it may see and touch what is this merchant's.
    #[must_use]
    pub fn owns(&self, merchant: &str) -> bool {
        match (&self.role, &self.merchant) {
            (Role::Merchant, None) => false,
            (_, None) => true,
            (_, Some(own)) => own.as_str() == merchant,
        }
    }

    /// Refuses what belongs to another merchant, as if it were not there.
    ///
    /// # Errors
    /// `not_found`.
    pub fn must_own(&self, merchant: &str, what: impl std::fmt::Display) -> Result<(), Problem> {
        if self.owns(merchant) { Ok(()) } else { Err(Problem::new(NOT_FOUND, format!("no {what}"))) }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::new(INTERNAL, "a public endpoint asks for its caller"))
    }
}
