//! From a payout to what it draws on: settlements, their lines, the orders of these, the payments that funded them.
//!
//! The account's stream says what the payout took, first in, first out; a settlement's lines are those of the read
//! model that its bounds take; what funded an order stands in its own stream and its checkout's. At each step the
//! sum below must equal the amount above, in each currency: what is left over is the residual, zero or a defect.

use std::collections::BTreeMap;

use daybook_domain::account::draws::{Part, Source};
use daybook_domain::account::lines::{Bounds, LineKind};
use daybook_domain::{Currency, MerchantId, Money, OrderId, PayoutId, SettlementId, Timestamp};
use daybook_projections::models::merchant_accounts::MerchantLineRow;
use daybook_projections::queries::PAGE_ROWS;
use daybook_projections::{ReadModelError, ReadModels};
use serde::Serialize;

use super::funding::{ExplainedOrder, Payment, funding_of};
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
    /// The orders of these, between what funded them and what they released.
    pub orders: Vec<ExplainedOrder>,
    /// What funded them.
    pub payments: Vec<Payment>,
    /// What no part, line, order or payment accounts for, by currency, that of the payout first: zeros.
    pub residuals: Vec<Money>,
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
    /// total - carried_in - lines_sum, what it carried in beyond what the one before carried out, and of its debt
    /// what was neither taken nor carried out: zero.
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
    let mut residuals = vec![Money::zero(amount.currency)];
    for payout in history.reached(payout) {
        let Some((left, wrong)) = history.parts_residual(payout) else { continue };
        count(&mut residuals, left);
        unexplained.extend(wrong);
    }
    let mut settlements = Vec::new();
    let mut lines = Vec::new();
    for (currency, at) in history.leads_to(payout) {
        let Some(own) = history.settlements.get(&currency) else { continue };
        let Some(closed) = own.closed.get(at) else { continue };
        let taken = lines_of(models, closed.settlement, currency)?;
        let sum: i64 = taken.iter().map(|line| line.amount.minor).sum();
        let money = |minor| Money::new(minor, currency);
        let residual = money(own.residual(at, sum));
        let drawn = drawn.parts.iter().filter(|part| part.source == Source::Settlement(closed.settlement));
        let explained = ExplainedSettlement {
            settlement: closed.settlement,
            until: closed.until,
            drawn: money(drawn.map(|part| part.amount.minor).sum()),
            carried_in: closed.carried_in,
            lines: taken.len() as u64,
            lines_sum: money(sum),
            total: closed.total,
            held_as_reserve: closed.held_as_reserve,
            residual,
        };
        if !residual.is_zero() || explained.lines != closed.lines {
            let (settlement, lines) = (closed.settlement, explained.lines);
            let all = closed.lines;
            unexplained.push(format!("settlement {settlement} has {lines} of {all} lines, {residual} apart"));
        }
        count(&mut residuals, residual);
        lines.extend(taken);
        settlements.push(explained);
    }

    let mut released: BTreeMap<(OrderId, Currency), Vec<(u64, i64)>> = BTreeMap::new();
    for line in &lines {
        let Some(order) = line.order else { continue };
        let releases = released.entry((order, line.amount.currency)).or_default();
        if line.kind == LineKind::Release.as_str() {
            releases.push((line.position, line.amount.minor));
        }
    }
    let (mut orders, mut payments) = (Vec::new(), Vec::new());
    for ((order, currency), releases) in released {
        let found = funding_of(&**models.journal(), order, currency, &releases)?;
        count(&mut residuals, found.order.residual);
        orders.push(found.order);
        payments.extend(found.payments);
        unexplained.extend(found.unexplained);
    }
    Ok(Some(Explained {
        payout,
        merchant,
        amount: *amount,
        converted: drawn.converted,
        parts: drawn.parts.clone(),
        settlements,
        lines,
        orders,
        payments,
        residuals,
        unexplained,
    }))
}

impl Explained {
    /// Whether every level comes to the one above it.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.unexplained.is_empty() && self.residuals.iter().all(|residual| residual.is_zero())
    }
}

/// Adds to the sum of a currency.
pub(super) fn count(sums: &mut Vec<Money>, amount: Money) {
    match sums.iter_mut().find(|sum| sum.currency == amount.currency) {
        Some(sum) => sum.minor = sum.minor.saturating_add(amount.minor),
        None => sums.push(amount),
    }
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

/// Visits the lines of a merchant with the place of the settlement that has each, page by page.
pub(super) fn each_line(
    models: &ReadModels,
    merchant: MerchantId,
    settlements: &BTreeMap<Currency, Settlements>,
    mut visit: impl FnMut(Option<(Currency, usize)>, &MerchantLineRow),
) -> Result<(), MarketError> {
    let mut after = 0;
    loop {
        let page = models.merchant_lines(merchant.as_str(), after, PAGE_ROWS).map_err(unavailable)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.number.unsigned_abs();
        for row in &page {
            let Ok(currency) = Currency::new(&row.currency) else { continue };
            let (number, booked_at) = (row.number.unsigned_abs(), Timestamp(row.booked_at));
            let own = settlements.get(&currency);
            let at = own.and_then(|own| Bounds::first(&own.bounds, number, booked_at));
            visit(at.map(|at| (currency, at)), row);
        }
    }
}
