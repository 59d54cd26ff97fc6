//! A copy of a database that others may be writing: all of it as it was at one moment, in one file.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, Result as SqlResult};

use super::open::explain;
use crate::JournalError;

/// Pause when the database is locked for a moment.
const BUSY: Duration = Duration::from_millis(20);
/// How often that is waited for.
const TRIES: u32 = 500;

/// Copies the SQLite database `from`, which other processes may be writing, to the new file `to`: a state that it had
/// between two transactions. Durable when this returns. Writers are not held up.
///
/// # Errors
/// [`JournalError::Unavailable`] when one of them cannot be read or written, [`JournalError::Corrupt`] when `from` is
/// no database, or a damaged one.
pub fn copy_database(from: &Path, to: &Path) -> Result<(), JournalError> {
    let found = copy(from, to).map_err(|error| explain(from, &error))?;
    if found != "ok" {
        return Err(JournalError::Corrupt(format!("{}: {found}", from.display())));
    }
    File::open(to).and_then(|file| file.sync_all()).map_err(|error| {
        JournalError::Unavailable(format!("{} could not be made durable: {error}", to.display()))
    })
}

/// Copies, and says what is wrong with the pages of the copy: `ok`.
fn copy(from: &Path, to: &Path) -> SqlResult<String> {
    let reading = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let writing =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, reading)?;
    let mut copy = Connection::open_with_flags(to, writing)?;
    let backup = Backup::new(&source, &mut copy)?;
    let mut tries = 0;
    loop {
        // all pages in one step are all pages of one snapshot
        match backup.step(-1)? {
            StepResult::Done => break,
            _ if tries >= TRIES => {
                return Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                    None,
                ));
            }
            _ => std::thread::sleep(BUSY),
        }
        tries += 1;
    }
    drop(backup);
    // one file that needs no log beside it
    copy.pragma_update(None, "journal_mode", "delete")?;
    let found = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    copy.close().map_err(|(_, error)| error)?;
    Ok(found)
}
