//! What merchants are owed, event by event: what their statements are sealed and proved from.

use crate::engine::store::{Cell, params};
use crate::engine::{ReadModelError, ReadModels};
use daybook_journal::{Micros, Position};

use super::books::generation;

/// What an event changed of what a merchant is owed in one currency: pending, available, held, reserve and in transit. Minor
/// units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwedChange {
    /// The merchant.
    pub merchant_id: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Position of the event.
    pub position: Position,
    /// Type of the event.
    pub event: String,
    /// The order it concerns.
    pub order_id: Option<String>,
    /// When it happened.
    pub occurred_at: Micros,
    /// When it is booked.
    pub booked_at: Micros,
    /// Change of the sum.
    pub change: i64,
    /// What it moved within the sum.
    pub within: i64,
}

/// Which changes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwedWithin<'a> {
    /// Of this merchant; none: of all.
    pub merchant_id: Option<&'a str>,
    /// Booked from here on.
    pub from: Micros,
    /// Booked before.
    pub until: Micros,
    /// By events through this position.
    pub through: Position,
}

const OWED: &str = "a.class = 'Liabilities' AND a.name IN ('MerchantPending', 'MerchantAvailable', 'MerchantHeld', \
                    'MerchantReserve', 'PayoutInTransit')";

impl ReadModels {
    /// Visits the changes, by merchant and currency in the order in which they are booked.
    ///
    /// # Errors
    /// [`ReadModelError::Behind`] where the models have not come that far.
    pub fn owed_changes(
        &self,
        within: OwedWithin<'_>,
        each: &mut dyn FnMut(OwedChange),
    ) -> Result<(), ReadModelError> {
        let db = self.read()?;
        self.applied_for(&db, crate::AsOf::position(within.through))?;
        let (r, own) =
            (generation(&db)?, if within.merchant_id.is_some() { "a.dimension = ?1 AND" } else { "" });
        let mut statement = db.prepare_cached(&format!(
            "SELECT a.dimension, a.currency, e.position, e.event, e.order_id, e.occurred_at, e.booked_at, -e.amount \
             FROM book_accounts__r{r} a JOIN book_entries__r{r} e ON e._parent = a._id WHERE {own} {OWED} \
             AND (?1 IS NULL OR a.dimension = ?1) AND e.booked_at >= ?2 AND e.booked_at < ?3 AND e.position <= ?4 \
             ORDER BY a.dimension, a.currency, e.booked_at, e.position"
        ))?;
        let through = i64::try_from(within.through).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![within.merchant_id, within.from, within.until, through])?;
        let mut last: Option<(OwedChange, i64)> = None;
        while let Some(row) = rows.next()? {
            let text = |at| row.get_ref(at).and_then(Cell::text);
            let (merchant_id, currency, amount) = (text(0)?, text(1)?, row.get::<i64>(7)?);
            let position = row.get::<i64>(2)? as Position;
            if let Some((held, raised)) = &mut last
                && held.position == position
                && held.currency == currency
                && held.merchant_id == merchant_id
            {
                held.change += amount;
                *raised += amount.max(0);
                continue;
            }
            let next = OwedChange {
                merchant_id: merchant_id.into_owned(),
                currency: currency.into_owned(),
                position,
                event: text(3)?.into_owned(),
                order_id: row.get(4)?,
                occurred_at: row.get(5)?,
                booked_at: row.get(6)?,
                change: amount,
                within: 0,
            };
            if let Some(whole) = last.replace((next, amount.max(0))) {
                each(closed(whole));
            }
        }
        if let Some(whole) = last {
            each(closed(whole));
        }
        Ok(())
    }

    /// What was owed to merchants by what is booked before `within.from`, by events through its position: merchant, currency,
    /// minor units. By merchant and currency; none that nothing was ever booked for by then.
    ///
    /// # Errors
    /// [`ReadModelError::Behind`] where the models have not come that far.
    pub fn owed_before(&self, within: OwedWithin<'_>) -> Result<Vec<(String, String, i64)>, ReadModelError> {
        let db = self.read()?;
        self.applied_for(&db, crate::AsOf::position(within.through))?;
        let (r, own) =
            (generation(&db)?, if within.merchant_id.is_some() { "a.dimension = ?1 AND" } else { "" });
        let mut statement = db.prepare_cached(&format!(
            "SELECT a.dimension, a.currency, -sum(e.amount) FROM book_accounts__r{r} a \
             JOIN book_entries__r{r} e ON e._parent = a._id WHERE {own} {OWED} \
             AND (?1 IS NULL OR a.dimension = ?1) AND e.booked_at < ?2 AND e.position <= ?3 \
             GROUP BY a.dimension, a.currency ORDER BY a.dimension, a.currency"
        ))?;
        let through = i64::try_from(within.through).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![within.merchant_id, within.from, through], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What is owed to each merchant by the events through a position, its deposit with it: merchant, currency, minor
    /// units, negative where the merchant owes. By merchant and currency.
    ///
    /// # Errors
    /// [`ReadModelError::Behind`] where the models have not come that far.
    pub fn owed_at(&self, through: Position) -> Result<Vec<(String, String, i64)>, ReadModelError> {
        let db = self.read()?;
        let applied = self.applied_for(&db, crate::AsOf::position(through))?;
        let (r, upto) = (generation(&db)?, i64::try_from(through).unwrap_or(i64::MAX));
        let whole = "a.class = 'Liabilities' AND a.name IN ('MerchantPending', 'MerchantAvailable', 'MerchantHeld', \
                     'MerchantReserve', 'PayoutInTransit', 'Deposit', 'DepositFrozen')";
        // the sums of the accounts are those of now
        let (sum, entries) = if applied == through {
            ("a.balance", String::new())
        } else {
            ("e.amount", format!("JOIN book_entries__r{r} e ON e._parent = a._id AND e.position <= ?1"))
        };
        let mut statement = db.prepare_cached(&format!(
            "SELECT a.dimension, a.currency, -sum({sum}) FROM book_accounts__r{r} a {entries} \
             WHERE {whole} AND ?1 IS NOT NULL GROUP BY a.dimension, a.currency ORDER BY a.dimension, a.currency"
        ))?;
        let rows = statement.query_map(params![upto], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// A change of which all entries were seen, with what they raised.
fn closed((mut change, raised): (OwedChange, i64)) -> OwedChange {
    change.within = raised - change.change.max(0);
    change
}
