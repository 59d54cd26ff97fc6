//! Opening a journal file: what kind of file it is, which schema it has, and the settings of each connection.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use crate::JournalError;

/// `Dybk`: marks a file as a Daybook journal in SQLite's header.
const APPLICATION_ID: i32 = 0x4479_626B;
/// Bytes of a page: fewer, wider nodes append faster than the default of 4 KiB.
const PAGE_BYTES: u32 = 8192;
/// How long a connection waits for a lock that only a foreign tool could hold.
const BUSY: Duration = Duration::from_secs(5);

/// The schema, a step per file: step `n` leads to `user_version` `n`.
pub(crate) const MIGRATIONS: &[&str] = &[include_str!("../../../migrations/sqlite/journal/0001_journal.sql")];

/// Opens for writing; makes the journal when there is no file, an empty one, or a database with nothing in it.
pub(super) fn writer(path: &Path, cache_kib: u32) -> Result<Connection, JournalError> {
    let fail = |error| explain(path, &error);
    let nothing = header(path)?.is_none();
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(fail)?;
    conn.busy_timeout(BUSY).map_err(fail)?;
    let fresh = nothing || unfinished(path, &conn)?;
    if fresh {
        // The page size counts only before the first page is written, and WAL fixes it.
        conn.pragma_update(None, "page_size", PAGE_BYTES).map_err(fail)?;
    } else {
        check_identity(path, &conn)?;
    }
    conn.pragma_update(None, "journal_mode", "wal").map_err(fail)?;
    // COMMIT does not wait for the disk: the log is synced beside the writer, before anyone hears of it.
    conn.pragma_update(None, "synchronous", "normal").map_err(fail)?;
    conn.pragma_update(None, "wal_autocheckpoint", 0).map_err(fail)?;
    conn.pragma_update(None, "cache_size", -i64::from(cache_kib)).map_err(fail)?;
    conn.set_prepared_statement_cache_capacity(32);
    migrate(path, &mut conn, fresh)?;
    check_tables(path, &conn)?;
    Ok(conn)
}

/// Opens for reading. `mmap_bytes` of the file are mapped instead of copied.
pub(super) fn reader(path: &Path, mmap_bytes: u64) -> Result<Connection, JournalError> {
    let fail = |error| explain(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(fail)?;
    conn.busy_timeout(BUSY).map_err(fail)?;
    conn.pragma_update(None, "query_only", true).map_err(fail)?;
    conn.pragma_update(None, "mmap_size", mmap_bytes).map_err(fail)?;
    conn.set_prepared_statement_cache_capacity(32);
    Ok(conn)
}

/// Opens the connection that moves the log into the database file.
pub(super) fn checkpointer(path: &Path) -> Result<Connection, JournalError> {
    let fail = |error| explain(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(fail)?;
    conn.busy_timeout(BUSY).map_err(fail)?;
    conn.pragma_update(None, "wal_autocheckpoint", 0).map_err(fail)?;
    Ok(conn)
}

/// Checks a file that is only going to be read.
pub(super) fn check_readable(path: &Path) -> Result<(), JournalError> {
    if header(path)?.is_none() {
        return Err(JournalError::Unavailable(format!(
            "there is no journal at {}; open it once for writing to make one",
            path.display()
        )));
    }
    let conn = reader(path, 0)?;
    check_identity(path, &conn)?;
    let version = user_version(path, &conn)?;
    if version < MIGRATIONS.len() {
        return Err(JournalError::Corrupt(format!(
            "{} has the older journal schema {version}; open it once for writing to bring it to {}",
            path.display(),
            MIGRATIONS.len()
        )));
    }
    check_tables(path, &conn)
}

/// Whether there is a file with something in it, and whether that something is SQLite at all.
fn header(path: &Path) -> Result<Option<()>, JournalError> {
    let mut start = Vec::with_capacity(16);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let text = format!("cannot open {}: {error}", path.display());
            return Err(JournalError::Unavailable(text));
        }
    };
    match file.take(16).read_to_end(&mut start) {
        Ok(0) => Ok(None),
        Ok(_) if start == b"SQLite format 3\0" => Ok(Some(())),
        Ok(_) => Err(foreign(path)),
        Err(error) => Err(JournalError::Unavailable(format!("cannot read {}: {error}", path.display()))),
    }
}

fn foreign(path: &Path) -> JournalError {
    JournalError::Corrupt(format!("{} is not a Daybook journal", path.display()))
}

fn check_identity(path: &Path, conn: &Connection) -> Result<(), JournalError> {
    let id: i32 = conn
        .query_row("PRAGMA application_id", [], |row| row.get(0))
        .map_err(|error| explain(path, &error))?;
    if id != APPLICATION_ID {
        return Err(foreign(path));
    }
    let version = user_version(path, conn)?;
    if version > MIGRATIONS.len() {
        return Err(JournalError::Corrupt(format!(
            "{} has the newer journal schema {version}, this program knows {}; upgrade daybook",
            path.display(),
            MIGRATIONS.len()
        )));
    }
    Ok(())
}

/// Whether a program died while it made the journal, before there was anything in it: the database exists, it says
/// nothing and is nobody's.
fn unfinished(path: &Path, conn: &Connection) -> Result<bool, JournalError> {
    let id: i32 = conn
        .query_row("PRAGMA application_id", [], |row| row.get(0))
        .map_err(|error| explain(path, &error))?;
    if id != 0 || user_version(path, conn)? != 0 {
        return Ok(false);
    }
    conn.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
        .map_err(|error| explain(path, &error))
}

fn user_version(path: &Path, conn: &Connection) -> Result<usize, JournalError> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(|error| explain(path, &error))
}

/// Brings the schema up to date, each step in a transaction of its own.
fn migrate(path: &Path, conn: &mut Connection, fresh: bool) -> Result<(), JournalError> {
    let fail = |error| explain(path, &error);
    let from = if fresh { 0 } else { user_version(path, conn)? };
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(from) {
        let tx = conn.transaction().map_err(fail)?;
        tx.execute_batch(sql).map_err(fail)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(fail)?;
        tx.pragma_update(None, "user_version", step + 1).map_err(fail)?;
        tx.commit().map_err(fail)?;
    }
    Ok(())
}

/// The cheap part of an integrity check: the last row can be read and positions are dense at the end.
fn check_tables(path: &Path, conn: &Connection) -> Result<(), JournalError> {
    let last = conn
        .query_row(
            "SELECT e.position, e.version, length(e.data), s.name, k.name, a.name FROM events e
             LEFT JOIN stream s ON s.id = e.stream LEFT JOIN kind k ON k.id = e.kind
             LEFT JOIN actor a ON a.id = e.actor ORDER BY e.position DESC LIMIT 1",
            [],
            |row| {
                let names: [Option<String>; 3] = [row.get(3)?, row.get(4)?, row.get(5)?];
                Ok(names.iter().all(Option::is_some))
            },
        )
        .optional()
        .map_err(|error| match error {
            rusqlite::Error::SqliteFailure(f, Some(text)) if f.code == ErrorCode::Unknown => {
                damaged(path, &text)
            }
            error => explain(path, &error),
        })?;
    if last == Some(false) {
        return Err(damaged(path, "the last event refers to a name that is missing"));
    }
    Ok(())
}

pub(super) fn damaged(path: &Path, why: &str) -> JournalError {
    JournalError::Corrupt(format!(
        "the journal {} is damaged ({why}); restore it from a copy",
        path.display()
    ))
}

/// Says what a database error means for the journal.
pub(super) fn explain(path: &Path, error: &rusqlite::Error) -> JournalError {
    let at = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => foreign(path),
        Some(ErrorCode::DatabaseCorrupt) => damaged(path, &error.to_string()),
        Some(ErrorCode::DiskFull) => JournalError::Unavailable(format!(
            "no room on the disk of {at}; make room, the journal goes on by itself"
        )),
        Some(ErrorCode::CannotOpen) => {
            JournalError::Unavailable(format!("cannot open {at}; does its folder exist?"))
        }
        Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            JournalError::Unavailable(format!("{at} may not be written ({error})"))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            JournalError::Unavailable(format!("{at} is locked by another program; close it and try again"))
        }
        Some(_) => JournalError::Unavailable(format!("{at}: {error}")),
        // Not an answer of SQLite: a column of a type that the schema forbids.
        None => damaged(path, &error.to_string()),
    }
}
