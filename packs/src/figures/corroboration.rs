//! How much of the turnover other traces of the same journal speak for.

use std::collections::{BTreeMap, BTreeSet};

use super::scope::Scope;
use super::{Out, Series};
use crate::PackError;
use crate::cell::{file_of, row};
use crate::facts::Order;
use crate::numbers::{money, ratio};

/// The traces, and the figure of the turnover that has each. The first two come from outside the trade of the two parties; the
/// others are made by the merchant or the buyer.
const TRACES: [&str; 6] = [
    "corroboration.statement",
    "corroboration.inspected",
    "corroboration.viewed",
    "corroboration.tracked",
    "corroboration.received",
    "corroboration.reviewed",
];
/// How many of them come from outside.
const OUTSIDE: usize = 2;
/// The grades, best first; the last is of what went back in full.
const GRADES: [&str; 5] = ["A", "B", "C", "D", "R"];
/// The place of the last.
const WENT_BACK: usize = GRADES.len() - 1;
/// From so many buyers on, what a terminal saw speaks for none of them.
pub const SHARED: usize = 5;

type Traces = [bool; TRACES.len()];

row! {
    /// An order with the traces that speak for it.
    Graded in "grades.csv" {
        /// The order.
        order: String,
        /// Its grade.
        grade: String,
        /// Traces from outside.
        statement: bool,
        inspected: bool,
        /// Traces that buyer or merchant made.
        viewed: bool,
        tracked: bool,
        received: bool,
        reviewed: bool,
    }
}

/// What is known of the traces of all orders, before one is graded.
struct Traced<'f> {
    /// Terminals of many buyers.
    shared: BTreeSet<u32>,
    /// By sales channel: which traces any order of it has.
    possible: BTreeMap<&'f str, Traces>,
}

impl<'f> Traced<'f> {
    fn of(scope: &Scope<'f>) -> Self {
        let mut buyers: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (_, order, _) in scope.paid() {
            if let Some(terminal) = order.terminal {
                buyers.entry(terminal).or_default().insert(order.buyer);
            }
        }
        let shared =
            buyers.into_iter().filter(|(_, buyers)| buyers.len() >= SHARED).map(|(id, _)| id).collect();
        let mut traced = Self { shared, possible: BTreeMap::new() };
        for (_, order, _) in scope.paid() {
            let there = traced.traces(order);
            let possible = traced.possible.entry(&order.sales_channel).or_default();
            possible.iter_mut().zip(there).for_each(|(possible, there)| *possible |= there);
        }
        traced
    }

    /// What speaks for an order, besides its payment.
    fn traces(&self, order: &Order) -> Traces {
        let own = order.terminal.is_none_or(|terminal| !self.shared.contains(&terminal));
        let received = |by: &str| order.received_by.as_deref() == Some(by);
        [
            order.statement.is_some(),
            received("inspection"),
            own && order.views > 0,
            order.tracked > 0,
            received("buyer"),
            order.reviews > 0,
        ]
    }

    /// The place of an order's grade.
    fn grade(&self, order: &Order, kept: i128) -> usize {
        if order.paid.0 > 0 && kept == 0 {
            return WENT_BACK;
        }
        let (there, possible) = (self.traces(order), self.possible.get(order.sales_channel.as_str()));
        let many = |of: &[bool]| of.iter().filter(|there| **there).count();
        let outside = many(&there[..OUTSIDE]) > 0;
        let inside = many(&there[OUTSIDE..]);
        let most = possible.map_or(0, |possible| many(&possible[OUTSIDE..]));
        // half of what the channel can show, and something
        let well = inside > 0 && 2 * inside >= most;
        match (outside, well) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        }
    }
}

/// What is left of an order's payment.
fn kept(scope: &Scope<'_>, place: usize, order: &Order) -> i128 {
    (i128::from(order.paid.0) - i128::from(scope.back[place])).max(0)
}

pub fn tell(scope: &Scope<'_>, out: &mut Out) {
    let traced = Traced::of(scope);
    let (mut by_trace, mut by_grade, mut all) =
        ([0i128; TRACES.len()], [(0usize, 0i128, 0i128); GRADES.len()], 0i128);
    for (place, order, _) in scope.paid() {
        let left = kept(scope, place, order);
        all += left;
        for (sum, there) in by_trace.iter_mut().zip(traced.traces(order)) {
            *sum += if there { left } else { 0 };
        }
        let (orders, paid, sum) = &mut by_grade[traced.grade(order, left)];
        *orders += 1;
        *paid += i128::from(order.paid.0);
        *sum += left;
    }
    for (id, sum) in TRACES.iter().zip(by_trace) {
        out.figure(id, ratio(sum, all));
    }
    out.figure("corroboration.share", ratio(by_grade[0].2 + by_grade[1].2, all));
    let rows = GRADES.iter().zip(by_grade).map(|(grade, (orders, paid, left))| {
        vec![
            Some((*grade).to_owned()),
            Some(orders.to_string()),
            Some(money(paid, scope.currency())),
            Some(money(left, scope.currency())),
            ratio(left, all),
        ]
    });
    let columns = vec!["grade", "orders.paid", "turnover.buyer_paid", "turnover.kept", "turnover.kept_share"];
    out.tables.push(Series { id: "corroboration", columns, rows: rows.collect() });
}

/// The grade of each order paid within, as CSV.
pub fn grades(scope: &Scope<'_>) -> Result<Vec<u8>, PackError> {
    let traced = Traced::of(scope);
    let graded: Vec<Graded> = scope
        .paid()
        .map(|(place, order, _)| {
            let [statement, inspected, viewed, tracked, received, reviewed] = traced.traces(order);
            let grade = GRADES[traced.grade(order, kept(scope, place, order))].to_owned();
            Graded {
                order: order.order.clone(),
                grade,
                statement,
                inspected,
                viewed,
                tracked,
                received,
                reviewed,
            }
        })
        .collect();
    Ok(file_of(&graded, scope.currency())?.1)
}
