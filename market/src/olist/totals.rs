//! What the books and lists must say when a plan has been recorded: computed from the tables alone, so that it
//! can be compared with what came out.

use daybook_domain::{Currency, Money, MoneyError, Rate};
use serde::Serialize;

use super::plan::CheckoutPlan;

/// Counts and sums of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // each field says what it counts or sums
pub struct Totals {
    pub checkouts: u64,
    pub orders: u64,
    /// Checkouts with orders of several merchants.
    pub checkouts_of_several_merchants: u64,
    pub lines: u64,
    pub payments: u64,
    pub merchants: u64,
    pub leads: u64,
    pub deals: u64,
    pub reviews: u64,
    /// Reviews of 4 and 5.
    pub positive_reviews: u64,
    pub captured: Money,
    /// Into escrow, shortfall included.
    pub funded: Money,
    /// Borne by the platform.
    pub shortfall: Money,
    /// To the merchants, before commission.
    pub released: Money,
    pub commission: Money,
    pub in_escrow: Money,
    pub escrow_refunded: Money,
    pub unallocated_refunded: Money,
    pub still_unallocated: Money,
    /// What the providers hold in the end.
    pub provider_assets: Money,
}

impl Totals {
    /// Zeros.
    #[must_use]
    pub const fn of_nothing(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self {
            checkouts: 0,
            orders: 0,
            checkouts_of_several_merchants: 0,
            lines: 0,
            payments: 0,
            merchants: 0,
            leads: 0,
            deals: 0,
            reviews: 0,
            positive_reviews: 0,
            captured: zero,
            funded: zero,
            shortfall: zero,
            released: zero,
            commission: zero,
            in_escrow: zero,
            escrow_refunded: zero,
            unallocated_refunded: zero,
            still_unallocated: zero,
            provider_assets: zero,
        }
    }

    /// Adds what a checkout brings; `commission` is the rate on prices.
    pub(super) fn add(&mut self, plan: &CheckoutPlan, commission: Rate) -> Result<(), MoneyError> {
        self.checkouts += 1;
        self.orders += plan.orders.len() as u64;
        self.checkouts_of_several_merchants += u64::from(plan.orders.len() > 1);
        self.lines += plan.orders.iter().map(|order| order.lines.len() as u64).sum::<u64>();
        self.payments += plan.payments.len() as u64;
        self.reviews += plan.reviews.len() as u64;
        self.positive_reviews += plan.reviews.iter().filter(|review| review.score >= 4).count() as u64;

        let (due, paid) = (plan.due()?, plan.paid()?);
        let funded = if plan.funded { due } else { Money::zero(due.currency) };
        let unallocated = paid.add(plan.shortfall)?.sub(funded)?;
        self.captured = self.captured.add(paid)?;
        self.funded = self.funded.add(funded)?;
        self.shortfall = self.shortfall.add(plan.shortfall)?;
        if plan.cancelled_at.is_some() {
            self.escrow_refunded = self.escrow_refunded.add(funded)?;
            self.unallocated_refunded = self.unallocated_refunded.add(unallocated)?;
            return Ok(());
        }
        self.provider_assets = self.provider_assets.add(paid)?;
        self.still_unallocated = self.still_unallocated.add(unallocated)?;
        if plan.delivered_at.is_none() {
            self.in_escrow = self.in_escrow.add(funded)?;
            return Ok(());
        }
        self.released = self.released.add(funded)?;
        for line in plan.orders.iter().flat_map(|order| &order.lines) {
            self.commission = self.commission.add(line.price.at_rate(commission)?)?;
        }
        Ok(())
    }
}
