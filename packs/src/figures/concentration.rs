//! On whom and on what the turnover rests.

use std::collections::BTreeMap;

use super::scope::Scope;
use super::{Out, Series, ranked};
use crate::numbers::{money, ratio};

/// Rows of a table of the largest.
const TOP: usize = 10;

pub fn tell(scope: &Scope<'_>, out: &mut Out) {
    let (mut buyers, mut channels) =
        (BTreeMap::<u32, (i128, usize)>::new(), BTreeMap::<&str, (i128, usize)>::new());
    for (_, order, _) in scope.paid() {
        for (amount, orders) in
            [buyers.entry(order.buyer).or_default(), channels.entry(&order.sales_channel).or_default()]
        {
            *amount += i128::from(order.paid.0);
            *orders += 1;
        }
    }
    let (mut products, mut categories) =
        (BTreeMap::<&str, (i128, usize)>::new(), BTreeMap::<&str, (i128, usize)>::new());
    for item in &scope.facts.items {
        if scope.known(&item.order).is_some_and(|place| scope.paid_on[place].is_some()) {
            for (amount, pieces) in
                [products.entry(&item.product).or_default(), categories.entry(&item.category).or_default()]
            {
                *amount += i128::from(item.paid.0);
                *pieces += 1;
            }
        }
    }
    spread(out, scope, ("buyers", "buyer", "orders.paid"), &buyers);
    spread(out, scope, ("products", "product", "lines.paid"), &products);
    spread(out, scope, ("categories", "category", "lines.paid"), &categories);
    spread(out, scope, ("sales_channels", "sales_channel", "orders.paid"), &channels);
}

/// The largest as a table, and how uneven all are.
fn spread<K: Ord + Copy + ToString>(
    out: &mut Out,
    scope: &Scope<'_>,
    (table, column, counted): (&'static str, &'static str, &'static str),
    parts: &BTreeMap<K, (i128, usize)>,
) {
    let all: i128 = parts.values().map(|(amount, _)| amount).sum();
    let squares = parts.values().try_fold(0i128, |sum, (part, _)| sum.checked_add(part.checked_mul(*part)?));
    let hhi = squares.zip(all.checked_mul(all)).and_then(|(squares, all)| ratio(squares, all));
    let largest = ranked(&parts.iter().map(|(name, (amount, _))| (*name, *amount)).collect());
    let first = |n: usize| ratio(largest.iter().take(n).map(|(_, amount)| amount).sum(), all);
    match table {
        "buyers" => {
            out.figure("concentration.buyers_hhi", hhi);
            out.figure("concentration.top_buyer", first(1));
            out.figure("concentration.top_buyers", first(TOP));
        }
        "products" => {
            out.figure("concentration.products_hhi", hhi);
            out.figure("concentration.top_product", first(1));
            out.figure("concentration.top_products", first(TOP));
        }
        "categories" => out.figure("concentration.categories_hhi", hhi),
        _ => out.figure("concentration.channels_hhi", hhi),
    }
    let rows = largest.iter().take(TOP).enumerate().map(|(at, (name, amount))| {
        vec![
            Some((at + 1).to_string()),
            Some(name.to_string()),
            parts.get(name).map(|(_, count)| count.to_string()),
            Some(money(*amount, scope.currency())),
            ratio(*amount, all),
        ]
    });
    let columns = vec!["rank", column, counted, "turnover.buyer_paid", "turnover.share"];
    out.tables.push(Series { id: table, columns, rows: rows.collect() });
}
