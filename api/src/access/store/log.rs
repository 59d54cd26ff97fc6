//! The log of accesses: appended in batches, the oldest gone when there are too many.

use daybook_domain::Timestamp;
use rusqlite::{Row, params};

use super::{Store, parsed, unavailable};
use crate::access::AccessError;
use crate::access::log::{Entry, Logged, Question};

impl Store {
    /// Appends, and keeps the newest `most`.
    pub fn log(&self, entries: &[Entry], most: u64) -> Result<(), AccessError> {
        let mut conn = self.0.lock();
        let mut write = || {
            let tx = conn.transaction()?;
            {
                let mut insert = tx.prepare_cached(
                    "INSERT INTO accesses(at, actor, role, merchant, method, endpoint, status, request_id)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?;
                for entry in entries {
                    insert.execute(params![
                        entry.at.0,
                        entry.actor.as_str(),
                        entry.role.name(),
                        entry.merchant.as_str(),
                        entry.endpoint.0.as_str(),
                        &*entry.endpoint.1,
                        entry.status,
                        entry.request_id
                    ])?;
                }
            }
            let newest = tx.last_insert_rowid();
            let oldest = newest.saturating_sub(i64::try_from(most).unwrap_or(i64::MAX));
            tx.prepare_cached("DELETE FROM accesses WHERE id <= ?1")?.execute([oldest])?;
            tx.commit()
        };
        write().map_err(|e| unavailable("write the log of accesses", &e))
    }

    /// A page of the log, the oldest first.
    pub fn accesses(&self, question: &Question) -> Result<Vec<Logged>, AccessError> {
        let conn = self.0.lock();
        // with a merchant, its index is walked; with none, the table
        let merchant = if question.merchant.is_some() { "merchant = ?1" } else { "?1 IS NULL" };
        let sql = format!(
            "SELECT id, at, actor, role, merchant, method, endpoint, status, request_id FROM accesses
             WHERE {merchant} AND (?2 IS NULL OR actor = ?2) AND at >= ?3 AND at < ?4 AND id > ?5
             ORDER BY id LIMIT ?6"
        );
        let read = || -> rusqlite::Result<Vec<Logged>> {
            let asked = params![
                question.merchant.map(|merchant| merchant.as_str().to_owned()),
                question.actor.map(|actor| actor.as_str().to_owned()),
                question.from.map_or(i64::MIN, |from| from.0),
                question.to.map_or(i64::MAX, |to| to.0),
                question.after,
                question.limit
            ];
            conn.prepare_cached(&sql)?.query_map(asked, logged)?.collect()
        };
        read().map_err(|e| unavailable("read the log of accesses", &e))
    }
}

fn logged(row: &Row<'_>) -> rusqlite::Result<Logged> {
    Ok(Logged {
        id: row.get(0)?,
        at: Timestamp(row.get(1)?),
        actor: parsed(row, 2)?,
        role: parsed(row, 3)?,
        merchant: parsed(row, 4)?,
        method: row.get(5)?,
        endpoint: row.get(6)?,
        status: row.get(7)?,
        request_id: row.get(8)?,
    })
}
