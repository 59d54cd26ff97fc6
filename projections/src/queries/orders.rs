//! The order inquiry.

use daybook_journal::Micros;

use crate::engine::store::params;
use crate::engine::{AsOf, ReadModelError, ReadModels, Reading};
use crate::models::order_lines::{OrderLineRow, OrderLines};
use crate::models::orders::{OrderRow, Orders, TimelineRow};

use super::{PAGE_ROWS, Page, bounded, parse_cursor, row, rows};

/// An order with its lines and its timeline.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct OrderInquiry {
    /// The order.
    pub order: OrderRow,
    /// Its lines, in their order.
    pub lines: Vec<OrderLineRow>,
    /// Its first events, at most [`PAGE_ROWS`]; [`OrderRow::events`] says how many there are.
    pub timeline: Vec<TimelineRow>,
}

impl OrderInquiry {
    /// Whether it had been placed: a moment may know an order by its checkout alone.
    #[must_use]
    pub fn is_placed(&self) -> bool {
        !self.order.merchant_id.is_empty()
    }
}

/// What funded an order and where that went, minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFunding {
    /// ISO 4217 code.
    pub currency: String,
    /// Paid by the buyer, and added by the market.
    pub funded: i64,
    /// Released to the merchant.
    pub released: i64,
    /// Released to the tax office, and given back before release.
    pub elsewhere: i64,
    /// In escrow now.
    pub in_escrow: i64,
    /// What banks took back, of escrow or after release.
    pub charged_back: i64,
    /// Of what the buyer paid: what its checkout did not bring, as captured payments or the market's own cards.
    pub uncovered: i64,
}

impl OrderFunding {
    /// By how much what was funded and what went out or is in escrow are apart, with what went out beyond all that
    /// was in escrow: zero, where banks took nothing from it.
    #[must_use]
    pub fn residual(&self) -> i64 {
        let left = self.funded - self.released - self.elsewhere - self.in_escrow;
        left.abs() + self.in_escrow.min(0).abs()
    }
}

/// Which orders a list holds: those of a merchant, of a buyer, or of both.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrdersWanted<'a> {
    /// Of this merchant.
    pub merchant: Option<&'a str>,
    /// Of this buyer.
    pub buyer: Option<&'a str>,
    /// In this state.
    pub status: Option<&'a str>,
    /// Placed from this instant on. Microseconds.
    pub from: Option<Micros>,
    /// Placed through this instant. Microseconds.
    pub to: Option<Micros>,
    /// The first placed first; else the last placed first.
    pub oldest_first: bool,
    /// How many are looked at for a page at most, where not all count: so a page may hold few or none and not be the
    /// last. Some thousands where it is not said.
    pub looked_at: Option<u32>,
}

/// How many orders are looked at for a page.
const LOOKED_AT: u32 = 5_000;

impl ReadModels {
    /// An order with its lines and timeline.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn order(&self, order_id: &str) -> Result<Option<OrderInquiry>, ReadModelError> {
        order(&self.read()?, order_id)
    }

    /// As [`order`](Self::order), for a thread that must not wait: none where it would have to, while the file is
    /// replaced. It reads some pages, which are in memory where the order is one of today's.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn order_now(&self, order_id: &str) -> Result<Option<Option<OrderInquiry>>, ReadModelError> {
        self.read_now()?.map(|db| order(&db, order_id)).transpose()
    }

    /// An order as of a moment.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn order_as_of(&self, order_id: &str, at: AsOf) -> Result<Option<OrderInquiry>, ReadModelError> {
        if at == AsOf::HEAD {
            return self.order(order_id);
        }
        let then = self.entity_as_of("order", order_id, at)?;
        let Some(order) = then.row::<Orders>(&[order_id]) else { return Ok(None) };
        let mut lines: Vec<_> =
            then.rows::<OrderLines>().filter(|l| l.order_id == order_id).cloned().collect();
        lines.sort_unstable_by_key(|l| l.place);
        let timeline = then.children::<Orders>(&[order_id]).into_iter().cloned().collect();
        Ok(Some(OrderInquiry { order: order.clone(), lines, timeline }))
    }

    /// What funded an order of this merchant, and where that went; none where it was not funded.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn order_funding(
        &self,
        order_id: &str,
        merchant_id: &str,
    ) -> Result<Option<OrderFunding>, ReadModelError> {
        let db = self.read()?;
        let mut statement = db.prepare_cached(
            "SELECT o.currency, o.paid_amount + o.shortfall + o.subsidies, o.released, \
             o.tax_released + o.refunded_from_escrow, o.escrow, o.charged_back, \
             CASE WHEN o.paid_amount > coalesce(c.captured + c.stored_value, 0) \
             THEN o.paid_amount - coalesce(c.captured + c.stored_value, 0) ELSE 0 END \
             FROM orders o LEFT JOIN checkouts c ON c.checkout_id = o.checkout_id \
             WHERE o.order_id = ? AND o.merchant_id = ? AND o.paid = 1 \
             AND (o.paid_amount > 0 OR o.shortfall > 0 OR o.subsidies > 0) LIMIT 1",
        )?;
        let mut found = statement.query(params![order_id, merchant_id])?;
        let Some(row) = found.next()? else { return Ok(None) };
        Ok(Some(OrderFunding {
            currency: row.get(0)?,
            funded: row.get(1)?,
            released: row.get(2)?,
            elsewhere: row.get(3)?,
            in_escrow: row.get(4)?,
            charged_back: row.get(5)?,
            uncovered: row.get(6)?,
        }))
    }

    /// Orders of a checkout, at most [`PAGE_ROWS`].
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn orders_of_checkout(&self, checkout_id: &str) -> Result<Vec<OrderRow>, ReadModelError> {
        let rest = "WHERE checkout_id = ? ORDER BY order_id LIMIT ?";
        rows(&*self.read()?, rest, params![checkout_id, PAGE_ROWS])
    }

    /// Orders of a merchant, the last placed first; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn orders_of_merchant(
        &self,
        merchant_id: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<OrderRow>, ReadModelError> {
        self.orders_wanted(
            OrdersWanted { merchant: Some(merchant_id), ..OrdersWanted::default() },
            after,
            limit,
        )
    }

    /// Orders of a buyer, the last placed first; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn orders_of_buyer(
        &self,
        buyer_id: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<OrderRow>, ReadModelError> {
        self.orders_wanted(OrdersWanted { buyer: Some(buyer_id), ..OrdersWanted::default() }, after, limit)
    }

    /// Orders of a merchant, a buyer or both, by when they were placed; `after` is the `next` of the page before. Where
    /// only those of a state count a page may hold few or none and not be the last: `next` says.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] when neither merchant nor buyer is named.
    pub fn orders_wanted(
        &self,
        wanted: OrdersWanted<'_>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<OrderRow>, ReadModelError> {
        let limit = bounded(limit);
        let (column, id, also) = match (wanted.buyer, wanted.merchant) {
            (Some(buyer), merchant) => ("buyer_id", buyer, merchant),
            (None, Some(merchant)) => ("merchant_id", merchant, None),
            (None, None) => {
                return Err(ReadModelError::BadQuestion(
                    "name the merchant or the buyer of the orders".to_owned(),
                ));
            }
        };
        let (beyond, upto, way) = if wanted.oldest_first { (">", "<=", "ASC") } else { ("<", ">=", "DESC") };
        let edge = if wanted.oldest_first { (i64::MIN, "") } else { (i64::MAX, "\u{7f}") };
        let (at, order) = parse_cursor(after)?.unwrap_or((edge.0, edge.1.to_owned()));
        let (from, to) = (wanted.from.unwrap_or(i64::MIN), wanted.to.unwrap_or(i64::MAX));
        let (merchant, status) = (also.unwrap_or_default(), wanted.status.unwrap_or_default());
        let of = format!(
            "WHERE {column} = ?1 AND placed_at >= ?2 AND placed_at <= ?3 AND (placed_at, order_id) {beyond} (?4, ?5)"
        );
        let db = self.read()?;
        // where few count, those that do not are not looked at without end: up to this one, by the index alone
        let mut last: Option<(i64, String)> = None;
        if !merchant.is_empty() || !status.is_empty() {
            let sql = format!(
                "SELECT placed_at, order_id FROM orders {of} ORDER BY placed_at {way}, order_id {way} LIMIT 1 OFFSET ?6"
            );
            let skipped = wanted.looked_at.unwrap_or(LOOKED_AT).max(1) - 1;
            let mut statement = db.prepare_cached(&sql)?;
            let mut found = statement.query(params![id, from, to, at, order, skipped])?;
            if let Some(row) = found.next()? {
                last = Some((row.get(0)?, row.get(1)?));
            }
        }
        let far =
            if wanted.oldest_first { (i64::MAX, "\u{7f}".to_owned()) } else { (i64::MIN, String::new()) };
        let end = last.clone().unwrap_or(far);
        let rest = format!(
            "{of} AND (placed_at, order_id) {upto} (?6, ?7) AND (?8 = '' OR merchant_id = ?8) \
             AND (?9 = '' OR status = ?9) ORDER BY placed_at {way}, order_id {way} LIMIT ?10"
        );
        let asked = params![id, from, to, at, order, end.0, end.1, merchant, status, limit + 1];
        let found: Vec<OrderRow> = rows(&db, &rest, asked)?;
        let mut page = Page::of(found, limit, |o| format!("{}.{}", o.placed_at, o.order_id));
        page.next = page.next.or_else(|| last.map(|(at, order)| format!("{at}.{order}")));
        Ok(page)
    }
}

fn order(db: &Reading<'_>, order_id: &str) -> Result<Option<OrderInquiry>, ReadModelError> {
    let Some(order) = row::<OrderRow>(db, "WHERE order_id = ?", params![order_id])? else {
        return Ok(None);
    };
    let lines = rows(db, "WHERE order_id = ? ORDER BY place LIMIT ?", params![order_id, PAGE_ROWS])?;
    let timeline = rows(db, "WHERE order_id = ? ORDER BY number LIMIT ?", params![order_id, PAGE_ROWS])?;
    Ok(Some(OrderInquiry { order, lines, timeline }))
}
