//! `daybook merchants`

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::{Format, Output, say};
use crate::rows;

/// List the merchants
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
}

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
