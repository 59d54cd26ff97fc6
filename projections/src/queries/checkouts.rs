//! Checkouts, and the money in them that has no order to take it.

use crate::engine::store::params;
use crate::engine::{ReadModelError, ReadModels};
use crate::models::checkouts::CheckoutRow;

use super::{Page, bounded, row, rows};

impl ReadModels {
    /// A checkout.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn checkout(&self, checkout_id: &str) -> Result<Option<CheckoutRow>, ReadModelError> {
        row(&*self.read()?, "WHERE checkout_id = ?", params![checkout_id])
    }

    /// Checkouts with money that no order takes, by id; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn unallocated(&self, after: Option<&str>, limit: u32) -> Result<Page<CheckoutRow>, ReadModelError> {
        let limit = bounded(limit);
        let rest = "WHERE unallocated > 0 AND checkout_id > ? ORDER BY checkout_id LIMIT ?";
        let found: Vec<CheckoutRow> = rows(&*self.read()?, rest, params![after.unwrap_or(""), (limit + 1)])?;
        Ok(Page::of(found, limit, |c| c.checkout_id.clone()))
    }
}
