//! When a merchant is settled, and which periods it is charged for.
//!
//! | cycle | settled on | takes what was booked before |
//! |---|---|---|
//! | daily | every day | that day |
//! | weekly | Mondays | that day |
//! | monthly | the first of a month | that day |
//! | t_plus_n | every day | the end of day T, n days ago: what was booked on T is settled on T+n |
//!
//! Days are business days of the market's time zone; a cycle that was missed (the market was not running) is made up
//! for by one settlement up to the last cut.

use chrono::{Datelike, Days, Months, NaiveDate};
use daybook_domain::Code;
use daybook_domain::merchant::events::{SettlementCycle, SettlementTerms};

/// A settlement that a cycle asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// The day it is made on.
    pub(crate) on: NaiveDate,
    /// It takes what was booked before this day.
    pub(crate) until: NaiveDate,
}

/// The last settlement that was due on `today` or before.
pub(crate) fn last_due(terms: &SettlementTerms, today: NaiveDate) -> Due {
    let on_its_day = |day| Due { on: day, until: day };
    match terms.cycle {
        SettlementCycle::Daily => on_its_day(today),
        SettlementCycle::Weekly => on_its_day(monday(today)),
        SettlementCycle::Monthly => on_its_day(first_of_month(today)),
        SettlementCycle::TPlusN => {
            // a day is over when the next has begun, so that T+0 is settled on T+1 too
            let days = u64::from(terms.days.max(1));
            Due { on: today, until: back(today, days - 1) }
        }
    }
}

/// A period that a fee is charged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    /// Its name: `2018-05-03`, `2018-W18` or `2018-05`.
    pub(crate) name: Code,
    /// Its first day.
    pub(crate) from: NaiveDate,
    /// The day after its last.
    pub(crate) until: NaiveDate,
}

/// The period of a cycle in which a day lies; none for a cycle that has no periods.
pub(crate) fn period_of(cycle: SettlementCycle, day: NaiveDate) -> Option<Period> {
    let (from, until) = match cycle {
        SettlementCycle::Daily => (day, day.succ_opt()?),
        SettlementCycle::Weekly => (monday(day), monday(day).checked_add_days(Days::new(7))?),
        SettlementCycle::Monthly => {
            (first_of_month(day), first_of_month(day).checked_add_months(Months::new(1))?)
        }
        SettlementCycle::TPlusN => return None,
    };
    let name = match cycle {
        SettlementCycle::Weekly => format!("{}-W{:02}", from.iso_week().year(), from.iso_week().week()),
        SettlementCycle::Monthly => from.format("%Y-%m").to_string(),
        _ => from.format("%Y-%m-%d").to_string(),
    };
    Some(Period { name: Code::new(&name).ok()?, from, until })
}

/// The Monday of a day's week.
fn monday(day: NaiveDate) -> NaiveDate {
    back(day, u64::from(day.weekday().num_days_from_monday()))
}

/// The first day of a day's month.
pub(crate) fn first_of_month(day: NaiveDate) -> NaiveDate {
    back(day, u64::from(day.day0()))
}

fn back(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use daybook_domain::{Currency, Money};

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn due(cycle: SettlementCycle, days: u32, today: &str) -> (String, String) {
        let minimum_payout = Money::zero(Currency::new("CNY").expect("a currency"));
        let terms = SettlementTerms { cycle, days, minimum_payout };
        let due = last_due(&terms, day(today));
        (due.on.to_string(), due.until.to_string())
    }

    fn pair(on: &str, until: &str) -> (String, String) {
        (on.to_owned(), until.to_owned())
    }

    #[test]
    fn each_cycle_has_its_days() {
        use SettlementCycle::{Daily, Monthly, TPlusN, Weekly};
        assert_eq!(due(Daily, 0, "2018-03-07"), pair("2018-03-07", "2018-03-07"));
        assert_eq!(due(Weekly, 0, "2018-03-07"), pair("2018-03-05", "2018-03-05"));
        assert_eq!(due(Monthly, 0, "2018-03-07"), pair("2018-03-01", "2018-03-01"));
        assert_eq!(due(TPlusN, 3, "2018-03-07"), pair("2018-03-07", "2018-03-05"));
        assert_eq!(due(TPlusN, 1, "2018-03-07"), due(Daily, 0, "2018-03-07"));
        assert_eq!(due(TPlusN, 0, "2018-03-07"), due(TPlusN, 1, "2018-03-07"));
    }

    #[test]
    fn periods_follow_each_other_without_a_gap_and_each_has_its_own_name() {
        for cycle in [SettlementCycle::Daily, SettlementCycle::Weekly, SettlementCycle::Monthly] {
            let mut names = std::collections::BTreeSet::new();
            let mut period = period_of(cycle, day("2015-12-01")).expect("it has periods");
            while period.from < day("2021-01-06") {
                assert!(names.insert(period.name), "{} comes twice", period.name);
                let next = period_of(cycle, period.until).expect("it has periods");
                assert_eq!(next.from, period.until);
                period = next;
            }
        }
        let name = |cycle, of| period_of(cycle, day(of)).map(|p| p.name.to_string());
        assert_eq!(name(SettlementCycle::Weekly, "2021-01-03").as_deref(), Some("2020-W53"));
        assert_eq!(name(SettlementCycle::Monthly, "2020-12-31").as_deref(), Some("2020-12"));
        assert_eq!(name(SettlementCycle::Daily, "2021-01-05").as_deref(), Some("2021-01-05"));
        assert_eq!(name(SettlementCycle::TPlusN, "2021-01-06"), None);
    }
}
