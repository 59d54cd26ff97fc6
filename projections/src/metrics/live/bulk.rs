//! All figures at once, from everything that was heard.

use daybook_metrics::sessions::Day;
use hashbrown::HashMap;

use super::heard::{Dictionary, Heard, View};
use super::parts::{Parts, day_of, visits};
use super::{
    CellKey, Credited, Group, NONE, Sale, SalesCell, SalesKey, TrafficCell, last_before, sales_keys,
};
use crate::calendar::Calendar;

/// All figures.
#[derive(Debug)]
pub(crate) struct Made {
    /// Sorted.
    pub traffic: Vec<(CellKey, TrafficCell)>,
    /// Sorted.
    pub sales: Vec<(SalesKey, SalesCell)>,
    /// By the orders' numbers; none of one that was never placed.
    pub orders: Vec<Option<Credited>>,
}

/// Views by visitor and time.
pub(crate) fn sorted(mut views: Vec<View>) -> Vec<View> {
    views.sort_unstable_by_key(|view| (view.visitor, view.at));
    views
}

/// When each visitor was first shown a page, by the visitors' numbers; none of one that was shown nothing.
pub(crate) fn first_views(views: &[View], visitors: usize) -> Vec<Option<i64>> {
    let mut first_views = vec![None; visitors];
    for own in views.chunk_by(|a, b| a.visitor == b.visitor) {
        first_views[own[0].visitor as usize] = Some(own[0].at);
    }
    first_views
}

/// Makes figures of [`sorted`] views. The dictionary holds all pages and ways.
pub(crate) fn make(heard: &Heard, views: &[View], dictionary: &Dictionary, calendar: Calendar) -> Made {
    let mut cells: HashMap<CellKey, TrafficCell, ahash::RandomState> = HashMap::default();
    let mut parts = Parts::default();
    for own in views.chunk_by(|a, b| a.visitor == b.visitor) {
        let View { visitor, at, .. } = own[0];
        let first = CellKey { group: Group::First, day: day_of(calendar, at), word: NONE };
        cells.entry(first).or_default().visitors.insert(visitor);
        for (key, part) in parts.of(own, dictionary, calendar) {
            let cell = cells.entry(*key).or_default();
            cell.part += *part;
            if part.views > 0 {
                cell.visitors.insert(visitor);
            }
            if part.is_of_a_bouncer() {
                cell.bouncers.insert(visitor);
            }
        }
    }
    let mut orders = placed(heard);
    credit(&mut orders, views, dictionary, calendar);
    let sales = add_up(orders.iter().flatten(), dictionary, calendar);
    let mut traffic: Vec<_> = cells.into_iter().collect();
    traffic.sort_unstable_by_key(|(key, _)| *key);
    Made { traffic, sales, orders }
}

/// The orders as they stand, not yet credited.
fn placed(heard: &Heard) -> Vec<Option<Credited>> {
    let mut sales: Vec<Option<Sale>> = vec![None; heard.orders.len()];
    for (order, change) in &heard.changes {
        let sale = &mut sales[*order as usize];
        *sale = change.apply(*sale);
    }
    let uncredited = |sale| Credited { sale, tracked: false, way: None };
    sales.into_iter().map(|sale| sale.map(uncredited)).collect()
}

fn credit(orders: &mut [Option<Credited>], views: &[View], dictionary: &Dictionary, calendar: Calendar) {
    let mut all: Vec<&mut Credited> = orders.iter_mut().flatten().collect();
    all.retain(|order| order.sale.visitor.is_some());
    all.sort_unstable_by_key(|order| order.sale.visitor);
    for of_one in all.chunk_by_mut(|a, b| a.sale.visitor == b.sale.visitor) {
        let Some(visitor) = of_one[0].sale.visitor else { continue };
        let from = views.partition_point(|view| view.visitor < visitor);
        let until = views.partition_point(|view| view.visitor <= visitor);
        let (_, visits) = visits(&views[from..until], dictionary, calendar);
        for order in of_one {
            let visit = last_before(&visits, order.sale.placed_at, order.sale.paid_at);
            order.tracked = visit.is_some();
            order.way = visit.and_then(|visit| visit.arrival);
        }
    }
}

/// The day that a sale belongs to; none while it is not paid.
pub(crate) fn paid_day(sale: &Sale, calendar: Calendar) -> Option<Day> {
    sale.paid_at.map(|at| day_of(calendar, at.0))
}

/// The cells of sales of these orders, sorted.
pub(crate) fn add_up<'o>(
    orders: impl Iterator<Item = &'o Credited>,
    dictionary: &Dictionary,
    calendar: Calendar,
) -> Vec<(SalesKey, SalesCell)> {
    let mut cells: HashMap<SalesKey, SalesCell, ahash::RandomState> = HashMap::default();
    for order in orders {
        let Some(day) = paid_day(&order.sale, calendar) else { continue };
        for key in sales_keys(order, day, dictionary) {
            cells.entry(key).or_default().sell(&order.sale);
        }
    }
    let mut cells: Vec<_> = cells.into_iter().collect();
    cells.sort_unstable_by_key(|(key, _)| *key);
    cells
}
