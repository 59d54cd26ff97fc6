//! Which streams concern an entity.

use crate::engine::store::params;
use crate::engine::{ReadModelError, ReadModels};
use crate::models::entities::EntityRow;

use super::row;

/// Most streams of one page.
pub const PAGE_STREAMS: u32 = 1_000;

impl ReadModels {
    /// The streams that concern an entity (`merchant`, `order`, `checkout`, `buyer`, `dispute`, `lead`, ...), in
    /// the order in which they began: those after number `after`, at most `limit`.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn streams_of(
        &self,
        kind: &str,
        entity: &str,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, String)>, ReadModelError> {
        let db = self.read()?;
        let mut statement = db.prepare_cached(
            "SELECT number, stream FROM entity_streams WHERE kind = ? AND entity = ? AND number > ? \
             ORDER BY number LIMIT ?",
        )?;
        let limit = limit.min(PAGE_STREAMS);
        let rows = statement.query_map(params![kind, entity, after as i64, limit], |r| {
            Ok((r.get::<i64>(0)? as u64, r.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many there are.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn stream_count(&self, kind: &str, entity: &str) -> Result<u64, ReadModelError> {
        let found: Option<EntityRow> =
            row(&*self.read()?, "WHERE kind = ? AND entity = ?", params![kind, entity])?;
        Ok(found.map_or(0, |entity| entity.streams.unsigned_abs()))
    }

    /// All of them, page by page.
    pub(crate) fn all_streams(&self, kind: &str, entity: &str) -> Result<Vec<String>, ReadModelError> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let page = self.streams_of(kind, entity, after, PAGE_STREAMS)?;
            let Some((last, _)) = page.last() else { return Ok(all) };
            after = *last;
            all.extend(page.into_iter().map(|(_, stream)| stream));
        }
    }
}
