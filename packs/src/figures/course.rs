//! How turnover goes over time: seasons, growth, trend, and how much it varies.

use chrono::{Datelike as _, Days, NaiveDate, Weekday};

use super::months::Months;
use super::scope::Scope;
use super::{Out, Series};
use crate::estimates::{trend, variation};
use crate::numbers::{rank, ratio};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
const WEEKDAY_NAMES: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// Weeks whose sum a fall is looked for in.
const STRETCH: usize = 4;

pub fn tell(scope: &Scope<'_>, months: &Months, out: &mut Out) {
    let full: Vec<(usize, i128)> =
        (0..scope.months).filter(|at| scope.full(*at)).map(|at| (at, months.months[at].net())).collect();
    seasons(scope, &full, out);
    weekdays(scope, out);
    let nets: Vec<i128> = full.iter().map(|(_, net)| *net).collect();
    out.figure("growth.year", growth(&nets, 12));
    out.figure("growth.quarter", growth(&nets, 3));
    let unit = 10f64.powi(scope.currency().digits().cast_signed());
    let of_months: Vec<f64> = nets.iter().map(|net| *net as f64 / unit).collect();
    let amount = |value: f64| format!("{value:.2}");
    let found = trend(&of_months);
    out.figure("trend.slope", found.map(|t| amount(t.slope)));
    out.figure("trend.low", found.map(|t| amount(t.slope - t.within)));
    out.figure("trend.high", found.map(|t| amount(t.slope + t.within)));
    out.figure("trend.relative", found.filter(|t| t.mean > 0.0).map(|t| format!("{:.4}", t.slope / t.mean)));
    let weeks = weeks(scope);
    let of_weeks: Vec<f64> = weeks.iter().map(|net| *net as f64 / unit).collect();
    out.figure("volatility.weekly", variation(&of_weeks).map(|of| format!("{of:.4}")));
    out.figure("volatility.monthly", variation(&of_months).map(|of| format!("{of:.4}")));
    out.figure("volatility.drawdown", fall(&weeks));
    let mut sorted = weeks.clone();
    sorted.sort_unstable();
    out.figure(
        "volatility.low_weeks",
        rank(&sorted, 50).map(|median| longest_below(&weeks, low(&sorted, median)).to_string()),
    );
}

/// The last so many against those before, less one.
pub(crate) fn growth(nets: &[i128], months: usize) -> Option<String> {
    let before = nets.len().checked_sub(2 * months)?;
    let sum = |from: usize| nets[from..from + months].iter().sum::<i128>();
    let (then, now) = (sum(before), sum(before + months));
    if now < 0 { None } else { ratio(now - then, then) }
}

fn seasons(scope: &Scope<'_>, full: &[(usize, i128)], out: &mut Out) {
    let all: i128 = full.iter().map(|(_, net)| net).sum();
    let index = |name: usize| {
        let named =
            full.iter().filter(|(at, _)| (scope.first_month + *at as i32).rem_euclid(12) as usize == name);
        let (count, sum) = named.fold((0, 0), |(count, sum), (_, net)| (count + 1, sum + net));
        if full.len() < 12 || sum < 0 { None } else { ratio(sum * full.len() as i128, all * count) }
    };
    let rows =
        MONTHS.iter().enumerate().map(|(at, name)| vec![Some((*name).to_owned()), index(at)]).collect();
    out.tables.push(Series { id: "seasons", columns: vec!["calendar_month", "seasonality.index"], rows });
}

fn weekdays(scope: &Scope<'_>, out: &mut Out) {
    let mut paid = [0i128; 7];
    for (_, order, day) in scope.paid() {
        paid[day.weekday().num_days_from_monday() as usize] += i128::from(order.paid.0);
    }
    let all = paid.iter().sum();
    let named = WEEKDAYS.iter().map(|day| day.num_days_from_monday() as usize);
    let rows = named.map(|at| vec![Some(WEEKDAY_NAMES[at].to_owned()), ratio(paid[at], all)]).collect();
    out.tables.push(Series { id: "weekdays", columns: vec!["weekday", "seasonality.weekday_share"], rows });
}

/// Net turnover of the full weeks.
fn weeks(scope: &Scope<'_>) -> Vec<i128> {
    let monday = |day: NaiveDate| {
        day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))).unwrap_or(day)
    };
    let first = match scope.began.weekday() {
        Weekday::Mon => scope.began,
        _ => monday(scope.began).checked_add_days(Days::new(7)).unwrap_or(scope.began),
    };
    let days = (scope.to - first).num_days() + 1;
    let mut weeks = vec![0i128; usize::try_from(days / 7).unwrap_or_default()];
    let mut add = |day: NaiveDate, amount: i64| {
        let at = usize::try_from((day - first).num_days().div_euclid(7)).ok();
        if let Some(week) = at.and_then(|at| weeks.get_mut(at)) {
            *week += i128::from(amount);
        }
    };
    for (_, order, day) in scope.paid() {
        add(day, order.paid.0);
    }
    for (refund, day) in scope.refunds() {
        add(day, -refund.to_buyer.0);
    }
    weeks
}

/// The largest fall of a stretch below the highest before it, as a share of that.
pub(crate) fn fall(weeks: &[i128]) -> Option<String> {
    let mut highest = 0i128;
    let mut worst: Option<(i128, i128)> = None;
    for stretch in weeks.windows(STRETCH) {
        let sum: i128 = stretch.iter().sum();
        highest = highest.max(sum);
        let lost = highest - sum;
        // a/b > c/d
        // sums that nobody sold are not compared
        let more = |(of, through): (i128, i128)| {
            lost.checked_mul(through).zip(of.checked_mul(highest)).is_some_and(|(a, b)| a > b)
        };
        if highest > 0 && worst.is_none_or(more) {
            worst = Some((lost, highest));
        }
    }
    let (of, through) = worst?;
    ratio(of, through)
}

/// What a week is low below, as a sum of so many weeks: half the median week; where that is nothing, half the mean of the weeks
/// that brought something.
fn low(sorted: &[i128], median: i128) -> (i128, i128) {
    if median > 0 {
        return (median, 2);
    }
    let brought = sorted.iter().filter(|week| **week > 0);
    let (count, sum) = brought.fold((0, 0), |(count, sum), week| (count + 1, sum + week));
    // where no week brought anything, all are low
    if count == 0 { (1, 1) } else { (sum, 2 * count) }
}

fn longest_below(weeks: &[i128], (sum, through): (i128, i128)) -> usize {
    let (mut longest, mut run) = (0, 0);
    for week in weeks {
        run = if week * through < sum { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_fall_is_from_the_highest_before_it() {
        let weeks = [25, 25, 25, 25, 0, 0, 50, 50, 50, 50];
        assert_eq!(fall(&weeks).as_deref(), Some("0.5000"));
        assert_eq!(fall(&[0; 9]), None);
        assert_eq!(fall(&[1, 2, 3]), None);
    }

    #[test]
    fn a_low_stretch_is_counted_in_weeks() {
        let stretch = |weeks: &[i128]| {
            let mut sorted = weeks.to_vec();
            sorted.sort_unstable();
            longest_below(weeks, low(&sorted, rank(&sorted, 50).unwrap()))
        };
        // half the median of 5 is 2.5; half of 3 is 1.5
        assert_eq!(stretch(&[10, 5, 2, 10, 1, 2, 1, 5, 5]), 3);
        assert_eq!(stretch(&[10, 4, 4, 10, 1, 1, 1, 3, 3]), 3);
        // dead after 44 weeks: the median is nothing
        assert_eq!(stretch(&[vec![100; 44], vec![0; 60]].concat()), 60);
        assert_eq!(stretch(&[0, -5, 0]), 3);
    }

    #[test]
    fn growth_needs_both_sides() {
        assert_eq!(growth(&[1, 1, 1, 2, 2, 2], 3).as_deref(), Some("1.0000"));
        assert_eq!(growth(&[1, 1, 2, 2, 2], 3), None);
        assert_eq!(growth(&[0, 0, 0, 2, 2, 2], 3), None);
        assert_eq!(growth(&[2, 2, 2, 1, 1, -3], 3), None, "less than nothing is no growth");
    }
}
