//! The secret that blinds who is owed, in its file beside the log.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use daybook_domain::MarketId;
use daybook_journal::Journal;
use daybook_proofs::{Blinding, Zeroizing};

use super::liabilities::statements;
use crate::secret;
use crate::transparency::TransparencyError;

/// Where the secret is kept, in the log's folder.
pub(crate) const SECRET: &str = "liabilities.secret";
/// Longest secret that is read.
const MOST_SECRET: u64 = 1_000;

/// The secret that blinds who is owed, beside a log. It protects amounts from those who are shown proofs of others; who may read this folder
/// may read the journal.
///
/// # Errors
/// [`TransparencyError::Refused`] where it is there and cannot be read, or is not whole.
pub fn blinding(folder: &Path) -> Result<Option<Blinding>, TransparencyError> {
    let path = folder.join(SECRET);
    let failed = |error: io::Error| TransparencyError::Refused(format!("{}: {error}", path.display()));
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    let mut text = Zeroizing::new(String::new());
    file.take(MOST_SECRET).read_to_string(&mut text).map_err(failed)?;
    let refused = |why| {
        let path = path.display();
        TransparencyError::Refused(format!(
            "{path}: {why}: put it back from a backup; where nothing was stated with it yet, remove it"
        ))
    };
    Blinding::parse(&text).map(Some).map_err(refused)
}

/// As [`blinding`]; makes it of 32 bytes of chance where there is none and nothing was stated yet. `lost`: also where something was, which
/// can be shown to nobody then.
///
/// # Errors
/// [`TransparencyError::Refused`] where it cannot be read or written, or what it stated with is not here.
pub fn blinding_or_new(
    (journal, market): (&dyn Journal, MarketId),
    folder: &Path,
    chance: &Zeroizing<[u8; 32]>,
    lost: bool,
) -> Result<Blinding, TransparencyError> {
    if let Some(there) = blinding(folder)? {
        return Ok(there);
    }
    let path = folder.join(SECRET);
    if !lost && let Some(last) = statements(journal, market)?.pop() {
        let (path, position) = (path.display(), last.position);
        return Err(TransparencyError::Refused(format!(
            "{path} is not there, and what is owed was stated with it, last at position {position}: put it back from a backup or from the \
             log's folder as it was; where it is lost, `daybook liabilities sign --lost-secret` goes on with a new one"
        )));
    }
    let failed = |error: io::Error| TransparencyError::Refused(format!("{}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(failed)?;
    match secret::keep(&path, &Blinding::secret(chance)) {
        // another process was quicker: there is one secret
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    let gone = || TransparencyError::Refused(format!("{} was there and is gone", path.display()));
    blinding(folder)?.ok_or_else(gone)
}
