//! Rows that a batch of events will touch, loaded together before they are folded: a server is a way away, and a row at a
//! time would be a way for each.

use std::collections::BTreeSet;

use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;

use super::Table;
use crate::engine::error::ReadModelError;
use crate::engine::slots::Slot;
use crate::engine::sql::FromRow;
use crate::engine::store::{Pg, Row, bad_value, escaped};
use crate::model::{Envelope, Key, Keys, Model};
use crate::record::Record;

/// Most keys of one question.
const MOST: usize = 5_000;

/// Keys that are not in memory.
#[derive(Default)]
pub(super) struct Wanted(BTreeSet<Vec<String>>);

impl<M: Model> Table<M> {
    /// Notes the rows that an event will touch.
    pub(super) fn note<'e>(&mut self, e: &'e Envelope<'e>, keys: &mut Keys<'e>) {
        keys.clear();
        M::route(e, keys);
        for key in keys.iter() {
            if self.find(key).is_none() {
                self.wanted.0.insert(key.parts().iter().map(|part| (*part).to_owned()).collect());
            }
        }
    }

    /// Loads what was noted. A row that is not there is new, as it would be when it is folded.
    pub(super) fn load_noted(&mut self, db: &Pg) -> Result<(), ReadModelError> {
        let wanted: Vec<_> = std::mem::take(&mut self.wanted.0).into_iter().collect();
        let key = <M::Row as Record>::KEY;
        let columns = <M::Row as Record>::COLUMNS.iter().map(|c| format!("t.{}", c.name));
        let arrays: Vec<_> = (1..=key.len()).map(|n| format!("${n}::text[]")).collect();
        let named: Vec<_> = (1..=key.len()).map(|n| format!("u{n}")).collect();
        let same: Vec<_> = key.iter().zip(&named).map(|(k, u)| format!("t.{k} = u.{u}")).collect();
        let sql = format!(
            "SELECT t._id, {} FROM {} t JOIN unnest({}) AS u({}) ON {}",
            columns.collect::<Vec<_>>().join(", "),
            self.statements.table,
            arrays.join(", "),
            named.join(", "),
            same.join(" AND ")
        );
        for some in wanted.chunks(MOST) {
            let mut arguments = PgArguments::default();
            for part in 0..key.len() {
                let texts: Vec<String> = some.iter().map(|key| escaped(&key[part]).into_owned()).collect();
                arguments.add(texts).map_err(bad_value)?;
            }
            for stored in &db.fetch_with(sql.clone(), arguments)? {
                let stored = Row::Postgres(stored);
                let row: M::Row = FromRow::read(&stored, 1)?;
                let indexed = self.indexed_hash(&row);
                let id = stored.get(0)?;
                self.insert(Slot { row, id, indexed, stored: true, dirty: false });
            }
        }
        for parts in &wanted {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let key = Key::new(&parts);
            if self.find(&key).is_none() {
                self.slot(&key, None)?;
            }
        }
        Ok(())
    }
}
