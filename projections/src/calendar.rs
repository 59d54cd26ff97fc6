//! Business days and months: the days of the market's own time zone.

use std::ops::ControlFlow;
use std::str::FromStr;

use chrono::{Datelike as _, Days, LocalResult, NaiveDate, TimeZone as _, Timelike as _, Utc};
use chrono_tz::Tz;
use daybook_domain::books::Month;
use daybook_domain::{Event, EventKind, Timestamp};
use daybook_journal::{Filter, Journal};

use crate::engine::{ReadModelError, ReadModels};

/// The days and months of a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar(Tz);

impl Calendar {
    /// The days of UTC.
    pub const UTC: Self = Self(Tz::UTC);

    /// The calendar of an IANA zone; UTC for an empty name, that of a market that has not begun.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn of(zone: &str) -> Result<Self, String> {
        if zone.is_empty() {
            return Ok(Self::UTC);
        }
        zone.parse().map(Self).map_err(|_| {
            format!("time zone {zone:?} is not in the IANA table: name one such as Asia/Shanghai")
        })
    }

    /// The IANA name of the zone.
    #[must_use]
    pub fn zone(self) -> &'static str {
        self.0.name()
    }

    /// The first instant of a day. Where the clock skips midnight, the day begins when the clock has moved on.
    #[must_use]
    pub fn start_of(self, day: NaiveDate) -> Timestamp {
        /// Clocks change by multiples of this, minutes.
        const STEP: i64 = 15;
        let midnight = day.and_time(chrono::NaiveTime::MIN);
        let first = (0..24 * 60 / STEP).find_map(|n| {
            match self.0.from_local_datetime(&(midnight + chrono::TimeDelta::minutes(n * STEP))) {
                LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.timestamp_micros()),
                LocalResult::None => None,
            }
        });
        // a day that a zone left out altogether begins where the next does
        Timestamp(first.unwrap_or_else(|| midnight.and_utc().timestamp_micros()))
    }

    /// The last microsecond of a day.
    #[must_use]
    pub fn end_of(self, day: NaiveDate) -> Timestamp {
        day.checked_add_days(Days::new(1)).map_or(Timestamp(i64::MAX), |next| self.start_of(next).plus(-1))
    }

    /// The business day of an instant.
    #[must_use]
    pub fn day(self, at: Timestamp) -> NaiveDate {
        let utc = Utc.timestamp_micros(at.0).single().unwrap_or_default();
        utc.with_timezone(&self.0).date_naive()
    }

    /// The hour of an instant, 0 to 23.
    #[must_use]
    pub fn hour(self, at: Timestamp) -> u32 {
        let utc = Utc.timestamp_micros(at.0).single().unwrap_or_default();
        utc.with_timezone(&self.0).hour()
    }

    /// The first instant of a month.
    #[must_use]
    pub fn start_of_month(self, month: Month) -> Timestamp {
        let first = NaiveDate::from_ymd_opt(i32::from(month.year), u32::from(month.month), 1);
        first.map_or(Timestamp(i64::MAX), |first| self.start_of(first))
    }

    /// The last microsecond of a month.
    #[must_use]
    pub fn end_of_month(self, month: Month) -> Timestamp {
        self.start_of_month(month.next()).plus(-1)
    }

    /// The business month of an instant.
    #[must_use]
    pub fn month(self, at: Timestamp) -> Month {
        let day = self.day(at);
        let (year, month) = (u16::try_from(day.year()), u8::try_from(day.month()));
        Month { year: year.unwrap_or(u16::MAX), month: month.unwrap_or(12) }
    }
}

impl Calendar {
    /// The calendar of a journal's market: no read model is asked. UTC where no market was opened.
    ///
    /// # Errors
    /// [`ReadModelError`] when the journal cannot be read, or this build does not know the market's time zone.
    pub fn of_journal(journal: &dyn Journal) -> Result<Self, ReadModelError> {
        let opened = Some(vec![EventKind::MarketOpened.as_str().into()]);
        let mut zone = String::new();
        journal.scan(0, None, &Filter { kinds: opened, categories: None }, &mut |stored| {
            if let Ok(Event::MarketOpened(e)) = Event::decode(stored.kind, stored.schema, stored.data) {
                e.time_zone.as_str().clone_into(&mut zone);
            }
            ControlFlow::Break(())
        })?;
        Self::of(&zone).map_err(ReadModelError::BadQuestion)
    }
}

impl ReadModels {
    /// The calendar of the market's business days.
    ///
    /// # Errors
    /// [`ReadModelError::BadQuestion`] when this build does not know the market's time zone.
    pub fn calendar(&self) -> Result<Calendar, ReadModelError> {
        Calendar::of(&self.world()?.time_zone).map_err(ReadModelError::BadQuestion)
    }
}

/// A moment as people write it: an instant, or a business day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// An instant.
    At(Timestamp),
    /// A whole day of the market's time zone.
    Day(NaiveDate),
}

impl When {
    /// The instant, or the first of the day.
    #[must_use]
    pub fn start(self, calendar: Calendar) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Day(day) => calendar.start_of(day),
        }
    }
    /// The instant, or the last of the day.
    #[must_use]
    pub fn end(self, calendar: Calendar) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Day(day) => calendar.end_of(day),
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Ok(Self::Day(day));
        }
        Timestamp::parse(text).map(Self::At).map_err(|_| {
            format!("{text:?} is no moment: write a day such as 2018-05-31, or a time such as 2018-05-31T12:00:00Z")
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_a_day_of_the_markets_zone() {
        let shanghai = Calendar::of("Asia/Shanghai").unwrap();
        assert_eq!(shanghai.start_of(day("2018-05-31")), at("2018-05-30T16:00:00Z"));
        assert_eq!(shanghai.end_of(day("2018-05-31")), at("2018-05-31T15:59:59.999999Z"));
        assert_eq!(shanghai.day(at("2018-05-31T16:00:00Z")), day("2018-06-01"));
        assert_eq!(shanghai.day(at("2018-05-31T15:59:59.999999Z")), day("2018-05-31"));
    }

    #[test]
    fn a_day_whose_midnight_the_clock_skips_begins_an_hour_later_and_one_that_has_two_begins_with_the_first()
    {
        let sao_paulo = Calendar::of("America/Sao_Paulo").unwrap();
        // summer time began at midnight of 15 October 2017: 23:59:59 -03:00 was followed by 01:00:00 -02:00
        assert_eq!(sao_paulo.start_of(day("2017-10-15")), at("2017-10-15T03:00:00Z"));
        assert_eq!(sao_paulo.end_of(day("2017-10-14")), at("2017-10-15T02:59:59.999999Z"));
        // and ended at midnight of 18 February 2018: the hour before it came twice, in the day before
        assert_eq!(sao_paulo.start_of(day("2018-02-18")), at("2018-02-18T03:00:00Z"));
        let havana = Calendar::of("America/Havana").unwrap();
        // 01:00 -04:00 of 4 November 2018 went back to 00:00 -05:00: midnight came twice
        assert_eq!(havana.start_of(day("2018-11-04")), at("2018-11-04T04:00:00Z"));
    }

    #[test]
    fn months_join_without_a_gap() {
        let sao_paulo = Calendar::of("America/Sao_Paulo").unwrap();
        let mut month = Month { year: 2016, month: 9 };
        for _ in 0..40 {
            let end = sao_paulo.end_of_month(month);
            assert_eq!(sao_paulo.month(sao_paulo.start_of_month(month)), month);
            assert_eq!(sao_paulo.month(end), month);
            assert_eq!(end.plus(1), sao_paulo.start_of_month(month.next()));
            month = month.next();
        }
    }

    #[test]
    fn a_moment_is_a_day_or_an_instant_and_nothing_else() {
        assert_eq!("2018-05-31".parse(), Ok(When::Day(day("2018-05-31"))));
        assert_eq!("2018-05-31T00:00:00-03:00".parse(), Ok(When::At(at("2018-05-31T03:00:00Z"))));
        for bad in ["", "2018-05", "2018-02-30", "yesterday", "2018-05-31T12:00:00"] {
            let refused = bad.parse::<When>().unwrap_err();
            assert!(refused.contains("write a day such as"), "{refused}");
        }
        assert!(Calendar::of("Mars/Olympus").unwrap_err().contains("Mars/Olympus"));
    }
}
