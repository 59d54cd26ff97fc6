//! `daybook replay`

mod definitions;
mod difference;
mod figures;
mod file;
mod model;

use std::path::PathBuf;

use chrono::NaiveDate;
use daybook_journal::Journal;
use daybook_market::what_if::restate;
use daybook_projections::metrics::{Days, Dimension};
use daybook_projections::{AsWritten, Calendar};
use daybook_reports::tables::Shape;

use self::difference::Told;
use self::figures::Comparison;
use crate::cli::Global;
use crate::cmd::export::into_file;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{Rules, days};
use crate::open::told;
use crate::output::say;
use crate::progress::Progress;
use crate::value::grouped;

/// Replay history in memory: a read model as of any moment, or what would have been under other rules
///
/// Journal and read models are read and never written; of the latter only the lists by which channels are told. With --what-if, the events whose amounts follow from the rules in the
/// file are decided again under those, and the difference is printed: for each merchant, for what the market earned and spent, and
/// for the figures that --figure names, each laid beside itself row by row (without it those whose definitions the file has).
/// People's behaviour is assumed unchanged.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A read model, or `all`: its rows as of the moment, or digests of them [default: all, without --what-if]
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// The rules that are asked about, a TOML file (docs/what-if.md)
    #[arg(long, value_name = "FILE", conflicts_with = "model")]
    what_if: Option<PathBuf>,
    /// Print a read model's rows, not its digest
    #[arg(long, conflicts_with = "what_if")]
    rows: bool,
    /// Write the rows or the difference to this file, as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write the rows or the difference to this file, as Parquet
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
    /// Write every table to this folder, as CSV and as Parquet
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Compare these figures too, with commas [default: those whose definitions the file has]
    #[arg(long, value_name = "FIGURE", value_delimiter = ',', requires = "what_if")]
    figure: Vec<figures::Figure>,
    /// Figures of these business days [default: all there are]
    #[arg(long, value_name = "DAYS", value_parser = days, requires = "what_if")]
    days: Option<Days>,
    /// Figures by what, as their subcommands take it [default: channel; of buyers and after-sales month]
    #[arg(long, value_name = "DIMENSION", requires = "what_if")]
    by: Option<Dimension>,
    /// The plan of --figure plan, a TOML file (docs/plan.md)
    #[arg(long, value_name = "FILE", requires = "what_if")]
    plan: Option<PathBuf>,
    /// Merchants for whom nothing changes too
    #[arg(long, requires = "what_if")]
    all: bool,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    cuts: Cuts,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let journal = global.read_journal()?;
    match &args.what_if {
        Some(path) => ask(global, args, path, &journal),
        None => model::run(global, args, &journal),
    }
}

/// Where results go besides standard output: each file with its shape.
impl Args {
    fn files(&self, table: &str) -> Result<Vec<(PathBuf, Shape)>, Failure> {
        let mut files: Vec<(PathBuf, Shape)> = Vec::new();
        files.extend(self.csv.iter().map(|path| (path.clone(), Shape::Csv)));
        files.extend(self.parquet.iter().map(|path| (path.clone(), Shape::Parquet)));
        if let Some(folder) = &self.out {
            std::fs::create_dir_all(folder).map_err(|error| {
                Failure::Unavailable(format!("cannot make {}: {error}", folder.display()))
            })?;
            files.push((folder.join(format!("{table}.csv")), Shape::Csv));
            files.push((folder.join(format!("{table}.parquet")), Shape::Parquet));
        }
        Ok(files)
    }
}

fn ask(global: &Global, args: &Args, path: &std::path::Path, journal: &dyn Journal) -> Result<(), Failure> {
    let asked = file::read(path)?;
    let at = args.cuts.of(journal.head()?, || Ok(Calendar::of_journal(journal)?))?;
    let (found, restated) = {
        let progress = Progress::new(!global.no_progress, "restating events", 1);
        restate(journal, &asked.rules, at, &mut told(&progress))?
    };
    let mut told = Told::of(&found, args.all)?;
    let days = args.days.unwrap_or(Days { from: NaiveDate::default(), to: found.day });
    let calendar = Calendar::of_journal(journal)?;
    let sites = global.sites(args.rules.visits().named()?)?;
    let comparison = Comparison { global, args, asked: &asked, calendar, days, sites };
    comparison.tell(&AsWritten::of(journal, at), &restated, &mut told)?;
    told.print(global.format)?;
    for (path, shape) in args.files("what_if")? {
        let rows = into_file(&path, |out| told.write(shape, out))?;
        say!("{}: {} rows", path.display(), grouped(&rows.to_string()));
    }
    Ok(())
}
