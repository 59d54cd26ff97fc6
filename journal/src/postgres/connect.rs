//! Connections: where they go, how each session is set, and what kind of server answers.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Row};

use uuid::Uuid;

use super::explain::{explain, standby};
use crate::JournalError;

/// Longest wait for a connection, and for the answer to a statement that does a bounded amount of work, unless it is said
/// otherwise.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// `Dybk` and a number: the advisory locks of a journal, one for its migrations, one for its writers.
pub(super) const LOCK_CLASS: i32 = 0x4479_626B;
pub(super) const MIGRATING: i32 = 1;
pub(super) const WRITING: i32 = 2;

/// Where a journal is: how to get there, and its name without a password.
#[derive(Clone)]
pub(super) struct Target {
    options: PgConnectOptions,
    pub name: String,
    /// Longest wait for a connection or an answer.
    pub patience: Duration,
}

impl Target {
    /// Reads `postgres://user:password@host:port/database`. What it leaves out is as libpq has it: `PGHOST`,
    /// `PGUSER`, `PGPASSWORD`, `~/.pgpass` and so on.
    pub(super) fn parse(url: &str) -> Result<Self, JournalError> {
        let wrong = |error: &dyn std::fmt::Display| {
            JournalError::Unavailable(format!(
                "the journal's URL cannot be read ({error}); write postgres://USER:PASSWORD@HOST:PORT/DATABASE"
            ))
        };
        let mut options = PgConnectOptions::from_str(url).map_err(|error| wrong(&error))?;
        if options.get_username() == "anonymous" {
            // What the driver makes of a user that it could not find out. Read again with the one that it is: the line of
            // ~/.pgpass is looked up by it.
            let user = std::env::var("USER").unwrap_or_else(|_| "postgres".to_owned());
            let plain = user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            let named = format!("{url}{}user={user}", if url.contains('?') { '&' } else { '?' });
            options = match PgConnectOptions::from_str(&named) {
                Ok(named) if plain => named,
                _ => options.username(&user),
            };
        }
        let database = options.get_database().unwrap_or(options.get_username()).to_owned();
        let place = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => options.get_host().to_owned(),
        };
        let name = format!("postgres://{place}:{}/{database}", options.get_port());
        let options = options
            .application_name(&format!("daybook {}", std::process::id()))
            .options([
                // Whoever is cut off must not hold the head for long.
                ("idle_in_transaction_session_timeout", "30s"),
                ("lock_timeout", "20s"),
                ("tcp_keepalives_idle", "10"),
                ("tcp_keepalives_interval", "5"),
                ("tcp_keepalives_count", "3"),
                // Short statements through an index, whatever the planner knows of a young table.
                ("jit", "off"),
                ("enable_seqscan", "off"),
                ("search_path", "pg_catalog"),
                ("client_min_messages", "warning"),
            ])
            .statement_cache_capacity(64)
            .disable_statement_logging();
        Ok(Self { options, name, patience: PATIENCE })
    }

    /// How to connect, for who needs to do so by itself.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// A session for reading.
    pub(super) async fn connect(&self) -> Result<PgConnection, JournalError> {
        match tokio::time::timeout(self.patience, self.options.connect()).await {
            Ok(Ok(conn)) => Ok(conn),
            Ok(Err(error)) => Err(explain(&self.name, &error)),
            Err(_) => Err(self.silent()),
        }
    }

    /// A session for writing: on a primary, with commits that wait for the disk.
    pub(super) async fn connect_to_write(&self) -> Result<PgConnection, JournalError> {
        let conn = self.connect().await?;
        tokio::time::timeout(self.patience, self.to_write(conn)).await.map_err(|_| self.silent())?
    }

    async fn to_write(&self, mut conn: PgConnection) -> Result<PgConnection, JournalError> {
        let fail = |error| explain(&self.name, &error);
        let server = sqlx::query(
            "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool, \
             current_setting('synchronous_commit'), current_setting('fsync'), \
             current_setting('full_page_writes'), current_setting('server_encoding')",
        );
        let row = server.fetch_one(&mut conn).await.map_err(fail)?;
        if row.try_get(0).map_err(fail)? {
            return Err(JournalError::Unavailable(standby(&self.name)));
        }
        let text = |column: usize| row.try_get::<&str, _>(column).map_err(fail);
        if text(4)? != "UTF8" {
            return Err(JournalError::Unavailable(format!(
                "{} keeps text as {}, which cannot hold every event; make the database with createdb -E UTF8 -T template0",
                self.name,
                text(4)?
            )));
        }
        for (setting, column) in [("fsync", 2), ("full_page_writes", 3)] {
            if text(column)? != "on" {
                tracing::warn!(
                    "{} runs with {setting} = off: what it acknowledges can be lost with the machine; set it on",
                    self.name
                );
            }
        }
        if !matches!(text(1)?, "on" | "remote_apply") {
            let on = sqlx::raw_sql("SET synchronous_commit = on");
            on.execute(&mut conn).await.map_err(fail)?;
        }
        Ok(conn)
    }

    /// A name for one opening of the journal, which stands in the head behind what it wrote.
    pub(super) async fn new_name(&self, conn: &mut PgConnection) -> Result<Uuid, JournalError> {
        let name = sqlx::query("SELECT gen_random_uuid()").fetch_one(conn).await;
        name.and_then(|row| row.try_get(0)).map_err(|error| explain(&self.name, &error))
    }

    /// The server does not answer.
    pub(super) fn silent(&self) -> JournalError {
        JournalError::Unavailable(format!(
            "{} does not answer within {} seconds; is the way to it open?",
            self.name,
            self.patience.as_secs_f32()
        ))
    }
}
