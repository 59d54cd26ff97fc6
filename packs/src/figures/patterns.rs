//! Patterns that wash trading leaves, each with the orders that it rests on. A pattern is a question to ask, and no verdict.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::corroboration::SHARED;
use super::scope::Scope;
use super::{Out, Series};
use crate::facts::Order;
use crate::numbers::{money, ratio};

/// Orders of one buyer, or of one kind, from which on a pattern is one.
const MANY: usize = 5;
/// Orders from which on refunds to one buyer are a loop.
const LOOP: usize = 3;
/// Days within which orders over the same amount are a pattern: who buys the same every month is a customer.
const NEAR: i64 = 7;
/// Of every kind of order that is looked at, patterns of all buyers together begin at one in so many of turnover: among very many
/// orders a few of any kind are found.
const ONE_IN: i128 = 100;
/// Most rows of the table.
const MOST_TOLD: usize = 50;
/// Most orders that are named as evidence.
const MOST_NAMED: usize = 20;
/// Goods that arrive this soon after they left did not travel, microseconds.
const AT_ONCE: i64 = 3_600 * daybook_domain::time::SECOND;

/// An order paid within, with its place and the day.
type Paid<'f> = (usize, &'f Order, NaiveDate);

/// What was found.
struct Flag<'f> {
    name: &'static str,
    buyer: Option<u32>,
    orders: Vec<Paid<'f>>,
    turnover: i128,
}

pub fn tell(scope: &Scope<'_>, out: &mut Out) {
    let paid: Vec<Paid<'_>> = scope.paid().collect();
    let all = sum(&paid);
    let mut flags = Vec::new();
    by_buyer(scope, &paid, all, &mut flags);
    by_terminal(&paid, &mut flags);
    of_all(&paid, all, &mut flags);
    let named: BTreeSet<usize> =
        flags.iter().flat_map(|flag| flag.orders.iter().map(|(place, ..)| *place)).collect();
    let questioned = named.iter().map(|place| i128::from(scope.facts.orders[*place].paid.0)).sum();
    out.count("flags", flags.len());
    out.count("flags.orders", named.len());
    out.figure("flags.share", ratio(questioned, all));
    // the largest first; of equal ones the order in which they are looked for, which the sort keeps
    flags.sort_by_key(|flag| std::cmp::Reverse(flag.turnover));
    let rows = flags.iter().take(MOST_TOLD).map(|flag| {
        let evidence: Vec<&str> =
            flag.orders.iter().take(MOST_NAMED).map(|(_, order, _)| order.order.as_str()).collect();
        vec![
            Some(flag.name.to_owned()),
            flag.buyer.map(|buyer| buyer.to_string()),
            Some(flag.orders.len().to_string()),
            Some(money(flag.turnover, scope.currency())),
            ratio(flag.turnover, all),
            Some(evidence.join(" ")),
        ]
    });
    let rows = rows.collect();
    let columns = vec!["flag", "flag.buyer", "flag.orders", "flag.turnover", "flag.share", "flag.evidence"];
    out.tables.push(Series { id: "flags", columns, rows });
}

fn flag<'f>(flags: &mut Vec<Flag<'f>>, name: &'static str, buyer: Option<u32>, orders: Vec<Paid<'f>>) {
    flags.push(Flag { name, buyer, turnover: sum(&orders), orders });
}

/// What one buyer did.
fn by_buyer<'f>(scope: &Scope<'f>, paid: &[Paid<'f>], all: i128, flags: &mut Vec<Flag<'f>>) {
    let mut by_buyer: BTreeMap<u32, Vec<Paid<'f>>> = BTreeMap::new();
    for of in paid {
        by_buyer.entry(of.1.buyer).or_default().push(*of);
    }
    for (buyer, orders) in by_buyer {
        let buyer = Some(buyer);
        let (spent, back) =
            (sum(&orders), orders.iter().map(|(place, ..)| i128::from(scope.back[*place])).sum::<i128>());
        if orders.len() >= LOOP && spent > 0 && back * 5 >= spent * 4 {
            flag(flags, "refund_loop", buyer, orders.clone());
        }
        if orders.len() >= MANY && spent > 0 && spent * 10 >= all {
            flag(flags, "one_buyer", buyer, orders.clone());
        }
        for mut alike in alike(&orders, |of| of.1.paid.0) {
            alike.sort_by_key(|(_, _, day)| *day);
            let near = alike.windows(MANY).any(|some| (some[MANY - 1].2 - some[0].2).num_days() < NEAR);
            if near {
                flag(flags, "same_amount", buyer, alike);
            }
        }
        for burst in alike(&orders, |of| of.2) {
            flag(flags, "burst", buyer, burst);
        }
    }
}

/// What many buyers did at one terminal.
fn by_terminal<'f>(paid: &[Paid<'f>], flags: &mut Vec<Flag<'f>>) {
    let mut by_terminal: BTreeMap<u32, Vec<Paid<'f>>> = BTreeMap::new();
    for of in paid {
        if let Some(terminal) = of.1.terminal {
            by_terminal.entry(terminal).or_default().push(*of);
        }
    }
    for orders in by_terminal.into_values() {
        let buyers: BTreeSet<u32> = orders.iter().map(|(_, order, _)| order.buyer).collect();
        if buyers.len() >= SHARED {
            flag(flags, "one_terminal", None, orders);
        }
    }
}

/// What orders have in common, whoever bought.
fn of_all<'f>(paid: &[Paid<'f>], all: i128, flags: &mut Vec<Flag<'f>>) {
    // where no order of a channel was seen by anybody, its views are not known here
    let seen: BTreeSet<&str> =
        paid.iter().filter(|of| of.1.views > 0).map(|of| of.1.sales_channel.as_str()).collect();
    let unseen = |order: &Order| {
        order.reviews_good > 0
            && order.views == 0
            && order.tracked == 0
            && seen.contains(order.sales_channel.as_str())
    };
    let at_once = |order: &Order| {
        let hours =
            order.shipped_at.zip(order.delivered_at).map(|(left, came)| came.0.saturating_sub(left.0));
        // what is fetched or sent by wire has no tracking number
        order.tracked > 0 && hours.is_some_and(|hours| (0..AT_ONCE).contains(&hours))
    };
    let mut ask = |name: &'static str, kind: &dyn Fn(&Order) -> bool| {
        let orders: Vec<Paid<'f>> = paid.iter().filter(|of| kind(of.1)).copied().collect();
        let spent = sum(&orders);
        if orders.len() >= MANY && spent > 0 && spent * ONE_IN >= all {
            flag(flags, name, None, orders);
        }
    };
    ask("praised_unseen", &unseen);
    ask("never_travelled", &at_once);
}

fn sum(orders: &[Paid<'_>]) -> i128 {
    orders.iter().map(|(_, order, _)| i128::from(order.paid.0)).sum()
}

/// Orders that are many and alike.
fn alike<'f, K: Ord>(orders: &[Paid<'f>], key: impl Fn(&Paid<'f>) -> K) -> Vec<Vec<Paid<'f>>> {
    let mut by: BTreeMap<K, Vec<Paid<'f>>> = BTreeMap::new();
    for of in orders {
        by.entry(key(of)).or_default().push(*of);
    }
    by.into_values().filter(|orders| orders.len() >= MANY).collect()
}
