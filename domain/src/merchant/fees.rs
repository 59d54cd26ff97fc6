//! Fees and terms.

use super::commands::AgreedFees;
use super::decide::one;
use super::events::{FeeScheduleAgreed, SettlementCycle};
use super::state::Merchant;
use crate::decider::not_negative;
use crate::{Event, Money, Rate, Rejection};

/// Longest term in days: what is longer is a slip of the pen.
const MAX_DAYS: u32 = 3_650;

pub(super) fn agree(m: &Merchant, agreed: &AgreedFees) -> Result<Vec<Event>, Rejection> {
    let currency = m.currency.expect("invariant: a known merchant has a settlement currency");
    let in_currency = |field: &'static str, amount: Money| {
        not_negative(field, amount)?;
        if amount.currency == currency {
            return Ok(());
        }
        let message = format!("{field} is in {}: the merchant is settled in {currency}", amount.currency);
        Err(Rejection::new("currency_mismatch", message))
    };
    share("default_commission", agreed.default_commission)?;
    for (at, c) in agreed.categories.iter().enumerate() {
        share("categories.rate", c.rate)?;
        if agreed.categories[..at].iter().any(|before| before.category == c.category) {
            let message = format!("categories names {} twice: give it one rate", c.category);
            return Err(Rejection::new("category_twice", message));
        }
    }
    in_currency("deposit_required", agreed.deposit_required)?;
    in_currency("settlement.minimum_payout", agreed.settlement.minimum_payout)?;
    days("settlement.days", agreed.settlement.days)?;
    if let Some(rate) = agreed.vat_on_fees {
        share("vat_on_fees", rate)?;
    }
    if let Some(fee) = &agreed.platform_fee {
        in_currency("platform_fee.amount", fee.amount)?;
        if fee.period == SettlementCycle::TPlusN {
            let message =
                "platform_fee.period is t_plus_n, which has no periods: use daily, weekly or monthly";
            return Err(Rejection::new("fee_period_unknown", message));
        }
    }
    if let Some(reserve) = &agreed.reserve {
        share("reserve.share", reserve.share)?;
        days("reserve.days", reserve.days)?;
    }
    let schedule = |version| FeeScheduleAgreed {
        version,
        effective_from: agreed.effective_from,
        default_commission: agreed.default_commission,
        categories: agreed.categories.clone(),
        deposit_required: agreed.deposit_required,
        settlement: agreed.settlement.clone(),
        vat_on_fees: agreed.vat_on_fees,
        platform_fee: agreed.platform_fee.clone(),
        reserve: agreed.reserve.clone(),
    };
    match m.schedules.last() {
        Some(last) if *last == schedule(last.version) => Ok(Vec::new()),
        Some(last) => one(schedule(last.version + 1)),
        None => one(schedule(1)),
    }
}

/// Rates are shares of one: 0.05, never 5.
fn share(field: &'static str, rate: Rate) -> Result<(), Rejection> {
    if rate >= Rate::ZERO && rate <= Rate::ONE {
        return Ok(());
    }
    let message = format!("{field} is {rate}: use a share between 0 and 1, such as 0.05 for five percent");
    Err(Rejection::new("rate_out_of_range", message))
}

fn days(field: &'static str, days: u32) -> Result<(), Rejection> {
    if days <= MAX_DAYS {
        return Ok(());
    }
    Err(Rejection::new("days_out_of_range", format!("{field} is {days}: use at most {MAX_DAYS}")))
}
