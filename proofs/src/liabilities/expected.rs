//! A proof held to a sum, and to what its reader expects of it.

use super::{OwedProof, Stated, StatedSum, amount};
use crate::{ProofError, PublicKey};

/// What a reader expects of a proof of what is owed; none: anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExpectedOwed<'a> {
    /// This merchant's, by its id. A leaf of another name is not it, also where that name is the id.
    pub merchant: Option<&'a str>,
    /// In this currency, ISO 4217.
    pub currency: Option<&'a str>,
    /// Of this amount, as `1250.00`.
    pub owed: Option<&'a str>,
    /// Stated at this time or later, microseconds since 1970, UTC.
    pub not_before: Option<i64>,
    /// Counting the events through this position at least.
    pub through: Option<u64>,
    /// Under a checkpoint of so many events at least.
    pub events: Option<u64>,
}

impl ExpectedOwed<'_> {
    fn holds(&self, proof: &OwedProof, stated: &Stated) -> Result<(), ProofError> {
        let owed = amount(proof.owed, proof.digits);
        let merchant = self.merchant.map(|id| format!("merchant {id}"));
        let (expected, size) = (self.events.unwrap_or_default(), stated.checkpoint.size);
        for (what, found, expected) in [
            ("creditor", &proof.to, merchant.as_deref()),
            ("currency", &proof.currency, self.currency),
            ("amount", &owed, self.owed),
        ] {
            if let Some(expected) = expected.filter(|expected| expected != found) {
                let why = format!("its {what} is {found:?}, and {expected:?} was asked for");
                return Err(ProofError::broken(why));
            }
        }
        if self.not_before.is_some_and(|first| stated.stated_at < first) {
            return Err(ProofError::broken("its sum was stated before the time that was asked for"));
        }
        if let Some(known) = self.through.filter(|known| stated.through < *known) {
            let why = format!(
                "it counts the events through {}, and those through {known} are known",
                stated.through
            );
            return Err(ProofError::broken(why));
        }
        if size < expected {
            let why = format!("its checkpoint has {size} events, and at least {expected} are known");
            return Err(ProofError::broken(why));
        }
        Ok(())
    }
}

/// Reads a proof of what somebody is owed and the sum that it is counted in, and holds them to one another, to the keys of who signed, and
/// to what is expected.
///
/// # Errors
/// [`ProofError`] says what it is not, or what does not hold.
pub fn verify_owed(
    own: &str,
    sum: &str,
    keys: &[PublicKey],
    expected: &ExpectedOwed<'_>,
) -> Result<(OwedProof, Stated, StatedSum), ProofError> {
    let stated = Stated::verify(sum, keys)?;
    let proof = OwedProof::parse(own)?;
    let of = proof.verify(&stated)?.clone();
    expected.holds(&proof, &stated)?;
    Ok((proof, stated, of))
}
