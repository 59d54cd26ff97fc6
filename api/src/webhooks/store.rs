//! Webhooks, their secrets, how far each has come and what it could not deliver: a SQLite file beside the journal.
//!
//! What was delivered and how far the endpoint has come is written after the receiver took it; so whatever stops the
//! service in between leads to a second delivery of the same event, never to none.

use std::path::Path;
use std::time::Duration;

use daybook_domain::{Refs, Timestamp};
use daybook_journal::Position;
use parking_lot::Mutex;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Serialize;
use uuid::Uuid;

use super::WebhookError;
use crate::access::private;

/// Most webhooks.
pub(super) const MOST_WEBHOOKS: u64 = 100;
/// Most dead letters of a webhook; at so many it is disabled, so that none is lost.
pub(super) const MOST_DEAD_LETTERS: u64 = 1_000;
/// Most secrets of a webhook that are in force at once.
const MOST_SECRETS: i64 = 5;

const TABLES: &str = "
    PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON;
    CREATE TABLE IF NOT EXISTS webhooks (
      id TEXT PRIMARY KEY, url TEXT NOT NULL, types TEXT NOT NULL, parties TEXT NOT NULL, created_at INTEGER NOT NULL,
      disabled TEXT, position INTEGER NOT NULL, event TEXT, delivered INTEGER NOT NULL DEFAULT 0,
      attempts INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL DEFAULT 0, last_error TEXT,
      dead_in_row INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS secrets (
      id INTEGER PRIMARY KEY, webhook TEXT NOT NULL REFERENCES webhooks ON DELETE CASCADE, secret TEXT NOT NULL,
      until INTEGER);
    CREATE TABLE IF NOT EXISTS dead_letters (
      id INTEGER PRIMARY KEY AUTOINCREMENT, webhook TEXT NOT NULL REFERENCES webhooks ON DELETE CASCADE,
      position INTEGER NOT NULL, at INTEGER NOT NULL, attempts INTEGER NOT NULL, error TEXT NOT NULL, event TEXT,
      UNIQUE (webhook, position));";

/// How soon what is written is on the disk. What a receiver took may be forgotten when the power fails: it is sent
/// again. What somebody was told (a secret, that an event was put aside) may not.
const SOON: &str = "PRAGMA synchronous=NORMAL";
const AT_ONCE: &str = "PRAGMA synchronous=FULL";

const WEBHOOK: &str = "SELECT id, url, types, parties, created_at, disabled, position, delivered, attempts, next_at,
    last_error, dead_in_row, (SELECT count(*) FROM dead_letters d WHERE d.webhook = webhooks.id), event FROM webhooks";

const LETTER: &str = "SELECT id, position, at, attempts, error, event FROM dead_letters";

/// A webhook.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Webhook {
    pub id: String,
    /// Where its events go.
    pub url: String,
    /// Only these types; none: all.
    pub types: Vec<String>,
    /// Only events that refer to these.
    pub filter: Refs,
    pub created_at: Timestamp,
    /// Why it delivers no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<String>,
    /// Everything up to here is delivered, a dead letter, or not wanted.
    pub position: Position,
    /// Events that the receiver took.
    pub delivered: u64,
    /// How often the next event was tried in vain.
    pub attempts: u32,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// What went wrong the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The event at this position: another one there means that the journal is another.
    #[serde(skip)]
    pub event: Option<Uuid>,
    /// Dead letters since an event was last taken.
    #[serde(skip)]
    pub dead_in_row: u32,
    /// Events that were given up.
    pub dead_letters: u64,
}

/// An event that was given up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct DeadLetter {
    pub id: u64,
    /// Where the event stands in the journal.
    pub position: Position,
    /// Its id.
    #[serde(skip)]
    pub event: Option<Uuid>,
    /// When it was given up.
    pub at: Timestamp,
    pub attempts: u32,
    /// What went wrong the last time.
    pub error: String,
}

/// The file.
pub(super) struct Store(Mutex<Connection>);

type Kept<T> = Result<T, WebhookError>;

fn webhook(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    let unreadable = |at, error| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, error);
    let (types, parties): (String, String) = (row.get(2)?, row.get(3)?);
    let attempts: u32 = row.get(8)?;
    Ok(Webhook {
        id: row.get(0)?,
        url: row.get(1)?,
        types: serde_json::from_str(&types).map_err(|e| unreadable(2, Box::new(e)))?,
        filter: Refs::parse(&parties).map_err(|e| unreadable(3, Box::new(e)))?,
        created_at: Timestamp(row.get(4)?),
        disabled: row.get(5)?,
        position: row.get(6)?,
        delivered: row.get(7)?,
        attempts,
        next_attempt_at: if attempts > 0 { Some(Timestamp(row.get(9)?)) } else { None },
        last_error: row.get(10)?,
        dead_in_row: row.get(11)?,
        dead_letters: row.get(12)?,
        event: event(row, 13)?,
    })
}

fn dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        id: row.get(0)?,
        position: row.get(1)?,
        at: Timestamp(row.get(2)?),
        attempts: row.get(3)?,
        error: row.get(4)?,
        event: event(row, 5)?,
    })
}

fn event(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Uuid>> {
    let text: Option<String> = row.get(at)?;
    let id = text.map(|text| Uuid::parse_str(&text)).transpose();
    id.map_err(|e| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(e)))
}

fn text(event: Option<Uuid>) -> Option<String> {
    event.map(|id| id.to_string())
}

impl Store {
    /// Opens the file at `path`, making it where needed, for its owner alone: it holds secrets. `None`: in memory.
    pub fn open(path: Option<&Path>) -> Kept<Self> {
        let conn = match path {
            Some(path) => {
                private(path).map_err(|error| WebhookError(format!("{}: {error}", path.display())))?;
                Connection::open(path)?
            }
            None => Connection::open_in_memory()?,
        };
        conn.busy_timeout(Duration::from_secs(5))?;
        conn.execute_batch(TABLES)?;
        conn.execute_batch(SOON)?;
        for table in ["webhooks", "dead_letters"] {
            let named = "SELECT count(*) > 0 FROM pragma_table_info(?1) WHERE name = 'event'";
            if !conn.query_row(named, [table], |row| row.get(0))? {
                // of a file that was made before it was kept
                conn.execute_batch(&format!("ALTER TABLE {table} ADD COLUMN event TEXT"))?;
            }
        }
        Ok(Self(Mutex::new(conn)))
    }

    /// Changes something in one transaction that is on the disk when this returns.
    fn told<T>(&self, change: impl FnOnce(&Transaction<'_>) -> Kept<T>) -> Kept<T> {
        let mut conn = self.0.lock();
        conn.execute_batch(AT_ONCE)?;
        let changed = (|| -> Kept<T> {
            let tx = conn.transaction()?;
            let changed = change(&tx)?;
            tx.commit()?;
            Ok(changed)
        })();
        conn.execute_batch(SOON)?;
        changed
    }

    /// Adds one with its first secret, and returns it; where this one was added before, its newest. `None`: there are as
    /// many as there may be.
    pub fn add(&self, hook: &Webhook, secret: &str) -> Kept<Option<String>> {
        let types = serde_json::to_string(&hook.types).map_err(|e| WebhookError(e.to_string()))?;
        let parties = serde_json::to_string(&hook.filter).map_err(|e| WebhookError(e.to_string()))?;
        self.told(|tx| {
            let newest = "SELECT secret FROM secrets WHERE webhook = ?1 ORDER BY id DESC LIMIT 1";
            if let Some(secret) = tx.query_row(newest, [&hook.id], |row| row.get(0)).optional()? {
                return Ok(Some(secret));
            }
            let there: u64 = tx.query_row("SELECT count(*) FROM webhooks", [], |row| row.get(0))?;
            if there >= MOST_WEBHOOKS {
                return Ok(None);
            }
            let event = text(hook.event);
            tx.execute(
                "INSERT INTO webhooks(id, url, types, parties, created_at, position, event)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![hook.id, hook.url, types, parties, hook.created_at.0, hook.position, event],
            )?;
            tx.execute("INSERT INTO secrets(webhook, secret) VALUES (?1, ?2)", params![hook.id, secret])?;
            Ok(Some(secret.to_owned()))
        })
    }

    /// All of them.
    pub fn all(&self) -> Kept<Vec<Webhook>> {
        let conn = self.0.lock();
        let mut all =
            conn.prepare_cached(&format!("{WEBHOOK} ORDER BY created_at, id LIMIT {MOST_WEBHOOKS}"))?;
        Ok(all.query_map([], webhook)?.collect::<Result<_, _>>()?)
    }

    /// One of them.
    pub fn get(&self, id: &str) -> Kept<Option<Webhook>> {
        let conn = self.0.lock();
        let mut one = conn.prepare_cached(&format!("{WEBHOOK} WHERE id = ?1"))?;
        Ok(one.query_row([id], webhook).optional()?)
    }

    /// Removes one, with its secrets and dead letters; whether it was there.
    pub fn remove(&self, id: &str) -> Kept<bool> {
        Ok(self.0.lock().execute("DELETE FROM webhooks WHERE id = ?1", [id])? > 0)
    }

    /// Disables one, with the reason, or enables it.
    pub fn disable(&self, id: &str, why: Option<&str>) -> Kept<()> {
        self.0.lock().execute(
            "UPDATE webhooks SET disabled = ?2, attempts = 0, next_at = 0, dead_in_row = 0 WHERE id = ?1",
            params![id, why],
        )?;
        Ok(())
    }

    /// The secrets in force at `now`, the newest first.
    pub fn secrets(&self, id: &str, now: Timestamp) -> Kept<Vec<String>> {
        let conn = self.0.lock();
        let mut found = conn.prepare_cached(
            "SELECT secret FROM secrets WHERE webhook = ?1 AND (until IS NULL OR until > ?2) ORDER BY id DESC LIMIT ?3",
        )?;
        Ok(found.query_map(params![id, now.0, MOST_SECRETS], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Adds a secret; those before it are in force until then at the longest.
    pub fn rotate(&self, id: &str, secret: &str, until: Timestamp, now: Timestamp) -> Kept<()> {
        self.told(|tx| {
            tx.execute("DELETE FROM secrets WHERE webhook = ?1 AND until <= ?2", params![id, now.0])?;
            tx.execute(
                "UPDATE secrets SET until = min(coalesce(until, ?2), ?2) WHERE webhook = ?1",
                params![id, until.0],
            )?;
            tx.execute("INSERT INTO secrets(webhook, secret) VALUES (?1, ?2)", params![id, secret])?;
            Ok(())
        })
    }

    /// The receiver took what stands at `position`.
    pub fn delivered(&self, id: &str, position: Position, event: Uuid) -> Kept<()> {
        self.0.lock().prepare_cached(
            "UPDATE webhooks SET position = ?2, event = ?3, delivered = delivered + 1, attempts = 0, last_error = NULL,
             dead_in_row = 0 WHERE id = ?1",
        )?.execute(params![id, position, event.to_string()])?;
        Ok(())
    }

    /// Nothing up to `position`, where this event stands, is wanted.
    pub fn passed(&self, id: &str, position: Position, event: Option<Uuid>) -> Kept<()> {
        self.0
            .lock()
            .prepare_cached("UPDATE webhooks SET position = ?2, event = ?3 WHERE id = ?1")?
            .execute(params![id, position, text(event)])?;
        Ok(())
    }

    /// It was tried in vain, and will be tried again.
    pub fn failed(&self, id: &str, attempts: u32, next: Timestamp, error: &str) -> Kept<()> {
        self.0.lock().execute(
            "UPDATE webhooks SET attempts = ?2, next_at = ?3, last_error = ?4 WHERE id = ?1",
            params![id, attempts, next.0, error],
        )?;
        Ok(())
    }

    /// What stands at the letter's position is given up.
    pub fn give_up(&self, id: &str, letter: &DeadLetter) -> Kept<()> {
        let event = text(letter.event);
        self.told(|tx| {
            tx.execute(
                "INSERT INTO dead_letters(webhook, position, at, attempts, error, event) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (webhook, position) DO UPDATE SET at = ?3, attempts = ?4, error = ?5, event = ?6",
                params![id, letter.position, letter.at.0, letter.attempts, letter.error, event],
            )?;
            tx.execute(
                "UPDATE webhooks SET position = ?2, event = ?4, attempts = 0, last_error = ?3, dead_in_row = dead_in_row + 1
                 WHERE id = ?1",
                params![id, letter.position, letter.error, event],
            )?;
            Ok(())
        })
    }

    /// Dead letters of a webhook after the letter `after`, the oldest first.
    pub fn dead_letters(&self, id: &str, after: u64, limit: u64) -> Kept<Vec<DeadLetter>> {
        let conn = self.0.lock();
        let sql = format!("{LETTER} WHERE webhook = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
        let mut found = conn.prepare_cached(&sql)?;
        Ok(found.query_map(params![id, after, limit], dead_letter)?.collect::<Result<_, _>>()?)
    }

    /// A dead letter of a webhook.
    pub fn dead_letter(&self, id: &str, letter: u64) -> Kept<Option<DeadLetter>> {
        let found = self.0.lock().query_row(
            &format!("{LETTER} WHERE webhook = ?1 AND id = ?2"),
            params![id, letter],
            dead_letter,
        );
        Ok(found.optional()?)
    }

    /// A dead letter was taken after all.
    pub fn revived(&self, id: &str, letter: u64) -> Kept<()> {
        let mut conn = self.0.lock();
        let tx = conn.transaction()?;
        let gone =
            tx.execute("DELETE FROM dead_letters WHERE webhook = ?1 AND id = ?2", params![id, letter])?;
        tx.execute(
            "UPDATE webhooks SET delivered = delivered + ?2, dead_in_row = 0 WHERE id = ?1",
            params![id, i64::try_from(gone).unwrap_or(0)],
        )?;
        Ok(tx.commit()?)
    }

    /// A dead letter was tried again in vain.
    pub fn still_dead(&self, id: &str, letter: u64, error: &str) -> Kept<()> {
        self.0.lock().execute(
            "UPDATE dead_letters SET attempts = attempts + 1, error = ?3 WHERE webhook = ?1 AND id = ?2",
            params![id, letter, error],
        )?;
        Ok(())
    }
}
