//! Refused money commands, kept with their reason: "why was this payout refused" is data. Bounded: the oldest
//! go first.

use std::collections::VecDeque;
use std::path::Path;

use daybook_domain::Timestamp;
use parking_lot::Mutex;
use rusqlite::{Connection, params};
use serde::Serialize;
use uuid::Uuid;

use crate::CommandError;

/// How many refusals are kept.
pub const REFUSALS_KEPT: usize = 10_000;

/// A refused command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// When it was refused, by the clock.
    pub at: Timestamp,
    /// The stream it was meant for.
    pub stream: String,
    /// The command's id.
    pub command: Uuid,
    /// Who asked.
    pub actor: String,
    /// The rejection's stable code.
    pub code: String,
    /// What was wrong and how to cure it.
    pub reason: String,
    /// The command, JSON.
    pub body: String,
}

/// A bounded table of refusals. Recording never fails the command: a refusal that cannot be kept is logged.
pub trait Refusals: Send + Sync + 'static {
    /// Keeps one.
    fn record(&self, refusal: Refusal);

    /// The last `limit`, newest first.
    ///
    /// # Errors
    /// [`CommandError::Unavailable`] when the table cannot be read.
    fn recent(&self, limit: usize) -> Result<Vec<Refusal>, CommandError>;
}

/// Refusals of this process.
#[derive(Debug, Default)]
pub struct MemoryRefusals(Mutex<VecDeque<Refusal>>);

impl Refusals for MemoryRefusals {
    fn record(&self, refusal: Refusal) {
        let mut kept = self.0.lock();
        if kept.len() == REFUSALS_KEPT {
            kept.pop_front();
        }
        kept.push_back(refusal);
    }

    fn recent(&self, limit: usize) -> Result<Vec<Refusal>, CommandError> {
        Ok(self.0.lock().iter().rev().take(limit).cloned().collect())
    }
}

/// Refusals in a SQLite file.
pub struct SqliteRefusals(Mutex<Connection>);

impl SqliteRefusals {
    /// Opens the table in the file at `path`, making both where needed. The file may hold other tables.
    ///
    /// # Errors
    /// [`CommandError::Unavailable`] when the file cannot be opened or is no database.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CommandError> {
        let path = path.as_ref();
        let open = || -> rusqlite::Result<Connection> {
            let conn = Connection::open(path)?;
            conn.busy_timeout(std::time::Duration::from_secs(5))?;
            conn.execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
                 CREATE TABLE IF NOT EXISTS refusals (
                   id INTEGER PRIMARY KEY, at INTEGER NOT NULL, stream TEXT NOT NULL, command BLOB NOT NULL,
                   actor TEXT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL)",
            )?;
            Ok(conn)
        };
        open().map(|conn| Self(Mutex::new(conn))).map_err(|e| {
            CommandError::Unavailable(format!("refused commands cannot be kept in {}: {e}", path.display()))
        })
    }
}

impl Refusals for SqliteRefusals {
    fn record(&self, refusal: Refusal) {
        let conn = self.0.lock();
        let insert = || -> rusqlite::Result<()> {
            conn.prepare_cached(
                "INSERT INTO refusals(at, stream, command, actor, code, reason, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                refusal.at.0,
                refusal.stream,
                refusal.command.as_bytes(),
                refusal.actor,
                refusal.code,
                refusal.reason,
                refusal.body
            ])?;
            let oldest = conn.last_insert_rowid() - REFUSALS_KEPT as i64;
            conn.prepare_cached("DELETE FROM refusals WHERE id <= ?1")?.execute([oldest])?;
            Ok(())
        };
        if let Err(error) = insert() {
            tracing::warn!(%error, code = refusal.code, stream = refusal.stream, "a refusal was not kept");
        }
    }

    fn recent(&self, limit: usize) -> Result<Vec<Refusal>, CommandError> {
        let conn = self.0.lock();
        let select = || -> rusqlite::Result<Vec<Refusal>> {
            conn.prepare_cached(
                "SELECT at, stream, command, actor, code, reason, body FROM refusals ORDER BY id DESC LIMIT ?1",
            )?
            .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                Ok(Refusal {
                    at: Timestamp(row.get(0)?),
                    stream: row.get(1)?,
                    command: Uuid::from_bytes(row.get(2)?),
                    actor: row.get(3)?,
                    code: row.get(4)?,
                    reason: row.get(5)?,
                    body: row.get(6)?,
                })
            })?
            .collect()
        };
        select().map_err(|e| CommandError::Unavailable(format!("refused commands cannot be read: {e}")))
    }
}
