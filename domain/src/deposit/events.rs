//! Events of `deposit-{merchant}`: guarantee money (交易保证金).

use crate::codec::event;
use crate::{DisputeId, HoldId, Money, OrderId, ProviderId, Reference};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who gets what is deducted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum DeductedTo {
    /// A buyer's refund on this order.
    Buyer {
        /// The order refunded.
        order: OrderId,
    },
    /// The market, as a penalty.
    Penalty,
    /// The merchant's own pending balance: a debt made good.
    MerchantBalance,
}

event! {
    /// What the merchant must keep deposited, from its fee schedule.
    DepositRequired { amount: Money }
}
event! {
    /// The merchant paid in.
    DepositPaid { amount: Money, provider: ProviderId, provider_ref: Reference }
}
event! {
    /// Topped up from the merchant's own balance, from money its account holds for it.
    DepositPaidFromBalance { amount: Money, hold: HoldId }
}
event! {
    /// Part of the deposit is held for a claim.
    DepositFrozen { hold: HoldId, amount: Money, reason: String; order: OrderId }
}
event! {
    /// A hold, or what is left of it, is free again.
    DepositReleased { hold: HoldId, amount: Money }
}
event! {
    /// Part of the deposit is lost, from a hold where one is named.
    DepositDeducted {
        amount: Money,
        reason: String,
        to: DeductedTo;
        hold: HoldId,
    }
}
event! {
    /// The deposit was paid back after the merchant left.
    DepositRefunded { amount: Money, provider: ProviderId, provider_ref: Reference }
}
event! {
    /// A ruling was reversed: the market gives back, at its own cost, what the deposit bore.
    DepositRestored { amount: Money, order: OrderId, dispute: DisputeId, reason: String }
}
