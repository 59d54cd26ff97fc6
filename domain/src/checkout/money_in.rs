//! Money on its way in: reserved, captured, drawn, failed, taken back.

use crate::decider::{Context, not_negative, positive};
use crate::posting::STORED_VALUE_PROVIDER;
use crate::{Event, InstrumentId, Money, PaymentId, ProviderId, Reference, Rejection};

use super::allocation::Draft;
use super::decide::bounded;
use super::events::{
    PaymentAuthorised, PaymentCaptured, PaymentFailed, PaymentMethod, PaymentReversed, PaymentVoided,
    StoredValueUsed, UnallocatedReason,
};
use super::state::{Checkout, Payment, Progress};

type Decision = Result<Vec<Event>, Rejection>;

/// The provider of payments by the market's own cards and balances.
pub(super) fn stored_value() -> ProviderId {
    ProviderId::new(STORED_VALUE_PROVIDER).expect("invariant: the constant is an id")
}

impl Checkout {
    pub(super) fn known(&self, id: &PaymentId) -> Option<&Payment> {
        self.payments.iter().find(|p| p.payment == *id)
    }

    pub(super) fn authorise(
        &self,
        payment: PaymentId,
        method: PaymentMethod,
        provider: ProviderId,
        provider_ref: Reference,
        amount: Money,
    ) -> Decision {
        positive("amount", amount)?;
        outside_provider(method, &provider)?;
        if let Some(known) = self.known(&payment) {
            let same = known.provider == provider && known.provider_ref == Some(provider_ref);
            match known.progress {
                // the capture may be heard of before the reservation
                Progress::Authorised | Progress::Captured if same => return Ok(Vec::new()),
                Progress::Authorised | Progress::Captured => return Err(payment_id_used(&payment)),
                Progress::Voided | Progress::Failed => {}
            }
        }
        self.must_be_open()?;
        Ok(vec![PaymentAuthorised { payment, method, provider, provider_ref, amount }.into()])
    }

    pub(super) fn void(&self, payment: &PaymentId, reason: Option<String>) -> Decision {
        match self.known(payment).map(|p| p.progress) {
            Some(Progress::Authorised) => Ok(vec![PaymentVoided { payment: *payment, reason }.into()]),
            Some(Progress::Voided | Progress::Failed) => Ok(Vec::new()),
            Some(Progress::Captured) => Err(Rejection::new(
                "payment_captured",
                format!("payment {payment} was captured: refund it instead of voiding it"),
            )),
            None => Err(payment_unknown(payment)),
        }
    }

    pub(super) fn fail(&self, payment: PaymentId, provider: ProviderId, reason: &str) -> Decision {
        match self.known(&payment).map(|p| p.progress) {
            Some(Progress::Captured) => Err(Rejection::new(
                "payment_captured",
                format!("payment {payment} was captured: reverse it if its provider took it back"),
            )),
            Some(Progress::Failed | Progress::Voided) => Ok(Vec::new()),
            Some(Progress::Authorised) | None => {
                Ok(vec![PaymentFailed { payment, provider, reason: reason.to_owned() }.into()])
            }
        }
    }

    /// Money that came is recorded, whatever state the basket is in.
    pub(super) fn capture(&self, captured: PaymentCaptured) -> Decision {
        positive("amount", captured.amount)?;
        if let Some(fee) = captured.fee {
            not_negative("fee", fee)?;
        }
        outside_provider(captured.method, &captured.provider)?;
        if let Some(known) = self.known(&captured.payment).filter(|p| p.captured()) {
            let same = known.amount == captured.amount
                && known.provider == captured.provider
                && known.provider_ref == Some(captured.provider_ref);
            return if same { Ok(Vec::new()) } else { Err(payment_id_used(&captured.payment)) };
        }
        if let Some(known) = self
            .payments()
            .find(|p| p.provider == captured.provider && p.provider_ref == Some(captured.provider_ref))
        {
            // the provider tells again of money that came once, whatever payment it is told under
            let same = known.amount == captured.amount;
            return if same { Ok(Vec::new()) } else { Err(provider_ref_used(known, &captured)) };
        }
        self.room_for(captured.amount)?;
        let reason = self.reason_of_its_own(&captured);
        let mut draft = Draft::of(self);
        let id = captured.payment;
        draft.say(captured);
        if let Some(reason) = reason
            && let Some(payment) = draft.state.known(&id).cloned()
        {
            draft.unallocated(&payment, payment.waiting, reason);
        }
        draft.settled()
    }

    /// Why no order takes this money, where that lies in the money and not in the basket.
    fn reason_of_its_own(&self, captured: &PaymentCaptured) -> Option<UnallocatedReason> {
        if Some(captured.amount.currency) != self.currency {
            return Some(UnallocatedReason::OtherCurrency);
        }
        let paid_twice = self.reason_now() == Some(UnallocatedReason::Overpaid)
            && self.payments().any(|p| p.amount == captured.amount);
        paid_twice.then_some(UnallocatedReason::Duplicate)
    }

    pub(super) fn use_stored_value(
        &self,
        payment: PaymentId,
        instrument: InstrumentId,
        amount: Money,
        context: &Context<'_>,
    ) -> Decision {
        positive("amount", amount)?;
        if let Some(known) = self.known(&payment) {
            let same = known.method == PaymentMethod::StoredValue && known.amount == amount;
            return if same { Ok(Vec::new()) } else { Err(payment_id_used(&payment)) };
        }
        let due = Money::zero(self.own_currency()?).add(amount)?; // refuses another currency
        if !context.import {
            self.must_be_open()?;
            let asked: i64 = self.orders.iter().map(|o| o.buyer_pays.minor).sum();
            let missing = (asked - self.usable()).max(0);
            if due.minor > missing {
                let missing = Money::new(missing, due.currency);
                return Err(Rejection::new(
                    "stored_value_exceeds_due",
                    format!("amount is {amount}, but only {missing} is due: draw at most that"),
                ));
            }
        }
        self.room_for(amount)?;
        let mut draft = Draft::of(self);
        draft.say(StoredValueUsed { payment, instrument, amount });
        draft.settled()
    }

    pub(super) fn reverse(&self, id: &PaymentId, amount: Money, reason: Option<String>) -> Decision {
        positive("amount", amount)?;
        let payment = self.came_in(id)?;
        self.free_of(payment, amount)?;
        let provider = payment.provider;
        let mut draft = Draft::of(self);
        draft.withdraw(id, amount.minor);
        draft.say(PaymentReversed { payment: *id, provider, amount, reason });
        draft.settled()
    }

    /// A payment whose money came in.
    pub(super) fn came_in(&self, id: &PaymentId) -> Result<&Payment, Rejection> {
        let payment = self.known(id).ok_or_else(|| payment_unknown(id))?;
        if payment.captured() {
            return Ok(payment);
        }
        Err(Rejection::new("payment_not_captured", format!("payment {id} was never captured")))
    }

    /// Refuses to take more of a payment than is neither reserved for an order nor asked back by a bank.
    pub(super) fn free_of(&self, payment: &Payment, amount: Money) -> Result<(), Rejection> {
        let free = self.refundable(&payment.payment).unwrap_or(Money::zero(payment.amount.currency));
        if free.sub(amount)?.minor >= 0 {
            return Ok(());
        }
        Err(Rejection::new(
            "exceeds_unallocated",
            format!(
                "amount is {amount}, but only {free} of payment {} has no order: act on its orders for the rest",
                payment.payment
            ),
        ))
    }

    /// Refuses what the sum of all payments could not hold.
    fn room_for(&self, amount: Money) -> Result<(), Rejection> {
        let mut came = self.payments().filter(|p| p.amount.currency == amount.currency);
        bounded(came.try_fold(amount.minor, |sum, p| sum.checked_add(p.amount.minor))).map(|_| ())
    }
}

/// Stored value has its own command: it is the market's own debt, not a provider's.
fn outside_provider(method: PaymentMethod, provider: &ProviderId) -> Result<(), Rejection> {
    if method == PaymentMethod::StoredValue || provider.as_str() == STORED_VALUE_PROVIDER {
        return Err(Rejection::new(
            "payment_is_stored_value",
            "method or provider says stored value: record it with use_stored_value",
        ));
    }
    Ok(())
}

fn payment_id_used(payment: &PaymentId) -> Rejection {
    Rejection::new(
        "payment_id_used",
        format!("payment {payment} was made otherwise before: give what came now a payment id of its own"),
    )
}

fn provider_ref_used(known: &Payment, captured: &PaymentCaptured) -> Rejection {
    Rejection::new(
        "provider_ref_used",
        format!(
            "provider_ref {} of {} brought {} as payment {}, not {}: give what came now its own reference",
            captured.provider_ref, captured.provider, known.amount, known.payment, captured.amount
        ),
    )
}

fn payment_unknown(payment: &PaymentId) -> Rejection {
    Rejection::new("payment_unknown", format!("payment {payment} is not in this checkout"))
}
