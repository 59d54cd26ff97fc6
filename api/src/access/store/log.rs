//! The log of accesses: appended in batches, what is too old gone.

use daybook_domain::Timestamp;
use rusqlite::{Row, params};

use super::{Store, parsed, unavailable};
use crate::access::AccessError;
use crate::access::log::{Logged, Question, Times};

/// Most entries that go when some are added.
const GO_AT_ONCE: u32 = 10_000;

impl Store {
    /// Appends, and lets go what is from before `since`; about how many there are then.
    pub fn log(&self, entries: &[Times], since: Timestamp) -> Result<u64, AccessError> {
        let mut conn = self.0.lock();
        let mut write = || {
            let tx = conn.transaction()?;
            {
                let mut insert = tx.prepare_cached(
                    "INSERT INTO accesses(at, actor, role, merchant, method, endpoint, status, request_id, times)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?;
                for (entry, times) in entries {
                    insert.execute(params![
                        entry.at.0,
                        entry.actor.as_str(),
                        entry.role.name(),
                        entry.merchant.as_str(),
                        entry.endpoint.0.as_str(),
                        &*entry.endpoint.1,
                        entry.status,
                        entry.request_id,
                        times
                    ])?;
                }
            }
            let newest = tx.last_insert_rowid();
            // the table is in the order of time but for an hour: only its beginning is looked at
            tx.prepare_cached(
                "DELETE FROM accesses WHERE at < ?1 AND id IN (SELECT id FROM accesses ORDER BY id LIMIT ?2)",
            )?
            .execute(params![since.0, GO_AT_ONCE])?;
            let oldest: Option<i64> =
                tx.prepare_cached("SELECT min(id) FROM accesses")?.query_row([], |row| row.get(0))?;
            tx.commit()?;
            Ok(oldest.map_or(0, |oldest| newest.abs_diff(oldest) + 1))
        };
        write().map_err(|e| unavailable("write the log of accesses", &e))
    }

    /// A page of the log, the oldest first.
    pub fn accesses(&self, question: &Question) -> Result<Vec<Logged>, AccessError> {
        let conn = self.0.lock();
        // with a merchant, its index is walked; with none, the table
        let merchant = if question.merchant.is_some() { "merchant = ?1" } else { "?1 IS NULL" };
        let sql = format!(
            "SELECT id, at, actor, role, merchant, method, endpoint, status, request_id, times
             FROM accesses
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
        times: row.get(9)?,
    })
}
