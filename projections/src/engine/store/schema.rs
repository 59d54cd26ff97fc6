//! The schema that read models lie in: whose it is, and what only one session does at a time.

use super::explain::Explained;
use super::place::Target;
use super::{Db, Error, Pg, Result, params};

/// Version of the engine's own tables.
const LAYOUT: i64 = 1;
/// The engine's own tables.
const TABLES: &str = include_str!("../../../../migrations/postgres/read_models/0001_engine.sql");

/// What one session does at a time. Each is a lock of the session, and goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lease {
    /// Follows the journal with the models of money.
    Together = 1,
    /// Follows the journal with those that look at traffic.
    Apart = 2,
    /// Makes models anew.
    Making = 3,
    /// Makes the schema.
    Founding = 4,
}

impl Db {
    /// A session for who writes; makes the schema where there is none.
    pub(crate) fn to_write(target: &Target) -> Result<Self> {
        let db = Self::Postgres(Pg::connect(target)?);
        if !db.is_founded(target)? {
            db.found(target)?;
        }
        Ok(db)
    }

    /// A session for who reads what is there.
    pub(crate) fn to_read(target: &Target) -> Result<Self> {
        Ok(Self::Postgres(Pg::connect(target)?))
    }

    /// Whether the schema holds read models; an error where it holds something else, or those of a newer program.
    pub(crate) fn is_founded(&self, target: &Target) -> Result<bool> {
        let (name, schema) = (&target.name, &*target.schema);
        let lasting = |why: String| Err(Error::Postgres(Explained::lasting(name, why)));
        let tables = "SELECT count(*), count(*) FILTER (WHERE c.relname IN ('_models', '_state')) FROM pg_class c \
                      JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relkind IN ('r', 'p', 'v')";
        let (all, own) =
            self.query_row(tables, params![schema], |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)))?;
        match (all, own) {
            (0, _) => return Ok(false),
            (_, 2) => {}
            _ => {
                return lasting(format!(
                    "its schema {schema} holds something else than read models: name another one behind the URL, \
                     ?schema=NAME"
                ));
            }
        }
        let layout = "SELECT value FROM _state WHERE name = 'layout'";
        let layout: String = self.query_row(layout, &[], |row| row.get(0))?;
        match layout.parse::<i64>() {
            Ok(LAYOUT) => Ok(true),
            Ok(newer) if newer > LAYOUT => lasting(format!(
                "its read models have the newer layout {newer}, this program knows {LAYOUT}: upgrade daybook"
            )),
            _ => lasting(format!(
                "its read models have a layout that this program cannot read ({layout}): DROP SCHEMA {schema} CASCADE, and \
                 they are made anew"
            )),
        }
    }

    fn found(&self, target: &Target) -> Result<()> {
        let Self::Postgres(db) = self else { return Ok(()) };
        db.begin("BEGIN; SET LOCAL synchronous_commit = on")?;
        let made = (|| {
            // who comes at the same time waits, and finds it made
            self.query_row(
                "SELECT pg_advisory_xact_lock(hashtext(?), ?::integer) IS NULL",
                params![&*target.schema, Lease::Founding as i32],
                |_| Ok(()),
            )?;
            if self.is_founded(target)? {
                return Ok(());
            }
            db.batch(format!("CREATE SCHEMA IF NOT EXISTS {}", target.schema))?;
            db.batch(TABLES.to_owned())?;
            db.batch(format!("INSERT INTO _state VALUES ('layout', '{LAYOUT}')"))
        })();
        match made {
            Ok(()) => self.commit(),
            Err(e) => {
                self.rollback()?;
                Err(e)
            }
        }
    }

    /// Takes a lease, where nobody else has it; taken again it is the same one.
    pub(crate) fn take(&self, lease: Lease) -> Result<bool> {
        let Self::Postgres(db) = self else { return Ok(true) };
        // a lease is counted by how often it is taken
        let mine = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() \
                    AND classid::bigint = (hashtext(?1)::bigint & 4294967295) AND objid::bigint = ?2 AND granted) \
                    OR pg_try_advisory_lock(hashtext(?1), ?2::integer)";
        self.query_row(mine, params![&*db.target().schema, lease as i32], |row| row.get(0))
    }

    /// Lets go of all leases.
    pub(crate) fn let_go(&self) -> Result<()> {
        let Self::Postgres(_) = self else { return Ok(()) };
        self.query_row("SELECT pg_advisory_unlock_all() IS NULL", &[], |_| Ok(()))
    }

    /// Who has a lease, in words.
    pub(crate) fn holder(&self, lease: Lease) -> Result<String> {
        let Self::Postgres(db) = self else { return Ok(String::new()) };
        let who = "SELECT coalesce(a.application_name, '') || ' (session ' || a.pid || coalesce(' from ' || host(a.client_addr), '') \
                   || ')' FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted \
                   AND l.classid::bigint = (hashtext(?1)::bigint & 4294967295) AND l.objid::bigint = ?2 \
                   AND a.datname = current_database() LIMIT 1";
        let params = params![&*db.target().schema, lease as i32];
        let found = self.query_row(who, params, |row| row.get::<String>(0));
        Ok(super::Optional::optional(found)?.unwrap_or_else(|| "another session".to_owned()))
    }
}
