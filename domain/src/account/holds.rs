//! Holds: part of what is available waits for a claim to be decided.

use super::decide::{Decided, one, within};
use super::events::{BalanceHeld, BalanceHoldLifted, BalanceHoldSpent};
use super::{Hold, MerchantAccount};
use crate::decider::{positive, said};
use crate::{DisputeId, Event, HoldId, Money, Rejection};

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

/// Even an empty hold is lifted, once: a later settlement would fill it otherwise.
pub(super) fn lift(a: &MerchantAccount, hold: HoldId, amount: Option<Money>) -> Decided {
    let known = known(a, hold)?;
    let left = known.left;
    if left.is_zero() {
        return if known.open { one(BalanceHoldLifted { hold, amount: left }) } else { Ok(Vec::new()) };
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

/// Holds of what `event` makes available what open claims still lack, before a payout can take it.
pub(super) fn secure(a: &MerchantAccount, event: &Event) -> Vec<Event> {
    let (freed, lifted) = match event {
        Event::SettlementClosed(e) if e.total.minor > 0 => {
            let freed = e.total.minor.saturating_sub(e.held_as_reserve.minor);
            (Money::new(freed, e.currency), None)
        }
        Event::ReserveReleased(e) => (e.amount, None),
        Event::PayoutFailed(e) => (e.amount, None),
        Event::PayoutReturned(e) => (e.amount, None),
        Event::BalanceHoldLifted(e) => (e.amount, Some(e.hold)),
        _ => return Vec::new(),
    };
    let currency = freed.currency;
    let mut left = freed.minor;
    let mut more = Vec::new();
    for (id, hold) in &a.holds {
        let waits = hold.open && hold.claim.currency == currency && !id.tops_up() && Some(*id) != lifted;
        let amount = hold.lacks().min(left);
        if waits && amount > 0 {
            left -= amount;
            let amount = Money::new(amount, currency);
            let reason = "the claim is above what was held".to_owned();
            more.push(BalanceHeld { hold: *id, amount, reason, claimed: None, dispute: hold.dispute }.into());
        }
    }
    more
}
