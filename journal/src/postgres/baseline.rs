//! What the server gives without a journal: the denominators of the ratios of `daybook bench`.
//!
//! The same rows into a table of the same columns and indexes, without head, conditions, idempotency or callers.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use parking_lot::RwLock;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Error, Row};

use super::connect::Target;
use super::explain::explain;
use super::rows::{Place, Rows};
use crate::{Append, JournalError};

const RAW: &str = "INSERT INTO public.raw (position, stream, version, kind, schema, occurred_at, recorded_at, actor, \
    id, command, fingerprint, correlation, refs, data) SELECT * FROM unnest($1::int8[], $2::text[], $3::int8[], \
    $4::text[], $5::int4[], $6::int8[], $7::int8[], $8::text[], $9::uuid[], $10::uuid[], $11::uuid[], $12::uuid[], \
    $13::text[], $14::text[])";
const SCAN: &str = "SELECT position, stream, version, kind, schema, occurred_at, recorded_at, actor, id, command, \
    fingerprint, correlation, refs, data FROM daybook_journal.events ORDER BY position";

/// A database of its own on a server, which goes with this.
pub struct Scratch {
    server: Target,
    name: String,
    /// How to open a journal in it.
    pub url: String,
}

impl Scratch {
    /// Makes it on the server of `url`, whose user must be allowed to.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] when it cannot be made.
    pub fn on(url: &str) -> Result<Self, JournalError> {
        let server = Target::parse(url)?;
        let name = name();
        // Wherever the database is named in a URL, the last word has it.
        let url = format!("{url}{}dbname={name}", if url.contains('?') { '&' } else { '?' });
        if Target::parse(&url)?.database() != Some(&name) {
            return Err(JournalError::Unavailable(format!(
                "{}: the URL does not allow for another database on the same server; write \
                 postgres://USER:PASSWORD@HOST:PORT/DATABASE",
                server.name
            )));
        }
        let make = run(&server, async |conn| {
            let make = format!("CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0");
            sqlx::raw_sql(AssertSqlSafe(make)).execute(conn).await.map(drop)
        });
        make.map_err(|error| {
            JournalError::Unavailable(format!(
                "{error}. A database of its own, {name}, is made for this and removed: the user must be allowed to \
                 (ALTER ROLE ... CREATEDB)"
            ))
        })?;
        Ok(Self { server, name, url })
    }

    /// Removes what this process made on the server of `url`, if it is there: for one that is interrupted.
    ///
    /// # Errors
    /// What the server says.
    pub fn remove(url: &str) -> Result<(), JournalError> {
        drop_database(&Target::parse(url)?, &name())
    }

    /// Writes the events of `appends` in batches of so many, each a transaction, from one connection.
    ///
    /// # Errors
    /// What the server says.
    pub fn batches(&self, appends: &[Append], batch: usize) -> Result<Duration, JournalError> {
        let target = Target::parse(&self.url)?;
        run(&target, async |conn| {
            anew(conn).await?;
            let mut at = 0;
            let began = Instant::now();
            for batch in appends.chunks(batch) {
                let mut rows = Rows::default();
                for append in batch {
                    at += 1;
                    push(&mut rows, append, at);
                }
                rows.query(RAW).execute(&mut *conn).await?;
            }
            Ok(began.elapsed())
        })
    }

    /// Writes the events of `appends` one by one, each a transaction, from so many connections at once.
    ///
    /// # Errors
    /// What the server says.
    pub fn singles(&self, appends: &[Append], connections: usize) -> Result<Duration, JournalError> {
        let target = Target::parse(&self.url)?;
        run(&target, async |conn| anew(conn).await)?;
        let each = appends.len().div_ceil(connections).max(1);
        // The clock runs when all are connected, or have failed to.
        let gate = RwLock::new(());
        let closed = gate.write();
        let (ready, all_ready) = channel::<()>();
        let began = std::thread::scope(|scope| {
            let writers: Vec<_> = appends
                .chunks(each)
                .enumerate()
                .map(|(n, part)| {
                    let (target, gate, ready) = (&target, &gate, ready.clone());
                    scope.spawn(move || {
                        run(target, async move |conn| {
                            drop(ready);
                            drop(gate.read());
                            for (at, append) in (n * each + 1..).zip(part) {
                                let mut rows = Rows::default();
                                push(&mut rows, append, at);
                                rows.query(RAW).execute(&mut *conn).await?;
                            }
                            Ok(())
                        })
                    })
                })
                .collect();
            drop(ready);
            let _ = all_ready.recv();
            let began = Instant::now();
            drop(closed);
            let done = writers.into_iter().try_for_each(|writer| match writer.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            done.map(|()| began)
        })?;
        Ok(began.elapsed())
    }

    /// A scan of the journal that touches every column and understands none; returns events, a sum that keeps the
    /// compiler honest, and the time.
    ///
    /// # Errors
    /// What the server says.
    pub fn scan(&self) -> Result<(u64, u64, Duration), JournalError> {
        run(&Target::parse(&self.url)?, async |conn| {
            let began = Instant::now();
            let (mut events, mut sum) = (0_u64, 0_u64);
            let mut rows = sqlx::query(SCAN).fetch(conn);
            while let Some(row) = rows.try_next().await? {
                for column in 0..14 {
                    let value = row.try_get_raw(column)?;
                    let bytes = value.as_bytes().map_err(Error::Decode)?;
                    sum =
                        sum.wrapping_add(bytes.len() as u64 + u64::from(bytes.first().copied().unwrap_or(0)));
                }
                events += 1;
            }
            Ok((events, sum, began.elapsed()))
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = drop_database(&self.server, &self.name) {
            tracing::warn!(%error, "the database {} stays", self.name);
        }
    }
}

/// What a process names its database.
fn name() -> String {
    format!("daybook_bench_{}", std::process::id())
}

fn drop_database(server: &Target, name: &str) -> Result<(), JournalError> {
    run(server, async |conn| {
        let drop_it = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        sqlx::raw_sql(AssertSqlSafe(drop_it)).execute(conn).await.map(drop)
    })
}

/// The table, empty.
async fn anew(conn: &mut PgConnection) -> Result<(), Error> {
    let make = "DROP TABLE IF EXISTS public.raw; CREATE TABLE public.raw (LIKE daybook_journal.events INCLUDING ALL)";
    sqlx::raw_sql(make).execute(conn).await.map(drop)
}

fn push(rows: &mut Rows, append: &Append, at: usize) {
    // Each its own version: the index is met as it would be.
    let place =
        Place { position: at as u64, stream: &append.stream, version: at as u64, recorded_at: at as i64 };
    append.events.iter().for_each(|event| rows.push(place, &append.cause, event));
}

/// Runs on a thread of its own, with its own connection.
fn run<T: Send>(
    target: &Target,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Error> + Send,
) -> Result<T, JournalError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| JournalError::Unavailable(format!("cannot start a runtime: {error}")))?;
    std::thread::scope(|scope| {
        let running = scope.spawn(move || {
            runtime.block_on(async {
                let mut conn = target.connect_to_write().await?;
                work(&mut conn).await.map_err(|error| explain(&target.name, &error))
            })
        });
        match running.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
