//! Figures of whole months, added up from those of their days, so that a long range is a few rows to a word.
//!
//! They say nothing of their own: a month of which a day changes loses them, and gets them again when a run of events has
//! left it alone and another month has begun. Digests leave them out.

use std::collections::{BTreeMap, BTreeSet};

use daybook_domain::Currency;
use daybook_metrics::VisitorSet;
use daybook_metrics::sessions::Day;

use super::store::{set, spoilt};
use crate::engine::ReadModelError;
use crate::engine::store::{self, Db, params};
use crate::metrics::live::heard::currency;
use crate::metrics::live::parts::Part;
use crate::metrics::live::{CellKey, SalesCell, SalesKey, TrafficCell, month_of};

/// The statements of one generation.
#[derive(Debug, Default)]
pub(super) struct Sql {
    forget: [String; 3],
    days: String,
    made_months: String,
    traffic: String,
    sales: String,
    add: String,
    add_sales: String,
    made: String,
}

impl Sql {
    pub(super) fn of(generation: u32) -> Self {
        let of = |text: &str| text.replace("__r", &format!("__r{generation}"));
        Self {
            forget: [
                of("DELETE FROM traffic_months__r WHERE grp IN (0, 1, 2, 3, 4, 5) AND day = ?"),
                of("DELETE FROM sales_months__r WHERE grp IN (0, 1, 2, 3, 4, 6) AND day = ?"),
                of("DELETE FROM traffic_months_made__r WHERE day = ?"),
            ],
            days: of("SELECT day FROM traffic_days__r WHERE grp IN (0, 5) UNION \
                      SELECT day FROM sales_days__r WHERE grp IN (0, 6) LIMIT -1"),
            made_months: of("SELECT day FROM traffic_months_made__r LIMIT -1"),
            traffic: of(
                "SELECT grp, word, pv, views, visits, bounces, stay, visitors, bouncers FROM traffic_days__r \
                 WHERE grp IN (0, 1, 2, 3, 4, 5) AND day BETWEEN ?1 AND ?2 LIMIT -1",
            ),
            sales: of(
                "SELECT grp, currency, word, orders, order_value, gmv, refunded, who FROM sales_days__r \
                       WHERE grp IN (0, 1, 2, 3, 4, 6) AND day BETWEEN ?1 AND ?2 LIMIT -1",
            ),
            add: of(
                "INSERT INTO traffic_months__r(grp, day, word, pv, views, visits, bounces, stay, visitors, \
                     bouncers) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ),
            add_sales: of(
                "INSERT INTO sales_months__r(grp, day, currency, word, orders, order_value, gmv, refunded, who) \
                           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ),
            made: of("INSERT INTO traffic_months_made__r VALUES (?)"),
        }
    }
}

/// Which months have no figures of their own.
#[derive(Debug, Default)]
pub(super) struct Months {
    /// By their first days.
    waiting: BTreeSet<Day>,
    newest: Option<Day>,
}

impl Months {
    /// As the file has them.
    pub(super) fn load(db: &Db, sql: &Sql) -> Result<Self, ReadModelError> {
        let days = |sql: &str| -> Result<BTreeSet<Day>, ReadModelError> {
            let mut all = db.prepare_cached(sql)?;
            Ok(all.query_map(&[], |row| row.get(0))?.collect::<store::Result<_>>()?)
        };
        let all: BTreeSet<Day> = days(&sql.days)?.into_iter().map(month_of).collect();
        let made = days(&sql.made_months)?;
        Ok(Self { newest: all.last().copied(), waiting: all.difference(&made).copied().collect() })
    }

    /// Some days have changed: their months lose their figures, and one that none of them lies in gets its own.
    pub(super) fn changed(&mut self, days: &BTreeSet<Day>, db: &Db, sql: &Sql) -> Result<(), ReadModelError> {
        let changed: BTreeSet<Day> = days.iter().map(|day| month_of(*day)).collect();
        for month in &changed {
            self.newest = self.newest.max(Some(*month));
            if self.waiting.insert(*month) {
                for forget in &sql.forget {
                    db.prepare_cached(forget)?.execute(params![*month])?;
                }
            }
        }
        let over = |month: &&Day| Some(**month) < self.newest && !changed.contains(*month);
        if let Some(month) = self.waiting.iter().find(over).copied() {
            make(month, db, sql)?;
            self.waiting.remove(&month);
        }
        Ok(())
    }
}

/// Adds a month up from its days.
fn make(month: Day, db: &Db, sql: &Sql) -> Result<(), ReadModelError> {
    // no month has more days; those of the next begin on another
    let last = (0..31).map(|n| month + n).take_while(|day| month_of(*day) == month).last().unwrap_or(month);
    let mut traffic: BTreeMap<(u8, u32), Vec<TrafficCell>> = BTreeMap::new();
    let mut all = db.prepare_cached(&sql.traffic)?;
    let mut rows = all.query(params![month, last])?;
    while let Some(row) = rows.next()? {
        let part = Part {
            pv: row.get(2)?,
            views: row.get(3)?,
            visits: row.get(4)?,
            bounces: row.get(5)?,
            stay: row.get(6)?,
        };
        let visitors = set(row.get_ref(7)?.bytes()?)?;
        let bouncers = set(row.get_ref(8)?.bytes()?)?;
        let cell = TrafficCell { part, visitors, bouncers };
        traffic.entry((row.get(0)?, row.get(1)?)).or_default().push(cell);
    }
    for ((group, word), cells) in &traffic {
        add(db, sql, (*group, month, *word), &cells.iter().collect::<Vec<_>>())?;
    }
    let mut sales: BTreeMap<(u8, Currency, u32), Vec<SalesCell>> = BTreeMap::new();
    let mut all = db.prepare_cached(&sql.sales)?;
    let mut rows = all.query(params![month, last])?;
    while let Some(row) = rows.next()? {
        let code: String = row.get(1)?;
        let currency = currency(&code).ok_or_else(|| spoilt("a cell of sales"))?;
        let cell = SalesCell {
            orders: row.get(3)?,
            order_value: row.get(4)?,
            gmv: row.get(5)?,
            refunded: row.get(6)?,
            buyers: set(row.get_ref(7)?.bytes()?)?,
        };
        sales.entry((row.get(0)?, currency, row.get(2)?)).or_default().push(cell);
    }
    for ((group, currency, word), cells) in &sales {
        add_sales(db, sql, (*group, month, *currency, *word), &cells.iter().collect::<Vec<_>>())?;
    }
    db.prepare_cached(&sql.made)?.execute(params![month])?;
    Ok(())
}

/// Makes all months but the newest from all cells, in tables that are empty.
pub(super) fn make_all(
    traffic: &[(CellKey, TrafficCell)],
    sales: &[(SalesKey, SalesCell)],
    db: &Db,
    sql: &Sql,
) -> Result<(), ReadModelError> {
    let days = traffic.iter().map(|(key, _)| key.day).chain(sales.iter().map(|(key, _)| key.day));
    let mut all: BTreeSet<Day> = days.map(month_of).collect();
    all.pop_last();
    let mut sums: BTreeMap<(u8, Day, u32), Vec<&TrafficCell>> = BTreeMap::new();
    for (key, cell) in traffic {
        sums.entry((key.group as u8, month_of(key.day), key.word)).or_default().push(cell);
    }
    for (key, cells) in sums.iter().filter(|((_, month, _), _)| all.contains(month)) {
        add(db, sql, *key, cells)?;
    }
    let mut sums: BTreeMap<(u8, Day, Currency, u32), Vec<&SalesCell>> = BTreeMap::new();
    for (key, cell) in sales {
        sums.entry((key.group as u8, month_of(key.day), key.currency, key.word)).or_default().push(cell);
    }
    for (key, cells) in sums.iter().filter(|((_, month, ..), _)| all.contains(month)) {
        add_sales(db, sql, *key, cells)?;
    }
    for month in all {
        db.prepare_cached(&sql.made)?.execute(params![month])?;
    }
    Ok(())
}

fn add(
    db: &Db,
    sql: &Sql,
    (group, month, word): (u8, Day, u32),
    cells: &[&TrafficCell],
) -> Result<(), ReadModelError> {
    let mut sum = Part::default();
    cells.iter().for_each(|cell| sum += cell.part);
    let visitors = VisitorSet::union_of(cells.iter().map(|cell| &cell.visitors)).to_bytes();
    let bouncers = VisitorSet::union_of(cells.iter().map(|cell| &cell.bouncers)).to_bytes();
    let Part { views, pv, visits, bounces, stay } = sum;
    let row = params![group, month, word, pv, views, visits, bounces, stay, visitors, bouncers];
    db.prepare_cached(&sql.add)?.execute(row)?;
    Ok(())
}

fn add_sales(
    db: &Db,
    sql: &Sql,
    (group, month, currency, word): (u8, Day, Currency, u32),
    cells: &[&SalesCell],
) -> Result<(), ReadModelError> {
    let sum = |of: fn(&SalesCell) -> i64| cells.iter().fold(0i64, |sum, cell| sum.saturating_add(of(cell)));
    let (orders, order_value) = (sum(|cell| cell.orders), sum(|cell| cell.order_value));
    let (gmv, refunded) = (sum(|cell| cell.gmv), sum(|cell| cell.refunded));
    let buyers = VisitorSet::union_of(cells.iter().map(|cell| &cell.buyers)).to_bytes();
    let row = params![group, month, currency.as_str(), word, orders, order_value, gmv, refunded, buyers];
    db.prepare_cached(&sql.add_sales)?.execute(row)?;
    Ok(())
}
