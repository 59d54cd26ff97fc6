//! References: the entities an event concerns, repeated on every event of a stream so that a reader routes
//! it from itself alone.

use serde::{Deserialize, Serialize};

use crate::ids::{BuyerId, CampaignId, CheckoutId, DisputeId, LeadId, MerchantId, OrderId, VisitorId};

/// What an event is about. Each is present where the stream knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

impl Refs {
    /// The reference that a stream's own name holds: `order-{id}` is about that order, `deposit-{id}` and
    /// `account-{id}` about that merchant. Empty for other categories, and for an id that is no token.
    #[must_use]
    pub fn of_stream(category: &str, id: &str) -> Self {
        let mut refs = Self::default();
        match category {
            "order" => refs.order = OrderId::new(id).ok(),
            "checkout" => refs.checkout = CheckoutId::new(id).ok(),
            "merchant" | "deposit" | "account" => refs.merchant = MerchantId::new(id).ok(),
            "lead" => refs.lead = LeadId::new(id).ok(),
            _ => {}
        }
        refs
    }

    /// These, and where one is absent, that of `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            merchant: self.merchant.or(other.merchant),
            order: self.order.or(other.order),
            checkout: self.checkout.or(other.checkout),
            buyer: self.buyer.or(other.buyer),
            dispute: self.dispute.or(other.dispute),
            visitor: self.visitor.or(other.visitor),
            campaign: self.campaign.or(other.campaign),
            lead: self.lead.or(other.lead),
        }
    }
}
