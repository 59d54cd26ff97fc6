//! What may be asked of a deposit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DisputeId, HoldId, Money, OrderId, ProviderId, Reference};

use super::events::DeductedTo;

/// A command on `deposit-{merchant}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum DepositCommand {
    /// The fee schedule asks for this deposit. The first command on the stream.
    Require {
        /// What must be kept deposited; zero is allowed.
        amount: Money,
    },
    /// The merchant paid in by a provider.
    Pay {
        /// What was paid.
        amount: Money,
        /// Who holds it for the market.
        provider: ProviderId,
        /// The provider's transaction; used once.
        provider_ref: Reference,
    },
    /// The merchant's account holds this amount for the deposit: take it. Done once per hold.
    PayFromBalance {
        /// The account's hold.
        hold: HoldId,
        /// What it holds.
        amount: Money,
    },
    /// Hold up to this amount for a claim: less when the deposit has less.
    Freeze {
        /// The hold, unique within the deposit.
        hold: HoldId,
        /// What the claim asks for.
        amount: Money,
        /// Why.
        reason: String,
        /// The order the claim is on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        order: Option<OrderId>,
    },
    /// What is left of a hold is free again, or what of it is no longer needed.
    Release {
        /// The hold.
        hold: HoldId,
        /// What its claim still needs; nothing when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep: Option<Money>,
    },
    /// Part of the deposit is lost.
    Deduct {
        /// What is taken; never more than the hold, or than what is free when no hold is named.
        amount: Money,
        /// The hold it is taken from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hold: Option<HoldId>,
        /// Why.
        reason: String,
        /// Who gets it.
        to: DeductedTo,
    },
    /// Pay back what is left, after the merchant has left and nothing can be claimed any more.
    Refund {
        /// What goes back; all of it when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Money>,
        /// Who pays it.
        provider: ProviderId,
        /// The provider's transaction; used once.
        provider_ref: Reference,
    },
    /// A ruling was reversed: give back what the deposit bore for it. Done once per dispute
    /// of an order.
    Restore {
        /// The order the dispute is on.
        order: OrderId,
        /// The dispute, unique within the order.
        dispute: DisputeId,
        /// What comes back.
        amount: Money,
        /// Why.
        reason: String,
    },
}
