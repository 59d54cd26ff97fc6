//! Closed periods: what a close sealed of merchants' statements derives again from the books.

use daybook_domain::MarketId;
use daybook_projections::ReadModels;

use super::report::{Check, Report};
use super::{Told, VerifyError};
use crate::periods::{Period, in_force, periods};
use crate::proven::derived;

/// Draws up again what every close sealed. The read models are held to the journal by
/// [`verify_models`](super::verify_models).
///
/// # Errors
/// [`VerifyError::Models`] when the models cannot be read.
pub fn verify_seals(
    models: &ReadModels,
    market: MarketId,
    told: Told<'_>,
    report: &mut Report,
) -> Result<(), VerifyError> {
    let mut check = Check::new(8, "what every close sealed of merchants' statements derives again", "seals");
    let journal = models.journal();
    let closes = periods(journal.as_ref(), market)?;
    let sealed: Vec<&Period> = closes.iter().filter(|close| close.seal.is_some()).collect();
    for (done, close) in sealed.iter().enumerate() {
        told("drawing up the seals again", done as u64, sealed.len() as u64);
        let Some(seal) = &close.seal else { continue };
        let before = in_force(journal.as_ref(), market, close.position - 1)?.pop();
        let before = before.map(|before| (before.period, before.position));
        let wrong = if (seal.after, seal.follows) != (before.map(|b| b.0), before.map(|b| b.1)) {
            Some(format!(
                "its seal follows {:?} at {:?}, and another close is before it",
                seal.after, seal.follows
            ))
        } else {
            let again = derived(models, close)?;
            let differ =
                (again.root, again.lines, again.merchants) != (seal.root, seal.lines, seal.merchants);
            differ.then(|| {
                format!(
                    "{} lines of {} merchants were sealed with {}, derived {} of {} with {}",
                    seal.lines, seal.merchants, seal.root, again.lines, again.merchants, again.root
                )
            })
        };
        check.look(|| format!("period {} at position {}", close.period, close.position), wrong);
    }
    report.add(check);
    Ok(())
}
