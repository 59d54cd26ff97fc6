//! How an order remembers each event. Total: what does not concern it is passed over.

use super::events::*;
use super::split::{Parts, Pool, spread};
use super::state::{Chargeback, Dispute, DisputeStage, Head, Line, Order, Payment};
use super::state::{Refund, RefundOwed, Return, ReturnStage, Shipment};
use crate::checkout::events::{PaymentPart, RefundPart};
use crate::{DisputeId, Event, Money, Rate, RefundId, ReturnId, Timestamp};

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

    fn on_funded(&mut self, e: &EscrowFunded) {
        self.funded = true;
        self.ship_due = e.ship_due;
        self.payments = e.parts.iter().map(new_payment).collect();
        if e.shortfall.minor == 0 {
            return;
        }
        let weights: Vec<_> = self.lines.iter().map(|l| l.paid).collect();
        for (line, share) in self.lines.iter_mut().zip(spread(e.shortfall.minor, &weights)) {
            line.paid -= share;
            line.shortfall = share;
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

    fn on_released(&mut self, e: &EscrowReleased) {
        for LineRelease { line, quantity, .. } in &e.lines {
            let Some(at) = self.line_at(*line) else { continue };
            let line = &mut self.lines[at];
            let moved = line.escrow.pieces(*quantity, line.pieces().saturating_sub(*quantity));
            line.escrow.remove(moved);
            line.out.add(moved);
            line.released += quantity;
        }
        self.after_sales_until = self.after_sales_until.max(e.after_sales_until);
    }

    fn on_escrow_refunded(&mut self, e: &EscrowRefunded) {
        for LineRefund { line, quantity, gross, .. } in &e.lines {
            let Some(at) = self.line_at(*line) else { continue };
            self.bear(e.dispute, at, gross.minor, None);
            let line = &mut self.lines[at];
            line.escrow.take(gross.minor);
            line.given_back += gross.minor;
            line.refunded += quantity;
        }
        self.owe(e.refund, &e.parts, e.to_buyer.minor, e.dispute);
        self.settle_returns(&e.lines);
    }

    fn on_refund_issued(&mut self, e: &RefundIssued) {
        let by = e.borne_by.first().map_or(Bearer::Merchant, |s| s.by);
        for LineRefund { line, quantity, gross, .. } in &e.lines {
            let Some(at) = self.line_at(*line) else { continue };
            if Self::at_merchants_cost(by) {
                self.bear(e.dispute, at, gross.minor, Some(by));
                self.lines[at].out.take(gross.minor);
                self.lines[at].given_back += gross.minor;
                self.lines[at].refunded_after += quantity;
            } else {
                self.lines[at].goodwill += gross.minor;
                self.count_for_disputes(at, gross.minor);
            }
        }
        if let Some(d) = e.dispute.and_then(|id| self.disputes.iter_mut().find(|d| d.id == id)) {
            let gross: i64 = e.borne_by.iter().map(|s| s.gross.minor).sum();
            match by {
                Bearer::Deposit => d.deposit_share = (d.deposit_share - gross).max(0),
                // a later refund than the ruling's own: the market pays what the deposit could not
                Bearer::Platform if e.refund.as_str() != d.id.as_str() => d.deposit_share = 0,
                _ => {}
            }
        }
        self.owe(e.refund, &e.parts, e.to_buyer.minor, e.dispute);
        self.settle_returns(&e.lines);
    }

    /// Counts a refund at the merchant's cost for the disputes it concerns; without a bearer it comes from escrow.
    /// Call before the pools change.
    fn bear(&mut self, dispute: Option<DisputeId>, at: usize, gross: i64, by: Option<Bearer>) {
        self.count_for_disputes(at, gross);
        let Some(id) = dispute else { return };
        let Some(head) = &self.head else { return };
        let line = &self.lines[at];
        let pool = if by.is_none() { line.escrow } else { line.out };
        let took = pool.would_take(gross);
        let cost = |base: i64, rate| Money::new(base, head.currency).at_rate(rate).map_or(0, |m| m.minor);
        let base = pool.parts().goods;
        let commission = cost(base, line.rate) - cost(base - took.goods, line.rate);
        let net = gross - took.tax - commission - cost(commission, head.vat_rate);
        if let Some(d) = self.disputes.iter_mut().find(|d| d.id == id) {
            let bore = if by == Some(Bearer::Deposit) { &mut d.deposit_bore } else { &mut d.merchant_bore };
            *bore += net;
        }
    }

    fn count_for_disputes(&mut self, at: usize, gross: i64) {
        let at = at as u16;
        for d in self.disputes.iter_mut().filter(|d| d.open() && d.lines.contains(&at)) {
            d.refunded_since += gross;
        }
    }

    /// The buyer is owed a refund, over the payments it goes back to.
    fn owe(&mut self, id: RefundId, parts: &[PaymentPart], to_buyer: i64, dispute: Option<DisputeId>) {
        self.sent_back += to_buyer;
        let at = self.refunds.iter().position(|r| r.id == id).unwrap_or_else(|| {
            let dispute = dispute.map(Box::new);
            self.refunds.push(Refund { id, parts: Vec::new(), rerouted: None, dispute });
            self.refunds.len() - 1
        });
        for part in parts {
            let Some(payment) = self.payments.iter().position(|p| p.id == part.payment) else { continue };
            let payment = payment as u16;
            let owed = part.amount.minor;
            match self.refunds[at].parts.iter_mut().find(|p| p.payment == payment) {
                Some(known) => known.owed += owed,
                None => self.refunds[at].parts.push(RefundOwed { payment, owed, sent: 0 }),
            }
        }
    }

    fn refund_moved(&mut self, id: RefundId, parts: &[RefundPart], sign: i64) {
        let Some(refund) = self.refunds.iter_mut().find(|r| r.id == id) else { return };
        for part in parts {
            let payment = self.payments.iter().position(|p| p.id == part.payment);
            let owed = refund.parts.iter_mut().find(|o| Some(usize::from(o.payment)) == payment);
            if let Some(owed) = owed {
                owed.sent += sign * part.amount.minor;
            }
        }
    }

    /// A refund of a line ends the wait of returns whose pieces are back, or whose line has nothing left.
    fn settle_returns(&mut self, refunded: &[LineRefund]) {
        for refund in refunded {
            let Some(at) = self.line_at(refund.line) else { continue };
            let empty = self.lines[at].escrow.left() == 0 && self.lines[at].out.left() == 0;
            for r in self.returns.iter_mut().filter(|r| r.open()) {
                r.awaiting.retain(|(l, _)| usize::from(*l) != at);
                if empty {
                    r.lines.retain(|(l, _)| usize::from(*l) != at);
                }
                if r.lines.is_empty() && r.awaiting.is_empty() {
                    r.stage = ReturnStage::Done;
                }
            }
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
            merchant_bore: 0,
            deposit_bore: 0,
        });
    }

    fn on_chargeback_opened(&mut self, e: &ChargebackOpened) {
        match self.chargebacks.iter_mut().find(|c| c.id == e.chargeback) {
            Some(again) => (again.open, again.amount) = (true, e.amount.minor),
            None => self.chargebacks.push(Chargeback {
                id: e.chargeback,
                payment: e.payment,
                provider: e.provider,
                amount: e.amount.minor,
                open: true,
                lost: false,
                round: 0,
            }),
        }
    }

    fn on_chargeback_closed(&mut self, e: &ChargebackClosed) {
        if let Some(c) = self.chargebacks.iter_mut().find(|c| c.id == e.chargeback) {
            c.open = false;
            c.round = e.round;
            c.lost = e.outcome == ChargebackOutcome::Lost;
        }
        if e.outcome == ChargebackOutcome::Won {
            return;
        }
        let mut taken = 0;
        if let Some(from) = &e.from_escrow {
            taken += from.to_buyer.minor;
            for LineRefund { line, gross, .. } in &from.lines {
                let Some(at) = self.line_at(*line) else { continue };
                self.count_for_disputes(at, gross.minor);
                self.lines[at].escrow.take(gross.minor);
                self.lines[at].given_back += gross.minor;
                self.lines[at].lost += gross.minor;
            }
        }
        // the lines of the merchant's share come first, then those of the market's
        let merchant = e.borne_by.iter().filter(|s| Self::at_merchants_cost(s.by));
        let mut merchants: i64 = merchant.map(|s| s.gross.minor).sum();
        for LineRefund { line, gross, .. } in &e.lines {
            let Some(at) = self.line_at(*line) else { continue };
            self.count_for_disputes(at, gross.minor);
            if merchants > 0 {
                merchants -= gross.minor;
                self.lines[at].out.take(gross.minor);
                self.lines[at].given_back += gross.minor;
                self.lines[at].lost += gross.minor;
            } else {
                self.lines[at].goodwill += gross.minor;
            }
        }
        taken += e.borne_by.iter().map(|s| s.to_buyer.minor).sum::<i64>();
        self.losses += e.loss.minor;
        self.charge_payments(e.payment, taken);
        self.settle_returns(&e.lines);
        if let Some(from) = &e.from_escrow {
            self.settle_returns(&from.lines);
        }
    }

    /// A bank took `amount`: of its own payment first, then of the others, so that what is left for refunds
    /// stays what is left.
    fn charge_payments(&mut self, payment: crate::PaymentId, amount: i64) {
        let weights: Vec<_> = self.payments.iter().map(|p| p.weight).collect();
        let back = spread(self.sent_back, &weights);
        for (p, back) in self.payments.iter_mut().zip(back) {
            p.weight -= back;
        }
        self.sent_back = 0;
        let mut left = amount;
        let (its, others): (Vec<_>, Vec<_>) = self.payments.iter_mut().partition(|p| p.id == payment);
        for p in its.into_iter().chain(others) {
            let taken = left.min(p.weight);
            p.weight -= taken;
            left -= taken;
        }
    }

    fn commission(&mut self, lines: &[CommissionLine], vat: i64, sign: i64) {
        self.vat += sign * vat;
        for c in lines {
            if let Some(line) = self.lines.iter_mut().find(|l| l.id == c.line) {
                line.commission_base += sign * c.base.minor;
                line.commission += sign * c.amount.minor;
            }
        }
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

fn new_payment(p: &PaymentPart) -> Payment {
    let amount = p.amount.minor;
    Payment { id: p.payment, provider: p.provider, method: p.method, amount, weight: amount }
}

fn new_return(id: ReturnId, exchange: bool, lines: Vec<(u16, u32)>, answer_due: Option<Timestamp>) -> Return {
    let stage = ReturnStage::Requested;
    Return { id, exchange, lines, awaiting: Vec::new(), stage, answer_due, freight: false }
}
