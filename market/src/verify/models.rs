//! The read models: invariant 12, rebuilt equals live, table by table.

use daybook_projections::{AsOf, ReadModelError, ReadModels};

use super::report::{Check, Report};
use super::{Told, VerifyError};

/// Folds the journal again in memory and compares the digest of every table with that of the stored rows.
///
/// # Errors
/// [`VerifyError::Models`] when the models cannot be read or built.
pub fn verify_models(models: &ReadModels, told: Told<'_>, report: &mut Report) -> Result<(), VerifyError> {
    let mut check =
        Check::new(12, "a read model rebuilt from the journal equals the live one, row for row", "rows");
    // a market that runs beside goes on: rows and the position they stand at must be of one moment
    let once = || models.catch_up(&mut |_| {}).and_then(|_| models.digests_at());
    let (applied, live) = match once() {
        Err(ReadModelError::Behind { .. }) => once()?, // one model was made anew in between
        done => done?,
    };
    let rebuilt = models
        .as_of(AsOf::position(applied), &[], &mut |at| {
            told("folding the read models again", at.done, at.total);
        })?
        .digests();
    for table in &live {
        check.checked += table.rows;
        match rebuilt.iter().find(|other| other.table == table.table) {
            Some(other) if other == table => {}
            Some(other) => {
                let what = format!(
                    "{} live rows with digest {}, {} rebuilt with {}",
                    table.rows, table.digest, other.rows, other.digest
                );
                check.violate(table.table.to_owned(), what);
            }
            None => check.violate(table.table.to_owned(), "stands in the file and is no model's".to_owned()),
        }
    }
    report.add(check);
    Ok(())
}
