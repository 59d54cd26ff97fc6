//! Every payout explained: one merchant's account after the other, and no more than that in memory (the lines of a
//! merchant pass by in pages; of its orders the ids stay).

use std::collections::{BTreeMap, HashMap};

use daybook_domain::account::lines::LineKind;
use daybook_domain::{Currency, MerchantId, Money, OrderId};
use daybook_projections::ReadModels;
use daybook_projections::queries::PAGE_ROWS;
use serde::Serialize;

use super::explain::{count, each_line, unavailable};
use super::funding::funding_of;
use super::history::History;
use crate::MarketError;

/// Findings listed; the others are counted.
const LISTED: usize = 100;

/// What explaining every payout came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Payouts.
    pub payouts: u64,
    /// What they took, by currency.
    pub amounts: Vec<Money>,
    /// Settlements they draw on.
    pub settlements: u64,
    /// Lines of these settlements.
    pub lines: u64,
    /// Orders of these lines, found funded.
    pub orders: u64,
    /// What no part, line, order or payment accounts for, by currency: nothing but zeros.
    pub residuals: Vec<Money>,
    /// Payouts that could not be explained.
    pub unexplained: u64,
    /// What was found, in words; the first of them.
    pub findings: Vec<String>,
}

impl Audit {
    /// Whether every payout is explained to the last cent.
    #[must_use]
    pub fn clean(&self) -> bool {
        self.unexplained == 0 && self.residuals.iter().all(|residual| residual.is_zero())
    }
    fn found(&mut self, finding: String) {
        if self.findings.len() < LISTED {
            self.findings.push(finding);
        }
    }
}

/// Explains every payout. `progress` is told how many merchants are done.
///
/// # Errors
/// [`MarketError`] when journal or read models cannot be read.
pub fn audit(models: &ReadModels, progress: &mut dyn FnMut(u64)) -> Result<Audit, MarketError> {
    let mut audit = Audit::default();
    let (mut after, mut done) = (None, 0);
    loop {
        let page = models.merchant_accounts(after.as_deref(), PAGE_ROWS).map_err(unavailable)?;
        for account in &page.rows {
            if account.payouts > 0
                && let Ok(merchant) = MerchantId::new(&account.merchant_id)
            {
                one(models, merchant, &mut audit)?;
            }
            done += 1;
            progress(done);
        }
        after = page.next;
        if after.is_none() {
            return Ok(audit);
        }
    }
}

/// What the lines of a settlement came to.
#[derive(Clone, Copy, Default)]
struct Sum {
    lines: u64,
    minor: i64,
    /// Lines whose order is not explained by what funded it.
    unfunded: u64,
}

/// What the lines of an order say that it released, settled or not.
#[derive(Default)]
struct Released {
    minor: i64,
    /// The settlements that have lines of it, as often as they have.
    settlements: Vec<usize>,
}

fn one(models: &ReadModels, merchant: MerchantId, audit: &mut Audit) -> Result<(), MarketError> {
    let history = History::read(&**models.journal(), merchant)?;
    let mut sums: BTreeMap<(Currency, usize), Sum> = BTreeMap::new();
    let mut orders: HashMap<(OrderId, Currency), Released> = HashMap::new();
    each_line(models, merchant, &history.settlements, |place, row| {
        if let Some(place) = place {
            let sum = sums.entry(place).or_default();
            sum.lines += 1;
            sum.minor = sum.minor.saturating_add(row.amount);
        }
        let Some(order) = row.order_id.as_deref().and_then(|id| OrderId::new(id).ok()) else { return };
        let Ok(currency) = Currency::new(&row.currency) else { return };
        let released = orders.entry((order, currency)).or_default();
        if row.kind == LineKind::Release.as_str() {
            released.minor = released.minor.saturating_add(row.amount);
        }
        released.settlements.extend(place.map(|(_, at)| at));
    })?;
    for ((order, currency), released) in &orders {
        if released.settlements.is_empty() {
            continue; // nothing of it is settled
        }
        let left = funding_residual(models, *order, merchant, *currency, released.minor)?;
        if left == Some(0) {
            audit.orders += 1;
            continue;
        }
        count(&mut audit.residuals, Money::new(left.unwrap_or(0), *currency));
        for at in &released.settlements {
            sums.entry((*currency, *at)).or_default().unfunded += 1;
        }
    }

    // which settlements do not add up, each once
    let mut broken = Vec::new();
    for (currency, own) in &history.settlements {
        for (at, closed) in own.closed.iter().enumerate() {
            let sum = sums.get(&(*currency, at)).copied().unwrap_or_default();
            audit.settlements += 1;
            audit.lines += sum.lines;
            let apart = Money::new(own.residual(at, sum.minor), *currency);
            count(&mut audit.residuals, apart);
            if !apart.is_zero() || sum.lines != closed.lines || sum.unfunded > 0 {
                broken.push((*currency, at));
                audit.found(format!(
                    "merchant {merchant}, settlement {}: {} of {} lines, {apart} apart, {} lines of orders that were \
                     funded otherwise than they released",
                    closed.settlement, sum.lines, closed.lines, sum.unfunded
                ));
            }
        }
    }
    for (payout, amount) in &history.payouts {
        audit.payouts += 1;
        count(&mut audit.amounts, *amount);
        // what a payout that it leads to lacks counts with that one
        let own = history.parts_residual(*payout);
        let left = own.map_or(*amount, |(left, _)| left);
        count(&mut audit.residuals, left);
        let on_broken = !broken.is_empty() && history.leads_to(*payout).iter().any(|s| broken.contains(s));
        let lacking = |other| history.parts_residual(other).is_none_or(|(left, _)| !left.is_zero());
        if on_broken || history.reached(*payout).into_iter().any(lacking) {
            audit.unexplained += 1;
            audit.found(format!("merchant {merchant}, payout {payout}: {left} of {amount} unexplained"));
        }
    }
    Ok(())
}

/// By how much what funded an order and what it released are apart, with what its lines say that it released; minor
/// units. None where it was not funded at all.
fn funding_residual(
    models: &ReadModels,
    order: OrderId,
    merchant: MerchantId,
    currency: Currency,
    released: i64,
) -> Result<Option<i64>, MarketError> {
    let found = models.order_funding(order.as_str(), merchant.as_str()).map_err(unavailable)?;
    let Some(found) = found.filter(|found| found.currency == currency.as_str()) else { return Ok(None) };
    let lines = found.released.saturating_sub(released).saturating_abs();
    let left = if found.charged_back == 0 {
        found.uncovered.saturating_add(found.residual())
    } else {
        // what banks took from escrow stands in the order's own stream
        funding_of(&**models.journal(), order, currency, &[])?.order.residual.minor
    };
    Ok(Some(left.saturating_add(lines)))
}
