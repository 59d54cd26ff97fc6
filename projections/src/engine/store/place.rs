//! Where read models lie, and how a database is told from one that is somebody else's.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use daybook_journal::postgres::each_server;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Row as _};

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
    /// In a schema of a PostgreSQL database: `postgres://USER@HOST/DATABASE?schema=NAME`, of a primary and its standbys
    /// `HOST:PORT,HOST:PORT`. It may hold a password.
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
    /// One, or a primary and its standbys.
    servers: Arc<[PgConnectOptions]>,
    /// Which of them was the primary when it was last asked.
    primary: Arc<AtomicUsize>,
    pub(crate) name: Arc<str>,
    pub(crate) schema: Arc<str>,
}

impl Target {
    fn parse(url: &str) -> std::result::Result<Self, ReadModelError> {
        let wrong = |why: &dyn std::fmt::Display| {
            ReadModelError::BadQuestion(format!(
                "the URL of the read models cannot be read ({why}); write postgres://USER:PASSWORD@HOST:PORT/DATABASE, \
                 with ?schema=NAME behind it where they are not to lie in {SCHEMA}; of a primary and its standbys HOST:PORT,HOST:PORT"
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
        let servers = each_server(&plain)
            .iter()
            .map(|url| PgConnectOptions::from_str(url).map(|options| of_session(options, &schema)))
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|e| wrong(&e))?;
        let database = servers.first().map(|of| of.get_database().unwrap_or(of.get_username()));
        let places: Vec<_> = servers.iter().map(at).collect();
        let shown = if schema == SCHEMA { String::new() } else { format!("?schema={schema}") };
        let name = format!("postgres://{}/{}{shown}", places.join(","), database.unwrap_or_default());
        Ok(Self {
            servers: servers.into(),
            primary: Arc::default(),
            name: name.into(),
            schema: schema.into(),
        })
    }

    /// A session: of several servers on the one that takes writes, beginning with the one that did so last. A standby may be
    /// behind what was followed, and nobody can follow there.
    pub(super) async fn connect(self) -> Result<PgConnection> {
        if let [only] = &*self.servers {
            return match tokio::time::timeout(PATIENCE, only.connect()).await {
                Ok(Ok(conn)) => Ok(conn),
                Ok(Err(error)) => Err(Error::Postgres(explain(&self.name, &error))),
                Err(_) => {
                    let why = format!("no answer within {} seconds", PATIENCE.as_secs());
                    Err(Error::Postgres(Explained::lost(&self.name, &why)))
                }
            };
        }
        let (count, last) = (self.servers.len(), self.primary.load(Ordering::Relaxed));
        let (mut why, mut lasting) = (Vec::new(), 0);
        for n in (0..count).map(|n| (last + n) % count) {
            let server = &self.servers[n];
            match tokio::time::timeout(PATIENCE / 4, primary(server)).await {
                Ok(Ok(Some(conn))) => {
                    self.primary.store(n, Ordering::Relaxed);
                    return Ok(conn);
                }
                Ok(Ok(None)) => why.push(format!("{} is a standby", at(server))),
                Ok(Err(error)) => {
                    let explained = explain(&self.name, &error);
                    lasting += usize::from(!explained.transient);
                    why.push(format!("{} {}", at(server), explained.why));
                }
                Err(_) => why.push(format!("{} does not answer", at(server))),
            }
        }
        // whom all servers refuse is refused again; else one may come, or be promoted
        let transient = lasting < count;
        let cure =
            if transient { ". Start or promote one: the read models go on by themselves then" } else { "" };
        let none = format!("no server of them takes writes: {}{cure}", why.join("; "));
        let none = Explained { transient, connected: false, ..Explained::lasting(&self.name, none) };
        Err(Error::Postgres(none))
    }
}

/// Nothing where the server is a standby.
async fn primary(server: &PgConnectOptions) -> std::result::Result<Option<PgConnection>, sqlx::Error> {
    let mut conn = server.connect().await?;
    let standby: bool = sqlx::query("SELECT pg_is_in_recovery()").fetch_one(&mut conn).await?.try_get(0)?;
    Ok((!standby).then_some(conn))
}

/// Where a server is.
fn at(server: &PgConnectOptions) -> String {
    match server.get_socket() {
        Some(folder) => format!("{}:{}", folder.display(), server.get_port()),
        None => format!("{}:{}", server.get_host(), server.get_port()),
    }
}

/// How each session is set.
fn of_session(options: PgConnectOptions, schema: &str) -> PgConnectOptions {
    let mut options = options;
    if options.get_username() == "anonymous" {
        // what the driver makes of a user that it could not find out
        let user = std::env::var("USER").unwrap_or_else(|_| "postgres".to_owned());
        options = options.username(&user);
    }
    options
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
            ("search_path", schema),
            ("client_min_messages", "warning"),
        ])
        .statement_cache_capacity(256)
        .disable_statement_logging()
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
        let target = Target::parse("postgres://me:secret@a:1,b:2/books?schema=north").unwrap();
        assert_eq!(&*target.name, "postgres://a:1,b:2/books?schema=north");
    }

    #[test]
    fn a_schema_that_is_no_name_or_is_the_journals_is_refused_with_the_cure() {
        for schema in ["", "1st", "a-b", "A", "a;b", "daybook_journal", "pg_catalog"] {
            let error = Target::parse(&format!("postgres://h/d?schema={schema}")).err().unwrap().to_string();
            assert!(error.contains("schema=") && error.contains("write postgres://"), "{error}");
        }
    }
}
