//! The rows of kept figures, read and written.

use crate::engine::ReadModelError;
use crate::engine::store::{self, Db, Optional as _, Row, params};
use crate::metrics::live::heard::{Page, Way, currency};
use crate::metrics::live::parts::Part;
use crate::metrics::live::{CellKey, Credited, Group, Sale, SalesCell, SalesKey};
use daybook_domain::Timestamp;
use daybook_metrics::VisitorSet;
use daybook_metrics::visitors::BadVisitorSet;

/// The tables of one generation in one file.
pub(super) struct Store<'d> {
    pub db: &'d Db,
    pub sql: &'d Sql,
}

/// The statements of one generation.
#[derive(Debug, Default)]
pub(super) struct Sql {
    pub(super) name: String,
    pub(super) names: String,
    pub(super) add_name: String,
    pub(super) visitor: String,
    pub(super) visitors: String,
    pub(super) add_visitor: String,
    pub(super) first_view: String,
    pub(super) set_first_view: String,
    pub(super) forget_first_views: String,
    pub(super) page: String,
    pub(super) pages: String,
    pub(super) add_page: String,
    pub(super) page_by_number: String,
    pub(super) way: String,
    pub(super) ways: String,
    pub(super) add_way: String,
    pub(super) way_by_number: String,
    pub(super) views: String,
    pub(super) all_views: String,
    pub(super) put_views: String,
    pub(super) clear_views: String,
    pub(super) order: String,
    pub(super) order_ids: String,
    pub(super) orders: String,
    pub(super) put_order: String,
    pub(super) set_order: String,
    pub(super) orders_of_day: String,
    pub(super) orders_after: String,
    pub(super) cell: String,
    pub(super) put_cell: String,
    pub(super) add_cell: String,
    pub(super) drop_cell: String,
    pub(super) clear_cells: String,
    pub(super) drop_sales: String,
    pub(super) clear_sales: String,
    pub(super) add_sales: String,
    pub(super) clear_months: String,
    pub(super) clear_sales_months: String,
    pub(super) clear_made_months: String,
    pub(super) zone: String,
    pub(super) set_zone: String,
    pub(super) sites: String,
    pub(super) set_sites: String,
}

const ORDER: &str = "placed_at, visitor, buyer, merchant, sales_channel, currency, paid_at, paid, refunded, \
                     tracked, way, worth";

impl Sql {
    pub(super) fn of(generation: u32) -> Self {
        let of = |text: &str| text.replace("__r", &format!("__r{generation}")).replace("{ORDER}", ORDER);
        Self {
            name: of("SELECT number FROM traffic_names__r WHERE text = ?"),
            names: of("SELECT coalesce(max(number) + 1, 0) FROM traffic_names__r"),
            add_name: of("INSERT INTO traffic_names__r VALUES (?, ?)"),
            visitor: of("SELECT number, first_view FROM traffic_visitors__r WHERE text = ?"),
            visitors: of("SELECT coalesce(max(number) + 1, 0) FROM traffic_visitors__r"),
            add_visitor: of("INSERT INTO traffic_visitors__r VALUES (?, ?, ?)"),
            first_view: of("SELECT first_view FROM traffic_visitors__r WHERE number = ?"),
            set_first_view: of("UPDATE traffic_visitors__r SET first_view = ?2 WHERE number = ?1"),
            forget_first_views: of("UPDATE traffic_visitors__r SET first_view = NULL"),
            page: of(
                "SELECT number FROM traffic_pages__r WHERE path = ? AND topic = ? AND product = ? AND merchant = ? \
                 AND sales_channel = ?",
            ),
            pages: of("SELECT coalesce(max(number) + 1, 0) FROM traffic_pages__r"),
            add_page: of("INSERT INTO traffic_pages__r VALUES (?, ?, ?, ?, ?, ?, ?)"),
            page_by_number: of(
                "SELECT rank, path, topic, product, merchant, sales_channel FROM traffic_pages__r WHERE number = ?",
            ),
            way: of(
                "SELECT number FROM traffic_ways__r WHERE channel = ? AND paid = ? AND site = ? AND campaign = ? \
                 AND tagged = ?",
            ),
            ways: of("SELECT coalesce(max(number) + 1, 0) FROM traffic_ways__r"),
            add_way: of("INSERT INTO traffic_ways__r VALUES (?, ?, ?, ?, ?, ?, ?)"),
            way_by_number: of(
                "SELECT rank, channel, paid, site, campaign, tagged FROM traffic_ways__r WHERE number = ?",
            ),
            views: of("SELECT packed FROM traffic_views__r WHERE day = ? AND visitor = ?"),
            all_views: of("SELECT visitor, packed FROM traffic_views__r LIMIT -1"),
            put_views: of(
                "INSERT INTO traffic_views__r VALUES (?1, ?2, ?3) ON CONFLICT (day, visitor) DO UPDATE SET packed = ?3",
            ),
            clear_views: of("DELETE FROM traffic_views__r"),
            order: of("SELECT {ORDER}, number FROM traffic_orders__r WHERE order_id = ?"),
            order_ids: of("SELECT order_id FROM traffic_orders__r LIMIT -1"),
            orders: of("SELECT coalesce(max(number) + 1, 0) FROM traffic_orders__r"),
            put_order: of(
                "INSERT INTO traffic_orders__r VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ),
            set_order: of(
                "UPDATE traffic_orders__r SET placed_at = ?3, visitor = ?4, buyer = ?5, merchant = ?6, \
                 sales_channel = ?7, currency = ?8, paid_at = ?9, paid_day = ?10, paid = ?11, refunded = ?12, \
                 tracked = ?13, way = ?14, worth = ?15 WHERE number = ?1 AND order_id = ?2",
            ),
            orders_of_day: of("SELECT {ORDER} FROM traffic_orders__r WHERE paid_day = ? LIMIT -1"),
            orders_after: of(
                "SELECT order_id FROM traffic_orders__r WHERE visitor = ? AND placed_at >= ? LIMIT -1",
            ),
            cell: of("SELECT pv, views, visits, bounces, stay, visitors, bouncers FROM traffic_days__r \
                      WHERE grp = ? AND day = ? AND word = ?"),
            put_cell: of(
                "INSERT INTO traffic_days__r(grp, day, word, uv, pv, views, visits, bounces, stay, visitors, \
                 bouncers) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (grp, day, word) DO UPDATE SET uv = ?4, \
                 pv = ?5, views = ?6, visits = ?7, bounces = ?8, stay = ?9, visitors = ?10, bouncers = ?11",
            ),
            add_cell: of(
                "INSERT INTO traffic_days__r(grp, day, word, uv, pv, views, visits, bounces, stay, visitors, \
                 bouncers) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            ),
            drop_cell: of("DELETE FROM traffic_days__r WHERE grp = ? AND day = ? AND word = ?"),
            clear_cells: of("DELETE FROM traffic_days__r"),
            drop_sales: of("DELETE FROM sales_days__r WHERE grp IN (0, 1, 2, 3, 4, 6) AND day = ?"),
            clear_sales: of("DELETE FROM sales_days__r"),
            add_sales: of(
                "INSERT INTO sales_days__r(grp, day, currency, word, buyers, orders, order_value, gmv, refunded, \
                 who) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ),
            clear_months: of("DELETE FROM traffic_months__r"),
            clear_sales_months: of("DELETE FROM sales_months__r"),
            clear_made_months: of("DELETE FROM traffic_months_made__r"),
            zone: of("SELECT zone FROM traffic_zone__r WHERE one = 1"),
            set_zone: of(
                "INSERT INTO traffic_zone__r VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET zone = ?1",
            ),
            sites: of("SELECT lists FROM traffic_sites__r WHERE one = 1"),
            set_sites: of(
                "INSERT INTO traffic_sites__r VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET lists = ?1",
            ),
        }
    }
}

/// Takes a cell with the text of its word and the bytes of its set.
pub(super) type Each<'f, K, C> = &'f mut dyn FnMut(&K, &str, &C, &[&[u8]]);

/// The group of a number.
fn group(number: u8) -> Option<Group> {
    Group::FILED.into_iter().chain([Group::First, Group::Untracked]).find(|group| *group as u8 == number)
}

/// Visits all cells of traffic, their sets as bytes.
pub(super) fn each_cell(db: &Db, each: Each<'_, CellKey, Part>) -> Result<(), ReadModelError> {
    let mut all = db.prepare(
        "SELECT grp, day, word, pv, views, visits, bounces, stay, visitors, bouncers, \
         coalesce((SELECT text FROM _traffic_names n WHERE n.number = word), '') FROM _traffic_days LIMIT -1",
    )?;
    let mut rows = all.query(&[])?;
    while let Some(row) = rows.next()? {
        let group = group(row.get(0)?).ok_or_else(|| spoilt("a cell of traffic"))?;
        let key = CellKey { group, day: row.get(1)?, word: row.get(2)? };
        let part = Part {
            pv: row.get(3)?,
            views: row.get(4)?,
            visits: row.get(5)?,
            bounces: row.get(6)?,
            stay: row.get(7)?,
        };
        let visitors = row.get_ref(8)?.bytes()?;
        let bouncers = row.get_ref(9)?.bytes()?;
        each(&key, &row.get_ref(10)?.text()?, &part, &[visitors, bouncers]);
    }
    Ok(())
}

/// Visits all cells of sales, their sets as bytes.
pub(super) fn each_sales_cell(db: &Db, each: Each<'_, SalesKey, SalesCell>) -> Result<(), ReadModelError> {
    let mut all = db.prepare(
        "SELECT grp, day, word, currency, orders, order_value, gmv, refunded, who, \
         coalesce((SELECT text FROM _traffic_names n WHERE n.number = word), '') FROM _sales_days LIMIT -1",
    )?;
    let mut rows = all.query(&[])?;
    while let Some(row) = rows.next()? {
        let code: String = row.get(3)?;
        let (group, currency) =
            group(row.get(0)?).zip(currency(&code)).ok_or_else(|| spoilt("a cell of sales"))?;
        let key = SalesKey { group, day: row.get(1)?, currency, word: row.get(2)? };
        let cell = SalesCell {
            orders: row.get(4)?,
            order_value: row.get(5)?,
            gmv: row.get(6)?,
            refunded: row.get(7)?,
            buyers: VisitorSet::new(),
        };
        let set = row.get_ref(8)?.bytes()?;
        each(&key, &row.get_ref(9)?.text()?, &cell, &[set]);
    }
    Ok(())
}

/// Rows that this program did not write so.
pub(super) fn spoilt(what: &str) -> ReadModelError {
    ReadModelError::BadQuestion(format!(
        "{what} cannot be read: run `daybook rebuild traffic_days`, which makes the kept figures anew"
    ))
}

/// A set of visitors as it is kept.
pub(super) fn set(bytes: &[u8]) -> Result<VisitorSet, ReadModelError> {
    VisitorSet::from_bytes(bytes).map_err(|why| bad_set(&why))
}

/// Bytes that are no set of visitors.
pub(crate) fn bad_set(why: &BadVisitorSet) -> ReadModelError {
    spoilt(&format!("a set of visitors ({why})"))
}

pub(super) fn credited(row: &Row<'_>) -> store::Result<Option<Credited>> {
    let code: String = row.get(5)?;
    let Some(currency) = currency(&code) else { return Ok(None) };
    let sale = Sale {
        placed_at: Timestamp(row.get(0)?),
        visitor: row.get(1)?,
        buyer: row.get(2)?,
        merchant: row.get(3)?,
        sales_channel: row.get(4)?,
        currency,
        paid_at: row.get::<Option<i64>>(6)?.map(Timestamp),
        paid: row.get(7)?,
        refunded: row.get(8)?,
        worth: row.get(11)?,
    };
    Ok(Some(Credited { sale, tracked: row.get(9)?, way: row.get(10)? }))
}

impl Store<'_> {
    pub(super) fn next(&self, sql: &str) -> Result<u32, ReadModelError> {
        Ok(self.db.prepare_cached(sql)?.query_row(&[], |row| row.get(0))?)
    }

    /// The numbers of texts, new ones where they are new.
    pub(super) fn names<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Result<Vec<u32>, ReadModelError> {
        let mut next = self.next(&self.sql.names)?;
        let (mut find, mut add) =
            (self.db.prepare_cached(&self.sql.name)?, self.db.prepare_cached(&self.sql.add_name)?);
        let mut number = |text: &str| {
            if let Some(known) = find.query_row(params![text], |row| row.get(0)).optional()? {
                return Ok(known);
            }
            add.execute(params![next, text])?;
            next += 1;
            Ok(next - 1)
        };
        texts.map(&mut number).collect()
    }

    /// The numbers of visitors with their first views.
    pub(super) fn visitors<'t>(
        &self,
        texts: impl Iterator<Item = &'t str>,
    ) -> Result<Vec<(u32, Option<i64>)>, ReadModelError> {
        let mut next = self.next(&self.sql.visitors)?;
        let (mut find, mut add) =
            (self.db.prepare_cached(&self.sql.visitor)?, self.db.prepare_cached(&self.sql.add_visitor)?);
        let mut number = |text: &str| {
            let known = find.query_row(params![text], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            if let Some(known) = known {
                return Ok(known);
            }
            add.execute(params![next, text, None::<i64>])?;
            next += 1;
            Ok((next - 1, None))
        };
        texts.map(&mut number).collect()
    }

    /// The numbers of pages, whose own numbers are the file's.
    pub(super) fn pages(&self, pages: &[Page]) -> Result<Vec<u32>, ReadModelError> {
        let mut next = self.next(&self.sql.pages)?;
        let mut find = self.db.prepare_cached(&self.sql.page)?;
        let mut number = |page: &Page| {
            let key = params![page.path, page.topic, page.product, page.merchant, page.sales_channel];
            if let Some(known) = find.query_row(key, |row| row.get(0)).optional()? {
                return Ok(known);
            }
            self.put_page(next, page)?;
            next += 1;
            Ok(next - 1)
        };
        pages.iter().map(&mut number).collect()
    }

    /// The numbers of ways, whose own numbers are the file's.
    pub(super) fn ways(&self, ways: &[Way]) -> Result<Vec<u32>, ReadModelError> {
        let mut next = self.next(&self.sql.ways)?;
        let mut find = self.db.prepare_cached(&self.sql.way)?;
        let mut number = |way: &Way| {
            let key = params![way.channel, way.paid, way.site, way.campaign, way.tagged];
            if let Some(known) = find.query_row(key, |row| row.get(0)).optional()? {
                return Ok(known);
            }
            self.put_way(next, way)?;
            next += 1;
            Ok(next - 1)
        };
        ways.iter().map(&mut number).collect()
    }

    /// Writes all of a new file's texts, visitors, pages and ways, numbered from 0.
    pub(super) fn put_name(&self, number: u32, text: &str) -> Result<(), ReadModelError> {
        self.db.prepare_cached(&self.sql.add_name)?.execute(params![number, text])?;
        Ok(())
    }

    pub(super) fn put_visitor(
        &self,
        number: u32,
        text: &str,
        first: Option<i64>,
    ) -> Result<(), ReadModelError> {
        self.db.prepare_cached(&self.sql.add_visitor)?.execute(params![number, text, first])?;
        Ok(())
    }

    pub(super) fn put_page(&self, number: u32, page: &Page) -> Result<(), ReadModelError> {
        let Page { rank, path, topic, product, merchant, sales_channel } = *page;
        let row = params![number, rank as i64, path, topic, product, merchant, sales_channel];
        self.db.prepare_cached(&self.sql.add_page)?.execute(row)?;
        Ok(())
    }

    pub(super) fn put_way(&self, number: u32, way: &Way) -> Result<(), ReadModelError> {
        let Way { rank, channel, paid, site, campaign, tagged } = *way;
        let row = params![number, rank as i64, channel, paid, site, campaign, tagged];
        self.db.prepare_cached(&self.sql.add_way)?.execute(row)?;
        Ok(())
    }

    pub(super) fn page(&self, number: u32) -> Result<Page, ReadModelError> {
        let mut find = self.db.prepare_cached(&self.sql.page_by_number)?;
        Ok(find.query_row(params![number], |row| {
            let rank: i64 = row.get(0)?;
            Ok(Page {
                rank: rank as u64,
                path: row.get(1)?,
                topic: row.get(2)?,
                product: row.get(3)?,
                merchant: row.get(4)?,
                sales_channel: row.get(5)?,
            })
        })?)
    }

    pub(super) fn way(&self, number: u32) -> Result<Way, ReadModelError> {
        let mut find = self.db.prepare_cached(&self.sql.way_by_number)?;
        Ok(find.query_row(params![number], |row| {
            let rank: i64 = row.get(0)?;
            Ok(Way {
                rank: rank as u64,
                channel: row.get(1)?,
                paid: row.get(2)?,
                site: row.get(3)?,
                campaign: row.get(4)?,
                tagged: row.get(5)?,
            })
        })?)
    }
}
