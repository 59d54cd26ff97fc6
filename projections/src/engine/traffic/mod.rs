//! The model of figures kept by day: events are gathered and brought in together, by the batch or by the whole journal.
//!
//! It is no [`Table`](super::table::Table): its rows are sums over visitors, not folds of events. What it keeps and why that
//! is exact, [`metrics::live`](crate::metrics::live) says.

mod follow;
mod months;
mod rows;
mod schema;
mod store;

use std::any::Any;
use std::sync::Arc;

use daybook_domain::Event;
use daybook_metrics::Channel;
use daybook_metrics::sessions::Day;

use self::follow::Following;
use self::months::Months;
use self::store::{Sql, Store};
use super::error::ReadModelError;
use super::runner::{Job, Runner, Writer};
use super::sql::Statements;
use super::store::Db;
use crate::calendar::Calendar;
use crate::digest::{Digest, RowHash, TableDigest};
use crate::metrics::Sites;
use crate::metrics::live::bulk::{Made, first_views, make, paid_day, sorted};
use crate::metrics::live::heard::{Dictionary, Heard, KINDS, View};
use crate::metrics::live::parts::{Part, day_of};
use crate::metrics::live::{CellKey, Group, SalesCell, SalesKey};
use crate::model::{Cut, Envelope, Keys, KindSet};
use crate::queries::{CellRef, RowVisit};
use crate::record::{Column, Sink as _};
use crate::world::World;

pub(crate) use store::bad_set;

/// The model.
pub(crate) struct Traffic {
    heard: Heard,
    /// The zone of the market, as far as events were heard.
    zone: String,
    /// How channels are told.
    sites: Arc<Sites>,
    /// Whether what is stored was told by the newest rule.
    newest: bool,
    dictionary: Dictionary,
    months: Months,
    statements: Statements,
    sql: Sql,
    month_sql: months::Sql,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        Self {
            heard: Heard::default(),
            zone: String::new(),
            sites: Arc::default(),
            newest: true,
            dictionary: Dictionary::default(),
            months: Months::default(),
            statements: schema::statements(1),
            sql: Sql::of(1),
            month_sql: months::Sql::of(1),
        }
    }

    /// The word of a group, as it is shown.
    fn word(&self, group: Group, number: u32) -> &str {
        match group {
            Group::Channel => {
                let channel = Channel::ALL.into_iter().find(|channel| *channel as u32 == number);
                channel.map_or("", Channel::as_str)
            }
            _ => self.heard.names.text(number),
        }
    }

    /// All figures of what was heard.
    fn made(&self) -> Made {
        let views = sorted(self.heard.views.clone());
        make(&self.heard, &views, &whole(&self.heard), self.calendar())
    }

    /// The days of the market; of UTC where this build does not know its zone, about which questions are refused.
    fn calendar(&self) -> Calendar {
        Calendar::of(&self.zone).unwrap_or(Calendar::UTC)
    }
}

impl Runner for Traffic {
    fn name(&self) -> &'static str {
        "traffic_days"
    }
    fn tables(&self) -> Vec<&'static str> {
        schema::TABLES.to_vec()
    }
    fn stored_tables(&self) -> Vec<String> {
        schema::TABLES.iter().map(|table| format!("{table}{}", self.statements.table)).collect()
    }
    fn columns(&self) -> Vec<(&'static str, &'static [Column])> {
        vec![("traffic_days", schema::TRAFFIC_DAYS), ("sales_days", schema::SALES_DAYS)]
    }
    fn viewed(&self) -> Vec<(&'static str, Vec<Column>)> {
        self.columns().into_iter().map(|(name, columns)| (name, columns.to_vec())).collect()
    }
    fn version(&self) -> u32 {
        5 // who bounced on a day was seen on it
    }
    fn kinds(&self) -> KindSet {
        KINDS
    }
    fn tallies(&self) -> Option<&'static str> {
        None
    }
    fn cut(&self) -> Cut {
        Cut::Occurred
    }
    fn statements(&self) -> &Statements {
        &self.statements
    }

    fn tell(&mut self, sites: &Arc<Sites>) {
        self.sites = Arc::clone(sites);
    }

    fn is_made_with(&self, sites: Option<&Sites>) -> bool {
        self.newest && sites.is_none_or(|sites| *sites == *self.sites)
    }

    fn attach(&mut self, generation: u32, db: Option<&Db>) -> Result<(), ReadModelError> {
        self.statements = schema::statements(generation);
        self.sql = Sql::of(generation);
        self.month_sql = months::Sql::of(generation);
        self.trim(0);
        if let Some(db) = db {
            self.months = Months::load(db, &self.month_sql)?;
            let store = Store { db, sql: &self.sql };
            self.zone = store.zone()?.unwrap_or_default();
            if let Some(kept) = store.sites()? {
                // by lists that cannot be read nothing goes on: who makes it anew is told so, or names others
                let read = Sites::read(&kept).ok();
                self.newest = read.as_ref().is_some_and(|sites| sites.as_kept() == kept);
                self.sites = Arc::new(read.unwrap_or_default());
            }
        }
        Ok(())
    }

    fn apply<'e>(
        &mut self,
        e: &'e Envelope<'e>,
        _: &World,
        _: &mut Keys<'e>,
        _: Option<&Db>,
    ) -> Result<(), ReadModelError> {
        match e.event {
            Event::MarketOpened(opened) => opened.time_zone.as_str().clone_into(&mut self.zone),
            _ => self.heard.hear(e, self.sites.rule()),
        }
        Ok(())
    }

    fn flush(&mut self, db: &Db) -> Result<u64, ReadModelError> {
        let store = Store { db, sql: &self.sql };
        let calendar = self.calendar();
        let as_kept = match store.zone()? {
            Some(zone) => zone == calendar.zone(),
            None => self.zone.is_empty(),
        };
        if self.heard.is_empty() && as_kept {
            return Ok(0);
        }
        let heard = std::mem::take(&mut self.heard);
        let (rows, days) = Following::begin(store, calendar, &mut self.dictionary)?.take(heard)?;
        self.months.changed(&days, db, &self.month_sql)?;
        Ok(rows)
    }

    fn trim(&mut self, most: usize) {
        if most == 0 {
            self.heard = Heard::default();
            self.dictionary = Dictionary::default();
            self.zone.clear();
        }
    }

    fn bytes(&self) -> usize {
        self.heard.bytes()
    }

    fn take_children(&mut self, _: usize) -> Option<Job> {
        None
    }

    fn take_rows(&mut self) -> Job {
        let heard = std::mem::take(&mut self.heard);
        let calendar = self.calendar();
        let (sql, month_sql) = (std::mem::take(&mut self.sql), std::mem::take(&mut self.month_sql));
        let sites = Arc::clone(&self.sites);
        Box::new(move |to| {
            Store { db: to.db, sql: &sql }.set_sites(sites.as_kept())?;
            write_all(heard, calendar, (&sql, &month_sql), to)
        })
    }

    fn visit_rows(&self, table: &str, visit: RowVisit<'_>) {
        let made = self.made();
        let day = |day: i32| chrono::NaiveDate::from_epoch_days(day).unwrap_or_default().to_string();
        let count = |n: u64| CellRef::Integer(i64::try_from(n).unwrap_or(i64::MAX));
        if table == "traffic_days" {
            let shown = made.traffic.iter().filter(|(key, _)| key.group != Group::First);
            let _whole = shown.into_iter().try_for_each(|(key, cell)| {
                let Part { views, pv, visits, bounces, stay } = cell.part;
                let numbers = [pv, views, visits, bounces, stay].map(CellRef::Integer);
                let (day, word) = (day(key.day), self.word(key.group, key.word));
                let words = [CellRef::Text(&day), CellRef::Text(key.group.as_str()), CellRef::Text(word)];
                visit(&[&words[..], &[count(cell.visitors.len())], &numbers].concat())
            });
        } else {
            let _whole = made.sales.iter().try_for_each(|(key, cell)| {
                let numbers = [cell.orders, cell.order_value, cell.gmv, cell.refunded].map(CellRef::Integer);
                let (day, word) = (day(key.day), self.word(key.group, key.word));
                let words = [CellRef::Text(&day), CellRef::Text(key.group.as_str()), CellRef::Text(word)];
                let beside = [CellRef::Text(key.currency.as_str()), count(cell.buyers.len())];
                visit(&[&words[..], &beside, &numbers].concat())
            });
        }
    }

    fn digests(&self) -> Vec<TableDigest> {
        let made = self.made();
        let word = |number| self.heard.names.text(number);
        let (mut traffic, mut sales) = empty();
        for (key, cell) in &made.traffic {
            let (visitors, bouncers) = (cell.visitors.to_bytes(), cell.bouncers.to_bytes());
            add_traffic(&mut traffic, key, word(key.word), &cell.part, &[&visitors, &bouncers]);
        }
        for (key, cell) in &made.sales {
            add_sales(&mut sales, key, word(key.word), cell, &[&cell.buyers.to_bytes()]);
        }
        vec![traffic, sales]
    }

    fn stored_digests(&self, db: &Db) -> Result<Vec<TableDigest>, ReadModelError> {
        let (mut traffic, mut sales) = empty();
        store::each_cell(db, &mut |key, word, part, sets| add_traffic(&mut traffic, key, word, part, sets))?;
        store::each_sales_cell(db, &mut |key, word, cell, sets| {
            add_sales(&mut sales, key, word, cell, sets)
        })?;
        Ok(vec![traffic, sales])
    }

    fn later(&self) -> Option<Box<dyn Runner>> {
        Some(Box::new(Self { sites: Arc::clone(&self.sites), ..Self::new() }))
    }

    fn join(&mut self, later: Box<dyn Runner>) {
        let later: Box<dyn Any> = later;
        let later = later.downcast::<Self>().expect("invariant: it came from `later`");
        if !later.zone.is_empty() {
            self.zone = later.zone;
        }
        self.heard.join(later.heard);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// All pages and ways that were heard of.
fn whole(heard: &Heard) -> Dictionary {
    let (pages, ways) = heard.ranked();
    Dictionary { all: Some((pages, ways)), ..Dictionary::default() }
}

/// Makes all figures and writes them into tables that are empty.
fn write_all(
    mut heard: Heard,
    calendar: Calendar,
    (sql, month_sql): (&Sql, &months::Sql),
    to: &mut Writer<'_>,
) -> Result<(), ReadModelError> {
    let dictionary = whole(&heard);
    let views = sorted(std::mem::take(&mut heard.views));
    let store = Store { db: to.db, sql };
    let Made { traffic, sales, orders } = std::thread::scope(|scope| {
        let count = || make(&heard, &views, &dictionary, calendar);
        let counting = std::thread::Builder::new().name("rebuild-counter".into()).spawn_scoped(scope, count);
        write_heard(&heard, &views, &dictionary, calendar, &store, to)?;
        Ok::<_, ReadModelError>(match counting {
            Ok(counting) => counting.join().expect("invariant: counting does not panic"),
            Err(_) => count(), // the system gives no thread
        })
    })?;
    drop(views);
    for ((order, id), number) in orders.iter().zip(heard.orders.iter()).zip(0u32..) {
        if let Some(of) = order {
            store.put_order((number, id, false), of, paid_day(&of.sale, calendar))?;
            to.wrote()?;
        }
    }
    for (key, cell) in &traffic {
        store.put_cell(key, cell, true)?;
        to.wrote()?;
    }
    for (key, cell) in &sales {
        store.add_sales(key, cell)?;
        to.wrote()?;
    }
    months::make_all(&traffic, &sales, to.db, month_sql)
}

/// Writes what figures are made from.
fn write_heard(
    heard: &Heard,
    views: &[View],
    dictionary: &Dictionary,
    calendar: Calendar,
    store: &Store<'_>,
    to: &mut Writer<'_>,
) -> Result<(), ReadModelError> {
    store.set_zone(calendar.zone())?;
    for (text, number) in heard.names.iter().zip(0u32..) {
        store.put_name(number, text)?;
        to.wrote()?;
    }
    let first_views = first_views(views, heard.visitors.len());
    for ((text, first), number) in heard.visitors.iter().zip(&first_views).zip(0u32..) {
        store.put_visitor(number, text, *first)?;
        to.wrote()?;
    }
    if let Some((pages, ways)) = &dictionary.all {
        for (page, number) in pages.iter().zip(0u32..) {
            store.put_page(number, page)?;
            to.wrote()?;
        }
        for (way, number) in ways.iter().zip(0u32..) {
            store.put_way(number, way)?;
        }
    }
    // in the order of their key, so that the tree grows at its end
    let mut runs: Vec<(Day, u32, usize, usize)> = Vec::new();
    let mut from = 0;
    for own in views.chunk_by(|a, b| a.visitor == b.visitor) {
        for of_day in own.chunk_by(|a, b| day_of(calendar, a.at) == day_of(calendar, b.at)) {
            runs.push((day_of(calendar, of_day[0].at), of_day[0].visitor, from, from + of_day.len()));
            from += of_day.len();
        }
    }
    runs.sort_unstable();
    for (day, visitor, from, until) in runs {
        store.put_views(day, visitor, &views[from..until])?;
        to.wrote()?;
    }
    Ok(())
}

fn empty() -> (TableDigest, TableDigest) {
    let of = |table| TableDigest { table, rows: 0, digest: Digest::default() };
    (of("traffic_days"), of("sales_days"))
}

/// A group's word, in numbers where it is a number and as a text where it is one.
fn begin(hash: &mut RowHash, group: Group, day: i32, number: u32, word: &str) {
    hash.put_text(group.as_str());
    hash.integer(Some(i64::from(day)));
    match group {
        Group::Channel => hash.integer(Some(i64::from(number))),
        _ => hash.put_text(word),
    }
}

fn add_traffic(sum: &mut TableDigest, key: &CellKey, word: &str, part: &Part, sets: &[&[u8]]) {
    let mut hash = RowHash::default();
    begin(&mut hash, key.group, key.day, key.word, word);
    for number in [part.views, part.pv, part.visits, part.bounces, part.stay] {
        hash.integer(Some(number));
    }
    sets.iter().for_each(|set| hash.put_bytes(set));
    sum.rows += 1;
    sum.digest.add(hash.finish());
}

fn add_sales(sum: &mut TableDigest, key: &SalesKey, word: &str, cell: &SalesCell, sets: &[&[u8]]) {
    let mut hash = RowHash::default();
    begin(&mut hash, key.group, key.day, key.word, word);
    hash.put_text(key.currency.as_str());
    for number in [cell.orders, cell.order_value, cell.gmv, cell.refunded] {
        hash.integer(Some(number));
    }
    sets.iter().for_each(|set| hash.put_bytes(set));
    sum.rows += 1;
    sum.digest.add(hash.finish());
}
