//! Covering a basket: which order gets how much of which payment, and what is left over.

use crate::{Event, Money, Rejection, allocate};

use super::events::{FundsAllocated, MoneyUnallocated, PaymentPart, UnallocatedReason};
use super::state::{Checkout, Payment, Phase};

/// A decision under construction: each event is remembered before the next is decided.
pub(super) struct Draft {
    pub state: Checkout,
    pub events: Vec<Event>,
}

impl Draft {
    pub fn of(state: &Checkout) -> Self {
        Self { state: state.clone(), events: Vec::new() }
    }

    pub fn say(&mut self, event: impl Into<Event>) {
        let event = event.into();
        self.state.remember(&event);
        self.events.push(event);
    }

    /// Covers the basket when what came in suffices, and names a reason for what no order can take. Every
    /// decision that moves money or the due ends with it.
    pub fn settled(mut self) -> Result<Vec<Event>, Rejection> {
        if self.state.is_covered_by_now() {
            self.allocate_funds()?;
        }
        if let Some(reason) = self.state.reason_now() {
            self.give_reason(reason);
        }
        Ok(self.events)
    }

    /// Puts all that waits under a reason.
    pub fn give_reason(&mut self, reason: UnallocatedReason) {
        for payment in self.state.payments.clone() {
            if payment.waiting > 0 {
                self.unallocated(&payment, payment.waiting, reason);
            }
        }
    }

    /// Changes what stands of a payment under a reason, by minor units.
    pub fn unallocated(&mut self, payment: &Payment, change: i64, reason: UnallocatedReason) {
        self.say(MoneyUnallocated {
            amount: Money::new(change, payment.amount.currency),
            reason,
            payment: Some(payment.payment),
            order: None,
        });
    }

    /// Reserves each order's share: the money is spread by what the orders ask, in basket order; each order
    /// draws on the payments in the order of their capture. What an order lacks is its shortfall.
    fn allocate_funds(&mut self) -> Result<(), Rejection> {
        let due: i64 = self.state.orders.iter().map(|o| o.buyer_pays.minor).sum();
        let total = self.state.usable().min(due);
        let asked: Vec<i64> = self.state.orders.iter().map(|o| o.buyer_pays.minor).collect();
        let shares = allocate(total, &asked)?;
        let mut purse: Vec<(Payment, i64)> =
            self.state.payments.iter().map(|p| (p.clone(), self.state.usable_of(p))).collect();
        for (basket, share) in self.state.orders.clone().iter().zip(shares) {
            self.say(FundsAllocated {
                order: basket.order,
                merchant: basket.merchant,
                parts: draw(&mut purse, share),
                shortfall: Money::new(basket.buyer_pays.minor - share, basket.buyer_pays.currency),
            });
        }
        Ok(())
    }
}

/// Takes `share` minor units out of the purse, first payment first.
fn draw(purse: &mut [(Payment, i64)], share: i64) -> Vec<PaymentPart> {
    let mut missing = share;
    let mut parts = Vec::new();
    for (payment, left) in purse {
        let taken = missing.min(*left);
        if taken > 0 {
            *left -= taken;
            missing -= taken;
            parts.push(PaymentPart {
                payment: payment.payment,
                provider: payment.provider,
                method: payment.method,
                amount: Money::new(taken, payment.amount.currency),
            });
        }
    }
    parts
}

impl Checkout {
    /// What of a payment's waiting money may be reserved: not what a bank asks back.
    fn usable_of(&self, payment: &Payment) -> i64 {
        let frozen = (self.frozen(&payment.payment) - payment.reasoned()).max(0);
        (payment.waiting - frozen).max(0)
    }

    /// Waiting money that may be reserved, in minor units of the basket's currency; money of another
    /// currency never waits.
    pub(super) fn usable(&self) -> i64 {
        self.payments.iter().map(|p| self.usable_of(p)).sum()
    }

    fn is_covered_by_now(&self) -> bool {
        let due: i64 = self.orders.iter().map(|o| o.buyer_pays.minor).sum();
        // no sum here exceeds what came in plus what is due: both are bounded when they are decided
        self.phase == Phase::Open && !self.orders.is_empty() && self.usable() >= due - self.accepted
    }

    /// Why money that waits now has no order to take it; `None` while one may.
    pub(super) fn reason_now(&self) -> Option<UnallocatedReason> {
        match self.phase {
            Phase::Open if self.orders.is_empty() => Some(UnallocatedReason::NoOrderOpen),
            Phase::Absent | Phase::Open => None,
            Phase::Covered if self.orders.iter().all(|o| o.refused) => {
                Some(UnallocatedReason::NoOrderCancelled)
            }
            Phase::Covered => Some(UnallocatedReason::Overpaid),
            Phase::Expired => Some(UnallocatedReason::Late),
            Phase::Cancelled => Some(UnallocatedReason::NoOrderCancelled),
        }
    }
}
