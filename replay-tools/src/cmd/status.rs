//! `daybook status`

use daybook_journal::Journal;

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::Output;
use crate::value::Table;

/// Show where the journal stands and how far the read models follow it
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(global: &Global, _: &Args) -> Result<(), Failure> {
    let journal = global.read_journal()?;
    let head = journal.head()?;
    let bytes = std::fs::metadata(journal.path()).map_or(0, |m| m.len());
    let mut table = Table::new(&["journal", "head", "bytes"]);
    table.push(vec![journal.describe().into(), head.into(), bytes.into()]);
    let mut out = Output::new(global.format);
    out.record(&table)?;
    out.finish()
}
