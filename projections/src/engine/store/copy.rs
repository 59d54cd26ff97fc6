//! Rows on their way to PostgreSQL by `COPY` in its binary form: what makes tables anew.

use super::cells::{Param, escaped};
use super::{Pg, Result};
use crate::record::{Record, Sink};

/// Bytes that are sent at once.
const ENOUGH: usize = 1 << 20;
/// How such a stream begins: its mark, no flags, nothing more.
const BEGIN: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// How it ends.
const END: [u8; 2] = (-1i16).to_be_bytes();
/// Nothing, where the length of a cell stands.
const NOTHING: [u8; 4] = (-1i32).to_be_bytes();

/// Rows of one table that were not sent yet.
pub(crate) struct CopyRows {
    /// `table`, or `table(columns)`.
    table: String,
    bytes: Vec<u8>,
}

impl CopyRows {
    /// For this table, all of whose columns come, or those that are named behind it.
    pub(crate) fn of(table: &str) -> Self {
        Self { table: table.to_owned(), bytes: BEGIN.to_vec() }
    }

    /// Takes a row behind a number of the engine's own; the row has so many columns.
    pub(crate) fn push<R: Record>(&mut self, own: i64, row: &R) {
        self.begin(R::COLUMNS.len() + 1);
        self.integer(Some(own));
        row.put(self);
    }

    /// Takes a row.
    pub(super) fn push_params(&mut self, row: &[Param<'_>]) {
        self.begin(row.len());
        for cell in row {
            match cell {
                Param::Integer(n) => self.integer(*n),
                Param::Text(text) => self.text(*text),
                Param::Bytes(bytes) => self.put(bytes),
            }
        }
    }

    /// Sends what is here once that is worth it.
    pub(crate) fn send_some(&mut self, db: &Pg) -> Result<()> {
        if self.bytes.len() < ENOUGH { Ok(()) } else { self.send(db) }
    }

    /// Sends what is here.
    pub(crate) fn send(&mut self, db: &Pg) -> Result<()> {
        if self.bytes.len() == BEGIN.len() {
            return Ok(());
        }
        let room = Vec::with_capacity(self.bytes.len().min(2 * ENOUGH));
        let mut bytes = std::mem::replace(&mut self.bytes, room);
        self.bytes.extend_from_slice(BEGIN);
        bytes.extend_from_slice(&END);
        db.copy(&self.table, bytes)
    }

    fn begin(&mut self, columns: usize) {
        let columns = i16::try_from(columns).expect("invariant: a table has fewer columns");
        self.bytes.extend_from_slice(&columns.to_be_bytes());
    }

    fn put(&mut self, cell: &[u8]) {
        let length = i32::try_from(cell.len()).expect("invariant: a cell is shorter than 2 GiB");
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(cell);
    }
}

impl Sink for CopyRows {
    fn integer(&mut self, value: Option<i64>) {
        match value {
            Some(n) => self.put(&n.to_be_bytes()),
            None => self.bytes.extend_from_slice(&NOTHING),
        }
    }
    fn text(&mut self, value: Option<&str>) {
        match value {
            Some(text) => self.put(escaped(text).as_bytes()),
            None => self.bytes.extend_from_slice(&NOTHING),
        }
    }
}
