//! `daybook export`

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use daybook_projections::ReadModels;
use daybook_reports::plaintext::{Program, Written, write_books};
use daybook_reports::tables::{Shape, Table, document, tables, write_table};
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
    /// Tables as CSV, with a document of their columns
    Csv(Tables),
    /// Tables as Parquet, for DuckDB and its like, with a document of their columns
    Parquet(Tables),
}

#[derive(Debug, clap::Args)]
struct Tables {
    /// The folder to write to; made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only this table; may be given several times [default: all]
    #[arg(long = "table", value_name = "TABLE", value_parser = table)]
    tables: Vec<Table>,
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
        To::Csv(tables) => export_tables(global, Shape::Csv, tables),
        To::Parquet(tables) => export_tables(global, Shape::Parquet, tables),
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

/// A table by its name.
fn table(name: &str) -> Result<Table, String> {
    let all = tables();
    let known: Vec<&str> = all.iter().map(|table| table.name).collect();
    let known = known.join(", ");
    all.into_iter()
        .find(|table| table.name == name)
        .ok_or_else(|| format!("there is no such table; there are {known}"))
}

fn export_tables(global: &Global, shape: Shape, args: &Tables) -> Result<(), Failure> {
    let models = global.read_models()?;
    let wanted = if args.tables.is_empty() { tables() } else { args.tables.clone() };
    std::fs::create_dir_all(&args.out)
        .map_err(|error| Failure::Unavailable(format!("cannot make {}: {error}", args.out.display())))?;
    let ending = match shape {
        Shape::Csv => "csv",
        Shape::Parquet => "parquet",
    };
    for table in &wanted {
        let path = args.out.join(format!("{}.{ending}", table.name));
        let rows = into_file(&path, |out| Ok(write_table(&models, table, shape, out)?))?;
        say!("{}: {} rows", path.display(), grouped(&rows.to_string()));
    }
    into_file(&args.out.join("columns.md"), |out| Ok(out.write_all(document(&wanted).as_bytes())?))
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
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, Failure>,
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
            other => Self::Unavailable(other.to_string()),
        }
    }
}
