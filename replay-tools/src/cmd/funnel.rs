//! `daybook funnel`

use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_projections::metrics::{Days, Dimension, Funnel, Question, Steps};

use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{Rules, askable, days, dimensions, foremost, put, share};
use crate::output::{Output, say};
use crate::value::{Table, Value};

/// Follow visitors from a product to the cart, an order and its payment
///
/// Each step counts distinct visitors who took it after the one before, within the days asked for; with its rate to the step
/// before. By merchant, sales_channel, product, category or time all steps lie in one of these, as far as a step knows it: a cart
/// of the storefront does not know its sales channel. By channel, campaign, site, term or region the visit counts in which the
/// product was viewed. The row (any order) counts who took each step at all.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which business days: a month (2018-05), a day (2018-05-03), or from one to another (2018-05-01..2018-05-15)
    #[arg(long, value_name = "DAYS", value_parser = days)]
    days: Days,
    /// By what, up to three with commas: as daybook metrics takes it
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',')]
    by: Vec<Dimension>,
    /// At most so many rows: those in which most visitors paid, then viewed
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    cuts: Cuts,
}

const COLUMNS: &[&str] =
    &["viewed", "carted", "carted_rate", "ordered", "ordered_rate", "paid", "paid_rate", "viewed_to_paid"];

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    askable(&args.by)?;
    let models = global.read_models()?;
    let at = args.cuts.at(&models)?;
    let (history, currency) = args.rules.history(global, &models, (args.days.from, DEFAULT_LOOK_BACK), at)?;
    let sessions = args.rules.sessions();
    let mut found = history.funnel(&Question { days: args.days, by: args.by.clone(), sessions, currency })?;
    let left = foremost(&mut found.cells, args.limit, |(_, steps)| (steps.paid, steps.viewed));
    let table = table(&found, &args.by);
    let mut out = Output::new(global.format);
    out.table(&table)?;
    out.finish()?;
    if left > 0 {
        say!("{left} more rows: raise --limit to see them");
    }
    Ok(())
}

/// Rows of the cells, of all, and of who took each step at all.
pub fn table(found: &Funnel, by: &[Dimension]) -> Table {
    let (columns, words) = dimensions(by, COLUMNS);
    let mut table = Table::new(&columns);
    for (named, steps) in &found.cells {
        put(&mut table, words, named.iter().map(|word| word.as_str().into()).collect(), rates(steps));
    }
    put(&mut table, words, vec!["(all)".into()], rates(&found.total));
    let Steps { viewed, carted, ordered, paid } = found.anyhow;
    let anyhow = [Some(viewed), Some(carted), None, Some(ordered), None, Some(paid), None, None];
    put(&mut table, words, vec!["(any order)".into()], anyhow.map(Value::from).to_vec());
    table
}

fn rates(steps: &Steps) -> Vec<Value> {
    let Steps { viewed, carted, ordered, paid } = *steps;
    vec![
        viewed.into(),
        carted.into(),
        share(carted, viewed),
        ordered.into(),
        share(ordered, carted),
        paid.into(),
        share(paid, ordered),
        share(paid, viewed),
    ]
}
