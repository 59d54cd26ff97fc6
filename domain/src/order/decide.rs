//! Which decision a command asks for, and what all decisions share.

use super::commands::OrderCommand as C;
use super::events::{ChargebackOutcome, LineQuantity};
use super::line::Line;
use super::state::Order;
use crate::decider::{Aggregate, said};
use crate::{Context, Event, HoldId, LineId, Money, OrderId, Read, Refs, Rejection, Timestamp};

/// What a decision ends in.
pub(super) type Decision = Result<Vec<Event>, Rejection>;

/// Why, with what to do about it.
pub(super) fn refuse<T>(code: &'static str, message: impl Into<String>) -> Result<T, Rejection> {
    Err(Rejection::new(code, message.into()))
}

/// Refuses free text that says nothing or too much. What a bank or a provider said is a fact and taken as it came, and so is all that
/// history says.
fn check_text(command: &C) -> Result<(), Rejection> {
    match command {
        C::Hold { reason }
        | C::Cancel { reason, .. }
        | C::RefuseReceipt { reason, .. }
        | C::RefundEscrow { reason, .. }
        | C::IssueRefund { reason, .. }
        | C::RerouteRefund { reason, .. }
        | C::RequestReturn { reason, .. }
        | C::RefuseReturn { reason, .. }
        | C::RequestExchange { reason, .. }
        | C::RefuseExchange { reason, .. }
        | C::RuleDispute { reason, .. }
        | C::AppealDispute { reason, .. }
        | C::UpholdRuling { reason, .. }
        | C::ReverseRuling { reason, .. } => said("reason", reason),
        C::ResolveException { resolution, .. } => said("resolution", resolution),
        C::ReportException { detail: Some(detail), .. } | C::OpenDispute { detail: Some(detail), .. } => {
            said("detail", detail)
        }
        C::AnswerDispute { answer: Some(answer), .. } => said("answer", answer),
        _ => Ok(()),
    }
}

/// Events decided so far, and the order as it stands after them: what follows from a step (commission, release,
/// completion) is decided from there.
pub(super) struct Draft {
    pub order: Order,
    pub events: Vec<Event>,
    pub at: Timestamp,
    pub after_sales_days: u32,
}

impl Draft {
    pub fn new(order: &Order, context: &Context<'_>) -> Self {
        Self {
            order: order.clone(),
            events: Vec::with_capacity(4),
            at: context.occurred_at,
            after_sales_days: context.policy.after_sales_days,
        }
    }

    pub fn push(&mut self, event: impl Into<Event>) {
        let event = event.into();
        self.order.evolve(&event, self.at);
        self.events.push(event);
    }
}

impl Aggregate for Order {
    const CATEGORY: &'static str = "order";
    type Command = super::commands::OrderCommand;

    fn named(id: &str) -> Self {
        Self { id: OrderId::new(id).ok(), ..Self::default() }
    }

    fn decide(&self, command: &C, context: &Context<'_>) -> Decision {
        if !self.placed() && !matches!(command, C::Place(_)) {
            return refuse("order_unknown", "the order was never placed: place it first");
        }
        if !context.import {
            check_text(command)?;
        }
        match command {
            C::Place(place) => self.place(place, context),
            C::Hold { reason } => self.hold(reason),
            C::Accept {} => self.accept(context),
            C::Cancel { lines, by, reason, refund } => {
                self.cancel(lines.as_deref(), *by, reason, *refund, context)
            }
            C::CancelUnfunded { due } => self.cancel_unfunded(*due, context),
            C::Fund { parts, shortfall } => self.fund(parts, *shortfall, context),
            C::Ship { shipment, lines, mode, carrier, tracking } => {
                self.ship(*shipment, lines.as_deref(), (*mode, *carrier, *tracking), context)
            }
            C::ClearCustoms { shipment, duty, paid_by } => self.clear_customs(*shipment, *duty, *paid_by),
            C::Deliver { shipment } => self.deliver(*shipment, context),
            C::ConfirmReceipt { lines, by } => self.confirm_receipt(lines.as_deref(), *by, context),
            C::ConfirmByTimeout { shipment, due } => self.confirm_by_timeout(*shipment, *due, context),
            C::RefuseReceipt { lines, reason } => self.refuse_receipt(lines.as_deref(), reason),
            C::ReportException { shipment, kind, detail } => {
                self.report_exception(*shipment, *kind, detail.clone())
            }
            C::ResolveException { shipment, resolution } => {
                self.resolve_exception(*shipment, resolution, context)
            }
            C::Release {} => self.release(context),
            C::Complete { due } => self.complete(*due, context),
            C::PostReview { review, overall, goods, service, delivery } => {
                self.post_review(*review, *overall, [*goods, *service, *delivery])
            }
            C::RefundEscrow { refund, of, reason } => self.refund_escrow(*refund, of, reason, context),
            C::IssueRefund { refund, of, borne_by, reason, dispute } => {
                self.issue_refund(*refund, of, (*borne_by, *dispute), reason, context)
            }
            C::PayRefund { refund, parts } => self.pay_refund(*refund, parts, context),
            C::FailRefund { refund, parts, reason } => self.fail_refund(*refund, parts, reason),
            C::RerouteRefund { refund, to, reason } => self.reroute_refund(*refund, *to, reason),
            C::RequestReturn { r#return, lines, reason } => {
                self.request_return(*r#return, lines.as_deref(), reason, context)
            }
            C::AcceptReturn { r#return } => self.accept_return(*r#return, None, context),
            C::AcceptReturnByTimeout { r#return, due } => self.accept_return(*r#return, Some(*due), context),
            C::RefuseReturn { r#return, reason } => self.refuse_return(*r#return, reason, context),
            C::RecordGoodsReturned { r#return, lines } => {
                self.goods_returned(*r#return, lines.as_deref(), context)
            }
            C::ChargeReturnFreight { r#return, amount, to, provider } => {
                self.charge_freight(*r#return, *amount, *to, *provider)
            }
            C::RequestExchange { exchange, lines, reason } => {
                self.request_exchange(*exchange, lines.as_deref(), reason, context)
            }
            C::ShipExchange { exchange, shipment, carrier, tracking } => {
                self.ship_exchange(*exchange, *shipment, (*carrier, *tracking), context)
            }
            C::RefuseExchange { exchange, reason } => self.refuse_exchange(*exchange, reason, context),
            C::OpenDispute { dispute, by, category, claim, lines, detail } => {
                self.open_a_dispute(*dispute, (*by, *category), *claim, (lines.as_deref(), detail), context)
            }
            C::SubmitEvidence { dispute, by, document_ref } => {
                self.submit_evidence(*dispute, *by, *document_ref)
            }
            C::AnswerDispute { dispute, by, answer } => self.answer(*dispute, *by, answer.clone()),
            C::EscalateDispute { dispute, by } => self.escalate(*dispute, *by),
            C::RuleDispute { dispute, r#for, refund, penalty, rule, reason } => {
                let ask = super::ruling::Ruling {
                    r#for: *r#for,
                    refund: *refund,
                    penalty: *penalty,
                    rule: rule.clone(),
                    reason: reason.clone(),
                };
                self.rule(*dispute, ask, context)
            }
            C::RuleUnanswered { dispute, due } => self.rule_unanswered(*dispute, *due, context),
            C::AppealDispute { dispute, by, reason } => self.appeal(*dispute, *by, reason, context),
            C::UpholdRuling { dispute, reason } => self.uphold(*dispute, reason, context),
            C::ReverseRuling { dispute, reason } => self.reverse(*dispute, reason, context),
            C::WithdrawDispute { dispute, by } => self.withdraw(*dispute, *by, context),
            C::CloseDispute { dispute, due } => self.close_dispute(*dispute, *due, context),
            C::OpenChargeback { chargeback, payment, provider, amount, reason } => {
                self.open_chargeback(*chargeback, (*payment, *provider), *amount, reason)
            }
            C::CloseChargeback { chargeback, outcome, amount, round } => {
                self.close_chargeback(*chargeback, *outcome, *amount, *round, context)
            }
        }
    }

    fn reads(&self, command: &C) -> Vec<Read> {
        let lost = ChargebackOutcome::Lost;
        match command {
            C::Place(place) => vec![Read::Merchant(place.merchant)],
            C::RuleDispute { dispute, .. } | C::RuleUnanswered { dispute, .. } => {
                self.can_bear(dispute.as_str()).into_iter().collect()
            }
            C::CloseChargeback { chargeback, outcome, .. } if *outcome == lost => {
                self.can_bear(chargeback.as_str()).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn evolve(&mut self, event: &Event, occurred_at: Timestamp) {
        self.remember(event, occurred_at);
    }

    fn refs(&self) -> Refs {
        let Some(head) = &self.head else { return Refs { order: self.id, ..Refs::default() } };
        Refs {
            order: self.id,
            merchant: Some(head.merchant),
            checkout: Some(head.checkout),
            buyer: Some(head.buyer),
            visitor: head.visitor,
            campaign: head.campaign,
            dispute: self.open_dispute().or(self.disputes.last()).map(|d| d.id),
            ..Refs::default()
        }
    }

    fn status(&self) -> &'static str {
        self.word()
    }
}

impl Order {
    /// What has to be known to spread a case over those who bear it.
    fn can_bear(&self, case: &str) -> Option<Read> {
        let hold = HoldId::of_case(self.id?, case);
        Some(Read::CanBear { merchant: self.merchant()?, currency: self.currency()?, hold })
    }

    /// The pieces asked for, or all that are available; each line once, each with at least one piece.
    pub(super) fn select(
        &self,
        asked: Option<&[LineQuantity]>,
        code: &'static str,
        available: impl Fn(usize, &Line) -> u32,
    ) -> Result<Vec<LineQuantity>, Rejection> {
        let Some(asked) = asked else {
            let all = self.lines.iter().enumerate().map(|(at, l)| (l.id, available(at, l)));
            let some = all.filter(|(_, q)| *q > 0);
            return Ok(some.map(|(line, quantity)| LineQuantity { line, quantity }).collect());
        };
        if asked.is_empty() {
            return refuse("lines_empty", "lines is empty: name at least one line, or leave it out for all");
        }
        for (nth, LineQuantity { line, quantity }) in asked.iter().enumerate() {
            let at = self.known_line(*line)?;
            if asked[..nth].iter().any(|l| l.line == *line) {
                return refuse("line_twice", format!("lines names line {line} twice: name it once"));
            }
            let most = available(at, &self.lines[at]);
            if *quantity == 0 || *quantity > most {
                let possible = if most == 0 { "none is".to_owned() } else { format!("1 to {most} are") };
                return refuse(code, format!("line {line}: {quantity} pieces asked, {possible} possible"));
            }
        }
        Ok(asked.to_vec())
    }

    pub(super) fn known_line(&self, line: LineId) -> Result<usize, Rejection> {
        match self.line_at(line) {
            Some(at) => Ok(at),
            None => refuse("line_unknown", format!("line {line} is not in this order")),
        }
    }

    pub(super) fn same_currency(&self, field: &str, amount: Money) -> Result<(), Rejection> {
        let of_order = self.money(0).currency;
        if amount.currency == of_order {
            return Ok(());
        }
        refuse("currency_mismatch", format!("{field} is in {}, the order in {of_order}", amount.currency))
    }
}

/// A deadline's due time that is not the one recorded is stale; before it, the deadline is not due.
pub(super) fn deadline(
    due: Timestamp,
    recorded: Option<Timestamp>,
    context: &Context<'_>,
) -> Result<bool, Rejection> {
    if recorded != Some(due) {
        return Ok(false);
    }
    if context.occurred_at < due && !context.import {
        return refuse("not_due", format!("the deadline is {due}: nothing happens before it"));
    }
    Ok(true)
}
