//! What each event changes of an order's row.

use daybook_domain::order::events::{Bearer, ChargebackOutcome, LineQuantity};
use daybook_domain::{Event, RefundId};

use super::orders::{OrderRow, TimelineRow};
use super::{count, set, text, text_of};
use crate::model::{Envelope, Out};

fn pieces(lines: &[LineQuantity]) -> i64 {
    lines.iter().map(|l| i64::from(l.quantity)).sum()
}

impl OrderRow {
    pub(super) fn remember(&mut self, e: &Envelope<'_>, out: &mut Out<TimelineRow>) {
        self.goods_and_times(e, out);
        self.money(e, out);
        let status = self.stage();
        set(&mut self.status, status);
        self.updated_at = self.updated_at.max(e.occurred_at);
    }

    /// The stage it has reached. Disputes and chargebacks stand in columns of their own.
    fn stage(&self) -> &'static str {
        let left = self.pieces - self.pieces_cancelled;
        match self {
            _ if self.pieces > 0 && left <= 0 => "cancelled",
            _ if self.completed_at.is_some() => "completed",
            _ if self.pieces_released > 0 && self.pieces_released >= left => "released",
            _ if self.pieces_received > 0 && self.pieces_received >= left => "received",
            _ if self.delivered => "delivered",
            _ if self.shipped => "shipped",
            _ if self.status == "held" => "held",
            _ if self.paid => "funded",
            _ => "placed",
        }
    }

    fn goods_and_times(&mut self, e: &Envelope<'_>, out: &mut Out<TimelineRow>) {
        let at = Some(e.occurred_at);
        match e.event {
            Event::OrderPlaced(_) => self.place(e, out),
            Event::OrderHeld(_) => set(&mut self.status, "held"),
            Event::OrderAccepted(_) => set(&mut self.status, "placed"),
            Event::OrderCancelled(x) => {
                self.pieces_cancelled += pieces(&x.lines);
                self.cancelled_at = at;
                self.cancelled_by = Some(text(x.by.as_str()));
                self.cancel_reason = Some(x.reason.clone());
            }
            Event::OrderShipped(x) => {
                self.shipped = true;
                self.shipped_at = self.shipped_at.or(at);
                self.shipments += 1;
                self.pieces_shipped += pieces(&x.lines);
                self.carrier = text_of(x.carrier);
                self.tracking = text_of(x.tracking);
                self.delivered = false;
            }
            Event::ShipmentException(_) => self.exceptions_open += 1,
            Event::ShipmentExceptionResolved(_) => self.exceptions_open -= 1,
            Event::OrderDelivered(x) => {
                self.shipments_delivered += 1;
                self.delivered = self.shipments_delivered >= self.shipments;
                self.delivered_at = self.delivered_at.max(at);
                self.release_due = Some(x.release_due.0);
            }
            Event::ReceiptConfirmed(x) => {
                self.pieces_received += pieces(&x.lines);
                self.confirmed_at = at;
                self.confirmed_by = Some(text(x.by.as_str()));
            }
            Event::OrderCompleted(_) => self.completed_at = at,
            Event::ReviewPosted(x) => {
                self.reviews += 1;
                self.review = Some(i64::from(x.overall));
            }
            Event::ReturnRequested(_) => {
                self.returns += 1;
                self.return_state = Some(text("requested"));
            }
            Event::ReturnAccepted(_) => self.return_state = Some(text("accepted")),
            Event::ReturnRefused(_) => self.return_state = Some(text("refused")),
            Event::GoodsReturned(_) => self.return_state = Some(text("returned")),
            Event::ExchangeRequested(_) => self.exchanges += 1,
            Event::DisputeOpened(x) => {
                self.disputes += 1;
                self.dispute_id = Some(text(x.dispute));
                self.ruled_for = None;
            }
            Event::DisputeRuled(x) => self.ruled_for = Some(text(x.r#for.as_str())),
            _ => {}
        }
        if let Some(state) = super::disputes::state_after(e.event) {
            self.dispute_state = Some(text(state));
        }
    }

    fn place(&mut self, e: &Envelope<'_>, out: &mut Out<TimelineRow>) {
        let Event::OrderPlaced(x) = e.event else { return };
        self.checkout_id = text(x.checkout);
        self.merchant_id = text(x.merchant);
        self.buyer_id = text(x.buyer);
        self.currency = text(x.total.currency.as_str());
        self.sales_channel = text(x.sales_channel);
        self.placed_at = e.occurred_at;
        self.lines = count(x.lines.len());
        self.pieces = x.lines.iter().map(|l| i64::from(l.quantity)).sum();
        self.shipping = x.shipping.minor;
        self.tax = x.tax.as_ref().map_or(0, |t| t.amount.minor);
        self.total = x.total.minor;
        self.goods = self.total;
        out.take(&mut self.goods, self.shipping);
        out.take(&mut self.goods, self.tax);
        self.buyer_pays = x.buyer_pays.minor;
        self.subsidies = 0;
        x.subsidies.iter().for_each(|s| out.add(&mut self.subsidies, s.amount.minor));
        self.fee_schedule_version = i64::from(x.fee_schedule_version);
        self.ship_by = x.promise.as_ref().and_then(|p| p.ship_by).map(|t| t.0);
        self.deliver_by = x.promise.as_ref().and_then(|p| p.deliver_by).map(|t| t.0);
    }

    /// A refund is granted by one event per bearer, one after the other.
    fn grant(&mut self, refund: RefundId, at: Option<i64>) {
        if self.refund_id.as_deref() != Some(refund.as_str()) {
            self.refunds += 1;
            self.refund_id = Some(text(refund));
        }
        self.refunded_at = at;
    }

    fn money(&mut self, e: &Envelope<'_>, out: &mut Out<TimelineRow>) {
        let at = Some(e.occurred_at);
        match e.event {
            Event::EscrowFunded(x) => {
                self.paid = true;
                self.paid_at = self.paid_at.or(at);
                x.parts.iter().for_each(|p| out.add(&mut self.paid_amount, p.amount.minor));
                out.add(&mut self.shortfall, x.shortfall.minor);
            }
            Event::EscrowReleased(x) => {
                self.released_at = at;
                self.pieces_released += x.lines.iter().map(|l| i64::from(l.quantity)).sum::<i64>();
                out.add(&mut self.released, x.to_merchant.minor);
                out.add(&mut self.tax_released, x.tax.as_ref().map_or(0, |t| t.amount.minor));
            }
            Event::EscrowRefunded(x) => {
                self.grant(x.refund, at);
                out.add(&mut self.refunded, x.to_buyer.minor);
                for line in &x.lines {
                    out.add(&mut self.refunded_gross, line.gross.minor);
                    out.add(&mut self.refunded_from_escrow, line.gross.minor);
                }
            }
            Event::RefundIssued(x) => {
                self.grant(x.refund, at);
                out.add(&mut self.refunded, x.to_buyer.minor);
                for share in &x.borne_by {
                    out.add(&mut self.refunded_gross, share.gross.minor);
                    let borne = match share.by {
                        Bearer::Merchant | Bearer::Deposit => &mut self.refunded_by_merchant,
                        Bearer::Platform => &mut self.refunded_by_platform,
                    };
                    out.add(borne, share.gross.minor);
                }
            }
            Event::RefundPaid(x) => {
                x.parts.iter().for_each(|p| out.add(&mut self.refund_paid, p.amount.minor))
            }
            Event::RefundFailed(x) => {
                x.parts.iter().for_each(|p| out.take(&mut self.refund_paid, p.amount.minor));
            }
            Event::CommissionCharged(x) => {
                out.add(&mut self.commission, x.amount.minor);
                out.add(&mut self.commission_vat, x.vat.minor);
            }
            Event::CommissionReversed(x) => {
                out.take(&mut self.commission, x.amount.minor);
                out.take(&mut self.commission_vat, x.vat.minor);
            }
            Event::ChargebackOpened(_) => self.chargebacks_open += 1,
            Event::ChargebackClosed(x) => {
                self.chargebacks_open -= 1;
                if x.outcome == ChargebackOutcome::Lost {
                    out.add(&mut self.charged_back, x.amount.minor);
                }
            }
            _ => {}
        }
        // escrow is what the books say it is
        for entry in e.entries.iter().filter(|x| x.account.name == "Escrow") {
            out.take(&mut self.escrow, entry.amount.minor);
        }
    }
}
