//! The ledger of an account: its entries in the order in which they are booked, with the balance after each.

use crate::engine::store::{Param, params};
use crate::engine::{AsOf, ReadModelError, ReadModels};
use crate::models::books::EntryRow;
use daybook_domain::Currency;
use daybook_domain::posting::Account;
use daybook_journal::Micros;

use super::books::Counted;
use super::{PAGE_ROWS, bounded, parse_numbered, rows};

/// What is asked of a ledger.
#[derive(Clone, Copy, Debug)]
pub struct LedgerQuestion<'a> {
    /// The account.
    pub account: Account<'a>,
    /// Its currency.
    pub currency: Currency,
    /// Entries booked from this instant on; what was booked before is the opening balance. Microseconds.
    pub from: Option<Micros>,
    /// The moment; its business time is the last at which an entry is booked.
    pub at: AsOf,
    /// The `next` of the page before.
    pub after: Option<&'a str>,
    /// At most so many entries.
    pub limit: u32,
}

/// An entry with the balance after it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LedgerEntry {
    /// The entry. Its own `balance` is in journal order.
    pub entry: EntryRow,
    /// The balance after it in the order of booking, among the entries that the moment counts; minor units.
    pub balance: i64,
}

/// A page of a ledger. Amounts are minor units, debits positive.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ledger {
    /// Balance before the first entry of this page.
    pub opening: i64,
    /// The entries, by when they are booked.
    pub entries: Vec<LedgerEntry>,
    /// Balance after the last entry of this page.
    pub closing: i64,
    /// Where the next page begins; none after the last.
    pub next: Option<String>,
}

impl ReadModels {
    /// A page of an account's ledger, empty where nothing was posted to it.
    ///
    /// # Errors
    /// [`ReadModelError::Behind`] when the models have not applied the position asked for.
    pub fn ledger(&self, asked: &LedgerQuestion<'_>) -> Result<Ledger, ReadModelError> {
        let db = self.read()?;
        self.applied_for(&db, asked.at)?;
        let limit = bounded(asked.limit);
        let Account { class, name, dimension } = asked.account;
        let key = [dimension, name, class.as_str(), asked.currency.as_str()];
        let of_account = "WHERE dimension = ? AND name = ? AND class = ? AND currency = ?";
        let keyed = key.map(Param::from);
        let parameters = |values: &[i64]| -> Vec<Param<'_>> {
            let values = values.iter().map(|value| Param::Integer(Some(*value)));
            keyed.into_iter().chain(values).collect()
        };

        let within = Counted::by(asked.at);
        // what stands before the page: all that is booked before its first entry
        let (first, number) = match parse_numbered(asked.after)? {
            Some((booked, number)) => (booked, number),
            None => (asked.from.unwrap_or(i64::MIN), 0),
        };
        let before = format!(
            "SELECT coalesce(sum(amount), 0) FROM book_entries {of_account} AND {} \
             AND (booked_at < ? OR (booked_at = ? AND number <= ?))",
            within.sql
        );
        let values = [&within.values[..], &[first, first, number]].concat();
        let opening: i64 = db.prepare_cached(&before)?.query_row(&parameters(&values), |r| r.get(0))?;

        let rest = format!(
            "{of_account} AND {} AND (booked_at > ? OR (booked_at = ? AND number > ?)) \
             ORDER BY booked_at, number LIMIT ?",
            within.sql
        );
        let values = [&within.values[..], &[first, first, number, i64::from(limit) + 1]].concat();
        let mut found: Vec<EntryRow> = rows(&db, &rest, &parameters(&values))?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|e| format!("{}.{}", e.booked_at, e.number));

        let mut balance = opening;
        let mut entries = Vec::with_capacity(found.len());
        for entry in found {
            balance = balance.checked_add(entry.amount).ok_or_else(|| {
                ReadModelError::BadQuestion("the balance leaves the range of 64 bits".to_owned())
            })?;
            entries.push(LedgerEntry { entry, balance });
        }
        Ok(Ledger { opening, entries, closing: balance, next })
    }

    /// The currencies in which something was posted to an account.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn currencies_of(&self, account: &Account<'_>) -> Result<Vec<Currency>, ReadModelError> {
        let db = self.read()?;
        let mut statement = db.prepare_cached(
            "SELECT currency FROM book_accounts WHERE dimension = ? AND name = ? AND class = ? ORDER BY currency",
        )?;
        let key = [account.dimension, account.name, account.class.as_str()];
        let codes = statement.query_map(params![key[0], key[1], key[2]], |r| r.get::<String>(0))?;
        let codes = codes.collect::<Result<Vec<_>, _>>()?;
        Ok(codes.iter().filter_map(|code| Currency::new(code).ok()).collect())
    }

    /// Whose accounts of a name there are, the first of them by dimension: to say what could have been meant.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn dimensions_of(&self, name: &str, like: &str, limit: u32) -> Result<Vec<String>, ReadModelError> {
        let db = self.read()?;
        let mut statement = db.prepare_cached(
            "SELECT DISTINCT dimension FROM book_accounts WHERE name = ? AND dimension >= ? ORDER BY dimension LIMIT ?",
        )?;
        let limit = limit.min(PAGE_ROWS);
        let found = statement.query_map(params![name, like, limit], |r| r.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}
