//! Who earned the orders of a range, by a named model.

use std::collections::BTreeMap;

use daybook_domain::{Currency, Money, MoneyError, allocate};
use daybook_metrics::Channel;
use daybook_metrics::attribution::{AttributionRule, Credits, Path, Touch};
use daybook_metrics::sessions::Visit;

use super::filing::{Came, Filing};
use super::history::{History, PAID_WITHIN};
use super::sales::Sale;
use super::{Dimension, Question};
use crate::engine::ReadModelError;

/// An order is a million parts when its credit is shared.
pub const PARTS: i64 = 1_000_000;

/// What is done with each order, its place among all and its credits.
pub(super) type EachCredited<'e> = &'e mut dyn FnMut(usize, &Sale, &Credits<u32>) -> Result<(), MoneyError>;

/// What was earned of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earned {
    /// Orders, in millionths.
    pub orders: i64,
    /// What buyers paid for them.
    pub gmv: Money,
    /// What is left of that after refunds.
    pub net: Money,
}

/// The orders of a range by who earned them.
#[derive(Clone, Debug)]
pub struct Attributed {
    /// By the word of the dimension; an empty one where a visit came by no campaign.
    pub earned: Vec<(String, Earned)>,
    /// What no visit led to.
    pub unattributed: Earned,
    /// All of it: the sum of the rows, which is what all the range's orders came to.
    pub total: Earned,
}

impl Earned {
    pub(super) fn nothing(currency: Currency) -> Self {
        Self { orders: 0, gmv: Money::zero(currency), net: Money::zero(currency) }
    }

    fn add(&mut self, other: &Self) -> Result<(), MoneyError> {
        self.orders = self.orders.checked_add(other.orders).ok_or(MoneyError::Overflow)?;
        self.gmv = self.gmv.add(other.gmv)?;
        self.net = self.net.add(other.net)?;
        Ok(())
    }
}

impl History {
    /// Credits the orders that were paid in the question's days to the visits before them, by its first dimension:
    /// channel or campaign. What buyers paid and what is left of it after refunds are split by the same weights, so each
    /// adds up to the minor unit.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] for another dimension, or sums beyond 64 bits.
    pub fn attribute(
        &self,
        question: &Question,
        rule: &AttributionRule,
    ) -> Result<Attributed, ReadModelError> {
        let by = question.by.first().copied().unwrap_or(Dimension::Channel);
        if question.by.len() > 1 || !matches!(by, Dimension::Channel | Dimension::Campaign) {
            let why = "orders are credited by channel or by campaign: name one of them".to_owned();
            return Err(ReadModelError::BadQuestion(why));
        }
        let nothing = Earned::nothing(question.currency);
        let (mut earned, mut unattributed) = (BTreeMap::new(), nothing);
        self.credit(question, rule, by, &mut |_, sale, credits| {
            share(sale, credits, &mut earned, &mut unattributed, nothing)
        })?;
        let mut total = unattributed;
        earned.values().try_for_each(|of| total.add(of)).map_err(beyond)?;
        let earned = earned.into_iter().map(|(code, of)| (self.word(by, code), of)).collect();
        Ok(Attributed { earned, unattributed, total })
    }

    /// Credits each of the question's orders, given with its place among all.
    pub(super) fn credit(
        &self,
        question: &Question,
        rule: &AttributionRule,
        by: Dimension,
        each: EachCredited<'_>,
    ) -> Result<(), ReadModelError> {
        let filing = Filing::of(self, question);
        // a visitor's orders stand together, so that its visits are cut once
        let mut sold: BTreeMap<Option<u32>, Vec<(usize, &Sale)>> = BTreeMap::new();
        for (at, sale) in self.sales.iter().enumerate().filter(|(_, sale)| filing.asks_for(sale)) {
            sold.entry(sale.visitor).or_default().push((at, sale));
        }
        let nothing = Path::of(Vec::new());
        for (visitor, sales) in sold {
            let touches = visitor.map_or_else(Vec::new, |visitor| self.touches(visitor, question, by));
            let path = Path::of(touches);
            for (at, sale) in sales {
                let counts = paid_in_time(sale);
                let credits = rule.credits(sale.placed_at, if counts { &path } else { &nothing });
                each(at, sale, &credits).map_err(beyond)?;
            }
        }
        Ok(())
    }

    /// A visitor's arrivals, each under the code of its channel or campaign.
    fn touches(&self, visitor: u32, question: &Question, by: Dimension) -> Vec<Touch<u32>> {
        let (_, visits) = self.visits(&self.seen[visitor as usize], &question.sessions);
        let touch = |visit: &Visit<u32, u32>| Touch {
            at: visit.from,
            key: self.way_code(by, Came::by(visit)),
            direct: self.channel(visit.arrival) == Channel::Direct,
        };
        visits.iter().map(touch).collect()
    }
}

fn beyond(error: MoneyError) -> ReadModelError {
    ReadModelError::BadQuestion(error.to_string())
}

/// Whether an order was paid soon enough for the visits before it to be looked for.
fn paid_in_time(sale: &Sale) -> bool {
    sale.paid_at.is_some_and(|paid| paid.0.saturating_sub(sale.placed_at.0) <= PAID_WITHIN)
}

/// Shares one order.
pub(super) fn share(
    sale: &Sale,
    credits: &Credits<u32>,
    earned: &mut BTreeMap<u32, Earned>,
    unattributed: &mut Earned,
    nothing: Earned,
) -> Result<(), MoneyError> {
    let money = |minor| Money::new(minor, sale.currency);
    let (gmv, net) = (money(sale.paid), money(sale.paid).sub(money(sale.refunded))?);
    if credits.is_unattributed() {
        return unattributed.add(&Earned { orders: PARTS, gmv, net });
    }
    let weights: Vec<i64> = credits.weights().iter().map(|(_, weight)| *weight).collect();
    let parts = |whole: i64| allocate(whole, &weights);
    let split = parts(PARTS)?.into_iter().zip(parts(gmv.minor)?).zip(parts(net.minor)?);
    for ((code, _), ((orders, gmv), net)) in credits.weights().iter().zip(split) {
        let of = Earned { orders, gmv: money(gmv), net: money(net) };
        earned.entry(*code).or_insert(nothing).add(&of)?;
    }
    Ok(())
}
