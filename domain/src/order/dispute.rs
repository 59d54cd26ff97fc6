//! Disputes: opening, answering, appeal, closing. How a ruling is borne stands in `ruling`.

use super::decide::{Decision, Draft, deadline, refuse};
use super::events::*;
use super::line::Line;
use super::state::{Dispute, DisputeStage, Order};
use crate::decider::positive;
use crate::time::DAY;
use crate::{Context, DisputeId, Money, Reference, Rejection, Timestamp};

impl Order {
    pub(super) fn known_dispute(&self, id: DisputeId) -> Result<&Dispute, Rejection> {
        match self.disputes.iter().find(|d| d.id == id) {
            Some(dispute) => Ok(dispute),
            None => refuse("dispute_unknown", format!("dispute {id} is not of this order: open it first")),
        }
    }

    pub(super) fn live_dispute(&self, id: DisputeId) -> Result<&Dispute, Rejection> {
        let dispute = self.known_dispute(id)?;
        if dispute.open() {
            return Ok(dispute);
        }
        refuse("dispute_closed", "the dispute is closed: open another while after-sales last")
    }

    pub(super) fn open_a_dispute(
        &self,
        id: DisputeId,
        (by, category): (DisputeParty, DisputeCategory),
        claim: Option<Money>,
        (lines, detail): (Option<&[LineQuantity]>, &Option<String>),
        context: &Context<'_>,
    ) -> Decision {
        if self.disputes.iter().any(|d| d.id == id) {
            return refuse("dispute_exists", format!("dispute {id} is known: give each its own id"));
        }
        if let Some(open) = self.open_dispute() {
            let open = open.id;
            return refuse("dispute_open", format!("dispute {open} is open: add evidence to it"));
        }
        if !self.funded {
            return refuse("order_not_funded", "nothing was paid: cancel the order instead");
        }
        if self.cancelled() {
            return refuse("order_cancelled", "the order is cancelled and refunded");
        }
        let over = self.completed || self.after_sales_until.is_some_and(|u| context.occurred_at > u);
        if over && !context.import {
            return refuse("after_sales_over", "the after-sales window is over: ask the market for goodwill");
        }
        let lines = self.select(lines, "not_disputable", |_, l| l.quantity - l.cancelled)?;
        let worth = |l: &LineQuantity| {
            let line = self.line_at(l.line).map(|at| &self.lines[at]);
            line.map_or(0, |l| l.escrow.left() + l.refundable_after())
        };
        let worth: i64 = lines.iter().map(worth).sum();
        let claim = claim.unwrap_or(self.money(worth));
        self.same_currency("claim", claim)?;
        positive("claim", claim)?;
        if claim.minor > worth && !context.import {
            let message = format!("claim is {claim}, what is left of the lines {}", self.money(worth));
            return refuse("claim_above_sale", message);
        }
        let answer_due = context.occurred_at.plus(DAY * i64::from(context.policy.dispute_answer_days));
        let detail = detail.clone();
        Ok(vec![DisputeOpened { dispute: id, by, category, claim, lines, answer_due, detail }.into()])
    }

    pub(super) fn submit_evidence(&self, id: DisputeId, by: DisputeParty, document: Reference) -> Decision {
        self.live_dispute(id)?;
        Ok(vec![EvidenceSubmitted { dispute: id, by, document_ref: document }.into()])
    }

    pub(super) fn answer(&self, id: DisputeId, by: DisputeParty, answer: Option<String>) -> Decision {
        let dispute = self.live_dispute(id)?;
        if by == dispute.by {
            return refuse(
                "answer_by_opener",
                format!("by: the other side answers, {by} opened the dispute"),
            );
        }
        if ruled(dispute) {
            return refuse("dispute_ruled", "the dispute is ruled: appeal instead");
        }
        if dispute.answered {
            return Ok(Vec::new());
        }
        Ok(vec![DisputeAnswered { dispute: id, by, answer }.into()])
    }

    pub(super) fn escalate(&self, id: DisputeId, by: DisputeParty) -> Decision {
        let dispute = self.live_dispute(id)?;
        if ruled(dispute) {
            return refuse("dispute_ruled", "the dispute is ruled: appeal instead");
        }
        if dispute.stage == DisputeStage::Escalated {
            return Ok(Vec::new());
        }
        Ok(vec![DisputeEscalated { dispute: id, by }.into()])
    }

    pub(super) fn appeal(
        &self,
        id: DisputeId,
        by: DisputeParty,
        reason: &str,
        context: &Context<'_>,
    ) -> Decision {
        let dispute = self.live_dispute(id)?;
        match dispute.stage {
            DisputeStage::Ruled => {}
            DisputeStage::Appealed if dispute.appealed_by == Some(by) => return Ok(Vec::new()),
            DisputeStage::Appealed => return refuse("appeal_open", "the other side has appealed already"),
            _ => return refuse("dispute_not_ruled", "there is no ruling to appeal against"),
        }
        let lost = match dispute.ruled_for {
            Some(RuledFor::Buyer) => by == DisputeParty::Merchant,
            Some(RuledFor::Merchant) => by == DisputeParty::Buyer,
            _ => by != DisputeParty::Market,
        };
        if !lost {
            return refuse("appeal_by_winner", format!("by: the ruling is not against {by}"));
        }
        if dispute.appeal_due.is_some_and(|due| context.occurred_at > due) && !context.import {
            return refuse("appeal_lapsed", "the time to appeal is over");
        }
        let answer_due = context.occurred_at.plus(DAY * i64::from(context.policy.dispute_answer_days));
        Ok(vec![DisputeAppealed { dispute: id, by, reason: reason.to_owned(), answer_due }.into()])
    }

    fn appealed(&self, id: DisputeId) -> Result<&Dispute, Rejection> {
        let dispute = self.live_dispute(id)?;
        if dispute.stage == DisputeStage::Appealed {
            return Ok(dispute);
        }
        refuse("not_appealed", "nobody has appealed: the ruling stands by itself")
    }

    pub(super) fn uphold(&self, id: DisputeId, reason: &str, context: &Context<'_>) -> Decision {
        self.appealed(id)?;
        let mut draft = Draft::new(self, context);
        draft.push(RulingUpheld { dispute: id, reason: reason.to_owned() });
        draft.close(id, context);
        Ok(draft.events)
    }

    /// A merchant's appeal: it and its deposit get back, from the market, what the ruling cost them, net of the tax
    /// and commission they were spared. A buyer's appeal: nothing to give back, and the market rules anew.
    pub(super) fn reverse(&self, id: DisputeId, reason: &str, context: &Context<'_>) -> Decision {
        let dispute = self.appealed(id)?;
        if dispute.deposit_share > 0 {
            return refuse("ruling_unpaid", "the deposit's share is not refunded yet: wait until it is");
        }
        let for_merchant = dispute.appealed_by == Some(DisputeParty::Merchant);
        let (to_merchant, to_deposit, penalty) = self.cost_of_rulings(dispute);
        let mut draft = Draft::new(self, context);
        let reason = reason.to_owned();
        let penalty_back = Some(penalty).filter(|penalty| !penalty.is_zero());
        draft.push(RulingReversed { dispute: id, to_merchant, to_deposit, reason, penalty_back });
        if for_merchant {
            draft.close(id, context);
        }
        Ok(draft.events)
    }

    /// What an appeal that succeeds gives back to the merchant and to its deposit, and of penalties; nothing where the
    /// buyer appealed.
    pub(super) fn cost_of_rulings(&self, dispute: &Dispute) -> (Money, Money, Money) {
        let for_merchant = dispute.appealed_by == Some(DisputeParty::Merchant);
        let back = |bore: i64| self.money(if for_merchant { bore.max(0) } else { 0 });
        (back(dispute.merchant_bore), back(dispute.deposit_bore), back(dispute.penalty))
    }

    pub(super) fn withdraw(&self, id: DisputeId, by: DisputeParty, context: &Context<'_>) -> Decision {
        let dispute = self.known_dispute(id)?;
        if !dispute.open() {
            return Ok(Vec::new());
        }
        if by != dispute.by {
            return refuse(
                "withdraw_by_other",
                format!("by: {} opened the dispute and withdraws it", dispute.by),
            );
        }
        if ruled(dispute) {
            return refuse("dispute_ruled", "the dispute is ruled: it closes when the appeal lapses");
        }
        let mut draft = Draft::new(self, context);
        draft.push(DisputeWithdrawn { dispute: id });
        draft.close(id, context);
        Ok(draft.events)
    }

    pub(super) fn close_dispute(
        &self,
        id: DisputeId,
        due: Option<Timestamp>,
        context: &Context<'_>,
    ) -> Decision {
        let dispute = self.known_dispute(id)?;
        if !dispute.open() {
            return Ok(Vec::new());
        }
        if dispute.stage != DisputeStage::Ruled {
            if due.is_some() {
                return Ok(Vec::new());
            }
            return refuse("dispute_not_ruled", "an open dispute is ruled or withdrawn before it closes");
        }
        match due {
            Some(due) if !deadline(due, dispute.appeal_due, context)? => return Ok(Vec::new()),
            None if !context.import && dispute.appeal_due.is_some_and(|d| context.occurred_at < d) => {
                return refuse(
                    "appeal_time_runs",
                    "the ruling may still be appealed: wait until that lapses",
                );
            }
            _ => {}
        }
        let mut draft = Draft::new(self, context);
        draft.close(id, context);
        Ok(draft.events)
    }

    /// Whether a line belongs to the dispute.
    pub(super) fn disputed(dispute: &Dispute, at: usize) -> bool {
        dispute.lines.contains(&(at as u16))
    }

    pub(super) fn line_worth(line: &Line) -> i64 {
        line.escrow.left() + line.refundable_after()
    }
}

pub(super) fn ruled(dispute: &Dispute) -> bool {
    matches!(dispute.stage, DisputeStage::Ruled | DisputeStage::Appealed)
}

impl Draft {
    fn close(&mut self, id: DisputeId, context: &Context<'_>) {
        self.push(DisputeClosed { dispute: id });
        self.thaw(context);
    }
}
