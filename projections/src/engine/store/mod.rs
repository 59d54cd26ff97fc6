//! The database under the read models: a SQLite file, or a schema of a PostgreSQL database.
//!
//! One interface and one SQL for both. Statements are written as SQLite has them, with `?` or `?N`, in what both
//! understand; [`postgres`] puts the rest into its own words. Who writes rows by the thousand ([`super::table`]) asks which
//! of the two it is, once for all of them, and binds them as each does best.

pub(crate) mod cells;
mod columns;
mod copy;
mod explain;
pub(crate) mod place;
pub(crate) mod postgres;
pub(crate) mod schema;
mod words;

use std::time::{Duration, Instant};

use rusqlite::{CachedStatement, Connection};

pub(crate) use self::cells::{Cell, FromCell, Param, escaped, params};
pub(crate) use self::columns::Columns;
pub(crate) use self::copy::CopyRows;
pub(crate) use self::postgres::{Pg, bad_value};
use super::error::ReadModelError;

/// How long who flips waits for readers, and how long new ones have in between.
const LONGEST_READING: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_millis(100);

/// What a statement comes to.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a statement came to nothing.
#[derive(Debug)]
pub(crate) enum Error {
    /// SQLite says so.
    Sqlite(rusqlite::Error),
    /// PostgreSQL or the way to it says so.
    Postgres(explain::Explained),
    /// There is no row where one was asked for.
    NoRow,
    /// A cell holds something else than was asked for.
    BadCell {
        /// Its column in the answer, from 0.
        column: usize,
        /// What was asked for.
        wanted: &'static str,
    },
}

impl Error {
    /// Whether what is stored is no longer what was written.
    pub(crate) fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        matches!(self, Self::Sqlite(e) if matches!(e.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)))
    }

    /// Whether somebody else holds what is needed, and may let go of it.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self, Self::Postgres(e) if e.held)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(e) => e.fmt(f),
            Self::Postgres(e) => f.write_str(&e.why),
            Self::NoRow => f.write_str("a row is missing"),
            Self::BadCell { column, wanted } => write!(f, "column {column} holds no {wanted}"),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(e: rusqlite::Error) -> Self {
        match e {
            rusqlite::Error::QueryReturnedNoRows => Self::NoRow,
            e => Self::Sqlite(e),
        }
    }
}

impl From<Error> for ReadModelError {
    fn from(e: Error) -> Self {
        match e {
            Error::Sqlite(e) => e.into(),
            Error::Postgres(e) => Self::Store { path: e.at.to_string(), why: e.why, transient: e.transient },
            e => Self::BadQuestion(format!("{e}: rebuild the read models")),
        }
    }
}

/// Whether there was a row at all.
pub(crate) trait Optional<T> {
    /// None where there was no row.
    fn optional(self) -> Result<Option<T>>;
}

impl<T> Optional<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(Error::NoRow) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// A connection.
pub(crate) enum Db {
    /// To a file.
    Sqlite(Connection),
    /// To a server.
    Postgres(Pg),
}

impl Db {
    /// A statement that is likely to be asked again. In PostgreSQL its answer comes whole.
    pub(crate) fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        self.statement(sql, false)
    }

    /// A statement whose answer is long: it comes as it is read, and nothing else is asked of the connection meanwhile.
    pub(crate) fn prepare(&self, sql: &str) -> Result<Statement<'_>> {
        self.statement(sql, true)
    }

    fn statement(&self, sql: &str, long: bool) -> Result<Statement<'_>> {
        Ok(match self {
            Self::Sqlite(db) => Statement::Sqlite(db.prepare_cached(sql)?),
            Self::Postgres(db) => Statement::Postgres { db, sql: words::asked(sql), long },
        })
    }

    /// The first row of an answer.
    pub(crate) fn query_row<T>(
        &self,
        sql: &str,
        params: &[Param<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.prepare_cached(sql)?.query_row(params, read)
    }

    /// Makes tables, indexes and views, or drops them.
    pub(crate) fn define(&self, sql: &str) -> Result<()> {
        match self {
            Self::Sqlite(db) => Ok(db.execute_batch(sql)?),
            Self::Postgres(db) => db.batch(words::defined(sql)),
        }
    }

    /// Tables are filled from here on, or have been: then what they hold is told to who plans questions.
    pub(crate) fn fills(&self, tables: &[String], whether: bool) -> Result<()> {
        let Self::Postgres(db) = self else { return Ok(()) };
        db.gather(whether)?;
        if whether || tables.is_empty() { Ok(()) } else { db.batch(format!("ANALYZE {}", tables.join(", "))) }
    }

    /// Begins a transaction of who follows: another one waits until it ends, readers do not.
    pub(crate) fn begin(&self) -> Result<()> {
        match self {
            Self::Sqlite(db) => Ok(db.execute_batch("BEGIN IMMEDIATE")?),
            Self::Postgres(db) => db.begin("BEGIN; LOCK TABLE _models IN SHARE ROW EXCLUSIVE MODE"),
        }
    }

    /// Begins a transaction on tables that nobody else knows of yet.
    pub(crate) fn begin_beside(&self) -> Result<()> {
        match self {
            Self::Sqlite(db) => Ok(db.execute_batch("BEGIN IMMEDIATE")?),
            Self::Postgres(db) => db.begin("BEGIN"),
        }
    }

    /// Begins a transaction that changes what readers see under its names. In SQLite they keep what they see; in PostgreSQL
    /// it begins between two of them: those who come wait for it a moment, and it waits again where one is long.
    pub(crate) fn begin_flip(&self) -> Result<()> {
        let db = match self {
            Self::Sqlite(db) => return Ok(db.execute_batch("BEGIN IMMEDIATE")?),
            Self::Postgres(db) => db,
        };
        let began = Instant::now();
        loop {
            let begun = db.begin(
                "BEGIN; SET LOCAL synchronous_commit = on; SET LOCAL lock_timeout = '500ms'; LOCK TABLE _models IN ACCESS EXCLUSIVE MODE; \
                 SET LOCAL lock_timeout = '20s'",
            );
            match begun {
                Err(e) if e.is_held() && began.elapsed() < LONGEST_READING => std::thread::sleep(PAUSE),
                begun => return begun,
            }
        }
    }

    /// Whether there is a view or table of this name.
    pub(crate) fn has(&self, name: &str) -> Result<bool> {
        let find = match self {
            Self::Sqlite(_) => "SELECT EXISTS(SELECT 1 FROM sqlite_schema WHERE name = ?)",
            Self::Postgres(_) => "SELECT to_regclass(?) IS NOT NULL",
        };
        self.query_row(find, params![name], |row| row.get(0))
    }

    /// Begins reading: everything seen until the end is of one moment.
    pub(crate) fn begin_reading(&self) -> Result<()> {
        match self {
            Self::Sqlite(db) => db.prepare_cached("BEGIN")?.execute([]).map(drop).map_err(Into::into),
            // the lock before the snapshot: who flips has ended, or waits until this ends
            Self::Postgres(db) => db.begin(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE _models IN ACCESS SHARE MODE",
            ),
        }
    }

    /// Ends a transaction.
    pub(crate) fn commit(&self) -> Result<()> {
        match self {
            Self::Sqlite(db) => db.prepare_cached("COMMIT")?.execute([]).map(drop).map_err(Into::into),
            Self::Postgres(db) => db.commit(),
        }
    }

    /// Undoes a transaction, where one is open.
    pub(crate) fn rollback(&self) -> Result<()> {
        match self {
            Self::Sqlite(db) if db.is_autocommit() => Ok(()),
            Self::Sqlite(db) => Ok(db.execute_batch("ROLLBACK")?),
            Self::Postgres(db) => db.rollback(),
        }
    }

    /// Whether the connection is gone.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Postgres(db) if db.is_lost())
    }
}

/// A statement.
pub(crate) enum Statement<'d> {
    /// Prepared.
    Sqlite(CachedStatement<'d>),
    /// Prepared when it is first asked.
    Postgres {
        /// Whom it is asked of.
        db: &'d Pg,
        /// In its words.
        sql: String,
        /// Whether its answer comes as it is read.
        long: bool,
    },
}

impl Statement<'_> {
    /// Asks.
    pub(crate) fn query(&mut self, params: &[Param<'_>]) -> Result<Rows<'_>> {
        Ok(match self {
            Self::Sqlite(statement) => Rows::Sqlite(statement.query(rusqlite::params_from_iter(params))?),
            Self::Postgres { db, sql, long: false } => Rows::Whole(db.fetch(sql, params)?.into_iter(), None),
            Self::Postgres { db, sql, long: true } => Rows::Coming(db.stream(sql, params)?),
        })
    }

    /// Asks and reads each row.
    pub(crate) fn query_map<T, F: FnMut(&Row<'_>) -> Result<T>>(
        &mut self,
        params: &[Param<'_>],
        read: F,
    ) -> Result<Mapped<'_, F>> {
        Ok(Mapped { rows: self.query(params)?, read })
    }

    /// Asks and reads the first row; [`Error::NoRow`] where there is none.
    pub(crate) fn query_row<T>(
        &mut self,
        params: &[Param<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut rows = self.query(params)?;
        match rows.next()? {
            Some(row) => read(&row),
            None => Err(Error::NoRow),
        }
    }

    /// Does it; returns how many rows it concerned.
    pub(crate) fn execute(&mut self, params: &[Param<'_>]) -> Result<u64> {
        match self {
            Self::Sqlite(statement) => Ok(statement.execute(rusqlite::params_from_iter(params))? as u64),
            Self::Postgres { db, sql, .. } => db.execute(sql, params),
        }
    }
}

/// An answer.
pub(crate) enum Rows<'s> {
    /// Read step by step.
    Sqlite(rusqlite::Rows<'s>),
    /// Here already, with the row that is looked at.
    Whole(std::vec::IntoIter<sqlx::postgres::PgRow>, Option<sqlx::postgres::PgRow>),
    /// Comes as it is read.
    Coming(postgres::Stream<'s>),
}

impl Rows<'_> {
    /// The next row.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>> {
        Ok(match self {
            Self::Sqlite(rows) => rows.next()?.map(Row::Sqlite),
            Self::Whole(rows, at) => {
                *at = rows.next();
                at.as_ref().map(Row::Postgres)
            }
            Self::Coming(rows) => rows.next()?.map(Row::Postgres),
        })
    }
}

/// An answer, row by row.
pub(crate) struct Mapped<'s, F> {
    rows: Rows<'s>,
    read: F,
}

impl<T, F: FnMut(&Row<'_>) -> Result<T>> Iterator for Mapped<'_, F> {
    type Item = Result<T>;
    fn next(&mut self) -> Option<Result<T>> {
        match self.rows.next() {
            Ok(row) => row.map(|row| (self.read)(&row)),
            Err(e) => Some(Err(e)),
        }
    }
}

/// A row of an answer.
pub(crate) enum Row<'r> {
    /// Of SQLite.
    Sqlite(&'r rusqlite::Row<'r>),
    /// Of PostgreSQL.
    Postgres(&'r sqlx::postgres::PgRow),
}

impl Row<'_> {
    /// A cell as it lies there.
    pub(crate) fn get_ref(&self, column: usize) -> Result<Cell<'_>> {
        match self {
            Self::Sqlite(row) => cells::of_sqlite(row.get_ref(column)?, column),
            Self::Postgres(row) => cells::of_postgres(row, column),
        }
    }

    /// A cell.
    pub(crate) fn get<T: FromCell>(&self, column: usize) -> Result<T> {
        T::from_cell(self.get_ref(column)?).ok_or(Error::BadCell { column, wanted: T::WANTED })
    }
}
