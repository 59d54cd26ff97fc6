//! What must hold between the lines of a market's pack, whoever drew them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::facts::{MarketFacts, Month};
use super::size;

/// Most faults that are told one by one.
const MOST_TOLD: usize = 20;

/// Sums by month, each with the same names.
type ByMonth = BTreeMap<Month, [i128; 4]>;

/// What the sums of [`ByMonth`] are of.
const SUMS: [&str; 4] = ["orders placed", "orders paid", "GMV", "refunds"];

/// Finds lines that contradict each other; whether each is of the pack's months, days and merchants, so that figures can be made.
pub fn check(facts: &MarketFacts, wrong: &mut Vec<String>) -> bool {
    let mut found = Vec::new();
    keys(facts, &mut found);
    let sound = found.is_empty();
    if sound {
        sums(facts, &mut found);
        traffic(facts, &mut found);
        super::sensible::check(facts, &mut found);
    }
    let sizes = &facts.sizes;
    if !sizes.is_empty() {
        found.extend(size::faults(sizes, &facts.subject).map(|why| format!("market-size.csv: {why}")));
    }
    let more = found.len().saturating_sub(MOST_TOLD);
    wrong.extend(found.into_iter().take(MOST_TOLD));
    if more > 0 {
        wrong.push(format!("and {more} more of these"));
    }
    sound
}

/// Rows stand once, and are of the pack's days and merchants.
fn keys(facts: &MarketFacts, wrong: &mut Vec<String>) {
    let subject = &facts.subject;
    let (first, last) = (Month::of(subject.from), Month::of(subject.to));
    let within = |month: Month| first <= month && month <= last;
    for (at, member) in facts.members.iter().enumerate() {
        if member.merchant as usize != at + 1 {
            wrong.push(format!("merchants.csv has merchant {} where {} belongs", member.merchant, at + 1));
        }
    }
    fn once<K: std::hash::Hash + Eq>(
        file: &str,
        keys: impl Iterator<Item = (K, bool)>,
        wrong: &mut Vec<String>,
    ) {
        let mut seen = HashSet::new();
        for (at, (key, belongs)) in keys.enumerate() {
            if !belongs {
                wrong.push(format!("{file}, row {}: it is of no month, day or merchant of the pack", at + 1));
            } else if !seen.insert(key) {
                wrong.push(format!("{file}, row {}: it stands there twice", at + 1));
            }
        }
    }
    let known = |number: u32| number >= 1 && number as usize <= facts.members.len();
    let sales =
        facts.sales.iter().map(|row| ((row.month, row.merchant), within(row.month) && known(row.merchant)));
    once("sales.csv", sales, wrong);
    let owed = facts.owed.iter().map(|row| (row.month, row.month.is_none_or(within)));
    once("owed.csv", owed, wrong);
    let days = facts.days.iter().map(|row| (row.day, subject.from <= row.day && row.day <= subject.to));
    once("days.csv", days, wrong);
    let buyers = facts.buyers.iter().map(|row| {
        let sensible = row.cohort <= row.month && row.first_here <= row.buyers && row.buyers <= row.orders;
        // whoever came first in a month had not come before on the pack's days
        let all_new = row.cohort != row.month || row.first_here == row.buyers;
        let old = row.cohort >= row.month || row.cohort < first || row.first_here == 0;
        ((row.cohort, row.month), within(row.month) && sensible && all_new && old)
    });
    once("buyers.csv", buyers, wrong);
    let traffic = facts.traffic.iter().map(|row| {
        let counted = matches!((row.counted.as_str(), &row.channel), ("recorded", _) | ("reported", None));
        let visitors = row.visitors.is_none_or(|visitors| row.new_visitors <= visitors);
        ((row.month, &row.counted, &row.channel), row.month.is_none_or(within) && counted && visitors)
    });
    once("traffic.csv", traffic, wrong);
    let sizes = facts.sizes.iter().map(|row| (row.month, within(row.month)));
    once("market-size.csv", sizes, wrong);
    let books = facts.books.iter().map(|row| {
        let (class, name) = row.account.split_once(':').unwrap_or_default();
        let known = daybook_domain::posting::CHART
            .iter()
            .any(|line| line.class.as_str() == class && line.name == name);
        ((row.month, &row.account), row.month.is_none_or(within) && known)
    });
    once("books.csv", books, wrong);
    let cases = facts.cases.iter().map(|row| {
        let kind = matches!(row.kind.as_str(), "dispute" | "chargeback");
        let ended = row.for_buyer.saturating_add(row.for_merchant).saturating_add(row.split) <= row.closed;
        ((row.month, &row.kind), row.month.is_none_or(within) && kind && ended)
    });
    once("cases.csv", cases, wrong);
}

/// Merchants, days, buyers and books come to the same.
fn sums(facts: &MarketFacts, wrong: &mut Vec<String>) {
    let (mut sales, mut days, mut buyers) = (ByMonth::new(), ByMonth::new(), ByMonth::new());
    for row in &facts.sales {
        let sums = sales.entry(row.month).or_default();
        let own = [row.placed.into(), row.paid_orders.into(), row.paid.0.into(), row.refunded.0.into()];
        sums.iter_mut().zip(own).for_each(|(sum, by): (&mut i128, i128)| *sum += by);
    }
    for row in &facts.days {
        let sums = days.entry(Month::of(row.day)).or_default();
        let own = [row.placed.into(), row.paid_orders.into(), row.paid.0.into(), row.refunded.0.into()];
        sums.iter_mut().zip(own).for_each(|(sum, by): (&mut i128, i128)| *sum += by);
    }
    for row in &facts.buyers {
        let sums = buyers.entry(row.month).or_default();
        sums[1] += i128::from(row.orders);
        sums[2] += i128::from(row.paid.0);
    }
    let mut balance: BTreeMap<Option<Month>, i128> = BTreeMap::new();
    for row in &facts.books {
        let change = i128::from(row.change.0);
        *balance.entry(row.month).or_default() += change;
    }
    let named = |month: &Option<Month>| {
        month.map_or_else(|| "before the first month".to_owned(), |month| format!("of {month}"))
    };
    for (month, left) in balance.iter().filter(|(_, left)| **left != 0) {
        wrong.push(format!("books.csv: the entries {} do not sum to zero, but to {left}", named(month)));
    }
    let months: BTreeSet<Month> = [&sales, &days, &buyers].iter().flat_map(|of| of.keys().copied()).collect();
    for month in months {
        let of = |sums: &ByMonth| sums.get(&month).copied().unwrap_or_default();
        let own = of(&sales);
        for (file, other, which) in [("days.csv", of(&days), 0..4), ("buyers.csv", of(&buyers), 1..3)] {
            for at in which.filter(|at| own[*at] != other[*at]) {
                let what = SUMS[at];
                wrong.push(format!(
                    "{what} of {month}: sales.csv comes to {}, {file} to {}",
                    own[at], other[at]
                ));
            }
        }
    }
}

/// What came after visits is no more than was sold, and channels add up.
fn traffic(facts: &MarketFacts, wrong: &mut Vec<String>) {
    let mut sold: BTreeMap<Option<Month>, (i128, i128)> = BTreeMap::new();
    for row in &facts.sales {
        for month in [Some(row.month), None] {
            let (orders, paid) = sold.entry(month).or_default();
            *orders += i128::from(row.paid_orders);
            *paid += i128::from(row.paid.0);
        }
    }
    let mut measured: BTreeMap<Option<Month>, (i128, i128)> = BTreeMap::new();
    let mut channels: BTreeMap<Option<Month>, (i128, i128)> = BTreeMap::new();
    for row in &facts.traffic {
        let paid = i128::from(row.paid.0);
        let by = channels.entry(row.month).or_default();
        match (&row.channel, row.counted.as_str()) {
            (Some(_), _) => by.1 += paid,
            (None, "recorded") => by.0 += paid,
            _ => {}
        }
        if row.channel.is_none() {
            let sums = measured.entry(row.month).or_default();
            *sums = (sums.0 + i128::from(row.orders), sums.1 + paid);
        }
    }
    let named =
        |month: &Option<Month>| month.map_or_else(|| "all days".to_owned(), |month| month.to_string());
    for (month, (all, parts)) in channels.iter().filter(|(_, (all, parts))| all != parts) {
        wrong.push(format!(
            "traffic.csv: the channels of {} come to {parts}, all of them to {all}",
            named(month)
        ));
    }
    for (month, (orders, paid)) in &measured {
        let (all, sold) = sold.get(month).copied().unwrap_or_default();
        if *orders > all {
            wrong.push(format!(
                "traffic.csv: {orders} orders were placed after visits in {}, of {all} in all",
                named(month)
            ));
        }
        if *paid > sold {
            wrong.push(format!(
                "traffic.csv: {paid} was sold after visits in {}, of {sold} in all",
                named(month)
            ));
        }
    }
}
