//! Views, orders and cells as rows.

use daybook_metrics::sessions::Day;

use super::store::{Store, credited, set, spoilt};
use crate::engine::ReadModelError;
use crate::engine::store::{self, Optional as _, params};
use crate::metrics::live::heard::View;
use crate::metrics::live::packed::{pack, unpack};
use crate::metrics::live::parts::Part;
use crate::metrics::live::{CellKey, Credited, SalesCell, SalesKey, TrafficCell};

/// An order as it is kept: its number in the file, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub number: u32,
    /// None of one that was not placed yet.
    pub order: Option<Credited>,
    /// Whether the file has it.
    pub stored: bool,
}

impl Store<'_> {
    pub(super) fn first_view(&self, visitor: u32) -> Result<Option<i64>, ReadModelError> {
        let mut find = self.db.prepare_cached(&self.sql.first_view)?;
        Ok(find.query_row(params![visitor], |row| row.get(0)).optional()?.flatten())
    }

    pub(super) fn set_first_view(&self, visitor: u32, at: i64) -> Result<(), ReadModelError> {
        self.db.prepare_cached(&self.sql.set_first_view)?.execute(params![visitor, at])?;
        Ok(())
    }

    /// A visitor's views of a day, in order of time.
    pub(super) fn views(&self, day: Day, visitor: u32) -> Result<Vec<View>, ReadModelError> {
        let mut find = self.db.prepare_cached(&self.sql.views)?;
        let mut rows = find.query(params![day, visitor])?;
        let mut views = Vec::new();
        if let Some(row) = rows.next()? {
            let packed = row.get_ref(0)?.bytes()?;
            unpack(visitor, packed, &mut views).ok_or_else(|| spoilt("a visitor's views"))?;
        }
        Ok(views)
    }

    pub(super) fn put_views(&self, day: Day, visitor: u32, views: &[View]) -> Result<(), ReadModelError> {
        let mut packed = Vec::new();
        pack(views, &mut packed);
        self.db.prepare_cached(&self.sql.put_views)?.execute(params![day, visitor, packed])?;
        Ok(())
    }

    /// Everything that figures are made from, taken out of the file with the figures: they are to be made anew.
    pub(super) fn take_all(&self) -> Result<(Vec<View>, Vec<String>), ReadModelError> {
        let mut views = Vec::new();
        let mut all = self.db.prepare(&self.sql.all_views)?;
        let mut rows = all.query(&[])?;
        while let Some(row) = rows.next()? {
            let packed = row.get_ref(1)?.bytes()?;
            unpack(row.get(0)?, packed, &mut views).ok_or_else(|| spoilt("a visitor's views"))?;
        }
        let mut all = self.db.prepare(&self.sql.order_ids)?;
        let orders = all.query_map(&[], |row| row.get(0))?.collect::<store::Result<Vec<String>>>()?;
        for clear in [
            &self.sql.clear_views,
            &self.sql.clear_cells,
            &self.sql.clear_sales,
            &self.sql.clear_months,
            &self.sql.clear_sales_months,
            &self.sql.clear_made_months,
            &self.sql.forget_first_views,
        ] {
            self.db.prepare_cached(clear)?.execute(&[])?;
        }
        Ok((views, orders))
    }

    /// The zone whose days the figures are kept by.
    pub(super) fn zone(&self) -> Result<Option<String>, ReadModelError> {
        Ok(self.db.prepare_cached(&self.sql.zone)?.query_row(&[], |row| row.get(0)).optional()?)
    }

    pub(super) fn set_zone(&self, zone: &str) -> Result<(), ReadModelError> {
        self.db.prepare_cached(&self.sql.set_zone)?.execute(params![zone])?;
        Ok(())
    }

    /// The lists by which channels were told.
    pub(super) fn sites(&self) -> Result<Option<String>, ReadModelError> {
        Ok(self.db.prepare_cached(&self.sql.sites)?.query_row(&[], |row| row.get(0)).optional()?)
    }

    pub(super) fn set_sites(&self, lists: &str) -> Result<(), ReadModelError> {
        self.db.prepare_cached(&self.sql.set_sites)?.execute(params![lists])?;
        Ok(())
    }

    /// The number that the next order gets.
    pub(super) fn next_order(&self) -> Result<u32, ReadModelError> {
        self.next(&self.sql.orders)
    }

    pub(super) fn order(&self, id: &str) -> Result<Option<Kept>, ReadModelError> {
        let mut find = self.db.prepare_cached(&self.sql.order)?;
        let found = find.query_row(params![id], |row| Ok((credited(row)?, row.get(12)?))).optional()?;
        let kept = |(order, number): (Option<Credited>, u32)| {
            let order = order.ok_or_else(|| spoilt("an order"))?;
            Ok(Kept { number, order: Some(order), stored: true })
        };
        found.map(kept).transpose()
    }

    pub(super) fn put_order(
        &self,
        (number, id, stored): (u32, &str, bool),
        of: &Credited,
        paid_day: Option<Day>,
    ) -> Result<(), ReadModelError> {
        let sale = &of.sale;
        let sql = if stored { &self.sql.set_order } else { &self.sql.put_order };
        self.db.prepare_cached(sql)?.execute(params![
            number,
            id,
            sale.placed_at.0,
            sale.visitor,
            sale.buyer,
            sale.merchant,
            sale.sales_channel,
            sale.currency.as_str(),
            sale.paid_at.map(|at| at.0),
            paid_day,
            sale.paid,
            sale.refunded,
            of.tracked,
            of.way,
            sale.worth,
        ])?;
        Ok(())
    }

    /// The orders that were paid on a day.
    pub(super) fn orders_of(&self, day: Day) -> Result<Vec<Credited>, ReadModelError> {
        let mut find = self.db.prepare_cached(&self.sql.orders_of_day)?;
        let found = find.query_map(params![day], credited)?.collect::<store::Result<Option<Vec<_>>>>()?;
        found.ok_or_else(|| spoilt("an order"))
    }

    /// The orders that a visitor placed from an instant on.
    pub(super) fn orders_after(&self, visitor: u32, at: i64) -> Result<Vec<String>, ReadModelError> {
        let mut find = self.db.prepare_cached(&self.sql.orders_after)?;
        Ok(find.query_map(params![visitor, at], |row| row.get(0))?.collect::<store::Result<_>>()?)
    }

    pub(super) fn cell(&self, key: &CellKey) -> Result<Option<TrafficCell>, ReadModelError> {
        let mut find = self.db.prepare_cached(&self.sql.cell)?;
        let mut rows = find.query(params![key.group as u8, key.day, key.word])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let part = Part {
            pv: row.get(0)?,
            views: row.get(1)?,
            visits: row.get(2)?,
            bounces: row.get(3)?,
            stay: row.get(4)?,
        };
        let visitors = set(row.get_ref(5)?.bytes()?)?;
        let bouncers = set(row.get_ref(6)?.bytes()?)?;
        Ok(Some(TrafficCell { part, visitors, bouncers }))
    }

    /// Writes a cell, or takes it out where nothing is left of it.
    pub(super) fn put_cell(
        &self,
        key: &CellKey,
        cell: &TrafficCell,
        is_new: bool,
    ) -> Result<(), ReadModelError> {
        if cell.is_empty() {
            let mut drop = self.db.prepare_cached(&self.sql.drop_cell)?;
            drop.execute(params![key.group as u8, key.day, key.word])?;
            return Ok(());
        }
        let sql = if is_new { &self.sql.add_cell } else { &self.sql.put_cell };
        let Part { views, pv, visits, bounces, stay } = cell.part;
        self.db.prepare_cached(sql)?.execute(params![
            key.group as u8,
            key.day,
            key.word,
            cell.visitors.len(),
            pv,
            views,
            visits,
            bounces,
            stay,
            cell.visitors.to_bytes(),
            cell.bouncers.to_bytes(),
        ])?;
        Ok(())
    }

    pub(super) fn drop_sales(&self, day: Day) -> Result<(), ReadModelError> {
        self.db.prepare_cached(&self.sql.drop_sales)?.execute(params![day])?;
        Ok(())
    }

    pub(super) fn add_sales(&self, key: &SalesKey, cell: &SalesCell) -> Result<(), ReadModelError> {
        self.db.prepare_cached(&self.sql.add_sales)?.execute(params![
            key.group as u8,
            key.day,
            key.currency.as_str(),
            key.word,
            cell.buyers.len(),
            cell.orders,
            cell.order_value,
            cell.gmv,
            cell.refunded,
            cell.buyers.to_bytes(),
        ])?;
        Ok(())
    }
}
