//! Payouts: one, or those of a merchant or a state.

use crate::engine::store::params;
use crate::engine::{ReadModelError, ReadModels};
use crate::models::payouts::PayoutRow;

use super::{PAGE_ROWS, Page, bounded, parse_cursor, rows};

/// Which payouts a list holds: all where nothing is named.
#[derive(Clone, Copy, Debug, Default)]
pub struct PayoutsWanted<'a> {
    /// Of this merchant.
    pub merchant: Option<&'a str>,
    /// In this state.
    pub state: Option<&'a str>,
}

impl ReadModels {
    /// The payouts of an id: one, but where several merchants' payouts were given the same. At most [`PAGE_ROWS`].
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn payout(&self, payout_id: &str) -> Result<Vec<PayoutRow>, ReadModelError> {
        let rest = "WHERE payout_id = ? ORDER BY merchant_id LIMIT ?";
        rows(&*self.read()?, rest, params![payout_id, PAGE_ROWS])
    }

    /// Payouts, the first requested first; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn payouts(
        &self,
        wanted: PayoutsWanted<'_>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<PayoutRow>, ReadModelError> {
        let limit = bounded(limit);
        let (at, id) = parse_cursor(after)?.unwrap_or((i64::MIN, String::new()));
        let (merchant, payout) = id.split_once(' ').unwrap_or(("", ""));
        let from = "(requested_at, merchant_id, payout_id) > (?, ?, ?)";
        let order = "requested_at, merchant_id, payout_id";
        let one_more = limit + 1;
        let db = self.read()?;
        let found: Vec<PayoutRow> = match (wanted.merchant, wanted.state) {
            (None, None) => {
                let rest = format!("WHERE {from} ORDER BY {order} LIMIT ?");
                rows(&db, &rest, params![at, merchant, payout, one_more])?
            }
            (Some(of), None) => {
                let rest = format!("WHERE merchant_id = ? AND {from} ORDER BY {order} LIMIT ?");
                rows(&db, &rest, params![of, at, merchant, payout, one_more])?
            }
            (None, Some(state)) => {
                let rest = format!("WHERE state = ? AND {from} ORDER BY {order} LIMIT ?");
                rows(&db, &rest, params![state, at, merchant, payout, one_more])?
            }
            (Some(of), Some(state)) => {
                let rest = format!("WHERE merchant_id = ? AND state = ? AND {from} ORDER BY {order} LIMIT ?");
                rows(&db, &rest, params![of, state, at, merchant, payout, one_more])?
            }
        };
        Ok(Page::of(found, limit, |p| format!("{}.{} {}", p.requested_at, p.merchant_id, p.payout_id)))
    }
}
