//! Holds: part of what is available waits for a claim to be decided.

use super::decide::{Decided, one, within};
use super::events::{BalanceHeld, BalanceHoldLifted, BalanceHoldSpent};
use super::{Hold, MerchantAccount};
use crate::decider::{positive, said};
use crate::{DisputeId, HoldId, Money, Rejection};

pub(super) fn hold(
    a: &MerchantAccount,
    hold: HoldId,
    claim: Money,
    reason: &str,
    dispute: Option<DisputeId>,
) -> Decided {
    positive("claim", claim)?;
    said("reason", reason)?;
    if let Some(known) = a.hold(hold) {
        if known.claim == claim {
            return Ok(Vec::new());
        }
        let message = format!("hold {hold} is for a claim of {}: give the new one its own id", known.claim);
        return Err(Rejection::new("hold_exists", message));
    }
    let amount = Money::new(claim.minor.min(a.available(claim.currency).minor), claim.currency);
    let claimed = (amount != claim).then_some(claim);
    one(BalanceHeld { hold, amount, reason: reason.to_owned(), claimed, dispute })
}

fn known(a: &MerchantAccount, hold: HoldId) -> Result<&Hold, Rejection> {
    a.hold(hold)
        .ok_or_else(|| Rejection::new("hold_unknown", format!("hold {hold} is not known: name a hold")))
}

pub(super) fn lift(a: &MerchantAccount, hold: HoldId, amount: Option<Money>) -> Decided {
    let left = known(a, hold)?.left;
    if left.is_zero() {
        return Ok(Vec::new());
    }
    let amount = amount.unwrap_or(left);
    positive("amount", amount)?;
    within("hold_exceeded", "left of the hold", amount, left)?;
    one(BalanceHoldLifted { hold, amount })
}

pub(super) fn spend(a: &MerchantAccount, hold: HoldId, amount: Money) -> Decided {
    let left = known(a, hold)?.left;
    positive("amount", amount)?;
    within("hold_exceeded", "left of the hold", amount, left)?;
    one(BalanceHoldSpent { hold, amount })
}
