//! What a deposit remembers.

use crate::{Currency, DisputeId, Event, HoldId, MerchantId, Money, OrderId, ProviderId, Reference};

/// Part of a deposit held for a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The hold.
    pub hold: HoldId,
    /// The order the claim is on.
    pub order: Option<OrderId>,
    /// What is still held; zero once it was released or used up.
    pub left: Money,
}

/// A movement by a provider, so that its reference is used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Movement {
    pub provider: ProviderId,
    pub provider_ref: Reference,
    /// Positive in, negative out, minor units.
    pub minor: i64,
}

/// A merchant's guarantee money. Its two balances equal `Liabilities:Deposit:m` and
/// `Liabilities:DepositFrozen:m`; neither is ever below zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deposit {
    pub(super) merchant: Option<MerchantId>,
    pub(super) required: Option<Money>,
    pub(super) currency: Option<Currency>,
    pub(super) free: i64,
    pub(super) holds: Vec<Hold>,
    pub(super) movements: Vec<Movement>,
    pub(super) from_balance: Vec<(HoldId, Money)>,
    pub(super) restored: Vec<((OrderId, DisputeId), Money)>,
}

impl Deposit {
    pub(super) fn remember(&mut self, event: &Event) {
        match event {
            Event::DepositRequired(e) => {
                self.required = Some(e.amount);
                self.currency = Some(e.amount.currency);
            }
            Event::DepositPaid(e) => {
                self.add(e.amount);
                self.moved(e.provider, e.provider_ref, e.amount.minor);
            }
            Event::DepositPaidFromBalance(e) => {
                self.add(e.amount);
                self.from_balance.push((e.hold, e.amount));
            }
            Event::DepositFrozen(e) => {
                self.free -= e.amount.minor;
                self.holds.push(Hold { hold: e.hold, order: e.order, left: e.amount });
            }
            Event::DepositReleased(e) => {
                self.free += e.amount.minor;
                self.shrink(&e.hold, e.amount);
            }
            Event::DepositDeducted(e) => match &e.hold {
                Some(hold) => self.shrink(hold, e.amount),
                None => self.free -= e.amount.minor,
            },
            Event::DepositRefunded(e) => {
                self.free -= e.amount.minor;
                self.moved(e.provider, e.provider_ref, -e.amount.minor);
            }
            Event::DepositRestored(e) => {
                self.add(e.amount);
                self.restored.push(((e.order, e.dispute), e.amount));
            }
            _ => {}
        }
    }

    fn add(&mut self, amount: Money) {
        self.currency = self.currency.or(Some(amount.currency));
        self.free += amount.minor;
    }

    fn moved(&mut self, provider: ProviderId, provider_ref: Reference, minor: i64) {
        self.movements.push(Movement { provider, provider_ref, minor });
    }

    fn shrink(&mut self, id: &HoldId, amount: Money) {
        if let Some(hold) = self.holds.iter_mut().find(|h| h.hold == *id) {
            hold.left.minor -= amount.minor;
        }
    }

    pub(super) fn frozen_minor(&self) -> i64 {
        self.holds.iter().map(|h| h.left.minor).sum()
    }

    fn money(&self, minor: i64) -> Option<Money> {
        self.currency.map(|currency| Money::new(minor, currency))
    }

    /// What is free of holds; `None` before anything was required or paid.
    #[must_use]
    pub fn balance(&self) -> Option<Money> {
        self.money(self.free)
    }

    /// What is held for claims; `None` before anything was required or paid.
    #[must_use]
    pub fn frozen(&self) -> Option<Money> {
        self.money(self.frozen_minor())
    }

    /// What the merchant must keep deposited; `None` before a schedule asked for it.
    #[must_use]
    pub fn required(&self) -> Option<Money> {
        self.required
    }

    /// What is missing to what is required, counting what is held; zero when satisfied, `None` when nothing
    /// is required yet.
    #[must_use]
    pub fn missing(&self) -> Option<Money> {
        let required = self.required?;
        let there = self.free + self.frozen_minor();
        Some(Money::new((required.minor - there).max(0), required.currency))
    }

    /// Whether free and held money together reach what is required; false when nothing is required yet.
    #[must_use]
    pub fn satisfied(&self) -> bool {
        self.missing().is_some_and(Money::is_zero)
    }

    /// The holds there ever were, the used up ones with nothing left.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// One hold.
    #[must_use]
    pub fn hold(&self, id: &HoldId) -> Option<&Hold> {
        self.holds.iter().find(|h| h.hold == *id)
    }

    /// Whose deposit it is.
    #[must_use]
    pub fn merchant(&self) -> Option<MerchantId> {
        self.merchant
    }
}
