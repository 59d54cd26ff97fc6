//! What an order is placed with, and what a refund is for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::order::events::{LineQuantity, Promise, Subsidy, TaxAmount};
use crate::schema::RateText;
use crate::{BuyerId, CampaignId, Category, CheckoutId, Code, LineId, MerchantId, Money, PartyId};
use crate::{ProductId, Rate, Reference, Timestamp, VisitorId};

/// A line to be sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceLine {
    /// Unique within the order.
    pub line: LineId,
    /// What is sold.
    pub product: ProductId,
    /// Decides the commission rate.
    pub category: Category,
    /// Pieces, above zero.
    pub quantity: u32,
    /// Price of one piece, before discount.
    pub unit_price: Money,
    /// The merchant's discount on the whole line.
    pub discount: Money,
    /// Price of one piece as listed, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_price: Option<Money>,
    /// Import only; otherwise the merchant's fee schedule in force says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<RateText>")]
    pub commission_rate: Option<Rate>,
    /// This line's share of the order's shipping. Spread by goods amount where no line gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping: Option<Money>,
    /// This line's share of the order's tax. Spread by goods amount where no line gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Money>,
    /// This line's share of the order's subsidies. Spread by the line's total where no line gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subsidies: Option<Vec<Subsidy>>,
}

impl PlaceLine {
    /// A line without a discount, its rate and shares left to the decider.
    #[must_use]
    pub const fn new(
        line: LineId,
        product: ProductId,
        category: Category,
        quantity: u32,
        unit_price: Money,
    ) -> Self {
        let discount = Money::zero(unit_price.currency);
        Self {
            line,
            product,
            category,
            quantity,
            unit_price,
            discount,
            list_price: None,
            commission_rate: None,
            shipping: None,
            tax: None,
            subsidies: None,
        }
    }
}

/// An order as its buyer sends it off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The basket it is paid with.
    pub checkout: CheckoutId,
    /// Who buys.
    pub buyer: BuyerId,
    /// Who sells.
    pub merchant: MerchantId,
    /// What is sold, at least one line.
    pub lines: Vec<PlaceLine>,
    /// Shipping of the whole order.
    pub shipping: Money,
    /// Tax of the whole order, collected for its jurisdiction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<TaxAmount>,
    /// What the market adds, by campaign; one entry per campaign.
    #[serde(default)]
    pub subsidies: Vec<Subsidy>,
    /// Where it was sold.
    pub sales_channel: Code,
    /// What the merchant promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<Promise>,
    /// Who came, where measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visitor: Option<VisitorId>,
    /// The campaign that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignId>,
    /// The coupon used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coupon: Option<Reference>,
    /// The quote it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Reference>,
    /// The group buy it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Reference>,
    /// Who served the buyer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<PartyId>,
    /// Import only: VAT on the market's commission; otherwise the merchant's fee schedule says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<RateText>")]
    pub vat_on_fees: Option<Rate>,
    /// Cancelled when not funded by then; the policy's checkout time where absent (none in an import).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funding_due: Option<Timestamp>,
}

impl Place {
    /// An order without tax, subsidies, promise or anything that brought it.
    #[must_use]
    pub const fn new(
        checkout: CheckoutId,
        buyer: BuyerId,
        merchant: MerchantId,
        sales_channel: Code,
        lines: Vec<PlaceLine>,
        shipping: Money,
    ) -> Self {
        Self {
            checkout,
            buyer,
            merchant,
            lines,
            shipping,
            tax: None,
            subsidies: Vec::new(),
            sales_channel,
            promise: None,
            visitor: None,
            campaign: None,
            coupon: None,
            quote: None,
            group: None,
            agent: None,
            vat_on_fees: None,
            funding_due: None,
        }
    }
}

/// An amount of one line, gross.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineAmount {
    /// The line.
    pub line: LineId,
    /// Gross, above zero.
    pub amount: Money,
}

/// What a refund is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundOf {
    /// All that is left.
    All,
    /// Whole pieces, at the amount they were sold for, less what was refunded of them.
    Pieces(Vec<LineQuantity>),
    /// An amount of each line named.
    Lines(Vec<LineAmount>),
    /// An amount of the order, spread over the lines by what is left of each.
    Amount(Money),
}
