//! Connections: where they go, how each session is set, and what kind of server answers.
//!
//! Of several servers, a primary and its standbys, one takes writes at a time. Each connection looks for it, beginning
//! with the one that was it last: when a standby was promoted, whoever lost a connection finds it there.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    /// One, or a primary and its standbys.
    servers: Vec<PgConnectOptions>,
    /// Which of them was the primary when it was last asked.
    primary: Arc<AtomicUsize>,
    pub name: String,
    /// Longest wait for a connection or an answer.
    pub patience: Duration,
}

impl Target {
    /// Reads `postgres://user:password@host:port,host:port/database`. What it leaves out is as libpq has it: `PGHOST`,
    /// `PGUSER`, `PGPASSWORD`, `~/.pgpass` and so on.
    pub(super) fn parse(url: &str) -> Result<Self, JournalError> {
        let servers = each_server(url).iter().map(|url| server(url)).collect::<Result<Vec<_>, _>>()?;
        let places: Vec<String> = servers.iter().map(place).collect();
        let database =
            servers.first().map(|of| of.get_database().unwrap_or(of.get_username())).unwrap_or_default();
        let name = format!("postgres://{}/{database}", places.join(","));
        Ok(Self { servers, primary: Arc::default(), name, patience: PATIENCE })
    }

    /// How to connect, for who needs to do so by itself: of several servers to the one that takes writes.
    pub(super) async fn options(&self) -> Result<PgConnectOptions, JournalError> {
        if self.servers.len() > 1 {
            drop(self.connect().await?);
        }
        Ok(self.servers[self.primary.load(Ordering::Relaxed)].clone())
    }

    /// The database, as the URL names it or as its user is called.
    pub(super) fn database(&self) -> Option<&str> {
        self.servers.first().and_then(PgConnectOptions::get_database)
    }

    /// A session for reading: of several servers on the one that takes writes, for a standby may be behind.
    pub(super) async fn connect(&self) -> Result<PgConnection, JournalError> {
        if let [only] = &self.servers[..] {
            return self.connect_to(only, self.patience).await;
        }
        let (count, last) = (self.servers.len(), self.primary.load(Ordering::Relaxed));
        let mut why = Vec::new();
        for at in (0..count).map(|n| (last + n) % count) {
            let server = &self.servers[at];
            match self.connect_to_primary(server, self.patience / 4).await {
                Ok(Some(conn)) => {
                    self.primary.store(at, Ordering::Relaxed);
                    return Ok(conn);
                }
                Ok(None) => why.push(format!("{} is a standby", place(server))),
                Err(error) => why.push(error.to_string()),
            }
        }
        let none = format!("no server of {} takes writes: {}", self.name, why.join("; "));
        Err(JournalError::Unavailable(none))
    }

    async fn connect_to(
        &self,
        server: &PgConnectOptions,
        patience: Duration,
    ) -> Result<PgConnection, JournalError> {
        match tokio::time::timeout(patience, server.connect()).await {
            Ok(Ok(conn)) => Ok(conn),
            Ok(Err(error)) => Err(explain(&self.name, &error)),
            Err(_) => Err(self.silent()),
        }
    }

    /// Nothing where the server is a standby.
    async fn connect_to_primary(
        &self,
        server: &PgConnectOptions,
        patience: Duration,
    ) -> Result<Option<PgConnection>, JournalError> {
        let name = format!("postgres://{}", place(server));
        let asked = async {
            let mut conn = server.connect().await?;
            let row = sqlx::query("SELECT pg_is_in_recovery()").fetch_one(&mut conn).await?;
            Ok((!row.try_get::<bool, _>(0)?).then_some(conn))
        };
        match tokio::time::timeout(patience, asked).await {
            Ok(answer) => answer.map_err(|error| explain(&name, &error)),
            Err(_) => Err(JournalError::Unavailable(format!("{name} does not answer"))),
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

/// The URLs of the servers that one URL names: `postgres://user@one:1,two:2/database` those of `one` and of `two`.
#[must_use]
pub fn each_server(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
    let at = if user.is_empty() { "" } else { "@" };
    hosts.split(',').map(|host| format!("{scheme}://{user}{at}{host}{path}")).collect()
}

/// How to connect to the one server of a URL, and how each session is set.
fn server(url: &str) -> Result<PgConnectOptions, JournalError> {
    let mut options = PgConnectOptions::from_str(url).map_err(|error| {
        JournalError::Unavailable(format!(
            "the journal's URL cannot be read ({error}); write postgres://USER:PASSWORD@HOST:PORT/DATABASE, of a primary \
             and its standbys HOST:PORT,HOST:PORT"
        ))
    })?;
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
    Ok(options
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
        .disable_statement_logging())
}

/// Where a server is.
fn place(server: &PgConnectOptions) -> String {
    match server.get_socket() {
        Some(folder) => format!("{}:{}", folder.display(), server.get_port()),
        None => format!("{}:{}", server.get_host(), server.get_port()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_one_server_or_several() {
        let of = |url: &str| each_server(url);
        assert_eq!(of("postgres://ann:s@db:1/books?x=a,b"), ["postgres://ann:s@db:1/books?x=a,b"]);
        assert_eq!(
            of("postgres://ann:s@a:1,b:2,c/books?sslmode=require"),
            ["a:1", "b:2", "c"].map(|host| format!("postgres://ann:s@{host}/books?sslmode=require"))
        );
        assert_eq!(of("postgres://a,b"), ["postgres://a", "postgres://b"]);
        let target = Target::parse("postgres://ann:s3cret@a:1,b:2/books").expect("a URL");
        assert_eq!(target.name, "postgres://a:1,b:2/books");
    }
}
