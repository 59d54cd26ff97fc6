//! Reviews and the positive rate (好评率).

use crate::engine::store::{Param, params};
use crate::engine::{ReadModelError, ReadModels};
use crate::models::reviews::ReviewRow;

use super::{PAGE_ROWS, Page, bounded, parse_cursor, rows};

/// How often each overall score was given. The ratio is taken last: numerators and denominators add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ReviewSummary {
    /// Reviews.
    pub reviews: u64,
    /// Of these with an overall score of 4 or 5.
    pub positive: u64,
    /// By overall score, 1 to 5.
    pub by_score: [u64; 5],
}

impl ReadModels {
    /// All reviews, or those of one merchant.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn review_summary(&self, merchant_id: Option<&str>) -> Result<ReviewSummary, ReadModelError> {
        let db = self.read()?;
        let of = if merchant_id.is_some() { "WHERE merchant_id = ?" } else { "" };
        let sql = format!("SELECT overall, count(*) FROM reviews {of} GROUP BY overall");
        let mut statement = db.prepare_cached(&sql)?;
        let merchant = merchant_id.map(Param::from);
        let mut found = statement.query(merchant.as_slice())?;
        let mut summary = ReviewSummary::default();
        while let Some(row) = found.next()? {
            let (score, count): (i64, i64) = (row.get(0)?, row.get(1)?);
            let count = count as u64;
            summary.reviews += count;
            summary.positive += if score >= 4 { count } else { 0 };
            if let Some(cell) = usize::try_from(score - 1).ok().and_then(|at| summary.by_score.get_mut(at)) {
                *cell += count;
            }
        }
        Ok(summary)
    }

    /// Reviews of an order, at most [`PAGE_ROWS`].
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn reviews_of_order(&self, order_id: &str) -> Result<Vec<ReviewRow>, ReadModelError> {
        let rest = "WHERE order_id = ? ORDER BY posted_at, review_id LIMIT ?";
        rows(&*self.read()?, rest, params![order_id, PAGE_ROWS])
    }

    /// Reviews of a merchant's orders, the first posted first; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn reviews_of_merchant(
        &self,
        merchant_id: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<ReviewRow>, ReadModelError> {
        let limit = bounded(limit);
        let (at, id) = parse_cursor(after)?.unwrap_or((i64::MIN, String::new()));
        let (review, order) = id.split_once(' ').unwrap_or((&id, ""));
        let rest = "WHERE merchant_id = ? AND (posted_at, review_id, order_id) > (?, ?, ?) \
                    ORDER BY posted_at, review_id, order_id LIMIT ?";
        let found: Vec<ReviewRow> =
            rows(&*self.read()?, rest, params![merchant_id, at, review, order, (limit + 1)])?;
        Ok(Page::of(found, limit, |r| format!("{}.{} {}", r.posted_at, r.review_id, r.order_id)))
    }
}
