//! The months and years for which reports are drawn up, in the market's time zone.

use std::fmt;

use chrono::{Datelike as _, Days, NaiveDate};
use daybook_domain::Timestamp;
use daybook_projections::Calendar;

/// A month or a year of business days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its first day.
    pub first: NaiveDate,
    /// The day after its last.
    pub after: NaiveDate,
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

impl Period {
    /// Reads `2018` or `2018-05`.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str, calendar: Calendar) -> Result<Self, String> {
        let days = match text.len() {
            4 => year(text)
                .and_then(|y| NaiveDate::from_ymd_opt(y, 1, 1).zip(NaiveDate::from_ymd_opt(y + 1, 1, 1))),
            7 => text.split_once('-').and_then(|(y, m)| {
                let (first, month) = (year(y)?, two_digits(m)?);
                let first = NaiveDate::from_ymd_opt(first, month, 1)?;
                Some((first, month_after(first)))
            }),
            _ => None,
        };
        let (first, after) = days.ok_or_else(|| {
            format!("period {text:?} is neither a month such as 2018-05 nor a year such as 2018")
        })?;
        Ok(Self { first, after, from: calendar.start_of(first), until: calendar.start_of(after) })
    }

    /// Its last day.
    #[must_use]
    pub fn last(&self) -> NaiveDate {
        self.after - Days::new(1)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after == month_after(self.first) {
            true => write!(f, "{}", self.first.format("%Y-%m")),
            false => write!(f, "{}", self.first.format("%Y")),
        }
    }
}

fn year(text: &str) -> Option<i32> {
    let digits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|year| digits && *year > 0)
}

fn two_digits(text: &str) -> Option<u32> {
    let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// The first day of the month after that of `day`.
#[must_use]
pub(crate) fn month_after(day: NaiveDate) -> NaiveDate {
    let (year, month) = match day.month() {
        12 => (day.year() + 1, 1),
        month => (day.year(), month + 1),
    };
    NaiveDate::from_ymd_opt(year, month, 1).unwrap_or(NaiveDate::MAX)
}

/// A day as text, for serde.
pub(crate) fn as_text<S: serde::Serializer>(day: &NaiveDate, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(day)
}

/// A day as text or nothing, for serde.
pub(crate) fn as_text_of<S: serde::Serializer>(day: &Option<NaiveDate>, s: S) -> Result<S::Ok, S::Error> {
    match day {
        Some(day) => s.collect_str(day),
        None => s.serialize_none(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_a_month_or_a_year_of_the_markets_own_days() {
        let sao_paulo = Calendar::of("America/Sao_Paulo").unwrap();
        let may = Period::parse("2018-05", sao_paulo).unwrap();
        assert_eq!(
            (may.from.to_string(), may.until.to_string()),
            ("2018-05-01T03:00:00Z".into(), "2018-06-01T03:00:00Z".into())
        );
        assert_eq!(
            (may.last().to_string(), may.to_string()),
            ("2018-05-31".to_owned(), "2018-05".to_owned())
        );
        let year = Period::parse("2018", sao_paulo).unwrap();
        assert_eq!(
            (year.from.to_string(), year.until.to_string()),
            ("2018-01-01T02:00:00Z".into(), "2019-01-01T02:00:00Z".into())
        );
        assert_eq!((year.last().to_string(), year.to_string()), ("2018-12-31".to_owned(), "2018".to_owned()));
    }

    #[test]
    fn the_months_of_a_year_join() {
        let calendar = Calendar::of("America/Sao_Paulo").unwrap();
        let months: Vec<_> =
            (1..=12).map(|m| Period::parse(&format!("2017-{m:02}"), calendar).unwrap()).collect();
        assert!(months.windows(2).all(|pair| pair[0].until == pair[1].from));
        let year = Period::parse("2017", calendar).unwrap();
        assert_eq!((months[0].from, months[11].until), (year.from, year.until));
    }

    #[test]
    fn whatever_else_is_no_period() {
        for bad in [
            "",
            "18",
            "2018-5",
            "2018-13",
            "2018-00",
            "2018-05-01",
            "05-2018",
            "201805",
            "0000",
            "+018",
            "2018-+5",
        ] {
            let refused = Period::parse(bad, Calendar::UTC).unwrap_err();
            assert!(refused.contains("month such as 2018-05"), "{bad}: {refused}");
        }
    }
}
