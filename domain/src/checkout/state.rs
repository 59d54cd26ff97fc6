//! What a checkout remembers.

use crate::{BuyerId, ChargebackId, CheckoutId, Currency, Event, MerchantId, Money, OrderId, PaymentId};
use crate::{ProviderId, Reference, Refs, ReviewId, Timestamp};

use super::events::{ChargebackPart, PaymentMethod, PaymentPart, UnallocatedReason};

/// Where a checkout stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing has been said of it.
    #[default]
    Absent,
    /// Waiting for money; a basket without orders stays here.
    Open,
    /// Covered: each order's money was reserved for it.
    Covered,
    /// Nobody paid in time.
    Expired,
    /// Given up.
    Cancelled,
}

/// What is reserved for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// By payment.
    pub parts: Vec<PaymentPart>,
    /// What the market adds because less was paid than was due.
    pub shortfall: Money,
}

/// An order's place in the basket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basket {
    /// The order.
    pub order: OrderId,
    /// Its merchant.
    pub merchant: MerchantId,
    /// What it asks of the buyer.
    pub buyer_pays: Money,
    /// What is reserved for it.
    pub allocation: Option<Allocation>,
    /// It refused its allocation.
    pub refused: bool,
}

/// How far a payment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Authorised,
    Voided,
    Failed,
    /// Captured, or drawn from stored value.
    Captured,
}

/// A payment and where its money is, in minor units of its currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The payment.
    pub payment: PaymentId,
    /// How it was made.
    pub method: PaymentMethod,
    /// Who holds or held the money.
    pub provider: ProviderId,
    pub(super) provider_ref: Option<Reference>,
    pub(super) progress: Progress,
    /// Captured or drawn; only reserved while it is authorised.
    pub amount: Money,
    pub(super) waiting: i64,
    pub(super) allocated: i64,
    pub(super) unallocated: Vec<(UnallocatedReason, i64)>,
    pub(super) refunded: i64,
    pub(super) recognised: i64,
    pub(super) reversed: i64,
    pub(super) lost: i64,
}

/// How a bank's case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Open,
    Won,
    Lost,
}

/// A bank's case on a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chargeback {
    pub chargeback: ChargebackId,
    pub payment: PaymentId,
    pub provider: ProviderId,
    pub amount: Money,
    pub parts: Vec<ChargebackPart>,
    pub round: u32,
    pub case: Case,
}

impl Chargeback {
    /// What of it falls on money without an order.
    pub fn without_order(&self) -> i64 {
        self.parts.iter().filter(|p| p.order.is_none()).map(|p| p.amount.minor).sum()
    }

    /// What of it falls on `order`.
    pub fn on_order(&self, order: &OrderId) -> i64 {
        self.parts.iter().filter(|p| p.order == Some(*order)).map(|p| p.amount.minor).sum()
    }
}

/// One payment session for one basket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkout {
    pub(super) id: Option<CheckoutId>,
    pub(super) phase: Phase,
    pub(super) buyer: Option<BuyerId>,
    pub(super) currency: Option<Currency>,
    pub(super) expires: Option<Timestamp>,
    pub(super) orders: Vec<Basket>,
    /// In the order in which they were captured.
    pub(super) payments: Vec<Payment>,
    pub(super) accepted: i64,
    pub(super) chargebacks: Vec<Chargeback>,
    pub(super) reviews: Vec<ReviewId>,
}

impl Checkout {
    pub(super) fn payment_mut(&mut self, id: &PaymentId) -> Option<&mut Payment> {
        self.payments.iter_mut().find(|p| p.payment == *id)
    }

    /// Puts `payment` in place of what is known of it; a captured one stands in the order of capture.
    fn put(&mut self, payment: Payment) {
        self.payments.retain(|p| p.payment != payment.payment);
        self.payments.push(payment);
    }

    pub(super) fn remember(&mut self, event: &Event) {
        match event {
            Event::CheckoutOpened(e) => {
                self.phase = Phase::Open;
                self.buyer = Some(e.buyer);
                self.currency = Some(e.currency);
                self.expires = e.expires;
                self.orders = e
                    .orders
                    .iter()
                    .map(|o| Basket {
                        order: o.order,
                        merchant: o.merchant,
                        buyer_pays: o.buyer_pays,
                        allocation: None,
                        refused: false,
                    })
                    .collect();
            }
            Event::PaymentAuthorised(e) => {
                self.put(Payment {
                    provider_ref: Some(e.provider_ref),
                    ..Payment::new(e.payment, e.method, e.provider, e.amount, Progress::Authorised)
                });
            }
            Event::PaymentVoided(e) => self.progress(&e.payment, Progress::Voided),
            Event::PaymentFailed(e) => self.progress(&e.payment, Progress::Failed),
            Event::PaymentCaptured(e) => self.put(Payment {
                provider_ref: Some(e.provider_ref),
                waiting: e.amount.minor,
                ..Payment::new(e.payment, e.method, e.provider, e.amount, Progress::Captured)
            }),
            Event::StoredValueUsed(e) => self.put(Payment {
                waiting: e.amount.minor,
                ..Payment::new(
                    e.payment,
                    PaymentMethod::StoredValue,
                    super::money_in::stored_value(),
                    e.amount,
                    Progress::Captured,
                )
            }),
            Event::PaymentReversed(e) => self.take(&e.payment, e.amount, |p| &mut p.reversed),
            Event::DifferenceRecognised(e) => self.take(&e.payment, e.amount, |p| &mut p.recognised),
            Event::UnallocatedRefunded(e) => {
                e.parts.iter().for_each(|part| self.take(&part.payment, part.amount, |p| &mut p.refunded));
            }
            Event::DueChanged(e) => {
                if let Some(order) = self.orders.iter_mut().find(|o| o.order == e.order) {
                    order.buyer_pays = e.buyer_pays;
                }
            }
            Event::ShortfallAccepted(e) => self.accepted += e.amount.minor,
            Event::MoneyUnallocated(e) => {
                if let Some(payment) = e.payment.and_then(|id| self.payment_mut(&id)) {
                    payment.waiting -= e.amount.minor;
                    payment.stand(e.reason, e.amount.minor);
                }
            }
            Event::FundsAllocated(e) => {
                self.phase = Phase::Covered;
                for part in &e.parts {
                    self.take(&part.payment, part.amount, |p| &mut p.allocated);
                }
                if let Some(order) = self.orders.iter_mut().find(|o| o.order == e.order) {
                    order.allocation = Some(Allocation { parts: e.parts.clone(), shortfall: e.shortfall });
                }
            }
            Event::AllocationReturned(e) => self.returned(&e.order, &e.parts),
            Event::CheckoutExpired(_) => self.phase = Phase::Expired,
            Event::CheckoutCancelled(_) => self.phase = Phase::Cancelled,
            Event::ReviewPosted(e) => self.reviews.push(e.review),
            Event::ChargebackReceived(e) => {
                let round = 1 + self.chargeback(&e.chargeback).map_or(0, |c| c.round);
                self.chargebacks.retain(|c| c.chargeback != e.chargeback);
                self.chargebacks.push(Chargeback {
                    chargeback: e.chargeback,
                    payment: e.payment,
                    provider: e.provider,
                    amount: e.amount,
                    parts: e.parts.clone(),
                    round,
                    case: Case::Open,
                });
            }
            Event::ChargebackWon(e) => self.decided(&e.chargeback, Case::Won),
            Event::ChargebackLost(e) => {
                self.decided(&e.chargeback, Case::Lost);
                self.take(&e.payment, e.from_unallocated, |p| &mut p.lost);
            }
            _ => {}
        }
    }

    fn progress(&mut self, id: &PaymentId, progress: Progress) {
        if let Some(payment) = self.payment_mut(id) {
            payment.progress = progress;
        }
    }

    /// Moves what was waiting to another place.
    fn take(&mut self, id: &PaymentId, amount: Money, place: fn(&mut Payment) -> &mut i64) {
        if let Some(payment) = self.payment_mut(id) {
            payment.waiting -= amount.minor;
            *place(payment) += amount.minor;
        }
    }

    fn returned(&mut self, order: &OrderId, parts: &[PaymentPart]) {
        if let Some(basket) = self.orders.iter_mut().find(|o| o.order == *order) {
            basket.allocation = None;
            basket.refused = true;
        }
        for part in parts {
            if let Some(payment) = self.payment_mut(&part.payment) {
                payment.allocated -= part.amount.minor;
                payment.waiting += part.amount.minor;
            }
        }
        // a case on this order's money is now one on money without an order
        let cases = self.chargebacks.iter_mut().filter(|c| c.case == Case::Open);
        for part in cases.flat_map(|c| &mut c.parts).filter(|p| p.order == Some(*order)) {
            part.order = None;
        }
    }

    fn decided(&mut self, id: &ChargebackId, case: Case) {
        if let Some(chargeback) = self.chargebacks.iter_mut().find(|c| c.chargeback == *id) {
            chargeback.case = case;
        }
    }

    pub(super) fn chargeback(&self, id: &ChargebackId) -> Option<&Chargeback> {
        self.chargebacks.iter().find(|c| c.chargeback == *id)
    }

    /// What banks ask back, undecided, of a payment's money without an order: frozen, in minor units.
    pub(super) fn frozen(&self, payment: &PaymentId) -> i64 {
        let open = self.chargebacks.iter().filter(|c| c.payment == *payment && c.case == Case::Open);
        open.map(Chargeback::without_order).sum()
    }

    pub(super) fn refs_of_state(&self) -> Refs {
        Refs { checkout: self.id, buyer: self.buyer, ..Refs::default() }
    }
}

impl Payment {
    fn new(
        payment: PaymentId,
        method: PaymentMethod,
        provider: ProviderId,
        amount: Money,
        progress: Progress,
    ) -> Self {
        Self {
            payment,
            method,
            provider,
            provider_ref: None,
            progress,
            amount,
            waiting: 0,
            allocated: 0,
            unallocated: Vec::new(),
            refunded: 0,
            recognised: 0,
            reversed: 0,
            lost: 0,
        }
    }

    fn stand(&mut self, reason: UnallocatedReason, change: i64) {
        match self.unallocated.iter_mut().find(|(r, _)| *r == reason) {
            Some((_, amount)) => *amount += change,
            None => self.unallocated.push((reason, change)),
        }
        self.unallocated.retain(|(_, amount)| *amount != 0);
    }

    /// Whether its money came in.
    #[must_use]
    pub fn captured(&self) -> bool {
        self.progress == Progress::Captured
    }

    /// What stands unallocated under any reason, in minor units.
    pub(super) fn reasoned(&self) -> i64 {
        self.unallocated.iter().map(|(_, amount)| amount).sum()
    }
}
