//! Typed queries over the stored rows.
//!
//! Every list is a page: it takes where to go on from and how many at most, and says with `next` where the page
//! after it begins. Each call reads one consistent state of the models.

mod books;
mod campaigns;
mod checkouts;
mod disputes;
mod journal_of_books;
mod leads;
mod ledger;
mod merchants;
mod metrics;
mod money;
mod orders;
mod owed;
mod payouts;
mod reconciliation;
mod results;
mod reviews;
mod settlement_explained;
mod settlements;
mod statements;
mod streams;
mod tables;

pub use books::{Balance, TrialBalance, trial_digest};
pub use journal_of_books::{BookVisitor, BookedEntry, BookedEvent, PeriodAccount};
pub use leads::LeadsWanted;
pub use ledger::{Ledger, LedgerEntry, LedgerQuestion};
pub use merchants::MerchantInquiry;
pub use money::MerchantMoney;
pub use orders::{OrderFunding, OrderInquiry, OrdersWanted};
pub use owed::{OwedChange, OwedWithin};
pub use payouts::PayoutsWanted;
pub use results::{BalanceSheet, ClientMoney, ProfitLoss, ResultLine, Section, Sheet, SheetLine};
pub use reviews::ReviewSummary;
pub use settlement_explained::{OrderShare, SettlementExplained};
pub use statements::{MerchantEntry, MerchantMovements, MerchantStanding, STATEMENT_ENTRIES};
pub use streams::PAGE_STREAMS;
pub use tables::{CellRef, RowVisit, WholeTable, whole_tables};

use crate::engine::ReadModelError;
use crate::engine::sql::{FromRow, names};
use crate::engine::store::{Db, Param};
use crate::record::Record;

/// Most rows of one page.
pub const PAGE_ROWS: u32 = 1_000;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page begins; none after the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `limit` from one row more than that.
    fn of(mut rows: Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> String) -> Self {
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = if more { rows.last().map(cursor) } else { None };
        Self { rows, next }
    }
}

/// A number of rows within bounds.
fn bounded(limit: u32) -> u32 {
    limit.clamp(1, PAGE_ROWS)
}

/// Rows of `R` where `rest` says.
fn rows<R: Record>(db: &Db, rest: &str, params: &[Param<'_>]) -> Result<Vec<R>, ReadModelError> {
    let sql = format!("SELECT {} FROM {} {rest}", names(R::COLUMNS), R::TABLE);
    let mut statement = db.prepare_cached(&sql)?;
    let found = statement.query_map(params, |row| FromRow::read(row, 0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The one row of `R` where `rest` says, if there is one.
fn row<R: Record>(db: &Db, rest: &str, params: &[Param<'_>]) -> Result<Option<R>, ReadModelError> {
    Ok(rows(db, rest, params)?.pop())
}

/// A cursor of a time and an id: `1514764800000000.id`.
fn parse_cursor(cursor: Option<&str>) -> Result<Option<(i64, String)>, ReadModelError> {
    let Some(text) = cursor else { return Ok(None) };
    let parsed = text.split_once('.').and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
    parsed.map(Some).ok_or_else(|| no_cursor(text))
}

/// A cursor of a time and a number: `1514764800000000.17`.
fn parse_numbered(cursor: Option<&str>) -> Result<Option<(i64, i64)>, ReadModelError> {
    let Some(text) = cursor else { return Ok(None) };
    let parsed = text.split_once('.').and_then(|(at, n)| Some((at.parse().ok()?, n.parse().ok()?)));
    parsed.map(Some).ok_or_else(|| no_cursor(text))
}

fn no_cursor(text: &str) -> ReadModelError {
    ReadModelError::BadQuestion(format!("cursor {text:?} is none: pass on the `next` of the page before"))
}
