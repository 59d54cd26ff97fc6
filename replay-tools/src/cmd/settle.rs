//! `daybook settle`

use std::time::Instant;

use chrono::NaiveDate;
use clap::ValueEnum;
use daybook_domain::{MerchantId, Money};
use daybook_market::Market;
use daybook_market::settlement::{Cut, Every, Ran};
use daybook_projections::ReadModels;

use crate::cli::Global;
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output, say};
use crate::progress::Progress;
use crate::value::{Table, Value};

/// Settle what merchants are owed: all that was booked before a day, or a history cycle by cycle
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Settle what merchants are owed: all that was booked before a day, or a history cycle by cycle.\n\n\
    A run releases the reserves that are due, charges the platform fees of the periods that have ended, and closes a \
    settlement for each account with something to settle. Stopped anywhere, it goes on when it is run again; one that \
    is complete adds nothing. Days are business days of the market's time zone. `daybook serve` settles by contract \
    as each day begins."
)]
pub struct Args {
    /// Settle what was booked before this day, e.g. 2018-06-01 [default: today]
    #[arg(long, value_name = "DATE")]
    until: Option<NaiveDate>,
    /// Only this merchant
    #[arg(long, value_name = "ID")]
    merchant: Option<MerchantId>,
    /// One settlement per cycle from the first line or store up to the date, as it would have been run: by each merchant's
    /// contract, or for all alike
    #[arg(long, value_enum, value_name = "CYCLE")]
    every: Option<Cycle>,
}

/// How often a history is settled.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Cycle {
    /// As each merchant's contract says; those without one are left out
    Contract,
    /// Every business day
    Day,
    /// Every Monday
    Week,
    /// The first of each month
    Month,
}

impl From<Cycle> for Every {
    fn from(cycle: Cycle) -> Self {
        match cycle {
            Cycle::Contract => Self::Contract,
            Cycle::Day => Self::Day,
            Cycle::Week => Self::Week,
            Cycle::Month => Self::Month,
        }
    }
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    global.must_exist()?;
    let started = Instant::now();
    let market = global.market()?;
    let models = global.read_models_of(&market)?;
    let (ran, total) = global.runtime()?.block_on(settle(global, &market, &models, args))?;
    let mut out = Output::new(global.format);
    unheard(print(&mut out, &ran, &total).and_then(|()| out.finish()))?;
    say!("{} settlements in {:.1} s", total.settlements, started.elapsed().as_secs_f64());
    for refused in &total.refused {
        say!("refused for {}: {} ({})", refused.merchant, refused.reason, refused.code);
    }
    match total.refused.len() {
        0 => Ok(()),
        n => Err(Failure::Refused(format!("{n} accounts were not settled; the others were"))),
    }
}

/// The runs that did something, and all of them together.
async fn settle(
    global: &Global,
    market: &Market,
    models: &ReadModels,
    args: &Args,
) -> Result<(Vec<(NaiveDate, Ran)>, Ran), Failure> {
    let until = match args.until {
        Some(day) => day,
        None => market.business_day()?,
    };
    // a day that has not come is refused before anything is settled
    market.may_settle(Cut::Before(until), args.merchant)?;
    let cuts: Vec<Cut> = match args.every {
        None => vec![Cut::Before(until)],
        Some(every) => history(market, models, every.into(), until)?,
    };
    let progress = Progress::new(!global.no_progress, "settling (days)", cuts.len() as u64);
    let (mut each, mut total) = (Vec::new(), Ran::default());
    for (n, cut) in cuts.into_iter().enumerate() {
        let ran = market.settle(models, cut, args.merchant).await?;
        total.add(ran.clone());
        if ran != Ran::default() {
            each.push((cut.day(), ran));
        }
        progress.set(n as u64 + 1);
    }
    models.catch_up(&mut |_| {})?;
    Ok((each, total))
}

/// The runs from the first line, or the first store under contract: one that has sold nothing may owe a fee.
fn history(
    market: &Market,
    models: &ReadModels,
    every: Every,
    until: NaiveDate,
) -> Result<Vec<Cut>, Failure> {
    let first = [models.first_line_booked_at()?, models.first_contracted_at()?].into_iter().flatten().min();
    let Some(first) = first else {
        say!("nothing to settle: no line was booked, and no store opened under a contract");
        return Ok(Vec::new());
    };
    let from = market.business_day_of(first)?;
    let cuts: Vec<Cut> = every.runs(from, until).collect();
    if cuts.is_empty() {
        say!(
            "nothing to settle by {until}: the first line or store is of {from}, and no cycle has ended since"
        );
    }
    Ok(cuts)
}

fn print(out: &mut Output, each: &[(NaiveDate, Ran)], total: &Ran) -> Result<(), Failure> {
    if out.format == Format::Json {
        return out.json_line(total);
    }
    let mut table = Table::new(&[
        "until",
        "settlements",
        "lines",
        "settled",
        "currency",
        "reserves_released",
        "fees_charged",
    ]);
    let runs = each.iter().map(|(day, ran)| (day.to_string(), ran));
    for (label, ran) in runs.chain((out.format == Format::Table).then(|| ("total".to_owned(), total))) {
        let sums: Vec<(Value, Value)> = match ran.settled.is_empty() {
            true => vec![(Value::None, Value::None)],
            false => {
                let sums = ran.settled.iter();
                sums.map(|(c, minor)| (Money::new(*minor, *c).into(), c.as_str().into())).collect()
            }
        };
        for (at, (sum, currency)) in sums.into_iter().enumerate() {
            // the counts are of all currencies together
            let count = |n: u64| if at == 0 { n.into() } else { Value::None };
            table.push(vec![
                label.as_str().into(),
                count(ran.settlements),
                count(ran.lines),
                sum,
                currency,
                count(ran.reserves),
                count(ran.fees),
            ]);
        }
    }
    out.table(&table)
}
