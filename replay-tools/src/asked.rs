//! What the subcommands of figures are asked by, and how their answers are printed.

use daybook_projections::metrics::{Days, Dimension};

use crate::cli::Global;
use crate::failure::Failure;
use crate::figures::{days, foremost};
use crate::output::{Format, Output, say};
use crate::value::Table;

/// Which days, by what, and how many rows.
#[derive(Debug, clap::Args)]
pub struct Asked {
    /// Which business days: a month (2018-05), a day (2018-05-03), or from one to another (2018-05-01..2018-05-15)
    #[arg(long, value_name = "DAYS", value_parser = days)]
    pub days: Days,
    /// By what, up to three with commas
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',')]
    pub by: Vec<Dimension>,
    #[command(flatten)]
    pub limit: Limit,
}

/// How many rows.
#[derive(Debug, clap::Args)]
pub struct Limit {
    /// At most so many rows
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

impl Limit {
    /// Most rows.
    pub fn most(&self) -> u32 {
        self.limit
    }

    /// Keeps so many rows, those with the most first to be kept; says how many are left out.
    pub fn keep<T, K: Ord>(&self, rows: &mut Vec<T>, most: impl Fn(&T) -> K) -> usize {
        foremost(rows, self.limit, most)
    }
}

/// Says how many rows a limit left out.
pub fn tell(left: usize, what: &str) {
    if left > 0 {
        say!("{left} more {what}: raise --limit to see them");
    }
}

/// Prints an answer; people see neither what is meant for programs alone nor what is empty.
pub fn print(global: &Global, table: &Table, for_programs: &[&str]) -> Result<(), Failure> {
    let mut out = Output::new(global.format);
    match out.format {
        Format::Table => {
            let columns = table.columns.iter().filter(|column| !for_programs.contains(column));
            out.table(&table.select(&columns.copied().collect::<Vec<_>>()).without_empty())?;
        }
        Format::Json | Format::Csv => out.table(table)?,
    }
    out.finish()
}
