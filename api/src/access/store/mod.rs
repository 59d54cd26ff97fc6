//! Keys, the log of accesses, the secret of pseudonyms and first answers, in a SQLite file of their own beside the journal. Only
//! its owner may read it. Keys are kept as hashes: who reads the file can use none.

mod log;
mod replies;

use std::path::Path;
use std::time::Duration;

use daybook_domain::{MerchantId, PartyId, Timestamp};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::AccessError;
use super::key::{Hash, Key, random};

pub(crate) use replies::Reply;

/// Most keys of a market: all are held in memory.
const MOST_KEYS: u64 = 100_000;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    INSERT OR IGNORE INTO meta(name, value) VALUES ('changes', 0);
    CREATE TABLE IF NOT EXISTS keys (
      seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL, merchant TEXT,
      hash BLOB NOT NULL UNIQUE, old_hash BLOB, old_until INTEGER,
      created_at INTEGER NOT NULL, created_by TEXT NOT NULL, rotated_at INTEGER, expires_at INTEGER,
      revoked_at INTEGER, revoked_by TEXT, last_used_at INTEGER);
    CREATE TABLE IF NOT EXISTS accesses (
      id INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL, merchant TEXT NOT NULL,
      method TEXT NOT NULL, endpoint TEXT NOT NULL, status INTEGER NOT NULL, request_id TEXT NOT NULL,
      times INTEGER NOT NULL DEFAULT 1);
    CREATE INDEX IF NOT EXISTS accesses_by_merchant ON accesses (merchant, id);";

const COLUMNS: &str = "id, name, role, merchant, created_at, created_by, rotated_at, expires_at, revoked_at, revoked_by, \
                       last_used_at";

/// A key with what it is looked up by.
pub(super) struct Known {
    pub key: Key,
    pub hash: Hash,
    /// The hash before the last rotation, and until when it still counts.
    pub old: Option<(Hash, Timestamp)>,
}

/// The file.
pub(super) struct Store(Mutex<Connection>);

impl Store {
    /// Opens the file, making it where needed, for its owner alone.
    pub fn open(path: &Path) -> Result<Self, AccessError> {
        private(path).map_err(|error| {
            let place = path.display();
            AccessError::Unavailable(format!("{place} holds keys and must be its owner's alone: {error}"))
        })?;
        let conn = Connection::open(path).map_err(|e| unavailable("open the file of keys", &e))?;
        Self::with(conn).map_err(|e| unavailable(&format!("use {}", path.display()), &e))
    }

    pub fn in_memory() -> Result<Self, AccessError> {
        let opened = Connection::open_in_memory().and_then(Self::with);
        opened.map_err(|e| unavailable("hold keys in memory", &e))
    }

    fn with(conn: Connection) -> rusqlite::Result<Self> {
        conn.busy_timeout(Duration::from_secs(5))?;
        conn.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")?;
        conn.execute_batch(TABLES)?;
        let counted = "SELECT count(*) > 0 FROM pragma_table_info('accesses') WHERE name = 'times'";
        if !conn.query_row(counted, [], |row| row.get(0))? {
            // of a file that was made before entries had one
            conn.execute_batch("ALTER TABLE accesses ADD COLUMN times INTEGER NOT NULL DEFAULT 1")?;
        }
        conn.execute_batch(replies::TABLE)?;
        Ok(Self(Mutex::new(conn)))
    }

    /// The secret of pseudonyms, made at the first call.
    pub fn secret(&self) -> Result<Vec<u8>, AccessError> {
        let fresh = random::<32>()?;
        let conn = self.0.lock();
        let read = || {
            conn.execute("INSERT OR IGNORE INTO meta(name, value) VALUES ('pseudonyms', ?1)", [fresh])?;
            conn.query_row("SELECT value FROM meta WHERE name = 'pseudonyms'", [], |row| row.get(0))
        };
        read().map_err(|e| unavailable("read the secret of pseudonyms", &e))
    }

    /// How often keys were changed, by any process.
    pub fn changes(&self) -> Result<i64, AccessError> {
        let conn = self.0.lock();
        let read = || -> rusqlite::Result<i64> {
            let mut ask = conn.prepare_cached("SELECT value FROM meta WHERE name = 'changes'")?;
            ask.query_row([], |row| row.get(0))
        };
        read().map_err(|e| unavailable("see whether keys changed", &e))
    }

    /// Every key, also those that are out of force, so that their holders can be told.
    pub fn keys(&self) -> Result<Vec<Known>, AccessError> {
        let conn = self.0.lock();
        let read = || -> rusqlite::Result<Vec<Known>> {
            let sql = format!("SELECT {COLUMNS}, hash, old_hash, old_until FROM keys ORDER BY seq LIMIT ?1");
            let mut ask = conn.prepare_cached(&sql)?;
            let rows = ask.query_map([MOST_KEYS], |row| {
                let old = row.get::<_, Option<Hash>>(12)?.zip(row.get::<_, Option<i64>>(13)?);
                let old = old.map(|(hash, until)| (hash, Timestamp(until)));
                Ok(Known { key: key(row)?, hash: row.get(11)?, old })
            })?;
            rows.collect()
        };
        read().map_err(|e| unavailable("read keys", &e))
    }

    /// A page of keys, the oldest first, after the one of this id.
    pub fn page(&self, after: Option<&str>, limit: u32) -> Result<Vec<Key>, AccessError> {
        let conn = self.0.lock();
        let read = || -> rusqlite::Result<Vec<Key>> {
            let sql = format!(
                "SELECT {COLUMNS} FROM keys WHERE seq > coalesce((SELECT seq FROM keys WHERE id = ?1), 0)
                 ORDER BY seq LIMIT ?2"
            );
            conn.prepare_cached(&sql)?.query_map(params![after, limit], key)?.collect()
        };
        read().map_err(|e| unavailable("read keys", &e))
    }

    /// One key.
    pub fn key(&self, id: &str) -> Result<Option<Key>, AccessError> {
        let conn = self.0.lock();
        let sql = format!("SELECT {COLUMNS} FROM keys WHERE id = ?1");
        conn.query_row(&sql, [id], key).optional().map_err(|e| unavailable("read the key", &e))
    }

    /// Adds a key.
    pub fn insert(&self, key: &Key, hash: &Hash) -> Result<(), AccessError> {
        let count: u64 = {
            let conn = self.0.lock();
            let count = conn.query_row("SELECT count(*) FROM keys", [], |row| row.get(0));
            count.map_err(|e| unavailable("count keys", &e))?
        };
        if count >= MOST_KEYS {
            let why = format!("there are {count} keys, the most that a market may have");
            return Err(AccessError::Refused { field: "key", why });
        }
        self.change("keep the key", |tx| {
            tx.execute(
                "INSERT INTO keys(id, name, role, merchant, hash, created_at, created_by, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    key.id,
                    key.name,
                    key.role.name(),
                    key.merchant.as_ref().map(MerchantId::as_str),
                    hash,
                    key.created_at.0,
                    key.created_by.as_str(),
                    key.expires_at.map(|end| end.0)
                ],
            )
        })
        .map(drop)
    }

    /// Gives a key that is not revoked another hash; the one it had counts until then.
    pub fn rotate(&self, id: &str, hash: &Hash, now: Timestamp, old: Timestamp) -> Result<bool, AccessError> {
        let changed = self.change("rotate the key", |tx| {
            tx.execute(
                "UPDATE keys SET old_hash = hash, old_until = ?3, hash = ?2, rotated_at = ?4
                 WHERE id = ?1 AND revoked_at IS NULL",
                params![id, hash, old.0, now.0],
            )
        })?;
        Ok(changed > 0)
    }

    /// Puts a key out of force, if it is not.
    pub fn revoke(&self, id: &str, now: Timestamp, by: PartyId) -> Result<(), AccessError> {
        self.change("revoke the key", |tx| {
            tx.execute(
                "UPDATE keys SET revoked_at = ?2, revoked_by = ?3 WHERE id = ?1 AND revoked_at IS NULL",
                params![id, now.0, by.as_str()],
            )
        })
        .map(drop)
    }

    /// Notes when keys were last used. No change that others have to hear of.
    pub fn used(&self, uses: &[(String, Timestamp)]) -> Result<(), AccessError> {
        let mut conn = self.0.lock();
        let mut write = || {
            let tx = conn.transaction()?;
            for (id, at) in uses {
                let sql = "UPDATE keys SET last_used_at = max(coalesce(last_used_at, 0), ?2) WHERE id = ?1";
                tx.prepare_cached(sql)?.execute(params![id, at.0])?;
            }
            tx.commit()
        };
        write().map_err(|e| unavailable("note when keys were used", &e))
    }

    /// Changes keys and counts the change, in one transaction.
    fn change(
        &self,
        what: &str,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<usize>,
    ) -> Result<usize, AccessError> {
        let mut conn = self.0.lock();
        let write = || {
            let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let changed = change(&tx)?;
            tx.execute("UPDATE meta SET value = value + 1 WHERE name = 'changes'", [])?;
            tx.commit()?;
            Ok(changed)
        };
        write().map_err(|e| unavailable(what, &e))
    }
}

fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    let time = |at: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(at)?.map(Timestamp));
    Ok(Key {
        id: row.get(0)?,
        name: row.get(1)?,
        role: parsed(row, 2)?,
        merchant: row.get::<_, Option<String>>(3)?.map(|_| parsed(row, 3)).transpose()?,
        created_at: Timestamp(row.get(4)?),
        created_by: parsed(row, 5)?,
        rotated_at: time(6)?,
        expires_at: time(7)?,
        revoked_at: time(8)?,
        revoked_by: row.get::<_, Option<String>>(9)?.map(|_| parsed(row, 9)).transpose()?,
        last_used_at: time(10)?,
    })
}

/// A text that the file was given in order, read back.
fn parsed<T: std::str::FromStr>(row: &Row<'_>, at: usize) -> rusqlite::Result<T>
where
    T::Err: std::fmt::Display,
{
    let text: String = row.get(at)?;
    text.parse().map_err(|error: T::Err| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(at, kind, error.to_string().into())
    })
}

/// Makes the file for its owner alone, or takes it from the others: SQLite gives the files beside it the same mode.
pub(crate) fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let mut options = std::fs::OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

fn unavailable(what: &str, error: &rusqlite::Error) -> AccessError {
    AccessError::Unavailable(format!("the file of keys: cannot {what}: {error}"))
}
