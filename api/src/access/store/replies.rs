//! First answers to what has one effect however often it is sent, for ever.

use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use super::{Store, unavailable};
use crate::access::AccessError;

pub(super) const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS replies (
      command BLOB NOT NULL, target TEXT NOT NULL, fingerprint BLOB NOT NULL, status INTEGER NOT NULL,
      position INTEGER, body BLOB NOT NULL, PRIMARY KEY (command, target)) WITHOUT ROWID;";

/// A first answer.
pub(crate) struct Reply {
    /// Of what was asked.
    pub fingerprint: Vec<u8>,
    pub status: u16,
    pub position: Option<u64>,
    pub body: Vec<u8>,
}

impl Store {
    /// The first answer of a target to a command.
    pub fn reply(&self, command: Uuid, target: &str) -> Result<Option<Reply>, AccessError> {
        let conn = self.0.lock();
        let read = || -> rusqlite::Result<Option<Reply>> {
            let sql =
                "SELECT fingerprint, status, position, body FROM replies WHERE command = ?1 AND target = ?2";
            let mut ask = conn.prepare_cached(sql)?;
            ask.query_row(params![command.as_bytes(), target], |row| {
                let [fingerprint, body] = [row.get(0)?, row.get(3)?];
                Ok(Reply { fingerprint, status: row.get(1)?, position: row.get(2)?, body })
            })
            .optional()
        };
        read().map_err(|e| unavailable("read the first answer", &e))
    }

    /// Keeps the first answer.
    pub fn keep_reply(&self, command: Uuid, target: &str, reply: &Reply) -> Result<(), AccessError> {
        let kept = self.0.lock().execute(
            "INSERT OR IGNORE INTO replies(command, target, fingerprint, status, position, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![command.as_bytes(), target, reply.fingerprint, reply.status, reply.position, reply.body],
        );
        kept.map(drop).map_err(|e| unavailable("keep the first answer", &e))
    }
}
