//! `daybook explain-gmv`

use daybook_projections::metrics::{Cell, Days, Dimension, ExplainedCell, Explanation};

use crate::asked::print;
use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{Rules, days};
use crate::value::{Table, Value};

/// Explain a change of GMV by traffic, mix, conversion and unit price, to the cent
///
/// The parts of all rows add up to the change exactly. Mix is what a row's share of all visitors did; sales that no
/// recorded visit led to are untracked, on a line of their own, and so is, within a row, a GMV without visitors: what
/// daybook metrics calls traffic_by nobody. By sales_channel, the visitors that a channel itself reported count where they are
/// known both before and after, of one day each; else what it sold without a recorded visit is untracked on both sides.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The period before: a month (2018-05), a day, or days (2018-05-01..2018-05-15)
    #[arg(long, value_name = "DAYS", value_parser = days)]
    from: Days,
    /// The period after
    #[arg(long, value_name = "DAYS", value_parser = days)]
    to: Days,
    /// By what: channel, paid, site, term, region, campaign, merchant, sales_channel, category, product, visitor, hour, weekday
    #[arg(long, value_name = "DIMENSION")]
    by: Option<Dimension>,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    cuts: Cuts,
}

const COLUMNS: &[&str] = &[
    "currency",
    "uv_before",
    "uv_after",
    "buyers_before",
    "buyers_after",
    "gmv_before",
    "gmv_after",
    "change",
    "traffic",
    "mix",
    "conversion",
    "unit_price",
    "untracked",
    "method",
    "traffic_by",
];

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let at = args.cuts.at(&models)?;
    let by: Vec<Dimension> = args.by.into_iter().collect();
    let found = args.rules.explanation(global, &models, (args.from, args.to, &by), at)?.answer;
    let table = table(&found, by.first().copied())?;
    print(global, &table, &[])
}

/// Rows of the cells, of what is untracked, and of all.
pub fn table(found: &Explanation, by: Option<Dimension>) -> Result<Table, Failure> {
    let mut columns = vec![by.map_or("row", Dimension::as_str)];
    columns.extend(COLUMNS);
    let mut table = Table::new(&columns);
    for cell in &found.cells {
        let name = if by.is_none() { "(tracked)" } else { &cell.name };
        table.push(row(name, cell)?);
    }
    table.push(row("(untracked)", &found.untracked)?);
    table.push(row("(all)", &found.total)?);
    Ok(table)
}

fn row(name: &str, cell: &ExplainedCell) -> Result<Vec<Value>, Failure> {
    let explained = &cell.explained;
    let change = explained.change().map_err(|error| Failure::Refused(error.to_string()))?;
    let (before, after) = (cell.before.as_ref(), cell.after.as_ref());
    Ok(vec![
        name.into(),
        change.currency.as_str().into(),
        before.and_then(Cell::visitors).into(),
        after.and_then(Cell::visitors).into(),
        before.map(|cell| cell.buyers).into(),
        after.map(|cell| cell.buyers).into(),
        explained.before.into(),
        explained.after.into(),
        change.into(),
        explained.traffic.into(),
        explained.mix.into(),
        explained.conversion.into(),
        explained.unit_price.into(),
        explained.untracked.into(),
        cell.method().map(|method| method.as_str()).into(),
        after.or(before).and_then(Cell::traffic_by).into(),
    ])
}
