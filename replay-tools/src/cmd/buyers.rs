//! `daybook buyers`

use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_projections::metrics::{BuyerFigures, Days, Dimension, Question};

use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{Rules, askable, days, dimensions, foremost, per, put, share};
use crate::output::{Format, Output, say};
use crate::value::{Table, Value};

/// Print who bought: new and old buyers, who came again, and what they brought
///
/// Buyers count whether or not a recorded visit led to their orders. A buyer is new in the period of its first paid order of
/// all; the repeat rate is the share of buyers who paid for more than one order in the row. By time only: registrations are
/// accounts made, registered_terminals those on which somebody first registered as their hits tell; they do not add up.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which business days: a month (2018-05), a day (2018-05-03), or from one to another (2018-05-01..2018-05-15)
    #[arg(long, value_name = "DAYS", value_parser = days)]
    days: Days,
    /// By what, up to three with commas: day, week, month, merchant, sales_channel, category, product
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',')]
    by: Vec<Dimension>,
    /// At most so many rows: those with the most GMV, then buyers
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    cuts: Cuts,
}

const COLUMNS: &[&str] = &[
    "currency",
    "registrations",
    "registered_terminals",
    "buyers",
    "new_buyers",
    "old_buyers",
    "repeat_buyers",
    "repeat_rate",
    "orders",
    "orders_per_buyer",
    "gmv",
    "new_gmv",
    "old_gmv",
    "unit_price",
    "average_order_value",
];

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    askable(&args.by)?;
    let models = global.read_models()?;
    let at = args.cuts.at(&models)?;
    let (history, currency) = args.rules.history(global, &models, (args.days.from, DEFAULT_LOOK_BACK), at)?;
    let sessions = args.rules.sessions();
    let (mut cells, total) =
        history.buyers(&Question { days: args.days, by: args.by.clone(), sessions, currency })?;
    let (columns, words) = dimensions(&args.by, COLUMNS);
    let mut table = Table::new(&columns);
    let left = foremost(&mut cells, args.limit, |(_, of)| (of.gmv.minor, of.buyers, of.registrations));
    for (named, figures) in &cells {
        put(&mut table, words, named.iter().map(|word| word.as_str().into()).collect(), values(figures)?);
    }
    put(&mut table, words, vec!["(all)".into()], values(&total)?);
    let mut out = Output::new(global.format);
    match out.format {
        Format::Table => out.table(&table.without_empty())?,
        Format::Json | Format::Csv => out.table(&table)?,
    }
    out.finish()?;
    if left > 0 {
        say!("{left} more rows: raise --limit to see them");
    }
    Ok(())
}

fn values(of: &BuyerFigures) -> Result<Vec<Value>, Failure> {
    let old = of.gmv.sub(of.new_gmv).map_err(|error| Failure::Refused(error.to_string()))?;
    Ok(vec![
        of.gmv.currency.as_str().into(),
        of.registrations.into(),
        of.registered_terminals.into(),
        of.buyers.into(),
        of.new_buyers.into(),
        (of.buyers - of.new_buyers).into(),
        of.repeat_buyers.into(),
        share(of.repeat_buyers, of.buyers),
        of.orders.into(),
        share(of.orders, of.buyers),
        of.gmv.into(),
        of.new_gmv.into(),
        old.into(),
        per(of.gmv, of.buyers),
        per(of.gmv, of.orders),
    ])
}
