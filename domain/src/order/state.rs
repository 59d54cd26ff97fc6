//! What an order remembers: pieces and money per line, payments, refunds, cases. Amounts are minor units.

use super::events::{Bearer, DisputeParty, ExceptionKind, RuledFor};
use super::split::{Pool, spread};
use crate::checkout::events::PaymentMethod;
use crate::{
    BuyerId, CampaignId, Category, ChargebackId, CheckoutId, Code, Currency, DisputeId, LineId, MerchantId,
    Money,
};
use crate::{
    OrderId, PaymentId, ProviderId, Rate, RefundId, ReturnId, ReviewId, ShipmentId, Timestamp, VisitorId,
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

/// A line: its pieces and its money.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The line.
    pub id: LineId,
    /// Dimension of its commission.
    pub category: Category,
    /// Its commission rate.
    pub rate: Rate,
    /// Pieces sold.
    pub quantity: u32,
    /// Pieces cancelled.
    pub cancelled: u32,
    /// Pieces that left the merchant and did not come back from the door.
    pub shipped: u32,
    /// Pieces accepted.
    pub received: u32,
    /// Pieces refunded from escrow.
    pub refunded: u32,
    /// Pieces released.
    pub released: u32,
    /// Pieces refunded after release.
    pub refunded_after: u32,
    /// Pieces sent back.
    pub returned: u32,
    /// What the buyer paid of it; before funding, what the buyer is to pay.
    pub paid: i64,
    /// What the market added because less was paid.
    pub shortfall: i64,
    /// What the market added, by campaign.
    pub subsidies: Box<[i64]>,
    /// What is in escrow, or will be once funded.
    pub escrow: Pool,
    /// What was released and not taken back.
    pub out: Pool,
    /// Gross, given back at the merchant's cost: from escrow or after release, to the buyer or a bank.
    pub given_back: i64,
    /// Of that, what banks took.
    pub lost: i64,
    /// What the market gave the buyer at its own cost.
    pub goodwill: i64,
    /// The base that commission was charged on, net.
    pub commission_base: i64,
    /// Commission charged, net.
    pub commission: i64,
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

impl Line {
    /// Pieces in escrow.
    #[must_use]
    pub fn pieces(&self) -> u32 {
        self.quantity.saturating_sub(self.cancelled + self.refunded + self.released)
    }

    /// What the line was funded with, gross; before funding, what it will be.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.paid + self.shortfall + self.subsidies.iter().sum::<i64>()
    }

    /// How `gross` given back is split: the buyer, the shortfall, each campaign.
    pub(super) fn split(&self, gross: i64) -> Vec<i64> {
        let mut weights = Vec::with_capacity(2 + self.subsidies.len());
        weights.extend([self.paid, self.shortfall]);
        weights.extend_from_slice(&self.subsidies);
        spread(gross, &weights)
    }

    /// The buyer's part of `gross` given back.
    pub(super) fn to_buyer(&self, gross: i64) -> i64 {
        if self.paid == self.total() { gross } else { self.split(gross)[0] }
    }

    /// What could go to the buyer for what was released, keeping what is in escrow whole.
    pub(super) fn room(&self) -> i64 {
        self.paid - self.to_buyer(self.given_back + self.escrow.left()) - self.goodwill
    }

    /// What can be given back, gross, of what was released.
    pub(super) fn refundable_after(&self) -> i64 {
        let out = self.out.left();
        if self.goodwill == 0 {
            return out;
        }
        let from = self.given_back + self.escrow.left();
        let limit = self.paid - self.goodwill;
        if self.to_buyer(from + out) <= limit {
            return out;
        }
        super::split::first(out, |more| self.to_buyer(from + more) > limit) - 1
    }

    /// Whether nothing of it is in escrow any more.
    pub(super) fn done(&self) -> bool {
        self.pieces() == 0 || (self.escrow.left() == 0 && self.total() > 0)
    }

    /// Pieces received and not yet released.
    pub(super) fn releasable(&self) -> u32 {
        if self.escrow.left() == 0 && self.total() > 0 {
            return 0;
        }
        self.received.saturating_sub(self.released).min(self.pieces())
    }

    /// Pieces that can leave the merchant.
    pub(super) fn shippable(&self) -> u32 {
        if self.done() {
            return 0;
        }
        self.quantity.saturating_sub(self.cancelled + self.shipped).min(self.pieces())
    }
}

impl Order {
    pub(super) fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency().expect("invariant: an order is placed before it has money"))
    }

    fn sum(&self, of: impl Fn(&Line) -> i64) -> Option<Money> {
        let minor = self.lines.iter().map(of).sum();
        self.currency().map(|c| Money::new(minor, c))
    }

    /// Its currency, once placed.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        self.head.as_ref().map(|h| h.currency)
    }
    /// Its merchant, once placed.
    #[must_use]
    pub fn merchant(&self) -> Option<MerchantId> {
        self.head.as_ref().map(|h| h.merchant)
    }
    /// Its checkout, once placed.
    #[must_use]
    pub fn checkout(&self) -> Option<CheckoutId> {
        self.head.as_ref().map(|h| h.checkout)
    }
    /// Its buyer, once placed.
    #[must_use]
    pub fn buyer(&self) -> Option<BuyerId> {
        self.head.as_ref().map(|h| h.buyer)
    }
    /// Its lines, as sold.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }
    /// Whether it was placed.
    #[must_use]
    pub fn placed(&self) -> bool {
        self.head.is_some()
    }
    /// Whether its money is or was in escrow.
    #[must_use]
    pub fn funded(&self) -> bool {
        self.funded
    }
    /// Whether every piece was cancelled.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        !self.lines.is_empty() && self.lines.iter().all(|l| l.cancelled == l.quantity)
    }
    /// Whether it is completed.
    #[must_use]
    pub fn completed(&self) -> bool {
        self.completed
    }
    /// What the buyer is to pay, or paid and was spared; `None` before it is placed.
    #[must_use]
    pub fn buyer_pays(&self) -> Option<Money> {
        self.sum(|l| l.paid + l.shortfall)
    }
    /// What payments brought into escrow; `None` before it is placed, as below.
    #[must_use]
    pub fn paid(&self) -> Option<Money> {
        self.sum(|l| if self.funded { l.paid } else { 0 })
    }
    /// What the market added because less was paid than was due.
    #[must_use]
    pub fn shortfall(&self) -> Option<Money> {
        self.sum(|l| if self.funded { l.shortfall } else { 0 })
    }
    /// What the market added for campaigns.
    #[must_use]
    pub fn subsidies(&self) -> Option<Money> {
        self.sum(|l| if self.funded { l.subsidies.iter().sum() } else { 0 })
    }
    /// What is in escrow: the balance of `Liabilities:Escrow:o`.
    #[must_use]
    pub fn escrow(&self) -> Option<Money> {
        self.sum(|l| if self.funded { l.escrow.left() } else { 0 })
    }
    /// What was released to the merchant, less what it or its deposit gave back, without tax.
    #[must_use]
    pub fn to_merchant(&self) -> Option<Money> {
        self.sum(|l| l.out.left() - l.out.parts().tax)
    }
    /// Tax released, less tax given back.
    #[must_use]
    pub fn tax(&self) -> Option<Money> {
        self.sum(|l| l.out.parts().tax)
    }
    /// Gross refunded at the merchant's cost, from escrow and after release: buyer, subsidies and shortfall.
    #[must_use]
    pub fn refunded(&self) -> Option<Money> {
        self.sum(|l| l.given_back - l.lost)
    }
    /// Gross lost to chargebacks at the merchant's cost.
    #[must_use]
    pub fn lost(&self) -> Option<Money> {
        self.sum(|l| l.lost)
    }
    /// What the market gave the buyer or a bank at its own cost, without chargeback losses.
    #[must_use]
    pub fn goodwill(&self) -> Option<Money> {
        self.sum(|l| l.goodwill)
    }
    /// What banks took that had been refunded before.
    #[must_use]
    pub fn chargeback_losses(&self) -> Option<Money> {
        self.currency().map(|c| Money::new(self.losses, c))
    }
    /// What refunds still owe the buyer: the balance of `Liabilities:Refunds:o`.
    #[must_use]
    pub fn refunds_due(&self) -> Option<Money> {
        let minor = self.refunds.iter().flat_map(|r| &r.parts).map(|p| p.owed - p.sent).sum();
        self.currency().map(|c| Money::new(minor, c))
    }
    /// Commission charged, net of what was reversed.
    #[must_use]
    pub fn net_commission(&self) -> Option<Money> {
        self.sum(|l| l.commission)
    }
    /// VAT on it.
    #[must_use]
    pub fn net_vat(&self) -> Option<Money> {
        self.currency().map(|c| Money::new(self.vat, c))
    }
    /// Whether a dispute, return, exchange or chargeback keeps any line from release.
    #[must_use]
    pub fn frozen(&self) -> bool {
        self.chargeback_open() || self.open_dispute().is_some() || self.returns.iter().any(Return::open)
    }
    /// The dispute that is open.
    #[must_use]
    pub fn open_dispute(&self) -> Option<&Dispute> {
        self.disputes.iter().find(|d| d.open())
    }
    /// All disputes, as opened.
    #[must_use]
    pub fn disputes(&self) -> &[Dispute] {
        &self.disputes
    }
    /// Whether a bank's claim is undecided.
    #[must_use]
    pub fn chargeback_open(&self) -> bool {
        self.chargebacks.iter().any(|c| c.open)
    }
    /// Until when after-sales are possible, once something was released.
    #[must_use]
    pub fn after_sales_until(&self) -> Option<Timestamp> {
        self.after_sales_until
    }
    /// How a refund would be borne after release: only the market's share leaves the merchant untouched.
    pub(super) fn at_merchants_cost(by: Bearer) -> bool {
        by != Bearer::Platform
    }

    pub(super) fn line_at(&self, id: LineId) -> Option<usize> {
        self.lines.iter().position(|l| l.id == id)
    }
    pub(super) fn frozen_line(&self, at: usize) -> bool {
        let at = at as u16;
        self.chargeback_open()
            || self.disputes.iter().any(|d| d.open() && d.lines.contains(&at))
            || self
                .returns
                .iter()
                .any(|r| r.open() && (r.lines.iter().chain(&r.awaiting).any(|(l, q)| *l == at && *q > 0)))
    }
    /// Pieces of a line in shipments that are lost.
    pub(super) fn lost_pieces(&self, at: usize) -> u32 {
        let out = self.lines[at].shipped.saturating_sub(self.lines[at].received);
        let lost = |s: &&Shipment| s.exception == Some(ExceptionKind::Lost);
        let pieces = self.shipments.iter().filter(lost).flat_map(|s| &s.lines);
        pieces.filter(|(l, _)| usize::from(*l) == at).map(|(_, q)| *q).sum::<u32>().min(out)
    }
    /// The status in one word.
    pub(super) fn word(&self) -> &'static str {
        let all =
            |of: fn(&Line) -> u32| self.lines.iter().all(|l| of(l) + l.cancelled + l.refunded >= l.quantity);
        if !self.placed() {
            "none"
        } else if self.chargeback_open() {
            "charged_back"
        } else if let Some(d) = self.open_dispute() {
            if matches!(d.stage, DisputeStage::Ruled | DisputeStage::Appealed) { "ruled" } else { "disputed" }
        } else if self.cancelled() {
            "cancelled"
        } else if self.completed {
            "completed"
        } else if self.held {
            "held"
        } else if !self.funded {
            "placed"
        } else if self.returns.iter().any(Return::open) {
            "returning"
        } else if all(|l| l.released) {
            "released"
        } else if all(|l| l.received) {
            "received"
        } else if self.shipments.is_empty() {
            "funded"
        } else if self.shipments.iter().all(|s| s.delivered) && all(|l| l.shipped) {
            "delivered"
        } else {
            "shipped"
        }
    }
}
