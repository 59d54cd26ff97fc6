//! `daybook buyers`

use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_projections::metrics::{BuyerFigures, BuyersByCell, Dimension, Question};

use crate::asked::{Asked, print, tell};
use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{Rules, askable, by_cell, per, share};
use crate::value::{Table, Value};

/// Print who bought: new and old buyers, who came again, and what they brought
///
/// Buyers count whether or not a recorded visit led to their orders. A buyer is new in the period of its first paid order of
/// all; the repeat rate is the share of buyers who paid for more than one order in the row. By time only: registrations are
/// accounts made, registered_terminals those on which somebody first registered as their hits tell; they do not add up.
#[derive(Debug, clap::Args)]
#[command(mut_arg("by", |by| by.help(BY)), mut_arg("limit", |limit| limit.help(LIMIT)))]
pub struct Args {
    #[command(flatten)]
    asked: Asked,
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

const BY: &str = "By what, up to three with commas: day, week, month, merchant, sales_channel, category, \
                  product";
const LIMIT: &str = "At most so many rows: those with the most GMV, then buyers";

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let asked = &args.asked;
    askable(&asked.by)?;
    let models = global.read_models()?;
    let at = args.cuts.at(&models)?;
    let (history, currency) =
        args.rules.history(global, &models, (asked.days.from, DEFAULT_LOOK_BACK), at)?;
    let sessions = args.rules.sessions();
    let (mut cells, total) =
        history.buyers(&Question { days: asked.days, by: asked.by.clone(), sessions, currency })?;
    let left = asked.limit.keep(&mut cells, |(_, of)| (of.gmv.minor, of.buyers, of.registrations));
    print(global, &table(&(cells, total), &asked.by)?, &[])?;
    tell(left, "rows");
    Ok(())
}

/// Rows of the cells, and of all.
pub fn table((cells, total): &BuyersByCell, by: &[Dimension]) -> Result<Table, Failure> {
    Ok(by_cell(by, COLUMNS, (cells, total), values)?.0)
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
