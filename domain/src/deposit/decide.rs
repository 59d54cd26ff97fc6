//! What may be asked of a deposit, and what it answers.

use crate::books::Policy;
use crate::decider::{Aggregate, Context, Read, not_negative, positive, said};
use crate::posting::STORED_VALUE_PROVIDER;
use crate::{
    DisputeId, Event, HoldId, MerchantId, Money, MoneyError, OrderId, ProviderId, Reference, Refs, Rejection,
    Timestamp,
};

use super::commands::DepositCommand;
use super::events::{
    DeductedTo, DepositDeducted, DepositFrozen, DepositPaid, DepositPaidFromBalance, DepositRefunded,
    DepositReleased, DepositRequired, DepositRestored,
};
use super::state::Deposit;

type Decision = Result<Vec<Event>, Rejection>;

impl Aggregate for Deposit {
    const CATEGORY: &'static str = "deposit";
    type Command = DepositCommand;

    fn named(id: &str) -> Self {
        Self { merchant: MerchantId::new(id).ok(), ..Self::default() }
    }

    fn decide(&self, command: &DepositCommand, context: &Context<'_>) -> Decision {
        use DepositCommand as C;
        // history is taken as it is
        if !context.import
            && let C::Freeze { reason, .. } | C::Deduct { reason, .. } | C::Restore { reason, .. } = command
        {
            said("reason", reason)?;
        }
        match command {
            C::Require { amount } => self.require(*amount),
            C::Pay { amount, provider, provider_ref } => self.pay(*amount, *provider, *provider_ref, context),
            C::PayFromBalance { hold, amount } => self.pay_from_balance(*hold, *amount),
            C::Freeze { hold, amount, reason, order } => self.freeze(*hold, *amount, reason, *order),
            C::Release { hold, keep } => self.release(hold, *keep),
            C::Deduct { amount, hold, reason, to } => self.deduct(*amount, *hold, reason, *to),
            C::Refund { amount, provider, provider_ref } => {
                self.refund(*amount, *provider, *provider_ref, context)
            }
            C::Restore { order, dispute, amount, reason } => self.restore(*order, *dispute, *amount, reason),
        }
    }

    fn reads(&self, command: &DepositCommand) -> Vec<Read> {
        match (command, self.merchant) {
            (DepositCommand::Refund { .. }, Some(merchant)) => vec![Read::Merchant(merchant)],
            _ => Vec::new(),
        }
    }

    fn evolve(&mut self, event: &Event, _occurred_at: Timestamp) {
        self.remember(event);
    }

    fn refs(&self) -> Refs {
        Refs { merchant: self.merchant, ..Refs::default() }
    }

    fn status(&self) -> &'static str {
        match (self.currency, self.required) {
            (None, _) => "absent",
            (_, None) => "not_required",
            _ if self.satisfied() => "satisfied",
            _ => "short",
        }
    }
}

impl Deposit {
    fn require(&self, amount: Money) -> Decision {
        not_negative("amount", amount)?;
        if self.required == Some(amount) {
            return Ok(Vec::new());
        }
        if self.currency.is_some_and(|c| c != amount.currency) && self.free + self.frozen_minor() != 0 {
            self.fits(amount)?;
        }
        Ok(vec![DepositRequired { amount }.into()])
    }

    fn pay(
        &self,
        amount: Money,
        provider: ProviderId,
        provider_ref: Reference,
        context: &Context<'_>,
    ) -> Decision {
        positive("amount", amount)?;
        if provider.as_str() == STORED_VALUE_PROVIDER {
            return Err(Rejection::new(
                "payment_is_stored_value",
                "provider is stored-value: a deposit is paid by an outside provider or from the balance",
            ));
        }
        if self.moved_before(&provider, &provider_ref, amount.minor)? {
            return Ok(Vec::new());
        }
        if self.required.is_none() && !context.import {
            return Err(Rejection::new(
                "deposit_not_required",
                "no fee schedule asks for a deposit yet: agree one first",
            ));
        }
        self.room_for(amount)?;
        Ok(vec![DepositPaid { amount, provider, provider_ref }.into()])
    }

    fn pay_from_balance(&self, hold: HoldId, amount: Money) -> Decision {
        positive("amount", amount)?;
        if let Some((_, before)) = self.from_balance.iter().find(|(h, _)| *h == hold) {
            return same_amount("hold", hold.as_str(), *before, amount);
        }
        self.room_for(amount)?;
        Ok(vec![DepositPaidFromBalance { amount, hold }.into()])
    }

    /// Holds what there is, up to the claim: a claim above the deposit is not refused, its rest is another's.
    fn freeze(&self, hold: HoldId, amount: Money, reason: &str, order: Option<OrderId>) -> Decision {
        positive("amount", amount)?;
        if self.hold(&hold).is_some() || self.free == 0 {
            return Ok(Vec::new());
        }
        self.fits(amount)?;
        let amount = Money::new(amount.minor.min(self.free), amount.currency);
        Ok(vec![DepositFrozen { hold, amount, reason: reason.to_owned(), order }.into()])
    }

    fn release(&self, id: &HoldId, keep: Option<Money>) -> Decision {
        let hold = self.hold(id).ok_or_else(|| hold_unknown(id))?;
        let amount = match keep {
            Some(keep) => {
                not_negative("keep", keep)?;
                hold.left.sub(keep)?
            }
            None => hold.left,
        };
        if amount.minor <= 0 {
            return Ok(Vec::new());
        }
        Ok(vec![DepositReleased { hold: *id, amount }.into()])
    }

    fn deduct(&self, amount: Money, hold: Option<HoldId>, reason: &str, to: DeductedTo) -> Decision {
        positive("amount", amount)?;
        self.fits(amount)?;
        let there = match hold {
            Some(id) => self.hold(&id).ok_or_else(|| hold_unknown(&id))?.left,
            None => Money::new(self.free, amount.currency),
        };
        if there.sub(amount)?.minor < 0 {
            let place = hold.map_or("free of holds".to_owned(), |id| format!("left of hold {id}"));
            return Err(Rejection::new(
                "deposit_insufficient",
                format!("amount is {amount}, but only {there} is {place}: deduct at most that"),
            ));
        }
        Ok(vec![DepositDeducted { amount, reason: reason.to_owned(), to, hold }.into()])
    }

    fn refund(
        &self,
        amount: Option<Money>,
        provider: ProviderId,
        provider_ref: Reference,
        context: &Context<'_>,
    ) -> Decision {
        let before = self.movements.iter().find(|m| m.provider == provider && m.provider_ref == provider_ref);
        if before.is_some_and(|m| m.minor < 0 && amount.is_none_or(|a| a.minor == -m.minor)) {
            return Ok(Vec::new());
        }
        let Some(balance) = self.balance() else {
            return Err(Rejection::new("deposit_empty", "nothing was ever paid into this deposit"));
        };
        let amount = amount.unwrap_or(balance);
        if before.is_some() {
            return Err(reference_used(&provider, &provider_ref));
        }
        if amount.is_zero() && balance.is_zero() && self.frozen_minor() == 0 {
            return Ok(Vec::new());
        }
        self.may_be_refunded(context)?;
        positive("amount", amount)?;
        if balance.sub(amount)?.minor < 0 {
            return Err(Rejection::new(
                "deposit_insufficient",
                format!("amount is {amount}, but only {balance} is left: refund at most that"),
            ));
        }
        Ok(vec![DepositRefunded { amount, provider, provider_ref }.into()])
    }

    /// The merchant has left, nothing is held, and no buyer's bank can claim any more. What happened elsewhere
    /// is recorded whenever it happened, but never while a claim holds the money.
    fn may_be_refunded(&self, context: &Context<'_>) -> Result<(), Rejection> {
        if self.frozen_minor() > 0 {
            return Err(Rejection::new(
                "deposit_frozen",
                "part of the deposit is held for a claim: release or deduct it first",
            ));
        }
        if context.import {
            return Ok(());
        }
        let left = context.facts.merchant.as_ref().and_then(|m| m.terminated_at).ok_or_else(|| {
            Rejection::new("merchant_not_terminated", "the merchant has not left: its deposit stays")
        })?;
        let free = left.plus(Policy::days(context.policy.chargeback_window_days));
        if context.occurred_at < free {
            return Err(Rejection::new(
                "chargeback_window_open",
                format!("buyers' banks may still claim until {free}: refund the deposit then"),
            ));
        }
        Ok(())
    }

    /// A dispute's id is unique within its order only.
    fn restore(&self, order: OrderId, dispute: DisputeId, amount: Money, reason: &str) -> Decision {
        positive("amount", amount)?;
        let case = (order, dispute);
        if let Some((_, before)) = self.restored.iter().find(|(known, _)| *known == case) {
            return same_amount("dispute", &format!("{dispute} of order {order}"), *before, amount);
        }
        self.room_for(amount)?;
        Ok(vec![DepositRestored { amount, order, dispute, reason: reason.to_owned() }.into()])
    }

    /// Refuses another currency than the deposit's.
    fn fits(&self, amount: Money) -> Result<(), Rejection> {
        match self.currency {
            Some(currency) if currency != amount.currency => {
                Err(MoneyError::CurrencyMismatch { left: currency, right: amount.currency }.into())
            }
            _ => Ok(()),
        }
    }

    /// Refuses what the sum of free and held money could not hold.
    fn room_for(&self, amount: Money) -> Result<(), Rejection> {
        self.fits(amount)?;
        let there = self.free.checked_add(self.frozen_minor());
        there
            .and_then(|sum| sum.checked_add(amount.minor))
            .map(|_| ())
            .ok_or_else(|| MoneyError::Overflow.into())
    }

    /// Whether this movement by a provider is known; a reference used for another one is refused.
    fn moved_before(
        &self,
        provider: &ProviderId,
        reference: &Reference,
        minor: i64,
    ) -> Result<bool, Rejection> {
        let before = self.movements.iter().find(|m| m.provider == *provider && m.provider_ref == *reference);
        match before {
            None => Ok(false),
            Some(m) if m.minor == minor => Ok(true),
            Some(_) => Err(reference_used(provider, reference)),
        }
    }
}

/// The same again is no news; another amount under the same name is refused.
fn same_amount(what: &str, id: &str, before: Money, now: Money) -> Decision {
    if before == now {
        return Ok(Vec::new());
    }
    Err(Rejection::new(
        "amount_differs",
        format!("amount is {now}, but {what} {id} was used for {before}: a {what} is used once"),
    ))
}

fn reference_used(provider: &ProviderId, reference: &Reference) -> Rejection {
    Rejection::new(
        "provider_ref_used",
        format!("provider_ref {reference} of {provider} was used for another movement: it is used once"),
    )
}

fn hold_unknown(hold: &HoldId) -> Rejection {
    Rejection::new("hold_unknown", format!("hold {hold} is not on this deposit"))
}
