//! What adds up, by month and in all.

use std::collections::HashSet;

use super::scope::Scope;
use super::{Out, Series};
use crate::numbers::{money, money_each, month_name};
use crate::{Movement, PackError};

/// What a month, or all of it, comes to. Amounts are minor units.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    pub placed: usize,
    pub paid: usize,
    pub cancelled: usize,
    pub buyers: usize,
    pub new_buyers: usize,
    pub buyer_paid: i128,
    pub subsidised: i128,
    pub shortfall: i128,
    pub back_by_refund: i128,
    pub back_by_order: i128,
    pub disputes: Cases,
    pub chargebacks: Cases,
    pub released: i128,
    pub commission: i128,
    pub fees: i128,
    pub penalties: i128,
    pub refunds_borne: i128,
    pub rulings_reversed: i128,
    pub from_deposit: i128,
    pub other: i128,
    pub deposit_deducted: i128,
    pub settled: i128,
    pub converted: i128,
    pub paid_out: i128,
    pub closing: Balances,
    pub active: usize,
    pub zero: usize,
}

/// Disputes, or chargebacks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cases {
    pub opened: usize,
    pub opened_amount: i128,
    pub won: usize,
    pub won_amount: i128,
    pub lost: usize,
    pub split: usize,
    pub withdrawn: usize,
    pub lost_amount: i128,
}

/// What stands where.
#[derive(Clone, Copy, Debug, Default)]
pub struct Balances {
    pub pending: i128,
    pub available: i128,
    pub held: i128,
    pub reserve: i128,
    pub in_transit: i128,
    pub deposit: i128,
}

impl Balances {
    pub fn add(&mut self, by: &Movement) {
        self.pending += i128::from(by.pending.0);
        self.available += i128::from(by.available.0);
        self.held += i128::from(by.held.0);
        self.reserve += i128::from(by.reserve.0);
        self.in_transit += i128::from(by.in_transit.0);
        self.deposit += i128::from(by.deposit.0) + i128::from(by.frozen.0);
    }

    /// What the market owes the merchant.
    pub fn balance(&self) -> i128 {
        self.pending + self.available + self.held + self.reserve + self.in_transit
    }
}

impl Sums {
    pub fn worth(&self) -> i128 {
        self.buyer_paid + self.subsidised + self.shortfall
    }

    pub fn net(&self) -> i128 {
        self.buyer_paid - self.back_by_refund
    }
}

/// The months of a pack.
pub struct Months {
    pub months: Vec<Sums>,
    pub all: Sums,
}

impl Months {
    pub fn of(scope: &Scope<'_>) -> Result<Self, PackError> {
        let mut sums = Self { months: vec![Sums::default(); scope.months], all: Sums::default() };
        sums.orders(scope);
        sums.cases(scope);
        sums.account(scope)?;
        Ok(sums)
    }

    /// Adds to a month and to all.
    fn at(&mut self, month: usize, mut add: impl FnMut(&mut Sums)) {
        add(&mut self.months[month]);
        add(&mut self.all);
    }

    fn orders(&mut self, scope: &Scope<'_>) {
        let (mut bought, mut ever) = (HashSet::new(), HashSet::new());
        let mut active = vec![false; scope.days()];
        for (place, order) in scope.facts.orders.iter().enumerate() {
            if let Some(day) = scope.within(Some(order.placed_at)) {
                self.at(scope.month(day), |sums| sums.placed += 1);
            }
            if let Some(day) = scope.within(order.cancelled_at) {
                self.at(scope.month(day), |sums| sums.cancelled += 1);
            }
            let Some(day) = scope.paid_on[place] else { continue };
            let month = scope.month(day);
            self.at(month, |sums| {
                sums.paid += 1;
                sums.buyer_paid += i128::from(order.paid.0);
                sums.subsidised += i128::from(order.subsidy.0);
                sums.shortfall += i128::from(order.shortfall.0);
                sums.back_by_order += i128::from(scope.back[place]);
            });
            active[scope.day(day)] = true;
            let since = order.buyer_since.filter(|since| scope.from <= *since && *since <= scope.to);
            if bought.insert((month, order.buyer)) {
                self.months[month].buyers += 1;
                self.months[month].new_buyers +=
                    usize::from(since.is_some_and(|day| scope.month(day) == month));
            }
            if ever.insert(order.buyer) {
                self.all.buyers += 1;
                self.all.new_buyers += usize::from(since.is_some());
            }
        }
        for (refund, day) in scope.refunds() {
            self.at(scope.month(day), |sums| sums.back_by_refund += i128::from(refund.to_buyer.0));
        }
        let mut day = scope.from;
        for active in active {
            self.at(scope.month(day), |sums| sums.active += usize::from(active));
            day = day.succ_opt().unwrap_or(day);
        }
        for month in 0..scope.months {
            let sums = &mut self.months[month];
            sums.zero = scope.measured_in(month).saturating_sub(sums.active);
        }
        self.all.zero = scope.measured().saturating_sub(self.all.active);
    }

    fn cases(&mut self, scope: &Scope<'_>) {
        for dispute in &scope.facts.disputes {
            let chargeback = Scope::is_chargeback(dispute);
            let of = |sums: &mut Sums, change: &dyn Fn(&mut Cases)| {
                change(if chargeback { &mut sums.chargebacks } else { &mut sums.disputes });
            };
            let (claim, refund) = (i128::from(dispute.claim.0), i128::from(dispute.refund.0));
            if let Some(day) = scope.within(Some(dispute.opened_at)) {
                self.at(scope.month(day), |sums| {
                    of(sums, &|cases| {
                        cases.opened += 1;
                        cases.opened_amount += claim;
                    });
                });
            }
            let Some(day) = scope.within(dispute.decided_at) else { continue };
            self.at(scope.month(day), |sums| {
                of(sums, &|cases| match dispute.outcome.as_deref() {
                    Some("merchant") => {
                        cases.won += 1;
                        cases.won_amount += claim;
                    }
                    Some("buyer") => {
                        cases.lost += 1;
                        cases.lost_amount += refund;
                    }
                    Some("split") => {
                        cases.split += 1;
                        cases.lost_amount += refund;
                    }
                    _ => cases.withdrawn += 1,
                });
            });
        }
    }

    fn account(&mut self, scope: &Scope<'_>) -> Result<(), PackError> {
        let mut closing = vec![Balances::default(); scope.months];
        for (movement, day) in scope.movements() {
            let Some(day) = day else {
                // what was before stands under every month
                if movement.event != OPENING {
                    let why = format!("movement {} is not of the pack's days", movement.number);
                    return Err(PackError::malformed("account.csv", why));
                }
                closing[0].add(movement);
                continue;
            };
            let month = scope.month(day);
            closing[month].add(movement);
            let pending = i128::from(movement.pending.0);
            // what went out in another currency counts as what it had been in this one
            let converted = movement.converted.map(|of| i128::from(of.0));
            let (transit, available) = (i128::from(movement.in_transit.0), i128::from(movement.available.0));
            let deposit = i128::from(movement.deposit.0) + i128::from(movement.frozen.0);
            self.at(month, |sums| match (movement.event.as_str(), movement.about.as_deref()) {
                (OPENING, _) => {}
                (_, Some("release")) => sums.released += pending,
                (_, Some("commission")) => sums.commission -= pending,
                (_, Some("fee")) => sums.fees -= pending,
                (_, Some("penalty")) => sums.penalties -= pending,
                (_, Some("refund" | "chargeback")) => sums.refunds_borne -= pending,
                (_, Some("ruling_reversed")) => sums.rulings_reversed += pending,
                (_, Some("deposit")) => sums.from_deposit += pending,
                (_, Some(_)) => sums.other += pending,
                ("SettlementClosed", None) => sums.settled -= pending,
                ("DepositDeducted", None) => sums.deposit_deducted -= deposit,
                ("PayoutConverted", None) => sums.converted -= transit,
                ("PayoutConfirmed", None) => sums.paid_out += converted.unwrap_or(-transit),
                ("PayoutReturned", None) => sums.paid_out -= converted.unwrap_or(available),
                _ => {}
            });
        }
        let mut so_far = Balances::default();
        for (sums, change) in self.months.iter_mut().zip(closing) {
            so_far.pending += change.pending;
            so_far.available += change.available;
            so_far.held += change.held;
            so_far.reserve += change.reserve;
            so_far.in_transit += change.in_transit;
            so_far.deposit += change.deposit;
            sums.closing = so_far;
        }
        self.all.closing = so_far;
        Ok(())
    }

    pub fn tell(&self, scope: &Scope<'_>, out: &mut Out) {
        for (id, value) in columns(scope, &self.all) {
            out.figure(id, value);
        }
        let named = self.months.iter().enumerate().map(|(at, sums)| {
            let name = month_name(scope.first_month + at as i32);
            let mut row = vec![Some(name)];
            row.extend(columns(scope, sums).into_iter().map(|(_, value)| value));
            row
        });
        let mut ids = vec!["month"];
        ids.extend(columns(scope, &self.all).into_iter().map(|(id, _)| id));
        out.tables.push(Series { id: "months", columns: ids, rows: named.collect() });
    }
}

/// The event of the row that has what was before.
pub const OPENING: &str = "opening";

fn columns(scope: &Scope<'_>, of: &Sums) -> Vec<(&'static str, Option<String>)> {
    let count = |count: usize| Some(count.to_string());
    let amount = |minor: i128| Some(money(minor, scope.currency()));
    let each = |minor, through: usize| money_each(minor, through as i128, scope.currency());
    vec![
        ("orders.placed", count(of.placed)),
        ("orders.paid", count(of.paid)),
        ("orders.cancelled", count(of.cancelled)),
        ("buyers", count(of.buyers)),
        ("buyers.new", count(of.new_buyers)),
        ("turnover.buyer_paid", amount(of.buyer_paid)),
        ("turnover.subsidised", amount(of.subsidised)),
        ("turnover.shortfall", amount(of.shortfall)),
        ("turnover.worth", amount(of.worth())),
        ("unit_price", each(of.buyer_paid, of.buyers)),
        ("order_average", each(of.buyer_paid, of.paid)),
        ("refunds.by_refund", amount(of.back_by_refund)),
        ("refunds.by_order", amount(of.back_by_order)),
        ("turnover.net", amount(of.net())),
        ("turnover.net_of_orders", amount(of.buyer_paid - of.back_by_order)),
        ("disputes.opened", count(of.disputes.opened)),
        ("disputes.opened_amount", amount(of.disputes.opened_amount)),
        ("disputes.won", count(of.disputes.won)),
        ("disputes.won_amount", amount(of.disputes.won_amount)),
        ("disputes.lost", count(of.disputes.lost)),
        ("disputes.split", count(of.disputes.split)),
        ("disputes.withdrawn", count(of.disputes.withdrawn)),
        ("disputes.lost_amount", amount(of.disputes.lost_amount)),
        ("chargebacks.opened", count(of.chargebacks.opened)),
        ("chargebacks.opened_amount", amount(of.chargebacks.opened_amount)),
        ("chargebacks.won", count(of.chargebacks.won)),
        ("chargebacks.won_amount", amount(of.chargebacks.won_amount)),
        ("chargebacks.lost", count(of.chargebacks.lost)),
        ("chargebacks.lost_amount", amount(of.chargebacks.lost_amount)),
        ("account.released", amount(of.released)),
        ("account.commission", amount(of.commission)),
        ("account.fees", amount(of.fees)),
        ("account.penalties", amount(of.penalties)),
        ("account.refunds", amount(of.refunds_borne)),
        ("account.rulings_reversed", amount(of.rulings_reversed)),
        ("account.from_deposit", amount(of.from_deposit)),
        ("account.other", amount(of.other)),
        ("account.deposit_deducted", amount(of.deposit_deducted)),
        ("account.settled", amount(of.settled)),
        ("account.converted", amount(of.converted)),
        ("account.paid_out", amount(of.paid_out)),
        ("closing.pending", amount(of.closing.pending)),
        ("closing.available", amount(of.closing.available)),
        ("closing.held", amount(of.closing.held)),
        ("closing.reserve", amount(of.closing.reserve)),
        ("closing.in_transit", amount(of.closing.in_transit)),
        ("closing.balance", amount(of.closing.balance())),
        ("closing.deposit", amount(of.closing.deposit)),
        ("days.active", count(of.active)),
        ("days.zero", count(of.zero)),
    ]
}
