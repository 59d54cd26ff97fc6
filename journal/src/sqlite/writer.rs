//! The one writer: takes what has queued, writes it in one transaction, commits, answers. No delay is added to
//! make batches larger; they grow by themselves while a commit runs.
//!
//! ```text
//! queue --take--> pending --BEGIN, append each, COMMIT (one fsync)--> head published --> answers
//!                    ^                         | error before COMMIT: ROLLBACK, "unavailable"
//!                    | rest of a large call    | error of COMMIT: drop the connection, reopen, look at the head
//! ```
//!
//! What an answer may claim after an error:
//! - before COMMIT nothing was written;
//! - COMMIT fails for want of room: its last frame, the one that makes it count, was not written;
//! - COMMIT fails otherwise: frames may lie in the log file beyond its known end, and a recovery after a crash
//!   could still find them. So a small transaction is committed over that place. If it holds, the head now
//!   decides for good; if it fails too, the outcome is unknown and the callers are told so.

use std::collections::VecDeque;
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, Result as SqlResult};

use super::batch::{Ledger, Statements};
use super::checkpoint::{self, Pace};
use super::lock::WriterLock;
use super::open::{self, explain};
use super::queue::Entry;
use super::{Options, Shared};
use crate::{JournalError, Position};

pub(super) struct Writer {
    shared: Arc<Shared>,
    options: Options,
    conn: Option<Connection>,
    ledger: Ledger,
    pace: Pace,
    /// Held until the last connection for writing is closed.
    _lock: WriterLock,
}

/// What became of a batch.
enum Outcome {
    Committed,
    Failed(JournalError),
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        options: Options,
        conn: Connection,
        lock: WriterLock,
    ) -> Result<Self, JournalError> {
        let ledger = Ledger::load(&conn, options.stream_cache_entries)
            .map_err(|error| explain(&shared.path, &error))?;
        shared.head.publish(ledger.last);
        let pace = Pace::new(Arc::clone(&shared.checkpoints), options.checkpoint_pages);
        Ok(Self { shared, options, conn: Some(conn), ledger, pace, _lock: lock })
    }

    /// Until the queue is closed and empty; then empties the log into the file.
    pub(super) fn run(mut self, checkpointer: std::thread::JoinHandle<()>) {
        // A panic here must not leave callers waiting.
        let abandon = AbandonOnDrop(Arc::clone(&self.shared));
        if let Some(conn) = &self.conn {
            checkpoint::watch(conn);
        }
        let mut pending = VecDeque::new();
        while self.shared.queue.take(&mut pending) {
            let touched = self.batch(&mut pending);
            for entry in pending.drain(..touched) {
                // Who no longer waits has dropped the future; the append stands all the same.
                let _ = entry.reply.send(entry.results);
            }
            self.between_batches();
        }
        drop(abandon);
        if checkpointer.join().is_err() {
            tracing::error!("the checkpointer panicked");
        }
        if let Some(conn) = self.conn.take()
            && let Err(error) = checkpoint::truncate(&conn)
        {
            tracing::warn!(%error, "the last checkpoint failed; the log keeps what it holds");
        }
    }

    /// Writes one batch off the front of `pending`; returns how many calls are answered in full.
    fn batch(&mut self, pending: &mut VecDeque<Entry>) -> usize {
        let mut batch = Batch::default();
        let outcome = match self.connected() {
            Ok(()) => self.write(pending, &mut batch),
            Err(error) => {
                batch.before = pending.iter().map(|entry| entry.results.len()).collect();
                Outcome::Failed(error)
            }
        };
        match outcome {
            Outcome::Committed => {
                self.shared.head.publish(self.ledger.last);
                batch.finished
            }
            Outcome::Failed(error) => {
                tracing::warn!(%error, "a batch was not written");
                // Even a refusal may rest on an item of the same batch that is now gone.
                for (entry, before) in pending.iter_mut().zip(&batch.before) {
                    entry.results.truncate(*before);
                    entry.results.resize(entry.items.len(), Err(error.clone()));
                }
                batch.before.len()
            }
        }
    }

    fn write(&mut self, pending: &mut VecDeque<Entry>, batch: &mut Batch) -> Outcome {
        let last_before = self.ledger.last;
        let Some(conn) = &self.conn else {
            return Outcome::Failed(JournalError::Unavailable("no connection".into()));
        };
        let now = self.options.clock.now();
        let inserted = Self::insert(conn, &mut self.ledger, &self.options, now, pending, batch);
        let committed = match inserted {
            Ok(()) => self.shared.faults.commit(conn),
            Err(error) => {
                let rolled_back = conn.is_autocommit() || conn.execute_batch("ROLLBACK").is_ok();
                let reloaded = rolled_back && self.ledger.reload(conn).is_ok();
                if !reloaded {
                    self.conn = None;
                }
                return Outcome::Failed(explain(&self.shared.path, &error));
            }
        };
        match committed {
            Ok(()) => Outcome::Committed,
            Err(error) => self.settle(&error, last_before),
        }
    }

    fn insert(
        conn: &Connection,
        ledger: &mut Ledger,
        options: &Options,
        now: crate::Micros,
        pending: &mut VecDeque<Entry>,
        batch: &mut Batch,
    ) -> SqlResult<()> {
        conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut statements = Statements::new(conn)?;
        let mut events = 0;
        for entry in pending.iter_mut() {
            batch.before.push(entry.results.len());
            while let Some(item) = entry.items.get_mut(entry.results.len()) {
                if events >= options.max_batch_events {
                    return Ok(());
                }
                entry.results.push(ledger.append(&mut statements, item, now)?);
                events += item.events.len();
            }
            batch.finished += 1;
        }
        Ok(())
    }

    /// COMMIT answered with an error: find out what is true.
    fn settle(&mut self, error: &rusqlite::Error, last_before: Position) -> Outcome {
        let shared = Arc::clone(&self.shared);
        let path = &shared.path;
        let meant = self.ledger.last;
        let no_room = error.sqlite_error_code() == Some(ErrorCode::DiskFull);
        self.conn = None;
        tracing::warn!(%error, "commit failed; reopening {}", path.display());
        let unknown = |why: &dyn std::fmt::Display| {
            JournalError::OutcomeUnknown(format!("committing to {} failed ({error}); {why}", path.display()))
        };
        let not_written = || match explain(path, error) {
            error @ JournalError::Unavailable(_) => error,
            other => JournalError::Unavailable(other.to_string()),
        };
        let reopened = self.reopen().and_then(|()| {
            let conn = self.conn.as_ref().ok_or_else(|| JournalError::Unavailable("closed".into()))?;
            overwrite_the_end(conn).map_err(|error| explain(path, &error))
        });
        let written = self.conn.is_some() && self.ledger.last == meant && meant > last_before;
        match reopened {
            Ok(()) if written => Outcome::Committed,
            Ok(()) => Outcome::Failed(not_written()),
            Err(_) if no_room => Outcome::Failed(not_written()),
            Err(again) => Outcome::Failed(unknown(&again)),
        }
    }

    fn connected(&mut self) -> Result<(), JournalError> {
        if self.conn.is_some() { Ok(()) } else { self.reopen() }
    }

    fn reopen(&mut self) -> Result<(), JournalError> {
        let path = &self.shared.path;
        let conn = open::writer(path, self.options.cache_kib)?;
        self.ledger.reload(&conn).map_err(|error| explain(path, &error))?;
        checkpoint::watch(&conn);
        self.shared.faults.limit(&conn);
        self.conn = Some(conn);
        // What a lost answer had hidden is visible from here on.
        self.shared.head.publish(self.ledger.last);
        Ok(())
    }

    fn between_batches(&mut self) {
        self.ledger.make_room();
        self.pace.committed(checkpoint::log_pages());
        let Some(conn) = &self.conn else { return };
        self.shared.faults.limit(conn);
        if self.pace.writer_should_finish() {
            match checkpoint::passive(conn) {
                Ok(progress) => self.pace.helped(progress),
                Err(error) => tracing::warn!(%error, "checkpoint by the writer failed"),
            }
        }
    }
}

/// Commits a page that changes nothing: whatever a failed commit left beyond the log's end is no longer a
/// continuation of it.
fn overwrite_the_end(conn: &Connection) -> SqlResult<()> {
    let version: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    conn.pragma_update(None, "user_version", version)
}

#[derive(Default)]
struct Batch {
    /// Answers each touched call had before the batch.
    before: Vec<usize>,
    /// Calls from the front that are answered in full.
    finished: usize,
}

struct AbandonOnDrop(Arc<Shared>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.queue.abandon();
        self.0.checkpoints.close();
    }
}
