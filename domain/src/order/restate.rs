//! What an order's events would have said under other terms: the same deciders' functions, asked again.
//!
//! A [`Restatement`] is begun with the order as it was placed and as it would have been ([`OrderPlaced`] with other rates, or with
//! subsidies that the merchant gives as a discount), and handed each later event of the stream. What people did stays as it was
//! (which pieces were shipped, received, disputed, and what buyers were refunded); what follows from that by rule is reckoned again.

use super::events::*;
use super::refunds::Take;
use super::state::Order;
use crate::decider::Aggregate;
use crate::{CampaignId, Event, EventKind, Money, MoneyError, Rate, Timestamp};

/// The events of an order that a restatement rests on: its pieces and its money, and who bears what. A fold of
/// these alone comes to the same amounts as one of all.
pub const RESTATED_FROM: &[EventKind] = &[
    EventKind::OrderPlaced,
    EventKind::OrderCancelled,
    EventKind::EscrowFunded,
    EventKind::EscrowReleased,
    EventKind::EscrowRefunded,
    EventKind::CommissionCharged,
    EventKind::CommissionReversed,
    EventKind::RefundIssued,
    EventKind::DisputeOpened,
    EventKind::DisputeRuled,
    EventKind::DisputeAppealed,
    EventKind::RulingReversed,
    EventKind::ChargebackOpened,
    EventKind::ChargebackClosed,
    EventKind::OrderCompleted,
];

/// An order as it would be, and as it is where what is in its escrow differs.
#[derive(Clone, Debug)]
pub struct Restatement {
    asked: Order,
    /// As it is: needed to tell what a buyer got of an amount. None where only rates differ.
    actual: Option<Box<Order>>,
}

impl Restatement {
    /// Begins with an order as it was placed, and as it would have been.
    #[must_use]
    pub fn begin(id: &str, placed: &OrderPlaced, asked: OrderPlaced, at: Timestamp) -> Self {
        let fold = |placed: OrderPlaced| {
            let mut order = Order::named(id);
            order.evolve(&placed.into(), at);
            order
        };
        let funded_alike = placed.subsidies == asked.subsidies && placed.total == asked.total;
        let actual = (!funded_alike).then(|| Box::new(fold(placed.clone())));
        Self { asked: fold(asked), actual }
    }

    /// The order as it would be.
    #[must_use]
    pub const fn asked(&self) -> &Order {
        &self.asked
    }

    /// Takes the next event; the event as it would be, where its amounts follow from the terms.
    pub fn take(&mut self, event: &Event, at: Timestamp) -> Option<Event> {
        let restated = self.restated(event);
        self.asked.evolve(restated.as_ref().unwrap_or(event), at);
        if let Some(actual) = &mut self.actual {
            actual.evolve(event, at);
        }
        restated
    }

    fn restated(&self, event: &Event) -> Option<Event> {
        let asked = &self.asked;
        if let Some(restated) = asked.restated(event) {
            return Some(restated);
        }
        let actual = self.actual.as_deref()?;
        match event {
            Event::EscrowFunded(e) => {
                Some(EscrowFunded { subsidies: asked.subsidies_due(), ..e.clone() }.into())
            }
            Event::EscrowReleased(e) => {
                let pieces = e.lines.iter().filter_map(|l| Some((asked.line_at(l.line)?, l.quantity)));
                let pieces: Vec<_> = pieces.collect();
                let until = e.after_sales_until;
                asked
                    .released(&pieces)
                    .map(|released| EscrowReleased { after_sales_until: until, ..released }.into())
            }
            Event::EscrowRefunded(e) => {
                let back = self.back(actual, &e.lines, e.to_buyer, true);
                let restated = EscrowRefunded {
                    lines: back.lines,
                    subsidies_back: back.subsidies,
                    shortfall_back: back.shortfall,
                    tax_back: back.tax,
                    ..e.clone()
                };
                Some(restated.into())
            }
            Event::RefundIssued(e) => {
                let [share] = e.borne_by.as_slice() else { return None };
                let (share, lines) = self.share(actual, share, &e.lines)?;
                Some(RefundIssued { borne_by: vec![share], lines, ..e.clone() }.into())
            }
            Event::ChargebackClosed(e) if e.outcome == ChargebackOutcome::Lost => {
                Some(self.lost(actual, e).into())
            }
            _ => None,
        }
    }

    /// What a lost chargeback takes.
    fn lost(&self, actual: &Order, e: &ChargebackClosed) -> ChargebackClosed {
        let mut restated = e.clone();
        let (mut after, mut was_after) = (self.asked.clone(), actual.clone());
        if let Some(taken) = &e.from_escrow {
            let back = self.back(actual, &taken.lines, taken.to_buyer, true);
            for (was, is) in taken.lines.iter().zip(&back.lines) {
                was_after.took(was);
                after.took(is);
            }
            restated.from_escrow = Some(EscrowTaken {
                lines: back.lines,
                to_buyer: taken.to_buyer,
                subsidies_back: back.subsidies,
                shortfall_back: back.shortfall,
                tax_back: back.tax,
            });
        }
        let then = Self { asked: after, actual: None };
        // the lines of the merchant's share come first, then those of the market's
        let mut lines = e.lines.as_slice();
        restated.lines.clear();
        for share in &mut restated.borne_by {
            let mut left = share.gross.minor;
            let own = lines.iter().take_while(|line| {
                let mine = left > 0;
                left -= line.gross.minor;
                mine
            });
            let (own, others) = lines.split_at(own.count());
            lines = others;
            match then.share(&was_after, share, own) {
                Some((restated_share, restated_lines)) => {
                    *share = restated_share;
                    restated.lines.extend(restated_lines);
                }
                None => restated.lines.extend_from_slice(own),
            }
        }
        restated
    }

    /// A bearer's share; `None` for the market's own, which is what the buyer gets.
    fn share(
        &self,
        actual: &Order,
        share: &RefundShare,
        lines: &[LineRefund],
    ) -> Option<(RefundShare, Vec<LineRefund>)> {
        if share.by == Bearer::Platform {
            return None;
        }
        let back = self.back(actual, lines, share.to_buyer, false);
        let share = RefundShare {
            by: share.by,
            gross: back.gross,
            to_buyer: share.to_buyer,
            subsidies_back: back.subsidies,
            shortfall_back: back.shortfall,
            tax_back: back.tax,
        };
        Some((share, back.lines))
    }

    /// What is taken of each line so that the buyer gets what it got: all that is left where all was taken, else the least amount
    /// that holds it. A minor unit that the buyer's part comes to differently when all is taken is the market's.
    fn back(&self, actual: &Order, lines: &[LineRefund], to_buyer: Money, in_escrow: bool) -> Returned {
        let takes: Vec<Take> = lines
            .iter()
            .filter_map(|refund| {
                let at = self.asked.line_at(refund.line)?;
                let (was, is) = (&actual.lines[at], &self.asked.lines[at]);
                let pools = if in_escrow { (&was.escrow, &is.escrow) } else { (&was.out, &is.out) };
                let (was_left, left) = (pools.0.left(), pools.1.left());
                let gross = refund.gross.minor;
                let wanted = was.to_buyer(was.given_back + gross) - was.to_buyer(was.given_back);
                let gross = if gross == was_left { left } else { is.gross_for(wanted, left) };
                Some((at, gross, refund.quantity))
            })
            .collect();
        let asked = &self.asked;
        let mut back = asked.give_back(&takes, in_escrow);
        let differs = back.to_buyer - to_buyer.minor;
        match back.subsidies.first_mut() {
            Some(first) => *first += differs,
            None => back.shortfall += differs,
        }
        Returned {
            gross: asked.money(back.gross),
            subsidies: asked.campaign_amounts(&back.subsidies),
            shortfall: asked.money(back.shortfall),
            tax: asked.tax_amount(back.tax),
            lines: back.lines,
        }
    }
}

/// What goes back besides the buyer's part.
struct Returned {
    gross: Money,
    subsidies: Vec<Subsidy>,
    shortfall: Money,
    tax: Option<TaxAmount>,
    lines: Vec<LineRefund>,
}

impl Order {
    /// The event with the amounts that follow from this order's terms whatever is in escrow: commission, and what a reversed
    /// ruling gives back. Under the terms that the order was placed with it is the event itself.
    #[must_use]
    pub fn restated(&self, event: &Event) -> Option<Event> {
        match event {
            Event::CommissionCharged(_) => {
                let (lines, zero) = (Vec::new(), self.money(0));
                let none = CommissionCharged { lines, amount: zero, vat: zero };
                Some(self.commission_charged().unwrap_or(none).into())
            }
            Event::CommissionReversed(e) => {
                let because = e.because.clone();
                let (lines, zero) = (Vec::new(), self.money(0));
                let none = CommissionReversed { lines, amount: zero, vat: zero, because: because.clone() };
                Some(self.commission_reversed(because).unwrap_or(none).into())
            }
            Event::RulingReversed(e) => {
                let dispute = self.known_dispute(e.dispute).ok()?;
                let (to_merchant, to_deposit, _) = self.cost_of_rulings(dispute);
                Some(RulingReversed { to_merchant, to_deposit, ..e.clone() }.into())
            }
            _ => None,
        }
    }

    /// A bank took this of a line's escrow.
    fn took(&mut self, taken: &LineRefund) {
        if let Some(at) = self.line_at(taken.line) {
            self.lines[at].escrow.take(taken.gross.minor);
            self.lines[at].given_back += taken.gross.minor;
        }
    }
}

impl OrderPlaced {
    /// The order as it would have been placed had the merchant given a share of some campaigns' subsidies as a discount of its
    /// own. The buyer pays the same; a share of more than the goods of a line cost stays the market's.
    ///
    /// # Errors
    /// [`MoneyError`] for amounts beyond 64 bits.
    pub fn funded_by_merchant(
        &mut self,
        share: impl Fn(CampaignId) -> Option<Rate>,
    ) -> Result<(), MoneyError> {
        for line in &mut self.lines {
            let mut goods = line.unit_price.times(line.quantity)?.sub(line.discount)?.minor;
            for subsidy in &mut line.subsidies {
                let Some(rate) = share(subsidy.campaign) else { continue };
                let moved = subsidy.amount.at_rate(rate)?.minor.min(goods);
                let moved = Money::new(moved, subsidy.amount.currency);
                goods -= moved.minor;
                subsidy.amount = subsidy.amount.sub(moved)?;
                line.discount = line.discount.add(moved)?;
                self.total = self.total.sub(moved)?;
                let whole = self.subsidies.iter_mut().find(|whole| whole.campaign == subsidy.campaign);
                if let Some(whole) = whole {
                    whole.amount = whole.amount.sub(moved)?;
                }
            }
        }
        Ok(())
    }
}
