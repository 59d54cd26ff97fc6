//! How the market goes over time.

use chrono::{Datelike as _, Days, NaiveDate};

use super::months::Months;
use crate::estimates::{trend, variation};
use crate::figures::Out;
use crate::figures::course::{fall, growth};
use crate::market::facts::MarketFacts;

pub fn tell(facts: &MarketFacts, months: &Months<'_>, out: &mut Out) {
    let subject = &facts.subject;
    let full = months.names.iter().zip(&months.months).filter(|(name, _)| subject.measured_full(**name));
    let nets: Vec<i128> = full.map(|(_, sums)| sums.net()).collect();
    out.figure("market.growth.year", growth(&nets, 12));
    out.figure("market.growth.quarter", growth(&nets, 3));
    let unit = 10f64.powi(subject.currency.digits().cast_signed());
    let units = |minor: &i128| *minor as f64 / unit;
    let found = trend(&nets.iter().map(units).collect::<Vec<_>>());
    let amount = |value: f64| format!("{value:.2}");
    out.figure("market.trend.slope", found.map(|t| amount(t.slope)));
    out.figure("market.trend.low", found.map(|t| amount(t.slope - t.within)));
    out.figure("market.trend.high", found.map(|t| amount(t.slope + t.within)));
    let weeks = weeks(facts);
    let varies = variation(&weeks.iter().map(units).collect::<Vec<_>>());
    out.figure("market.volatility.weekly", varies.map(|of| format!("{of:.4}")));
    out.figure("market.volatility.drawdown", fall(&weeks));
    let from = subject.measured();
    let days = usize::try_from((subject.to - from).num_days() + 1).unwrap_or_default();
    let active = facts.days.iter().filter(|day| day.paid_orders > 0 && day.day >= from).count();
    out.count("market.days.zero", days.saturating_sub(active));
}

/// Net GMV of the full weeks.
fn weeks(facts: &MarketFacts) -> Vec<i128> {
    let (from, to) = (facts.subject.measured(), facts.subject.to);
    let monday = Days::new(u64::from((7 - from.weekday().num_days_from_monday()) % 7));
    let first = from.checked_add_days(monday).unwrap_or(from);
    let place = |day: NaiveDate| usize::try_from((day - first).num_days().div_euclid(7)).ok();
    let full = ((to - first).num_days() + 1).max(0) / 7;
    let mut weeks = vec![0i128; usize::try_from(full).unwrap_or_default()];
    for row in &facts.days {
        if let Some(week) = place(row.day).and_then(|at| weeks.get_mut(at)) {
            *week += i128::from(row.paid.0) - i128::from(row.refunded.0);
        }
    }
    weeks
}
