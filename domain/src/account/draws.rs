//! What each payout draws on: what becomes available is paid out first in, first out.
//!
//! Money is one heap to the books; who explains a payout takes it apart into parts, each of which came from one
//! settlement. Settlements, released reserves, lifted holds and payouts that failed or came back put parts behind
//! the others; payouts, holds and the debts that settlements collect take them from the front. A hold keeps its parts
//! and gives back those it had, a payout likewise: so each part leads to its settlement, whatever ways it went.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::codec::words;
use crate::{Currency, Event, HoldId, Money, PayoutId, SettlementId};

words! {
    /// How a part came to be available.
    Way { Settled = "settled", ReserveReleased = "reserve_released", HoldLifted = "hold_lifted",
        PayoutFailed = "payout_failed", PayoutReturned = "payout_returned" }
}

/// Where a part comes from in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A settlement of the part's currency.
    Settlement(SettlementId),
    /// A payout that was converted to the part's currency and did not arrive: what that one drew on explains it.
    Converted(PayoutId),
}

/// A part of what is or was available.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Where it comes from.
    pub source: Source,
    /// The last way by which it became available.
    pub way: Way,
    /// The hold, or the payout, that it came back from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_from: Option<BackFrom>,
    /// How much.
    pub amount: Money,
}

/// What had taken a part before it became available again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BackFrom {
    /// A hold.
    Hold(HoldId),
    /// A payout.
    Payout(PayoutId),
}

type Parts = VecDeque<Part>;

/// What a payout drew on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// The parts, in the order in which they had become available.
    pub parts: Vec<Part>,
    /// What it took beyond all parts: zero, or the account's history is broken. Minor units of the request.
    pub missing: i64,
    /// What it was converted to.
    pub converted: Option<Money>,
}

/// The parts of one account, folded from its stream in order.
#[derive(Clone, Debug, Default)]
pub struct Draws {
    available: BTreeMap<Currency, Parts>,
    held: BTreeMap<HoldId, Parts>,
    payouts: BTreeMap<PayoutId, Drawn>,
}

/// Takes `amount` from the front; the parts, and what they lack.
fn take(from: &mut Parts, amount: Money) -> (Vec<Part>, i64) {
    let (mut taken, mut left) = (Vec::new(), amount.minor);
    while left > 0 {
        let Some(first) = from.front_mut() else { break };
        let minor = first.amount.minor.min(left);
        left -= minor;
        taken.push(Part { amount: Money::new(minor, amount.currency), ..*first });
        first.amount.minor -= minor;
        if first.amount.is_zero() {
            from.pop_front();
        }
    }
    (taken, left)
}

impl Draws {
    /// What a payout drew on, if it was requested.
    #[must_use]
    pub fn payout(&self, payout: PayoutId) -> Option<&Drawn> {
        self.payouts.get(&payout)
    }

    /// What is available, part by part.
    pub fn available(&self, currency: Currency) -> impl Iterator<Item = &Part> {
        self.available.get(&currency).into_iter().flatten()
    }

    /// Takes the next event of the account in; events that move nothing available are passed over.
    pub fn evolve(&mut self, event: &Event) {
        match event {
            Event::SettlementClosed(e) if e.total.minor >= 0 => {
                let minor = e.total.minor.saturating_sub(e.held_as_reserve.minor);
                self.put(Money::new(minor, e.currency), e.settlement, Way::Settled);
            }
            Event::SettlementClosed(e) => drop(self.take(e.taken_from_available)),
            Event::ReserveReleased(e) => self.put(e.amount, e.settlement, Way::ReserveReleased),
            Event::BalanceHeld(e) => {
                let (parts, _) = self.take(e.amount);
                self.held.entry(e.hold).or_default().extend(parts);
            }
            Event::BalanceHoldLifted(e) => {
                let (parts, _) = take(self.held.entry(e.hold).or_default(), e.amount);
                self.come_back(&parts, Way::HoldLifted, BackFrom::Hold(e.hold));
            }
            Event::BalanceHoldSpent(e) => drop(take(self.held.entry(e.hold).or_default(), e.amount)),
            Event::PayoutRequested(e) => {
                let (parts, missing) = self.take(e.amount);
                self.payouts.insert(e.payout, Drawn { parts, missing, converted: None });
            }
            Event::PayoutConverted(e) => {
                if let Some(drawn) = self.payouts.get_mut(&e.payout) {
                    drawn.converted = Some(e.to);
                }
            }
            Event::PayoutFailed(e) => self.undo(e.payout, Way::PayoutFailed),
            Event::PayoutReturned(e) => self.undo(e.payout, Way::PayoutReturned),
            _ => {}
        }
    }

    fn put(&mut self, amount: Money, settlement: SettlementId, way: Way) {
        if amount.is_zero() {
            return;
        }
        let part = Part { source: Source::Settlement(settlement), way, back_from: None, amount };
        self.available.entry(amount.currency).or_default().push_back(part);
    }

    fn take(&mut self, amount: Money) -> (Vec<Part>, i64) {
        take(self.available.entry(amount.currency).or_default(), amount)
    }

    fn come_back(&mut self, parts: &[Part], way: Way, from: BackFrom) {
        for part in parts {
            let part = Part { way, back_from: Some(from), ..*part };
            self.available.entry(part.amount.currency).or_default().push_back(part);
        }
    }

    /// A payout did not arrive: its parts are available again, or what they were converted to.
    fn undo(&mut self, payout: PayoutId, way: Way) {
        let Some(drawn) = self.payouts.get(&payout) else { return };
        let parts = match drawn.converted {
            None => drawn.parts.clone(),
            Some(amount) => {
                vec![Part { source: Source::Converted(payout), way, back_from: None, amount }]
            }
        };
        self.come_back(&parts, way, BackFrom::Payout(payout));
    }
}
