//! What must hold between the lines of a pack, whoever drew them.

use std::collections::HashMap;

use crate::Facts;

/// Most faults of one kind that are told one by one.
const MOST_TOLD: usize = 5;

/// Finds lines that contradict each other.
pub fn check(facts: &Facts, wrong: &mut Vec<String>) {
    let mut told = |found: Vec<String>| {
        let more = found.len().saturating_sub(MOST_TOLD);
        wrong.extend(found.into_iter().take(MOST_TOLD));
        if more > 0 {
            wrong.push(format!("and {more} more of these"));
        }
    };
    let mut items: HashMap<&str, (i64, i64)> = HashMap::new();
    for item in &facts.items {
        let sum = items.entry(&item.order).or_default();
        sum.0 = sum.0.saturating_add(item.goods.0);
        sum.1 = sum.1.saturating_add(item.paid.0);
    }
    let mut back: HashMap<&str, i64> = HashMap::new();
    for refund in &facts.refunds {
        let sum = back.entry(&refund.order).or_default();
        *sum = sum.saturating_add(refund.to_buyer.0);
    }
    let apart = facts.orders.iter().filter(|order| {
        let (goods, paid) = items.get(order.order.as_str()).copied().unwrap_or_default();
        goods != order.goods.0 || paid != order.paid.0
    });
    told(
        apart
            .map(|order| format!("the items of order {} do not come to its goods and payment", order.order))
            .collect(),
    );
    let beyond = facts
        .orders
        .iter()
        .filter(|order| back.get(order.order.as_str()).is_some_and(|sum| *sum > order.paid.0));
    told(beyond.map(|order| format!("order {} gave back more than was paid for it", order.order)).collect());
    let numbers = facts.account.iter().enumerate().filter(|(at, movement)| movement.number != *at as u64 + 1);
    told(
        numbers
            .map(|(at, _)| format!("the account has no movement {}: one was left out or put in", at + 1))
            .take(1)
            .collect(),
    );
    let negative =
        facts.orders.iter().filter(|order| order.paid.0 < 0 || order.subsidy.0 < 0 || order.shortfall.0 < 0);
    told(negative.map(|order| format!("order {} was paid less than nothing", order.order)).collect());
}
