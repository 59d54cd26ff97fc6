//! `daybook payout run`

use std::time::Instant;

use chrono::{Datelike, NaiveDate};
use daybook_domain::{BankAccountId, MerchantId, Money};
use daybook_market::payouts::{Outcome, Run, Runs};

use crate::cli::Global;
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output, say};
use crate::parse::money;
use crate::progress::Progress;
use crate::value::{Table, grouped};

/// Pay every merchant what is available, from the minimum of its contract on
#[derive(Debug, clap::Args)]
#[command(long_about = "Pay every merchant what is available, from the minimum of its contract on.\n\n\
    A run is of one business day of the market's time zone. Run twice, it does nothing more. A destination from which \
    a payout came back is not paid to; what is held back is listed with its reason.")]
pub struct Args {
    /// The business day [default: today]
    #[arg(long, value_name = "DATE")]
    on: Option<NaiveDate>,
    /// Also this day of each month before, from this month on (YYYY-MM-DD): history paid after the fact
    #[arg(long, value_name = "DATE", requires = "on")]
    monthly_from: Option<NaiveDate>,
    /// Only this merchant
    #[arg(long, value_name = "MERCHANT")]
    merchant: Option<MerchantId>,
    /// Leave what is below this in its currency, beside what contracts say; such as "100.00 CNY"
    #[arg(long, value_name = "AMOUNT", value_parser = money)]
    minimum: Option<Money>,
    /// Record that this bank took and paid them, a day later: for history. Else the bank's word is awaited
    #[arg(long, value_name = "ACCOUNT")]
    paid_by: Option<BankAccountId>,
}

/// The days to run for: the last one, and the same day of each month before it.
fn days(on: NaiveDate, monthly_from: Option<NaiveDate>) -> Vec<NaiveDate> {
    let mut days = vec![on];
    let mut month = on.with_day(1);
    while let (Some(first), Some(from)) = (month, monthly_from) {
        month = first.pred_opt().and_then(|last| last.with_day(1));
        let Some(before) = month else { break };
        if before < from.with_day(1).unwrap_or(from) {
            break;
        }
        // a month that is too short has its last day
        let day = (1..=on.day()).rev().find_map(|day| before.with_day(day));
        days.extend(day.filter(|day| *day >= from));
    }
    days.reverse();
    days
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    global.must_exist()?;
    let started = Instant::now();
    let market = global.market()?;
    let on = match args.on {
        Some(day) => day,
        None => market.calendar()?.day(market.commands().now()),
    };
    // a day that has not come is refused before anything is paid
    Run::of(&market, on)?;
    let days = days(on, args.monthly_from);
    let progress = Progress::new(!global.no_progress, "paying (days)", days.len() as u64);
    let mut outcome = Outcome::default();
    let runtime = global.runtime()?;
    let mut runs = Runs::default();
    for (done, day) in days.iter().enumerate() {
        let asked = Run::of(&market, *day)?;
        let run = Run { merchant: args.merchant, minimum: args.minimum, paid_by: args.paid_by, ..asked };
        outcome.add(runtime.block_on(runs.run(&market, &run))?);
        progress.set(done as u64 + 1);
    }
    runtime.block_on(market.settle_reactions())?;
    drop(progress);
    let printed = print(global, &outcome);
    say!("{} payouts in {:.1} s", grouped(&outcome.requested.to_string()), started.elapsed().as_secs_f64());
    unheard(printed)
}

fn print(global: &Global, outcome: &Outcome) -> Result<(), Failure> {
    let mut out = Output::new(global.format);
    if out.format == Format::Json {
        out.json_line(outcome)?;
        return out.finish();
    }
    let mut held = Table::new(&["merchant", "currency", "amount", "code", "reason"]);
    for back in &outcome.reasons {
        held.push(vec![
            back.merchant.as_str().into(),
            back.amount.currency.as_str().into(),
            back.amount.into(),
            back.code.into(),
            back.reason.as_str().into(),
        ]);
    }
    if out.format == Format::Csv {
        out.table(&held)?;
        return out.finish();
    }
    let mut table = Table::new(&["requested", "confirmed", "already", "below_minimum", "held_back"]);
    table.push(vec![
        outcome.requested.into(),
        outcome.confirmed.into(),
        outcome.already.into(),
        outcome.below_minimum.into(),
        outcome.held_back.into(),
    ]);
    out.record(&table)?;
    for amount in &outcome.amounts {
        out.line(&format!("paid           {} {}", grouped(&amount.amount().to_string()), amount.currency))?;
    }
    if !held.rows.is_empty() {
        out.heading("Held back")?;
        out.table(&held)?;
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_each_month_is_the_last_where_the_month_is_too_short() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(days(day("2018-03-31"), None), [day("2018-03-31")]);
        let from = Some(day("2018-01-05"));
        assert_eq!(days(day("2018-03-31"), from), [day("2018-01-31"), day("2018-02-28"), day("2018-03-31")]);
        assert_eq!(days(day("2018-03-05"), Some(day("2018-01-06"))), [day("2018-02-05"), day("2018-03-05")]);
    }
}
