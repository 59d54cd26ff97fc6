//! What was promised of the books and derives again from them: what closes sealed of merchants' statements, and what was stated to be owed.

use daybook_domain::MarketId;
use daybook_projections::ReadModels;
use daybook_proofs::Blinding;

use super::report::{Check, Report};
use super::{Told, VerifyError};
use crate::periods::{Period, in_force, periods};
use crate::proven::derived;
use crate::proven::liabilities::{self, statements};

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
    // reopened or not: a month that is closed without a seal can be proved to nobody
    for close in closes.iter().filter(|close| close.seal.is_none()) {
        // of before statements were sealed; behind one that was, it would hide what that has sealed
        match sealed.iter().find(|before| before.position < close.position) {
            None => check.note(format!(
                "period {}, closed at position {}, seals no statements",
                close.period, close.position
            )),
            Some(before) => check.look(
                || format!("period {} closed at position {}", close.period, close.position),
                Some(format!(
                    "it seals no statements, and {} was sealed before it, at position {}",
                    before.period, before.position
                )),
            ),
        }
    }
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
        let state = if close.reopened.is_some() { "reopened since" } else { "in force" };
        check.look(
            || format!("period {} closed at position {}, {state}", close.period, close.position),
            wrong,
        );
    }
    report.add(check);
    Ok(())
}

/// Draws up again what was stated to be owed. Without the secret of the liabilities, sums are compared and not roots.
///
/// # Errors
/// [`VerifyError::Models`] when the models cannot be read.
pub fn verify_liabilities(
    models: &ReadModels,
    market: MarketId,
    blinding: Option<&Blinding>,
    told: Told<'_>,
    report: &mut Report,
) -> Result<(), VerifyError> {
    let mut check = Check::new(5, "what was stated to be owed in all derives from the books", "statements");
    let found = statements(models.journal().as_ref(), market)?;
    if blinding.is_none() && !found.is_empty() {
        check.note("the secret of the liabilities is not there: their roots are not compared".to_owned());
    }
    for (done, statement) in found.iter().enumerate() {
        told("drawing up what was stated to be owed again", done as u64, found.len() as u64);
        let wrong = liabilities::derived(models, blinding, statement);
        let wrong = wrong.unwrap_or_else(|error| Some(error.to_string()));
        check.look(|| format!("stated at position {}", statement.position), wrong);
    }
    report.add(check);
    Ok(())
}
