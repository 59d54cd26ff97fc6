//! Where read models lie, and how a database is told from one that is somebody else's.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::explain::{Explained, explain};
use super::{Error, Result};
use crate::engine::error::ReadModelError;

/// Longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(30);
/// The schema that read models lie in where the URL names none.
const SCHEMA: &str = "daybook_views";

/// Where read models lie.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// In a SQLite file.
    File(PathBuf),
    /// In a schema of a PostgreSQL database: `postgres://USER@HOST/DATABASE?schema=NAME`. It may hold a password.
    Database(String),
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Database(_) => f.write_str("Database"),
        }
    }
}

impl<P: AsRef<Path>> From<P> for Place {
    fn from(path: P) -> Self {
        Self::File(path.as_ref().to_path_buf())
    }
}

/// The same, read.
#[derive(Clone)]
pub(crate) enum Seat {
    /// A file.
    File(PathBuf),
    /// A schema of a database.
    Database(Target),
}

impl Seat {
    /// Reads it.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for a URL that is none.
    pub(crate) fn of(place: Place) -> std::result::Result<Self, ReadModelError> {
        Ok(match place {
            Place::File(path) => Self::File(path),
            Place::Database(url) => Self::Database(Target::parse(&url)?),
        })
    }

    /// A file, or the database without its password.
    pub(crate) fn shown(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Database(target) => PathBuf::from(&*target.name),
        }
    }
}

/// How to get to a schema, and its name without a password.
#[derive(Clone)]
pub(crate) struct Target {
    options: Box<PgConnectOptions>,
    pub(crate) name: Arc<str>,
    pub(crate) schema: Arc<str>,
}

impl Target {
    fn parse(url: &str) -> std::result::Result<Self, ReadModelError> {
        let wrong = |why: &dyn std::fmt::Display| {
            ReadModelError::BadQuestion(format!(
                "the URL of the read models cannot be read ({why}); write postgres://USER:PASSWORD@HOST:PORT/DATABASE, \
                 with ?schema=NAME behind it where they are not to lie in {SCHEMA}"
            ))
        };
        // the driver knows no such word: it is ours
        let (plain, schema) = match url.split_once('?') {
            None => (url.to_owned(), None),
            Some((before, words)) => {
                let (own, others): (Vec<_>, Vec<_>) =
                    words.split('&').partition(|word| word.starts_with("schema="));
                let others = others.join("&");
                let plain = if others.is_empty() { before.to_owned() } else { format!("{before}?{others}") };
                (plain, own.last().map(|word| word["schema=".len()..].to_owned()))
            }
        };
        let schema = schema.unwrap_or_else(|| SCHEMA.to_owned());
        let simple = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let begins = schema.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        if !begins || !schema.chars().all(simple) || schema.len() > 40 || schema.starts_with("pg_") {
            return Err(wrong(&format!(
                "schema={schema}: small letters, digits and _ make a name, of at most 40"
            )));
        }
        if schema == "daybook_journal" {
            return Err(wrong(&"schema=daybook_journal is where a journal lies"));
        }
        let mut options = PgConnectOptions::from_str(&plain).map_err(|e| wrong(&e))?;
        if options.get_username() == "anonymous" {
            // what the driver makes of a user that it could not find out
            let user = std::env::var("USER").unwrap_or_else(|_| "postgres".to_owned());
            options = options.username(&user);
        }
        let database = options.get_database().unwrap_or(options.get_username()).to_owned();
        let place = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => options.get_host().to_owned(),
        };
        let shown = if schema == SCHEMA { String::new() } else { format!("?schema={schema}") };
        let name = format!("postgres://{place}:{}/{database}{shown}", options.get_port());
        let options = options
            .application_name(&format!("daybook {}", std::process::id()))
            .options([
                // whoever is cut off must not hold the others up for long
                ("idle_in_transaction_session_timeout", "10min"),
                ("lock_timeout", "20s"),
                ("tcp_keepalives_idle", "10"),
                ("tcp_keepalives_interval", "5"),
                ("tcp_keepalives_count", "3"),
                ("jit", "off"),
                // what is lost with the machine is followed again: position and rows are lost together
                ("synchronous_commit", "off"),
                ("maintenance_work_mem", "256MB"),
                ("search_path", &schema),
                ("client_min_messages", "warning"),
            ])
            .statement_cache_capacity(256)
            .disable_statement_logging();
        Ok(Self { options: Box::new(options), name: name.into(), schema: schema.into() })
    }

    /// A session.
    pub(super) async fn connect(self) -> Result<PgConnection> {
        match tokio::time::timeout(PATIENCE, self.options.connect()).await {
            Ok(Ok(conn)) => Ok(conn),
            Ok(Err(error)) => Err(Error::Postgres(explain(&self.name, &error))),
            Err(_) => {
                let why = format!("no answer within {} seconds", PATIENCE.as_secs());
                Err(Error::Postgres(Explained::lost(&self.name, &why)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_schema_or_leaves_it_out_and_the_password_is_told_to_nobody() {
        let target = Target::parse("postgres://me:secret@db.example:5433/books").unwrap();
        assert_eq!((&*target.name, &*target.schema), ("postgres://db.example:5433/books", SCHEMA));
        let url = "postgres://me:secret@db.example/books?schema=north&sslmode=disable";
        let target = Target::parse(url).unwrap();
        assert_eq!(&*target.schema, "north");
        assert_eq!(&*target.name, "postgres://db.example:5432/books?schema=north");
        assert!(!format!("{:?}", Place::Database(url.to_owned())).contains("secret"));
    }

    #[test]
    fn a_schema_that_is_no_name_or_is_the_journals_is_refused_with_the_cure() {
        for schema in ["", "1st", "a-b", "A", "a;b", "daybook_journal", "pg_catalog"] {
            let error = Target::parse(&format!("postgres://h/d?schema={schema}")).err().unwrap().to_string();
            assert!(error.contains("schema=") && error.contains("write postgres://"), "{error}");
        }
    }
}
