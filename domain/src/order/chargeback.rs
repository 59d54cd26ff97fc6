//! Chargebacks: a bank takes a payment back. It freezes the order; when it is lost, refunds owed and not sent give
//! first, then escrow, the merchant, the market; what the buyer had got back before is the market's loss. Never
//! refused for lack of money.

use super::decide::{Decision, Draft, refuse};
use super::events::*;
use super::line::Line;
use super::refunds::Take;
use super::split::{first, spread};
use super::state::{Chargeback, Order};
use crate::decider::positive;
use crate::{ChargebackId, Context, Money, PaymentId, ProviderId};

impl ChargebackClosed {
    /// What is back with the buyer of a lost one: out of escrow, and what was borne for it after release. What the bank took
    /// beyond that (`loss`, and what refunds owed already) the buyer had got back before.
    #[must_use]
    pub fn to_buyer(&self) -> Option<(Money, Money)> {
        if self.outcome != ChargebackOutcome::Lost {
            return None;
        }
        let of_escrow = self.from_escrow.as_ref().map_or(0, |taken| taken.to_buyer.minor);
        let borne = self.borne_by.iter().fold(0i64, |sum, share| sum.saturating_add(share.to_buyer.minor));
        let money = |minor| Money::new(minor, self.amount.currency);
        Some((money(of_escrow), money(borne)))
    }
}

impl Order {
    pub(super) fn open_chargeback(
        &self,
        id: ChargebackId,
        (payment, provider): (PaymentId, ProviderId),
        amount: Money,
        reason: &str,
    ) -> Decision {
        self.same_currency("amount", amount)?;
        positive("amount", amount)?;
        if let Some(known) = self.chargebacks.iter().find(|c| c.id == id) {
            if known.open {
                return Ok(Vec::new());
            }
            if known.lost {
                return refuse("chargeback_lost", "the bank has kept this money: it cannot be claimed again");
            }
        }
        let reason = reason.to_owned();
        Ok(vec![ChargebackOpened { chargeback: id, payment, provider, amount, reason }.into()])
    }

    pub(super) fn close_chargeback(
        &self,
        id: ChargebackId,
        outcome: ChargebackOutcome,
        amount: Money,
        round: u32,
        context: &Context<'_>,
    ) -> Decision {
        let Some(known) = self.chargebacks.iter().find(|c| c.id == id) else {
            return refuse("chargeback_unknown", format!("chargeback {id} was never opened here"));
        };
        self.same_currency("amount", amount)?;
        positive("amount", amount)?;
        let lost = outcome == ChargebackOutcome::Lost;
        if !known.open {
            if known.round >= round && known.lost == lost {
                return Ok(Vec::new());
            }
            if known.lost {
                return refuse("chargeback_lost", "the bank has kept this money: that round was the last");
            }
            if known.round >= round {
                return refuse(
                    "round_over",
                    format!("round {round} is decided: a later one has a higher number"),
                );
            }
        }
        let mut draft = Draft::new(self, context);
        let event = match lost {
            false => self.closed(known, outcome, amount, round),
            true => self.lost_chargeback(known, amount, round, context),
        };
        draft.push(event);
        draft.thaw(context);
        Ok(draft.events)
    }

    fn closed(
        &self,
        of: &Chargeback,
        outcome: ChargebackOutcome,
        amount: Money,
        round: u32,
    ) -> ChargebackClosed {
        ChargebackClosed {
            chargeback: of.id,
            payment: of.payment,
            provider: of.provider,
            outcome,
            amount,
            round,
            borne_by: Vec::new(),
            lines: Vec::new(),
            loss: self.money(0),
            from_escrow: None,
            from_deposit: None,
            from_refunds: None,
        }
    }

    fn lost_chargeback(
        &self,
        of: &Chargeback,
        amount: Money,
        round: u32,
        context: &Context<'_>,
    ) -> ChargebackClosed {
        let mut event = self.closed(of, ChargebackOutcome::Lost, amount, round);
        if !self.funded {
            event.loss = amount;
            return event;
        }
        // what is owed for this payment and not sent, the bank has given the buyer now
        let unsent = |own: bool| -> i64 {
            let parts = self.refunds.iter().flat_map(|r| &r.parts);
            let is_own = |at: u16| self.payments.get(usize::from(at)).is_some_and(|p| p.id == of.payment);
            parts.filter(|p| is_own(p.payment) == own).map(|p| p.owed - p.sent).sum()
        };
        let from_refunds = amount.minor.min(unsent(true));
        let amount = self.money(amount.minor - from_refunds);
        // what each line can still give the buyer, from escrow and of what was released
        let escrow: Vec<_> = self.lines.iter().map(Line::buyer_in_escrow).collect();
        let room: Vec<_> = self.lines.iter().map(Line::room).collect();
        let from_escrow = amount.minor.min(escrow.iter().sum());
        let released = (amount.minor - from_escrow).min(room.iter().sum());
        let of_escrow = spread(from_escrow, &escrow);
        let of_released = spread(released, &room);
        let (balance, deposit) = self.merchant_bears(released, context);
        event.from_deposit = (deposit > 0).then(|| self.money(deposit));
        let merchants = spread(balance + deposit, &of_released);

        let (mut takes, mut after) = (Vec::<Take>::new(), self.clone());
        for (at, line) in self.lines.iter().enumerate() {
            let left = line.escrow.left();
            // a line whose buyer's money is taken whole gives its subsidies back whole
            let whole = of_escrow[at] == escrow[at] && (of_escrow[at] > 0 || of_released[at] > 0);
            let gross = if whole { left } else { line.gross_for(of_escrow[at], left) };
            if gross > 0 {
                takes.push((at, gross, 0));
                after.lines[at].escrow.take(gross);
                after.lines[at].given_back += gross;
            }
        }
        let back = self.give_back(&takes, true);
        let mut given = back.to_buyer;
        if !takes.is_empty() {
            event.from_escrow = Some(EscrowTaken {
                to_buyer: self.money(back.to_buyer),
                subsidies_back: self.campaign_amounts(&back.subsidies),
                shortfall_back: self.money(back.shortfall),
                tax_back: self.tax_amount(back.tax),
                lines: back.lines,
            });
        }
        let mut takes = Vec::<Take>::new();
        for (at, line) in after.lines.iter().enumerate() {
            let all = merchants[at] == room[at] && line.goodwill == 0;
            let gross =
                if all { line.out.left() } else { line.gross_for(merchants[at], line.refundable_after()) };
            if merchants[at] > 0 && gross > 0 {
                takes.push((at, gross, 0));
            }
        }
        if !takes.is_empty() {
            let (share, lines) = after.merchants_share(&takes, Bearer::Merchant);
            given += share.to_buyer.minor;
            event.borne_by.push(share);
            event.lines.extend(lines);
            for (at, gross, _) in &takes {
                after.lines[*at].out.take(*gross);
                after.lines[*at].given_back += gross;
            }
        }
        let rest = from_escrow + released - given;
        let rooms: Vec<_> = after.lines.iter().map(|l| l.room().max(0)).collect();
        let markets: Vec<Take> = spread(rest.min(rooms.iter().sum()), &rooms)
            .into_iter()
            .enumerate()
            .filter(|(_, share)| *share > 0)
            .map(|(at, share)| (at, share, 0))
            .collect();
        let (share, lines) = after.markets_share(&markets, false);
        if !lines.is_empty() {
            given += share.to_buyer.minor;
            event.borne_by.push(share);
            event.lines.extend(lines);
        }
        // before anything is lost, so does what is owed for the other payments
        let loss = amount.minor - given;
        let of_others = loss.min(unsent(false));
        event.loss = self.money(loss - of_others);
        event.from_refunds = (from_refunds + of_others > 0).then(|| self.money(from_refunds + of_others));
        event
    }
}

impl Line {
    /// The buyer's money in escrow.
    fn buyer_in_escrow(&self) -> i64 {
        self.to_buyer(self.given_back + self.escrow.left()) - self.to_buyer(self.given_back)
    }

    /// The least gross, up to `most`, that gives the buyer `wanted`.
    pub(super) fn gross_for(&self, wanted: i64, most: i64) -> i64 {
        if wanted == 0 {
            return 0;
        }
        let before = self.to_buyer(self.given_back);
        first(most, |gross| self.to_buyer(self.given_back + gross) - before >= wanted)
    }
}
