//! Instants: UTC, microseconds since the Unix epoch; RFC 3339 in text.

use std::fmt;

use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A UTC instant in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// Microseconds of a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds of a day.
pub const DAY: i64 = 86_400 * SECOND;

impl Timestamp {
    /// Reads RFC 3339; an offset is required.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(micros) = parse_utc(text.as_bytes()) {
            return Ok(Self(micros));
        }
        DateTime::parse_from_rfc3339(text)
            .map(|t| Self(t.timestamp_micros()))
            .map_err(|e| format!("time {text:?} is not RFC 3339 such as 2018-01-01T00:00:00Z: {e}"))
    }

    /// This plus `micros`, held at the ends of the range.
    #[must_use]
    pub const fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// This plus whole days of 24 hours.
    #[must_use]
    pub const fn plus_days(self, days: u32) -> Self {
        self.plus(DAY * days as i64)
    }
}

/// The common form, `2018-01-01T00:00:00Z` with up to six decimals, without a calendar library.
fn parse_utc(text: &[u8]) -> Option<i64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let mut value = 0i64;
        for b in text.get(from..to)? {
            value = value * 10 + i64::from(b.checked_sub(b'0').filter(|d| *d < 10)?);
        }
        Some(value)
    };
    let at = |i: usize, b: u8| (text.get(i) == Some(&b)).then_some(());
    at(4, b'-')?;
    at(7, b'-')?;
    at(10, b'T')?;
    at(13, b':')?;
    at(16, b':')?;
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let micros = if text.len() == 20 {
        0
    } else {
        at(19, b'.')?;
        let decimals = text.len().checked_sub(21).filter(|n| (1..=6).contains(n))?;
        number(20, text.len() - 1)? * 10i64.pow(6 - decimals as u32)
    };
    at(text.len() - 1, b'Z')?;
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let month_days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if day < 1 || day > month_days || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // days since the epoch of a proleptic Gregorian date (Howard Hinnant's days_from_civil)
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some((days * 86_400 + hour * 3_600 + minute * 60 + second) * SECOND + micros)
}

impl Timestamp {
    /// Writes RFC 3339 in UTC into `buffer`, with no more of a second than there is: every event has some times, so
    /// this allocates nothing. None beyond the years that have four digits.
    fn write(self, buffer: &mut [u8; LONGEST]) -> Option<&str> {
        let at = DateTime::<Utc>::from_timestamp_micros(self.0)?;
        let mut end = 0;
        let mut put = |number: u32, digits: usize, after: u8| {
            let mut rest = number;
            for place in buffer[end..end + digits].iter_mut().rev() {
                *place = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            buffer[end + digits] = after;
            end += digits + 1;
        };
        put(u32::try_from(at.year()).ok().filter(|year| *year <= 9_999)?, 4, b'-');
        put(at.month(), 2, b'-');
        put(at.day(), 2, b'T');
        put(at.hour(), 2, b':');
        put(at.minute(), 2, b':');
        match at.timestamp_subsec_micros() {
            0 => put(at.second(), 2, b'Z'),
            micros => {
                put(at.second(), 2, b'.');
                if micros % 1_000 == 0 { put(micros / 1_000, 3, b'Z') } else { put(micros, 6, b'Z') }
            }
        }
        std::str::from_utf8(&buffer[..end]).ok()
    }
}

/// Bytes of a time: `2018-03-04T05:06:07.123456Z`.
const LONGEST: usize = 27;

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.write(&mut [0; LONGEST]) {
            return f.pad(text);
        }
        match DateTime::<Utc>::from_timestamp_micros(self.0) {
            Some(t) => f.pad(&t.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            None => write!(f, "{} us", self.0),
        }
    }
}
impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.write(&mut [0; LONGEST]) {
            Some(text) => s.serialize_str(text),
            None => s.collect_str(self),
        }
    }
}
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        crate::codec::from_text(d, "an RFC 3339 time", Self::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_chrono_writes_them() {
        let edges = [0, 1, -1, 999, 1_000, 500_000, SECOND - 1, DAY - 1, -DAY, 253_402_300_799_999_999];
        let beyond =
            [253_402_300_800_000_000, -62_167_219_200_000_000, -62_167_219_200_000_001, i64::MAX, i64::MIN];
        let somewhere =
            (1..2_000_i64).map(|n| n.wrapping_mul(0x5851_F42D_4C95_7F2D) % 253_402_300_800_000_000);
        for micros in edges.into_iter().chain(beyond).chain(somewhere) {
            let by_chrono = DateTime::<Utc>::from_timestamp_micros(micros)
                .map_or_else(|| format!("{micros} us"), |t| t.to_rfc3339_opts(SecondsFormat::AutoSi, true));
            assert_eq!(Timestamp(micros).to_string(), by_chrono);
            let json = serde_json::to_string(&Timestamp(micros)).expect("text");
            assert_eq!(json, format!("\"{by_chrono}\""));
        }
    }
}
