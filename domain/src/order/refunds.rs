//! Refunds: before release from escrow, after release by a bearer; and their payment.

use super::commands::RefundOf;
use super::decide::{Decision, Draft, refuse};
use super::dispute::ruled;
use super::events::*;
use super::line::Line;
use super::split::{Parts, pieces, spread};
use super::state::{Order, Refund, RefundOwed};
use crate::checkout::events::{PaymentPart, RefundPart};
use crate::decider::positive;
use crate::{Context, DisputeId, Money, ProviderId, RefundId, Rejection};

/// An amount to take from a line: its index, gross, and the pieces it stands for.
pub(super) type Take = (usize, i64, u32);

/// What a refund gives back, and to whom. Minor units.
pub(super) struct Back {
    pub gross: i64,
    pub to_buyer: i64,
    pub shortfall: i64,
    pub subsidies: Vec<i64>,
    pub tax: i64,
    pub lines: Vec<LineRefund>,
}

impl Order {
    /// What taking these amounts from escrow, or of what was released, gives back. Each line at most once.
    pub(super) fn give_back(&self, takes: &[Take], in_escrow: bool) -> Back {
        let campaigns = self.head.as_ref().map_or(0, |h| h.campaigns.len());
        let (gross, to_buyer, shortfall, tax) = (0, 0, 0, 0);
        let (subsidies, lines) = (vec![0; campaigns], Vec::with_capacity(takes.len()));
        let mut back = Back { gross, to_buyer, shortfall, subsidies, tax, lines };
        for (at, gross, quantity) in takes.iter().copied() {
            let line = &self.lines[at];
            let after = line.split(line.given_back + gross);
            let before = line.split(line.given_back);
            let parts = (if in_escrow { line.escrow } else { line.out }).would_take(gross);
            back.gross += gross;
            back.to_buyer += after[0] - before[0];
            back.shortfall += after[1] - before[1];
            for (nth, sum) in back.subsidies.iter_mut().enumerate() {
                *sum += after[2 + nth] - before[2 + nth];
            }
            back.tax += parts.tax;
            back.lines.push(self.line_refund(line, gross, quantity, parts));
        }
        back
    }

    fn line_refund(&self, line: &Line, gross: i64, quantity: u32, parts: Parts) -> LineRefund {
        let (gross, merchant_base) = (self.money(gross), self.money(parts.goods));
        LineRefund { line: line.id, quantity, gross, merchant_base }
    }

    pub(super) fn campaign_amounts(&self, minor: &[i64]) -> Vec<Subsidy> {
        let campaigns = self.head.iter().flat_map(|h| &h.campaigns);
        let all = campaigns.zip(minor).filter(|(_, m)| **m != 0);
        all.map(|(c, m)| Subsidy { campaign: *c, amount: self.money(*m) }).collect()
    }

    /// The payments that `to_buyer` more goes back to.
    fn parts_of(&self, to_buyer: i64) -> Vec<PaymentPart> {
        let weights: Vec<_> = self.payments.iter().map(|p| p.weight).collect();
        let before = spread(self.sent_back, &weights);
        let after = spread(self.sent_back + to_buyer, &weights);
        let parts = self.payments.iter().zip(after.iter().zip(&before)).filter(|(_, (a, b))| a != b);
        let parts = parts.map(|(p, (a, b))| PaymentPart {
            payment: p.id,
            provider: p.provider,
            method: p.method,
            amount: self.money(a - b),
        });
        parts.collect()
    }

    /// A refund id is used once, save by the dispute it belongs to.
    pub(super) fn new_refund(&self, id: RefundId, dispute: Option<DisputeId>) -> Result<(), Rejection> {
        match self.refunds.iter().find(|r| r.id == id) {
            Some(known) if dispute.is_none() || known.dispute.as_deref() != dispute.as_ref() => {
                refuse("refund_exists", format!("refund {id} is known: give each refund its own id"))
            }
            _ => Ok(()),
        }
    }

    /// A bank holds the buyer's money back: nothing is refunded or sent until it has decided.
    pub(super) fn no_chargeback(&self) -> Result<(), Rejection> {
        if self.chargeback_open() {
            return refuse("chargeback_open", "a chargeback is open: wait until the bank has decided");
        }
        Ok(())
    }

    /// The amounts asked for, by line, where `left` says how much a line can give and `pieces` of how many pieces.
    fn takes(
        &self,
        of: &RefundOf,
        left: impl Fn(&Line) -> i64,
        count: impl Fn(&Line) -> u32,
    ) -> Result<Vec<Take>, Rejection> {
        let all = || self.lines.iter().enumerate();
        let takes: Vec<Take> = match of {
            RefundOf::All => all().map(|(at, l)| (at, left(l), count(l))).collect(),
            RefundOf::Pieces(lines) => {
                let lines = self.select(Some(lines), "refund_above_pieces", |_, l| count(l))?;
                let of_line = |l: &LineQuantity| {
                    let at = self.line_at(l.line)?;
                    let line = &self.lines[at];
                    Some((at, pieces(left(line), l.quantity, count(line) - l.quantity), l.quantity))
                };
                lines.iter().filter_map(of_line).collect()
            }
            RefundOf::Lines(lines) => {
                let mut takes: Vec<Take> = Vec::with_capacity(lines.len());
                for asked in lines {
                    let at = self.known_line(asked.line)?;
                    self.same_currency("amount", asked.amount)?;
                    positive("amount", asked.amount)?;
                    if takes.iter().any(|(known, ..)| *known == at) {
                        let id = asked.line;
                        return refuse("line_twice", format!("of names line {id} twice: add its amounts up"));
                    }
                    let most = left(&self.lines[at]);
                    if asked.amount.minor > most {
                        return self.too_much(asked.amount, most);
                    }
                    takes.push((at, asked.amount.minor, 0));
                }
                takes
            }
            RefundOf::Amount(amount) => {
                self.same_currency("amount", *amount)?;
                positive("amount", *amount)?;
                let lefts: Vec<_> = self.lines.iter().map(&left).collect();
                let most = lefts.iter().sum();
                if amount.minor > most {
                    return self.too_much(*amount, most);
                }
                let shares = spread(amount.minor, &lefts);
                shares.into_iter().enumerate().map(|(at, share)| (at, share, 0)).collect()
            }
        };
        let takes: Vec<_> = takes.into_iter().filter(|(_, gross, _)| *gross > 0).collect();
        if takes.is_empty() {
            return refuse("nothing_to_refund", "nothing is left to refund here");
        }
        Ok(takes)
    }

    fn too_much<T>(&self, asked: Money, most: i64) -> Result<T, Rejection> {
        let most = self.money(most);
        refuse("refund_above_paid", format!("{asked} asked, {most} can be refunded: ask for at most that"))
    }

    pub(super) fn refund_escrow(
        &self,
        refund: RefundId,
        of: &RefundOf,
        reason: &str,
        context: &Context<'_>,
    ) -> Decision {
        if !self.funded {
            return refuse("order_not_funded", "nothing is in escrow: cancel the order instead");
        }
        self.new_refund(refund, None)?;
        self.no_chargeback()?;
        let takes = self.takes(of, |l| l.escrow.left(), Line::pieces)?;
        let mut draft = Draft::new(self, context);
        draft.refund_escrow(refund, &takes, reason, None);
        draft.thaw(context);
        Ok(draft.events)
    }

    pub(super) fn issue_refund(
        &self,
        refund: RefundId,
        of: &RefundOf,
        (by, dispute): (Bearer, Option<DisputeId>),
        reason: &str,
        context: &Context<'_>,
    ) -> Decision {
        if !self.funded {
            return refuse("order_not_funded", "nothing was released: cancel the order instead");
        }
        let dispute = self.dispute_of_refund(by, dispute)?;
        let within = |at: usize| dispute.is_none_or(|d| d.lines.contains(&(at as u16)));
        let id = dispute.map(|d| d.id);
        self.new_refund(refund, id)?;
        let waiting = dispute.map_or(0, |d| d.deposit_share);
        if dispute.is_some_and(|d| !ruled(d)) && waiting == 0 && !context.import {
            return refuse("dispute_not_ruled", "dispute: name one that is ruled and not closed, or none");
        }
        // what a ruling waits for, taken from the deposit or granted by the market instead, is not held up
        if by == Bearer::Merchant || (by == Bearer::Platform && waiting == 0) {
            self.no_chargeback()?;
        }
        let left = |l: &Line| match self.line_at(l.id) {
            Some(at) if !within(at) => 0,
            _ if by == Bearer::Platform && id.is_none() => l.room(),
            _ => l.refundable_after(),
        };
        let after = |l: &Line| l.released.saturating_sub(l.refunded_after);
        let takes = self.takes(of, left, after)?;
        let gross: i64 = takes.iter().map(|(_, gross, _)| gross).sum();
        if by == Bearer::Deposit && gross > waiting && !context.import {
            let (asked, waiting) = (self.money(gross), self.money(waiting));
            let message =
                format!("{asked} asked, a ruling waits for {waiting} of the deposit: ask for at most that");
            return refuse("deposit_not_ruled", message);
        }
        if by == Bearer::Platform && gross > waiting {
            self.no_chargeback()?;
        }
        let mut draft = Draft::new(self, context);
        draft.refund_released(refund, &takes, by, reason, id);
        if draft.order.disputes.iter().any(|d| draft.order.refundable(d) < d.deposit_share) {
            let message = "the rest is kept for a ruling's share of the deposit: wait until it is refunded";
            return refuse("held_for_ruling", message);
        }
        draft.thaw(context);
        Ok(draft.events)
    }

    /// What can be given back, gross, of a dispute's released lines.
    fn refundable(&self, dispute: &super::state::Dispute) -> i64 {
        dispute.lines.iter().map(|at| self.lines[usize::from(*at)].refundable_after()).sum()
    }

    fn dispute_of_refund(
        &self,
        by: Bearer,
        id: Option<DisputeId>,
    ) -> Result<Option<&super::state::Dispute>, Rejection> {
        let Some(id) = id else {
            let waiting = self.disputes.iter().find(|d| d.deposit_share > 0);
            return Ok(waiting.filter(|_| by == Bearer::Deposit));
        };
        self.known_dispute(id).map(Some)
    }

    fn known_refund(&self, id: RefundId) -> Result<&Refund, Rejection> {
        match self.refunds.iter().find(|r| r.id == id) {
            Some(refund) => Ok(refund),
            None => refuse("refund_unknown", format!("refund {id} is not of this order: issue it first")),
        }
    }

    pub(super) fn pay_refund(&self, id: RefundId, parts: &[RefundPart], context: &Context<'_>) -> Decision {
        let refund = self.known_refund(id)?;
        let known = |part: &RefundPart| part.provider_ref.is_some() && self.is_sent(refund, part);
        if !parts.is_empty() && parts.iter().all(known) {
            return Ok(Vec::new());
        }
        // the bank may give the buyer the same money; history was paid as it was
        if !context.import {
            self.no_chargeback()?;
        }
        self.check_refund_parts(refund, parts, |owed, _| owed.owed - owed.sent, "refund_overpaid")?;
        for part in parts {
            let came = self.payments.iter().find(|p| p.id == part.payment).map(|p| p.provider);
            let way = refund.rerouted.as_deref().copied().or(came);
            if way != Some(part.provider) {
                let message = "parts.provider is not where the money came from: reroute the refund first";
                return refuse("refund_other_way", message);
            }
        }
        Ok(vec![RefundPaid { refund: id, parts: parts.to_vec() }.into()])
    }

    /// Whether this very part was sent before, by its provider's reference.
    fn is_sent(&self, refund: &Refund, part: &RefundPart) -> bool {
        let at = self.payments.iter().position(|p| p.id == part.payment);
        refund.sent.iter().any(|s| {
            Some(usize::from(s.payment)) == at
                && s.provider == part.provider
                && s.reference.as_deref() == part.provider_ref.as_ref()
                && s.amount == part.amount.minor
        })
    }

    pub(super) fn fail_refund(&self, id: RefundId, parts: &[RefundPart], reason: &str) -> Decision {
        let refund = self.known_refund(id)?;
        let by_provider = |owed: &RefundOwed, provider: ProviderId| -> i64 {
            let sent = refund.sent.iter().filter(|s| s.payment == owed.payment && s.provider == provider);
            sent.map(|s| s.left).sum()
        };
        self.check_refund_parts(refund, parts, by_provider, "refund_not_paid")?;
        Ok(vec![RefundFailed { refund: id, parts: parts.to_vec(), reason: reason.to_owned() }.into()])
    }

    fn check_refund_parts(
        &self,
        refund: &Refund,
        parts: &[RefundPart],
        most: impl Fn(&RefundOwed, ProviderId) -> i64,
        code: &'static str,
    ) -> Result<(), Rejection> {
        if parts.is_empty() {
            return refuse("parts_empty", "parts is empty: name at least one payment");
        }
        for (nth, part) in parts.iter().enumerate() {
            self.same_currency("parts.amount", part.amount)?;
            positive("parts.amount", part.amount)?;
            let payment = part.payment;
            if parts[..nth].iter().any(|p| p.payment == payment) {
                return refuse("payment_twice", format!("parts names payment {payment} twice: add them up"));
            }
            let at = self.payments.iter().position(|p| p.id == payment);
            let owed = refund.parts.iter().find(|o| Some(usize::from(o.payment)) == at);
            let most = owed.map_or(0, |owed| most(owed, part.provider));
            if part.amount.minor > most {
                let (asked, most) = (part.amount, self.money(most));
                return refuse(code, format!("payment {payment}: {asked} asked, {most} possible"));
            }
        }
        Ok(())
    }

    pub(super) fn reroute_refund(&self, id: RefundId, to: ProviderId, reason: &str) -> Decision {
        let refund = self.known_refund(id)?;
        if refund.rerouted.as_deref() == Some(&to) {
            return Ok(Vec::new());
        }
        if refund.parts.iter().all(|p| p.owed == p.sent) {
            return refuse(
                "refund_paid",
                "the refund is paid: report it as failed before sending it elsewhere",
            );
        }
        Ok(vec![RefundRerouted { refund: id, to, reason: reason.to_owned() }.into()])
    }
}

impl Draft {
    pub fn refund_escrow(&mut self, id: RefundId, takes: &[Take], reason: &str, dispute: Option<DisputeId>) {
        let order = &self.order;
        let back = order.give_back(takes, true);
        let event = EscrowRefunded {
            refund: id,
            to_buyer: order.money(back.to_buyer),
            subsidies_back: order.campaign_amounts(&back.subsidies),
            shortfall_back: order.money(back.shortfall),
            parts: order.parts_of(back.to_buyer),
            reason: reason.to_owned(),
            tax_back: order.tax_amount(back.tax),
            dispute,
            lines: back.lines,
        };
        self.push(event);
    }

    /// A refund after release with one bearer. The market's share of a dispute is asked gross and pays the buyer's
    /// part; without a dispute it is what the buyer gets.
    pub fn refund_released(
        &mut self,
        id: RefundId,
        takes: &[Take],
        by: Bearer,
        reason: &str,
        dispute: Option<DisputeId>,
    ) {
        let order = &self.order;
        let (share, lines) = match by {
            Bearer::Merchant | Bearer::Deposit => order.merchants_share(takes, by),
            Bearer::Platform => order.markets_share(takes, dispute.is_some()),
        };
        if lines.is_empty() {
            return;
        }
        let event = RefundIssued {
            refund: id,
            to_buyer: share.to_buyer,
            parts: order.parts_of(share.to_buyer.minor),
            borne_by: vec![share],
            reason: reason.to_owned(),
            dispute,
            lines,
        };
        self.push(event);
    }
}

impl Order {
    pub(super) fn merchants_share(&self, takes: &[Take], by: Bearer) -> (RefundShare, Vec<LineRefund>) {
        let back = self.give_back(takes, false);
        let share = RefundShare {
            by,
            gross: self.money(back.gross),
            to_buyer: self.money(back.to_buyer),
            subsidies_back: self.campaign_amounts(&back.subsidies),
            shortfall_back: self.money(back.shortfall),
            tax_back: self.tax_amount(back.tax),
        };
        (share, back.lines)
    }

    /// The market's own share: the buyer's part alone, touching neither commission nor tax.
    pub(super) fn markets_share(&self, takes: &[Take], gross: bool) -> (RefundShare, Vec<LineRefund>) {
        let mut lines = Vec::with_capacity(takes.len());
        let mut sum = 0;
        for (at, asked, quantity) in takes.iter().copied() {
            let line = &self.lines[at];
            // counted from the end, so that what is left for the merchant and its deposit stays whole
            let end = line.given_back + line.escrow.left() + line.refundable_after();
            let part = if gross { line.to_buyer(end) - line.to_buyer(end - asked) } else { asked };
            let part = part.min(line.room());
            if part > 0 {
                sum += part;
                lines.push(self.line_refund(line, part, quantity, Parts::default()));
            }
        }
        let (gross, zero) = (self.money(sum), self.money(0));
        let by = Bearer::Platform;
        let share = RefundShare {
            by,
            gross,
            to_buyer: gross,
            subsidies_back: Vec::new(),
            shortfall_back: zero,
            tax_back: None,
        };
        (share, lines)
    }
}
