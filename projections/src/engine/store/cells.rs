//! Values on their way to a database and back.

use std::borrow::Cow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use sqlx::postgres::PgRow;
use sqlx::postgres::types::Oid;
use sqlx::{Row as _, ValueRef as _};

use super::{Error, Result};

/// A value that a statement is given. Nothing of a type is that type's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Param<'a> {
    Integer(Option<i64>),
    Text(Option<&'a str>),
    Bytes(&'a [u8]),
}

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(Some(n)) => ValueRef::Integer(*n),
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Integer(None) | Self::Text(None) => ValueRef::Null,
        }))
    }
}

/// The values of a statement, each of its own type.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::engine::store::Param::from(&$value)),*][..] };
}
pub(crate) use params;

macro_rules! integers {
    ($($ty:ty),*) => { $(
        impl From<&$ty> for Param<'_> {
            fn from(n: &$ty) -> Self {
                Self::Integer(Some(i64::from(*n)))
            }
        }
        impl From<&Option<$ty>> for Param<'_> {
            fn from(n: &Option<$ty>) -> Self {
                Self::Integer(n.map(i64::from))
            }
        }
        impl FromCell for $ty {
            const WANTED: &'static str = stringify!($ty);
            fn from_cell(cell: Cell<'_>) -> Option<Self> {
                match cell {
                    Cell::Integer(n) => Self::try_from(n).ok(),
                    _ => None,
                }
            }
        }
    )* };
}
integers!(i64, i32, u32, u8);

impl From<&bool> for Param<'_> {
    fn from(flag: &bool) -> Self {
        Self::Integer(Some(i64::from(*flag)))
    }
}

impl FromCell for bool {
    const WANTED: &'static str = "flag";
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        i64::from_cell(cell).map(|n| n != 0)
    }
}

impl From<&u64> for Param<'_> {
    /// Beyond 63 bits it is the largest there is.
    fn from(n: &u64) -> Self {
        Self::Integer(Some(i64::try_from(*n).unwrap_or(i64::MAX)))
    }
}

impl FromCell for usize {
    const WANTED: &'static str = "number";
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        i64::from_cell(cell).and_then(|n| Self::try_from(n).ok())
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}
impl<'b> From<&&'b str> for Param<'b> {
    fn from(text: &&'b str) -> Self {
        Self::Text(Some(text))
    }
}
impl<'b> From<&&&'b str> for Param<'b> {
    fn from(text: &&&'b str) -> Self {
        Self::Text(Some(text))
    }
}
impl<'a> From<&'a String> for Param<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(text))
    }
}
impl<'b> From<&&'b String> for Param<'b> {
    fn from(text: &&'b String) -> Self {
        Self::Text(Some(text))
    }
}
impl<'b> From<&Option<&'b str>> for Param<'b> {
    fn from(text: &Option<&'b str>) -> Self {
        Self::Text(*text)
    }
}
impl<'a> From<&'a Option<String>> for Param<'a> {
    fn from(text: &'a Option<String>) -> Self {
        Self::Text(text.as_deref())
    }
}
impl<'a> From<&'a Vec<u8>> for Param<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// A cell of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell<'r> {
    Nothing,
    Integer(i64),
    Text(Cow<'r, str>),
    Bytes(&'r [u8]),
}

impl<'r> Cell<'r> {
    /// A text.
    pub(crate) fn text(self) -> Result<Cow<'r, str>> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(Error::BadCell { column: 0, wanted: "text" }),
        }
    }
    /// Bytes.
    pub(crate) fn bytes(self) -> Result<&'r [u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Error::BadCell { column: 0, wanted: "bytes" }),
        }
    }
}

/// What a cell can be read as.
pub(crate) trait FromCell: Sized {
    /// What it is called where it is missing.
    const WANTED: &'static str;
    /// None where the cell holds something else.
    fn from_cell(cell: Cell<'_>) -> Option<Self>;
}

impl FromCell for String {
    const WANTED: &'static str = "text";
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }
}

impl<T: FromCell> FromCell for Option<T> {
    const WANTED: &'static str = T::WANTED;
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Nothing => Some(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}

/// A cell of SQLite.
pub(super) fn of_sqlite(value: ValueRef<'_>, column: usize) -> Result<Cell<'_>> {
    Ok(match value {
        ValueRef::Null => Cell::Nothing,
        ValueRef::Integer(n) => Cell::Integer(n),
        ValueRef::Text(text) => {
            let text =
                std::str::from_utf8(text).map_err(|_| Error::BadCell { column, wanted: "text in UTF-8" });
            Cell::Text(Cow::Borrowed(text?))
        }
        ValueRef::Blob(bytes) => Cell::Bytes(bytes),
        ValueRef::Real(_) => return Err(Error::BadCell { column, wanted: "whole number" }),
    })
}

/// A cell of PostgreSQL, in its binary form.
pub(super) fn of_postgres(row: &PgRow, column: usize) -> Result<Cell<'_>> {
    let bad = |wanted| Error::BadCell { column, wanted };
    let value = row.try_get_raw(column).map_err(|_| bad("value"))?;
    if value.is_null() {
        return Ok(Cell::Nothing);
    }
    let ty = value.type_info().oid();
    let bytes = value.as_bytes().map_err(|_| bad("value"))?;
    Ok(match ty {
        Some(INT8) => Cell::Integer(i64::from_be_bytes(bytes.try_into().map_err(|_| bad("number"))?)),
        Some(INT4) => Cell::Integer(i32::from_be_bytes(bytes.try_into().map_err(|_| bad("number"))?).into()),
        Some(BOOL) => Cell::Integer(i64::from(bytes == [1])),
        // what a sum of 64-bit numbers is there
        Some(NUMERIC) => Cell::Integer(numeric(bytes).ok_or_else(|| bad("number of 64 bits"))?),
        Some(BYTEA) => Cell::Bytes(bytes),
        _ => Cell::Text(unescaped(std::str::from_utf8(bytes).map_err(|_| bad("text in UTF-8"))?)),
    })
}

/// Types as PostgreSQL numbers them.
const BOOL: Oid = Oid(16);
const BYTEA: Oid = Oid(17);
const INT8: Oid = Oid(20);
const INT4: Oid = Oid(23);
const NUMERIC: Oid = Oid(1700);

/// Stands for NUL, which no text in PostgreSQL can hold, with a 0 behind it, and for itself with a 1: a character of
/// nobody's own use.
const ESCAPE: char = '\u{F8F0}';

/// A text as PostgreSQL can hold it.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte == 0 || byte == 0xEF) || !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut held = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => held.extend([ESCAPE, '0']),
            ESCAPE => held.extend([ESCAPE, '1']),
            c => held.push(c),
        }
    }
    Cow::Owned(held)
}

fn unescaped(held: &str) -> Cow<'_, str> {
    if !held.contains(ESCAPE) {
        return Cow::Borrowed(held);
    }
    let mut text = String::with_capacity(held.len());
    let mut chars = held.chars();
    while let Some(c) = chars.next() {
        match c {
            ESCAPE => text.push(if chars.next() == Some('0') { '\0' } else { ESCAPE }),
            c => text.push(c),
        }
    }
    Cow::Owned(text)
}

/// A whole number: digits to the base of 10,000, the first of them worth 10,000 to the power of a weight.
fn numeric(bytes: &[u8]) -> Option<i64> {
    let (words, rest) = bytes.as_chunks::<2>();
    let [digits, weight, sign, _, digit @ ..] = words else { return None };
    let count = usize::from(u16::from_be_bytes(*digits));
    let weight = i16::from_be_bytes(*weight);
    if !rest.is_empty() || digit.len() != count {
        return None;
    }
    let mut sum: i128 = 0;
    for at in 0..=usize::try_from(weight).map_or(0, |weight| weight) {
        let own = if weight < 0 { 0 } else { digit.get(at).map_or(0, |d| u16::from_be_bytes(*d)) };
        sum = sum.checked_mul(10_000)?.checked_add(i128::from(own))?;
    }
    match u16::from_be_bytes(*sign) {
        0x0000 => i64::try_from(sum).ok(),
        0x4000 => i64::try_from(-sum).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_read_from_its_digits_and_one_beyond_64_bits_is_none() {
        let of = |words: &[u16]| -> Option<i64> {
            numeric(&words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>())
        };
        assert_eq!(of(&[0, 0, 0, 0]), Some(0));
        assert_eq!(of(&[1, 0, 0, 0, 42]), Some(42));
        assert_eq!(of(&[2, 1, 0x4000, 0, 1, 2345]), Some(-12_345));
        assert_eq!(of(&[1, 2, 0, 0, 7]), Some(700_000_000), "trailing zeros are left out");
        let most = [5, 4, 0, 0, 922, 3372, 368, 5477, 5807];
        assert_eq!(of(&most), Some(i64::MAX));
        assert_eq!(of(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5808]), None);
        assert_eq!(of(&[5, 4, 0x4000, 0, 922, 3372, 368, 5477, 5808]), Some(i64::MIN));
        assert_eq!(of(&[0, 0, 0xC000, 0]), None, "not a number");
    }

    #[test]
    fn any_text_comes_back_from_a_database_that_holds_no_nul() {
        for text in ["", "plain", "a\0b", "\u{F8F0}", "\u{F8F0}0\0", "\u{FF0C}\0\0"] {
            let held = escaped(text);
            assert!(!held.contains('\0'));
            assert_eq!(unescaped(&held), text);
        }
        assert!(matches!(escaped("\u{FF0C}"), Cow::Borrowed(_)));
    }
}
