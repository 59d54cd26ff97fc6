//! What goes wrong between buyer and merchant, or with the buyer's bank: disputes and chargebacks.

use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::order::commands::{OrderCommand, Place, RefundOf};
use daybook_domain::order::events::{
    Bearer, DisputeCategory, DisputeParty, LineQuantity, RuleClause, RuledFor,
};
use daybook_domain::time::DAY;
use daybook_domain::{DisputeId, OrderId, Timestamp};
use rand::seq::IndexedRandom;

use super::basket::buyer_pays;
use super::basket::{Basket, HOUR};
use super::story::Story;
use super::text;

impl Basket<'_> {
    pub(super) fn dispute_id(order: OrderId) -> DisputeId {
        text(&format!("d-{order}"))
    }

    pub(super) fn dispute(&mut self, at: Timestamp, order: OrderId, category: DisputeCategory) {
        self.order(
            at,
            order,
            OrderCommand::OpenDispute {
                dispute: Self::dispute_id(order),
                by: DisputeParty::Buyer,
                category,
                claim: None,
                lines: None,
                detail: None,
            },
        );
    }

    pub(super) fn answer(&mut self, at: Timestamp, order: OrderId) {
        let dispute = Self::dispute_id(order);
        self.order(
            at,
            order,
            OrderCommand::AnswerDispute {
                dispute,
                by: DisputeParty::Merchant,
                answer: Some("as described".into()),
            },
        );
        self.order(
            at.plus(HOUR),
            order,
            OrderCommand::SubmitEvidence {
                dispute,
                by: DisputeParty::Merchant,
                document_ref: text(&format!("photo/{order}")),
            },
        );
        self.order(
            at.plus(2 * HOUR),
            order,
            OrderCommand::EscalateDispute { dispute, by: DisputeParty::Buyer },
        );
    }

    pub(super) fn rule(&mut self, at: Timestamp, order: OrderId, r#for: RuledFor, penalty: i64) {
        let refund = (r#for == RuledFor::Split).then(|| self.money(500));
        self.order(
            at,
            order,
            OrderCommand::RuleDispute {
                dispute: Self::dispute_id(order),
                r#for,
                refund,
                penalty: self.money(penalty),
                rule: RuleClause { version: 1, clause: text("goods-4.2") },
                reason: "evidence weighed".into(),
            },
        );
    }

    pub(super) fn disputed(&mut self, order: OrderId, story: Story, paid: Timestamp) {
        let delivered = self.ship_and_deliver(paid, order);
        let after = matches!(story, Story::DisputeAfterRelease | Story::AppealUpheld | Story::AppealReversed);
        let opened =
            if after { self.receive(delivered, order, true).plus_days(3) } else { delivered.plus(DAY) };
        let category = *DisputeCategory::ALL.choose(self.rng).unwrap_or(&DisputeCategory::Other);
        self.dispute(opened, order, category);
        if story == Story::DisputeUnanswered {
            return;
        }
        if story == Story::DisputeWithdrawn {
            let dispute = Self::dispute_id(order);
            self.order(
                opened.plus_days(1),
                order,
                OrderCommand::WithdrawDispute { dispute, by: DisputeParty::Buyer },
            );
            self.receive(opened.plus_days(2), order, true);
            return;
        }
        self.answer(opened.plus_days(1), order);
        let ruled = opened.plus_days(2);
        match story {
            Story::DisputeForMerchant => self.rule(ruled, order, RuledFor::Merchant, 0),
            Story::DisputeSplit => self.rule(ruled, order, RuledFor::Split, 0),
            Story::DisputeForBuyer => self.rule(ruled, order, RuledFor::Buyer, 5_000),
            _ => self.rule(ruled, order, RuledFor::Buyer, 0),
        }
        let dispute = Self::dispute_id(order);
        if matches!(story, Story::AppealUpheld | Story::AppealReversed) {
            self.order(
                ruled.plus_days(1),
                order,
                OrderCommand::AppealDispute {
                    dispute,
                    by: DisputeParty::Merchant,
                    reason: "new evidence".into(),
                },
            );
            let reason = "looked at again".to_owned();
            let end = if story == Story::AppealUpheld {
                OrderCommand::UpholdRuling { dispute, reason }
            } else {
                OrderCommand::ReverseRuling { dispute, reason }
            };
            self.order(ruled.plus_days(3), order, end);
        }
    }

    pub(super) fn charged_back(&mut self, order: OrderId, story: Story, place: &Place, paid: Timestamp) {
        let chargeback = text(&format!("cb-{order}"));
        let delivered = self.ship_and_deliver(paid, order);
        let received = match story {
            Story::ChargebackLost | Story::ChargebackWon => delivered.plus(DAY),
            Story::ChargebackAfterRefund => {
                let released = self.receive(delivered, order, true);
                let first = LineQuantity { line: place.lines[0].line, quantity: place.lines[0].quantity };
                self.order(
                    released.plus_days(1),
                    order,
                    OrderCommand::IssueRefund {
                        refund: text("rf-before"),
                        of: RefundOf::Pieces(vec![first]),
                        borne_by: Bearer::Merchant,
                        reason: "asked for it".into(),
                        dispute: None,
                    },
                );
                released.plus_days(5)
            }
            _ => self.receive(delivered, order, true).plus_days(5),
        };
        // vouchers stand outside: the bank takes back what went by its own payment
        let amount = buyer_pays(place).minor;
        let amount = self.money(if amount > 10_000 { amount - 5_000 } else { amount });
        self.checkout(
            received,
            CheckoutCommand::ReceiveChargeback {
                chargeback,
                payment: text("main"),
                amount,
                reason: "cardholder does not recognise".into(),
                fee: Some(self.money(1_500)),
                round: 1,
            },
        );
        let end = if story == Story::ChargebackWon {
            CheckoutCommand::WinChargeback { chargeback, round: 1 }
        } else {
            CheckoutCommand::LoseChargeback { chargeback, round: 1 }
        };
        self.checkout(received.plus_days(12), end);
    }
}
