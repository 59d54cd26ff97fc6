//! Every payout explained: one merchant's account after the other, and no more than that in memory (the lines of a
//! merchant pass by in pages; of its orders the ids stay).

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use daybook_domain::account::draws::Source;
use daybook_domain::{Currency, MerchantId, Money, OrderId};
use daybook_projections::ReadModels;
use daybook_projections::queries::PAGE_ROWS;
use serde::Serialize;

use super::explain::{each_line, unavailable};
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
    /// What no part and no line accounts for, by currency: nothing but zeros.
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

fn count(sums: &mut Vec<Money>, currency: Currency, minor: i64) {
    match sums.iter_mut().find(|sum| sum.currency == currency) {
        Some(sum) => sum.minor = sum.minor.saturating_add(minor),
        None => sums.push(Money::new(minor, currency)),
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
    /// Lines whose order is not known to be funded.
    unfunded: u64,
}

fn one(models: &ReadModels, merchant: MerchantId, audit: &mut Audit) -> Result<(), MarketError> {
    let history = History::read(&**models.journal(), merchant)?;
    let mut sums: BTreeMap<(Currency, usize), Sum> = BTreeMap::new();
    let mut failed = None;
    let mut orders: HashMap<OrderId, bool> = HashMap::new();
    each_line(models, merchant, &history.settlements, |place, row| {
        let sum = sums.entry(place).or_default();
        sum.lines += 1;
        sum.minor = sum.minor.saturating_add(row.amount);
        let Some(order) = row.order_id.as_deref().and_then(|id| OrderId::new(id).ok()) else { return };
        let funded = match orders.entry(order) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => match models.order_is_funded(order.as_str(), merchant.as_str()) {
                Ok(funded) => *new.insert(funded),
                Err(error) => {
                    failed = Some(error);
                    return;
                }
            },
        };
        sum.unfunded += u64::from(!funded);
    })?;
    if let Some(error) = failed {
        return Err(unavailable(error));
    }
    audit.orders += orders.values().filter(|funded| **funded).count() as u64;

    // which settlements do not add up, each once
    let mut broken = Vec::new();
    for (currency, own) in &history.settlements {
        for (at, closed) in own.closed.iter().enumerate() {
            let sum = sums.get(&(*currency, at)).copied().unwrap_or_default();
            audit.settlements += 1;
            audit.lines += sum.lines;
            let left = closed.total.minor - closed.carried_in.minor - sum.minor;
            let carried = if at == 0 { 0 } else { own.closed[at - 1].carried_out.minor };
            let apart = left.abs().saturating_add((closed.carried_in.minor - carried).abs());
            count(&mut audit.residuals, *currency, apart);
            if apart != 0 || sum.lines != closed.lines || sum.unfunded > 0 {
                broken.push((*currency, at));
                audit.found(format!(
                    "merchant {merchant}, settlement {}: {} of {} lines, {} apart, {} lines of orders that were not \
                     funded",
                    closed.settlement,
                    sum.lines,
                    closed.lines,
                    Money::new(apart, *currency),
                    sum.unfunded
                ));
            }
        }
    }
    for (payout, amount) in &history.payouts {
        let Some(drawn) = history.drawn(*payout) else { continue };
        audit.payouts += 1;
        count(&mut audit.amounts, amount.currency, amount.minor);
        let parts: i64 = drawn.parts.iter().map(|part| part.amount.minor).sum();
        let left = amount.minor - parts;
        count(&mut audit.residuals, amount.currency, left.abs());
        let on_broken = !broken.is_empty() && history.leads_to(*payout).iter().any(|s| broken.contains(s));
        let unknown = drawn.parts.iter().any(|part| match part.source {
            Source::Settlement(id) => !history.places.contains_key(&id),
            Source::Converted(other) => history.drawn(other).is_none(),
        });
        if left != 0 || on_broken || unknown {
            audit.unexplained += 1;
            audit.found(format!(
                "merchant {merchant}, payout {payout}: {} of {amount} unexplained",
                Money::new(left, amount.currency)
            ));
        }
    }
    Ok(())
}
