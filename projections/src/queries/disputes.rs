//! Disputes, by state, order and merchant.

use crate::engine::store::params;
use crate::engine::{ReadModelError, ReadModels};
use crate::models::disputes::DisputeRow;

use super::{PAGE_ROWS, Page, bounded, parse_cursor, rows};

impl ReadModels {
    /// Disputes of an order, the first opened first, at most [`PAGE_ROWS`].
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn disputes_of_order(&self, order_id: &str) -> Result<Vec<DisputeRow>, ReadModelError> {
        let rest = "WHERE order_id = ? ORDER BY opened_at, dispute_id LIMIT ?";
        rows(&*self.read()?, rest, params![order_id, PAGE_ROWS])
    }

    /// Disputes in one state, the first opened first; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn disputes(
        &self,
        state: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<DisputeRow>, ReadModelError> {
        self.disputes_where(("state", state), None, after, limit)
    }

    /// Disputes of a merchant, in one state where it is given, the first opened first; `after` is the `next` of the
    /// page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn disputes_of_merchant(
        &self,
        merchant_id: &str,
        state: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<DisputeRow>, ReadModelError> {
        self.disputes_where(("merchant_id", merchant_id), state, after, limit)
    }

    fn disputes_where(
        &self,
        (column, value): (&'static str, &str),
        state: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<DisputeRow>, ReadModelError> {
        let (limit, state) = (bounded(limit), state.unwrap_or_default());
        let (at, id) = parse_cursor(after)?.unwrap_or((i64::MIN, String::new()));
        let (id, order) = id.split_once(' ').unwrap_or((&id, ""));
        let rest = format!(
            "WHERE {column} = ?1 AND (opened_at, dispute_id, order_id) > (?2, ?3, ?4) AND (?5 = '' OR state = ?5) \
             ORDER BY opened_at, dispute_id, order_id LIMIT ?6"
        );
        let found: Vec<DisputeRow> =
            rows(&*self.read()?, &rest, params![value, at, id, order, state, (limit + 1)])?;
        Ok(Page::of(found, limit, |d| format!("{}.{} {}", d.opened_at, d.dispute_id, d.order_id)))
    }
}
