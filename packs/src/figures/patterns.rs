//! Patterns that wash trading leaves, each with the orders that it rests on. A pattern is a question to ask, and no verdict.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::scope::Scope;
use super::{Out, Series};
use crate::facts::Order;
use crate::numbers::money;

/// Orders of one buyer, or of one kind, from which on a pattern is one.
const MANY: usize = 5;
/// Orders from which on refunds to one buyer are a loop.
const LOOP: usize = 3;
/// Most orders that are named as evidence.
const MOST_NAMED: usize = 20;
/// Goods that arrive this soon after they left did not travel, microseconds.
const AT_ONCE: i64 = 3_600 * daybook_domain::time::SECOND;

/// An order paid within, with what went back of it.
type Paid<'f> = (&'f Order, i64, NaiveDate);

pub fn tell(scope: &Scope<'_>, out: &mut Out) {
    let paid: Vec<Paid<'_>> =
        scope.paid().map(|(place, order, day)| (order, scope.back[place], day)).collect();
    let all = sum(&paid);
    let mut flags = Vec::new();
    let mut flag = |name: &str, buyer: Option<u32>, orders: &[Paid<'_>]| {
        let named: Vec<&str> =
            orders.iter().take(MOST_NAMED).map(|(order, ..)| order.order.as_str()).collect();
        flags.push(vec![
            Some(name.to_owned()),
            buyer.map(|buyer| buyer.to_string()),
            Some(orders.len().to_string()),
            Some(money(sum(orders), scope.currency())),
            Some(named.join(" ")),
        ]);
    };
    let mut by_buyer: BTreeMap<u32, Vec<Paid<'_>>> = BTreeMap::new();
    for of in &paid {
        by_buyer.entry(of.0.buyer).or_default().push(*of);
    }
    for (buyer, orders) in &by_buyer {
        let (spent, back) = (sum(orders), orders.iter().map(|(_, back, _)| i128::from(*back)).sum::<i128>());
        if orders.len() >= LOOP && spent > 0 && back * 5 >= spent * 4 {
            flag("refund_loop", Some(*buyer), orders);
        }
        if orders.len() >= MANY && spent * 10 >= all {
            flag("one_buyer", Some(*buyer), orders);
        }
        for (name, alike) in
            [("same_amount", alike(orders, |of| of.0.paid.0)), ("burst", alike(orders, |of| of.2))]
        {
            for orders in alike {
                flag(name, Some(*buyer), &orders);
            }
        }
    }
    let seen = paid.iter().any(|(order, ..)| order.views > 0);
    let unseen = |of: &&Paid<'_>| of.0.reviews_good > 0 && of.0.views == 0 && of.0.tracked == 0;
    let praised: Vec<Paid<'_>> = paid.iter().filter(unseen).copied().collect();
    if seen && praised.len() >= MANY {
        flag("praised_unseen", None, &praised);
    }
    let at_once = |of: &&Paid<'_>| {
        of.0.shipped_at
            .zip(of.0.delivered_at)
            .is_some_and(|(left, came)| (0..AT_ONCE).contains(&(came.0 - left.0)))
    };
    let still: Vec<Paid<'_>> = paid.iter().filter(at_once).copied().collect();
    if still.len() >= MANY {
        flag("never_travelled", None, &still);
    }
    out.count("flags", flags.len());
    let columns = vec!["flag", "flag.buyer", "flag.orders", "flag.turnover", "flag.evidence"];
    out.tables.push(Series { id: "flags", columns, rows: flags });
}

fn sum(orders: &[Paid<'_>]) -> i128 {
    orders.iter().map(|(order, ..)| i128::from(order.paid.0)).sum()
}

/// Orders that are many and alike.
fn alike<'f, K: Ord>(orders: &[Paid<'f>], key: impl Fn(&Paid<'f>) -> K) -> Vec<Vec<Paid<'f>>> {
    let mut by: BTreeMap<K, Vec<Paid<'f>>> = BTreeMap::new();
    for of in orders {
        by.entry(key(of)).or_default().push(*of);
    }
    by.into_values().filter(|orders| orders.len() >= MANY).collect()
}
