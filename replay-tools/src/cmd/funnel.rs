//! `daybook funnel`

use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_projections::metrics::{Dimension, Funnel, Question, Steps};

use crate::asked::{Asked, print, tell};
use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{Rules, askable, by_cell, put, share};
use crate::value::{Table, Value};

/// Follow visitors from a product to the cart, an order and its payment
///
/// Each step counts distinct visitors who took it after the one before, within the days asked for; with its rate to the step
/// before. By merchant, sales_channel, product, category or time all steps lie in one of these, as far as a step knows it: a cart
/// of the storefront does not know its sales channel. By channel, campaign, site, term or region the visit counts in which the
/// product was viewed. The row (any order) counts who took each step at all.
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

const COLUMNS: &[&str] =
    &["viewed", "carted", "carted_rate", "ordered", "ordered_rate", "paid", "paid_rate", "viewed_to_paid"];

const BY: &str = "By what, up to three with commas: as daybook metrics takes it";
const LIMIT: &str = "At most so many rows: those in which most visitors paid, then viewed";

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let asked = &args.asked;
    askable(&asked.by)?;
    let models = global.read_models()?;
    let at = args.cuts.at(&models)?;
    let (history, currency) =
        args.rules.history(global, &models, (asked.days.from, DEFAULT_LOOK_BACK), at)?;
    let sessions = args.rules.sessions();
    let mut found =
        history.funnel(&Question { days: asked.days, by: asked.by.clone(), sessions, currency })?;
    let left = asked.limit.keep(&mut found.cells, |(_, steps)| (steps.paid, steps.viewed));
    let table = table(&found, &asked.by)?;
    print(global, &table, &[])?;
    tell(left, "rows");
    Ok(())
}

/// Rows of the cells, of all, and of who took each step at all.
pub fn table(found: &Funnel, by: &[Dimension]) -> Result<Table, Failure> {
    let (mut table, words) = by_cell(by, COLUMNS, (&found.cells, &found.total), |steps| Ok(rates(steps)))?;
    let Steps { viewed, carted, ordered, paid } = found.anyhow;
    let anyhow = [Some(viewed), Some(carted), None, Some(ordered), None, Some(paid), None, None];
    put(&mut table, words, vec!["(any order)".into()], anyhow.map(Value::from).to_vec());
    Ok(table)
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
