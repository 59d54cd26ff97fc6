//! Writing a copy of a journal: events as they are, from one caller, without a queue.

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Error, Row};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::batch::unsigned;
use super::connect::{LOCK_CLASS, Target, WRITING};
use super::explain::explain;
use super::rows::{Place, Rows};
use super::{PostgresJournal, schema};
use crate::restore::does_not_follow;
use crate::{Journal, JournalError, Kept, Restore};

/// The last version of each stream that events follow.
const VERSIONS: &str = "SELECT name, coalesce((SELECT version FROM daybook_journal.events WHERE stream = name \
    ORDER BY version DESC LIMIT 1), 0) FROM unnest($1::text[]) AS asked (name)";

/// A journal in PostgreSQL that takes the events of another one.
pub struct PostgresRestore {
    target: Target,
    reader: PostgresJournal,
    me: Uuid,
    runtime: Runtime,
    /// None once it was lost.
    conn: Option<PgConnection>,
}

/// Why events were not written.
enum Failure {
    Database(Error),
    Journal(JournalError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl PostgresRestore {
    /// Opens a journal, or makes it in an empty database.
    ///
    /// # Errors
    /// As [`PostgresJournal::open`] for one who wants to be alone.
    pub fn open(url: &str) -> Result<Self, JournalError> {
        let target = Target::parse(url)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| JournalError::Unavailable(format!("cannot start a runtime: {error}")))?;
        let (conn, me) = on_a_thread(|| {
            runtime.block_on(async {
                let mut conn = target.connect_to_write().await?;
                schema::migrate(&target, &mut conn).await?;
                lock(&target, &mut conn).await?;
                // What is found written is where a commit gets to, a standby that is waited for among it.
                let settled =
                    sqlx::raw_sql("UPDATE daybook_journal.head SET writer = writer").execute(&mut conn);
                let settled = tokio::time::timeout(target.patience, settled).await;
                settled.map_err(|_| target.silent())?.map_err(|error| explain(&target.name, &error))?;
                let me = target.new_name(&mut conn).await?;
                Ok((conn, me))
            })
        })?;
        let reader = PostgresJournal::open_read_only(url)?;
        Ok(Self { target, reader, me, runtime, conn: Some(conn) })
    }
}

async fn lock(target: &Target, conn: &mut PgConnection) -> Result<(), JournalError> {
    let fail = |error| explain(&target.name, &error);
    let lock = sqlx::query("SELECT pg_try_advisory_lock($1, $2)").bind(LOCK_CLASS).bind(WRITING);
    if lock.fetch_one(conn).await.and_then(|row| row.try_get(0)).map_err(fail)? {
        return Ok(());
    }
    Err(JournalError::Locked(format!("{} is being written by another process; stop it first", target.name)))
}

/// Where a runtime may be driven, whatever the caller runs in.
fn on_a_thread<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(run).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

async fn write(conn: &mut PgConnection, me: Uuid, events: &[Kept]) -> Result<(), Failure> {
    let head = sqlx::raw_sql(
        "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT last, recorded_at FROM daybook_journal.head FOR UPDATE",
    );
    let head = head.fetch_one(&mut *conn).await?;
    let (mut last, mut recorded_at) = (unsigned(&head, 0)?, head.try_get(1)?);
    let streams: std::collections::BTreeSet<&str> = events.iter().map(|kept| kept.stream.as_str()).collect();
    let streams: Vec<&str> = streams.into_iter().collect();
    let mut versions = std::collections::HashMap::new();
    for row in sqlx::query(VERSIONS).bind(streams).fetch_all(&mut *conn).await? {
        versions.insert(row.try_get::<String, _>(0)?, unsigned(&row, 1)?);
    }
    let mut rows = Rows::default();
    for kept in events {
        let version = versions.entry(kept.stream.clone()).or_default();
        if kept.position != last + 1 || kept.version != *version + 1 || kept.recorded_at <= recorded_at {
            return Err(Failure::Journal(does_not_follow(kept, *version, last, recorded_at)));
        }
        (*version, last, recorded_at) = (kept.version, kept.position, kept.recorded_at);
        let at = Place { position: last, stream: &kept.stream, version: *version, recorded_at };
        rows.push(at, &kept.cause, &kept.event);
    }
    Ok(rows.write(conn, me).await?)
}

impl Restore for PostgresRestore {
    fn journal(&self) -> &dyn Journal {
        &self.reader
    }

    fn restore(&mut self, events: &[Kept]) -> Result<(), JournalError> {
        let Self { target, me, runtime, conn, .. } = self;
        let Some(writing) = conn else {
            return Err(JournalError::Unavailable("the connection was lost; copy again to go on".to_owned()));
        };
        let me = *me;
        let done = on_a_thread(|| {
            runtime.block_on(async {
                if let Err(failure) = write(writing, me, events).await {
                    // What the server does not hear of ends with the connection.
                    let rolled_back = sqlx::raw_sql("ROLLBACK").execute(&mut *writing).await.is_ok();
                    let error = match failure {
                        Failure::Database(error) => explain(&target.name, &error),
                        Failure::Journal(error) => error,
                    };
                    return Err((error, rolled_back));
                }
                let commit = sqlx::raw_sql("COMMIT").execute(&mut *writing).await;
                commit.map(drop).map_err(|error| {
                    (JournalError::OutcomeUnknown(explain(&target.name, &error).to_string()), false)
                })
            })
        });
        done.map_err(|(error, usable)| {
            if !usable {
                *conn = None;
            }
            error
        })
    }
}

impl Drop for PostgresRestore {
    fn drop(&mut self) {
        let Some(mut conn) = self.conn.take() else { return };
        let runtime = &self.runtime;
        on_a_thread(|| {
            runtime.block_on(async {
                // Whoever comes next finds the lock free.
                let bye = async {
                    sqlx::raw_sql("SELECT pg_advisory_unlock_all()").execute(&mut conn).await?;
                    conn.close().await
                };
                let _ = tokio::time::timeout(std::time::Duration::from_secs(2), bye).await;
            });
        });
    }
}
