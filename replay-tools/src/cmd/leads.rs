//! `daybook leads`

use daybook_projections::metrics::{Days, LeadFigures};

use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{days, share, span};
use crate::open::told;
use crate::output::Output;
use crate::progress::Progress;
use crate::value::{Table, Value};

/// Print how many leads came by which channel and became merchants
///
/// A lead counts on the day of its first contact; what became of it, whenever. Median and p95 are nearest ranks of the days from
/// the first contact to the merchant.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only leads first in touch on these business days: a month (2018-05), a day, or days (2018-05-01..2018-05-15)
    #[arg(long, value_name = "DAYS", value_parser = days)]
    days: Option<Days>,
    #[command(flatten)]
    cuts: Cuts,
}

const COLUMNS: &[&str] =
    &["origin", "leads", "qualified", "won", "lost", "won_rate", "won_median_days", "won_p95_days"];

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let at = args.cuts.at(&models)?;
    let progress = Progress::new(!global.no_progress, "leads", 1);
    let found = models.leads_by_origin(args.days, at, &mut told(&progress))?;
    let mut table = Table::new(COLUMNS);
    let mut all = LeadFigures::default();
    for (origin, of) in &found {
        all.leads += of.leads;
        all.qualified += of.qualified;
        all.won += of.won;
        all.lost += of.lost;
        table.push(row(origin, of));
    }
    table.push(row("(all)", &all));
    let mut out = Output::new(global.format);
    out.table(&table)?;
    out.finish()
}

fn row(origin: &str, of: &LeadFigures) -> Vec<Value> {
    vec![
        origin.into(),
        of.leads.into(),
        of.qualified.into(),
        of.won.into(),
        of.lost.into(),
        share(of.won, of.leads),
        span(of.winning.median, 86_400, 2),
        span(of.winning.p95, 86_400, 2),
    ]
}
