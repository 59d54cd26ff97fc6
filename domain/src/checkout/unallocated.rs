//! Money without an order: refunded, or recognised as the market's.

use crate::decider::positive;
use crate::{Event, Money, PartyId, PaymentId, Rejection};

use super::allocation::Draft;
use super::events::{
    DifferenceKind, DifferenceRecognised, RefundPart, UnallocatedReason, UnallocatedRefunded,
};
use super::state::Checkout;

type Decision = Result<Vec<Event>, Rejection>;

impl Checkout {
    pub(super) fn refund_unallocated(&self, parts: Option<&[RefundPart]>, reason: &str) -> Decision {
        let parts = match parts {
            Some(parts) => self.checked_parts(parts)?,
            None => self.all_unallocated(),
        };
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let mut draft = Draft::of(self);
        for part in &parts {
            draft.withdraw(&part.payment, part.amount.minor);
        }
        draft.say(UnallocatedRefunded { parts, reason: reason.to_owned() });
        draft.settled()
    }

    fn checked_parts(&self, parts: &[RefundPart]) -> Result<Vec<RefundPart>, Rejection> {
        for (at, part) in parts.iter().enumerate() {
            positive("parts.amount", part.amount)?;
            let payment = self.came_in(&part.payment)?;
            let before = parts[..at].iter().filter(|p| p.payment == part.payment);
            let together = before.map(|p| p.amount).try_fold(part.amount, Money::add)?;
            self.free_of(payment, together)?;
        }
        Ok(parts.to_vec())
    }

    /// All that has a reason and that no bank asks back. What still waits for the rest of a basket's money
    /// has none, and stays.
    fn all_unallocated(&self) -> Vec<RefundPart> {
        let parts = self.payments().map(|p| {
            let free = self.refundable(&p.payment).map_or(0, |free| free.minor).min(p.reasoned());
            let amount = Money::new(free, p.amount.currency);
            RefundPart { payment: p.payment, provider: p.provider, amount, provider_ref: None }
        });
        parts.filter(|part| !part.amount.is_zero()).collect()
    }

    pub(super) fn recognise(&self, kind: DifferenceKind, amount: Money, by: PartyId) -> Decision {
        positive("amount", amount)?;
        let over = |p: &super::state::Payment| {
            let overpaid: i64 = p
                .unallocated
                .iter()
                .filter(|(reason, _)| *reason == UnallocatedReason::Overpaid)
                .map(|(_, amount)| amount)
                .sum();
            overpaid.min(self.refundable(&p.payment).map_or(0, |free| free.minor))
        };
        let overpaid = Money::new(self.payments().map(over).sum(), self.own_currency()?);
        if overpaid.sub(amount)?.minor < 0 {
            return Err(Rejection::new(
                "exceeds_overpaid",
                format!("amount is {amount}, but {overpaid} came above the due: recognise at most that"),
            ));
        }
        let mut left = amount.minor;
        let mut draft = Draft::of(self);
        for payment in self.payments() {
            let taken = left.min(over(payment));
            if taken > 0 {
                left -= taken;
                draft.unallocated(payment, -taken, UnallocatedReason::Overpaid);
                let amount = Money::new(taken, amount.currency);
                draft.say(DifferenceRecognised { payment: payment.payment, amount, r#as: kind, by });
            }
        }
        draft.settled()
    }
}

impl Draft {
    /// Takes money of a payment from under its reasons, the oldest first, so that it can go; what then lacks
    /// is taken from what waits.
    pub fn withdraw(&mut self, id: &PaymentId, minor: i64) {
        let Some(payment) = self.state.known(id).cloned() else { return };
        let mut left = minor;
        for (reason, standing) in &payment.unallocated {
            let taken = left.min(*standing);
            if taken > 0 {
                left -= taken;
                self.unallocated(&payment, -taken, *reason);
            }
        }
    }
}
