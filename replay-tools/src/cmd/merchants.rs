//! `daybook merchants`

use daybook_projections::queries::Page;
use daybook_projections::{AsOf, ReadModels};

use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::open::told;
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
    rows::page(global, &page, COLUMNS, "merchants")
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
    let mut rows: Vec<_> = found.into_iter().filter(|b| b.merchant_id.as_str() > after).collect();
    // a page ends with a whole merchant, whatever its currencies
    let mut end = rows.len().min(args.limit as usize);
    while end > 0 && rows.get(end).is_some_and(|next| next.merchant_id == rows[end - 1].merchant_id) {
        end += 1;
    }
    let more = rows.len() > end;
    rows.truncate(end);
    let next = rows.last().filter(|_| more).map(|last| last.merchant_id.clone());
    rows::page(global, &Page { rows, next }, BALANCE, "balances")
}
