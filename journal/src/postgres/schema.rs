//! The schema of a journal's database: which there is, the steps to this one, and whether it is whole.

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};

use super::connect::{LOCK_CLASS, MIGRATING, Target};
use super::explain::{explain, foreign};
use crate::JournalError;

/// The schema, a step per file: step `n` leads to version `n`.
pub(super) const MIGRATIONS: &[&str] =
    &[include_str!("../../../migrations/postgres/journal/0001_journal.sql")];

/// The columns of `events` and the triggers that keep it append-only, as the last step leaves them.
const SHAPE: &str = "\
    SELECT (SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) \
              FROM pg_attribute WHERE attrelid = 'daybook_journal.events'::regclass AND attnum > 0 AND NOT attisdropped), \
           (SELECT string_agg(tgname::text, ', ' ORDER BY tgname::text) FROM pg_trigger \
             WHERE tgrelid IN ('daybook_journal.events'::regclass, 'daybook_journal.head'::regclass) \
               AND NOT tgisinternal AND tgenabled = 'A'), \
           (SELECT last FROM daybook_journal.head), \
           (SELECT position FROM daybook_journal.events ORDER BY position DESC LIMIT 1)";
const COLUMNS: &str = "position bigint, stream text, version bigint, kind text, schema integer, \
    occurred_at bigint, recorded_at bigint, actor text, id uuid, command uuid, fingerprint uuid, \
    correlation uuid, refs text, data text";
const TRIGGERS: &str = "events_never_change, head_advances, head_never_goes";

/// What a database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// No journal and nothing else.
    Nothing,
    /// A journal of this schema version.
    Version(usize),
}

/// Checks a journal that is only read.
pub(super) async fn check(target: &Target, conn: &mut PgConnection) -> Result<(), JournalError> {
    match find(target, conn).await? {
        Found::Nothing => Err(JournalError::Unavailable(format!(
            "there is no journal at {}; open it once for writing to make one (daybook ... serve)",
            target.name
        ))),
        Found::Version(version) if version < MIGRATIONS.len() => Err(JournalError::Corrupt(format!(
            "{} has the older journal schema {version}; open it once for writing to bring it to {}",
            target.name,
            MIGRATIONS.len()
        ))),
        Found::Version(_) => whole(target, conn).await,
    }
}

/// Makes the journal where there is none and brings an older one up to date. Who comes at the same time waits.
pub(super) async fn migrate(target: &Target, conn: &mut PgConnection) -> Result<(), JournalError> {
    let fail = |error| explain(&target.name, &error);
    if find(target, conn).await? == Found::Version(MIGRATIONS.len()) {
        return whole(target, conn).await;
    }
    let mut tx = conn.begin().await.map_err(fail)?;
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1, $2)").bind(LOCK_CLASS).bind(MIGRATING);
    lock.execute(&mut *tx).await.map_err(fail)?;
    // Somebody else may have been faster.
    let from = match find(target, &mut tx).await? {
        Found::Nothing => {
            alone(target, &mut tx).await?;
            0
        }
        Found::Version(version) => version,
    };
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(from) {
        sqlx::raw_sql(*sql).execute(&mut *tx).await.map_err(fail)?;
        let reached = sqlx::query("UPDATE daybook_journal.schema SET version = $1").bind(step as i32 + 1);
        reached.execute(&mut *tx).await.map_err(fail)?;
    }
    whole(target, &mut tx).await?;
    tx.commit().await.map_err(fail)
}

async fn find(target: &Target, conn: &mut PgConnection) -> Result<Found, JournalError> {
    let fail = |error| explain(&target.name, &error);
    // From the tables themselves: to_regclass and its like answer from a cache that a lock just waited for leaves as it
    // was.
    let row = sqlx::query(
        "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'daybook_journal'), \
                EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                         WHERE n.nspname = 'daybook_journal' AND c.relname = 'schema' AND c.relkind = 'r')",
    );
    let row = row.fetch_one(&mut *conn).await.map_err(fail)?;
    let (schema, table) = (row.try_get(0).map_err(fail)?, row.try_get(1).map_err(fail)?);
    match (schema, table) {
        (false, _) => return Ok(Found::Nothing),
        (true, false) => return Err(foreign(&target.name, "its schema daybook_journal is something else")),
        (true, true) => {}
    }
    let version = sqlx::query("SELECT version FROM daybook_journal.schema");
    let version: i32 = version.fetch_one(conn).await.map_err(fail)?.try_get(0).map_err(fail)?;
    let version = usize::try_from(version).unwrap_or_default();
    if version > MIGRATIONS.len() {
        return Err(JournalError::Corrupt(format!(
            "{} has the newer journal schema {version}, this program knows {}; upgrade daybook",
            target.name,
            MIGRATIONS.len()
        )));
    }
    Ok(Found::Version(version))
}

/// A journal is made only in a database that has nobody else's tables: a wrong name in a URL does no harm.
async fn alone(target: &Target, conn: &mut PgConnection) -> Result<(), JournalError> {
    let others = sqlx::query(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
           AND n.nspname NOT LIKE 'daybook\\_%' ORDER BY 1 LIMIT 1",
    );
    let fail = |error| explain(&target.name, &error);
    let Some(row) = others.fetch_optional(conn).await.map_err(fail)? else { return Ok(()) };
    let table: String = row.try_get(0).map_err(fail)?;
    Err(foreign(&target.name, &format!("it holds {table}; make a database of its own: createdb daybook")))
}

/// Whether the tables are as the migrations leave them and the head is where the events end.
async fn whole(target: &Target, conn: &mut PgConnection) -> Result<(), JournalError> {
    let fail = |error| explain(&target.name, &error);
    let row = sqlx::query(SHAPE).fetch_one(conn).await.map_err(fail)?;
    let columns: Option<String> = row.try_get(0).map_err(fail)?;
    let triggers: Option<String> = row.try_get(1).map_err(fail)?;
    let (head, last): (i64, Option<i64>) = (row.try_get(2).map_err(fail)?, row.try_get(3).map_err(fail)?);
    let damaged = |why: String| {
        Err(JournalError::Corrupt(format!(
            "the journal {} is damaged ({why}); restore it from a copy",
            target.name
        )))
    };
    if columns.as_deref() != Some(COLUMNS) {
        return damaged(format!("its events have the columns {}", columns.unwrap_or_default()));
    }
    if triggers.as_deref() != Some(TRIGGERS) {
        return damaged(format!(
            "of the triggers that keep it append-only ({TRIGGERS}) only these are on: {}",
            triggers.unwrap_or_default()
        ));
    }
    if head != last.unwrap_or(0) {
        return damaged(format!("its head is {head}, its last event {}", last.unwrap_or(0)));
    }
    Ok(())
}
