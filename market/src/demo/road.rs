//! The road that an order takes from its story: shipments, cancellations, refunds, returns, exchanges.

use daybook_domain::order::commands::{OrderCommand, Place, RefundOf};
use daybook_domain::order::events::{
    Bearer, CancelledBy, DisputeCategory, ExceptionKind, LineQuantity, RuledFor,
};
use daybook_domain::time::{DAY, SECOND};
use daybook_domain::{OrderId, Timestamp};
use rand::Rng;

use super::basket::goods;
use super::basket::{Basket, HOUR};
use super::story::Story;
use super::text;

impl Basket<'_> {
    pub(super) fn tell(&mut self, order: OrderId, story: Story, place: &Place, paid: Timestamp) {
        let first = LineQuantity { line: place.lines[0].line, quantity: place.lines[0].quantity };
        match story {
            Story::InParts if place.lines.len() > 1 => self.in_parts(order, first, paid),
            Story::Plain | Story::InParts | Story::PaidTooMuch | Story::PaidTwice => {
                let delivered = self.ship_and_deliver(paid, order);
                self.receive(delivered, order, false);
            }
            Story::NeverPaid | Story::PaidTooLate => {}
            Story::Late => {
                let shipped = paid.plus(DAY);
                self.ship(shipped, order, "s1", None);
                self.exception(shipped.plus_days(4), order, ExceptionKind::Delayed);
                self.order(
                    shipped.plus_days(7),
                    order,
                    OrderCommand::ResolveException { shipment: text("s1"), resolution: "found".into() },
                );
                self.deliver(shipped.plus_days(8), order, "s1");
                self.receive(shipped.plus_days(8), order, true);
            }
            Story::Lost => {
                self.ship(paid.plus(DAY), order, "s1", None);
                self.exception(paid.plus_days(9), order, ExceptionKind::Lost);
                self.cancel(paid.plus_days(10), order, None, CancelledBy::Market, "parcel lost");
            }
            Story::RefusedAtDoor => {
                let delivered = self.ship_and_deliver(paid, order);
                self.order(
                    delivered.plus(600 * SECOND),
                    order,
                    OrderCommand::RefuseReceipt { lines: None, reason: "box open".into() },
                );
                self.cancel(delivered.plus(DAY), order, None, CancelledBy::Market, "refused at the door");
            }
            Story::Cancelled => {
                let at = paid.plus(self.within(1));
                // the buyer may cancel alone only when shipping is overdue
                self.cancel(at, order, None, CancelledBy::Merchant, "the buyer changed their mind");
            }
            Story::PartlyCancelled => {
                self.cancel(paid.plus(HOUR), order, Some(vec![first]), CancelledBy::Merchant, "out of stock");
                if place.lines.len() > 1 {
                    let delivered = self.ship_and_deliver(paid.plus(2 * HOUR), order);
                    self.receive(delivered, order, true);
                }
            }
            Story::HeldForReview => {
                self.order(
                    paid.plus(60 * SECOND),
                    order,
                    OrderCommand::Hold { reason: "unusual amount".into() },
                );
                self.order(paid.plus(5 * HOUR), order, OrderCommand::Accept {});
                let delivered = self.ship_and_deliver(paid.plus(6 * HOUR), order);
                self.receive(delivered, order, false);
            }
            Story::PriceAdjusted => {
                let amount = self.money((goods(&place.lines[0]) / 10).max(1));
                self.order(
                    paid.plus(3 * HOUR),
                    order,
                    OrderCommand::RefundEscrow {
                        refund: text("rf-price"),
                        of: RefundOf::Amount(amount),
                        reason: "price protection".into(),
                    },
                );
                let delivered = self.ship_and_deliver(paid.plus(4 * HOUR), order);
                self.receive(delivered, order, true);
            }
            Story::RefundedAfter | Story::Goodwill => {
                let delivered = self.ship_and_deliver(paid, order);
                let released = self.receive(delivered, order, true);
                let borne_by = if story == Story::Goodwill { Bearer::Platform } else { Bearer::Merchant };
                let amount = self.money((goods(&place.lines[0]) / 5).max(1));
                self.order(
                    released.plus_days(2),
                    order,
                    OrderCommand::IssueRefund {
                        refund: text("rf-after"),
                        of: RefundOf::Amount(amount),
                        borne_by,
                        reason: "small damage".into(),
                        dispute: None,
                    },
                );
            }
            Story::Returned => self.returned(order, first, paid, true),
            Story::ReturnRefused => self.returned(order, first, paid, false),
            Story::Exchanged => self.exchanged(order, first, paid),
            Story::ChargebackWon
            | Story::ChargebackLost
            | Story::ChargebackAfterRelease
            | Story::ChargebackAfterRefund => self.charged_back(order, story, place, paid),
            _ => self.disputed(order, story, paid),
        }
    }

    pub(super) fn in_parts(&mut self, order: OrderId, first: LineQuantity, paid: Timestamp) {
        self.ship(paid.plus(DAY), order, "s1", Some(vec![first]));
        self.ship(paid.plus(2 * DAY), order, "s2", None);
        self.deliver(paid.plus(4 * DAY), order, "s1");
        self.deliver(paid.plus(5 * DAY + HOUR), order, "s2");
        self.receive(paid.plus(5 * DAY + HOUR), order, true);
    }

    pub(super) fn exception(&mut self, at: Timestamp, order: OrderId, kind: ExceptionKind) {
        self.order(at, order, OrderCommand::ReportException { shipment: text("s1"), kind, detail: None });
    }

    pub(super) fn cancel(
        &mut self,
        at: Timestamp,
        order: OrderId,
        lines: Option<Vec<LineQuantity>>,
        by: CancelledBy,
        reason: &str,
    ) {
        let command = OrderCommand::Cancel { lines, by, reason: reason.into(), refund: text("rf-cancel") };
        self.order(at, order, command);
    }

    pub(super) fn returned(&mut self, order: OrderId, first: LineQuantity, paid: Timestamp, accepted: bool) {
        let delivered = self.ship_and_deliver(paid, order);
        let released = self.receive(delivered, order, true);
        let asked = released.plus_days(1);
        self.order(
            asked,
            order,
            OrderCommand::RequestReturn {
                r#return: text("rt-1"),
                lines: Some(vec![first.clone()]),
                reason: "does not fit".into(),
            },
        );
        if !accepted {
            self.order(
                asked.plus_days(1),
                order,
                OrderCommand::RefuseReturn { r#return: text("rt-1"), reason: "worn".into() },
            );
            self.dispute(asked.plus_days(2), order, DisputeCategory::Quality);
            self.answer(asked.plus_days(3), order);
            self.rule(asked.plus_days(4), order, RuledFor::Merchant, 0);
            return;
        }
        if self.rng.random_range(0..3) > 0 {
            self.order(asked.plus(6 * HOUR), order, OrderCommand::AcceptReturn { r#return: text("rt-1") });
        }
        let back = asked.plus_days(5);
        self.order(back, order, OrderCommand::RecordGoodsReturned { r#return: text("rt-1"), lines: None });
        self.order(
            back.plus(HOUR),
            order,
            OrderCommand::IssueRefund {
                refund: text("rf-return"),
                of: RefundOf::Pieces(vec![first]),
                borne_by: Bearer::Merchant,
                reason: "goods returned".into(),
                dispute: None,
            },
        );
    }

    pub(super) fn exchanged(&mut self, order: OrderId, first: LineQuantity, paid: Timestamp) {
        let delivered = self.ship_and_deliver(paid, order);
        let released = self.receive(delivered, order, true);
        self.order(
            released.plus_days(1),
            order,
            OrderCommand::RequestExchange {
                exchange: text("ex-1"),
                lines: Some(vec![first]),
                reason: "wrong size".into(),
            },
        );
        let tracking = format!("SF{}X", &order.as_str()[2..]);
        self.order(
            released.plus_days(3),
            order,
            OrderCommand::ShipExchange {
                exchange: text("ex-1"),
                shipment: text("x1"),
                carrier: Some(text("sf-express")),
                tracking: Some(text(&tracking)),
            },
        );
    }
}
