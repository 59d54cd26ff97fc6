//! The one writer of this process: takes what has queued, writes it in one transaction, and goes on with what
//! came in meanwhile. Other processes may write the same journal: the head row lets one commit at a time.
//!
//! ```text
//! queue --take--> lock the head --take--> check, insert --COMMIT--> head published --> answers
//!                       | error before COMMIT: "unavailable", nothing was written
//!                       | COMMIT without an answer: a new session finds out, and then the callers hear of it
//! ```
//!
//! A connection that failed is never used again. What is asked next makes a new one, so the journal goes on by itself
//! when the server does.
//!
//! A COMMIT whose answer was lost may still be under way: whoever heard "outcome unknown" then and read on would read the
//! state before it and believe it. So nobody is answered before a new session has held the head, which the
//! transaction before it holds to its end, and nothing is read meanwhile ([`Doubt`]). Every session begins with a
//! commit that writes: where commits wait for a standby, what was found written before it has reached one too.
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
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::batch::{Batch, Bounds, HeadRow, Ledger};
use super::connect::{LOCK_CLASS, WRITING};
use super::explain::{explain, no_room, set_back};
use super::{Options, Shared, schema};
use crate::queue::{Entry, Waited};
use crate::{JournalError, Position};

/// Pause before a connection is tried again.
const AGAIN: Duration = Duration::from_millis(50);
/// How long a session that was cut off is given to let go of its lock.
const LETTING_GO: Duration = Duration::from_secs(10);
/// How often a writer that nobody asks looks whether its session, and the lock with it, is still there.
const LOOK: Duration = Duration::from_secs(2);

/// A commit that changes nothing. Where commits wait for a standby, it waits for all that was committed before.
const SETTLE: &str = "UPDATE daybook_journal.head SET writer = writer; COMMIT";
/// Ends a session, unless its commit waits for a standby: that would end the waiting too, and what no standby has
/// would pass for written. Says whether it waits.
const END: &str = "SELECT CASE WHEN wait_event = 'SyncRep' THEN true ELSE pg_terminate_backend(pid) IS NULL END \
    FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2";
const FOUND: &str = "SELECT count(*) FROM unnest($1::int8[], $2::text[], $3::uuid[], $4::uuid[]) \
    AS claimed (position, stream, command, fingerprint) \
    JOIN daybook_journal.events USING (position, stream, command, fingerprint)";

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
    /// The last events found no room on the disk.
    no_room: bool,
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
        let mut writer = Self {
            shared: Arc::clone(&shared),
            options,
            me,
            session: None,
            before: None,
            ledger,
            seen: 0,
            no_room: false,
        };
        // Behind the lock: who is alone finds it as it stays.
        let head = writer.begin_session(conn).await?;
        writer.seen = head.last;
        shared.head.publish(head.last);
        Ok(writer)
    }

    /// Until the queue is closed and empty.
    pub(super) fn run(mut self, runtime: &Runtime) {
        // A panic here must not leave callers waiting.
        let abandon = AbandonOnDrop(Arc::clone(&self.shared));
        let mut pending = VecDeque::new();
        loop {
            if pending.is_empty() {
                match self.shared.queue.wait_for(LOOK) {
                    Waited::Something => {}
                    Waited::Nothing => {
                        runtime.block_on(self.look());
                        continue;
                    }
                    Waited::Closed => break,
                }
            }
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
                self.writes(events);
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
        let patience = target.patience;
        let Some(Session { conn, .. }) = &mut self.session else {
            return Err(Failure::NotWritten(JournalError::Unavailable("no connection".into())));
        };
        let ledger = &mut self.ledger;
        let head = ledger.last();
        let filled = timeout(patience, async {
            ledger.catch_up(conn).await?;
            ledger.fill(conn, pending, &bounds, batch).await
        });
        let done = match filled.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.no_room = no_room(&error);
                Err(explain(&target.name, &error))
            }
            Err(_) => Err(target.silent()),
        };
        if let Err(error) = done {
            self.hang_up();
            return Err(Failure::NotWritten(error));
        }
        // Nothing but refusals and repeats: they rest on what others have committed.
        let end = if self.ledger.last() == head { "ROLLBACK" } else { "COMMIT" };
        let written = self.ledger.last();
        let ended = match timeout(patience, sqlx::raw_sql(end).execute(conn)).await {
            Ok(Ok(_)) => return Ok(written - head),
            Ok(Err(error)) => explain(&target.name, &error),
            Err(_) => target.silent(),
        };
        self.hang_up();
        if written == head {
            return Err(Failure::NotWritten(ended));
        }
        self.settle(&claims(pending, batch), &ended).await?;
        Ok(written - head)
    }

    /// COMMIT was not answered: finds out what became of it, as long as is sensible.
    async fn settle(&mut self, claims: &Claims, ended: &JournalError) -> Result<(), Failure> {
        self.shared.doubt.begin();
        let began = Instant::now();
        let unknown = |why: &dyn std::fmt::Display| {
            Failure::Unknown(JournalError::OutcomeUnknown(format!(
                "while committing, {ended}; since then, {why}"
            )))
        };
        loop {
            let Err(error) = self.connect().await else { break };
            let shared = &self.shared;
            if shared.lost.get().is_some()
                || shared.queue.is_closed()
                || began.elapsed() >= shared.target.patience
            {
                return Err(unknown(&error));
            }
        }
        let Some(Session { conn, .. }) = &mut self.session else { return Err(unknown(&"no connection")) };
        let found = match timeout(self.shared.target.patience, claims.found(conn)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                self.hang_up();
                return Err(unknown(&error));
            }
            Err(_) => {
                self.hang_up();
                return Err(unknown(&self.shared.target.silent()));
            }
        };
        match found {
            0 => Err(Failure::NotWritten(JournalError::Unavailable(format!("nothing was written: {ended}")))),
            all if all == claims.positions.len() => Ok(()),
            some => Err(unknown(&format!("{some} of {} events of it were found", claims.positions.len()))),
        }
    }

    /// While nobody asks: finds out what is in doubt, and whether this is still the one who writes.
    async fn look(&mut self) {
        if let Some(Session { conn, .. }) = &mut self.session
            && !matches!(timeout(self.shared.target.patience, conn.ping()).await, Ok(Ok(())))
        {
            self.hang_up();
        }
        if self.session.is_some() || self.shared.lost.get().is_some() {
            return;
        }
        match self.connect().await {
            Ok(()) => self.writes(0),
            Err(error) => {
                tracing::warn!(%error, "the journal cannot be written");
                self.shared.counters.failed(error.to_string());
            }
        }
    }

    /// So many events are committed, or none are and a session is there: it can be written again. A disk that is full takes
    /// sessions too, so of its end nothing tells but events.
    fn writes(&mut self, events: u64) {
        self.no_room &= events == 0;
        if !self.no_room {
            self.shared.counters.committed(events);
        }
    }

    /// A session for writing, when there is none.
    async fn connect(&mut self) -> Result<(), JournalError> {
        if self.session.is_some() {
            return Ok(());
        }
        if let Some(lost) = self.shared.lost.get() {
            return Err(lost.clone());
        }
        self.ledger.forget();
        let connected = async {
            let conn = self.shared.target.connect_to_write().await?;
            self.begin_session(conn).await
        };
        match connected.await {
            Ok(head) => {
                // The transaction before is over: what is read from here on is what became of it.
                self.shared.doubt.end();
                self.judge(head)?;
                self.seen = head.last;
                self.shared.head.publish(head.last);
                Ok(())
            }
            Err(error) => {
                // Callers that try again at once must not keep the server from coming up.
                tokio::time::sleep(AGAIN).await;
                Err(error)
            }
        }
    }

    /// Begins a transaction that holds the head, on a new connection when the old one turns out to be gone.
    async fn lock_head(&mut self) -> Result<(), JournalError> {
        loop {
            let fresh = self.session.is_none();
            self.connect().await?;
            let Some(Session { conn, .. }) = &mut self.session else { continue };
            let error = match timeout(self.shared.target.patience, self.ledger.lock(conn)).await {
                Ok(Ok(head)) => return self.judge(head),
                Ok(Err(error)) => explain(&self.shared.target.name, &error),
                Err(_) => self.shared.target.silent(),
            };
            self.hang_up();
            if fresh {
                return Err(error);
            }
        }
    }

    /// Whether anything can be written behind such a head. If not, it stays so until this process is started again:
    /// what it has in memory is not what the journal says.
    fn judge(&mut self, head: HeadRow) -> Result<(), JournalError> {
        let Some(refused) = self.refused(head) else { return Ok(()) };
        self.hang_up();
        Err(self.shared.lost.get_or_init(|| refused).clone())
    }

    /// Why nothing can be written behind such a head.
    fn refused(&self, head: HeadRow) -> Option<JournalError> {
        let at = &self.shared.target.name;
        if head.last < self.seen {
            return Some(set_back(at, head.last, self.seen));
        }
        if self.options.alone && head.last != self.seen && head.writer != self.me {
            return Some(JournalError::Locked(format!(
                "{at} was written by another process while the connection was gone; start this one again"
            )));
        }
        None
    }

    /// Learns which process of the server this is, takes the lock of its writers, alone or with others, and commits what
    /// changes nothing; returns the head that it held then.
    async fn begin_session(&mut self, mut conn: PgConnection) -> Result<HeadRow, JournalError> {
        let shared = Arc::clone(&self.shared);
        let target = &shared.target;
        let locking = timeout(target.patience.max(LETTING_GO * 2), self.take_lock(&mut conn));
        let backend = locking.await.map_err(|_| target.silent())??;
        // Whatever becomes of it from here on, it has the lock.
        self.session = Some(Session { conn, backend });
        let Some(Session { conn, .. }) = &mut self.session else { return Err(target.silent()) };
        let ledger = &mut self.ledger;
        let settled = timeout(target.patience, async {
            let head = ledger.lock(conn).await?;
            sqlx::raw_sql(SETTLE).execute(conn).await?;
            Ok(head)
        });
        let error = match settled.await {
            Ok(Ok(head)) => return Ok(head),
            Ok(Err(error)) => explain(&target.name, &error),
            Err(_) => target.silent(),
        };
        self.hang_up();
        Err(error)
    }

    async fn take_lock(&self, conn: &mut PgConnection) -> Result<Backend, JournalError> {
        let name = &self.shared.target.name;
        let fail = |error: Error| explain(name, &error);
        let backend =
            sqlx::query("SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()");
        let row = backend.fetch_one(&mut *conn).await.map_err(fail)?;
        let backend = Backend { pid: row.try_get(0).map_err(fail)?, began: row.try_get(1).map_err(fail)? };
        let take = if self.options.alone {
            "SELECT pg_try_advisory_lock($1, $2)"
        } else {
            "SELECT pg_try_advisory_lock_shared($1, $2)"
        };
        let deadline = Instant::now() + LETTING_GO;
        let mut last_try = self.before.is_none();
        loop {
            let lock = sqlx::query(take).bind(LOCK_CLASS).bind(WRITING);
            if lock.fetch_one(&mut *conn).await.and_then(|row| row.try_get(0)).map_err(fail)? {
                return Ok(backend);
            }
            let Some(before) = self.before.as_ref().filter(|_| !last_try) else {
                return Err(self.held(conn).await);
            };
            // The session of this process that was cut off, if the server still has it.
            let end = sqlx::query(END).bind(before.pid).bind(&before.began);
            let end = end.fetch_optional(&mut *conn).await.map_err(fail)?;
            if let Some(row) = &end
                && row.try_get(0).map_err(fail)?
            {
                return Err(JournalError::Unavailable(format!(
                    "{name} has a commit that waits for a standby (synchronous_standby_names); nothing is written \
                     before it is there or no longer asked for"
                )));
            }
            last_try = end.is_none() || Instant::now() > deadline;
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Says who holds the lock.
    async fn held(&self, conn: &mut PgConnection) -> JournalError {
        let who = sqlx::query(
            "SELECT string_agg(format('%s (process %s of the server, from %s, since %s)', a.application_name, a.pid, \
                 CASE WHEN a.backend_start IS NULL THEN 'a place that only its own role may see' \
                      ELSE coalesce(host(a.client_addr), 'the same machine') END, \
                 coalesce(a.backend_start::timestamptz(0)::text, 'a time that only that may see')), ', ') \
             FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
             WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1::int8::oid AND l.objid = $2::int8::oid \
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        );
        let who = who.bind(i64::from(LOCK_CLASS)).bind(i64::from(WRITING)).fetch_one(conn).await;
        let who = who.and_then(|row| row.try_get::<Option<String>, _>(0)).ok().flatten();
        JournalError::Locked(format!(
            "{} is being written by {}; stop it first (verify, digest, replay and other readers need not wait)",
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

/// What the receipts of a batch say is there, event by event: the first and the last of each command.
#[derive(Default)]
struct Claims {
    positions: Vec<i64>,
    streams: Vec<String>,
    commands: Vec<Uuid>,
    fingerprints: Vec<Uuid>,
}

/// What a batch has accepted.
fn claims(pending: &VecDeque<Entry>, batch: &Batch) -> Claims {
    let mut claims = Claims::default();
    for (Entry { answer, .. }, before) in pending.iter().zip(&batch.before) {
        for (item, result) in answer.items.iter().zip(&answer.results).skip(*before) {
            let Ok(receipt) = result else { continue };
            for position in [receipt.first, receipt.last].into_iter().filter(|_| !receipt.replayed) {
                claims.positions.push(position as i64);
                claims.streams.push(item.stream.clone());
                claims.commands.push(item.cause.command);
                claims.fingerprints.push(Uuid::from_bytes(item.cause.fingerprint));
            }
        }
    }
    claims
}

impl Claims {
    /// How many of them hold.
    async fn found(&self, conn: &mut PgConnection) -> Result<usize, Error> {
        let query = sqlx::query(FOUND).bind(&self.positions).bind(&self.streams);
        let row = query.bind(&self.commands).bind(&self.fingerprints).fetch_one(conn).await?;
        let found: i64 = row.try_get(0)?;
        Ok(usize::try_from(found).unwrap_or_default())
    }
}

struct AbandonOnDrop(Arc<Shared>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.queue.abandon();
    }
}
