//! Copies of a market that runs, and putting them back.
//!
//! A backup is a folder: the journal as it was at one moment, the market's own files beside it (not the read models:
//! they are made from the journal), the checkpoints that were signed of its log, the secret with which what is owed is stated, and a manifest
//! with a digest of the events and one of each file. Own files are
//! copied first, so that none knows more than the journal. Both ways the work is done under another name and gets
//! its own last, when all of it is checked and durable.

mod copy;
mod manifest;
mod signed;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use daybook_domain::Timestamp;
use daybook_journal::sqlite::copy_database;
use daybook_journal::{Clock, Journal, JournalError, SqliteJournal, SystemClock};

pub use copy::{Copied, copy_journal};
pub use manifest::{Events, Manifest, Part};
pub use signed::Checkpoints;

use manifest::sum_of;

/// The word of the journal's part.
const JOURNAL: &str = "journal";
/// Files beside the journal that are made from it.
const DERIVED: &str = "views";
/// The manifest's name.
const MANIFEST: &str = "manifest.json";

/// Why a backup was not made or not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is in the place already.
    #[error("{0} is there already: name another place")]
    Exists(PathBuf),
    /// It is not what its manifest says.
    #[error("the backup cannot be used: {0}")]
    Damaged(String),
    /// A journal is not the copy of another one.
    #[error("{0}")]
    NotACopy(String),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file cannot be read or written.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
}

/// Says which file it was.
trait At<T> {
    fn at(self, path: &Path) -> Result<T, BackupError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, BackupError> {
        self.map_err(|why| BackupError::File { path: path.to_owned(), why })
    }
}

/// Copies the journal at `journal`, which another process may be writing, and what lies beside it, to the new folder
/// `to`.
///
/// # Errors
/// [`BackupError`]; nothing is left at `to` then.
pub fn back_up(journal: &Path, to: &Path) -> Result<Manifest, BackupError> {
    free(to)?;
    let source = SqliteJournal::open_read_only(journal)?;
    let making = with_ending(to, ".making");
    DirBuilder::new().mode(0o700).create(&making).at(&making)?;
    let made = make(journal, &source, &making).and_then(|manifest| {
        fs::rename(&making, to).at(to)?;
        settle_folder(to)?;
        Ok(manifest)
    });
    if made.is_err() {
        // what is left of it is nobody's; who asked hears of the error that came first
        let _ = fs::remove_dir_all(&making);
    }
    made
}

fn make(journal: &Path, source: &SqliteJournal, folder: &Path) -> Result<Manifest, BackupError> {
    let mut parts = Vec::new();
    for (word, path) in own_files(journal)? {
        parts.push(copied(&path, folder, word)?);
    }
    let checkpoints = signed::back_up(journal, folder)?;
    parts.push(copied(journal, folder, JOURNAL.to_owned())?);
    let copy = SqliteJournal::open_read_only(folder.join(file_of(JOURNAL)))?;
    let events = Events::of(&copy, copy.head()?)?;
    let secret = signed::back_up_secret(journal, folder)?;
    // what it holds is durable where it came from, and the same there
    let head = source.head()?;
    if head < events.count || Events::of(source, events.count)? != events {
        return Err(BackupError::Damaged(format!(
            "{} does not hold what was read from it a moment ago",
            journal.display()
        )));
    }
    let manifest = Manifest::new(Timestamp(SystemClock.now()), events, parts, checkpoints, secret);
    let path = folder.join(MANIFEST);
    fs::write(&path, manifest.to_text()).and_then(|()| File::open(&path)?.sync_all()).at(&path)?;
    settle_folder(&path)?;
    Ok(manifest)
}

fn copied(from: &Path, folder: &Path, word: String) -> Result<Part, BackupError> {
    let to = folder.join(file_of(&word));
    copy_database(from, &to)?;
    // keys are for nobody else to read there, so they are not here
    fs::metadata(from).and_then(|of| fs::set_permissions(&to, of.permissions())).at(&to)?;
    let (bytes, sha256) = sum_of(&to).at(&to)?;
    Ok(Part { word, bytes, sha256 })
}

/// Checks a backup: every file against its digest, the journal event by event.
///
/// # Errors
/// [`BackupError::Damaged`] says what is wrong with it.
pub fn check(backup: &Path) -> Result<Manifest, BackupError> {
    let path = backup.join(MANIFEST);
    let manifest =
        Manifest::from_text(&fs::read_to_string(&path).at(&path)?).map_err(BackupError::Damaged)?;
    for part in &manifest.parts {
        let path = backup.join(file_of(&part.word));
        matches(&path, part)?;
    }
    signed::check(backup, &manifest)?;
    let journal = SqliteJournal::open_read_only(backup.join(file_of(JOURNAL)))?;
    let found = Events::of(&journal, journal.head()?)?;
    if found != manifest.events {
        return Err(BackupError::Damaged(format!(
            "its journal holds {} events with digest {}, the manifest says {} with {}",
            found.count, found.digest, manifest.events.count, manifest.events.digest
        )));
    }
    Ok(manifest)
}

/// Puts a backup back as the journal `journal`, which must not be there, with what lies beside it.
///
/// # Errors
/// [`BackupError`]; no journal is there then.
pub fn restore(backup: &Path, journal: &Path) -> Result<Manifest, BackupError> {
    let manifest = check(backup)?;
    let target =
        |word: &str| if word == JOURNAL { journal.to_owned() } else { crate::open::beside(journal, word) };
    for part in &manifest.parts {
        let path = target(&part.word);
        free(&path)?;
        free(&with_ending(&path, "-wal"))?;
    }
    free(&crate::transparency::folder(journal))?;
    let mut ready = Vec::new();
    let copied = manifest.parts.iter().try_for_each(|part| {
        let path = target(&part.word);
        let making = with_ending(&path, ".restoring");
        ready.push((making.clone(), path));
        fs::copy(backup.join(file_of(&part.word)), &making).at(&making)?;
        File::open(&making).and_then(|file| file.sync_all()).at(&making)?;
        matches(&making, part)
    });
    if let Err(error) = copied.and_then(|()| signed::restore(backup, journal)) {
        for (making, _) in ready {
            let _ = fs::remove_file(making); // the error that came first is told
        }
        return Err(error);
    }
    // the journal is the last part: while it is not there, nothing is
    for (making, path) in ready {
        if let Err(error) = fs::rename(&making, &path).at(&path) {
            // a log without its journal would be in the way of the next restore
            let _ = fs::remove_dir_all(crate::transparency::folder(journal));
            return Err(error);
        }
    }
    settle_folder(journal)?;
    Ok(manifest)
}

/// The market's own files beside a journal, with their words: `daybook.market.db` is `market`.
fn own_files(journal: &Path) -> Result<Vec<(String, PathBuf)>, BackupError> {
    let folder = folder_of(journal);
    let stem = journal.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let extension = journal.extension().and_then(|e| e.to_str()).unwrap_or("db");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).at(folder)? {
        let entry = entry.at(folder)?;
        let name = entry.file_name();
        let word = name.to_str().and_then(|name| {
            name.strip_prefix(stem)?.strip_prefix('.')?.strip_suffix(extension)?.strip_suffix('.')
        });
        if let Some(word) = word
            && manifest::is_word(word)
            && word != DERIVED
            && word != JOURNAL
        {
            found.push((word.to_owned(), entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

fn file_of(word: &str) -> String {
    format!("{word}.db")
}

fn matches(path: &Path, part: &Part) -> Result<(), BackupError> {
    let (bytes, sha256) = sum_of(path).at(path)?;
    if (bytes, &sha256) == (part.bytes, &part.sha256) {
        return Ok(());
    }
    Err(BackupError::Damaged(format!(
        "{} has {bytes} bytes with SHA-256 {sha256}, the manifest says {} with {}",
        path.display(),
        part.bytes,
        part.sha256
    )))
}

fn free(path: &Path) -> Result<(), BackupError> {
    match path.symlink_metadata() {
        Ok(_) => Err(BackupError::Exists(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(BackupError::File { path: path.to_owned(), why: error }),
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in the folder of `path` durable.
fn settle_folder(path: &Path) -> Result<(), BackupError> {
    let folder = folder_of(path);
    File::open(folder).and_then(|folder| folder.sync_all()).at(folder)
}
