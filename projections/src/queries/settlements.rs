//! Settlements, the lines each of them took, and what a run has to look at.

use crate::engine::store::{Db, params};
use crate::engine::{ReadModelError, ReadModels};
use crate::models::merchant_accounts::{MerchantAccountRow, MerchantLineRow};
use crate::models::merchants::MerchantRow;
use crate::models::settlements::SettlementRow;
use daybook_domain::account::lines::{Bounds, Line};
use daybook_domain::{Currency, EventKind, Money, OrderId, Timestamp};

use super::{PAGE_ROWS, Page, bounded, row, rows};

impl MerchantLineRow {
    /// The line as the rules of settlements know it.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] when a cell of the row is not what the model writes.
    pub fn line(&self) -> Result<Line, ReadModelError> {
        let bad = |what: &str, why: &str| {
            ReadModelError::BadQuestion(format!(
                "line {}: {what} {why}: rebuild the read models",
                self.number
            ))
        };
        let order = self.order_id.as_deref().map(OrderId::new).transpose();
        Ok(Line {
            number: u64::try_from(self.number).map_err(|_| bad("number", "is below zero"))?,
            amount: Money::new(self.amount, currency(&self.currency)?),
            event: EventKind::parse(&self.event).ok_or_else(|| bad(&self.event, "is no event type"))?,
            occurred_at: Timestamp(self.occurred_at),
            booked_at: Timestamp(self.booked_at),
            order: order.map_err(|e| bad("order", &e.to_string()))?,
        })
    }
}

pub(super) fn currency(code: &str) -> Result<Currency, ReadModelError> {
    Currency::new(code).map_err(|e| ReadModelError::BadQuestion(e.to_string()))
}

impl SettlementRow {
    /// The bounds of what it took.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        Bounds { until: Timestamp(self.until), through: u64::try_from(self.through).unwrap_or(0) }
    }
}

impl ReadModels {
    /// A settlement.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn settlement(&self, settlement_id: &str) -> Result<Option<SettlementRow>, ReadModelError> {
        settlement(&*self.read()?, settlement_id)
    }

    /// Settlements in the order in which they were closed, of one merchant where it is given; `after` is the `next`
    /// of the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn settlements(
        &self,
        merchant_id: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<SettlementRow>, ReadModelError> {
        let limit = bounded(limit);
        let after: i64 = match after {
            None => 0,
            Some(cursor) => cursor.parse().map_err(|_| {
                let cure = "pass on the `next` of the page before";
                ReadModelError::BadQuestion(format!("cursor {cursor:?} is none: {cure}"))
            })?,
        };
        let db = self.read()?;
        let found: Vec<SettlementRow> = match merchant_id {
            Some(merchant) => {
                let rest = "WHERE merchant_id = ? AND position > ? ORDER BY position LIMIT ?";
                rows(&db, rest, params![merchant, after, (limit + 1)])?
            }
            None => rows(&db, "WHERE position > ? ORDER BY position LIMIT ?", params![after, (limit + 1)])?,
        };
        Ok(Page::of(found, limit, |s| s.position.to_string()))
    }

    /// The lines that a settlement took, after number `after`, at most `limit`; none where there is no such
    /// settlement.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn settlement_lines(
        &self,
        settlement_id: &str,
        after: u64,
        limit: u32,
    ) -> Result<Vec<MerchantLineRow>, ReadModelError> {
        let db = self.read()?;
        let Some(closed) = settlement(&db, settlement_id)? else { return Ok(Vec::new()) };
        let before = settlement_before(&db, &closed)?;
        let settled = before.map_or(Bounds::NONE, |row| row.bounds());
        let after = after.max(taken_from(&db, &closed, settled)?);
        between(&db, &closed.merchant_id, &closed.currency, settled, closed.bounds(), after, limit)
    }

    /// The lines of a merchant in one currency that a settlement within `bounds` would take after one within
    /// `settled`: those after number `after`, at most `limit`.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn open_lines(
        &self,
        merchant_id: &str,
        currency: Currency,
        settled: Bounds,
        bounds: Bounds,
        after: u64,
        limit: u32,
    ) -> Result<Vec<MerchantLineRow>, ReadModelError> {
        between(&*self.read()?, merchant_id, currency.as_str(), settled, bounds, after, limit)
    }

    /// The number after which every line of a merchant in one currency lies that the settlements within `settled`
    /// left; they left at most `left` of those up to `settled.through`. So many are looked for from the last on, and
    /// what was settled before them is not read again.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn settled_up_to(
        &self,
        merchant_id: &str,
        currency: Currency,
        settled: Bounds,
        left: u64,
    ) -> Result<u64, ReadModelError> {
        if left == 0 {
            return Ok(settled.through);
        }
        let db = self.read()?;
        let sql = "SELECT min(number) FROM (SELECT number FROM merchant_lines WHERE merchant_id = ? AND number <= ? \
                   AND currency = ? AND booked_at >= ? ORDER BY number DESC LIMIT ?) AS newest";
        let mut statement = db.prepare_cached(sql)?;
        let (through, left) = (number(settled.through), number(left));
        let found = params![merchant_id, through, currency.as_str(), settled.until.0, left];
        let first: Option<i64> = statement.query_row(found, |r| r.get(0))?;
        Ok(first.map_or(settled.through, |first| u64::try_from(first - 1).unwrap_or(0)))
    }

    /// The accounts on which a settlement may find something: lines that none has taken, or a debt carried on.
    /// `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn unsettled_accounts(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<MerchantAccountRow>, ReadModelError> {
        let limit = bounded(limit);
        let rest =
            "WHERE merchant_id > ? AND (lines > lines_settled OR debts > 0) ORDER BY merchant_id LIMIT ?";
        let found = rows(&*self.read()?, rest, params![after.unwrap_or(""), (limit + 1)])?;
        Ok(Page::of(found, limit, |account: &MerchantAccountRow| account.merchant_id.clone()))
    }

    /// How far a merchant's account is settled.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn merchant_account(&self, merchant_id: &str) -> Result<Option<MerchantAccountRow>, ReadModelError> {
        row(&*self.read()?, "WHERE merchant_id = ?", params![merchant_id])
    }

    /// The currencies in which a merchant has or had a balance, in order, at most [`PAGE_ROWS`].
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn merchant_currencies(&self, merchant_id: &str) -> Result<Vec<Currency>, ReadModelError> {
        let db = self.read()?;
        let sql = "SELECT currency FROM merchant_balances WHERE merchant_id = ? ORDER BY currency LIMIT ?";
        let mut statement = db.prepare_cached(sql)?;
        let codes = statement.query_map(params![merchant_id, PAGE_ROWS], |r| r.get::<String>(0))?;
        codes.map(|code| currency(&code?)).collect()
    }

    /// When the first line of any merchant was booked.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn first_line_booked_at(&self) -> Result<Option<Timestamp>, ReadModelError> {
        let db = self.read()?;
        let mut statement = db.prepare_cached("SELECT min(booked_at) FROM merchant_lines")?;
        let first: Option<i64> = statement.query_row(&[], |r| r.get(0))?;
        Ok(first.map(Timestamp))
    }

    /// When the first store of a merchant with a fee schedule was opened.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn first_contracted_at(&self) -> Result<Option<Timestamp>, ReadModelError> {
        let db = self.read()?;
        let sql = "SELECT min(opened_at) FROM merchants WHERE fee_schedule_version IS NOT NULL";
        let mut statement = db.prepare_cached(sql)?;
        let first: Option<i64> = statement.query_row(&[], |r| r.get(0))?;
        Ok(first.map(Timestamp))
    }

    /// Merchants that have agreed on a fee schedule and opened their store, by id; `after` is the `next` of the page
    /// before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn contracted_merchants(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<MerchantRow>, ReadModelError> {
        let limit = bounded(limit);
        let rest = "WHERE merchant_id > ? AND fee_schedule_version IS NOT NULL AND opened_at IS NOT NULL \
                    ORDER BY merchant_id LIMIT ?";
        let found = rows(&*self.read()?, rest, params![after.unwrap_or(""), (limit + 1)])?;
        Ok(Page::of(found, limit, |merchant: &MerchantRow| merchant.merchant_id.clone()))
    }

    /// Settlements whose reserve is still kept and due at `at`, of one merchant where it is given; the first due
    /// first, at most `limit`.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn reserves_due(
        &self,
        at: Timestamp,
        merchant_id: Option<&str>,
        limit: u32,
    ) -> Result<Vec<SettlementRow>, ReadModelError> {
        let rest = "WHERE reserve_due > 0 AND reserve_due <= ?1 AND (?2 IS NULL OR merchant_id = ?2) \
                    ORDER BY reserve_due, position LIMIT ?3";
        rows(&*self.read()?, rest, params![at.0, merchant_id, bounded(limit)])
    }
}

/// Its id leads with its merchant and ends with its day, or a currency behind it, or is a UUID of such a text: those
/// of two merchants never coincide, and only runs name settlements.
fn settlement(db: &Db, settlement_id: &str) -> Result<Option<SettlementRow>, ReadModelError> {
    row(db, "WHERE settlement_id = ? ORDER BY merchant_id LIMIT 1", params![settlement_id])
}

/// The settlement of the same account before this one.
pub(super) fn settlement_before(
    db: &Db,
    closed: &SettlementRow,
) -> Result<Option<SettlementRow>, ReadModelError> {
    let before = "WHERE merchant_id = ? AND currency = ? AND position < ? ORDER BY position DESC LIMIT 1";
    row(db, before, params![closed.merchant_id, closed.currency, closed.position])
}

/// The number behind which the lines of a settlement begin: what was settled before is not read again. It took so
/// many as it says; those that are not new were left by the one before, and are the last that it left.
fn taken_from(db: &Db, closed: &SettlementRow, settled: Bounds) -> Result<u64, ReadModelError> {
    let own = (&closed.merchant_id, &closed.currency, closed.until, number(settled.through));
    let newer = "SELECT count(*) FROM merchant_lines WHERE merchant_id = ?1 AND currency = ?2 AND booked_at < ?3 \
                 AND number > ?4 AND number <= ?5";
    let newer: i64 = db
        .prepare_cached(newer)?
        .query_row(params![own.0, own.1, own.2, own.3, closed.through], |row| row.get(0))?;
    let left = closed.lines.saturating_sub(newer);
    if left <= 0 {
        return Ok(settled.through);
    }
    let first = "SELECT min(number) FROM (SELECT number FROM merchant_lines WHERE merchant_id = ?1 AND currency = ?2 \
                 AND booked_at < ?3 AND number <= ?4 AND booked_at >= ?5 ORDER BY number DESC LIMIT ?6) AS newest";
    let first: Option<i64> = db
        .prepare_cached(first)?
        .query_row(params![own.0, own.1, own.2, own.3, settled.until.0, left], |row| row.get(0))?;
    Ok(first.map_or(settled.through, |first| u64::try_from(first - 1).unwrap_or(0)))
}

/// A line's number as the database has it.
fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// [`Bounds::take`] as the database knows it: what `bounds` take and `settled` did not.
fn between(
    db: &Db,
    merchant_id: &str,
    currency: &str,
    settled: Bounds,
    bounds: Bounds,
    after: u64,
    limit: u32,
) -> Result<Vec<MerchantLineRow>, ReadModelError> {
    let rest = "WHERE merchant_id = ? AND number > ? AND number <= ? AND currency = ? AND booked_at < ? \
                AND NOT (number <= ? AND booked_at < ?) ORDER BY number LIMIT ?";
    let (after, through, settled_through) = (number(after), number(bounds.through), number(settled.through));
    let (until, settled_until, limit) = (bounds.until.0, settled.until.0, bounded(limit));
    let asked = params![merchant_id, after, through, currency, until, settled_through, settled_until, limit];
    rows(db, rest, asked)
}
