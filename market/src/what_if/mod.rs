//! What would have been under other rules: the journal read through once, its events restated.
//!
//! Shape: each money event is posted as it was written; an event whose amounts follow from a rule that is asked about is
//! restated first, by the function that decided it ([`Restatement`](daybook_domain::order::Restatement), the
//! account's decider), and goes to the second set of books through the same posting table. Differences are taken of the two
//! sets. So both balance, and where no rule is asked about they are one.
//!
//! What is assumed: people did what they did. The same orders at the same prices, the same deliveries, refunds, disputes,
//! deposits and payouts. Settlements and payouts move what a merchant is owed between its own accounts and stand as they were
//! recorded; what another cycle does to their days is reckoned beside the books ([`Timing`]).
//!
//! What would have been said instead can itself be folded: [`restate`] gives the events as they would be ([`Restated`]), for
//! any figure that is folded from events, in another pass.
//!
//! Cost: one pass without traffic being decoded; memory for the orders under way whose terms change. Nothing is
//! written, and no read model is opened.

mod books;
mod difference;
mod fees;
mod pass;
mod restated;
mod rules;
mod timing;

pub use difference::{AccountDifference, Difference, Figure, MerchantDifference};
pub use pass::{restate, what_if};
pub use restated::Restated;
pub use rules::{Commission, Coupons, Cycle, Fee, Required, Rules, Scope};
pub use timing::Timing;

use daybook_journal::JournalError;
use daybook_projections::ReadModelError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WhatIfError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be folded.
    #[error(transparent)]
    Models(#[from] ReadModelError),
    /// A rule is wrong, or names what the journal does not know.
    #[error("{0}")]
    Rule(String),
    /// A sum goes beyond 64 bits, or a decider refused what a rule asks for.
    #[error("{0}")]
    Refused(String),
}
