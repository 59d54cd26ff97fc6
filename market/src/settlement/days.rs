//! The days on which a history is settled, as it would have been run.

use chrono::{Datelike, NaiveDate, Weekday};

use super::cycle::first_of_month;
use super::run::Cut;

/// How often a history is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// As each merchant's contract says.
    Contract,
    /// Every business day.
    Day,
    /// Every Monday.
    Week,
    /// On the first of each month.
    Month,
}

impl Every {
    /// The runs after the day `from` (on which the first line was booked), through the day `until`, in order.
    pub fn runs(self, from: NaiveDate, until: NaiveDate) -> impl Iterator<Item = Cut> {
        let days = from.iter_days().skip(1).take_while(move |day| *day <= until);
        days.filter_map(move |day| match self {
            Self::Contract => Some(Cut::ByContract(day)),
            Self::Day => Some(Cut::Before(day)),
            Self::Week => (day.weekday() == Weekday::Mon).then_some(Cut::Before(day)),
            Self::Month => (day == first_of_month(day)).then_some(Cut::Before(day)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_settled_from_the_first_cut_after_it_began_to_the_last_that_has_come() {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
        let runs = |every: Every| -> Vec<String> {
            every.runs(day("2016-12-20"), day("2017-02-06")).map(|cut| cut.day().to_string()).collect()
        };
        assert_eq!(runs(Every::Month), ["2017-01-01", "2017-02-01"]);
        assert_eq!(runs(Every::Week).first().map(String::as_str), Some("2016-12-26"));
        assert_eq!(runs(Every::Week).last().map(String::as_str), Some("2017-02-06"));
        assert_eq!((runs(Every::Day).len(), runs(Every::Contract).len()), (48, 48));
        assert_eq!(Every::Day.runs(day("2017-01-02"), day("2017-01-01")).count(), 0);
    }
}
