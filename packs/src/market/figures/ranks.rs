//! Who sells most, and how visitors came.

use std::collections::BTreeMap;

use super::months::Months;
use crate::figures::{Out, Series, ranked};
use crate::market::facts::MarketFacts;
use crate::numbers::{decimals, money, ratio};

/// Rows of the table of the largest.
const TOP: usize = 10;

pub fn tell(facts: &MarketFacts, months: &Months<'_>, out: &mut Out) {
    let currency = facts.subject.currency;
    let (mut sold, mut orders) = (BTreeMap::<u32, i128>::new(), BTreeMap::<u32, u64>::new());
    for row in &facts.sales {
        *sold.entry(row.merchant).or_default() += i128::from(row.paid.0);
        let count = orders.entry(row.merchant).or_default();
        *count = count.saturating_add(row.paid_orders);
    }
    let all = months.all.gmv;
    let squares = sold.values().try_fold(0i128, |sum, part| sum.checked_add(part.checked_mul(*part)?));
    let hhi = squares.zip(all.checked_mul(all)).and_then(|(squares, all)| decimals(squares, all, 6));
    out.figure("market.concentration.hhi", hhi);
    let largest = ranked(&sold);
    for (id, n) in [
        ("market.concentration.top_1", 1),
        ("market.concentration.top_10", TOP),
        ("market.concentration.top_100", 100),
    ] {
        out.figure(id, ratio(largest.iter().take(n).map(|(_, amount)| amount).sum(), all));
    }
    let rows = largest.iter().take(TOP).enumerate().map(|(at, (number, amount))| {
        vec![
            Some((at + 1).to_string()),
            Some(number.to_string()),
            orders.get(number).map(u64::to_string),
            Some(money(*amount, currency)),
            ratio(*amount, all),
        ]
    });
    out.tables.push(Series {
        id: "largest",
        columns: vec![
            "rank",
            "market.merchant",
            "market.orders.paid",
            "market.gmv",
            "market.merchant.gmv_share",
        ],
        rows: rows.collect(),
    });
    let channels: Vec<_> =
        facts.traffic.iter().filter(|row| row.month.is_none() && row.channel.is_some()).collect();
    let tracked = channels.iter().map(|row| i128::from(row.paid.0)).sum();
    let rows = channels.iter().map(|row| {
        vec![
            row.channel.clone(),
            row.visitors.map(|visitors| visitors.to_string()),
            Some(row.visits.to_string()),
            Some(row.buyers.to_string()),
            Some(money(row.paid.0.into(), currency)),
            ratio(row.paid.0.into(), tracked),
        ]
    });
    out.tables.push(Series {
        id: "channels",
        columns: vec![
            "market.channel",
            "market.uv",
            "market.visits",
            "market.tracked.buyers",
            "market.tracked.gmv",
            "market.channel.share",
        ],
        rows: rows.collect(),
    });
}
