//! `daybook import channel-report FILE`

use std::path::PathBuf;

use daybook_market::channel_report::{ChannelReportError, import};

use crate::cli::Global;
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output, say};
use crate::value::{Table, grouped};

/// Import what sales channels (Tmall, JD, ...) say of their own visitors and sales
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Import what sales channels (Tmall, JD, ...) say of their own visitors and sales.\n\n\
    A CSV, plain, .gz or .zst; docs/campaigns.md describes its columns. Nothing of it is booked. A day that was reported before \
    with other figures is corrected; the same file again adds nothing."
)]
pub struct Args {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let market = global.market()?;
    let report = global.runtime()?.block_on(import(&market, &args.file))?;
    drop(market);
    let mut out = Output::new(global.format);
    let mut table = Table::new(&["rows", "recorded", "repeated", "fewer_pages_than_visitors"]);
    table.push(vec![
        report.rows.into(),
        report.recorded.into(),
        report.repeated.into(),
        report.fewer_pages_than_visitors.into(),
    ]);
    let printed = match out.format {
        Format::Json => out.json_line(&report),
        Format::Csv => out.table(&table),
        Format::Table => out.record(&table),
    };
    unheard(printed.and_then(|()| out.finish()))?;
    for sample in &report.samples {
        say!("fewer pages than visitors: {sample}");
    }
    say!("{} days recorded", grouped(&report.recorded.to_string()));
    Ok(())
}

impl From<ChannelReportError> for Failure {
    fn from(error: ChannelReportError) -> Self {
        match error {
            ChannelReportError::Input(error) => Self::Refused(error.to_string()),
            ChannelReportError::Market(error) => error.into(),
        }
    }
}
