//! The checkpoints of the signed log: what was promised of the journal goes with its copy. The log's tiles are made again.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::manifest::hex;
use super::{At as _, BackupError, settle_folder, with_ending};
use crate::proven::liabilities::SECRET;

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
        let size = path.file_name().and_then(|name| name.to_str()?.parse::<u64>().ok());
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

/// Copies the secret that blinds who is owed, where there is one: without it nothing that was stated can be shown to who is owed.
fn copy_secret(from: &Path, to: &Path) -> Result<(), BackupError> {
    let (from, to) = (from.join(SECRET), to.join(SECRET));
    match fs::copy(&from, &to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        copied => copied.and_then(|_| File::open(&to)?.sync_all()).at(&to),
    }
}

/// Copies the checkpoints of a journal's log into a backup.
pub(super) fn back_up(journal: &Path, backup: &Path) -> Result<Option<Checkpoints>, BackupError> {
    let copied = copy(&crate::transparency::folder(journal).join(FOLDER), &backup.join(FOLDER))?;
    if copied.is_some() {
        settle_folder(&backup.join(FOLDER).join("."))?;
    }
    copy_secret(&crate::transparency::folder(journal), backup)?;
    Ok(copied)
}

/// Holds the checkpoints of a backup to what its manifest says.
pub(super) fn check(backup: &Path, said: Option<&Checkpoints>) -> Result<(), BackupError> {
    let found = sum(&backup.join(FOLDER), &mut |_, _| Ok(()))?;
    if found.as_ref() == said {
        return Ok(());
    }
    let why = format!("its checkpoints are {found:?}, the manifest says {said:?}");
    Err(BackupError::Damaged(why))
}

/// Puts the checkpoints of a backup back beside a journal, whose log must not be there.
pub(super) fn restore(backup: &Path, journal: &Path) -> Result<(), BackupError> {
    let (log, making) = (crate::transparency::folder(journal), with_ending(journal, ".tlog.restoring"));
    if log.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(log));
    }
    if making.symlink_metadata().is_ok() {
        fs::remove_dir_all(&making).at(&making)?; // left by a restore that was broken off
    }
    if copy(&backup.join(FOLDER), &making.join(FOLDER))?.is_some() {
        // the newest stands once more by itself, for others
        if let Some((_, newest)) = notes(&making.join(FOLDER))?.pop() {
            fs::copy(&newest, making.join("checkpoint")).at(&newest)?;
        }
        copy_secret(backup, &making)?;
        fs::rename(&making, &log).at(&log)?;
        settle_folder(&log)?;
    }
    Ok(())
}
