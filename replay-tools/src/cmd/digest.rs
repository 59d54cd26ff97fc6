//! `daybook digest`

use crate::cli::Global;
use crate::failure::Failure;
use crate::output::Output;
use crate::value::Table;

/// Print a digest of every table of the read models
#[derive(Debug, clap::Args)]
#[command(long_about = "Print a digest of every table of the read models.\n\n\
    Equal digests are equal rows: compare a copy, a rebuild, or the same import on another machine.")]
pub struct Args {}

pub fn run(global: &Global, _: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let mut table = Table::new(&["table", "rows", "digest"]);
    for digest in models.digests()? {
        table.push(vec![digest.table.into(), digest.rows.into(), digest.digest.to_string().into()]);
    }
    let mut out = Output::new(global.format);
    out.table(&table)?;
    out.finish()
}
