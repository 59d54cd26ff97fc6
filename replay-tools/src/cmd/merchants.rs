//! `daybook merchants`

use daybook_projections::{AsOf, ReadModels};

use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::open::told;
use crate::output::{Format, Output, say};
use crate::progress::Progress;
use crate::rows;

/// List the merchants; as of a moment, their balances
///
/// As of a moment the journal is read once through, which takes seconds per million events.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only those of this standing: applied, approved, open, suspended, terminated, ...
    #[arg(long, value_name = "STANDING")]
    standing: Option<String>,
    /// Only those beyond this id
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    #[command(flatten)]
    cuts: Cuts,
}

/// Columns of a balance for people; the others are in JSON and CSV.
const BALANCE: &[&str] = &[
    "merchant_id",
    "currency",
    "escrow",
    "pending",
    "available",
    "held",
    "reserve",
    "in_transit",
    "owed",
    "paid_out",
];

/// Columns for people; the others are in JSON and CSV.
const COLUMNS: &[&str] = &[
    "merchant_id",
    "standing",
    "name",
    "orders",
    "orders_delivered",
    "orders_completed",
    "orders_refunded",
    "disputes",
    "reviews",
    "reviews_positive",
];

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let at = args.cuts.at(&models)?;
    if at != AsOf::HEAD {
        return balances(global, args, &models, at);
    }
    let page = models.merchants(args.standing.as_deref(), args.after.as_deref(), args.limit)?;
    let table = rows::table(&page.rows, None);
    let mut out = Output::new(global.format);
    match out.format {
        Format::Table => out.table(&table.select(COLUMNS).without_empty())?,
        Format::Json | Format::Csv => out.table(&table)?,
    }
    out.finish()?;
    if let Some(next) = page.next {
        say!("{} merchants; go on with --after {next}", page.rows.len());
    }
    Ok(())
}

/// The balances of all merchants as of a moment, within the bounds of a page.
fn balances(global: &Global, args: &Args, models: &ReadModels, at: AsOf) -> Result<(), Failure> {
    if let Some(standing) = &args.standing {
        let why = format!("--standing {standing} is known of now only: leave it out to ask as of a moment");
        return Err(Failure::Usage(why));
    }
    let found = {
        let progress = Progress::new(!global.no_progress, "as of a moment", 1);
        models.merchants_as_of(at, &mut told(&progress))?
    };
    let after = args.after.as_deref().unwrap_or("");
    let mut page: Vec<_> = found.into_iter().filter(|b| b.merchant_id.as_str() > after).collect();
    // a page ends with a whole merchant, whatever its currencies
    let mut end = page.len().min(args.limit as usize);
    while end > 0 && page.get(end).is_some_and(|next| next.merchant_id == page[end - 1].merchant_id) {
        end += 1;
    }
    let more = page.len() > end;
    page.truncate(end);
    let table = rows::table(&page, None);
    let mut out = Output::new(global.format);
    match out.format {
        Format::Table => out.table(&table.select(BALANCE))?,
        Format::Json | Format::Csv => out.table(&table)?,
    }
    out.finish()?;
    if let Some(last) = page.last().filter(|_| more) {
        say!("{} balances; go on with --after {}", page.len(), last.merchant_id);
    }
    Ok(())
}
