//! What a checkout's state says in sums: each equals what its events posted.

use crate::{BuyerId, Currency, Money, OrderId, PaymentId, Timestamp};

use super::events::{PaymentMethod, UnallocatedReason};
use super::state::{Basket, Checkout, Payment, Phase};

/// Where a checkout's money is, in one currency.
///
/// captured + stored_value = allocated + waiting + unallocated + refunded + recognised + reversed + lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckoutTotals {
    /// Came in by outside providers.
    pub captured: Money,
    /// Drawn from the market's own cards and balances.
    pub stored_value: Money,
    /// Reserved for orders, whether or not they have taken it into escrow yet.
    pub allocated: Money,
    /// Came in and waits for the rest.
    pub waiting: Money,
    /// Stands without an order, under a reason.
    pub unallocated: Money,
    /// Went back without ever having had an order.
    pub refunded: Money,
    /// Became the market's: interest, roundings.
    pub recognised: Money,
    /// Taken back by its provider.
    pub reversed: Money,
    /// Lost to chargebacks while it had no order.
    pub lost: Money,
}

impl CheckoutTotals {
    fn zero(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self {
            captured: zero,
            stored_value: zero,
            allocated: zero,
            waiting: zero,
            unallocated: zero,
            refunded: zero,
            recognised: zero,
            reversed: zero,
            lost: zero,
        }
    }

    fn count(&mut self, payment: &Payment) {
        let came = if payment.method == PaymentMethod::StoredValue {
            &mut self.stored_value
        } else {
            &mut self.captured
        };
        came.minor += payment.amount.minor;
        self.allocated.minor += payment.allocated;
        self.waiting.minor += payment.waiting;
        self.unallocated.minor += payment.reasoned();
        self.refunded.minor += payment.refunded;
        self.recognised.minor += payment.recognised;
        self.reversed.minor += payment.reversed;
        self.lost.minor += payment.lost;
    }

    /// Whether nothing is missing and nothing is twice: invariant 3 of a checkout.
    #[must_use]
    pub fn balanced(&self) -> bool {
        let places = [
            self.allocated,
            self.waiting,
            self.unallocated,
            self.refunded,
            self.recognised,
            self.reversed,
            self.lost,
        ];
        let placed: i64 = places.iter().map(|m| m.minor).sum();
        places.iter().all(|m| m.minor >= 0) && self.captured.minor + self.stored_value.minor == placed
    }
}

impl Checkout {
    /// Where the money is, one line per currency that came in; the basket's own currency first.
    #[must_use]
    pub fn totals(&self) -> Vec<CheckoutTotals> {
        let mut all: Vec<CheckoutTotals> = self.currency.map(CheckoutTotals::zero).into_iter().collect();
        for payment in self.payments.iter().filter(|p| p.captured()) {
            let currency = payment.amount.currency;
            let at = all.iter().position(|t| t.captured.currency == currency).unwrap_or_else(|| {
                all.push(CheckoutTotals::zero(currency));
                all.len() - 1
            });
            all[at].count(payment);
        }
        all
    }

    /// The totals in the basket's own currency; `None` before it was opened.
    #[must_use]
    pub fn total(&self) -> Option<CheckoutTotals> {
        self.totals().into_iter().next()
    }

    /// What stands without an order, by reason; one entry per payment and reason, in capture order.
    pub fn unallocated(&self) -> impl Iterator<Item = (PaymentId, UnallocatedReason, Money)> {
        self.payments.iter().flat_map(|p| {
            let currency = p.amount.currency;
            p.unallocated
                .iter()
                .map(move |(reason, minor)| (p.payment, *reason, Money::new(*minor, currency)))
        })
    }

    /// What of a payment could be refunded as unallocated now: neither reserved for an order nor asked back
    /// by a bank. `None` for a payment that never came in.
    #[must_use]
    pub fn refundable(&self, payment: &PaymentId) -> Option<Money> {
        let p = self.payments.iter().find(|p| p.payment == *payment && p.captured())?;
        let free = p.waiting + p.reasoned() - self.frozen(payment);
        Some(Money::new(free.max(0), p.amount.currency))
    }

    /// The payments whose money came in, in capture order.
    pub fn payments(&self) -> impl Iterator<Item = &Payment> {
        self.payments.iter().filter(|p| p.captured())
    }

    /// The orders of the basket, in its order, with what is reserved for each.
    #[must_use]
    pub fn orders(&self) -> &[Basket] {
        &self.orders
    }

    /// What is reserved for an order.
    #[must_use]
    pub fn allocated(&self, order: &OrderId) -> Option<Money> {
        let allocation = self.orders.iter().find(|o| o.order == *order)?.allocation.as_ref()?;
        let minor = allocation.parts.iter().map(|p| p.amount.minor).sum();
        Some(Money::new(minor, allocation.shortfall.currency))
    }

    /// What the basket asks of its buyer; `None` before it was opened.
    #[must_use]
    pub fn due(&self) -> Option<Money> {
        let minor = self.orders.iter().map(|o| o.buyer_pays.minor).sum();
        self.currency.map(|currency| Money::new(minor, currency))
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// After this instant it expires, if it is unpaid.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Who pays.
    #[must_use]
    pub fn buyer(&self) -> Option<BuyerId> {
        self.buyer
    }
}
