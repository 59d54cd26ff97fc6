//! Settlements: the lines up to a cut become available, or a debt.

use super::MerchantAccount;
use super::commands::SettlementFigures;
use super::decide::{Decided, one};
use super::events::{ReserveReleased, SettlementClosed};
use crate::{Context, Money, MoneyError, Rejection, SettlementId, Timestamp};

/// carried_in + gross - refunds - commission - fees + rewards - penalties - chargebacks + adjustments.
fn total(f: &SettlementFigures) -> Result<Money, MoneyError> {
    f.carried_in
        .add(f.gross)?
        .sub(f.refunds)?
        .sub(f.commission)?
        .sub(f.fees)?
        .add(f.rewards)?
        .sub(f.penalties)?
        .sub(f.chargebacks)?
        .add(f.adjustments)
}

pub(super) fn close(a: &MerchantAccount, f: &SettlementFigures, ctx: &Context<'_>) -> Decided {
    if let Some(settled) = a.settlement(f.settlement) {
        if same(&settled.closed, f) {
            return Ok(Vec::new());
        }
        let message =
            format!("settlement {} is closed with other figures: give the new one its own id", f.settlement);
        return Err(Rejection::new("settlement_exists", message));
    }
    let sum = total(f)?;
    if sum.currency != f.currency {
        return Err(MoneyError::CurrencyMismatch { left: f.currency, right: sum.currency }.into());
    }
    in_order(a, f, ctx)?;
    let carried = a.carried(f.currency);
    if f.carried_in != carried {
        let message =
            format!("carried_in is {}, the last settlement carried {carried} out: run again", f.carried_in);
        return Err(Rejection::new("settlement_carry_differs", message));
    }
    if f.total != sum {
        let message = format!("total is {}, the figures come to {sum}: run again from the lines", f.total);
        return Err(Rejection::new("settlement_sum_differs", message));
    }
    a.available(f.currency).add(sum)?;
    let available = a.available(f.currency).minor;
    if f.lines == 0 {
        if sum != carried {
            let message = format!("total is {sum} without any line: without lines it is what was carried in");
            return Err(Rejection::new("settlement_sum_differs", message));
        }
        if carried.is_zero() || available == 0 {
            return Ok(Vec::new());
        }
    }
    let (reserve, reserve_until) = reserve(sum, ctx)?;
    let owed = sum.minor.min(0);
    let taken = owed.saturating_neg().min(available).max(0);
    let amount = |minor| Money::new(minor, f.currency);
    one(SettlementClosed {
        settlement: f.settlement,
        until: f.until,
        through: f.through,
        currency: f.currency,
        carried_in: f.carried_in,
        gross: f.gross,
        refunds: f.refunds,
        commission: f.commission,
        fees: f.fees,
        rewards: f.rewards,
        penalties: f.penalties,
        chargebacks: f.chargebacks,
        adjustments: f.adjustments,
        total: sum,
        held_as_reserve: reserve,
        taken_from_available: amount(taken),
        carried_out: amount(owed + taken),
        orders: f.orders,
        lines: f.lines,
        digest: f.digest,
        reserve_until,
    })
}

/// Whether a closed settlement is the one asked for again.
fn same(closed: &SettlementClosed, f: &SettlementFigures) -> bool {
    closed.digest == f.digest
        && (closed.until, closed.through, closed.lines) == (f.until, f.through, f.lines)
        && (closed.total, closed.carried_in) == (f.total, f.carried_in)
}

/// A cut never goes back, lies in no day that has not ended, and counts no line twice.
fn in_order(a: &MerchantAccount, f: &SettlementFigures, ctx: &Context<'_>) -> Result<(), Rejection> {
    let cut = a.cut(f.currency);
    let (until, through, lines) = cut.map_or((Timestamp(i64::MIN), 0, 0), |c| (c.until, c.through, c.lines));
    if f.until < until || f.through < through {
        let message = format!(
            "the cut until {} through line {} lies before the last, until {until} through line {through}",
            f.until, f.through
        );
        return Err(Rejection::new("settlement_cut_backwards", message));
    }
    if f.until > ctx.occurred_at && !ctx.import {
        let message = format!("until {} has not come: settle up to a day that is over", f.until);
        return Err(Rejection::new("settlement_cut_ahead", message));
    }
    let settled = lines.checked_add(f.lines);
    if settled.is_none_or(|n| n > f.through) {
        let message = format!(
            "{lines} lines are settled and {} more asked for, of {} there are: none is settled twice",
            f.lines, f.through
        );
        return Err(Rejection::new("settlement_lines_twice", message));
    }
    Ok(())
}

/// The share of a positive total that the fee schedule in force keeps back, and until when.
fn reserve(total: Money, ctx: &Context<'_>) -> Result<(Money, Option<Timestamp>), Rejection> {
    let schedule = ctx.facts.merchant.as_ref().and_then(|m| m.schedule.as_ref());
    let none = Money::zero(total.currency);
    match schedule.and_then(|s| s.reserve.as_ref()) {
        Some(terms) if total.minor > 0 => {
            let share = total.at_rate(terms.share)?;
            let until = (!share.is_zero()).then(|| ctx.occurred_at.plus_days(terms.days));
            Ok((share, until))
        }
        _ => Ok((none, None)),
    }
}

pub(super) fn release(a: &MerchantAccount, settlement: SettlementId, ctx: &Context<'_>) -> Decided {
    let settled = a.settlement(settlement).ok_or_else(|| {
        Rejection::new(
            "settlement_unknown",
            format!("settlement {settlement} is not known: name a closed one"),
        )
    })?;
    if settled.reserve_released {
        return Ok(Vec::new());
    }
    if let Some(due) = settled.closed.reserve_until
        && ctx.occurred_at < due
        && !ctx.import
    {
        let message = format!("the reserve of settlement {settlement} is due at {due}, which has not come");
        return Err(Rejection::new("reserve_not_due", message));
    }
    one(ReserveReleased { settlement, amount: settled.closed.held_as_reserve })
}
