//! A row of each Olist table.

use daybook_domain::checkout::events::PaymentMethod;
use daybook_domain::{
    BuyerId, CheckoutId, Code, LeadId, LineId, MerchantId, Money, PaymentId, ProductId, ProviderId, ReviewId,
    Timestamp,
};

use super::table::shown;

/// Olist's status of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Status {
    Created,
    Approved,
    Invoiced,
    Processing,
    Shipped,
    Delivered,
    Canceled,
    Unavailable,
}

impl Status {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        Ok(match text {
            "created" => Self::Created,
            "approved" => Self::Approved,
            "invoiced" => Self::Invoiced,
            "processing" => Self::Processing,
            "shipped" => Self::Shipped,
            "delivered" => Self::Delivered,
            "canceled" => Self::Canceled,
            "unavailable" => Self::Unavailable,
            _ => {
                return Err(format!(
                    "{:?} is not one of created, approved, invoiced, processing, shipped, delivered, \
                     canceled, unavailable",
                    shown(text)
                ));
            }
        })
    }
}

/// A row of the orders, with its items, payments and reviews.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are the columns
pub struct OrderRow {
    pub id: CheckoutId,
    pub customer: BuyerId,
    pub status: Status,
    pub purchased: Timestamp,
    pub approved: Option<Timestamp>,
    pub carrier: Option<Timestamp>,
    pub delivered: Option<Timestamp>,
    pub estimated: Option<Timestamp>,
    pub items: Vec<ItemRow>,
    pub payments: Vec<PaymentRow>,
    pub reviews: Vec<ReviewRow>,
}

/// A row of the items.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ItemRow {
    pub number: u32,
    pub line: LineId,
    pub product: ProductId,
    pub seller: MerchantId,
    pub ship_by: Option<Timestamp>,
    pub price: Money,
    pub freight: Money,
}

/// A row of the payments.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PaymentRow {
    pub number: u32,
    pub id: PaymentId,
    pub provider: ProviderId,
    pub method: PaymentMethod,
    pub instalments: u32,
    pub amount: Money,
}

/// A row of the reviews.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ReviewRow {
    pub id: ReviewId,
    pub score: u8,
    pub created: Option<Timestamp>,
    pub answered: Option<Timestamp>,
}

/// A row of the sellers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SellerRow {
    pub id: MerchantId,
    pub state: Option<String>,
}

/// A row of the leads, with its deal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct LeadRow {
    pub id: LeadId,
    pub origin: Option<Code>,
    pub landing: Option<Code>,
    pub first_contact: Timestamp,
    pub deal: Option<DealRow>,
}

/// A row of the deals.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DealRow {
    pub merchant: MerchantId,
    pub won: Timestamp,
    pub segment: Option<Code>,
    pub lead_type: Option<Code>,
}
