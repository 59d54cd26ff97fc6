//! `daybook metrics`

use daybook_metrics::Definition;
use daybook_projections::metrics::{Cells, Dimension};

use crate::asked::{Asked, print, tell};
use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{COLUMNS, FOR_PROGRAMS, Rules, askable, dimensions, foremost, put, sells, values};
use crate::source::Sourced;
use crate::value::{Table, Value};

/// Print figures of traffic and sales over some days: GMV = UV x conversion x unit price
///
/// The identity holds in every row that has visitors. One that has sales and no visitors (who paid later than they were seen)
/// says traffic_by nobody, and a change of it is explained as untracked. By page and topic sales are left blank: none is made on one.
/// Under the plan's definition, by time and one of channel, campaign, merchant and sales_channel, figures that are kept by day
/// answer at once; else the journal is read once through, which takes a second for a million events (in JSON and CSV,
/// source says which). Visitors, pages and buyers are distinct within a row, so rows do not add up to the last one, which is all
/// of them. Orders that no recorded visit led to are untracked, on a line of their own. By sales_channel (and time), all that a channel
/// sold on days of which it reported its own visitors stands in a row of its own (traffic_by sales channel), and (reported) is all of
/// these. Such visitors are known of one day: of more they are blank, and conversion with them. A view counts on its own day, a
/// visit on the one it began on, an order on the one on which it was paid for; an order counts for the channel and campaign of the last visit before it, and by category or product
/// each of its lines for its own. A bounce rate is the share of visitors with a visit to one page only under the plan's
/// definition, of visits under the tools'.
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

const BY: &str = "By what, up to three with commas: day, week, month, hour, weekday, channel, paid, site, term, \
                  region, campaign, merchant, sales_channel, category, product, page, topic, visitor";
const LIMIT: &str = "At most so many rows: those with the most GMV, then UV";

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let asked = &args.asked;
    askable(&asked.by)?;
    let models = global.read_models()?;
    let at = args.cuts.at(&models)?;
    let found = args.rules.cells(global, &models, (asked.days, &asked.by), at)?;
    let left = found.answer.cells.len().saturating_sub(asked.limit.most() as usize);
    let table = table(found, &asked.by, args.rules.definition(), asked.limit.most());
    print(global, &table, FOR_PROGRAMS)?;
    tell(left, "rows");
    Ok(())
}

/// Rows of so many cells at most, and of all.
pub fn table(found: Sourced<Cells>, by: &[Dimension], definition: Definition, limit: u32) -> Table {
    let Sourced { answer: found, source } = found;
    let (mut columns, words) = dimensions(by, COLUMNS);
    columns.push("source");
    let mut table = Table::new(&columns);
    let mut row = |named: Vec<Value>, cell, sells| {
        let mut figures = values(cell, definition, sells);
        figures.push(source.into());
        put(&mut table, words, named, figures);
    };
    let mut cells = found.cells;
    // whoever makes up names must not push those out that sold something
    foremost(&mut cells, limit, |(_, cell)| (cell.gmv.minor, cell.visitors()));
    for (named, cell) in &cells {
        row(named.iter().map(|word| word.as_str().into()).collect(), cell, sells(by));
    }
    row(vec!["(tracked)".into()], &found.total, true);
    if found.reported.reported.is_some() {
        row(vec!["(reported)".into()], &found.reported, true);
    }
    if found.untracked.orders > 0 {
        row(vec!["(untracked)".into()], &found.untracked, true);
    }
    table
}
