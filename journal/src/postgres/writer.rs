//! The one writer of this process: takes what has queued, writes it in one transaction, and goes on with what
//! came in meanwhile. Other processes may write the same journal: the head row lets one commit at a time.
//!
//! ```text
//! queue --take--> lock the head --take--> check, insert --COMMIT--> head published --> answers
//!                       | error before COMMIT: "unavailable", nothing was written
//!                       | error of COMMIT: "outcome unknown", the next batch finds out on a new connection
//! ```
//!
//! A connection that failed is never used again. What is asked next makes a new one, so the journal goes on by itself
//! when the server does.
//!
//! Who opened the journal for itself alone ([`Options::alone`]) holds a lock of its session: it goes with the
//! connection. On the next one it is taken again, and when the head says that somebody else has written meanwhile,
//! nothing more is written: what this process has in memory is behind.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Error, Row};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::batch::{Batch, Bounds, HeadRow, Ledger, unsigned};
use super::connect::{LOCK_CLASS, PATIENCE, WRITING};
use super::explain::explain;
use super::{Options, Shared, schema};
use crate::queue::Entry;
use crate::{JournalError, Position};

/// Pause before a connection is tried again.
const AGAIN: Duration = Duration::from_millis(50);
/// How long a session that was cut off is given to let go of its lock.
const LETTING_GO: Duration = Duration::from_secs(10);

pub(super) struct Writer {
    shared: Arc<Shared>,
    options: Options,
    me: Uuid,
    session: Option<Session>,
    /// The session before, which the server may not know to be gone.
    before: Option<Backend>,
    ledger: Ledger,
    /// Everything up to here this process has found written or acknowledged.
    seen: Position,
}

struct Session {
    conn: PgConnection,
    backend: Backend,
}

/// A process of the server: its number and when it began.
#[derive(Clone, Debug)]
struct Backend {
    pid: i32,
    began: String,
}

/// Why a batch was not written.
enum Failure {
    /// Before COMMIT was sent.
    NotWritten(JournalError),
    Unknown(JournalError),
}

impl Writer {
    /// Connects, brings the schema up to date and takes the lock.
    pub(super) async fn open(shared: Arc<Shared>, options: Options) -> Result<Self, JournalError> {
        let target = &shared.target;
        let mut conn = target.connect_to_write().await?;
        schema::migrate(target, &mut conn).await?;
        let me = target.new_name(&mut conn).await?;
        let ledger = Ledger::new(me, options.stream_cache_entries);
        let mut writer =
            Self { shared: Arc::clone(&shared), options, me, session: None, before: None, ledger, seen: 0 };
        let mut session = writer.begin_session(conn).await?;
        // Behind the lock: who is alone finds it as it stays.
        let head = sqlx::query("SELECT last FROM daybook_journal.head").fetch_one(&mut session.conn).await;
        let head = head.and_then(|row| unsigned(&row, 0)).map_err(|error| explain(&target.name, &error))?;
        writer.session = Some(session);
        writer.seen = head;
        shared.head.publish(head);
        Ok(writer)
    }

    /// Until the queue is closed and empty.
    pub(super) fn run(mut self, runtime: &Runtime) {
        // A panic here must not leave callers waiting.
        let abandon = AbandonOnDrop(Arc::clone(&self.shared));
        let mut pending = VecDeque::new();
        while !pending.is_empty() || self.shared.queue.wait() {
            let finished = runtime.block_on(self.batch(&mut pending));
            self.ledger.make_room();
            pending.drain(..finished).for_each(Entry::reply);
        }
        drop(abandon);
        if let Some(Session { mut conn, .. }) = self.session.take() {
            // Whoever comes next finds the lock free: the server may take its time to notice that this one went.
            let bye = async {
                sqlx::raw_sql("SELECT pg_advisory_unlock_all()").execute(&mut conn).await?;
                conn.close().await
            };
            let _ = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(2), bye).await });
        }
    }

    /// Writes one batch off the front of `pending`; returns how many calls are answered in full.
    async fn batch(&mut self, pending: &mut VecDeque<Entry>) -> usize {
        let mut batch = Batch::default();
        let error = match self.write(pending, &mut batch).await {
            Ok(events) => {
                self.shared.counters.committed(events);
                self.seen = self.ledger.last();
                self.shared.head.publish(self.seen);
                return batch.finished;
            }
            Err(Failure::NotWritten(error) | Failure::Unknown(error)) => error,
        };
        tracing::warn!(%error, "a batch was not written");
        self.ledger.forget();
        self.shared.counters.failed(error.to_string());
        if batch.before.is_empty() {
            // It did not even begin: whoever waits must hear of it.
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

    /// Returns how many events were written.
    async fn write(&mut self, pending: &mut VecDeque<Entry>, batch: &mut Batch) -> Result<u64, Failure> {
        self.lock_head().await.map_err(Failure::NotWritten)?;
        // While the head was waited for, more came in.
        self.shared.queue.take(pending);
        let bounds = Bounds { events: self.options.max_batch_events, now: self.options.clock.now() };
        let target = Arc::clone(&self.shared);
        let target = &target.target;
        let Some(Session { conn, .. }) = &mut self.session else {
            return Err(Failure::NotWritten(JournalError::Unavailable("no connection".into())));
        };
        let ledger = &mut self.ledger;
        let head = ledger.last();
        let filled = patiently(async {
            ledger.catch_up(conn).await?;
            ledger.fill(conn, pending, &bounds, batch).await
        });
        let done = match filled.await {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(explain(&target.name, &error)),
            None => Err(target.silent()),
        };
        if let Err(error) = done {
            self.hang_up();
            return Err(Failure::NotWritten(error));
        }
        // Nothing but refusals and repeats: they rest on what others have committed.
        let end = if self.ledger.last() == head { "ROLLBACK" } else { "COMMIT" };
        let ended = match patiently(sqlx::raw_sql(end).execute(conn)).await {
            Some(Ok(_)) => return Ok(self.ledger.last() - head),
            Some(Err(error)) => explain(&target.name, &error),
            None => target.silent(),
        };
        self.hang_up();
        Err(if self.ledger.last() == head {
            Failure::NotWritten(ended)
        } else {
            Failure::Unknown(JournalError::OutcomeUnknown(format!("while committing, {ended}")))
        })
    }

    /// Begins a transaction that holds the head, on a new connection when the old one turns out to be gone.
    async fn lock_head(&mut self) -> Result<(), JournalError> {
        let mut fresh = false;
        loop {
            if self.session.is_none() {
                fresh = true;
                let connected = async {
                    let conn = self.shared.target.connect_to_write().await?;
                    self.begin_session(conn).await
                };
                match connected.await {
                    Ok(session) => self.session = Some(session),
                    Err(error) => {
                        // Callers that try again at once must not keep the server from coming up.
                        tokio::time::sleep(AGAIN).await;
                        return Err(error);
                    }
                }
            }
            let Some(Session { conn, .. }) = &mut self.session else { continue };
            let error = match patiently(self.ledger.lock(conn)).await {
                Some(Ok(head)) => {
                    let refused = self.refused(head);
                    if refused.is_some() {
                        self.hang_up();
                    }
                    return refused.map_or(Ok(()), Err);
                }
                Some(Err(error)) => explain(&self.shared.target.name, &error),
                None => self.shared.target.silent(),
            };
            self.hang_up();
            self.ledger.forget();
            if fresh {
                return Err(error);
            }
        }
    }

    /// Why nothing can be written behind such a head.
    fn refused(&self, head: HeadRow) -> Option<JournalError> {
        let at = &self.shared.target.name;
        if head.last < self.seen {
            return Some(JournalError::Corrupt(format!(
                "{at} ends at position {}, and this process has seen {}: the server was set back, or another one took \
                 over that did not have all; nothing is written before somebody has looked",
                head.last, self.seen
            )));
        }
        if self.options.alone && head.last != self.seen && head.writer != self.me {
            return Some(JournalError::Locked(format!(
                "{at} was written by another process while the connection was gone; start this one again"
            )));
        }
        None
    }

    /// Learns which process of the server this is, and takes the lock of its writers: alone or with others.
    async fn begin_session(&self, mut conn: PgConnection) -> Result<Session, JournalError> {
        let name = &self.shared.target.name;
        let fail = |error: Error| explain(name, &error);
        let backend =
            sqlx::query("SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()");
        let row = backend.fetch_one(&mut conn).await.map_err(fail)?;
        let backend = Backend { pid: row.try_get(0).map_err(fail)?, began: row.try_get(1).map_err(fail)? };
        let take = if self.options.alone {
            "SELECT pg_try_advisory_lock($1, $2)"
        } else {
            "SELECT pg_try_advisory_lock_shared($1, $2)"
        };
        let deadline = tokio::time::Instant::now() + LETTING_GO;
        let mut last_try = self.before.is_none();
        loop {
            let lock = sqlx::query(take).bind(LOCK_CLASS).bind(WRITING);
            if lock.fetch_one(&mut conn).await.and_then(|row| row.try_get(0)).map_err(fail)? {
                return Ok(Session { conn, backend });
            }
            let Some(before) = self.before.as_ref().filter(|_| !last_try) else {
                return Err(self.held(&mut conn).await);
            };
            // The session of this process that was cut off, if the server still has it.
            let end = sqlx::query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2",
            );
            let end = end.bind(before.pid).bind(&before.began).fetch_all(&mut conn).await.map_err(fail)?;
            last_try = end.is_empty() || tokio::time::Instant::now() > deadline;
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Says who holds the lock.
    async fn held(&self, conn: &mut PgConnection) -> JournalError {
        let who = sqlx::query(
            "SELECT string_agg(format('%s (process %s of the server, from %s, since %s)', a.application_name, a.pid, \
                 coalesce(host(a.client_addr), 'the same machine'), a.backend_start::timestamptz(0)), ', ') \
             FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
             WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1::int8::oid AND l.objid = $2::int8::oid \
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        );
        let who = who.bind(i64::from(LOCK_CLASS)).bind(i64::from(WRITING)).fetch_one(conn).await;
        let who = who.and_then(|row| row.try_get::<Option<String>, _>(0)).ok().flatten();
        JournalError::Locked(format!(
            "{} is being written by {}; stop it, or open the journal read-only",
            self.shared.target.name,
            who.unwrap_or_else(|| "another process".to_owned())
        ))
    }

    /// Lets go of a connection that failed.
    fn hang_up(&mut self) {
        if let Some(session) = self.session.take() {
            self.before = Some(session.backend);
        }
    }
}

/// Waits for an answer as long as is sensible. `None`: it did not come.
async fn patiently<T>(answer: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(PATIENCE, answer).await.ok()
}

struct AbandonOnDrop(Arc<Shared>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.queue.abandon();
    }
}
