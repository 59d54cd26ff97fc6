//! What others may ask an order's state: each amount as the books would say it.

use super::events::{Bearer, ExceptionKind};
use super::line::Line;
use super::state::{Dispute, DisputeStage, Order, Return, Shipment};
use crate::{BuyerId, CheckoutId, Currency, LineId, MerchantId, Money, Timestamp};

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
    /// What the buyer is to pay, or paid and was spared; nothing once cancelled unpaid; `None` before it is placed.
    #[must_use]
    pub fn buyer_pays(&self) -> Option<Money> {
        let spared = self.cancelled() && !self.funded;
        self.sum(|l| if spared { 0 } else { l.paid + l.shortfall })
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
