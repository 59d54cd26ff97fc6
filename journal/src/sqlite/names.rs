//! Interned ids back to names, for readers.
//!
//! A name never changes, so a page of names once read stays true; the newest page is read again when an id
//! beyond it turns up. Pages hold [`PAGE`] names of neighbouring ids: a log read in order touches
//! streams created near each other, and a JOIN per row would cost more than the row.

use rusqlite::{Connection, Result as SqlResult};

/// Names in a page.
const PAGE: usize = 128;
/// Pages a reader keeps: 512 k names, about 30 MB at most.
const PAGES: usize = 4096;

/// The names of one table, as far as one reader has met them.
pub(super) struct Names {
    select: &'static str,
    pages: Vec<Vec<Box<str>>>,
    loaded: usize,
    hand: usize,
}

impl Names {
    pub(super) fn streams() -> Self {
        Self::new("SELECT id, name FROM stream WHERE id BETWEEN ?1 AND ?2 ORDER BY id")
    }

    pub(super) fn kinds() -> Self {
        Self::new("SELECT id, name FROM kind WHERE id BETWEEN ?1 AND ?2 ORDER BY id")
    }

    pub(super) fn actors() -> Self {
        Self::new("SELECT id, name FROM actor WHERE id BETWEEN ?1 AND ?2 ORDER BY id")
    }

    fn new(select: &'static str) -> Self {
        Self { select, pages: Vec::new(), loaded: 0, hand: 0 }
    }

    /// The name of `id`. An id that the table does not have is an error: the file is damaged.
    pub(super) fn get(&mut self, conn: &Connection, id: i64) -> SqlResult<&str> {
        let missing = || rusqlite::Error::IntegralValueOutOfRange(0, id);
        let place = usize::try_from(id - 1).map_err(|_| missing())?;
        let (page, index) = (place / PAGE, place % PAGE);
        if self.pages.get(page).is_none_or(|names| names.len() <= index) {
            self.load(conn, page)?;
        }
        self.pages.get(page).and_then(|names| names.get(index)).map(|name| &**name).ok_or_else(missing)
    }

    #[cold]
    fn load(&mut self, conn: &Connection, page: usize) -> SqlResult<()> {
        let first = (page * PAGE) as i64 + 1;
        let mut loaded = Vec::new();
        let mut statement = conn.prepare_cached(self.select)?;
        let mut rows = statement.query([first, first.saturating_add(PAGE as i64 - 1)])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if id != first + loaded.len() as i64 {
                return Err(rusqlite::Error::IntegralValueOutOfRange(0, id));
            }
            loaded.push(Box::from(row.get_ref(1)?.as_str()?));
        }
        if loaded.is_empty() {
            return Ok(());
        }
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, Vec::new);
        }
        if std::mem::replace(&mut self.pages[page], loaded).is_empty() {
            self.loaded += 1;
        }
        // Beyond the bound the pages go round by round; a scan moves forward and does not miss the old ones.
        while self.loaded > PAGES {
            self.hand = (self.hand + 1) % self.pages.len();
            if self.hand != page && !std::mem::take(&mut self.pages[self.hand]).is_empty() {
                self.loaded -= 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_across_pages_beyond_the_bound_and_after_the_table_has_grown() -> SqlResult<()> {
        let conn = Connection::open_in_memory()?;
        conn.execute_batch("CREATE TABLE stream (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")?;
        let add = |from: i64, to: i64| -> SqlResult<()> {
            conn.execute_batch("BEGIN")?;
            for id in from..to {
                conn.prepare_cached("INSERT INTO stream VALUES (?1, ?2)")?
                    .execute((id, format!("order-{id}é")))?;
            }
            conn.execute_batch("COMMIT")
        };
        let count = (PAGE * (PAGES + 10)) as i64;
        add(1, count + 1)?;
        let mut names = Names::streams();
        for id in 1..=count {
            assert_eq!(names.get(&conn, id)?, format!("order-{id}é"));
        }
        assert!(names.loaded <= PAGES);
        for id in [1, 127, 128, 129, count] {
            assert_eq!(names.get(&conn, id)?, format!("order-{id}é"));
        }
        for unknown in [0, -1, count + 1, i64::MAX] {
            assert!(names.get(&conn, unknown).is_err(), "{unknown}");
        }
        add(count + 1, count + 4)?;
        for id in count + 1..count + 4 {
            assert_eq!(names.get(&conn, id)?, format!("order-{id}é"));
        }
        Ok(())
    }
}
