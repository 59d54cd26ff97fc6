//! The days of phases and months: months count from a plan's first day.

use chrono::{Days, Months, NaiveDate};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Days from the first through the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first.
    pub from: NaiveDate,
    /// The last.
    pub to: NaiveDate,
}

impl Span {
    /// How many.
    #[must_use]
    pub fn count(self) -> u32 {
        u32::try_from((self.to - self.from).num_days() + 1).unwrap_or(0)
    }

    /// Those through a day; none before the first.
    #[must_use]
    pub fn through(self, day: NaiveDate) -> Option<Self> {
        (day >= self.from).then_some(Self { to: self.to.min(day), ..self })
    }

    /// Whether all of another's days are days of this.
    #[must_use]
    pub fn holds(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }
}

/// The day on which so many months after a start are over and the next begin. Part of a month is so much of that month's
/// days, in whole days. None beyond the calendar.
pub(super) fn after_months(start: NaiveDate, months: Decimal) -> Option<NaiveDate> {
    let whole = months.floor();
    let month = start.checked_add_months(Months::new(whole.to_u32()?))?;
    let next = start.checked_add_months(Months::new(whole.to_u32()?.checked_add(1)?))?;
    let part = Decimal::from((next - month).num_days()) * (months - whole);
    month.checked_add_days(Days::new(part.floor().to_u64()?))
}

/// The days from the end of so many months through the end of so many.
pub(super) fn months(start: NaiveDate, from: Decimal, to: Decimal) -> Option<Span> {
    let span = Span { from: after_months(start, from)?, to: after_months(start, to)?.pred_opt()? };
    (span.from <= span.to).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn months_count_from_the_first_day_and_halves_are_of_their_months_days() {
        let after = |start: &str, months: &str| {
            after_months(day(start), months.parse().unwrap()).unwrap().to_string()
        };
        assert_eq!(after("2026-01-01", "6"), "2026-07-01");
        assert_eq!(after("2026-01-01", "1.5"), "2026-02-15");
        assert_eq!(after("2026-01-15", "1.5"), "2026-03-01");
        assert_eq!(after("2026-01-31", "1"), "2026-02-28");
        // counted from the start, not from the month before: the 31st comes back
        assert_eq!(after("2026-01-31", "2"), "2026-03-31");
        assert_eq!(after("2026-03-01", "0.5"), "2026-03-16");
    }

    #[test]
    fn spans_follow_each_other_without_a_gap() {
        let lengths = ["1.5", "2.5", "5", "3"].map(|of| of.parse::<Decimal>().unwrap());
        let (mut begun, mut days, mut last) = (Decimal::ZERO, 0, None::<Span>);
        for length in lengths {
            let span = months(day("2026-01-01"), begun, begun + length).unwrap();
            assert!(last.is_none_or(|last| last.to.succ_opt() == Some(span.from)));
            (begun, days, last) = (begun + length, days + span.count(), Some(span));
        }
        assert_eq!(days, 365);
    }
}
