//! Disputes, by state, order and merchant.

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
        rows(&*self.read()?, rest, &[&order_id, &PAGE_ROWS])
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
        self.disputes_where("state", state, after, limit)
    }

    /// Disputes of a merchant, the first opened first; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn disputes_of_merchant(
        &self,
        merchant_id: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<DisputeRow>, ReadModelError> {
        self.disputes_where("merchant_id", merchant_id, after, limit)
    }

    fn disputes_where(
        &self,
        column: &'static str,
        value: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<DisputeRow>, ReadModelError> {
        let limit = bounded(limit);
        let (at, id) = parse_cursor(after)?.unwrap_or((i64::MIN, String::new()));
        let rest = format!(
            "WHERE {column} = ? AND (opened_at, dispute_id) > (?, ?) ORDER BY opened_at, dispute_id LIMIT ?"
        );
        let found: Vec<DisputeRow> = rows(&*self.read()?, &rest, &[&value, &at, &id, &(limit + 1)])?;
        Ok(Page::of(found, limit, |d| format!("{}.{}", d.opened_at, d.dispute_id)))
    }
}
