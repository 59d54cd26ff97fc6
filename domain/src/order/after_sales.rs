//! After-sales: returns and exchanges. Their lines are not released while they are open; the refund itself is a
//! refund like any other and ends the wait of the pieces that came back.

use super::decide::{Decision, Draft, deadline, refuse};
use super::events::*;
use super::line::Line;
use super::state::{Order, Return, ReturnStage};
use crate::decider::positive;
use crate::time::DAY;
use crate::{Code, Context, Money, ProviderId, Reference, Rejection, ReturnId, ShipmentId, Timestamp};

impl Order {
    /// Pieces the buyer has and has not asked to send back; none of a line that has nothing left to refund.
    fn returnable(&self, at: usize, line: &Line, import: bool) -> u32 {
        if line.empty() && !import {
            return 0;
        }
        let arrived = self.shipments.iter().filter(|s| s.delivered).flat_map(|s| &s.lines);
        let arrived = arrived.filter(|(l, _)| usize::from(*l) == at).map(|(_, q)| *q).sum::<u32>();
        let with_buyer = if import { line.quantity - line.cancelled } else { arrived.max(line.received) };
        let asked = self.returns.iter().filter(|r| r.open()).flat_map(|r| &r.lines);
        let asked = asked.filter(|(l, _)| usize::from(*l) == at).map(|(_, q)| *q).sum::<u32>();
        with_buyer.saturating_sub(line.returned + asked)
    }

    fn ask_for_return(
        &self,
        id: ReturnId,
        lines: Option<&[LineQuantity]>,
        context: &Context<'_>,
    ) -> Result<Vec<LineQuantity>, Rejection> {
        if self.returns.iter().any(|r| r.id == id) {
            return refuse("return_exists", format!("return {id} is known: give each its own id"));
        }
        let over = self.completed || self.after_sales_until.is_some_and(|u| context.occurred_at > u);
        if over && !context.import {
            return refuse("after_sales_over", "the after-sales window is over: ask the market for goodwill");
        }
        let available = |at: usize, l: &Line| self.returnable(at, l, context.import);
        let lines = self.select(lines, "not_returnable", available)?;
        if lines.is_empty() {
            return refuse(
                "not_returnable",
                "the buyer has nothing to send back: refuse receipt or cancel instead",
            );
        }
        Ok(lines)
    }

    fn known_return(&self, id: ReturnId, exchange: bool) -> Result<&Return, Rejection> {
        match self.returns.iter().find(|r| r.id == id && r.exchange == exchange) {
            Some(known) => Ok(known),
            None if exchange => refuse("exchange_unknown", format!("exchange {id} was never requested")),
            None => refuse("return_unknown", format!("return {id} was never requested")),
        }
    }

    pub(super) fn request_return(
        &self,
        id: ReturnId,
        lines: Option<&[LineQuantity]>,
        reason: &str,
        context: &Context<'_>,
    ) -> Decision {
        let lines = self.ask_for_return(id, lines, context)?;
        let answer_due = context.occurred_at.plus(DAY * i64::from(context.policy.return_answer_days));
        Ok(vec![
            ReturnRequested { r#return: id, lines, reason: reason.to_owned(), answer_due: Some(answer_due) }
                .into(),
        ])
    }

    /// `due` is set for the deadline, which has nothing to say once the merchant has answered.
    pub(super) fn accept_return(
        &self,
        id: ReturnId,
        due: Option<Timestamp>,
        context: &Context<'_>,
    ) -> Decision {
        let known = self.known_return(id, false)?;
        if let Some(due) = due
            && (known.stage != ReturnStage::Requested || !deadline(due, known.answer_due, context)?)
        {
            return Ok(Vec::new());
        }
        match known.stage {
            ReturnStage::Requested => Ok(vec![ReturnAccepted { r#return: id, by: context.actor }.into()]),
            ReturnStage::Accepted | ReturnStage::Returned => Ok(Vec::new()),
            _ => refuse("return_over", "the return is over: request another"),
        }
    }

    pub(super) fn refuse_return(&self, id: ReturnId, reason: &str, context: &Context<'_>) -> Decision {
        let known = self.known_return(id, false)?;
        match known.stage {
            ReturnStage::Refused => return Ok(Vec::new()),
            ReturnStage::Requested | ReturnStage::Accepted => {}
            _ => return refuse("return_over", "the goods are back: refund them, or let the market rule"),
        }
        let mut draft = Draft::new(self, context);
        draft.push(ReturnRefused { r#return: id, reason: reason.to_owned() });
        draft.thaw(context);
        Ok(draft.events)
    }

    pub(super) fn goods_returned(
        &self,
        id: ReturnId,
        lines: Option<&[LineQuantity]>,
        context: &Context<'_>,
    ) -> Decision {
        let known = self.known_return(id, false)?;
        match known.stage {
            ReturnStage::Accepted => {}
            ReturnStage::Requested if context.import => {}
            ReturnStage::Requested => {
                return refuse("return_not_accepted", "the return is not accepted: accept it first");
            }
            ReturnStage::Returned if lines.is_none() => return Ok(Vec::new()),
            _ => return refuse("return_over", "nothing more of this return is to come back"),
        }
        let left = |at: usize, _: &Line| {
            let of_line = known.lines.iter().filter(|(l, _)| usize::from(*l) == at);
            of_line.map(|(_, q)| *q).sum()
        };
        let lines = self.select(lines, "not_in_return", left)?;
        let mut draft = Draft::new(self, context);
        draft.push(GoodsReturned { r#return: id, lines });
        draft.thaw(context);
        Ok(draft.events)
    }

    pub(super) fn charge_freight(
        &self,
        id: ReturnId,
        amount: Money,
        to: PaidBy,
        provider: ProviderId,
    ) -> Decision {
        let known = self.known_return(id, false)?;
        self.same_currency("amount", amount)?;
        positive("amount", amount)?;
        if known.freight {
            return refuse("freight_charged", "the freight of this return is charged already");
        }
        if matches!(known.stage, ReturnStage::Requested | ReturnStage::Refused) {
            return refuse("return_not_accepted", "the return is not accepted: nothing was sent back");
        }
        Ok(vec![ReturnFreightCharged { r#return: id, amount, to, provider }.into()])
    }

    pub(super) fn request_exchange(
        &self,
        id: ReturnId,
        lines: Option<&[LineQuantity]>,
        reason: &str,
        context: &Context<'_>,
    ) -> Decision {
        let lines = self.ask_for_return(id, lines, context)?;
        Ok(vec![ExchangeRequested { exchange: id, lines, reason: reason.to_owned() }.into()])
    }

    pub(super) fn ship_exchange(
        &self,
        id: ReturnId,
        shipment: ShipmentId,
        (carrier, tracking): (Option<Code>, Option<Reference>),
        context: &Context<'_>,
    ) -> Decision {
        if !self.known_return(id, true)?.open() {
            return refuse("exchange_over", "the exchange is over: request another");
        }
        if self.shipments.iter().any(|s| s.id == shipment) {
            return refuse("shipment_exists", format!("shipment {shipment} is known: give each its own id"));
        }
        let mut draft = Draft::new(self, context);
        draft.push(ExchangeShipped { exchange: id, shipment, carrier, tracking });
        draft.thaw(context);
        Ok(draft.events)
    }

    pub(super) fn refuse_exchange(&self, id: ReturnId, reason: &str, context: &Context<'_>) -> Decision {
        let known = self.known_return(id, true)?;
        if known.stage == ReturnStage::Refused {
            return Ok(Vec::new());
        }
        if !known.open() {
            return refuse("exchange_over", "the exchange is over: request another");
        }
        let mut draft = Draft::new(self, context);
        draft.push(ExchangeRefused { exchange: id, reason: reason.to_owned() });
        draft.thaw(context);
        Ok(draft.events)
    }
}
