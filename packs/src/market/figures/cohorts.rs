//! Who came back: buyers and merchants by the month in which they first came.

use std::collections::{BTreeMap, HashMap};

use crate::PackError;
use crate::figures::{Out, Series};
use crate::market::facts::{MarketFacts, Month};
use crate::numbers::ratio;

/// Months after the first that the tables tell of.
const AFTER: [(i32, &str); 6] = [
    (1, "market.cohort.after_1"),
    (2, "market.cohort.after_2"),
    (3, "market.cohort.after_3"),
    (6, "market.cohort.after_6"),
    (12, "market.cohort.after_12"),
    (18, "market.cohort.after_18"),
];

/// How many of a cohort came in a month.
type Came = BTreeMap<(Month, Month), i128>;

pub fn tell(facts: &MarketFacts, out: &mut Out) -> Result<(), PackError> {
    let mut buyers = Came::new();
    let (mut known, mut all) = (0, 0);
    for row in &facts.buyers {
        *buyers.entry((row.cohort, row.month)).or_default() += i128::from(row.buyers);
        all += i128::from(row.paid.0);
        known += if row.cohort == row.month { 0 } else { i128::from(row.paid.0) };
    }
    told(facts, "buyers", &buyers, out);
    let ids = ["market.retention.buyers_1", "market.retention.buyers_3", "market.retention.buyers_12"];
    retained(facts, &buyers, ids, out);
    out.figure("market.retention.known_gmv", ratio(known, all));
    let first: HashMap<u32, Month> =
        facts.members.iter().filter_map(|member| Some((member.merchant, member.first_sale?))).collect();
    let mut merchants = Came::new();
    for row in facts.sales.iter().filter(|row| row.paid_orders > 0) {
        let month = row.month;
        let cohort = first.get(&row.merchant).filter(|first| **first <= month).ok_or_else(|| {
            let why = format!("merchant {} sold in {month}, before its first sale", row.merchant);
            PackError::malformed("merchants.csv", why)
        })?;
        *merchants.entry((*cohort, month)).or_default() += 1;
    }
    told(facts, "sellers", &merchants, out);
    let ids =
        ["market.retention.merchants_1", "market.retention.merchants_3", "market.retention.merchants_12"];
    retained(facts, &merchants, ids, out);
    Ok(())
}

/// Whether the month so many after is a full one of the pack.
fn seen(facts: &MarketFacts, cohort: Month, after: i32) -> bool {
    let month = cohort.plus(after);
    month <= Month::of(facts.subject.to) && facts.subject.full(month)
}

/// Of the cohorts of the pack's months, the share that came each so many months after.
fn told(facts: &MarketFacts, table: &'static str, came: &Came, out: &mut Out) {
    let of = |cohort, month| came.get(&(cohort, month)).copied().unwrap_or_default();
    let rows = facts.subject.months().map(|cohort| {
        let size = of(cohort, cohort);
        let mut row = vec![Some(cohort.to_string()), Some(size.to_string())];
        row.extend(AFTER.iter().map(|(after, _)| {
            if seen(facts, cohort, *after) { ratio(of(cohort, cohort.plus(*after)), size) } else { None }
        }));
        row
    });
    let columns = ["market.cohort", "market.cohort.size"].into_iter().chain(AFTER.iter().map(|(_, id)| *id));
    out.tables.push(Series { id: table, columns: columns.collect(), rows: rows.collect() });
}

/// Over all cohorts that can be told of.
fn retained(facts: &MarketFacts, came: &Came, ids: [&'static str; 3], out: &mut Out) {
    for (id, after) in ids.into_iter().zip([1, 3, 12]) {
        let (mut back, mut all) = (0, 0);
        for cohort in facts.subject.months().filter(|cohort| seen(facts, *cohort, after)) {
            all += came.get(&(cohort, cohort)).copied().unwrap_or_default();
            back += came.get(&(cohort, cohort.plus(after))).copied().unwrap_or_default();
        }
        out.figure(id, ratio(back, all));
    }
}
