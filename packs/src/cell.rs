//! Tables as CSV: each column has a type, and what a cell says can be read back as it was.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::NaiveDate;
use daybook_domain::{Currency, Money, Timestamp};

use crate::PackError;

/// Most bytes that the rows of all tables of a pack may take in memory, without their texts: a row of nothing but commas takes more than its
/// text, and a pack is anybody's.
const MOST_TAKEN: u64 = 4 << 30;
/// Rows after which it is asked again whether there is room for more.
const ASKED_AFTER: usize = 1_024;

/// Most bytes that room is made for before they are written.
const MOST_GUESSED: usize = 256 << 20;

/// A value that stands in a cell.
pub trait Cell: Sized {
    /// Writes it.
    fn put(&self, currency: Currency, to: &mut String);
    /// Reads it.
    fn take(text: &str, currency: Currency) -> Result<Self, String>;
}

/// An amount in the pack's currency, minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minor(pub i64);

impl Cell for Minor {
    fn put(&self, currency: Currency, to: &mut String) {
        put(to, Money::new(self.0, currency).amount());
    }
    fn take(text: &str, currency: Currency) -> Result<Self, String> {
        Money::parse(text, currency).map(|money| Self(money.minor)).map_err(|error| error.to_string())
    }
}

/// What a spreadsheet takes for a formula when a cell begins with it, and the quote that says that it is none.
const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', QUOTE];
const QUOTE: char = '\'';

/// A text that a spreadsheet would reckon stands behind a quote, which reading takes off again.
impl Cell for String {
    fn put(&self, _: Currency, to: &mut String) {
        if self.starts_with(FORMULA) {
            to.push(QUOTE);
        }
        to.push_str(self);
    }
    fn take(text: &str, _: Currency) -> Result<Self, String> {
        match text.strip_prefix(QUOTE) {
            Some(quoted) if quoted.starts_with(FORMULA) => Ok(quoted.to_owned()),
            None if !text.starts_with(FORMULA) => Ok(text.to_owned()),
            _ => Err(
                "a text that a spreadsheet takes for a formula stands behind one quote, and no other does"
                    .to_owned(),
            ),
        }
    }
}

/// An amount that says its currency.
impl Cell for Money {
    fn put(&self, _: Currency, to: &mut String) {
        put(to, self);
    }
    fn take(text: &str, _: Currency) -> Result<Self, String> {
        let (amount, code) = text.split_once(' ').ok_or("not an amount with its currency")?;
        let currency = Currency::new(code).map_err(|error| error.to_string())?;
        Self::parse(amount, currency).map_err(|error| error.to_string())
    }
}

impl Cell for Currency {
    fn put(&self, _: Currency, to: &mut String) {
        to.push_str(self.as_str());
    }
    fn take(text: &str, _: Currency) -> Result<Self, String> {
        Self::new(text).map_err(|error| error.to_string())
    }
}

impl Cell for bool {
    fn put(&self, _: Currency, to: &mut String) {
        to.push_str(if *self { "yes" } else { "no" });
    }
    fn take(text: &str, _: Currency) -> Result<Self, String> {
        match text {
            "yes" => Ok(true),
            "no" => Ok(false),
            _ => Err("neither yes nor no".to_owned()),
        }
    }
}

impl Cell for Timestamp {
    fn put(&self, _: Currency, to: &mut String) {
        put(to, self);
    }
    fn take(text: &str, _: Currency) -> Result<Self, String> {
        Self::parse(text)
    }
}

macro_rules! plain {
    ($($kind:ty, $what:literal);* $(;)?) => {$(
        impl Cell for $kind {
            fn put(&self, _: Currency, to: &mut String) {
                put(to, self);
            }
            fn take(text: &str, _: Currency) -> Result<Self, String> {
                text.parse().map_err(|_| concat!("not ", $what).to_owned())
            }
        }
    )*};
}
plain! { u32, "a number"; u64, "a number"; NaiveDate, "a day" }

/// Nothing is an empty cell.
impl<T: Cell> Cell for Option<T> {
    fn put(&self, currency: Currency, to: &mut String) {
        if let Some(value) = self {
            value.put(currency, to);
        }
    }
    fn take(text: &str, currency: Currency) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::take(text, currency).map(Some) }
    }
}

fn put(to: &mut String, value: impl std::fmt::Display) {
    use std::fmt::Write as _;
    write!(to, "{value}").expect("invariant: a string takes what is written to it");
}

/// A row of a table.
pub trait Row: Sized {
    /// The table's file.
    const FILE: &'static str;
    /// The columns, as the file names them.
    const COLUMNS: &'static [&'static str];
    /// Hands each cell over, in the order of the columns.
    fn cells(&self, currency: Currency, cell: &mut String, each: &mut dyn FnMut(&str));
    /// Reads a row; what is wrong, with the column.
    fn read(cells: &mut Cells<'_>, currency: Currency) -> Result<Self, (&'static str, String)>;
}

/// Makes a row of a struct's fields: each is a column of the same name.
macro_rules! row {
    ($(#[$attr:meta])* $name:ident in $file:literal { $($(#[$field_attr:meta])* $field:ident: $kind:ty),* $(,)? }) => {
        $(#[$attr])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $($(#[$field_attr])* pub $field: $kind),* }

        impl $crate::cell::Row for $name {
            const FILE: &'static str = $file;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),*];
            fn cells(&self, currency: daybook_domain::Currency, cell: &mut String, each: &mut dyn FnMut(&str)) {
                $(
                    cell.clear();
                    $crate::cell::Cell::put(&self.$field, currency, cell);
                    each(cell);
                )*
            }
            fn read(
                cells: &mut $crate::cell::Cells<'_>,
                currency: daybook_domain::Currency,
            ) -> Result<Self, (&'static str, String)> {
                Ok(Self { $(
                    $field: $crate::cell::Cell::take(cells.next().unwrap_or_default(), currency)
                        .map_err(|why| (stringify!($field), why))?
                ),* })
            }
        }
    };
}
pub(crate) use row;

/// Writes a table.
pub fn write<R: Row>(rows: &[R], currency: Currency, out: &mut dyn Write) -> Result<(), PackError> {
    let failed = |error: csv::Error| PackError::malformed(R::FILE, error);
    let mut writer = csv::WriterBuilder::new().buffer_capacity(1 << 18).from_writer(out);
    writer.write_record(R::COLUMNS).map_err(failed)?;
    let (mut record, mut cell) = (csv::ByteRecord::new(), String::new());
    for row in rows {
        record.clear();
        row.cells(currency, &mut cell, &mut |cell| record.push_field(cell.as_bytes()));
        writer.write_byte_record(&record).map_err(failed)?;
    }
    writer.flush().map_err(|error| PackError::file(R::FILE, error))
}

/// What is left for rows, in all tables of a pack.
pub struct Room(AtomicU64);

impl Room {
    /// For all that a pack may have.
    pub const fn new() -> Self {
        Self(AtomicU64::new(MOST_TAKEN))
    }

    /// Takes room for the next rows of a table.
    fn take<R: Row>(&self) -> Result<(), PackError> {
        let bytes = (ASKED_AFTER * size_of::<R>()) as u64;
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        // two tables are read beside each other: which of them meets the end of the room first says nothing of it
        taken.map(|_| ()).map_err(|_| {
            PackError::malformed("the pack", format!("its rows take more than {MOST_TAKEN} bytes"))
        })
    }
}

/// A record's cells, in the order of the columns.
pub struct Cells<'r> {
    text: &'r str,
    ends: std::slice::Iter<'r, usize>,
    at: usize,
}

impl<'r> Iterator for Cells<'r> {
    type Item = &'r str;

    fn next(&mut self) -> Option<&'r str> {
        let from = std::mem::replace(&mut self.at, *self.ends.next()?);
        self.text.get(from..self.at)
    }
}

/// The records of a table. One with more cells than the table has columns is not read to its end: where each cell ends takes eight times what a
/// comma does, and a file can be one line of them.
struct Records<'a> {
    core: csv_core::Reader,
    rest: &'a [u8],
    /// The cells of the last one, one behind the other.
    text: Vec<u8>,
    /// Where each of them ends; there is room for one more than there are columns.
    ends: Vec<usize>,
}

impl<'a> Records<'a> {
    fn of(bytes: &'a [u8], columns: usize) -> Self {
        Self {
            core: csv_core::Reader::new(),
            rest: bytes,
            text: vec![0; 4 << 10],
            ends: vec![0; columns + 1],
        }
    }

    /// The line that the next one begins at.
    fn line(&self) -> u64 {
        self.core.line()
    }

    /// The next one, where there is one; what is wrong with it.
    fn record(&mut self) -> Result<Option<Cells<'_>>, String> {
        use csv_core::ReadRecordResult::{End, InputEmpty, OutputEndsFull, OutputFull, Record};
        let columns = self.ends.len() - 1;
        let (mut length, mut cells) = (0, 0);
        loop {
            let (text, ends) = (&mut self.text[length..], &mut self.ends[cells..]);
            let (result, read, written, ended) = self.core.read_record(self.rest, text, ends);
            self.rest = &self.rest[read..];
            (length, cells) = (length + written, cells + ended);
            match result {
                InputEmpty => {}
                OutputFull => self.text.resize(self.text.len() * 2, 0),
                End => return Ok(None),
                OutputEndsFull => break,
                Record if cells != columns => break,
                Record => {
                    let text = std::str::from_utf8(&self.text[..length]).ok();
                    // halves of a letter in two cells are no letter
                    let ends = &self.ends[..cells];
                    let text = text.filter(|text| ends.iter().all(|end| text.is_char_boundary(*end)));
                    let text = text.ok_or_else(|| "it is not UTF-8".to_owned())?;
                    return Ok(Some(Cells { text, ends: ends.iter(), at: 0 }));
                }
            }
        }
        let told = if cells > columns { "more".to_owned() } else { cells.to_string() };
        Err(format!("it has {told} cells, and its table {columns} columns"))
    }
}

/// Reads a table, as far as there is room for its rows.
pub fn read<R: Row>(bytes: &[u8], currency: Currency, room: &Room) -> Result<Vec<R>, PackError> {
    let mut rows = Vec::new();
    each(bytes, currency, room, &mut |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok(rows)
}

/// Holds a table to the rows that it was written of: each is read as whoever gets it reads it, and none is kept.
pub fn hold<R: Row + PartialEq>(
    bytes: &[u8],
    currency: Currency,
    room: &Room,
    written: &[R],
) -> Result<(), PackError> {
    let mut left = written.iter();
    each(bytes, currency, room, &mut |row| match left.next() {
        Some(written) if *written == row => Ok(()),
        _ => Err("it does not read as what it was written of".to_owned()),
    })?;
    match left.len() {
        0 => Ok(()),
        _ => Err(PackError::malformed(R::FILE, "it has fewer rows than it was written of")),
    }
}

/// Reads a table row by row, as far as there is room for them; `take` says what is wrong with one.
fn each<R: Row>(
    bytes: &[u8],
    currency: Currency,
    room: &Room,
    take: &mut dyn FnMut(R) -> Result<(), String>,
) -> Result<(), PackError> {
    let malformed = |why: String| PackError::malformed(R::FILE, why);
    let mut records = Records::of(bytes, R::COLUMNS.len());
    let header = records.record().ok().flatten();
    if !header.is_some_and(|header| header.eq(R::COLUMNS.iter().copied())) {
        return Err(malformed(format!("its columns are not {}", R::COLUMNS.join(", "))));
    }
    for rows in 0usize.. {
        let line = records.line();
        let record = records.record().map_err(|why| malformed(format!("line {line}: {why}")))?;
        let Some(mut cells) = record else { break };
        if rows.is_multiple_of(ASKED_AFTER) {
            room.take::<R>()?;
        }
        let row = R::read(&mut cells, currency)
            .map_err(|(column, why)| malformed(format!("line {line}, {column}: {why}")))?;
        take(row).map_err(|why| malformed(format!("line {line}: {why}")))?;
    }
    Ok(())
}

/// The files of a pack, one at a time.
pub type File<'f, 'a> = &'f dyn Fn(&str) -> Result<&'a [u8], PackError>;

/// A table as the pack's file of it.
pub fn file_of<R: Row>(rows: &[R], of: Currency) -> Result<(&'static str, Vec<u8>), PackError> {
    let first = &rows[..rows.len().min(ASKED_AFTER)];
    let mut bytes = Vec::new();
    write(first, of, &mut bytes)?;
    if first.len() < rows.len() {
        // a long table is as long as its first rows say, about: growing to that it would be copied again and again
        let guess = bytes.len().div_ceil(first.len()).saturating_mul(rows.len()) / 8 * 9;
        bytes = Vec::with_capacity(guess.min(MOST_GUESSED));
        write(rows, of, &mut bytes)?;
    }
    Ok((R::FILE, bytes))
}

/// Holds a table's file in the pack to the rows that it was written of.
pub fn holds<R: Row + PartialEq>(
    file: File<'_, '_>,
    of: Currency,
    room: &Room,
    written: &[R],
) -> Result<(), PackError> {
    hold(file(R::FILE)?, of, room, written)
}

/// A table as its file in the pack says it.
pub fn rows_of<R: Row>(file: File<'_, '_>, of: Currency, room: &Room) -> Result<Vec<R>, PackError> {
    read(file(R::FILE)?, of, room)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    row! {
        /// A row that says little and takes much.
        Wide in "wide.csv" {
            a: Option<u64>,
            b: Option<u64>,
            c: Option<u64>,
            d: Option<u64>,
        }
    }

    #[test]
    fn rows_of_nothing_but_commas_are_read_as_far_as_there_is_room_in_all_tables_together() {
        let of = Currency::new("CNY").unwrap();
        let table = |rows: usize| format!("a,b,c,d\n{}", ",,,\n".repeat(rows)).into_bytes();
        let room = Room(AtomicU64::new((3 * ASKED_AFTER * size_of::<Wide>()) as u64));
        assert_eq!(read::<Wide>(&table(2 * ASKED_AFTER), of, &room).unwrap().len(), 2 * ASKED_AFTER);
        assert_eq!(read::<Wide>(&table(ASKED_AFTER), of, &room).unwrap().len(), ASKED_AFTER);
        let error = read::<Wide>(&table(1), of, &room).unwrap_err().to_string();
        assert!(error.contains("its rows take more than"), "{error}");
        assert!(!error.contains("wide.csv"), "which table is met first is chance: {error}");
    }

    fn read_alone(text: &[u8]) -> Result<Vec<Wide>, String> {
        read(text, Currency::new("CNY").unwrap(), &Room::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_of_nothing_but_commas_is_not_read_to_its_end() {
        let commas = ",".repeat(1 << 20);
        let header = read_alone(commas.as_bytes()).unwrap_err();
        assert_eq!(header, "wide.csv: its columns are not a, b, c, d");
        let row = format!("a,b,c,d\n1,2,3,4\n{commas}\n");
        let error = read_alone(row.as_bytes()).unwrap_err();
        assert_eq!(error, "wide.csv: line 3: it has more cells, and its table 4 columns");
        // what it is read into has no more room than that, and most of it is still unread
        let mut records = Records::of(commas.as_bytes(), 4);
        assert!(records.record().is_err());
        assert_eq!((records.ends.capacity(), records.text.len()), (5, 4 << 10));
        assert!(records.rest.len() > (1 << 20) - 10, "{}", records.rest.len());
    }

    #[test]
    fn records_are_those_of_any_reader_of_such_tables() {
        let row = |of: [u64; 4]| {
            let [a, b, c, d] = of.map(Some);
            Wide { a, b, c, d }
        };
        for text in ["a,b,c,d\n1,2,3,4", "\u{feff}a,b,c,d\r\n1,\"2\",3,4\r\n", "a,\"b\",c,d\n\n1,2,3,4\n\n"] {
            assert_eq!(read_alone(text.as_bytes()).unwrap(), [row([1, 2, 3, 4])], "{text:?}");
        }
        assert_eq!(read_alone(b"a,b,c,d\n").unwrap(), []);
        let wrong: [(&[u8], &str); 5] = [
            (b"1,2,3", "line 2: it has 3 cells, and its table 4 columns"),
            (b"1,2,3,4,5", "line 2: it has more cells, and its table 4 columns"),
            (b"1,2,3,4\n1,x,3,4", "line 3, b: not a number"),
            (b"1,2,3,\xff", "line 2: it is not UTF-8"),
            // a letter of two bytes, one in each of two cells
            (b"1,2,\xc3,\xa4", "line 2: it is not UTF-8"),
        ];
        for (rows, why) in wrong {
            let told = read_alone(&[&b"a,b,c,d\n"[..], rows].concat()).unwrap_err();
            assert_eq!(told, format!("wide.csv: {why}"));
        }
        // longer than what it is read into at first
        let long = format!("a,b,c,d\n1,2,3,{}\n", "9".repeat(10_000));
        assert_eq!(read_alone(long.as_bytes()).unwrap_err(), "wide.csv: line 2, d: not a number");
    }
}
