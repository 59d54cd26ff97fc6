//! A reader of the JSON that Daybook itself writes: fields in the order of their declaration, no white space, no
//! escapes. It only ever compares and copies, and takes less than half the time of a general reader, which is what a
//! scan of the whole journal spends its time on.
//!
//! It accepts a part of what `serde_json` accepts and gives the same values (`tests/canonical.rs` compares them
//! over all fixtures and their disfigurements). Anything else, right or wrong, is `None`: the general reader
//! then decides, and says what is wrong and where.

use crate::{Currency, Money, Rate, Timestamp};

/// A JSON text and how far it has been read.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// A value that can be read from its canonical JSON.
pub(crate) trait Canonical: Sized {
    /// Reads it; `None` when the text is not canonical or not such a value.
    fn read(from: &mut Reader<'_>) -> Option<Self>;
}

/// Reads `text` as one value from begin to end.
pub(crate) fn read<T: Canonical>(text: &str) -> Option<T> {
    let mut from = Reader { text, at: 0 };
    let value = T::read(&mut from)?;
    (from.at == text.len()).then_some(value)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that is zero; bytes above the first such may be marked wrongly.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

/// Whether a byte ends a plain run of text: a quote, a backslash or a control character.
const fn ends(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

/// Length of the text up to its closing quote; `None` where an escape or a control character comes first.
#[inline]
fn plain(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quotes = zeros(word ^ (ONES * b'"' as u64));
        let escapes = zeros(word ^ (ONES * b'\\' as u64));
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = quotes | escapes | controls;
        if found != 0 {
            let at = n * 8 + found.trailing_zeros() as usize / 8;
            return (bytes[at] == b'"').then_some(at);
        }
    }
    let at = words.len() * 8 + rest.iter().position(|byte| ends(*byte))?;
    (bytes[at] == b'"').then_some(at)
}

impl<'a> Reader<'a> {
    #[inline]
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Passes over `expected`.
    #[inline(always)]
    pub(crate) fn literal(&mut self, expected: &str) -> Option<()> {
        let found = self.rest().starts_with(expected.as_bytes());
        self.at += if found { expected.len() } else { 0 };
        found.then_some(())
    }

    /// Passes over the name of a field, with the comma before it and the colon behind it, if it comes next.
    #[inline(always)]
    pub(crate) fn field(&mut self, first: &mut bool, name: &str) -> Option<()> {
        // as serde does, which does not know of `r#type` either
        let name = name.strip_prefix("r#").unwrap_or(name).as_bytes();
        let rest = self.rest();
        let rest = if *first { rest } else { rest.strip_prefix(b",")? };
        rest.strip_prefix(b"\"")?.strip_prefix(name)?.strip_prefix(b"\":")?;
        self.at += name.len() + if *first { 3 } else { 4 };
        *first = false;
        Some(())
    }

    /// A text without escapes.
    #[inline]
    pub(crate) fn text(&mut self) -> Option<&'a str> {
        self.literal("\"")?;
        let length = plain(self.rest())?;
        let text = self.text.get(self.at..self.at + length)?;
        self.at += length + 1;
        Some(text)
    }

    /// A whole number that is not below zero.
    #[inline]
    fn number(&mut self) -> Option<u64> {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.rest().split_at(digits);
        let whole = !matches!(rest.first(), Some(b'.' | b'e' | b'E'));
        let leads = digits > 1 && number[0] == b'0';
        if digits == 0 || digits > 19 || leads || !whole {
            return None;
        }
        self.at += digits;
        number.iter().try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
    }
}

/// Reads a struct from its fields in order; those behind the semicolon may be absent.
macro_rules! canonical {
    ($name:ident { $($field:ident),* ; $($ofield:ident),* }) => {
        impl $crate::canonical::Canonical for $name {
            fn read(from: &mut $crate::canonical::Reader<'_>) -> Option<Self> {
                from.literal("{")?;
                #[allow(unused_mut, unused_variables)] // a struct may have one field, or none
                let mut first = true;
                $(
                    from.field(&mut first, stringify!($field))?;
                    let $field = $crate::canonical::Canonical::read(from)?;
                )*
                $(
                    let $ofield = match from.field(&mut first, stringify!($ofield)) {
                        Some(()) => Some($crate::canonical::Canonical::read(from)?),
                        None => None,
                    };
                )*
                from.literal("}")?;
                Some(Self { $($field,)* $($ofield),* })
            }
        }
    };
}
pub(crate) use canonical;

/// Leaves a type to the general reader: an event that holds one is never read here.
macro_rules! not_canonical {
    ($($name:ty),*) => { $(
        impl $crate::canonical::Canonical for $name {
            fn read(_: &mut $crate::canonical::Reader<'_>) -> Option<Self> {
                None
            }
        }
    )* };
}
not_canonical!(crate::deposit::events::DeductedTo, crate::books::Policy);

impl Canonical for Money {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.literal("{\"amount\":")?;
        let amount = from.text()?;
        from.literal(",\"currency\":")?;
        let currency = Currency::read(from)?;
        from.literal("}")?;
        Self::parse(amount, currency).ok()
    }
}

impl Canonical for Currency {
    #[inline]
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Self::new(from.text()?).ok()
    }
}

impl Canonical for Rate {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.text()?.parse().ok()
    }
}

impl Canonical for Timestamp {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Self::parse(from.text()?).ok()
    }
}

impl Canonical for String {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.text().map(str::to_owned)
    }
}

impl Canonical for bool {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.literal("true").map(|()| true).or_else(|| from.literal("false").map(|()| false))
    }
}

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl Canonical for $number {
            #[inline]
            fn read(from: &mut Reader<'_>) -> Option<Self> {
                from.number()?.try_into().ok()
            }
        }
    )* };
}
numbers!(u8, u32, u64);

impl<T: Canonical> Canonical for Vec<T> {
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.literal("[")?;
        let mut items = Self::new();
        if from.literal("]").is_some() {
            return Some(items);
        }
        loop {
            items.push(T::read(from)?);
            if from.literal(",").is_none() {
                from.literal("]")?;
                return Some(items);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_at_its_first_quote_wherever_that_lies() {
        for length in 0..40 {
            for odd in ["", "é", "中", "\u{7f}"] {
                let text = format!("{}{odd}", "x".repeat(length));
                for rest in ["", "\"", "\\", "\u{1}", "abcdefgh\"ijk"] {
                    let json = format!("\"{text}\"{rest}");
                    let mut from = Reader { text: &json, at: 0 };
                    assert_eq!(from.text(), Some(text.as_str()), "{json}");
                    assert_eq!(from.rest(), rest.as_bytes());
                }
                for bad in ["\\n", "\n", "\u{1f}", ""] {
                    let json = format!("\"{text}{bad}");
                    let quoted = format!("{json}\"");
                    assert_eq!(Reader { text: &json, at: 0 }.text(), None, "no end: {json}");
                    let read = Reader { text: &quoted, at: 0 }.text();
                    assert_eq!(read.is_some(), bad.is_empty(), "{quoted}");
                }
            }
        }
    }

    #[test]
    fn numbers_are_those_of_json_and_fit_their_type() {
        assert_eq!(read::<u8>("0"), Some(0));
        assert_eq!(read::<u8>("255"), Some(255));
        assert_eq!(read::<u64>("9999999999999999999"), Some(9_999_999_999_999_999_999));
        for bad in ["256", "00", "01", "-1", "1.0", "1e2", "", "x", " 1", "1 "] {
            assert_eq!(read::<u8>(bad), None, "{bad:?}");
        }
        assert_eq!(read::<u64>("99999999999999999999"), None);
    }

    #[test]
    fn a_list_has_commas_between_its_items_only() {
        assert_eq!(read::<Vec<u8>>("[]"), Some(vec![]));
        assert_eq!(read::<Vec<u8>>("[1,2]"), Some(vec![1, 2]));
        for bad in ["[1,]", "[,1]", "[1 2]", "[1", "[", "[1]]"] {
            assert_eq!(read::<Vec<u8>>(bad), None, "{bad}");
        }
    }
}
