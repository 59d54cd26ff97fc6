//! Writing a copy of a journal: events as they are, from one caller, without a queue.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::batch::{Ledger, Statements};
use super::lock::WriterLock;
use super::open::{self, explain};
use super::{Options, SqliteJournal};
use crate::{Journal, JournalError, Kept, Restore};

/// A journal file that takes the events of another one.
pub struct SqliteRestore {
    path: PathBuf,
    reader: SqliteJournal,
    ledger: Ledger,
    conn: Connection,
    _lock: WriterLock,
}

impl SqliteRestore {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    /// As [`SqliteJournal::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref().to_owned();
        let lock = WriterLock::take(&path)?;
        let options = Options::default();
        let conn = open::writer(&path, options.cache_kib)?;
        let ready = || {
            // A transaction waits for the disk itself, and moves the log when that is long: nobody else does.
            conn.pragma_update(None, "synchronous", "full")?;
            conn.pragma_update(None, "wal_autocheckpoint", options.checkpoint_pages)?;
            Ledger::load(&conn, options.stream_cache_entries)
        };
        let ledger = ready().map_err(|error| explain(&path, &error))?;
        let reader = SqliteJournal::open_read_only(&path)?;
        Ok(Self { path, reader, ledger, conn, _lock: lock })
    }

    fn write(&mut self, events: &[Kept]) -> rusqlite::Result<Result<(), JournalError>> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        let mut statements = Statements::new(&self.conn)?;
        for kept in events {
            if let Err(error) = self.ledger.restore(&mut statements, kept)? {
                return Ok(Err(error));
            }
        }
        drop(statements);
        self.conn.execute_batch("COMMIT").map(Ok)
    }
}

impl Restore for SqliteRestore {
    fn journal(&self) -> &dyn Journal {
        &self.reader
    }

    fn restore(&mut self, events: &[Kept]) -> Result<(), JournalError> {
        let written = self.write(events).unwrap_or_else(|error| Err(explain(&self.path, &error)));
        if written.is_err() {
            let rolled_back = self.conn.is_autocommit() || self.conn.execute_batch("ROLLBACK").is_ok();
            if !rolled_back || self.ledger.reload(&self.conn).is_err() {
                return Err(JournalError::OutcomeUnknown(format!("writing to {}", self.path.display())));
            }
        }
        self.ledger.make_room();
        written
    }
}
