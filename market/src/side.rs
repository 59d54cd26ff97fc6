//! What the running market remembers for itself: how far its reactors have come, which deadlines run, which
//! reactions were refused, which imports are unfinished. A SQLite file beside the journal.
//!
//! All of it but the list of refusals can be derived again: reactions have derived ids, so starting over is
//! harmless. Progress and what was found are written in one transaction, with the last event they rest on: a file
//! that belongs to another journal, or to one that was put back to an earlier state, starts over.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use daybook_domain::Timestamp;
use daybook_journal::{Filter, Journal, Micros, Position};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use uuid::Uuid;

use crate::deadlines::Deadline;
use crate::references::{Name, Resting};
use crate::{AnyCommand, MarketError};

/// How many refused reactions are kept; the oldest go first.
pub const REFUSED_REACTIONS_KEPT: i64 = 10_000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS progress (one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS reacted_to (
      one INTEGER PRIMARY KEY CHECK (one = 1), event BLOB NOT NULL, recorded_at INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS deadlines (
      position INTEGER PRIMARY KEY, cause BLOB NOT NULL, due INTEGER NOT NULL, not_before INTEGER NOT NULL,
      command TEXT NOT NULL, source TEXT);
    CREATE INDEX IF NOT EXISTS deadlines_by_time ON deadlines (not_before);
    CREATE TABLE IF NOT EXISTS refused_reactions (
      id INTEGER PRIMARY KEY, at INTEGER NOT NULL, cause BLOB NOT NULL, position INTEGER NOT NULL,
      stream TEXT NOT NULL, command_id BLOB NOT NULL UNIQUE, command TEXT NOT NULL, code TEXT NOT NULL,
      reason TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS imports (source TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS provider_references (
      sort TEXT NOT NULL, provider TEXT NOT NULL, reference TEXT NOT NULL, resting TEXT NOT NULL,
      PRIMARY KEY (sort, provider, reference)) WITHOUT ROWID;
    -- of a version that knew of no transfers: all is looked at again
    DROP TABLE IF EXISTS provider_references_through;
    CREATE TABLE IF NOT EXISTS references_through (
      one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL);
    INSERT OR IGNORE INTO references_through(one, position) VALUES (1, 0);";

/// A reaction or deadline whose command was refused, and nothing was foreseen for that.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RefusedReaction {
    /// When, by the clock.
    pub at: Timestamp,
    /// The event that asked for it.
    pub cause: Uuid,
    /// Its position in the journal; 0 for a deadline.
    pub position: Position,
    /// The stream that refused.
    pub stream: String,
    /// The command's id.
    pub command_id: Uuid,
    /// The command.
    pub command: AnyCommand,
    /// The rejection's stable code.
    pub code: String,
    /// What was wrong and how to cure it.
    pub reason: String,
}

/// What tells an event from those of other journals at its position: ids alone are derived from commands, so that
/// two journals may begin with the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    event: Uuid,
    recorded_at: Micros,
}

impl Mark {
    /// Of the event at a position; `None` when there is none.
    pub(crate) fn at(journal: &dyn Journal, position: Position) -> Result<Option<Self>, MarketError> {
        let mut found = None;
        if position > 0 && position <= journal.head()? {
            journal.scan(position - 1, Some(position), &Filter::default(), &mut |event| {
                found = Some(Self { event: event.id, recorded_at: event.recorded_at });
                ControlFlow::Break(())
            })?;
        }
        Ok(found)
    }
}

/// What one pass over the journal found.
#[derive(Default)]
pub(crate) struct Pass {
    pub through: Position,
    /// The event at `through`.
    pub mark: Option<Mark>,
    /// Deadlines that started, each with the import it belongs to.
    pub deadlines: Vec<(Deadline, Option<String>)>,
    pub refused: Vec<RefusedReaction>,
    /// Where it began.
    pub after: Position,
    pub references: Vec<Resting>,
}

/// The market's own tables.
pub(crate) struct Side {
    own: Mutex<Connection>,
    /// Where commands look references up, so that they do not wait for a pass; in memory there is one connection.
    asked: Option<Mutex<Connection>>,
}

impl Side {
    pub(crate) fn open(path: &Path) -> Result<Self, MarketError> {
        let open = || -> rusqlite::Result<Self> {
            let own = Self::with(Connection::open(path)?)?;
            let asked = Connection::open(path)?;
            asked.busy_timeout(Duration::from_secs(5))?;
            asked.execute_batch("PRAGMA query_only=ON")?;
            Ok(Self { own, asked: Some(Mutex::new(asked)) })
        };
        open().map_err(|e| unavailable(&format!("open {}", path.display()), &e))
    }

    pub(crate) fn in_memory() -> Result<Self, MarketError> {
        let own = Connection::open_in_memory().and_then(Self::with).map_err(|e| unavailable("open", &e))?;
        Ok(Self { own, asked: None })
    }

    fn with(conn: Connection) -> rusqlite::Result<Mutex<Connection>> {
        conn.busy_timeout(Duration::from_secs(5))?;
        conn.execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=4000;",
        )?;
        if by_cause(&conn)? {
            conn.execute_batch(
                "BEGIN; DROP TABLE deadlines; DELETE FROM progress; DELETE FROM reacted_to; COMMIT",
            )?;
        }
        conn.execute_batch(TABLES)?;
        Ok(Mutex::new(conn))
    }

    /// Starts over where the progress is not this journal's: its file was replaced, or put back to an earlier state.
    pub(crate) fn belong_to(&self, journal: &dyn Journal) -> Result<(), MarketError> {
        let position = self.progress()?;
        if position == 0 {
            return Ok(());
        }
        let conn = self.own.lock();
        let seen = conn.query_row("SELECT event, recorded_at FROM reacted_to", [], |row| {
            Ok(Mark { event: Uuid::from_bytes(row.get(0)?), recorded_at: row.get(1)? })
        });
        let seen = seen.optional().map_err(|e| unavailable("read progress", &e))?;
        if seen.is_some() && seen == Mark::at(journal, position)? {
            return Ok(());
        }
        tracing::warn!(position, "the market's own file is not of this journal: its reactors start over");
        conn.execute_batch(
            "BEGIN; DELETE FROM progress; DELETE FROM reacted_to; DELETE FROM deadlines; DELETE FROM imports;
             DELETE FROM provider_references; UPDATE references_through SET position = 0; COMMIT",
        )
        .map_err(|e| unavailable("start over", &e))
    }

    /// Everything up to here has been reacted to.
    pub(crate) fn progress(&self) -> Result<Position, MarketError> {
        let position = self.own.lock().query_row("SELECT position FROM progress", [], |row| row.get(0));
        position.optional().map(Option::unwrap_or_default).map_err(|e| unavailable("read progress", &e))
    }

    /// Writes down a pass.
    pub(crate) fn advance(&self, pass: &Pass) -> Result<(), MarketError> {
        let mut conn = self.own.lock();
        let mut write = || -> rusqlite::Result<()> {
            let tx = conn.transaction()?;
            {
                let mut insert = tx.prepare_cached(
                    "INSERT INTO deadlines(position, cause, due, not_before, command, source)
                     VALUES (?1, ?2, ?3, ?3, ?4, ?5) ON CONFLICT(position) DO NOTHING",
                )?;
                for (deadline, source) in &pass.deadlines {
                    insert.execute(params![
                        deadline.position,
                        deadline.cause.as_bytes(),
                        deadline.due.0,
                        json(&deadline.command),
                        source
                    ])?;
                }
            }
            pass.refused.iter().try_for_each(|refused| list(&tx, refused))?;
            tx.prepare_cached(
                "INSERT INTO progress(one, position) VALUES (1, ?1)
                 ON CONFLICT(one) DO UPDATE SET position = max(position, ?1)",
            )?
            .execute([pass.through])?;
            if let Some(mark) = pass.mark {
                tx.prepare_cached(
                    "INSERT OR REPLACE INTO reacted_to(one, event, recorded_at) VALUES (1, ?1, ?2)",
                )?
                .execute(params![mark.event.as_bytes(), mark.recorded_at])?;
            }
            note(&tx, pass.after, pass.through, &pass.references)?;
            tx.commit()
        };
        write().map_err(|e| unavailable("write progress", &e))
    }

    /// What rests on a reference.
    pub(crate) fn resting_on(&self, name: &Name) -> Result<Option<String>, MarketError> {
        let conn = self.asked.as_ref().unwrap_or(&self.own).lock();
        let sql =
            "SELECT resting FROM provider_references WHERE sort = ?1 AND provider = ?2 AND reference = ?3";
        let read = || -> rusqlite::Result<Option<String>> {
            let by = params![name.sort.as_str(), name.giver.as_str(), name.reference.as_str()];
            conn.prepare_cached(sql)?.query_row(by, |row| row.get(0)).optional()
        };
        read().map_err(|e| unavailable("look a reference up", &e))
    }

    /// The references of everything up to here are known.
    pub(crate) fn references_through(&self) -> Result<Position, MarketError> {
        let sql = "SELECT position FROM references_through";
        let position = self.own.lock().query_row(sql, [], |row| row.get(0));
        position.map_err(|e| unavailable("read how far references are known", &e))
    }

    /// Writes down the references of what was written after one position, through another.
    pub(crate) fn note_references(
        &self,
        after: Position,
        through: Position,
        references: &[Resting],
    ) -> Result<(), MarketError> {
        let mut conn = self.own.lock();
        let mut write = || -> rusqlite::Result<()> {
            let tx = conn.transaction()?;
            note(&tx, after, through, references)?;
            tx.commit()
        };
        write().map_err(|e| unavailable("write references", &e))
    }

    /// Deadlines that are due at `now`, the earliest first, without those of unfinished imports.
    pub(crate) fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Deadline>, MarketError> {
        let conn = self.own.lock();
        let read = || -> rusqlite::Result<Vec<(Position, Uuid, i64, String)>> {
            conn.prepare_cached(
                "SELECT position, cause, due, command FROM deadlines
                 WHERE not_before <= ?1 AND (source IS NULL OR source NOT IN (SELECT source FROM imports))
                 ORDER BY not_before, position LIMIT ?2",
            )?
            .query_map(params![now.0, limit], |row| {
                Ok((row.get(0)?, Uuid::from_bytes(row.get(1)?), row.get(2)?, row.get(3)?))
            })?
            .collect()
        };
        let rows = read().map_err(|e| unavailable("read deadlines", &e))?;
        rows.into_iter()
            .map(|(position, cause, due, command)| {
                let command = parse(&command)?;
                Ok(Deadline { due: Timestamp(due), cause, position, command })
            })
            .collect()
    }

    /// When the next deadline is due, of those not yet put off.
    pub(crate) fn next_due(&self) -> Result<Option<Timestamp>, MarketError> {
        let sql = "SELECT min(not_before) FROM deadlines
                   WHERE source IS NULL OR source NOT IN (SELECT source FROM imports)";
        let next = self.own.lock().query_row(sql, [], |row| row.get::<_, Option<i64>>(0));
        next.map(|due| due.map(Timestamp)).map_err(|e| unavailable("read deadlines", &e))
    }

    /// Strikes out deadlines that were met, puts off those that were refused and lists the refusals; by position of
    /// what started them.
    pub(crate) fn met(
        &self,
        met: &[Position],
        put_off: &[(Position, Timestamp)],
        refused: &[RefusedReaction],
    ) -> Result<(), MarketError> {
        let mut conn = self.own.lock();
        let mut write = || -> rusqlite::Result<()> {
            let tx = conn.transaction()?;
            for position in met {
                tx.prepare_cached("DELETE FROM deadlines WHERE position = ?1")?.execute([position])?;
            }
            for (position, until) in put_off {
                tx.prepare_cached("UPDATE deadlines SET not_before = ?2 WHERE position = ?1")?
                    .execute(params![position, until.0])?;
            }
            refused.iter().try_for_each(|refused| list(&tx, refused))?;
            tx.commit()
        };
        write().map_err(|e| unavailable("write deadlines", &e))
    }

    /// The last refused reactions, newest first.
    pub(crate) fn refused(&self, limit: usize) -> Result<Vec<RefusedReaction>, MarketError> {
        let conn = self.own.lock();
        let read = || -> rusqlite::Result<Vec<(RefusedRow, String)>> {
            conn.prepare_cached(
                "SELECT at, cause, position, stream, command_id, code, reason, command FROM refused_reactions
                 ORDER BY id DESC LIMIT ?1",
            )?
            .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                let fields = RefusedRow {
                    at: row.get(0)?,
                    cause: row.get(1)?,
                    position: row.get(2)?,
                    stream: row.get(3)?,
                    command_id: row.get(4)?,
                    code: row.get(5)?,
                    reason: row.get(6)?,
                };
                Ok((fields, row.get(7)?))
            })?
            .collect()
        };
        let rows = read().map_err(|e| unavailable("read refused reactions", &e))?;
        rows.into_iter()
            .map(|(row, command)| {
                Ok(RefusedReaction {
                    at: Timestamp(row.at),
                    cause: Uuid::from_bytes(row.cause),
                    position: row.position,
                    stream: row.stream,
                    command_id: Uuid::from_bytes(row.command_id),
                    command: parse(&command)?,
                    code: row.code,
                    reason: row.reason,
                })
            })
            .collect()
    }

    /// An import runs: deadlines of what it brings in wait until it has finished.
    pub(crate) fn import_begins(&self, source: &str) -> Result<(), MarketError> {
        let sql = "INSERT INTO imports(source) VALUES (?1) ON CONFLICT DO NOTHING";
        self.own.lock().execute(sql, [source]).map(drop).map_err(|e| unavailable("note an import", &e))
    }

    /// It has finished.
    pub(crate) fn import_ends(&self, source: &str) -> Result<(), MarketError> {
        let sql = "DELETE FROM imports WHERE source = ?1";
        self.own.lock().execute(sql, [source]).map(drop).map_err(|e| unavailable("note an import", &e))
    }
}

/// Whether the deadlines are kept by cause, as they once were: ids come in no order, so each wrote a page of its own.
fn by_cause(conn: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM pragma_table_info('deadlines') WHERE name = 'cause' AND pk = 1";
    conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|found| found == 1)
}

struct RefusedRow {
    at: i64,
    cause: [u8; 16],
    position: Position,
    stream: String,
    command_id: [u8; 16],
    code: String,
    reason: String,
}

/// What rests on a reference first stays there.
fn note(
    conn: &Connection,
    after: Position,
    through: Position,
    references: &[Resting],
) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO provider_references(sort, provider, reference, resting) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
    )?;
    for Resting { name, by } in references {
        insert.execute(params![name.sort.as_str(), name.giver.as_str(), name.reference.as_str(), by])?;
    }
    conn.prepare_cached("UPDATE references_through SET position = ?2 WHERE position BETWEEN ?1 AND ?2")?
        .execute([after, through])
        .map(drop)
}

fn list(conn: &Connection, refused: &RefusedReaction) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO refused_reactions(at, cause, position, stream, command_id, command, code, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(command_id) DO NOTHING",
    )?
    .execute(params![
        refused.at.0,
        refused.cause.as_bytes(),
        refused.position,
        refused.stream,
        refused.command_id.as_bytes(),
        json(&refused.command),
        refused.code,
        refused.reason
    ])?;
    let oldest = conn.last_insert_rowid() - REFUSED_REACTIONS_KEPT;
    conn.prepare_cached("DELETE FROM refused_reactions WHERE id <= ?1")?.execute([oldest]).map(drop)
}

fn json(command: &AnyCommand) -> String {
    serde_json::to_string(command).expect("invariant: a command is plain data")
}

fn parse(command: &str) -> Result<AnyCommand, MarketError> {
    serde_json::from_str(command).map_err(|e| {
        MarketError::Unavailable(format!("the market's own file holds a command that cannot be read: {e}"))
    })
}

fn unavailable(what: &str, error: &rusqlite::Error) -> MarketError {
    MarketError::Unavailable(format!("the market's own file: cannot {what}: {error}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_keeps_deadlines_by_their_cause_starts_over() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "CREATE TABLE deadlines (cause BLOB PRIMARY KEY, due INTEGER NOT NULL, not_before INTEGER NOT NULL,
               command TEXT NOT NULL, source TEXT) WITHOUT ROWID;
             INSERT INTO deadlines VALUES (x'00', 1, 1, '{}', NULL);
             CREATE TABLE progress (one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL);
             INSERT INTO progress VALUES (1, 9);
             CREATE TABLE reacted_to (one INTEGER PRIMARY KEY CHECK (one = 1), event BLOB NOT NULL,
               recorded_at INTEGER NOT NULL);",
        )
        .unwrap();
        let side = Side { own: Side::with(conn).unwrap(), asked: None };
        assert_eq!(side.progress().unwrap(), 0);
        assert_eq!(side.next_due().unwrap(), None);
        side.advance(&Pass { through: 7, ..Pass::default() }).unwrap();
        let again = Side { own: Side::with(side.own.into_inner()).unwrap(), asked: None };
        assert_eq!(again.progress().unwrap(), 7, "a file of today's kind goes on");
    }
}
