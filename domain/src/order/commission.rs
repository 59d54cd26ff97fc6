//! Commission: at every moment a line's net commission is `round(rate x remaining base)`.
//!
//! The base is what is left of the line's goods that were released. So commission is charged when pieces are
//! released and given back as the base shrinks, each time by the difference of two roundings: nothing drifts.

use super::decide::Draft;
use super::events::{CommissionCharged, CommissionLine, CommissionReversed};
use super::line::Line;
use super::state::Order;
use crate::{Money, Rate};

impl Draft {
    /// Charges or gives back what lies between the commission charged and the commission due.
    pub fn adjust_commission(&mut self) {
        if let Some(reversed) = self.order.commission_reversed(self.because()) {
            self.push(reversed);
        }
        if let Some(charged) = self.order.commission_charged() {
            self.push(charged);
        }
    }

    fn because(&self) -> String {
        let event = self.events.last();
        let refund = self.events.iter().rev().find_map(|e| match e {
            crate::Event::RefundIssued(e) => Some(format!("refund {}", e.refund)),
            crate::Event::ChargebackClosed(e) => Some(format!("chargeback {}", e.chargeback)),
            _ => None,
        });
        refund.or(event.map(|e| e.kind().as_str().to_owned())).unwrap_or_default()
    }
}

impl Order {
    /// What is charged as the order stands: of the lines whose base has grown.
    pub(super) fn commission_charged(&self) -> Option<CommissionCharged> {
        let lines = self.differences(1);
        if lines.is_empty() {
            return None;
        }
        let (amount, vat) = self.with_vat(&lines, 1);
        Some(CommissionCharged { lines, amount, vat })
    }

    /// What is given back as the order stands: of the lines whose base has shrunk.
    pub(super) fn commission_reversed(&self, because: String) -> Option<CommissionReversed> {
        let lines = self.differences(-1);
        if lines.is_empty() {
            return None;
        }
        let (amount, vat) = self.with_vat(&lines, -1);
        Some(CommissionReversed { lines, amount, vat, because })
    }

    fn differences(&self, sign: i64) -> Vec<CommissionLine> {
        let moved = |l: &&Line| (l.out.parts().goods - l.commission_base) * sign > 0;
        let lines = self.lines.iter().filter(moved).map(|l| {
            let base = l.out.parts().goods;
            let due = rounded(self.money(base), l.rate);
            CommissionLine {
                line: l.id,
                category: l.category,
                base: self.money((base - l.commission_base) * sign),
                rate: l.rate,
                amount: self.money((due - l.commission) * sign),
            }
        });
        lines.collect()
    }

    /// The sum of the lines, and by how much the VAT on the order's net commission moves with it.
    fn with_vat(&self, lines: &[CommissionLine], sign: i64) -> (Money, Money) {
        let amount: i64 = lines.iter().map(|l| l.amount.minor).sum();
        let net = self.lines.iter().map(|l| l.commission).sum::<i64>() + sign * amount;
        let rate = self.head.as_ref().map_or(Rate::ZERO, |h| h.vat_rate);
        let vat = rounded(self.money(net), rate);
        (self.money(amount), self.money((vat - self.vat) * sign))
    }
}

/// `amount` at a rate between 0 and 1: smaller than the amount, so it cannot overflow.
fn rounded(amount: Money, rate: Rate) -> i64 {
    amount.at_rate(rate).map_or(0, |m| m.minor)
}
