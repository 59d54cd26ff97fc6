//! A session of a PostgreSQL server, asked from a thread that waits for the answer.
//!
//! Read models are asked from anywhere, also from within somebody's async runtime, where nothing may block on another one:
//! so what is asked is done by threads of this module's own, and the caller waits for its answer like for a disk.
//!
//! A connection that failed is never used again ([`Pg::is_lost`]): who has it opens another one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use futures_util::future::BoxFuture;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::{Arguments as _, AssertSqlSafe};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::cells::{Param, escaped};
use super::copy::CopyRows;
use super::explain::{Explained, explain};
use super::place::Target;
use super::{Error, Result, words};

/// Longest wait for a statement, an index over all entries of a large market among them.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// Rows of one part of an answer that comes as it is read, and parts on their way.
const PART_ROWS: usize = 512;
const PARTS: usize = 2;

/// The threads that speak with servers.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut threads = tokio::runtime::Builder::new_multi_thread();
        threads.worker_threads(2).thread_name("read-models-db").enable_all();
        threads.build().expect("invariant: the system gives two threads")
    })
}

/// A value that cannot be sent.
pub(crate) fn bad_value(_: impl std::fmt::Display) -> Error {
    Error::BadCell { column: 0, wanted: "value that PostgreSQL takes" }
}

/// A session.
pub(crate) struct Pg {
    target: Target,
    /// None while it is in use, and once it is gone.
    conn: RefCell<Option<PgConnection>>,
    in_transaction: Cell<bool>,
    /// Where plain inserts are gathered: by table, and sent together.
    gathered: RefCell<Option<BTreeMap<String, CopyRows>>>,
}

impl Pg {
    /// Connects.
    pub(crate) fn connect(target: &Target) -> Result<Self> {
        let (send, answer) = sync_channel(1);
        let connecting = target.clone().connect();
        runtime().spawn(async move {
            let _ = send.send(connecting.await);
        });
        let gone = || Error::Postgres(Explained::lost(&target.name, "a thread ended"));
        let conn = answer.recv().map_err(|_| gone())??;
        Ok(Self {
            target: target.clone(),
            conn: RefCell::new(Some(conn)),
            in_transaction: Cell::new(false),
            gathered: RefCell::new(None),
        })
    }

    /// Where it leads.
    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }

    /// Whether the connection is gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.conn.borrow().is_none()
    }

    fn lost(&self, why: &str) -> Error {
        Error::Postgres(Explained::lost(&self.target.name, why))
    }

    /// Puts a connection back, unless it is of no more use; says what came of it.
    fn back<T>(&self, conn: PgConnection, done: std::result::Result<T, sqlx::Error>) -> Result<T> {
        let done = done.map_err(|error| explain(&self.target.name, &error));
        match done {
            Err(e) if !e.connected => {
                self.in_transaction.set(false);
                drop(conn);
                Err(Error::Postgres(e))
            }
            done => {
                self.conn.replace(Some(conn));
                done.map_err(Error::Postgres)
            }
        }
    }

    fn run<T: Send + 'static>(
        &self,
        job: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, std::result::Result<T, sqlx::Error>>
        + Send
        + 'static,
    ) -> Result<T> {
        let Some(mut conn) = self.conn.take() else { return Err(self.lost("it was lost before")) };
        let (send, answer) = sync_channel(1);
        runtime().spawn(async move {
            let done = tokio::time::timeout(LONGEST, job(&mut conn)).await;
            let done =
                done.unwrap_or_else(|_| Err(sqlx::Error::Protocol("no answer in half an hour".into())));
            let _ = send.send((conn, done));
        });
        match answer.recv() {
            Ok((conn, done)) => self.back(conn, done),
            Err(_) => {
                self.in_transaction.set(false);
                Err(self.lost("a thread ended"))
            }
        }
    }

    /// Statements without parameters.
    pub(super) fn batch(&self, sql: String) -> Result<()> {
        self.send_gathered()?;
        self.run(move |conn| {
            Box::pin(async move { sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await.map(drop) })
        })
    }

    pub(super) fn begin(&self, sql: &str) -> Result<()> {
        self.in_transaction.set(true);
        let begun = self.batch(sql.to_owned());
        if begun.is_err() {
            // a transaction that could not take its lock is open and of no use
            let _ = self.rollback();
        }
        begun
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.batch("COMMIT".to_owned())?;
        self.in_transaction.set(false);
        Ok(())
    }

    pub(super) fn rollback(&self) -> Result<()> {
        if let Some(gathered) = &mut *self.gathered.borrow_mut() {
            gathered.clear();
        }
        if !self.in_transaction.replace(false) || self.is_lost() {
            return Ok(());
        }
        self.batch("ROLLBACK".to_owned())
    }

    fn arguments(params: &[Param<'_>]) -> Result<PgArguments> {
        let mut arguments = PgArguments::default();
        for param in params {
            match param {
                Param::Integer(n) => arguments.add(*n),
                Param::Text(text) => arguments.add(text.map(|text| escaped(text).into_owned())),
                Param::Bytes(bytes) => arguments.add(bytes.to_vec()),
            }
            .map_err(bad_value)?;
        }
        Ok(arguments)
    }

    /// All rows of an answer.
    pub(super) fn fetch(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<PgRow>> {
        self.send_gathered()?;
        self.fetch_with(sql.to_owned(), Self::arguments(params)?)
    }

    /// The same with what was put together before.
    pub(crate) fn fetch_with(&self, sql: String, arguments: PgArguments) -> Result<Vec<PgRow>> {
        self.run(move |conn| {
            Box::pin(async move { sqlx::query_with(AssertSqlSafe(sql), arguments).fetch_all(conn).await })
        })
    }

    /// Does something; returns how many rows it concerned.
    pub(super) fn execute(&self, sql: &str, params: &[Param<'_>]) -> Result<u64> {
        if let Some(gathered) = &mut *self.gathered.borrow_mut()
            && let Some(table) = words::inserted(sql)
        {
            let rows = match gathered.get_mut(table) {
                Some(rows) => rows,
                None => gathered.entry(table.to_owned()).or_insert_with(|| CopyRows::of(table)),
            };
            rows.push_params(params);
            return rows.send_some(self).map(|()| 1);
        }
        self.send_gathered()?;
        self.execute_with(sql.to_owned(), Self::arguments(params)?)
    }

    /// Takes rows out of a table by the engine's own number.
    pub(crate) fn delete(&self, table: &str, own: Vec<i64>) -> Result<()> {
        if own.is_empty() {
            return Ok(());
        }
        let mut arguments = PgArguments::default();
        arguments.add(own).map_err(bad_value)?;
        self.execute_with(format!("DELETE FROM {table} WHERE _id = ANY($1)"), arguments).map(drop)
    }

    pub(super) fn execute_with(&self, sql: String, arguments: PgArguments) -> Result<u64> {
        self.run(move |conn| {
            Box::pin(async move {
                let done = sqlx::query_with(AssertSqlSafe(sql), arguments).execute(conn).await;
                done.map(|done| done.rows_affected())
            })
        })
    }

    /// Whether plain inserts are gathered from here on, until something else is asked: for tables that are made.
    pub(crate) fn gather(&self, whether: bool) -> Result<()> {
        self.send_gathered()?;
        self.gathered.replace(whether.then(BTreeMap::new));
        Ok(())
    }

    fn send_gathered(&self) -> Result<()> {
        match &mut *self.gathered.borrow_mut() {
            Some(gathered) => gathered.values_mut().try_for_each(|rows| rows.send(self)),
            None => Ok(()),
        }
    }

    /// Sends rows in the binary form of `COPY`.
    pub(super) fn copy(&self, table: &str, bytes: Vec<u8>) -> Result<()> {
        let sql = format!("COPY {table} FROM STDIN (FORMAT BINARY)");
        self.run(move |conn| {
            Box::pin(async move {
                let mut copy = conn.copy_in_raw(&sql).await?;
                copy.send(bytes).await?;
                copy.finish().await.map(drop)
            })
        })
    }

    /// An answer that comes as it is read.
    pub(super) fn stream(&self, sql: &str, params: &[Param<'_>]) -> Result<Stream<'_>> {
        self.send_gathered()?;
        let (sql, arguments) = (sql.to_owned(), Self::arguments(params)?);
        let Some(mut conn) = self.conn.take() else { return Err(self.lost("it was lost before")) };
        let (send, parts) = channel();
        let (give_back, back) = sync_channel(1);
        let room = Arc::new(Semaphore::new(PARTS));
        let for_sender = Arc::clone(&room);
        runtime().spawn(async move {
            let done = async {
                let mut rows = sqlx::query_with(AssertSqlSafe(sql), arguments).fetch(&mut conn);
                let mut part = Vec::with_capacity(PART_ROWS);
                while let Some(row) = rows.try_next().await? {
                    part.push(row);
                    if part.len() == PART_ROWS {
                        let whole = std::mem::replace(&mut part, Vec::with_capacity(PART_ROWS));
                        let Ok(room) = for_sender.acquire().await else { return Ok(()) };
                        room.forget();
                        if send.send(whole).is_err() {
                            return Ok(()); // nobody listens any more
                        }
                    }
                }
                let _ = send.send(part);
                Ok(())
            }
            .await;
            drop(send);
            let _ = give_back.send((conn, done));
        });
        Ok(Stream { db: self, parts: Some(parts), room, part: Vec::new().into_iter(), at: None, back })
    }
}

type GivenBack = (PgConnection, std::result::Result<(), sqlx::Error>);

/// An answer that comes as it is read.
pub(crate) struct Stream<'d> {
    db: &'d Pg,
    parts: Option<Receiver<Vec<PgRow>>>,
    /// For parts on their way.
    room: Arc<Semaphore>,
    part: std::vec::IntoIter<PgRow>,
    at: Option<PgRow>,
    back: Receiver<GivenBack>,
}

impl Stream<'_> {
    pub(super) fn next(&mut self) -> Result<Option<&PgRow>> {
        loop {
            if let Some(row) = self.part.next() {
                self.at = Some(row);
                return Ok(self.at.as_ref());
            }
            let Some(parts) = &self.parts else { return Ok(None) };
            match parts.recv() {
                Ok(part) => {
                    self.room.add_permits(1);
                    self.part = part.into_iter();
                }
                Err(_) => {
                    self.parts = None;
                    self.end()?;
                }
            }
        }
    }

    /// Takes the connection back.
    fn end(&mut self) -> Result<()> {
        match self.back.recv() {
            Ok((conn, done)) => self.db.back(conn, done),
            Err(_) => Err(self.db.lost("a thread ended")),
        }
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        self.room.close();
        if self.parts.take().is_some() {
            // what was under way comes to its end, and the connection is as before
            let _ = self.end();
        }
    }
}
