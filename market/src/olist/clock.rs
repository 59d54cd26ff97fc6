//! Naive local times of America/Sao_Paulo as instants.
//!
//! The clock there was set forward and back once a year (until 2019). An hour that came twice is read as its
//! first coming; an hour that never came is read with the offset in force before the jump, so that it lies as
//! far behind the jump as the clock says. Both are findings.

use chrono::{LocalResult, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::America::Sao_Paulo;
use daybook_domain::Timestamp;
use daybook_domain::time::DAY;

use super::table::shown;

/// An instant read from a local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The instant.
    pub at: Timestamp,
    /// Whether the clock change made it doubtful.
    pub doubt: Option<Doubt>,
}

/// What a clock change does to a local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It came twice.
    Ambiguous,
    /// It never came.
    Nonexistent,
}

/// Reads `2018-01-31 23:59:59`.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn read_time(text: &str) -> Result<Reading, String> {
    let problem = || format!("{:?} is not a time such as 2018-01-31 23:59:59", shown(text));
    let (date, time) = text.split_once(' ').ok_or_else(problem)?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2]).ok_or_else(problem)?;
    let local = naive_date(date).and_then(|d| d.and_hms_opt(hour, minute, second)).ok_or_else(problem)?;
    Ok(instant(local))
}

/// Reads `2018-01-31` as the start of that day.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn read_date(text: &str) -> Result<Reading, String> {
    let problem = || format!("{:?} is not a date such as 2018-01-31", shown(text));
    let local = naive_date(text).and_then(|d| d.and_hms_opt(0, 0, 0)).ok_or_else(problem)?;
    Ok(instant(local))
}

/// The day on which an instant falls there: `2018-01-31`.
#[must_use]
pub fn local_day(at: Timestamp) -> String {
    let utc = chrono::DateTime::from_timestamp_micros(at.0).unwrap_or_default().naive_utc();
    Sao_Paulo.from_utc_datetime(&utc).format("%Y-%m-%d").to_string()
}

fn naive_date(text: &str) -> Option<NaiveDate> {
    let [year, month, day] = numbers(text, '-', [4, 2, 2])?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// Three numbers of exactly these many digits.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u32; 3]> {
    let mut found = [0; 3];
    let mut parts = text.split(separator);
    for (number, length) in found.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != length || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

fn instant(local: NaiveDateTime) -> Reading {
    let utc = |offset_seconds: i32| {
        Timestamp(local.and_utc().timestamp_micros() - i64::from(offset_seconds) * 1_000_000)
    };
    match Sao_Paulo.offset_from_local_datetime(&local) {
        LocalResult::Single(offset) => Reading { at: utc(offset.fix().local_minus_utc()), doubt: None },
        LocalResult::Ambiguous(first, _) => {
            Reading { at: utc(first.fix().local_minus_utc()), doubt: Some(Doubt::Ambiguous) }
        }
        LocalResult::None => {
            let day_before = utc(0).0 - DAY;
            let before = chrono::DateTime::from_timestamp_micros(day_before).map(|t| t.naive_utc());
            let offset =
                before.map_or(-3 * 3_600, |t| Sao_Paulo.offset_from_utc_datetime(&t).fix().local_minus_utc());
            Reading { at: utc(offset), doubt: Some(Doubt::Nonexistent) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Option<Doubt>) {
        let reading = read_time(text).expect("a time");
        (reading.at.to_string(), reading.doubt)
    }

    #[test]
    fn winter_and_summer_have_their_own_offset() {
        assert_eq!(read("2017-07-01 12:00:00"), ("2017-07-01T15:00:00Z".to_owned(), None));
        assert_eq!(read("2018-01-01 00:00:00"), ("2018-01-01T02:00:00Z".to_owned(), None));
    }

    #[test]
    fn an_hour_that_came_twice_is_read_as_its_first_coming() {
        let doubt = Some(Doubt::Ambiguous);
        assert_eq!(read("2018-02-17 23:30:00"), ("2018-02-18T01:30:00Z".to_owned(), doubt));
        assert_eq!(read("2018-02-18 00:00:00"), ("2018-02-18T03:00:00Z".to_owned(), None));
    }

    #[test]
    fn an_hour_that_never_came_is_read_with_the_offset_before_it() {
        let doubt = Some(Doubt::Nonexistent);
        assert_eq!(read("2017-10-15 00:00:00"), ("2017-10-15T03:00:00Z".to_owned(), doubt));
        assert_eq!(read("2017-10-15 00:30:00"), ("2017-10-15T03:30:00Z".to_owned(), doubt));
        assert_eq!(read("2017-10-15 01:00:00"), ("2017-10-15T03:00:00Z".to_owned(), None));
        assert_eq!(read_date("2017-10-15").expect("a date").doubt, doubt);
    }

    #[test]
    fn a_time_is_exact_or_refused() {
        for bad in [
            "",
            "2018-01-01",
            "2018-01-01T00:00:00",
            "2018-1-1 00:00:00",
            "2018-02-30 00:00:00",
            "2018-01-01 24:00:00",
            "2018-01-01 00:00",
            "2018-01-01 00:00:00 ",
            "+018-01-01 00:00:00",
        ] {
            assert!(read_time(bad).is_err(), "{bad:?} was read as a time");
        }
        assert!(read_date("2018-13-01").is_err());
    }
}
