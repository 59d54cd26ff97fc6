//! Commission: at every moment a line's net commission is `round(rate x remaining base)`.
//!
//! The base is what is left of the line's goods that were released. So commission is charged when pieces are
//! released and given back as the base shrinks, each time by the difference of two roundings: nothing drifts.

use super::decide::Draft;
use super::events::{CommissionCharged, CommissionLine, CommissionReversed};
use super::line::Line;
use crate::{Money, Rate};

impl Draft {
    /// Charges or gives back what lies between the commission charged and the commission due.
    pub fn adjust_commission(&mut self) {
        let charged = self.differences(1);
        let reversed = self.differences(-1);
        if !reversed.is_empty() {
            let (amount, vat) = self.with_vat(&reversed, -1);
            let because = self.because();
            self.push(CommissionReversed { lines: reversed, amount, vat, because });
        }
        if !charged.is_empty() {
            let (amount, vat) = self.with_vat(&charged, 1);
            self.push(CommissionCharged { lines: charged, amount, vat });
        }
    }

    fn differences(&self, sign: i64) -> Vec<CommissionLine> {
        let order = &self.order;
        let moved = |l: &&Line| (l.out.parts().goods - l.commission_base) * sign > 0;
        let lines = order.lines.iter().filter(moved).map(|l| {
            let base = l.out.parts().goods;
            let due = rounded(order.money(base), l.rate);
            CommissionLine {
                line: l.id,
                category: l.category,
                base: order.money((base - l.commission_base) * sign),
                rate: l.rate,
                amount: order.money((due - l.commission) * sign),
            }
        });
        lines.collect()
    }

    /// The sum of the lines, and by how much the VAT on the order's net commission moves with it.
    fn with_vat(&self, lines: &[CommissionLine], sign: i64) -> (Money, Money) {
        let order = &self.order;
        let amount: i64 = lines.iter().map(|l| l.amount.minor).sum();
        let net = order.lines.iter().map(|l| l.commission).sum::<i64>() + sign * amount;
        let rate = order.head.as_ref().map_or(Rate::ZERO, |h| h.vat_rate);
        let vat = rounded(order.money(net), rate);
        (order.money(amount), order.money((vat - order.vat) * sign))
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

/// `amount` at a rate between 0 and 1: smaller than the amount, so it cannot overflow.
fn rounded(amount: Money, rate: Rate) -> i64 {
    amount.at_rate(rate).map_or(0, |m| m.minor)
}
