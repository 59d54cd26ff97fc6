//! Orders: invariants 2 (escrow), 3 (where an order's money went) and 4 (refunds and commission).

use ahash::RandomState;
use daybook_domain::order::events::{
    Bearer, ChargebackOutcome, CommissionLine, LineRefund, OrderPlaced, RefundShare, Subsidy, TaxAmount,
};
use daybook_domain::{Currency, Event, LineId, Money, OrderId, Rate};
use hashbrown::HashMap;

use super::books::{Books, place};
use super::report::{Check, Report};
use super::{Group, Seen};

/// A line's commission, in minor units.
struct Line {
    line: LineId,
    rate: Rate,
    /// Goods after the merchant's discount: the base before anything is refunded.
    goods: i64,
    /// Refunded at the merchant's cost so far.
    refunded: i64,
    /// Base charged, net of what was reversed.
    base: i64,
    /// Commission charged, net of what was reversed.
    commission: i64,
    released: bool,
}

/// What is known of an order from the fields of its events, in minor units.
struct Order {
    currency: Currency,
    total: i64,
    paid: i64,
    shortfall: i64,
    subsidies: i64,
    to_merchant: i64,
    tax: i64,
    refunded_from_escrow: i64,
    lost_from_escrow: i64,
    /// To the buyer, by refunds before and after release.
    to_buyer: i64,
    /// Taken by banks, without what they took that had been refunded already.
    charged_back: i64,
    /// That: the market's loss.
    loss: i64,
    vat: i64,
    vat_rate: Rate,
    lines: Vec<Line>,
}

pub struct Orders {
    orders: HashMap<OrderId, Order, RandomState>,
    completed: Check,
    rates: Check,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            orders: HashMap::default(),
            completed: Check::new(2, "a completed order holds nothing in escrow", "completed orders"),
            rates: Check::new(
                4,
                "net commission = round(rate x remaining base) after every charge and reversal",
                "lines",
            ),
        }
    }
}

fn total_of(subsidies: &[Subsidy]) -> i64 {
    subsidies.iter().fold(0i64, |sum, s| sum.saturating_add(s.amount.minor))
}

fn tax_of(tax: Option<&TaxAmount>) -> i64 {
    tax.map_or(0, |tax| tax.amount.minor)
}

impl Order {
    fn placed(e: &OrderPlaced) -> Self {
        let lines = e.lines.iter().map(|l| Line {
            line: l.line,
            rate: l.commission_rate,
            goods: l.unit_price.minor.saturating_mul(i64::from(l.quantity)) - l.discount.minor,
            refunded: 0,
            base: 0,
            commission: 0,
            released: false,
        });
        Self {
            currency: e.total.currency,
            total: e.total.minor,
            paid: 0,
            shortfall: 0,
            subsidies: 0,
            to_merchant: 0,
            tax: 0,
            refunded_from_escrow: 0,
            lost_from_escrow: 0,
            to_buyer: 0,
            charged_back: 0,
            loss: 0,
            vat: 0,
            vat_rate: e.vat_on_fees.unwrap_or_default(),
            lines: lines.collect(),
        }
    }

    fn line(&mut self, line: LineId) -> Option<&mut Line> {
        self.lines.iter_mut().find(|l| l.line == line)
    }

    fn refund_lines(&mut self, lines: &[LineRefund]) {
        for refund in lines {
            if let Some(line) = self.line(refund.line) {
                line.refunded += refund.merchant_base.minor;
            }
        }
    }

    fn shares(&mut self, shares: &[RefundShare]) -> i64 {
        shares.iter().fold(0i64, |sum, share| sum.saturating_add(share.to_buyer.minor))
    }

    /// Adds (`sign` 1) or takes back (-1) commission; what is wrong afterwards.
    fn commission(&mut self, lines: &[CommissionLine], vat: Money, sign: i64) -> Vec<Option<String>> {
        let currency = self.currency;
        self.vat += sign * vat.minor;
        let mut findings = Vec::with_capacity(lines.len());
        for charged in lines {
            let Some(line) = self.line(charged.line) else {
                findings.push(Some(format!("line {} was never sold", charged.line)));
                continue;
            };
            line.base += sign * charged.base.minor;
            line.commission += sign * charged.amount.minor;
            let expected = Money::new(line.base, currency).at_rate(line.rate);
            let wrong = match expected {
                Ok(expected) if expected.minor == line.commission && charged.rate == line.rate => None,
                _ => Some(format!(
                    "line {}: net commission {} is not {} of {}",
                    line.line,
                    Money::new(line.commission, currency),
                    line.rate,
                    Money::new(line.base, currency),
                )),
            };
            findings.push(wrong);
        }
        findings
    }
}

impl Group for Orders {
    fn see(&mut self, seen: &Seen<'_>, books: &Books) {
        let Some(id) = seen.refs.order else { return };
        if let Event::OrderPlaced(e) = seen.event {
            self.orders.insert(id, Order::placed(e));
            return;
        }
        let Some(order) = self.orders.get_mut(&id) else { return };
        match seen.event {
            Event::EscrowFunded(e) => {
                order.paid += e.parts.iter().map(|p| p.amount.minor).sum::<i64>();
                order.shortfall += e.shortfall.minor;
                order.subsidies += total_of(&e.subsidies);
            }
            Event::EscrowReleased(e) => {
                order.to_merchant += e.to_merchant.minor;
                order.tax += tax_of(e.tax.as_ref());
                for released in &e.lines {
                    if let Some(line) = order.line(released.line) {
                        line.released = true;
                    }
                }
            }
            Event::EscrowRefunded(e) => {
                order.refunded_from_escrow +=
                    e.to_buyer.minor + total_of(&e.subsidies_back) + e.shortfall_back.minor;
                order.to_buyer += e.to_buyer.minor;
                order.refund_lines(&e.lines);
            }
            Event::RefundIssued(e) => {
                order.to_buyer += e.to_buyer.minor;
                order.refund_lines(&e.lines);
                let borne = order.shares(&e.borne_by);
                if borne != e.to_buyer.minor {
                    let what = format!(
                        "the bearers give the buyer {borne} minor units, the refund says {}",
                        e.to_buyer
                    );
                    self.rates.violate(place(seen.recorded), what);
                }
            }
            Event::ChargebackClosed(e) if e.outcome == ChargebackOutcome::Lost => {
                // what refunds still owed was counted with them
                let from_refunds = e.from_refunds.map_or(0, |m| m.minor);
                order.charged_back += e.amount.minor - from_refunds - e.loss.minor;
                order.loss += e.loss.minor;
                if let Some(taken) = &e.from_escrow {
                    order.lost_from_escrow +=
                        taken.to_buyer.minor + total_of(&taken.subsidies_back) + taken.shortfall_back.minor;
                    order.refund_lines(&taken.lines);
                }
                if e.borne_by.iter().any(|share| share.by != Bearer::Platform) {
                    order.refund_lines(&e.lines);
                }
            }
            Event::CommissionCharged(e) => {
                for wrong in order.commission(&e.lines, e.vat, 1) {
                    self.rates.look(|| place(seen.recorded), wrong);
                }
            }
            Event::CommissionReversed(e) => {
                for wrong in order.commission(&e.lines, e.vat, -1) {
                    self.rates.look(|| place(seen.recorded), wrong);
                }
            }
            Event::OrderCompleted(_) => {
                let left = books.owed("Escrow", id.as_str(), order.currency);
                let wrong = (left != 0).then(|| format!("still holds {}", Money::new(left, order.currency)));
                self.completed.look(|| format!("order-{id}"), wrong);
            }
            _ => {}
        }
    }

    fn finish(self: Box<Self>, books: &Books, report: &mut Report) {
        let mut flow = Check::new(
            3,
            "per order: paid + shortfall + subsidies = to merchant + tax + refunded + lost + still in escrow",
            "orders",
        );
        let mut negative = Check::new(2, "an order's escrow is never negative", "orders");
        let mut refunds = Check::new(4, "refunds and lost chargebacks never exceed what was paid", "orders");
        let mut bases = Check::new(
            4,
            "a line that left escrow is charged for its goods less what was refunded at the merchant's cost",
            "lines",
        );
        let mut vat = Check::new(4, "VAT on fees = round(rate x net commission) per order", "orders");
        let mut ids: Vec<&OrderId> = self.orders.keys().collect();
        ids.sort_unstable();
        for id in ids {
            let order = &self.orders[id];
            let name = || format!("order-{id}");
            let money = |minor| Money::new(minor, order.currency);
            let left = books.owed("Escrow", id.as_str(), order.currency);
            let came = order.paid + order.shortfall + order.subsidies;
            let went =
                order.to_merchant + order.tax + order.refunded_from_escrow + order.lost_from_escrow + left;
            flow.look(name, flow_wrong(came, went, order));
            negative.look(name, (left < 0).then(|| format!("escrow is {}", money(left))));
            let back = order.to_buyer + order.charged_back;
            let wrong = (back > order.paid)
                .then(|| format!("{} went back of {} paid", money(back), money(order.paid)));
            refunds.look(name, wrong);
            if order.loss > 0 {
                refunds.note(format!("order-{id}: chargeback loss of {}", money(order.loss)));
            }
            if left == 0 {
                for line in order.lines.iter().filter(|l| l.released) {
                    let wrong = (line.base != line.goods - line.refunded).then(|| {
                        format!(
                            "line {}: charged on {}, goods {} less {} refunded",
                            line.line,
                            money(line.base),
                            money(line.goods),
                            money(line.refunded)
                        )
                    });
                    bases.look(name, wrong);
                }
            }
            let commission = order.lines.iter().map(|l| l.commission).sum();
            let expected = money(commission).at_rate(order.vat_rate).map(|m| m.minor);
            let wrong = (expected != Ok(order.vat))
                .then(|| format!("{} is not {} of {}", money(order.vat), order.vat_rate, money(commission)));
            vat.look(name, wrong);
        }
        for check in [negative, self.completed, flow, refunds, self.rates, bases, vat] {
            report.add(check);
        }
    }
}

fn flow_wrong(came: i64, went: i64, order: &Order) -> Option<String> {
    let money = |minor| Money::new(minor, order.currency);
    if came != went {
        return Some(format!("{} came in, {} went out or is in escrow", money(came), money(went)));
    }
    (came > order.total).then(|| format!("{} came in for a total of {}", money(came), money(order.total)))
}
