//! What must hold between the lines of a pack, whoever drew them.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::{Facts, OPENING, Zone};

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
    told(twice(facts));
    told(amounts(facts));
    told(worth(facts));
    told(items(facts));
    told(back(facts));
    told(rulings(facts));
    told(numbers(facts));
    told(moved(facts));
    told(converted(facts));
    told(settlements(facts));
    if let Ok(zone) = facts.zone() {
        told(opening(facts, zone));
        told(borne(facts, zone));
        told(began(facts, zone));
    }
}

/// What stands twice that is one thing.
fn twice(facts: &Facts) -> Vec<String> {
    fn again<K: std::hash::Hash + Eq>(
        keys: impl Iterator<Item = K>,
        name: impl Fn(&K) -> String,
    ) -> Vec<String> {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for key in keys {
            if seen.contains(&key) {
                found.push(format!("{} stands there twice", name(&key)));
            } else {
                seen.insert(key);
            }
        }
        found
    }
    let mut found = again(facts.items.iter().map(|item| (&item.order, &item.line)), |(order, line)| {
        format!("line {line} of order {order}")
    });
    // a dispute that is ruled anew refunds under the same name, at another time
    let refunds = facts.refunds.iter().map(|of| (&of.order, &of.refund, &of.borne_by, of.at));
    found.extend(again(refunds, |(order, refund, by, _)| {
        format!("refund {refund} of order {order}, borne by {by},")
    }));
    let disputes = facts.disputes.iter().map(|of| (&of.kind, &of.order, &of.dispute));
    found.extend(again(disputes, |(kind, order, dispute)| format!("{kind} {dispute} of order {order}")));
    found.extend(again(facts.elsewhere.iter().map(|of| of.currency), |currency| {
        format!("currency {currency}")
    }));
    let own = facts.elsewhere.iter().filter(|of| of.currency == facts.subject.currency);
    found.extend(own.map(|of| format!("currency {} is the pack's own", of.currency)));
    found
}

/// No amount but a change of the account's balances, and what the account bore, is less than nothing; nor are there more good
/// reviews than reviews.
fn amounts(facts: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    let mut below = |file: &str, at: usize, amounts: &[i64]| {
        if amounts.iter().any(|amount| *amount < 0) {
            found.push(format!("{file}, row {}: an amount is below zero", at + 1));
        }
    };
    for (at, row) in facts.orders.iter().enumerate() {
        let amounts = [row.goods, row.discount, row.shipping, row.tax, row.paid, row.shortfall, row.subsidy];
        below("orders.csv", at, &amounts.map(|amount| amount.0));
    }
    for (at, row) in facts.items.iter().enumerate() {
        below("items.csv", at, &[row.goods.0, row.paid.0]);
    }
    for (at, row) in facts.refunds.iter().enumerate() {
        below("refunds.csv", at, &[row.to_buyer.0]);
    }
    for (at, row) in facts.disputes.iter().enumerate() {
        below("disputes.csv", at, &[row.claim.0, row.refund.0]);
    }
    for (at, row) in facts.elsewhere.iter().enumerate() {
        let amounts = [row.paid, row.refunded, row.disputes, row.chargebacks];
        below("currencies.csv", at, &amounts.map(|amount| amount.minor));
    }
    for order in facts.orders.iter().filter(|order| order.reviews_good > order.reviews) {
        found.push(format!("order {} has more good reviews than reviews", order.order));
    }
    found
}

/// What was paid for an order is what it is worth.
fn worth(facts: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    for order in &facts.orders {
        let sum = |amounts: &[i64]| amounts.iter().map(|amount| i128::from(*amount)).sum::<i128>();
        if order.traffic.as_deref().is_some_and(|traffic| !matches!(traffic, "paid" | "free")) {
            found.push(format!("order {} came by traffic that is neither paid nor free", order.order));
        }
        let came = sum(&[order.paid.0, order.subsidy.0, order.shortfall.0]);
        let due =
            if order.paid_at.is_some() { sum(&[order.goods.0, order.shipping.0, order.tax.0]) } else { 0 };
        if came != due {
            found.push(format!(
                "order {}: payment, subsidy and shortfall do not come to its goods, shipping and tax",
                order.order
            ));
        }
    }
    found
}

fn items(facts: &Facts) -> Vec<String> {
    let mut items: HashMap<&str, (i128, i128)> = HashMap::new();
    for item in &facts.items {
        let sum = items.entry(&item.order).or_default();
        sum.0 += i128::from(item.goods.0);
        sum.1 += i128::from(item.paid.0);
    }
    let apart = facts.orders.iter().filter(|order| {
        let (goods, paid) = items.get(order.order.as_str()).copied().unwrap_or_default();
        goods != order.goods.0.into() || paid != order.paid.0.into()
    });
    apart
        .map(|order| format!("the items of order {} do not come to its goods and payment", order.order))
        .collect()
}

fn back(facts: &Facts) -> Vec<String> {
    let mut back: HashMap<&str, i128> = HashMap::new();
    for refund in &facts.refunds {
        *back.entry(&refund.order).or_default() += i128::from(refund.to_buyer.0);
    }
    let beyond = facts
        .orders
        .iter()
        .filter(|order| back.get(order.order.as_str()).is_some_and(|sum| *sum > order.paid.0.into()));
    beyond.map(|order| format!("order {} gave back more than was paid for it", order.order)).collect()
}

/// A dispute's refund is what its rulings gave, and what is decided has an outcome.
fn rulings(facts: &Facts) -> Vec<String> {
    let mut gave: HashMap<(&str, &str), i128> = HashMap::new();
    for refund in &facts.refunds {
        if let Some(dispute) = &refund.dispute {
            *gave.entry((&refund.order, dispute)).or_default() += i128::from(refund.to_buyer.0);
        }
    }
    let mut found = Vec::new();
    for dispute in &facts.disputes {
        let of = (dispute.order.as_str(), dispute.dispute.as_str());
        let gave = gave.get(&of).copied().unwrap_or_default();
        if dispute.kind == "dispute" && gave != dispute.refund.0.into() {
            found.push(format!(
                "dispute {}: the refunds of its rulings do not come to its refund",
                dispute.dispute
            ));
        }
        if dispute.decided_at.is_some() != dispute.outcome.is_some() {
            found.push(format!(
                "{} {}: decided without an outcome, or the other way",
                dispute.kind, dispute.dispute
            ));
        }
    }
    found
}

fn numbers(facts: &Facts) -> Vec<String> {
    let numbers = facts.account.iter().enumerate().find(|(at, movement)| movement.number != *at as u64 + 1);
    let mut found: Vec<String> = numbers
        .map(|(at, _)| format!("the account has no movement {}: one was left out or put in", at + 1))
        .into_iter()
        .collect();
    let openings = facts.account.iter().take_while(|movement| movement.event == OPENING).count();
    let late = facts.account.iter().skip(openings).filter(|movement| movement.event == OPENING);
    found.extend(late.map(|movement| format!("movement {} is an opening behind others", movement.number)));
    if openings == 0 {
        found.push("the account does not begin with what was before".to_owned());
    }
    let back = facts.account.windows(2).filter(|two| two[1].at < two[0].at);
    found.extend(back.map(|two| format!("movement {} is booked before the one above it", two[1].number)));
    found
}

/// Each row moves what an event of its type moves.
fn moved(facts: &Facts) -> Vec<String> {
    let rows = facts.account.iter().filter(|row| row.event != OPENING);
    let odd = rows.filter_map(|row| Some((row, crate::moves::fault(row)?)));
    odd.map(|(row, why)| format!("movement {}, {}: {why}", row.number, row.event)).collect()
}

/// What a payout is said to have been in this currency is what left it for another, in a row above.
fn converted(facts: &Facts) -> Vec<String> {
    let mut left: HashMap<&str, i64> = HashMap::new();
    let mut found = Vec::new();
    for row in &facts.account {
        let payout = row.reference.as_deref().unwrap_or_default();
        if row.event == "PayoutConverted" && row.in_transit.0 < 0 {
            left.insert(payout, row.in_transit.0.saturating_neg());
        }
        if let Some(converted) = row.converted.filter(|of| left.get(payout) != Some(&of.0)) {
            found.push(format!(
                "movement {}: no row above has payout {payout} leave this currency as the {} minor units that it was",
                row.number, converted.0
            ));
        }
    }
    found
}

/// What was before the first day stands at its first instant, and says no more than balances.
fn opening(facts: &Facts, zone: Zone) -> Vec<String> {
    let Some(before) = facts.subject.from.pred_opt() else {
        return vec![format!("it begins on {}, before which there is no day", facts.subject.from)];
    };
    let from = zone.end(before);
    let rows = facts.account.iter().filter(|row| row.event == OPENING);
    let odd = rows.enumerate().filter(|(at, row)| {
        let others = [row.available, row.held, row.reserve, row.in_transit, row.deposit, row.frozen];
        // of what was pending, what a later settlement took of it has a row of its own
        let split = row.settlement.is_some() == (*at > 0)
            && (*at == 0 || others.iter().all(|balance| balance.0 == 0));
        let says = row.about.is_some() || row.order.is_some() || row.reference.is_some();
        row.at != from || !split || says || row.converted.is_some()
    });
    odd.map(|(_, row)| {
        format!(
            "movement {}: what was before does not stand at {from}, or says more than balances",
            row.number
        )
    })
    .collect()
}

/// Each settlement takes from the pending balance what its lines come to, with what one before it left owing.
fn settlements(facts: &Facts) -> Vec<String> {
    let mut lines: HashMap<&str, i128> = HashMap::new();
    for movement in &facts.account {
        if let Some(settlement) = &movement.settlement {
            *lines.entry(settlement).or_default() += i128::from(movement.pending.0);
        }
    }
    let mut found = Vec::new();
    let mut owing = 0;
    for movement in facts.account.iter().filter(|movement| movement.event == "SettlementClosed") {
        let name = movement.reference.as_deref().unwrap_or_default();
        let (taken, due) = (i128::from(movement.pending.0), owing + lines.remove(name).unwrap_or_default());
        owing = due + taken;
        // what is due is taken whole; a debt is paid as far as there is something to pay it with
        let fits = if due >= 0 { owing == 0 } else { taken >= 0 && owing <= 0 };
        if !fits {
            found.push(format!("settlement {name} took another amount than its lines come to"));
            owing = 0;
        }
    }
    let mut strange: Vec<&str> = lines.into_keys().collect();
    strange.sort_unstable();
    found.extend(strange.into_iter().map(|name| format!("settlement {name} has lines and was never closed")));
    found
}

/// What the account bore of a refund or a chargeback is what the refund says.
fn borne(facts: &Facts, zone: Zone) -> Vec<String> {
    let mut bore: BTreeMap<(&str, &str), i128> = BTreeMap::new();
    for refund in &facts.refunds {
        let within = refund.booked_at.map(|at| zone.day(at));
        if within.is_some_and(|day| facts.subject.from <= day && day <= facts.subject.to) {
            *bore.entry((&refund.order, &refund.refund)).or_default() += i128::from(refund.bore.0);
        }
    }
    for movement in &facts.account {
        if let Some("refund" | "chargeback") = movement.about.as_deref() {
            let of = (
                movement.order.as_deref().unwrap_or_default(),
                movement.reference.as_deref().unwrap_or_default(),
            );
            *bore.entry(of).or_default() += i128::from(movement.pending.0);
        }
    }
    let apart = bore.into_iter().filter(|(_, left)| *left != 0);
    apart
        .map(|((order, refund), _)| {
            format!("refund {refund} of order {order}: refunds.csv and account.csv do not say the same")
        })
        .collect()
}

/// The day on which the merchant began is the one of its standing, and nothing was sold before it.
fn began(facts: &Facts, zone: Zone) -> Vec<String> {
    let (said, follows) = (facts.subject.began, facts.began(zone));
    let mut found = Vec::new();
    if said != follows {
        let day =
            |day: Option<chrono::NaiveDate>| day.map_or_else(|| "no day".to_owned(), |day| day.to_string());
        found.push(format!("it is said to have begun on {}: its standing gives {}", day(said), day(follows)));
    }
    let before = |day: chrono::NaiveDate| follows.is_none_or(|began| day < began);
    let early = facts.orders.iter().filter(|order| {
        order.buyer_since.is_some_and(before) || order.paid_at.is_some_and(|at| before(zone.day(at)))
    });
    found.extend(
        early.map(|order| format!("order {} tells of a payment before the merchant began", order.order)),
    );
    found
}
