//! How an order remembers each event. Total: what does not concern it is passed over.

use super::events::*;
use super::line::Line;
use super::split::{Parts, Pool};
use super::state::{Dispute, DisputeStage, Head, Order, Return, ReturnStage, Shipment};
use crate::{DisputeId, Event, Rate, ReturnId, Timestamp};

impl Order {
    pub(super) fn remember(&mut self, event: &Event, _occurred_at: Timestamp) {
        match event {
            Event::OrderPlaced(e) => self.on_placed(e),
            Event::OrderHeld(_) => self.held = true,
            Event::OrderAccepted(_) => (self.held, self.accepted) = (false, true),
            Event::OrderCancelled(e) => self.on_cancelled(e),
            Event::EscrowFunded(e) => self.on_funded(e),
            Event::OrderShipped(e) => self.on_shipped(e),
            Event::OrderDelivered(e) => self.on_delivered(e),
            Event::ReceiptConfirmed(e) => self.each(&e.lines, |l, q| l.received += q),
            Event::ReceiptRefused(e) => self.on_receipt_refused(e),
            Event::ShipmentException(e) => self.shipment(e.shipment, |s| s.exception = Some(e.kind)),
            Event::ShipmentExceptionResolved(e) => self.shipment(e.shipment, |s| s.exception = None),
            Event::OrderCompleted(_) => self.completed = true,
            Event::ReviewPosted(e) => self.reviews.push(e.review),
            Event::EscrowReleased(e) => self.on_released(e),
            Event::EscrowRefunded(e) => self.on_escrow_refunded(e),
            Event::RefundIssued(e) => self.on_refund_issued(e),
            Event::RefundPaid(e) => self.refund_moved(e.refund, &e.parts, 1),
            Event::RefundFailed(e) => self.refund_moved(e.refund, &e.parts, -1),
            Event::RefundRerouted(e) => {
                if let Some(refund) = self.refunds.iter_mut().find(|r| r.id == e.refund) {
                    refund.rerouted = Some(Box::new(e.to));
                }
            }
            Event::CommissionCharged(e) => self.commission(&e.lines, e.vat.minor, 1),
            Event::CommissionReversed(e) => self.commission(&e.lines, e.vat.minor, -1),
            Event::ReturnRequested(e) => {
                let lines = self.indexed(&e.lines);
                self.returns.push(new_return(e.r#return, false, lines, e.answer_due));
            }
            Event::ExchangeRequested(e) => {
                let lines = self.indexed(&e.lines);
                self.returns.push(new_return(e.exchange, true, lines, None));
            }
            Event::ReturnAccepted(e) => self.a_return(e.r#return, |r| r.stage = ReturnStage::Accepted),
            Event::ReturnRefused(e) => self.a_return(e.r#return, |r| {
                r.lines.clear();
                r.stage = if r.awaiting.is_empty() { ReturnStage::Refused } else { ReturnStage::Returned };
            }),
            Event::GoodsReturned(e) => self.on_goods_returned(e),
            Event::ReturnFreightCharged(e) => self.a_return(e.r#return, |r| r.freight = true),
            Event::ExchangeShipped(e) => self.a_return(e.exchange, |r| r.stage = ReturnStage::Done),
            Event::ExchangeRefused(e) => self.a_return(e.exchange, |r| r.stage = ReturnStage::Refused),
            Event::DisputeOpened(e) => self.on_dispute_opened(e),
            Event::DisputeAnswered(e) => self.dispute(e.dispute, |d| {
                d.answered = true;
                if d.stage == DisputeStage::Opened {
                    d.stage = DisputeStage::Answered;
                }
            }),
            Event::DisputeEscalated(e) => self.dispute(e.dispute, |d| d.stage = DisputeStage::Escalated),
            Event::DisputeRuled(e) => self.dispute(e.dispute, |d| {
                d.stage = DisputeStage::Ruled;
                d.ruled_for = Some(e.r#for);
                d.appeal_due = Some(e.appeal_due);
                d.deposit_share += e.from_deposit.minor;
                d.penalty += e.penalty.minor;
            }),
            Event::DisputeAppealed(e) => self.dispute(e.dispute, |d| {
                d.stage = DisputeStage::Appealed;
                d.appealed_by = Some(e.by);
            }),
            // upheld: the closing follows in the same append
            Event::RulingUpheld(e) => self.dispute(e.dispute, |d| d.stage = DisputeStage::Ruled),
            Event::RulingReversed(e) => self.dispute(e.dispute, |d| {
                d.stage = DisputeStage::Escalated;
                d.merchant_bore -= e.to_merchant.minor;
                d.deposit_bore -= e.to_deposit.minor;
                d.penalty -= e.penalty_back.map_or(0, |m| m.minor);
            }),
            Event::DisputeClosed(e) => self.dispute(e.dispute, |d| d.stage = DisputeStage::Closed),
            Event::ChargebackOpened(e) => self.on_chargeback_opened(e),
            Event::ChargebackClosed(e) => self.on_chargeback_closed(e),
            _ => {}
        }
    }

    fn on_placed(&mut self, e: &OrderPlaced) {
        let campaigns: Vec<_> = e.subsidies.iter().map(|s| s.campaign).collect();
        self.lines = e.lines.iter().map(|l| new_line(l, &campaigns)).collect();
        self.head = Some(Box::new(Head {
            checkout: e.checkout,
            buyer: e.buyer,
            merchant: e.merchant,
            visitor: e.visitor,
            campaign: e.campaign,
            currency: e.total.currency,
            jurisdiction: e.tax.as_ref().map(|t| t.jurisdiction),
            vat_rate: e.vat_on_fees.unwrap_or(Rate::ZERO),
            campaigns,
            funding_due: e.funding_due,
        }));
    }

    fn on_cancelled(&mut self, e: &OrderCancelled) {
        for LineQuantity { line, quantity } in &e.lines {
            let Some(at) = self.line_at(*line) else { continue };
            let unshipped = self.lines[at].quantity - self.lines[at].cancelled - self.lines[at].shipped;
            let lost = quantity.saturating_sub(unshipped);
            if lost > 0 {
                self.take_back(at, lost, |s| s.exception == Some(ExceptionKind::Lost));
            }
            self.lines[at].cancelled += quantity;
        }
        if self.cancelled() {
            self.held = false;
        }
    }

    fn on_shipped(&mut self, e: &OrderShipped) {
        let lines = self.indexed(&e.lines);
        self.each(&e.lines, |l, q| l.shipped += q);
        self.shipments.push(Shipment {
            id: e.shipment,
            lines,
            release_due: None,
            delivered: false,
            exception: None,
        });
    }

    fn on_delivered(&mut self, e: &OrderDelivered) {
        if !self.shipments.iter().any(|s| s.id == e.shipment) {
            // history that never said when it was sent: it arrived, so it was
            let lines = self.lines.iter_mut().enumerate().filter(|(_, l)| l.shippable() > 0);
            let lines = lines.map(|(at, l)| {
                let sent = l.shippable();
                l.shipped += sent;
                (at as u16, sent)
            });
            let lines = lines.collect();
            self.shipments.push(Shipment {
                id: e.shipment,
                lines,
                release_due: None,
                delivered: false,
                exception: None,
            });
        }
        self.shipment(e.shipment, |s| {
            s.delivered = true;
            s.release_due = Some(e.release_due);
            if s.exception == Some(ExceptionKind::Lost) {
                s.exception = None;
            }
        });
    }

    fn on_receipt_refused(&mut self, e: &ReceiptRefused) {
        for LineQuantity { line, quantity } in &e.lines {
            if let Some(at) = self.line_at(*line) {
                self.take_back(at, *quantity, |_| true);
            }
        }
    }

    /// Pieces are with the merchant again: not sent, in no shipment.
    fn take_back(&mut self, at: usize, quantity: u32, from: impl Fn(&Shipment) -> bool) {
        self.lines[at].shipped -= quantity.min(self.lines[at].shipped);
        let mut left = quantity;
        let shipments = self.shipments.iter_mut().rev().filter(|s| from(s));
        for (_, pieces) in shipments.flat_map(|s| &mut s.lines).filter(|(l, _)| usize::from(*l) == at) {
            let taken = left.min(*pieces);
            *pieces -= taken;
            left -= taken;
        }
    }

    fn on_goods_returned(&mut self, e: &GoodsReturned) {
        self.each(&e.lines, |l, q| l.returned += q);
        let back = self.indexed(&e.lines);
        // pieces of a line with nothing left to refund wait for nothing
        let worth: Vec<_> =
            self.lines.iter().map(|l| l.escrow.left() + l.out.left() > 0 || l.total() == 0).collect();
        self.a_return(e.r#return, |r| {
            for (line, quantity) in back {
                for (_, left) in r.lines.iter_mut().filter(|(l, _)| *l == line) {
                    *left -= quantity.min(*left);
                }
                if worth[usize::from(line)] {
                    r.awaiting.push((line, quantity));
                }
            }
            r.lines.retain(|(_, left)| *left > 0);
            if r.lines.is_empty() {
                r.stage = if r.awaiting.is_empty() { ReturnStage::Done } else { ReturnStage::Returned };
            }
        });
    }

    fn on_dispute_opened(&mut self, e: &DisputeOpened) {
        let lines = self.indexed(&e.lines).into_iter().map(|(l, _)| l).collect();
        self.disputes.push(Dispute {
            id: e.dispute,
            by: e.by,
            stage: DisputeStage::Opened,
            answered: false,
            claim: e.claim.minor,
            lines,
            answer_due: e.answer_due,
            appeal_due: None,
            ruled_for: None,
            appealed_by: None,
            refunded_since: 0,
            deposit_share: 0,
            penalty: 0,
            merchant_bore: 0,
            deposit_bore: 0,
        });
    }

    fn each(&mut self, lines: &[LineQuantity], mut change: impl FnMut(&mut Line, u32)) {
        for LineQuantity { line, quantity } in lines {
            if let Some(line) = self.lines.iter_mut().find(|l| l.id == *line) {
                change(line, *quantity);
            }
        }
    }

    fn indexed(&self, lines: &[LineQuantity]) -> Vec<(u16, u32)> {
        let index = |l: &LineQuantity| self.line_at(l.line).map(|at| (at as u16, l.quantity));
        lines.iter().filter_map(index).collect()
    }

    fn shipment(&mut self, id: crate::ShipmentId, change: impl FnOnce(&mut Shipment)) {
        if let Some(shipment) = self.shipments.iter_mut().find(|s| s.id == id) {
            change(shipment);
        }
    }

    fn a_return(&mut self, id: ReturnId, change: impl FnOnce(&mut Return)) {
        if let Some(r) = self.returns.iter_mut().find(|r| r.id == id) {
            change(r);
        }
    }

    fn dispute(&mut self, id: DisputeId, change: impl FnOnce(&mut Dispute)) {
        if let Some(d) = self.disputes.iter_mut().find(|d| d.id == id) {
            change(d);
        }
    }
}

fn new_line(l: &OrderLine, campaigns: &[crate::CampaignId]) -> Line {
    let goods = l.unit_price.minor.saturating_mul(i64::from(l.quantity)).saturating_sub(l.discount.minor);
    let whole = Parts { goods, shipping: l.shipping.minor, tax: l.tax.minor };
    let share = |c| l.subsidies.iter().filter(|s| s.campaign == c).map(|s| s.amount.minor).sum();
    let subsidies: Box<[i64]> = campaigns.iter().map(|c| share(*c)).collect();
    Line {
        id: l.line,
        category: l.category,
        rate: l.commission_rate,
        quantity: l.quantity,
        cancelled: 0,
        shipped: 0,
        received: 0,
        refunded: 0,
        released: 0,
        refunded_after: 0,
        returned: 0,
        paid: whole.sum() - subsidies.iter().sum::<i64>(),
        shortfall: 0,
        subsidies,
        escrow: Pool::new(whole),
        out: Pool::default(),
        given_back: 0,
        lost: 0,
        goodwill: 0,
        commission_base: 0,
        commission: 0,
    }
}

fn new_return(id: ReturnId, exchange: bool, lines: Vec<(u16, u32)>, answer_due: Option<Timestamp>) -> Return {
    let stage = ReturnStage::Requested;
    Return { id, exchange, lines, awaiting: Vec::new(), stage, answer_due, freight: false }
}
