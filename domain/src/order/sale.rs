//! The sale: review, cancellation, shipment, delivery.

use super::decide::{Decision, Draft, deadline, refuse};
use super::events::*;
use super::split::pieces;
use super::state::{Order, Shipment};
use crate::decider::not_negative;
use crate::time::DAY;
use crate::{Code, Context, Money, Reference, RefundId, Rejection, ReviewId, ShipmentId, Timestamp};

impl Order {
    fn not_over(&self) -> Result<(), Rejection> {
        if self.cancelled() {
            return refuse("order_cancelled", "the order is cancelled");
        }
        if self.completed {
            return refuse("order_completed", "the order is completed");
        }
        Ok(())
    }

    pub(super) fn hold(&self, reason: &str) -> Decision {
        self.not_over()?;
        if self.held {
            return Ok(Vec::new());
        }
        if !self.shipments.is_empty() {
            return refuse("order_shipped", "the order has shipped: open a dispute instead of holding it");
        }
        Ok(vec![OrderHeld { reason: reason.to_owned() }.into()])
    }

    pub(super) fn accept(&self, context: &Context<'_>) -> Decision {
        self.not_over()?;
        if self.accepted && !self.held {
            return Ok(Vec::new());
        }
        Ok(vec![OrderAccepted { by: context.actor }.into()])
    }

    /// Pieces not sent, and those that were lost. History may cancel what was sent or even delivered.
    fn cancellable(&self, at: usize, import: bool) -> u32 {
        let line = &self.lines[at];
        if import {
            return line.pieces();
        }
        let unsent = line.quantity.saturating_sub(line.cancelled + line.shipped);
        (unsent + self.lost_pieces(at)).min(line.pieces())
    }

    pub(super) fn cancel(
        &self,
        lines: Option<&[LineQuantity]>,
        by: CancelledBy,
        reason: &str,
        refund: RefundId,
        context: &Context<'_>,
    ) -> Decision {
        if self.cancelled() {
            return Ok(Vec::new());
        }
        self.not_over()?;
        self.no_chargeback()?;
        let lines = self.select(lines, "not_cancellable", |at, _| self.cancellable(at, context.import))?;
        if lines.is_empty() {
            return refuse(
                "not_cancellable",
                "nothing can be cancelled: what was sent is returned or refunded",
            );
        }
        let pieces_asked: u64 = lines.iter().map(|l| u64::from(l.quantity)).sum();
        let pieces_open: u64 = self.lines.iter().map(|l| u64::from(l.pieces())).sum();
        if !self.funded && pieces_asked < pieces_open {
            let message = "an unpaid order is cancelled whole: place another without these pieces";
            return refuse("cancel_whole_before_payment", message);
        }
        let alone = !self.funded || self.held || self.ship_due.is_none_or(|due| context.occurred_at >= due);
        let all_lost = lines.iter().all(|l| {
            let lost = self.line_at(l.line).map_or(0, |at| self.lost_pieces(at));
            l.quantity <= lost
        });
        if by == CancelledBy::Buyer && !alone && !all_lost && !context.import {
            let due = self.ship_due.unwrap_or(context.occurred_at);
            let message = format!("before {due} a paid order is cancelled by its merchant: ask the merchant");
            return refuse("cancel_needs_merchant", message);
        }
        let mut draft = Draft::new(self, context);
        draft.push(OrderCancelled { lines: lines.clone(), by, reason: reason.to_owned() });
        if self.funded {
            let takes = lines.iter().filter_map(|l| {
                let at = self.line_at(l.line)?;
                let line = &self.lines[at];
                let left = line.escrow.left();
                Some((at, pieces(left, l.quantity, line.pieces() - l.quantity), 0))
            });
            let takes: Vec<_> = takes.filter(|(_, gross, _)| *gross > 0).collect();
            if !takes.is_empty() {
                self.new_refund(refund, None)?;
                draft.refund_escrow(refund, &takes, reason, None);
            }
        }
        draft.settle();
        Ok(draft.events)
    }

    pub(super) fn cancel_unfunded(&self, due: Timestamp, context: &Context<'_>) -> Decision {
        let funding_due = self.head.as_ref().and_then(|h| h.funding_due);
        if self.funded || self.cancelled() || !deadline(due, funding_due, context)? {
            return Ok(Vec::new());
        }
        let lines = self.select(None, "not_cancellable", |_, l| l.pieces())?;
        let reason = "not paid in time".to_owned();
        Ok(vec![OrderCancelled { lines, by: CancelledBy::Timeout, reason }.into()])
    }

    pub(super) fn ship(
        &self,
        shipment: ShipmentId,
        lines: Option<&[LineQuantity]>,
        (mode, carrier, tracking): (ShippingMode, Option<Code>, Option<Reference>),
        context: &Context<'_>,
    ) -> Decision {
        self.not_over()?;
        if self.shipments.iter().any(|s| s.id == shipment) {
            return refuse("shipment_exists", format!("shipment {shipment} is known: give each its own id"));
        }
        if !context.import {
            if self.held {
                return refuse("order_held", "the order is held for review: accept it first");
            }
            if !self.funded {
                return refuse(
                    "order_not_funded",
                    "nothing ships before it is paid: capture the payment of its checkout first",
                );
            }
            self.no_chargeback()?;
        }
        let lines = self.select(lines, "not_shippable", |_, l| l.shippable())?;
        if lines.is_empty() {
            return refuse("not_shippable", "nothing is left to ship");
        }
        Ok(vec![OrderShipped { shipment, lines, mode, carrier, tracking }.into()])
    }

    fn known_shipment(&self, id: ShipmentId) -> Result<&Shipment, Rejection> {
        match self.shipments.iter().find(|s| s.id == id) {
            Some(shipment) => Ok(shipment),
            None => refuse("shipment_unknown", format!("shipment {id} is not of this order: ship it first")),
        }
    }

    pub(super) fn clear_customs(
        &self,
        shipment: ShipmentId,
        duty: Option<Money>,
        paid_by: Option<PaidBy>,
    ) -> Decision {
        self.known_shipment(shipment)?;
        if let Some(duty) = duty {
            not_negative("duty", duty)?;
        }
        Ok(vec![CustomsCleared { shipment, duty, paid_by }.into()])
    }

    pub(super) fn deliver(&self, shipment: ShipmentId, context: &Context<'_>) -> Decision {
        match self.known_shipment(shipment) {
            Ok(known) if known.delivered => return Ok(Vec::new()),
            Ok(_) => {}
            // history may know when it arrived and not when it was sent
            Err(_) if context.import => self.not_over()?,
            Err(unknown) => return Err(unknown),
        }
        let release_due = context.occurred_at.plus(DAY * i64::from(context.policy.release_after_days));
        Ok(vec![OrderDelivered { shipment, release_due }.into()])
    }

    pub(super) fn refuse_receipt(&self, lines: Option<&[LineQuantity]>, reason: &str) -> Decision {
        self.not_over()?;
        let lines = self.select(lines, "not_receivable", |_, l| l.shipped.saturating_sub(l.received))?;
        if lines.is_empty() {
            return refuse("not_receivable", "nothing is on its way: what was accepted is returned instead");
        }
        Ok(vec![ReceiptRefused { lines, reason: reason.to_owned() }.into()])
    }

    pub(super) fn report_exception(
        &self,
        shipment: ShipmentId,
        kind: ExceptionKind,
        detail: Option<String>,
    ) -> Decision {
        self.not_over()?;
        let known = self.known_shipment(shipment)?;
        if known.exception == Some(kind) {
            return Ok(Vec::new());
        }
        if known.delivered && kind == ExceptionKind::Lost {
            return refuse("shipment_delivered", "a shipment that was delivered is not lost: open a dispute");
        }
        Ok(vec![ShipmentException { shipment, kind, detail }.into()])
    }

    pub(super) fn resolve_exception(
        &self,
        shipment: ShipmentId,
        resolution: &str,
        context: &Context<'_>,
    ) -> Decision {
        if self.known_shipment(shipment)?.exception.is_none() {
            return Ok(Vec::new());
        }
        let mut draft = Draft::new(self, context);
        draft.push(ShipmentExceptionResolved { shipment, resolution: resolution.to_owned() });
        draft.thaw(context);
        Ok(draft.events)
    }

    pub(super) fn post_review(&self, review: ReviewId, overall: u8, others: [Option<u8>; 3]) -> Decision {
        if self.reviews.contains(&review) {
            return Ok(Vec::new());
        }
        let [goods, service, delivery] = others;
        let scores =
            [("overall", Some(overall)), ("goods", goods), ("service", service), ("delivery", delivery)];
        for (field, score) in scores {
            if score.is_some_and(|s| !(1..=5).contains(&s)) {
                return refuse("score_out_of_range", format!("{field}: a score is 1, 2, 3, 4 or 5"));
            }
        }
        Ok(vec![ReviewPosted { review, overall, goods, service, delivery }.into()])
    }
}
