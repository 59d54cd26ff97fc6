//! Fees, penalties and rewards. All go through the pending balance and are settled with the rest.

use super::MerchantAccount;
use super::decide::{Decided, in_its_currency, one};
use super::events::*;
use crate::decider::{positive, said};
use crate::merchant::events::FeeScheduleAgreed;
use crate::{CampaignId, Code, Context, DisputeId, Money, Rate, Rejection};

fn schedule<'a>(ctx: &Context<'a>) -> Option<&'a FeeScheduleAgreed> {
    ctx.facts.merchant.as_ref().and_then(|m| m.schedule.as_ref())
}

fn vat(amount: Money, ctx: &Context<'_>) -> Result<Money, Rejection> {
    let rate = schedule(ctx).and_then(|s| s.vat_on_fees).unwrap_or(Rate::ZERO);
    Ok(amount.at_rate(rate)?)
}

pub(super) fn platform_fee(
    a: &MerchantAccount,
    period: Code,
    amount: Option<Money>,
    ctx: &Context<'_>,
) -> Decided {
    if a.fee_periods.contains(&period) {
        return Ok(Vec::new());
    }
    let agreed = schedule(ctx).and_then(|s| s.platform_fee.as_ref()).map(|fee| fee.amount);
    let amount = amount.or(agreed).ok_or_else(|| {
        let message = "no platform fee is agreed in the fee schedule in force: agree one, or name the amount";
        Rejection::new("no_platform_fee", message)
    })?;
    positive("amount", amount)?;
    one(PlatformFeeCharged { period, amount, vat: vat(amount, ctx)? })
}

pub(super) fn advertising(campaign: CampaignId, amount: Money, ctx: &Context<'_>) -> Decided {
    positive("amount", amount)?;
    one(AdvertisingFeeCharged { campaign, amount, vat: vat(amount, ctx)? })
}

pub(super) fn penalty(amount: Money, reason: &str, dispute: Option<DisputeId>) -> Decided {
    positive("amount", amount)?;
    said("reason", reason)?;
    one(PenaltyCharged { amount, reason: reason.to_owned(), dispute })
}

/// What is given back was charged here, or as commission in a settlement.
pub(super) fn waive(a: &MerchantAccount, amount: Money, reason: &str, ctx: &Context<'_>) -> Decided {
    positive("amount", amount)?;
    said("reason", reason)?;
    let charged = a.charged(amount.currency);
    let commission = a
        .settlements
        .values()
        .filter(|s| s.closed.currency == amount.currency)
        .map(|s| s.closed.commission.minor);
    let sum = [charged.fees, charged.vat, charged.penalties, -charged.waived]
        .into_iter()
        .chain(commission)
        .try_fold(0i64, i64::checked_add)
        .ok_or(crate::MoneyError::Overflow)?;
    let limit = Money::new(sum, amount.currency);
    if amount.minor > sum {
        let message =
            format!("amount {amount} is more than the {limit} of fees not waived yet: adjust instead");
        return Err(Rejection::new("waiver_exceeds_fees", message));
    }
    one(FeeWaived { amount, reason: reason.to_owned(), by: ctx.actor })
}

pub(super) fn reward(
    a: &MerchantAccount,
    amount: Money,
    period: Code,
    kind: Code,
    ctx: &Context<'_>,
) -> Decided {
    positive("amount", amount)?;
    in_its_currency(a, amount, ctx)?;
    one(RewardGranted { amount, period, kind })
}

/// What the market's settings say for the tier. A second assessment of a period changes no reward: what it should
/// change is adjusted by two persons.
pub(super) fn reward_tier(a: &MerchantAccount, period: Code, tier: Code, ctx: &Context<'_>) -> Decided {
    if a.rewarded.contains(&period) {
        return Ok(Vec::new());
    }
    let currency = schedule(ctx).map(|s| s.settlement.minimum_payout.currency);
    match currency.and_then(|currency| ctx.policy.reward_of(tier, currency)) {
        Some(amount) => one(RewardGranted { amount, period, kind: tier_kind(tier)? }),
        None => {
            let message = format!("tier {tier} has no reward in the market's settings: adopt one");
            Err(Rejection::new("no_reward_for_tier", message))
        }
    }
}

/// Rewards of this kind are a tier's.
pub(super) const TIER: &str = "tier:";

fn tier_kind(tier: Code) -> Result<Code, Rejection> {
    Code::new(&format!("{TIER}{tier}")).map_err(|_| {
        Rejection::new("tier_too_long", format!("tier {tier} is too long: use at most 59 characters"))
    })
}
