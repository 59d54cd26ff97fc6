//! From a payout to what it draws on: settlements, their lines, the orders of these, the payments that funded them.
//!
//! The account's stream says what the payout took, first in, first out; a settlement's lines are those of the read
//! model that its bounds take; what funded an order stands in its own stream and its checkout's. At each step the
//! sum below must equal the amount above: what is left over is the residual, zero or a defect.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::account::draws::{Part, Source};
use daybook_domain::account::lines::Bounds;
use daybook_domain::{Currency, MerchantId, Money, OrderId, PayoutId, SettlementId, Timestamp};
use daybook_projections::models::merchant_accounts::MerchantLineRow;
use daybook_projections::queries::PAGE_ROWS;
use daybook_projections::{ReadModelError, ReadModels};
use serde::Serialize;

use super::funding::{Payment, payments_of};
use super::history::{History, Settlements};
use crate::MarketError;

/// A payout down to its payments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The payout.
    pub payout: PayoutId,
    /// Who is paid.
    pub merchant: MerchantId,
    /// What it took of what was available.
    pub amount: Money,
    /// What it was converted to.
    pub converted: Option<Money>,
    /// What it draws on, in the order in which that had become available.
    pub parts: Vec<Part>,
    /// The settlements these lead to, with those whose debts they took over.
    pub settlements: Vec<ExplainedSettlement>,
    /// Their lines.
    pub lines: Vec<SettlementLine>,
    /// What funded the orders of their lines.
    pub payments: Vec<Payment>,
    /// What no part and no line accounts for: zero.
    pub residual: Money,
    /// What could not be explained, in words; nothing.
    pub unexplained: Vec<String>,
}

/// A settlement as its lines explain it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedSettlement {
    /// The settlement.
    pub settlement: SettlementId,
    /// It takes what was booked before this instant.
    pub until: Timestamp,
    /// What the payout drew of it; zero where it is here for the debt it carried out.
    pub drawn: Money,
    /// What the one before it carried out.
    pub carried_in: Money,
    /// How many lines it has.
    pub lines: u64,
    /// What they come to.
    pub lines_sum: Money,
    /// What it came to.
    pub total: Money,
    /// Of the total: kept back for a time.
    pub held_as_reserve: Money,
    /// total - carried_in - lines_sum: zero.
    pub residual: Money,
}

/// A line of a settlement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettlementLine {
    /// The settlement.
    pub settlement: SettlementId,
    /// Its number on the merchant's account.
    pub number: u64,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Type of the event.
    pub event: String,
    /// What it is about.
    pub kind: String,
    /// The order it concerns.
    pub order: Option<OrderId>,
    /// Position of the event in the journal.
    pub position: u64,
    /// For the merchant where positive.
    pub amount: Money,
}

/// A payout, or why there is none to explain.
///
/// # Errors
/// [`MarketError`] when journal or read models cannot be read.
pub fn explain(
    models: &ReadModels,
    merchant: MerchantId,
    payout: PayoutId,
) -> Result<Option<Explained>, MarketError> {
    let history = History::read(&**models.journal(), merchant)?;
    let Some((_, amount)) = history.payouts.iter().find(|(id, _)| *id == payout) else { return Ok(None) };
    let Some(drawn) = history.drawn(payout) else { return Ok(None) };
    let mut unexplained = Vec::new();
    let mut residual = drawn.missing;
    let mut settlements = Vec::new();
    let mut lines = Vec::new();
    for (currency, at) in history.leads_to(payout) {
        let Some(closed) = history.settlements.get(&currency).and_then(|own| own.closed.get(at)) else {
            continue;
        };
        let own = lines_of(models, closed.settlement, currency)?;
        let count = own.len() as u64;
        let sum: i64 = own.iter().map(|line| line.amount.minor).sum();
        lines.extend(own);
        let money = |minor| Money::new(minor, currency);
        let left = closed.total.minor - closed.carried_in.minor - sum;
        if left != 0 || count != closed.lines {
            unexplained.push(format!(
                "settlement {} has {count} of {} lines, {} apart",
                closed.settlement,
                closed.lines,
                money(left)
            ));
        }
        residual += left.abs();
        let from = |part: &&Part| part.source == Source::Settlement(closed.settlement);
        settlements.push(ExplainedSettlement {
            settlement: closed.settlement,
            until: closed.until,
            drawn: money(drawn.parts.iter().filter(from).map(|part| part.amount.minor).sum()),
            carried_in: closed.carried_in,
            lines: count,
            lines_sum: money(sum),
            total: closed.total,
            held_as_reserve: closed.held_as_reserve,
            residual: money(left),
        });
    }
    if drawn.missing != 0 {
        let missing = Money::new(drawn.missing, amount.currency);
        unexplained.push(format!("payout {payout} took {missing} that had never become available"));
    }

    let orders: BTreeSet<OrderId> = lines.iter().filter_map(|line| line.order).collect();
    let mut payments = Vec::new();
    for order in orders {
        let (found, missing) = payments_of(&**models.journal(), order)?;
        payments.extend(found);
        unexplained.extend(missing);
    }
    Ok(Some(Explained {
        payout,
        merchant,
        amount: *amount,
        converted: drawn.converted,
        parts: drawn.parts.clone(),
        settlements,
        lines,
        payments,
        residual: Money::new(residual, amount.currency),
        unexplained,
    }))
}

impl SettlementLine {
    fn of(settlement: SettlementId, currency: Currency, row: &MerchantLineRow) -> Self {
        Self {
            settlement,
            number: row.number.unsigned_abs(),
            occurred_at: Timestamp(row.occurred_at),
            event: row.event.clone(),
            kind: row.kind.clone(),
            order: row.order_id.as_deref().and_then(|id| OrderId::new(id).ok()),
            position: row.position.unsigned_abs(),
            amount: Money::new(row.amount, currency),
        }
    }
}

/// The lines of a settlement, page by page.
fn lines_of(
    models: &ReadModels,
    settlement: SettlementId,
    currency: Currency,
) -> Result<Vec<SettlementLine>, MarketError> {
    let (mut lines, mut after) = (Vec::new(), 0);
    loop {
        let page = models.settlement_lines(settlement.as_str(), after, PAGE_ROWS).map_err(unavailable)?;
        let Some(last) = page.last() else { return Ok(lines) };
        after = last.number.unsigned_abs();
        lines.extend(page.iter().map(|row| SettlementLine::of(settlement, currency, row)));
    }
}

pub(super) fn unavailable(error: ReadModelError) -> MarketError {
    MarketError::Unavailable(error.to_string())
}

/// Visits the settled lines of a merchant with the place of the settlement that has each, page by page.
pub(super) fn each_line(
    models: &ReadModels,
    merchant: MerchantId,
    settlements: &BTreeMap<Currency, Settlements>,
    mut visit: impl FnMut((Currency, usize), &MerchantLineRow),
) -> Result<(), MarketError> {
    let mut after = 0;
    loop {
        let page = models.merchant_lines(merchant.as_str(), after, PAGE_ROWS).map_err(unavailable)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.number.unsigned_abs();
        for row in &page {
            let Ok(currency) = Currency::new(&row.currency) else { continue };
            let Some(own) = settlements.get(&currency) else { continue };
            let (number, booked_at) = (row.number.unsigned_abs(), Timestamp(row.booked_at));
            if let Some(at) = Bounds::first(&own.bounds, number, booked_at) {
                visit((currency, at), row);
            }
        }
    }
}
