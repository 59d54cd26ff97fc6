//! What an order remembers: pieces and money per line, payments, refunds, cases. Amounts are minor units.

use super::events::{DisputeParty, ExceptionKind, RuledFor};
use super::line::Line;
use crate::checkout::events::PaymentMethod;
use crate::{BuyerId, CampaignId, ChargebackId, CheckoutId, Code, Currency, DisputeId, MerchantId};
use crate::{
    OrderId, PaymentId, ProviderId, Rate, Reference, RefundId, ReturnId, ReviewId, ShipmentId, Timestamp,
    VisitorId,
};

/// A sale of one merchant, folded from its stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Order {
    pub(super) id: Option<OrderId>,
    pub(super) head: Option<Box<Head>>,
    pub(super) lines: Vec<Line>,
    pub(super) funded: bool,
    pub(super) held: bool,
    pub(super) accepted: bool,
    pub(super) completed: bool,
    pub(super) payments: Vec<Payment>,
    /// What went back over `payments` since their weights were last set.
    pub(super) sent_back: i64,
    pub(super) shipments: Vec<Shipment>,
    pub(super) refunds: Vec<Refund>,
    pub(super) returns: Vec<Return>,
    pub(super) disputes: Vec<Dispute>,
    pub(super) chargebacks: Vec<Chargeback>,
    pub(super) reviews: Vec<ReviewId>,
    /// VAT on commission, net.
    pub(super) vat: i64,
    /// What banks took that had been refunded before.
    pub(super) losses: i64,
    pub(super) ship_due: Option<Timestamp>,
    pub(super) after_sales_until: Option<Timestamp>,
}

/// What was said when the order was placed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Head {
    pub checkout: CheckoutId,
    pub buyer: BuyerId,
    pub merchant: MerchantId,
    pub visitor: Option<VisitorId>,
    pub campaign: Option<CampaignId>,
    pub currency: Currency,
    pub jurisdiction: Option<Code>,
    pub vat_rate: Rate,
    /// Who funds the subsidies: the columns of each line's `subsidies`.
    pub campaigns: Vec<CampaignId>,
    pub funding_due: Option<Timestamp>,
}

/// A share of a payment that funded the order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Payment {
    pub id: PaymentId,
    pub provider: ProviderId,
    pub method: PaymentMethod,
    pub amount: i64,
    /// What is left of it for refunds, as of the last time it was counted.
    pub weight: i64,
}

/// Pieces on their way, by index of their line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shipment {
    pub id: ShipmentId,
    pub lines: Vec<(u16, u32)>,
    pub release_due: Option<Timestamp>,
    pub delivered: bool,
    pub exception: Option<ExceptionKind>,
}

/// A refund owed to the buyer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refund {
    pub id: RefundId,
    pub parts: Vec<RefundOwed>,
    pub rerouted: Option<Box<ProviderId>>,
    pub dispute: Option<Box<DisputeId>>,
    pub sent: Vec<Sent>,
}

/// What left by one provider for a refund, by index of the payment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sent {
    pub payment: u16,
    pub provider: ProviderId,
    pub reference: Option<Box<Reference>>,
    pub amount: i64,
    /// Of that, what did not come back.
    pub left: i64,
}

/// A refund's share of a payment, by index of the payment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RefundOwed {
    pub payment: u16,
    pub owed: i64,
    pub sent: i64,
}

/// How far a return or an exchange is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReturnStage {
    Requested,
    Accepted,
    /// The pieces are back; the refund is still to come.
    Returned,
    Refused,
    /// Refunded, or the exchange was sent.
    Done,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Return {
    pub id: ReturnId,
    pub exchange: bool,
    /// Pieces still to come back, by line.
    pub lines: Vec<(u16, u32)>,
    /// Pieces back whose refund is to come, by line.
    pub awaiting: Vec<(u16, u32)>,
    pub stage: ReturnStage,
    pub answer_due: Option<Timestamp>,
    pub freight: bool,
}

impl Return {
    pub fn open(&self) -> bool {
        matches!(self.stage, ReturnStage::Requested | ReturnStage::Accepted | ReturnStage::Returned)
    }
}

/// How far a dispute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeStage {
    /// The other side has not answered.
    Opened,
    /// It has.
    Answered,
    /// The market was asked to rule.
    Escalated,
    /// Ruled; an appeal is possible.
    Ruled,
    /// Appealed.
    Appealed,
    /// Over.
    Closed,
}

/// A dispute.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispute {
    /// Its id.
    pub id: DisputeId,
    /// Who opened it.
    pub by: DisputeParty,
    /// How far it is.
    pub stage: DisputeStage,
    /// Whether the other side answered.
    pub answered: bool,
    /// Gross, minor units.
    pub claim: i64,
    pub(super) lines: Vec<u16>,
    /// The unanswered deadline.
    pub answer_due: Timestamp,
    /// When an appeal lapses, once ruled.
    pub appeal_due: Option<Timestamp>,
    pub(super) ruled_for: Option<RuledFor>,
    pub(super) appealed_by: Option<DisputeParty>,
    /// Gross refunded of its lines since it opened, minor units: counts towards a ruling.
    pub refunded_since: i64,
    /// Of a ruling, what the deposit has still to pay, gross, minor units.
    pub deposit_share: i64,
    /// What the merchant was charged as a penalty and not given back.
    pub(super) penalty: i64,
    /// What its rulings cost the merchant, net of tax and commission given back.
    pub(super) merchant_bore: i64,
    /// The same of what its deposit paid.
    pub(super) deposit_bore: i64,
}

impl Dispute {
    /// Whether it still freezes its lines.
    #[must_use]
    pub fn open(&self) -> bool {
        self.stage != DisputeStage::Closed
    }
}

/// A bank's claim on a payment of the order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chargeback {
    pub id: ChargebackId,
    pub payment: PaymentId,
    pub provider: ProviderId,
    pub amount: i64,
    pub open: bool,
    pub lost: bool,
    pub round: u32,
}
