//! Digests of stored tables.

use std::borrow::Cow;

use super::error::ReadModelError;
use super::sql::{FromRow, has_children, names};
use super::store::Db;
use super::table::{child_hash, row_hash};
use crate::digest::{Digest, TableDigest};
use crate::model::{Key, MAX_KEY, Model};
use crate::record::Record;

/// The digests of a model's tables, read through its stable views.
pub(crate) fn stored<M: Model>(db: &Db) -> Result<Vec<TableDigest>, ReadModelError> {
    let table = <M::Row as Record>::TABLE;
    let mut own = TableDigest { table, rows: 0, digest: Digest::default() };
    let mut statement = db.prepare(&format!("SELECT {} FROM {table}", names(<M::Row as Record>::COLUMNS)))?;
    let mut rows = statement.query(&[])?;
    while let Some(row) = rows.next()? {
        own.rows += 1;
        own.digest.add(row_hash(&FromRow::read::<M::Row>(&row, 0)?));
    }
    let mut all = vec![own];
    if has_children::<M>() {
        all.push(stored_children::<M>(db)?);
    }
    Ok(all)
}

fn stored_children<M: Model>(db: &Db) -> Result<TableDigest, ReadModelError> {
    let (table, key) = (<M::Child as Record>::TABLE, <M::Row as Record>::KEY);
    let mut sum = TableDigest { table, rows: 0, digest: Digest::default() };
    let columns = names(<M::Child as Record>::COLUMNS);
    let mut statement = db.prepare(&format!("SELECT {}, {columns} FROM {table}", key.join(", ")))?;
    let mut rows = statement.query(&[])?;
    while let Some(row) = rows.next()? {
        let mut texts: [Cow<'_, str>; MAX_KEY] = Default::default();
        for (at, text) in texts.iter_mut().enumerate().take(key.len()) {
            *text = row.get_ref(at)?.text()?;
        }
        let parts = texts.each_ref().map(|text| &**text);
        let child: M::Child = FromRow::read(&row, key.len())?;
        sum.rows += 1;
        sum.digest.add(child_hash(&Key::new(&parts[..key.len()]), &child));
    }
    Ok(sum)
}
