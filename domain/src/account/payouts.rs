//! Payouts: what is available goes to the merchant's bank.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use super::decide::{Decided, one, within};
use super::events::*;
use super::{MerchantAccount, Payout, PayoutStage as Stage};
use crate::decider::{not_negative, positive, said};
use crate::{
    BankAccountId, Context, Currency, Event, Money, MoneyError, PayoutId, Rate, Reference, Rejection,
};

pub(super) fn request(
    a: &MerchantAccount,
    payout: PayoutId,
    amount: Money,
    destination_ref: Reference,
    ctx: &Context<'_>,
) -> Decided {
    positive("amount", amount)?;
    if let Some(known) = a.payout(payout) {
        if known.requested == amount && known.destination_ref == destination_ref {
            return Ok(Vec::new());
        }
        let message = format!("payout {payout} is for {}: give the new one its own id", known.requested);
        return Err(Rejection::new("payout_exists", message));
    }
    not_blocked(a, destination_ref)?;
    not_suspended(ctx)?;
    let pending = ctx.facts.pending.filter(|_| !ctx.import);
    let free = a.payable(amount.currency, pending);
    within("payout_exceeds_available", "available above what is owed", amount, free)?;
    at_least_minimum(amount, ctx)?;
    one(PayoutRequested { payout, amount, destination_ref })
}

/// What a suspended merchant has stays where it is until the reason is cleared up.
fn not_suspended(ctx: &Context<'_>) -> Result<(), Rejection> {
    match ctx.facts.merchant.as_ref().and_then(|m| m.suspended_for.as_ref()) {
        Some(reason) if !ctx.import => {
            let message = format!("the merchant is suspended ({reason}): reinstate it before it is paid");
            Err(Rejection::new("merchant_suspended", message))
        }
        _ => Ok(()),
    }
}

/// A merchant that has left is paid whatever there is.
fn at_least_minimum(amount: Money, ctx: &Context<'_>) -> Result<(), Rejection> {
    let Some(merchant) = ctx.facts.merchant.as_ref().filter(|m| m.terminated_at.is_none() && !ctx.import)
    else {
        return Ok(());
    };
    let Some(minimum) = merchant.schedule.as_ref().map(|s| s.settlement.minimum_payout) else {
        return Ok(());
    };
    if amount.currency != minimum.currency || amount.minor >= minimum.minor {
        return Ok(());
    }
    let message = format!("amount {amount} is below the agreed minimum of {minimum}: wait for more");
    Err(Rejection::new("payout_below_minimum", message))
}

fn not_blocked(a: &MerchantAccount, destination_ref: Reference) -> Result<(), Rejection> {
    if !a.is_blocked(destination_ref) {
        return Ok(());
    }
    let message = format!(
        "destination_ref {destination_ref} is blocked since a payout came back: check it and unblock it"
    );
    Err(Rejection::new("destination_blocked", message))
}

fn known(a: &MerchantAccount, payout: PayoutId) -> Result<&Payout, Rejection> {
    a.payout(payout).ok_or_else(|| {
        Rejection::new("payout_unknown", format!("payout {payout} is not known: request it first"))
    })
}

fn wrong(payout: PayoutId, stage: Stage, cure: &str) -> Rejection {
    let code = match stage {
        Stage::Requested => "payout_not_sent",
        Stage::Sent => "payout_sent",
        Stage::Confirmed => "payout_confirmed",
        Stage::Failed => "payout_failed",
        Stage::Returned => "payout_returned",
    };
    Rejection::new(code, format!("payout {payout} is {stage}: {cure}"))
}

pub(super) fn convert(
    a: &MerchantAccount,
    payout: PayoutId,
    currency: Currency,
    rate: Rate,
    rate_ref: Reference,
    spread: Money,
) -> Decided {
    let known = known(a, payout)?;
    if known.stage != Stage::Requested {
        return Err(wrong(payout, known.stage, "only a payout that has not been sent is converted"));
    }
    if known.amount.currency == currency && known.requested.currency != currency {
        return Ok(Vec::new());
    }
    if known.requested != known.amount || known.amount.currency == currency {
        let message =
            format!("payout {payout} is in {} already: it is converted once, into another", known.amount);
        return Err(Rejection::new("payout_converted", message));
    }
    not_negative("spread", spread)?;
    let net = known.amount.sub(spread)?;
    let to = exchanged(net, currency, rate)?;
    if to.minor <= 0 {
        let message = format!("{net} at rate {rate} comes to {to}: check rate and spread");
        return Err(Rejection::new("conversion_to_nothing", message));
    }
    one(PayoutConverted { payout, from: known.amount, to, rate, rate_ref, spread })
}

/// `rate` units of `currency` for each unit of the amount's, half to even in the minor unit of `currency`.
fn exchanged(amount: Money, currency: Currency, rate: Rate) -> Result<Money, MoneyError> {
    let minor = Decimal::try_from_i128_with_scale(i128::from(amount.minor), amount.currency.digits())
        .ok()
        .and_then(|units| units.checked_mul(rate))
        .and_then(|units| units.checked_mul(Decimal::from(10u64.pow(currency.digits()))))
        .and_then(|minor| minor.round_dp_with_strategy(0, RoundingStrategy::MidpointNearestEven).to_i64())
        .ok_or(MoneyError::Overflow)?;
    Ok(Money::new(minor, currency))
}

pub(super) fn send(a: &MerchantAccount, payout: PayoutId, provider_ref: Reference) -> Decided {
    let known = known(a, payout)?;
    match known.stage {
        Stage::Requested => {}
        _ if known.provider_ref == Some(provider_ref) => return Ok(Vec::new()),
        stage => return Err(wrong(payout, stage, "it is sent once")),
    }
    not_blocked(a, known.destination_ref)?;
    if a.sent_refs.contains(&provider_ref) {
        let message = format!("provider_ref {provider_ref} belongs to another payout: each has its own");
        return Err(Rejection::new("reference_used", message));
    }
    one(PayoutSent { payout, provider_ref })
}

pub(super) fn confirm(
    a: &MerchantAccount,
    payout: PayoutId,
    bank: BankAccountId,
    fee: Option<Money>,
    ctx: &Context<'_>,
) -> Decided {
    let known = known(a, payout)?;
    match known.stage {
        Stage::Sent => {}
        // another system may keep no record of the sending
        Stage::Requested if ctx.import => {}
        Stage::Confirmed => return Ok(Vec::new()),
        Stage::Requested => return Err(wrong(payout, known.stage, "send it first")),
        stage => return Err(wrong(payout, stage, "request a new one")),
    }
    if let Some(fee) = fee {
        not_negative("fee", fee)?;
    }
    one(PayoutConfirmed { payout, amount: known.amount, bank, fee })
}

pub(super) fn fail(a: &MerchantAccount, payout: PayoutId, reason: &str) -> Decided {
    said("reason", reason)?;
    let known = known(a, payout)?;
    match known.stage {
        Stage::Requested | Stage::Sent => {
            one(PayoutFailed { payout, amount: known.amount, reason: reason.to_owned() })
        }
        Stage::Failed => Ok(Vec::new()),
        stage => Err(wrong(payout, stage, "what was paid comes back by a return")),
    }
}

pub(super) fn give_back(a: &MerchantAccount, payout: PayoutId, bank: BankAccountId, reason: &str) -> Decided {
    said("reason", reason)?;
    let known = known(a, payout)?;
    match known.stage {
        Stage::Confirmed => one(PayoutReturned {
            payout,
            amount: known.amount,
            bank,
            destination_ref: known.destination_ref,
            reason: reason.to_owned(),
        }),
        Stage::Returned => Ok(Vec::new()),
        stage => Err(wrong(payout, stage, "only what was confirmed comes back; let it fail instead")),
    }
}

pub(super) fn unblock(a: &MerchantAccount, destination_ref: Reference, ctx: &Context<'_>) -> Vec<Event> {
    if !a.is_blocked(destination_ref) {
        return Vec::new();
    }
    vec![DestinationUnblocked { destination_ref, by: ctx.actor }.into()]
}
