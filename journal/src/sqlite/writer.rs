//! The one writer: takes what has queued, writes it in one transaction, commits, and goes on with the next while
//! the log is synced beside it ([`super::durable`]). It takes again while it inserts, and commits when nothing
//! waits or the batch is full: no timer is ever waited for, and under load a batch holds what all callers have to
//! say.
//!
//! ```text
//! queue --take--> pending --BEGIN, append each, COMMIT--> sync --> head published --> answers
//!                    ^                         | error before COMMIT: ROLLBACK, "unavailable"
//!                    | rest of a large call    | error of COMMIT: drop the connection, reopen, look at the head
//! ```
//!
//! What an answer may claim after an error:
//! - before COMMIT nothing was written;
//! - COMMIT fails for want of room: its last frame, the one that makes it count, was not written;
//! - COMMIT fails otherwise: frames may lie in the log file beyond its known end, and a recovery after a crash
//!   could still find them. So a small transaction is committed over that place and synced. If it holds, the head
//!   now decides for good; if it fails too, the outcome is unknown and the callers are told so.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::{Connection, ErrorCode, Result as SqlResult};

use super::batch::{Ledger, Statements};
use super::checkpoint::{self, Pace};
use super::durable::{Committed, Syncer};
use super::lock::WriterLock;
use super::open::{self, explain};
use super::{Options, Shared};
use crate::queue::Entry;
use crate::{JournalError, Position};

/// How often the writer lets others run before it commits less than it expected.
const GIVE_WAY: usize = 32;

pub(super) struct Writer {
    shared: Arc<Shared>,
    options: Options,
    conn: Option<Connection>,
    ledger: Ledger,
    pace: Pace,
    /// Everything up to here is committed, if not yet durable.
    committed: Position,
    /// Calls answered after the last batch.
    answered: usize,
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
        // What a killed process had committed need not be durable yet.
        shared.log.sync_through(ledger.last)?;
        shared.head.publish(ledger.last);
        let pace = Pace::new(Arc::clone(&shared.checkpoints), options.checkpoint_pages);
        let committed = ledger.last;
        Ok(Self { shared, options, conn: Some(conn), ledger, pace, committed, answered: 0, _lock: lock })
    }

    /// Until the queue is closed and empty; then empties the log into the file.
    pub(super) fn run(mut self, syncer: Syncer, checkpointer: JoinHandle<()>) {
        // A panic here must not leave callers waiting.
        let abandon = AbandonOnDrop(Arc::clone(&self.shared));
        if let Some(conn) = &self.conn {
            checkpoint::watch(conn);
        }
        let mut pending = VecDeque::new();
        while !pending.is_empty() || self.shared.queue.wait() {
            self.answered = self.batch(&mut pending);
            let entries = pending.drain(..self.answered).collect();
            syncer.take(Committed { entries, through: self.committed });
            self.between_batches();
        }
        drop(abandon);
        drop(syncer);
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
            Err(error) => Outcome::Failed(error),
        };
        match outcome {
            Outcome::Committed => {
                self.shared.counters.committed(self.ledger.last.saturating_sub(self.committed));
                self.committed = self.ledger.last;
                batch.finished
            }
            Outcome::Failed(error) => {
                tracing::warn!(%error, "a batch was not written");
                self.shared.counters.failed(error.to_string());
                if batch.before.is_empty() {
                    // It did not even begin: nothing may have been taken yet, and whoever waits must hear of it.
                    self.shared.queue.take(pending);
                    batch.before = pending.iter().map(|entry| entry.answer.results.len()).collect();
                }
                // Even a refusal may rest on an item of the same batch that is now gone.
                for (Entry { answer, .. }, before) in pending.iter_mut().zip(&batch.before) {
                    answer.results.truncate(*before);
                    answer.results.resize(answer.items.len(), Err(error.clone()));
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
        let source = Source { shared: &self.shared, options: &self.options, expected: self.answered };
        let inserted = source.insert(conn, &mut self.ledger, pending, batch);
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
            overwrite_the_end(conn).map_err(|error| explain(path, &error))?;
            shared.log.sync()
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
        self.shared.log.usable()?;
        if self.conn.is_some() { Ok(()) } else { self.reopen() }
    }

    fn reopen(&mut self) -> Result<(), JournalError> {
        let path = &self.shared.path;
        let conn = open::writer(path, self.options.cache_kib)?;
        self.ledger.reload(&conn).map_err(|error| explain(path, &error))?;
        checkpoint::watch(&conn);
        self.shared.faults.limit(&conn);
        self.conn = Some(conn);
        self.committed = self.ledger.last;
        self.shared.log.reopened();
        self.shared.log.sync()?;
        // What a lost answer had hidden is visible from here on.
        self.shared.head.publish(self.committed);
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

/// Where a batch comes from.
struct Source<'w> {
    shared: &'w Shared,
    options: &'w Options,
    /// Calls that were answered last: as many may be about to come in.
    expected: usize,
}

impl Source<'_> {
    /// Inserts what is pending and whatever comes in meanwhile, until nothing waits or the batch is full: the
    /// callers of the batch before are just sending their next, and a fuller transaction writes fewer pages.
    fn insert(
        &self,
        conn: &Connection,
        ledger: &mut Ledger,
        pending: &mut VecDeque<Entry>,
        batch: &mut Batch,
    ) -> SqlResult<()> {
        conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut statements = Statements::new(conn)?;
        let now = self.options.clock.now();
        let mut events = 0;
        loop {
            if batch.finished == pending.len() {
                self.take_more(pending);
            }
            let Some(Entry { answer, .. }) = pending.get_mut(batch.finished) else { return Ok(()) };
            batch.before.push(answer.results.len());
            // The items come back to their caller only to be freed there: a name may go into the cache.
            while let Some(item) = answer.items.get_mut(answer.results.len()) {
                if events >= self.options.max_batch_events {
                    return Ok(());
                }
                let after_conflict = answer.conflicts.contains(&item.stream);
                let result = ledger.append(&mut statements, item, after_conflict, now)?;
                if let Err(JournalError::Conflict { stream, .. } | JournalError::Overtaken { stream, .. }) =
                    &result
                {
                    answer.conflicts.insert(stream.clone());
                }
                answer.results.push(result);
                events += item.events.len();
            }
            batch.finished += 1;
        }
    }

    /// Takes what waits. When nothing does but callers were just answered, gives way to them: on few cores they
    /// may be ready to send and only lack a core. Where nobody lacks one this returns at once.
    fn take_more(&self, pending: &mut VecDeque<Entry>) {
        let had = pending.len();
        self.shared.queue.take(pending);
        for _ in 0..GIVE_WAY {
            if pending.len() > had || had >= self.expected {
                return;
            }
            std::thread::yield_now();
            self.shared.queue.take(pending);
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
