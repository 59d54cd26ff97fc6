//! Which rule answers which command.

use std::collections::BTreeSet;

use super::commands::AccountCommand as Ask;
use super::{MerchantAccount, adjust, charges, holds, payouts, settle};
use crate::{Context, Event, Money, Rejection};

pub(super) type Decided = Result<Vec<Event>, Rejection>;

pub(super) fn decide(a: &MerchantAccount, ask: &Ask, ctx: &Context<'_>) -> Decided {
    let mut events = answer(a, ask, ctx)?;
    // what happened elsewhere is recorded as it was: its payouts may have taken what a claim lacks
    if !ctx.import {
        let more = events.first().map(|event| holds::secure(a, event)).unwrap_or_default();
        events.extend(more);
    }
    Ok(events)
}

fn answer(a: &MerchantAccount, ask: &Ask, ctx: &Context<'_>) -> Decided {
    match ask {
        Ask::CloseSettlement(figures) => settle::close(a, figures, ctx),
        Ask::ReleaseReserve { settlement } => settle::release(a, *settlement, ctx),
        Ask::Hold { hold, claim, reason, dispute } => holds::hold(a, *hold, *claim, reason, *dispute),
        Ask::LiftHold { hold, amount } => holds::lift(a, *hold, *amount),
        Ask::SpendHold { hold, amount } => holds::spend(a, *hold, *amount),
        Ask::RequestPayout { payout, amount, destination_ref } => {
            payouts::request(a, *payout, *amount, *destination_ref, ctx)
        }
        Ask::ConvertPayout { payout, currency, rate, rate_ref, spread } => {
            payouts::convert(a, *payout, *currency, *rate, *rate_ref, *spread)
        }
        Ask::SendPayout { payout, provider_ref } => payouts::send(a, *payout, *provider_ref),
        Ask::ConfirmPayout { payout, bank, fee } => payouts::confirm(a, *payout, *bank, *fee, ctx),
        Ask::FailPayout { payout, reason } => payouts::fail(a, *payout, reason),
        Ask::ReturnPayout { payout, bank, reason } => payouts::give_back(a, *payout, *bank, reason),
        Ask::UnblockDestination { destination_ref } => Ok(payouts::unblock(a, *destination_ref, ctx)),
        Ask::ChargePlatformFee { period, amount } => charges::platform_fee(a, *period, *amount, ctx),
        Ask::ChargeAdvertisingFee { campaign, amount } => charges::advertising(*campaign, *amount, ctx),
        Ask::ChargePenalty { amount, reason, dispute } => charges::penalty(*amount, reason, *dispute),
        Ask::WaiveFee { amount, reason } => charges::waive(a, *amount, reason, ctx),
        Ask::GrantReward { amount, period, kind } => charges::reward(a, *amount, *period, *kind, ctx),
        Ask::RewardTier { period, tier } => charges::reward_tier(a, *period, *tier, ctx),
        Ask::ProposeAdjustment { adjustment, amount, direction, reason, document_ref } => {
            adjust::propose(a, *adjustment, *amount, *direction, reason, *document_ref, ctx)
        }
        Ask::ApproveAdjustment { adjustment } => adjust::approve(a, *adjustment, ctx),
        Ask::RejectAdjustment { adjustment, reason } => adjust::reject(a, *adjustment, reason, ctx),
    }
}

pub(super) fn one(event: impl Into<Event>) -> Decided {
    Ok(vec![event.into()])
}

/// Refuses what the market would give or take by hand in a currency that the account is not kept in: it has no funds of
/// its own there to cover what it would owe, and the merchant will have none to owe it from.
pub(super) fn in_its_currency(
    a: &MerchantAccount,
    amount: Money,
    ctx: &Context<'_>,
) -> Result<(), Rejection> {
    let contract = ctx.facts.merchant.as_ref().and_then(|merchant| merchant.schedule.as_ref());
    let agreed = contract.map(|schedule| schedule.settlement.minimum_payout.currency);
    let kept = ctx.import
        || agreed == Some(amount.currency)
        || a.currencies().contains(&amount.currency)
        || ctx.facts.pending.is_some_and(|pending| !pending.is_zero());
    if kept {
        return Ok(());
    }
    let mut others: BTreeSet<_> = a.currencies();
    others.extend(agreed);
    let others: Vec<_> = others.iter().map(ToString::to_string).collect();
    let cure = if others.is_empty() {
        "the account is kept in none yet: agree a fee schedule first".to_owned()
    } else {
        format!("the account is kept in {}: name an amount of that", others.join(", "))
    };
    Err(Rejection::new("currency_not_kept", format!("amount is {amount}, but {cure}")))
}

/// Refuses to take more of something than is there.
pub(super) fn within(
    code: &'static str,
    what: &'static str,
    amount: Money,
    limit: Money,
) -> Result<(), Rejection> {
    if amount.sub(limit)?.minor <= 0 {
        return Ok(());
    }
    Err(Rejection::new(
        code,
        format!("amount {amount} is more than the {limit} {what}: ask for that at most"),
    ))
}
