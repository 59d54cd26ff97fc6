//! Adjustments: one person proposes, another approves.

use super::decide::{Decided, in_its_currency, one};
use super::events::*;
use super::{Adjustment, AdjustmentStage as Stage, MerchantAccount};
use crate::decider::{in_open_period, positive, said, two_persons};
use crate::{AdjustmentId, Context, Money, Reference, Rejection};

pub(super) fn propose(
    a: &MerchantAccount,
    adjustment: AdjustmentId,
    amount: Money,
    direction: Direction,
    reason: &str,
    document_ref: Option<Reference>,
    ctx: &Context<'_>,
) -> Decided {
    positive("amount", amount)?;
    said("reason", reason)?;
    in_open_period("the adjustment", ctx.occurred_at, ctx.facts.closed_until)?;
    if let Some(known) = a.adjustment(adjustment) {
        if known.amount == amount && known.direction == direction && known.by == ctx.actor {
            return Ok(Vec::new());
        }
        let message = format!("adjustment {adjustment} is for {}: give the new one its own id", known.amount);
        return Err(Rejection::new("adjustment_exists", message));
    }
    in_its_currency(a, amount, ctx)?;
    one(AdjustmentProposed {
        adjustment,
        amount,
        direction,
        reason: reason.to_owned(),
        by: ctx.actor,
        document_ref,
    })
}

fn known(a: &MerchantAccount, adjustment: AdjustmentId) -> Result<&Adjustment, Rejection> {
    a.adjustment(adjustment).ok_or_else(|| {
        Rejection::new(
            "adjustment_unknown",
            format!("adjustment {adjustment} is not known: propose it first"),
        )
    })
}

pub(super) fn approve(a: &MerchantAccount, adjustment: AdjustmentId, ctx: &Context<'_>) -> Decided {
    let known = known(a, adjustment)?;
    match known.stage {
        Stage::Proposed => {}
        Stage::Approved => return Ok(Vec::new()),
        Stage::Rejected => {
            let message = format!("adjustment {adjustment} is rejected: propose a new one");
            return Err(Rejection::new("adjustment_rejected", message));
        }
    }
    two_persons("the adjustment", known.by, ctx.actor)?;
    in_open_period("the adjustment", ctx.occurred_at, ctx.facts.closed_until)?;
    one(AdjustmentApproved {
        adjustment,
        amount: known.amount,
        direction: known.direction,
        reason: known.reason.clone(),
        by: ctx.actor,
    })
}

/// The proposer may drop it too: that takes nothing from anybody.
pub(super) fn reject(
    a: &MerchantAccount,
    adjustment: AdjustmentId,
    reason: &str,
    ctx: &Context<'_>,
) -> Decided {
    said("reason", reason)?;
    match known(a, adjustment)?.stage {
        Stage::Proposed => one(AdjustmentRejected { adjustment, by: ctx.actor, reason: reason.to_owned() }),
        Stage::Rejected => Ok(Vec::new()),
        Stage::Approved => {
            let message = format!("adjustment {adjustment} is approved: propose one the other way");
            Err(Rejection::new("adjustment_approved", message))
        }
    }
}
