//! How numbers are rounded and written, and what a business day is.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, TimeDelta, TimeZone as _};
use chrono_tz::Tz;
use daybook_domain::{Currency, Timestamp};

/// The time zone of a market's business days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    /// An IANA zone; UTC for an empty name.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn of(name: &str) -> Result<Self, String> {
        if name.is_empty() {
            return Ok(Self(Tz::UTC));
        }
        name.parse().map(Self).map_err(|_| format!("time zone {name:?} is not in the IANA table"))
    }

    /// The business day of an instant.
    #[must_use]
    pub fn day(self, at: Timestamp) -> NaiveDate {
        DateTime::from_timestamp_micros(at.0).unwrap_or_default().with_timezone(&self.0).date_naive()
    }

    /// The first instant after a day. Where the clock skips midnight, the next day begins when the clock has moved on.
    #[must_use]
    pub fn end(self, day: NaiveDate) -> Timestamp {
        /// Clocks change by multiples of this, minutes.
        const STEP: i64 = 15;
        let midnight = day.succ_opt().unwrap_or(day).and_time(NaiveTime::MIN);
        let first = (0..24 * 60 / STEP).find_map(|n| {
            let local = midnight.checked_add_signed(TimeDelta::minutes(n * STEP))?;
            self.0.from_local_datetime(&local).earliest()
        });
        Timestamp(first.map_or_else(|| midnight.and_utc().timestamp_micros(), |at| at.timestamp_micros()))
    }
}

/// A month, counted from year 0.
#[must_use]
pub fn month_of(day: NaiveDate) -> i32 {
    day.year() * 12 + day.month0() as i32
}

/// `2018-05`.
#[must_use]
pub fn month_name(month: i32) -> String {
    format!("{:04}-{:02}", month.div_euclid(12), month.rem_euclid(12) + 1)
}

/// `of / through`, rounded half to even.
fn half_even(of: i128, through: i128) -> Option<i128> {
    let (whole, rest) = (of.checked_div_euclid(through)?, of.checked_rem_euclid(through)?);
    let through = through.checked_abs()?;
    let twice = rest.checked_mul(2)?;
    let up = twice > through || (twice == through && whole % 2 != 0);
    Some(whole + i128::from(up))
}

/// A share with four decimals; none of nothing.
#[must_use]
pub fn ratio(of: i128, through: i128) -> Option<String> {
    decimals(of, through, 4)
}

/// A fraction with so many decimals, rounded half to even.
#[must_use]
pub fn decimals(of: i128, through: i128, places: u32) -> Option<String> {
    if through <= 0 {
        return None;
    }
    let scaled = half_even(of.checked_mul(10i128.checked_pow(places)?)?, through)?;
    Some(fixed(scaled, places))
}

/// A whole number of units of the last of so many decimals.
fn fixed(scaled: i128, places: u32) -> String {
    if places == 0 {
        return scaled.to_string();
    }
    let (sign, digits) = (if scaled < 0 { "-" } else { "" }, scaled.unsigned_abs());
    let unit = 10u128.pow(places);
    format!("{sign}{}.{:0places$}", digits / unit, digits % unit, places = places as usize)
}

/// An amount of minor units, as a decimal text.
#[must_use]
pub fn money(minor: i128, currency: Currency) -> String {
    fixed(minor, currency.digits())
}

/// An amount divided, rounded half to even to the minor unit; none of nothing.
#[must_use]
pub fn money_each(minor: i128, through: i128, currency: Currency) -> Option<String> {
    if through <= 0 {
        return None;
    }
    half_even(minor, through).map(|each| money(each, currency))
}

/// Microseconds as days with one decimal.
#[must_use]
pub fn days(micros: i128) -> Option<String> {
    decimals(micros, i128::from(daybook_domain::time::DAY), 1)
}

/// The value at the nearest rank of sorted ones.
#[must_use]
pub fn rank<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let at = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(at - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_rounded_half_to_even() {
        let of = |a, b| ratio(a, b).unwrap();
        assert_eq!(
            [of(1, 3), of(1, 20_000), of(3, 20_000), of(2, 1)],
            ["0.3333", "0.0000", "0.0002", "2.0000"]
        );
        assert_eq!(ratio(1, 0), None);
        assert_eq!(decimals(-5, 2, 0).unwrap(), "-2");
        assert_eq!(decimals(-1, 4, 1).unwrap(), "-0.2");
    }

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        let of = |code| Currency::new(code).unwrap();
        assert_eq!(money(-1_234_567, of("CNY")), "-12345.67");
        assert_eq!(money(5, of("KWD")), "0.005");
        assert_eq!(money(5, of("JPY")), "5");
        assert_eq!(money_each(1_001, 2, of("BRL")).unwrap(), "5.00");
    }

    #[test]
    fn a_day_ends_where_the_next_begins_whatever_the_clock_does() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let at = |text: &str| Timestamp::parse(text).unwrap();
        for (zone, of, end) in [
            // 23 hours, 25 hours, a midnight that is skipped, one that comes twice
            ("Europe/Berlin", "2026-03-29", "2026-03-29T22:00:00Z"),
            ("Europe/Berlin", "2026-10-25", "2026-10-25T23:00:00Z"),
            ("America/Sao_Paulo", "2017-10-14", "2017-10-15T03:00:00Z"),
            ("America/Havana", "2018-11-03", "2018-11-04T04:00:00Z"),
        ] {
            let zone = Zone::of(zone).unwrap();
            assert_eq!(zone.end(day(of)), at(end), "{of}");
            assert_eq!(zone.day(at(end)), day(of).succ_opt().unwrap(), "{of}");
            assert_eq!(zone.day(Timestamp(at(end).0 - 1)), day(of), "{of}");
        }
    }

    #[test]
    fn a_month_has_its_name() {
        let day = NaiveDate::from_ymd_opt(2018, 12, 31).unwrap();
        assert_eq!([month_name(month_of(day)), month_name(month_of(day) + 1)], ["2018-12", "2019-01"]);
    }

    #[test]
    fn a_rank_is_the_nearest() {
        assert_eq!(
            (rank(&[1, 2, 3, 4], 50), rank(&[1, 2, 3, 4], 95), rank(&[7], 5)),
            (Some(2), Some(4), Some(7))
        );
        assert_eq!(rank::<i64>(&[], 50), None);
    }
}
