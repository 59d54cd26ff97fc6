//! How much of the turnover other traces of the same journal speak for.

use super::scope::Scope;
use super::{Out, Series};
use crate::facts::Order;
use crate::numbers::{money, ratio};

/// The traces, and the figure of the turnover that has each.
const TRACES: [&str; 5] = [
    "corroboration.viewed",
    "corroboration.statement",
    "corroboration.tracked",
    "corroboration.received",
    "corroboration.reviewed",
];
/// The grades, best first; the last is of what went back in full.
const GRADES: [&str; 5] = ["A", "B", "C", "D", "R"];

/// What speaks for an order, besides its payment.
fn traces(order: &Order) -> [bool; 5] {
    [
        order.views > 0,
        order.statement.is_some(),
        order.tracked > 0,
        matches!(order.received_by.as_deref(), Some("buyer" | "inspection")),
        order.reviews > 0,
    ]
}

/// The place of an order's grade.
fn grade(order: &Order, back: i64) -> usize {
    if order.paid.0 > 0 && back >= order.paid.0 {
        return 4;
    }
    match traces(order).iter().filter(|there| **there).count() {
        4.. => 0,
        3 => 1,
        2 => 2,
        _ => 3,
    }
}

pub fn tell(scope: &Scope<'_>, out: &mut Out) {
    let (mut by_trace, mut by_grade, mut all) = ([0i128; 5], [(0usize, 0i128); 5], 0i128);
    for (place, order, _) in scope.paid() {
        let paid = i128::from(order.paid.0);
        all += paid;
        for (sum, there) in by_trace.iter_mut().zip(traces(order)) {
            *sum += if there { paid } else { 0 };
        }
        let (orders, sum) = &mut by_grade[grade(order, scope.back[place])];
        *orders += 1;
        *sum += paid;
    }
    for (id, sum) in TRACES.iter().zip(by_trace) {
        out.figure(id, ratio(sum, all));
    }
    out.figure("corroboration.share", ratio(by_grade[0].1 + by_grade[1].1, all));
    let rows = GRADES.iter().zip(by_grade).map(|(grade, (orders, sum))| {
        vec![
            Some((*grade).to_owned()),
            Some(orders.to_string()),
            Some(money(sum, scope.currency())),
            ratio(sum, all),
        ]
    });
    let columns = vec!["grade", "orders.paid", "turnover.buyer_paid", "turnover.share"];
    out.tables.push(Series { id: "corroboration", columns, rows: rows.collect() });
}

/// The grade of each order paid within, as CSV.
pub fn grades(scope: &Scope<'_>) -> String {
    let mut csv = String::from("order,grade,viewed,statement,tracked,received,reviewed\n");
    for (place, order, _) in scope.paid() {
        let there = traces(order).map(|there| if there { "yes" } else { "no" }).join(",");
        // ids have neither quotes nor commas, but whoever wrote the lines may say otherwise
        let id = order.order.replace(['"', ',', '\n', '\r'], "_");
        csv.push_str(&format!("{id},{},{there}\n", GRADES[grade(order, scope.back[place])]));
    }
    csv
}
