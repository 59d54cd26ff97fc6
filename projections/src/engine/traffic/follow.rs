//! A run of events brought into the kept figures: what it changes, and nothing else, is read and written.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use daybook_metrics::VisitorSet;
use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_metrics::sessions::{DEFAULT_TIMEOUT, Day};

use super::rows::Kept;
use super::store::Store;
use crate::calendar::Calendar;
use crate::engine::ReadModelError;
use crate::metrics::live::bulk::{add_up, paid_day};
use crate::metrics::live::heard::{Change, Dictionary, Heard, View};
use crate::metrics::live::parts::{Part, Parts, day_of, visits};
use crate::metrics::live::{CellKey, Credited, Group, NONE, Sale, TrafficCell, last_before};

/// Most pages and ways that are remembered from one run to the next.
const MOST_REMEMBERED: usize = 200_000;

/// One run.
pub(super) struct Following<'d> {
    store: Store<'d>,
    calendar: Calendar,
    dictionary: &'d mut Dictionary,
    /// Cells that change, and whether the file has them.
    cells: BTreeMap<CellKey, (TrafficCell, bool)>,
    /// Orders that change, or may.
    orders: BTreeMap<String, Kept>,
    next_order: u32,
    /// Days whose sales change.
    sold: BTreeSet<Day>,
    parts: Parts,
}

impl<'d> Following<'d> {
    /// Begins.
    pub(super) fn begin(
        store: Store<'d>,
        calendar: Calendar,
        dictionary: &'d mut Dictionary,
    ) -> Result<Self, ReadModelError> {
        if dictionary.pages.len() + dictionary.ways.len() > MOST_REMEMBERED {
            *dictionary = Dictionary::default();
        }
        let next_order = store.next_order()?;
        Ok(Self {
            store,
            calendar,
            dictionary,
            cells: BTreeMap::new(),
            orders: BTreeMap::new(),
            next_order,
            sold: BTreeSet::new(),
            parts: Parts::default(),
        })
    }

    /// Brings in what was heard; returns how many rows that wrote, and the days whose figures changed.
    pub(super) fn take(mut self, mut heard: Heard) -> Result<(u64, BTreeSet<Day>), ReadModelError> {
        let zone = self.calendar.zone();
        let before = self.store.zone()?;
        let (mut views, mut again) = (Vec::new(), Vec::new());
        if before.as_deref() != Some(zone) {
            if before.is_some() {
                (views, again) = self.store.take_all()?; // other days
            }
            self.store.set_zone(zone)?;
        }
        let first_views = self.number(&mut heard)?;
        views.append(&mut heard.views);
        views.sort_unstable_by_key(|view| (view.visitor, view.at));
        let mut rows = 0;
        for own in views.chunk_by(|a, b| a.visitor == b.visitor) {
            let visitor = own[0].visitor;
            let first = match first_views.get(&visitor) {
                Some(first) => *first,
                None => self.store.first_view(visitor)?,
            };
            rows += self.visitor(own, first)?;
        }
        for id in again {
            self.order(&id)?;
        }
        for (order, change) in &heard.changes {
            let id = heard.orders.text(*order);
            let mut kept = self.order(id)?;
            let was = kept.order;
            let sale = change.apply(was.map(|of| of.sale));
            kept.order = sale.map(|sale| match was {
                Some(of) => Credited { sale, ..of },
                None => Credited { sale, tracked: false, way: None },
            });
            self.orders.insert(id.to_owned(), kept);
        }
        self.credit()?;
        self.write(rows)
    }

    /// Turns the numbers of what was heard into those of the file; returns the first views of visitors.
    fn number(&mut self, heard: &mut Heard) -> Result<BTreeMap<u32, Option<i64>>, ReadModelError> {
        let (mut pages, mut ways) = heard.ranked();
        let names = self.store.names(heard.names.iter())?;
        let name = |number: &mut u32| {
            if *number != NONE {
                *number = names[*number as usize];
            }
        };
        for page in &mut pages {
            let of = [
                &mut page.path,
                &mut page.topic,
                &mut page.product,
                &mut page.merchant,
                &mut page.sales_channel,
            ];
            of.into_iter().for_each(name);
        }
        for way in &mut ways {
            [&mut way.site, &mut way.campaign].into_iter().for_each(name);
        }
        let page_numbers = self.store.pages(&pages)?;
        self.dictionary.pages.extend(page_numbers.iter().copied().zip(pages));
        let way_numbers = self.store.ways(&ways)?;
        self.dictionary.ways.extend(way_numbers.iter().copied().zip(ways));
        let visitors = self.store.visitors(heard.visitors.iter())?;
        for view in &mut heard.views {
            view.visitor = visitors[view.visitor as usize].0;
            view.page = page_numbers[view.page as usize];
            if view.way != NONE {
                view.way = way_numbers[view.way as usize];
            }
        }
        for (_, change) in &mut heard.changes {
            let Change::Placed(sale) = change else { continue };
            [&mut sale.buyer, &mut sale.merchant, &mut sale.sales_channel].into_iter().for_each(name);
            sale.visitor = sale.visitor.map(|visitor| visitors[visitor as usize].0);
        }
        Ok(visitors.into_iter().collect())
    }

    /// Makes sure that the pages and ways of views are known.
    fn know(&mut self, views: &[View]) -> Result<(), ReadModelError> {
        for view in views {
            if !self.dictionary.pages.contains_key(&view.page) {
                self.dictionary.pages.insert(view.page, self.store.page(view.page)?);
            }
            self.know_way((view.way != NONE).then_some(view.way))?;
        }
        Ok(())
    }

    fn know_way(&mut self, way: Option<u32>) -> Result<(), ReadModelError> {
        if let Some(way) = way
            && !self.dictionary.ways.contains_key(&way)
        {
            self.dictionary.ways.insert(way, self.store.way(way)?);
        }
        Ok(())
    }

    /// Brings in new views of one visitor, in order of time.
    fn visitor(&mut self, new: &[View], first: Option<i64>) -> Result<u64, ReadModelError> {
        let (visitor, begins) = (new[0].visitor, new[0].at);
        let mut days: BTreeMap<Day, Vec<View>> = BTreeMap::new();
        let mut old: Vec<View> = Vec::new();
        let calendar = self.calendar;
        let day = |view: &View| day_of(calendar, view.at);
        let mut touched = Vec::new();
        for of_day in new.chunk_by(|a, b| day(a) == day(b)) {
            let at = day(&of_day[0]);
            let all = match days.entry(at) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let stored = if first.is_some() { self.store.views(at, visitor)? } else { Vec::new() };
                    old.extend_from_slice(&stored);
                    touched.push(at);
                    place.insert(stored)
                }
            };
            all.extend_from_slice(of_day);
            all.sort_unstable_by_key(|view| view.at);
        }
        for at in &touched {
            self.store.put_views(*at, visitor, &days[at])?;
        }
        if first.is_some() {
            for at in &touched {
                self.reach(&mut days, &mut old, (*at, visitor), -1)?;
                self.reach(&mut days, &mut old, (*at, visitor), 1)?;
            }
        }
        let now: Vec<View> = days.into_values().flatten().collect();
        self.know(&now)?;
        let mut parts = std::mem::take(&mut self.parts);
        let before = parts.of(&old, self.dictionary, calendar).to_vec();
        self.change(visitor, &before, parts.of(&now, self.dictionary, calendar))?;
        self.parts = parts;
        self.first_seen(visitor, first, begins)?;
        for id in self.store.orders_after(visitor, begins)? {
            self.order(&id)?;
        }
        Ok(touched.len() as u64)
    }

    /// Adds the days before or after one whose views may be of the same visit.
    fn reach(
        &self,
        days: &mut BTreeMap<Day, Vec<View>>,
        old: &mut Vec<View>,
        (mut at, visitor): (Day, u32),
        step: Day,
    ) -> Result<(), ReadModelError> {
        loop {
            let views = &days[&at];
            let edge = if step < 0 { views.first() } else { views.last() };
            let Some(edge) = edge.map(|view| view.at) else { return Ok(()) };
            // the pause that a visit survives does not reach the next day
            let far = edge.saturating_add(i64::from(step) * DEFAULT_TIMEOUT);
            let next = at + step;
            if day_of(self.calendar, far) == at || days.contains_key(&next) {
                return Ok(());
            }
            let stored = self.store.views(next, visitor)?;
            let nearest = if step < 0 { stored.last() } else { stored.first() };
            if nearest.is_none_or(|view| (view.at - edge).abs() > DEFAULT_TIMEOUT) {
                return Ok(());
            }
            old.extend_from_slice(&stored);
            days.insert(next, stored);
            at = next;
        }
    }

    /// Changes the cells by what a visitor's parts have changed.
    fn change(
        &mut self,
        visitor: u32,
        before: &[(CellKey, Part)],
        after: &[(CellKey, Part)],
    ) -> Result<(), ReadModelError> {
        let nothing = Part::default();
        let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
        loop {
            let (key, was, is) = match (old.peek(), new.peek()) {
                (None, None) => return Ok(()),
                (Some(a), Some(b)) if a.0 == b.0 => (a.0, a.1, b.1),
                (Some(a), b) if b.is_none_or(|b| a.0 < b.0) => (a.0, a.1, nothing),
                (_, Some(b)) => (b.0, nothing, b.1),
                (Some(a), None) => (a.0, a.1, nothing),
            };
            old.next_if(|part| part.0 == key);
            new.next_if(|part| part.0 == key);
            if was == is {
                continue;
            }
            let cell = self.cell(key)?;
            cell.part += is;
            cell.part -= was;
            put(&mut cell.visitors, visitor, is.views > 0);
            put(&mut cell.bouncers, visitor, is.is_of_a_bouncer());
        }
    }

    fn cell(&mut self, key: CellKey) -> Result<&mut TrafficCell, ReadModelError> {
        Ok(match self.cells.entry(key) {
            Entry::Occupied(known) => &mut known.into_mut().0,
            Entry::Vacant(place) => {
                let stored = self.store.cell(&key)?;
                let is_stored = stored.is_some();
                &mut place.insert((stored.unwrap_or_default(), is_stored)).0
            }
        })
    }

    fn first_seen(&mut self, visitor: u32, known: Option<i64>, at: i64) -> Result<(), ReadModelError> {
        if known.is_some_and(|known| known <= at) {
            return Ok(());
        }
        self.store.set_first_view(visitor, at)?;
        let key = |at| CellKey { group: Group::First, day: day_of(self.calendar, at), word: NONE };
        let (old, new) = (known.map(key), key(at));
        if let Some(old) = old {
            self.cell(old)?.visitors.remove(visitor);
        }
        self.cell(new)?.visitors.insert(visitor);
        Ok(())
    }

    /// An order that changes or may; the day on which it was paid is added up again.
    fn order(&mut self, id: &str) -> Result<Kept, ReadModelError> {
        if let Some(known) = self.orders.get(id) {
            return Ok(*known);
        }
        let kept = match self.store.order(id)? {
            Some(kept) => kept,
            None => {
                let number = self.next_order;
                self.next_order += 1;
                Kept { number, order: None, stored: false }
            }
        };
        if let Some(of) = kept.order {
            self.sold.extend(paid_day(&of.sale, self.calendar));
        }
        self.orders.insert(id.to_owned(), kept);
        Ok(kept)
    }

    /// Looks for the visits of all orders that may have another now.
    fn credit(&mut self) -> Result<(), ReadModelError> {
        let mut orders = std::mem::take(&mut self.orders);
        for kept in orders.values_mut() {
            let Some(of) = &mut kept.order else { continue };
            (of.tracked, of.way) = match self.visit_before(&of.sale)? {
                Some(way) => (true, way),
                None => (false, None),
            };
        }
        self.orders = orders;
        Ok(())
    }

    /// How the visit came that an order is credited to; none where none is.
    fn visit_before(&mut self, sale: &Sale) -> Result<Option<Option<u32>>, ReadModelError> {
        let Some(visitor) = sale.visitor.filter(|_| sale.paid_at.is_some()) else { return Ok(None) };
        let placed = sale.placed_at.0;
        if self.store.first_view(visitor)?.is_none_or(|first| first > placed) {
            return Ok(None);
        }
        let oldest = day_of(self.calendar, placed.saturating_sub(DEFAULT_LOOK_BACK));
        let mut at = day_of(self.calendar, placed);
        while at >= oldest {
            let stored = self.store.views(at, visitor)?;
            if stored.is_empty() {
                at -= 1;
                continue;
            }
            let mut days = BTreeMap::from([(at, stored)]);
            self.reach(&mut days, &mut Vec::new(), (at, visitor), -1)?;
            let before = days.keys().next().map_or(at, |first| first - 1);
            let views: Vec<View> = days.into_values().flatten().collect();
            self.know(&views)?;
            let (_, visits) = visits(&views, self.dictionary, self.calendar);
            if visits.first().is_some_and(|visit| visit.from <= sale.placed_at) {
                // the last before the order is here, in time or not
                return Ok(last_before(&visits, sale.placed_at, sale.paid_at).map(|visit| visit.arrival));
            }
            at = before;
        }
        Ok(None)
    }

    fn write(mut self, mut rows: u64) -> Result<(u64, BTreeSet<Day>), ReadModelError> {
        let mut days: BTreeSet<Day> = self.cells.keys().map(|key| key.day).collect();
        for (key, (cell, stored)) in &self.cells {
            self.store.put_cell(key, cell, !stored)?;
        }
        rows += self.cells.len() as u64;
        for (id, kept) in &self.orders {
            let Some(of) = &kept.order else { continue };
            let day = paid_day(&of.sale, self.calendar);
            self.sold.extend(day);
            self.store.put_order((kept.number, id, kept.stored), of, day)?;
            rows += 1;
        }
        let sold = std::mem::take(&mut self.sold);
        days.extend(&sold);
        for day in sold {
            self.store.drop_sales(day)?;
            let orders = self.store.orders_of(day)?;
            for order in &orders {
                self.know_way(order.way)?;
            }
            for (key, cell) in add_up(orders.iter(), self.dictionary, self.calendar) {
                self.store.add_sales(&key, &cell)?;
                rows += 1;
            }
        }
        Ok((rows, days))
    }
}

/// Puts a visitor into a set, or takes it out.
fn put(set: &mut VisitorSet, visitor: u32, is_in: bool) {
    if is_in {
        set.insert(visitor);
    } else {
        set.remove(visitor);
    }
}
