//! `daybook export`

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use daybook_projections::ReadModels;
use daybook_reports::plaintext::{Program, Written, write_books};
use daybook_reports::{Period, ReportError};

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::say;
use crate::value::grouped;

/// Write the books for other programs
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    to: To,
}

#[derive(Debug, Subcommand)]
enum To {
    /// For beancount: a transaction per event, a balance directive per account and month
    Beancount(Books),
    /// For hledger: a transaction per event, a balance assertion per account and month
    Hledger(Books),
    /// For ledger: a transaction per event, a balance assertion per account and month
    Ledger(Books),
}

#[derive(Debug, clap::Args)]
struct Books {
    /// Only this month or year, with opening balances: 2018-05, 2018
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
    /// The file to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.to {
        To::Beancount(books) => export(global, Program::Beancount, books),
        To::Hledger(books) => export(global, Program::Hledger, books),
        To::Ledger(books) => export(global, Program::Ledger, books),
    }
}

fn export(global: &Global, program: Program, args: &Books) -> Result<(), Failure> {
    let models = global.read_models()?;
    let period = args.period.as_deref().map(|text| period(&models, text)).transpose()?;
    let written = match &args.out {
        Some(path) => into_file(path, |out| Ok(write_books(&models, program, period, out)?))?,
        None => write_books(&models, program, period, &mut BufWriter::new(io::stdout().lock()))?,
    };
    let Written { accounts, events, entries, assertions } = written;
    let n = |n: u64| grouped(&n.to_string());
    say!(
        "{} events, {} entries, {} accounts, {} balances asserted",
        n(events),
        n(entries),
        n(accounts),
        n(assertions)
    );
    Ok(())
}

/// A period that has begun, in the market's time zone.
pub fn period(models: &ReadModels, text: &str) -> Result<Period, Failure> {
    let calendar = models.calendar()?;
    let period = Period::parse(text, calendar).map_err(Failure::Usage)?;
    let now = daybook_commands::Clock::now(&daybook_commands::SystemClock);
    if period.from.0 > now {
        return Err(Failure::Refused(format!(
            "period {text} lies in the future: it begins on {}",
            period.first
        )));
    }
    Ok(period)
}

/// Writes a file whole or not at all: beside its place first, and moved there when it is done.
pub fn into_file<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let failed = |error: io::Error| Failure::Unavailable(format!("cannot write {}: {error}", path.display()));
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&beside).map_err(failed)?);
    let written = write(&mut out).and_then(|written| {
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&beside, path).map_err(failed)?;
        Ok(written)
    });
    if written.is_err() {
        // what is left of it is of no use
        let _ = std::fs::remove_file(&beside);
    }
    written
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::ReadModels(error) => error.into(),
            ReportError::Write(error) => error.into(),
            ReportError::Workbook(_) => Self::Unavailable(error.to_string()),
        }
    }
}
