//! How an order remembers its money: escrow, refunds, commission, chargebacks.

use super::events::*;
use super::split::spread;
use super::state::{Chargeback, Order, Payment, Refund, RefundOwed, ReturnStage, Sent};
use crate::checkout::events::{PaymentPart, RefundPart};
use crate::{DisputeId, Money, RefundId};

impl Order {
    pub(super) fn on_funded(&mut self, e: &EscrowFunded) {
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

    pub(super) fn on_released(&mut self, e: &EscrowReleased) {
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

    pub(super) fn on_escrow_refunded(&mut self, e: &EscrowRefunded) {
        for LineRefund { line, quantity, gross, .. } in &e.lines {
            let Some(at) = self.line_at(*line) else { continue };
            self.bear(e.dispute, at, gross.minor, None);
            let line = &mut self.lines[at];
            line.escrow.take(gross.minor);
            line.given_back += gross.minor;
            line.refunded += quantity;
        }
        self.owe(e.refund, &e.parts, e.to_buyer.minor, e.dispute);
        self.settle_returns(&e.lines, e.dispute.is_some());
    }

    pub(super) fn on_refund_issued(&mut self, e: &RefundIssued) {
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
        // what the market gives on top leaves the merchant's refund to come
        if Self::at_merchants_cost(by) {
            self.settle_returns(&e.lines, e.dispute.is_some());
        }
    }

    /// Counts a refund at the merchant's cost for the disputes it concerns; without a bearer it comes from escrow.
    /// Call before the pools change.
    pub(super) fn bear(&mut self, dispute: Option<DisputeId>, at: usize, gross: i64, by: Option<Bearer>) {
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

    pub(super) fn count_for_disputes(&mut self, at: usize, gross: i64) {
        let at = at as u16;
        for d in self.disputes.iter_mut().filter(|d| d.open() && d.lines.contains(&at)) {
            d.refunded_since += gross;
        }
    }

    /// The buyer is owed a refund, over the payments it goes back to.
    pub(super) fn owe(
        &mut self,
        id: RefundId,
        parts: &[PaymentPart],
        to_buyer: i64,
        dispute: Option<DisputeId>,
    ) {
        self.sent_back += to_buyer;
        let at = self.refunds.iter().position(|r| r.id == id).unwrap_or_else(|| {
            let dispute = dispute.map(Box::new);
            self.refunds.push(Refund { id, parts: Vec::new(), rerouted: None, dispute, sent: Vec::new() });
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

    pub(super) fn refund_moved(&mut self, id: RefundId, parts: &[RefundPart], sign: i64) {
        let Some(refund) = self.refunds.iter_mut().find(|r| r.id == id) else { return };
        for part in parts {
            let payment = self.payments.iter().position(|p| p.id == part.payment);
            let owed = refund.parts.iter_mut().find(|o| Some(usize::from(o.payment)) == payment);
            let Some(owed) = owed else { continue };
            let (payment, provider, amount) = (owed.payment, part.provider, part.amount.minor);
            owed.sent += sign * amount;
            if sign > 0 {
                let reference = part.provider_ref.map(Box::new);
                refund.sent.push(Sent { payment, provider, reference, amount, left: amount });
                continue;
            }
            let mut back = amount;
            for s in refund.sent.iter_mut().filter(|s| s.payment == payment && s.provider == provider) {
                let taken = back.min(s.left);
                s.left -= taken;
                back -= taken;
            }
        }
    }

    /// Refunded pieces end the wait of returned ones; so does a ruling on their line, or nothing left to refund.
    pub(super) fn settle_returns(&mut self, refunded: &[LineRefund], ruled: bool) {
        for refund in refunded {
            let Some(at) = self.line_at(refund.line) else { continue };
            let empty = self.lines[at].escrow.left() == 0 && self.lines[at].out.left() == 0;
            let mut settled = if empty || ruled { u32::MAX } else { refund.quantity };
            for r in self.returns.iter_mut().filter(|r| r.open()) {
                for (_, waiting) in r.awaiting.iter_mut().filter(|(l, _)| usize::from(*l) == at) {
                    let done = settled.min(*waiting);
                    *waiting -= done;
                    settled -= done;
                }
                r.awaiting.retain(|(_, waiting)| *waiting > 0);
                if empty {
                    r.lines.retain(|(l, _)| usize::from(*l) != at);
                }
                if r.lines.is_empty() && r.awaiting.is_empty() {
                    r.stage = ReturnStage::Done;
                }
            }
        }
    }

    pub(super) fn on_chargeback_opened(&mut self, e: &ChargebackOpened) {
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

    pub(super) fn on_chargeback_closed(&mut self, e: &ChargebackClosed) {
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
        self.owe_no_longer(e.payment, e.from_refunds.map_or(0, |m| m.minor));
        self.charge_payments(e.payment, taken);
        self.settle_returns(&e.lines, false);
        if let Some(from) = &e.from_escrow {
            self.settle_returns(&from.lines, false);
        }
    }

    /// What a bank gave the buyer is owed no longer: of its own payment first, then of the others, the oldest
    /// refund first.
    fn owe_no_longer(&mut self, payment: crate::PaymentId, amount: i64) {
        let own = self.payments.iter().position(|p| p.id == payment);
        let mut left = amount;
        for of_own in [true, false] {
            let parts = self.refunds.iter_mut().flat_map(|r| &mut r.parts);
            for part in parts.filter(|p| (Some(usize::from(p.payment)) == own) == of_own) {
                let given = left.min(part.owed - part.sent);
                part.owed -= given;
                left -= given;
            }
        }
    }

    /// A bank took `amount`: of its own payment first, then of the others, so that what is left for refunds
    /// stays what is left.
    pub(super) fn charge_payments(&mut self, payment: crate::PaymentId, amount: i64) {
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

    pub(super) fn commission(&mut self, lines: &[CommissionLine], vat: i64, sign: i64) {
        self.vat += sign * vat;
        for c in lines {
            if let Some(line) = self.lines.iter_mut().find(|l| l.id == c.line) {
                line.commission_base += sign * c.base.minor;
                line.commission += sign * c.amount.minor;
            }
        }
    }
}

fn new_payment(p: &PaymentPart) -> Payment {
    let amount = p.amount.minor;
    Payment { id: p.payment, provider: p.provider, method: p.method, amount, weight: amount }
}
