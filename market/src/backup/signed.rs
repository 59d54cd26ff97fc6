//! What of the signed log goes with a copy of its journal: the checkpoints, which are what was promised of it, and the secret that blinds
//! who is owed, without which nothing that was stated can be shown or stated again. The log's tiles are made again.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::manifest::{hex, sum_of};
use super::{At as _, BackupError, Manifest, settle_folder, with_ending};
use crate::proven::blinding::SECRET;

/// The folder of checkpoints, in the log's and in a backup.
const FOLDER: &str = "checkpoints";
/// Longest checkpoint that is copied.
const MOST_BYTES: u64 = 1_000_000;

/// Which checkpoints a backup has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoints {
    /// How many.
    pub count: u64,
    /// SHA-256 over them, by size: size and length in 64 bits, then the bytes.
    pub sha256: String,
}

/// The checkpoints in a folder, by size.
fn notes(folder: &Path) -> Result<Vec<(u64, PathBuf)>, BackupError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at(folder)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.at(folder)?.path();
        // as the log names them, and no other way
        let named = |name: &str| name.parse::<u64>().ok().filter(|size| size.to_string() == name);
        let size = path.file_name().and_then(|name| named(name.to_str()?));
        found.extend(size.map(|size| (size, path)));
    }
    found.sort_unstable();
    Ok(found)
}

/// What is done with each checkpoint: its size and bytes.
type Each<'a> = &'a mut dyn FnMut(u64, &[u8]) -> Result<(), BackupError>;

/// Reads all of a folder; `each` hears size and bytes of each.
fn sum(folder: &Path, each: Each<'_>) -> Result<Option<Checkpoints>, BackupError> {
    let (mut count, mut hash) = (0, Sha256::new());
    for (size, path) in notes(folder)? {
        let mut bytes = Vec::new();
        File::open(&path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).at(&path)?;
        if bytes.len() as u64 > MOST_BYTES {
            let why = format!("{} has more than {MOST_BYTES} bytes", path.display());
            return Err(BackupError::Damaged(why));
        }
        count += 1;
        hash.update(size.to_be_bytes());
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(&bytes);
        each(size, &bytes)?;
    }
    Ok((count > 0).then(|| Checkpoints { count, sha256: hex(&hash.finalize()) }))
}

fn copy(from: &Path, to: &Path) -> Result<Option<Checkpoints>, BackupError> {
    sum(from, &mut |size, bytes| {
        fs::create_dir_all(to).at(to)?;
        let path = to.join(size.to_string());
        fs::write(&path, bytes).and_then(|()| File::open(&path)?.sync_all()).at(&path)
    })
}

/// Copies the secret of a folder, where there is one, with its permissions; the SHA-256 of its file.
fn copy_secret(from: &Path, to: &Path) -> Result<Option<String>, BackupError> {
    let (from, copy) = (from.join(SECRET), to.join(SECRET));
    match fs::copy(&from, &copy) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        copied => copied.and_then(|_| File::open(&copy)?.sync_all()).at(&copy)?,
    }
    settle_folder(&copy)?;
    secret_of(to)
}

/// The SHA-256 of the secret's file in a folder, where there is one.
fn secret_of(folder: &Path) -> Result<Option<String>, BackupError> {
    let path = folder.join(SECRET);
    match sum_of(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        sum => sum.map(|(_, sha256)| Some(sha256)).at(&path),
    }
}

/// Copies the secret of a journal's log into a backup that has the journal already: so that what is stated there has its secret there.
pub(super) fn back_up_secret(journal: &Path, backup: &Path) -> Result<Option<String>, BackupError> {
    copy_secret(&crate::transparency::folder(journal), backup)
}

/// Copies the checkpoints of a journal's log into a backup.
pub(super) fn back_up(journal: &Path, backup: &Path) -> Result<Option<Checkpoints>, BackupError> {
    let copied = copy(&crate::transparency::folder(journal).join(FOLDER), &backup.join(FOLDER))?;
    if copied.is_some() {
        settle_folder(&backup.join(FOLDER).join("."))?;
    }
    Ok(copied)
}

/// Holds checkpoints and secret of a backup to what its manifest says.
pub(super) fn check(backup: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let (found, said) = (sum(&backup.join(FOLDER), &mut |_, _| Ok(()))?, &manifest.checkpoints);
    if found != *said {
        let why = format!("its checkpoints are {found:?}, the manifest says {said:?}");
        return Err(BackupError::Damaged(why));
    }
    let (found, said) = (secret_of(backup)?, &manifest.liabilities_secret);
    // one that was made before manifests named it may have it
    if said.is_some() && found != *said {
        let found = found.map_or_else(|| "is not there".to_owned(), |sha256| format!("has SHA-256 {sha256}"));
        let why = format!("its {SECRET} {found}, and is not the one of the manifest");
        return Err(BackupError::Damaged(why));
    }
    Ok(())
}

/// Puts checkpoints and secret of a backup back beside a journal, whose log must not be there.
pub(super) fn restore(backup: &Path, journal: &Path) -> Result<(), BackupError> {
    let making = with_ending(journal, ".tlog.restoring");
    let restored = restore_by(&making, backup, &crate::transparency::folder(journal));
    if restored.is_err() {
        let _ = fs::remove_dir_all(&making); // the error that came first is told
    }
    restored
}

fn restore_by(making: &Path, backup: &Path, log: &Path) -> Result<(), BackupError> {
    if making.symlink_metadata().is_ok() {
        fs::remove_dir_all(making).at(making)?; // left by a restore that was broken off
    }
    fs::create_dir(making).at(making)?;
    let checkpoints = copy(&backup.join(FOLDER), &making.join(FOLDER))?;
    // the newest stands once more by itself, for others
    if let Some((_, newest)) = notes(&making.join(FOLDER))?.pop() {
        let path = making.join("checkpoint");
        fs::copy(&newest, &path).and_then(|_| File::open(&path)?.sync_all()).at(&path)?;
        settle_folder(&newest)?;
    }
    if copy_secret(backup, making)?.is_none() && checkpoints.is_none() {
        return fs::remove_dir(making).at(making);
    }
    settle_folder(&making.join("."))?;
    fs::rename(making, log).at(log)?;
    settle_folder(log)
}
