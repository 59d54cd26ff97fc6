//! Rulings: how much is refunded, and who bears it: escrow, then the merchant, then its deposit, then the market.
//!
//! The buyer is refunded at once. Escrow, the merchant and the market give in the same append; the deposit is
//! another stream, so its share is claimed there and refunded here when it has given it.

use super::decide::{Decision, Draft, deadline, refuse};
use super::dispute::ruled;
use super::events::*;
use super::line::Line;
use super::refunds::Take;
use super::split::spread;
use super::state::{Dispute, DisputeStage, Order};
use crate::decider::not_negative;
use crate::time::DAY;
use crate::{CanBear, Code, Context, DisputeId, Money, RefundId, Rejection, Timestamp};

/// What the market decides.
pub(super) struct Ruling {
    pub r#for: RuledFor,
    pub refund: Option<Money>,
    pub penalty: Money,
    pub rule: RuleClause,
    pub reason: String,
}

impl Order {
    pub(super) fn rule(&self, id: DisputeId, ask: Ruling, context: &Context<'_>) -> Decision {
        let dispute = self.live_dispute(id)?;
        if ruled(dispute) {
            return refuse("dispute_ruled", "the dispute is ruled: it may be appealed, not ruled again");
        }
        let runs = dispute.stage == DisputeStage::Opened && context.occurred_at < dispute.answer_due;
        if runs && !context.import {
            let due = dispute.answer_due;
            return refuse(
                "answer_time_runs",
                format!("the other side may answer until {due}: wait or escalate"),
            );
        }
        self.ruling(dispute, ask, context)
    }

    pub(super) fn rule_unanswered(&self, id: DisputeId, due: Timestamp, context: &Context<'_>) -> Decision {
        let dispute = self.known_dispute(id)?;
        // asking the market to rule is no answer
        let waits = matches!(dispute.stage, DisputeStage::Opened | DisputeStage::Escalated);
        let unanswered = waits && !dispute.answered && dispute.ruled_for.is_none();
        if !unanswered || !deadline(due, Some(dispute.answer_due), context)? {
            return Ok(Vec::new());
        }
        let clause = Code::new("unanswered").expect("invariant: the word is a code");
        let ask = Ruling {
            r#for: RuledFor::Buyer,
            refund: None,
            penalty: self.money(0),
            rule: RuleClause { version: 1, clause },
            reason: "not answered in time: the tie goes to the customer".to_owned(),
        };
        self.ruling(dispute, ask, context)
    }

    /// Gross that the ruling grants, before what was refunded since the dispute opened.
    fn granted(&self, dispute: &Dispute, ask: &Ruling) -> Result<i64, Rejection> {
        self.same_currency("penalty", ask.penalty)?;
        not_negative("penalty", ask.penalty)?;
        if let Some(refund) = ask.refund {
            self.same_currency("refund", refund)?;
            not_negative("refund", refund)?;
            if refund.minor > dispute.claim {
                let claim = self.money(dispute.claim);
                return refuse("refund_above_claim", format!("refund is {refund}, the claim {claim}"));
            }
        }
        let asked = ask.refund.map(|r| r.minor);
        match (ask.r#for, asked) {
            (RuledFor::Merchant, Some(1..)) => refuse(
                "refund_to_loser",
                "refund: a ruling for the merchant refunds nothing, split it instead",
            ),
            (RuledFor::Merchant, _) if ask.penalty.minor > 0 => {
                refuse("penalty_without_fault", "penalty: a ruling for the merchant carries none")
            }
            (RuledFor::Merchant, _) => Ok(0),
            (RuledFor::Buyer, asked) => Ok(asked.unwrap_or(dispute.claim)),
            (RuledFor::Split, Some(asked @ 1..)) => Ok(asked),
            (RuledFor::Split, _) => refuse("refund_missing", "refund: a split says how much is refunded"),
        }
    }

    fn ruling(&self, dispute: &Dispute, ask: Ruling, context: &Context<'_>) -> Decision {
        let granted = self.granted(dispute, &ask)?;
        if granted > 0 {
            self.no_chargeback()?;
        }
        let id = dispute.id;
        let of_dispute = |of: &dyn Fn(&Line) -> i64| -> Vec<i64> {
            let lines = self.lines.iter().enumerate();
            lines.map(|(at, l)| if Self::disputed(dispute, at) { of(l) } else { 0 }).collect()
        };
        let worth = of_dispute(&Self::line_worth).iter().sum::<i64>() - dispute.deposit_share;
        let counted = dispute.refunded_since + dispute.deposit_share;
        let refund = (granted - counted).clamp(0, worth.max(0));
        let in_escrow = of_dispute(&|l| l.escrow.left());
        let from_escrow = refund.min(in_escrow.iter().sum());
        let (from_merchant, from_deposit, from_platform) =
            self.waterfall(refund - from_escrow, context.facts.can_bear.as_ref());

        let mut draft = Draft::new(self, context);
        let reason = ask.reason;
        draft.push(DisputeRuled {
            dispute: id,
            r#for: ask.r#for,
            refund: self.money(refund),
            penalty: ask.penalty,
            from_escrow: self.money(from_escrow),
            from_merchant: self.money(from_merchant),
            from_deposit: self.money(from_deposit),
            from_platform: self.money(from_platform),
            rule: ask.rule,
            reason: reason.clone(),
            reads: context.facts.reads.clone(),
            appeal_due: context.occurred_at.plus(DAY * i64::from(context.policy.appeal_days)),
            by: Some(context.actor),
        });
        // the refund of a ruling goes by the dispute's id
        let refund = RefundId::new(id.as_str()).expect("invariant: a dispute id is a refund id");
        let takes = takes(from_escrow, &in_escrow);
        if !takes.is_empty() {
            draft.refund_escrow(refund, &takes, &reason, Some(id));
        }
        for (by, share) in [(Bearer::Merchant, from_merchant), (Bearer::Platform, from_platform)] {
            let order = &draft.order;
            let lines = order.lines.iter().enumerate();
            let left = lines.map(|(at, l)| match Self::disputed(dispute, at) {
                true => l.refundable_after(),
                false => 0,
            });
            let takes = self::takes(share, &left.collect::<Vec<_>>());
            if !takes.is_empty() {
                draft.refund_released(refund, &takes, by, &reason, Some(id));
            }
        }
        draft.settle();
        Ok(draft.events)
    }

    /// Who bears what is left after escrow. Where nothing is known of what the merchant can bear (an import), it
    /// bears all; in another currency it can bear nothing.
    fn waterfall(&self, left: i64, can_bear: Option<&CanBear>) -> (i64, i64, i64) {
        let Some(can_bear) = can_bear else { return (left, 0, 0) };
        let currency = self.money(0).currency;
        let most = |m: Money| if m.currency == currency { m.minor.max(0) } else { 0 };
        let merchant = left.min(most(can_bear.merchant));
        let deposit = (left - merchant).min(most(can_bear.deposit));
        (merchant, deposit, left - merchant - deposit)
    }

    /// What the merchant can bear of a chargeback: its balance, and what its deposit makes good.
    pub(super) fn merchant_bears(&self, left: i64, context: &Context<'_>) -> (i64, i64) {
        let (merchant, deposit, _) = self.waterfall(left, context.facts.can_bear.as_ref());
        (merchant, deposit)
    }
}

/// An amount by line, in proportion to what each can give.
fn takes(amount: i64, left: &[i64]) -> Vec<Take> {
    let shares = spread(amount, left).into_iter().enumerate();
    shares.filter(|(_, share)| *share > 0).map(|(at, share)| (at, share, 0)).collect()
}
