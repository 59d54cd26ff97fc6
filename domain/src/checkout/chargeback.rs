//! Banks taking payments back: for now, then for good or not at all.

use crate::decider::{not_negative, positive};
use crate::posting::STORED_VALUE_PROVIDER;
use crate::{ChargebackId, Event, Money, OrderId, PaymentId, Rejection, allocate};

use super::allocation::Draft;
use super::events::{ChargebackLost, ChargebackPart, ChargebackReceived, ChargebackWon};
use super::state::{Case, Chargeback, Checkout, Payment};

type Decision = Result<Vec<Event>, Rejection>;

impl Checkout {
    /// Records a case, or the next round of a case that was won. What a bank takes is recorded even where it
    /// was refunded before: that part falls on money without an order, and is lost in the end.
    pub(super) fn receive_chargeback(
        &self,
        id: ChargebackId,
        payment: PaymentId,
        amount: Money,
        reason: &str,
        fee: Option<Money>,
        round: u32,
    ) -> Decision {
        positive("amount", amount)?;
        if let Some(fee) = fee {
            not_negative("fee", fee)?;
        }
        let before = self.chargeback(&id);
        let last = before.map_or(0, |c| c.round);
        if round <= last {
            return Ok(Vec::new());
        }
        if round != last + 1 || before.is_some_and(|c| c.case != Case::Won) {
            return Err(Rejection::new(
                "chargeback_round",
                format!("round is {round}, but case {id} stands at {last}: decide that round first"),
            ));
        }
        if let Some(other) = before.filter(|c| c.payment != payment) {
            return Err(Rejection::new(
                "chargeback_of_other_payment",
                format!("case {id} is on payment {}: give this one another id", other.payment),
            ));
        }
        let known = self.came_in(&payment)?;
        if known.provider.as_str() == STORED_VALUE_PROVIDER {
            return Err(Rejection::new(
                "payment_is_stored_value",
                format!("payment {payment} is stored value: no bank can take it back"),
            ));
        }
        known.amount.add(amount)?; // refuses another currency
        let parts = self.spread(known, amount)?;
        let provider = known.provider;
        let received = ChargebackReceived {
            chargeback: id,
            payment,
            provider,
            amount,
            parts,
            reason: reason.to_owned(),
            fee,
        };
        Ok(vec![received.into()])
    }

    /// Spreads a case over what the payment went to, in proportion to what other cases have not taken yet.
    fn spread(&self, payment: &Payment, amount: Money) -> Result<Vec<ChargebackPart>, Rejection> {
        let cases: Vec<&Chargeback> =
            self.chargebacks.iter().filter(|c| c.payment == payment.payment && c.case != Case::Won).collect();
        let mut orders: Vec<OrderId> = Vec::new();
        let mut weights: Vec<i64> = Vec::new();
        for basket in &self.orders {
            let reserved = basket.allocation.iter().flat_map(|a| &a.parts);
            let mine: i64 = reserved.filter(|p| p.payment == payment.payment).map(|p| p.amount.minor).sum();
            let taken: i64 = cases.iter().map(|c| c.on_order(&basket.order)).sum();
            orders.push(basket.order);
            weights.push((mine - taken).max(0));
        }
        let taken: i64 = cases.iter().map(|c| c.without_order()).sum();
        weights.push((payment.amount.minor - payment.allocated - payment.reversed - taken).max(0));
        let covered = amount.minor.min(weights.iter().sum());
        let mut shares = allocate(covered, &weights)?;
        let without_order = shares.pop().unwrap_or(0) + (amount.minor - covered);
        let part = |order, minor| ChargebackPart { amount: Money::new(minor, amount.currency), order };
        let mut parts: Vec<ChargebackPart> =
            orders.iter().zip(&shares).map(|(order, share)| part(Some(*order), *share)).collect();
        parts.push(part(None, without_order));
        parts.retain(|p| !p.amount.is_zero());
        Ok(parts)
    }

    pub(super) fn win_chargeback(&self, id: &ChargebackId, round: u32) -> Decision {
        let Some(case) = self.undecided(id, round, Case::Won)? else { return Ok(Vec::new()) };
        let mut draft = Draft::of(self);
        draft.say(ChargebackWon {
            chargeback: *id,
            payment: case.payment,
            provider: case.provider,
            amount: case.amount,
            parts: case.parts.clone(),
            round: case.round,
        });
        // what waited is free again, and may cover the basket now
        draft.settled()
    }

    pub(super) fn lose_chargeback(&self, id: &ChargebackId, round: u32) -> Decision {
        let Some(case) = self.undecided(id, round, Case::Lost)? else { return Ok(Vec::new()) };
        let payment = self.came_in(&case.payment)?;
        let without_order = case.without_order();
        let standing = payment.waiting + payment.reasoned();
        let from_unallocated = without_order.min(standing);
        let mut draft = Draft::of(self);
        draft.withdraw(&case.payment, from_unallocated);
        draft.say(ChargebackLost {
            chargeback: *id,
            payment: case.payment,
            provider: case.provider,
            amount: case.amount,
            parts: case.parts.clone(),
            from_unallocated: Money::new(from_unallocated, case.amount.currency),
            loss: Money::new(without_order - from_unallocated, case.amount.currency),
            round: case.round,
        });
        draft.settled()
    }

    /// The case, if this round of it waits for a decision; `None` if it was decided so already. A round below the
    /// last was won, or there would be no next one: that is told again, and decides nothing.
    fn undecided(
        &self,
        id: &ChargebackId,
        round: u32,
        outcome: Case,
    ) -> Result<Option<&Chargeback>, Rejection> {
        let unknown = || Rejection::new("chargeback_unknown", format!("case {id} is not on this checkout"));
        let case = self.chargeback(id).ok_or_else(unknown)?;
        if round < case.round {
            return Ok(None);
        }
        if round > case.round {
            return Err(Rejection::new(
                "chargeback_round",
                format!("round is {round}, but case {id} stands at {}: receive that round first", case.round),
            ));
        }
        match case.case {
            Case::Open => Ok(Some(case)),
            decided if decided == outcome => Ok(None),
            _ => Err(Rejection::new(
                "chargeback_decided",
                format!("case {id} was decided the other way: receive its next round first"),
            )),
        }
    }
}
