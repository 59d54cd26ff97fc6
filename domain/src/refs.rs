//! References: the entities an event concerns, repeated on every event of a stream so that a reader routes
//! it from itself alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{BuyerId, CampaignId, CheckoutId, DisputeId, LeadId, MerchantId, OrderId, VisitorId};

/// What an event is about. Each is present where the stream knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Refs {
    /// The merchant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merchant: Option<MerchantId>,
    /// The order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// The checkout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout: Option<CheckoutId>,
    /// The buyer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buyer: Option<BuyerId>,
    /// The dispute now open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispute: Option<DisputeId>,
    /// The visitor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visitor: Option<VisitorId>,
    /// The campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignId>,
    /// The lead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead: Option<LeadId>,
}
crate::canonical::canonical!(Refs { ; merchant, order, checkout, buyer, dispute, visitor, campaign, lead });

impl Refs {
    /// Reads the JSON of an event's references.
    ///
    /// # Errors
    /// What is wrong with it and where.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        crate::canonical::read(text).map_or_else(|| serde_json::from_str(text), Ok)
    }
}
