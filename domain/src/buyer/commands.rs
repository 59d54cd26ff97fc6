//! What may be asked of a buyer's stream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::events::PointsBecome;
use crate::{CampaignId, Code, Money, OrderId, Reference, VisitorId};

/// Something asked of `buyer-{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum BuyerCommand {
    /// Makes an account.
    Register {
        /// The terminal that it registers on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        visitor: Option<VisitorId>,
        /// How it came.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<Code>,
    },
    /// Comes to another tier.
    ChangeMembership {
        /// The tier.
        tier: Code,
    },
    /// Earns points by an order, once.
    EarnPoints {
        /// The order.
        order: OrderId,
        /// How many.
        points: u64,
        /// What they are worth to the market; the same currency for all of a buyer's points.
        value: Money,
        /// The campaign that pays for them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        campaign: Option<CampaignId>,
    },
    /// Makes something else of points.
    ConvertPoints {
        /// New for the buyer.
        conversion: Reference,
        /// What they become.
        to: PointsBecome,
        /// How many.
        points: u64,
    },
    /// Takes the points of an order back, as far as the buyer still has any.
    ReversePoints {
        /// The order.
        order: OrderId,
        /// How many of them; all that are left of it where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        points: Option<u64>,
        /// Why.
        reason: String,
    },
    /// Lets points expire.
    ExpirePoints {
        /// New for the buyer.
        expiry: Reference,
        /// How many.
        points: u64,
    },
}
