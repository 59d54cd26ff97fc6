//! Merchants: standing, balances, account, deposit.

use crate::engine::store::params;
use crate::engine::{AsOf, Progress, ReadModelError, ReadModels};
use crate::models::deposits::{DepositRow, Deposits};
use crate::models::merchant_accounts::{MerchantAccountRow, MerchantAccounts, MerchantLineRow};
use crate::models::merchant_balances::{MerchantBalanceRow, MerchantBalances};
use crate::models::merchants::{MerchantRow, Merchants};

use crate::record::Record as _;

use super::{PAGE_ROWS, Page, bounded, row, rows};

/// A merchant with its money.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MerchantInquiry {
    /// Standing, contract, counts.
    pub merchant: MerchantRow,
    /// What it is owed, by currency.
    pub balances: Vec<MerchantBalanceRow>,
    /// How far its account is settled.
    pub account: Option<MerchantAccountRow>,
    /// Its deposit.
    pub deposit: Option<DepositRow>,
}

impl ReadModels {
    /// A merchant with its balances, account and deposit.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn merchant(&self, merchant_id: &str) -> Result<Option<MerchantInquiry>, ReadModelError> {
        let db = self.read()?;
        let by_id = "WHERE merchant_id = ?";
        let Some(merchant) = row::<MerchantRow>(&db, by_id, params![merchant_id])? else { return Ok(None) };
        let by_currency = "WHERE merchant_id = ? ORDER BY currency LIMIT ?";
        Ok(Some(MerchantInquiry {
            merchant,
            balances: rows(&db, by_currency, params![merchant_id, PAGE_ROWS])?,
            account: row(&db, by_id, params![merchant_id])?,
            deposit: row(&db, by_id, params![merchant_id])?,
        }))
    }

    /// A merchant as of a moment, from its own streams: counts by when things happened, balances by when they
    /// are booked.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn merchant_as_of(
        &self,
        merchant_id: &str,
        at: AsOf,
    ) -> Result<Option<MerchantInquiry>, ReadModelError> {
        if at == AsOf::HEAD {
            return self.merchant(merchant_id);
        }
        let then = self.entity_as_of("merchant", merchant_id, at)?;
        let Some(merchant) = then.row::<Merchants>(&[merchant_id]) else { return Ok(None) };
        let own = then.rows::<MerchantBalances>().filter(|b| b.merchant_id == merchant_id);
        let mut balances: Vec<_> = own.cloned().collect();
        balances.sort_unstable_by(|a, b| a.currency.cmp(&b.currency));
        Ok(Some(MerchantInquiry {
            merchant: merchant.clone(),
            balances,
            account: then.row::<MerchantAccounts>(&[merchant_id]).cloned(),
            deposit: then.row::<Deposits>(&[merchant_id]).cloned(),
        }))
    }

    /// The balances of all merchants as of a moment, by merchant and currency: a job over the journal.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn merchants_as_of(
        &self,
        at: AsOf,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<MerchantBalanceRow>, ReadModelError> {
        let then = self.as_of(at, &[MerchantBalanceRow::TABLE], progress)?;
        let mut balances: Vec<_> = then.rows::<MerchantBalances>().cloned().collect();
        balances.sort_unstable_by(|a, b| (&a.merchant_id, &a.currency).cmp(&(&b.merchant_id, &b.currency)));
        Ok(balances)
    }

    /// Merchants by id, of one standing where it is given; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn merchants(
        &self,
        standing: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<MerchantRow>, ReadModelError> {
        let (limit, after) = (bounded(limit), after.unwrap_or(""));
        let db = self.read()?;
        let found: Vec<MerchantRow> = match standing {
            Some(standing) => {
                let rest = "WHERE standing = ? AND merchant_id > ? ORDER BY merchant_id LIMIT ?";
                rows(&db, rest, params![standing, after, (limit + 1)])?
            }
            None => {
                rows(&db, "WHERE merchant_id > ? ORDER BY merchant_id LIMIT ?", params![after, (limit + 1)])?
            }
        };
        Ok(Page::of(found, limit, |m| m.merchant_id.clone()))
    }

    /// What merchants are owed, by merchant and currency; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn merchant_balances(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<MerchantBalanceRow>, ReadModelError> {
        let limit = bounded(limit);
        let (currency, merchant) = after.and_then(|a| a.split_once('.')).unwrap_or(("", ""));
        let rest = "WHERE (merchant_id, currency) > (?, ?) ORDER BY merchant_id, currency LIMIT ?";
        let found: Vec<MerchantBalanceRow> =
            rows(&*self.read()?, rest, params![merchant, currency, (limit + 1)])?;
        Ok(Page::of(found, limit, |b| format!("{}.{}", b.currency, b.merchant_id)))
    }

    /// Accounts by merchant; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn merchant_accounts(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<MerchantAccountRow>, ReadModelError> {
        let limit = bounded(limit);
        let rest = "WHERE merchant_id > ? ORDER BY merchant_id LIMIT ?";
        let found: Vec<MerchantAccountRow> =
            rows(&*self.read()?, rest, params![after.unwrap_or(""), (limit + 1)])?;
        Ok(Page::of(found, limit, |account| account.merchant_id.clone()))
    }

    /// Lines of a merchant's account after number `after`, at most `limit`.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn merchant_lines(
        &self,
        merchant_id: &str,
        after: u64,
        limit: u32,
    ) -> Result<Vec<MerchantLineRow>, ReadModelError> {
        let rest = "WHERE merchant_id = ? AND number > ? ORDER BY number LIMIT ?";
        rows(&*self.read()?, rest, params![merchant_id, (after as i64), bounded(limit)])
    }

    /// Deposits by merchant; `after` is the `next` of the page before.
    ///
    /// # Errors
    /// [`ReadModelError`].
    pub fn deposits(&self, after: Option<&str>, limit: u32) -> Result<Page<DepositRow>, ReadModelError> {
        let limit = bounded(limit);
        let rest = "WHERE merchant_id > ? ORDER BY merchant_id LIMIT ?";
        let found: Vec<DepositRow> = rows(&*self.read()?, rest, params![after.unwrap_or(""), (limit + 1)])?;
        Ok(Page::of(found, limit, |d| d.merchant_id.clone()))
    }
}
