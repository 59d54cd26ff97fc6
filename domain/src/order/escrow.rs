//! Escrow: funding, receipt, release, and what follows of itself from any step.

use super::decide::{Decision, Draft, deadline, refuse};
use super::events::*;
use super::line::Line;
use super::state::{Order, Shipment};
use crate::checkout::events::PaymentPart;
use crate::decider::{not_negative, positive};
use crate::time::DAY;
use crate::{Context, Money, Rejection, ShipmentId, Timestamp};

impl EscrowFunded {
    /// What the buyer paid.
    #[must_use]
    pub fn paid(&self) -> Money {
        let minor = self.parts.iter().fold(0i64, |sum, part| sum.saturating_add(part.amount.minor));
        Money::new(minor, self.shortfall.currency)
    }
}

impl Order {
    pub(super) fn fund(&self, parts: &[PaymentPart], shortfall: Money, context: &Context<'_>) -> Decision {
        if self.cancelled() {
            return refuse("order_cancelled", "the order is cancelled: the money stays with the checkout");
        }
        self.check_parts(parts, shortfall)?;
        if self.funded {
            let same = self.payments.len() == parts.len()
                && self
                    .payments
                    .iter()
                    .zip(parts)
                    .all(|(k, p)| k.id == p.payment && k.amount == p.amount.minor);
            if same {
                return Ok(Vec::new());
            }
            return refuse("already_funded", "the order is funded: further money stays with the checkout");
        }
        let due = self.lines.iter().map(|l| l.paid).sum::<i64>();
        let brought = parts.iter().map(|p| i128::from(p.amount.minor)).sum::<i128>();
        if brought + i128::from(shortfall.minor) != i128::from(due) {
            let message = format!("parts and shortfall must sum to what the buyer pays, {}", self.money(due));
            return refuse("funding_mismatch", message);
        }
        let subsidies = self.subsidies_due();
        let ship_due = context.occurred_at.plus(DAY * i64::from(context.policy.ship_within_days));
        let mut draft = Draft::new(self, context);
        draft.push(EscrowFunded {
            parts: parts.to_vec(),
            shortfall,
            subsidies,
            ship_due: (!context.import).then_some(ship_due),
        });
        draft.settle();
        Ok(draft.events)
    }

    /// What the market adds to it, by campaign.
    pub(super) fn subsidies_due(&self) -> Vec<Subsidy> {
        let campaigns = self.head.as_ref().map_or(0, |head| head.campaigns.len());
        let sums: Vec<i64> =
            (0..campaigns).map(|nth| self.lines.iter().map(|l| l.subsidies[nth]).sum()).collect();
        self.campaign_amounts(&sums)
    }

    fn check_parts(&self, parts: &[PaymentPart], shortfall: Money) -> Result<(), Rejection> {
        self.same_currency("shortfall", shortfall)?;
        not_negative("shortfall", shortfall)?;
        for (nth, part) in parts.iter().enumerate() {
            self.same_currency("parts.amount", part.amount)?;
            positive("parts.amount", part.amount)?;
            if parts[..nth].iter().any(|p| p.payment == part.payment) {
                let payment = part.payment;
                return refuse("payment_twice", format!("parts names payment {payment} twice: add them up"));
            }
        }
        Ok(())
    }

    pub(super) fn confirm_receipt(
        &self,
        lines: Option<&[LineQuantity]>,
        by: ReceivedBy,
        context: &Context<'_>,
    ) -> Decision {
        let sent = |l: &Line| if context.import { l.quantity - l.cancelled } else { l.shipped };
        let open = |l: &Line| sent(l).saturating_sub(l.received);
        if lines.is_none() && self.lines.iter().all(|l| open(l) == 0) {
            if self.lines.iter().any(|l| l.received > 0) {
                return Ok(Vec::new());
            }
            return refuse("not_receivable", "nothing is on its way: nothing was shipped");
        }
        let lines = self.select(lines, "not_receivable", |_, l| open(l))?;
        let mut draft = Draft::new(self, context);
        draft.push(ReceiptConfirmed { lines, by });
        draft.settle();
        Ok(draft.events)
    }

    pub(super) fn confirm_by_timeout(
        &self,
        shipment: ShipmentId,
        due: Timestamp,
        context: &Context<'_>,
    ) -> Decision {
        let Some(known) = self.shipments.iter().find(|s| s.id == shipment) else {
            return refuse("shipment_unknown", format!("shipment {shipment} is not of this order"));
        };
        if !deadline(due, known.release_due, context)? {
            return Ok(Vec::new());
        }
        let mut draft = Draft::new(self, context);
        // what is frozen waits until the freeze ends; what was received is received
        draft.confirm_overdue();
        draft.settle();
        Ok(draft.events)
    }

    pub(super) fn release(&self, context: &Context<'_>) -> Decision {
        let mut draft = Draft::new(self, context);
        draft.settle();
        Ok(draft.events)
    }

    pub(super) fn complete(&self, due: Timestamp, context: &Context<'_>) -> Decision {
        if !deadline(due, self.after_sales_until, context)? {
            return Ok(Vec::new());
        }
        let mut draft = Draft::new(self, context);
        draft.settle();
        Ok(draft.events)
    }

    fn completable(&self, at: Timestamp) -> bool {
        self.funded
            && !self.completed
            && !self.cancelled()
            && !self.frozen()
            && self.lines.iter().all(Line::done)
            && self.after_sales_until.is_none_or(|until| at >= until)
    }
}

impl Draft {
    /// What follows of itself: received pieces that nothing freezes are released, commission follows its base,
    /// an order with nothing left to do completes.
    pub fn settle(&mut self) {
        self.release_received();
        self.adjust_commission();
        if self.order.completable(self.at) {
            self.push(OrderCompleted {});
        }
    }

    /// As [`settle`](Self::settle), after a freeze has ended: timeouts that passed meanwhile take effect. An
    /// import decides its own deadlines.
    pub fn thaw(&mut self, context: &Context<'_>) {
        if !context.import {
            self.confirm_overdue();
        }
        self.settle();
    }

    /// Receipt by timeout of delivered shipments that are due and not frozen. What was received counts towards
    /// the shipments that are due, whichever it came by: pieces still on their way are never confirmed.
    fn confirm_overdue(&mut self) {
        let order = &self.order;
        let mut due = vec![0u32; order.lines.len()];
        let over = |s: &&Shipment| s.delivered && s.release_due.is_some_and(|d| d <= self.at);
        for shipment in order.shipments.iter().filter(over).filter(|s| s.exception.is_none()) {
            for (at, quantity) in &shipment.lines {
                due[usize::from(*at)] += quantity;
            }
        }
        let lines = order.lines.iter().enumerate().filter(|(at, _)| !order.frozen_line(*at));
        let lines = lines.map(|(at, l)| LineQuantity {
            line: l.id,
            quantity: due[at].saturating_sub(l.received).min(l.shipped.saturating_sub(l.received)),
        });
        let lines: Vec<_> = lines.filter(|l| l.quantity > 0).collect();
        if !lines.is_empty() {
            self.push(ReceiptConfirmed { lines, by: ReceivedBy::Timeout });
        }
    }

    fn release_received(&mut self) {
        let order = &self.order;
        if !order.funded {
            return;
        }
        let pieces = order.lines.iter().enumerate().filter(|(at, _)| !order.frozen_line(*at));
        let pieces: Vec<_> =
            pieces.map(|(at, line)| (at, line.releasable())).filter(|(_, q)| *q > 0).collect();
        if let Some(released) = order.released(&pieces) {
            let after_sales_until = Some(self.at.plus(DAY * i64::from(self.after_sales_days)));
            self.push(EscrowReleased { after_sales_until, ..released });
        }
    }
}

impl Order {
    /// What releasing these pieces, by line, brings to the merchant and the tax office; nothing without pieces.
    pub(super) fn released(&self, pieces: &[(usize, u32)]) -> Option<EscrowReleased> {
        let (mut to_merchant, mut tax, mut lines) = (0, 0, Vec::with_capacity(pieces.len()));
        for (at, quantity) in pieces.iter().copied() {
            let line = &self.lines[at];
            let parts = line.escrow.pieces(quantity, line.pieces().saturating_sub(quantity));
            let merchant = parts.goods + parts.shipping;
            to_merchant += merchant;
            tax += parts.tax;
            let (merchant, of_tax) = (self.money(merchant), self.money(parts.tax));
            lines.push(LineRelease { line: line.id, quantity, to_merchant: merchant, tax: of_tax });
        }
        (!lines.is_empty()).then(|| EscrowReleased {
            lines,
            to_merchant: self.money(to_merchant),
            tax: self.tax_amount(tax),
            after_sales_until: None,
        })
    }

    /// Tax for the order's jurisdiction, absent when zero.
    pub(super) fn tax_amount(&self, minor: i64) -> Option<TaxAmount> {
        let jurisdiction = self.head.as_ref()?.jurisdiction?;
        (minor != 0).then(|| TaxAmount { jurisdiction, amount: self.money(minor) })
    }
}
