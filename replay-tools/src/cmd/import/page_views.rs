//! `daybook import page-views FILE`

use std::path::PathBuf;
use std::time::Instant;

use daybook_market::page_views::{PageViewsError, PageViewsReport, Source, import};

use crate::cli::Global;
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output, say};
use crate::progress::Progress;
use crate::value::{Table, grouped};

/// Import what visitors looked at and did: page views and acts
#[derive(Debug, clap::Args)]
#[command(long_about = "Import what visitors looked at and did: page views and acts.\n\n\
    A file of JSON lines or CSV, one hit a row; docs/page-views.md describes the fields. Every row is checked before \
    the first is recorded: what is no table of hits is refused with its line and field, rows beyond a bound are left \
    out and counted. The same file again adds nothing.")]
pub struct Args {
    /// The file: .jsonl or .csv, plain or with .gz or .zst after that
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let started = Instant::now();
    let source = Source::new(&args.file)?;
    let market = global.market()?;
    let runtime = global.runtime()?;
    let progress = Progress::new(!global.no_progress, "checking", 0);
    let report = import(&market, &source, runtime.handle(), |done, of| {
        if of > 0 {
            progress.phase("recording");
            progress.total(of);
        }
        progress.set(done);
    })?;
    drop(progress);
    drop(market);
    let seconds = started.elapsed().as_secs_f64();
    let mut out = Output::new(global.format);
    unheard(print(&mut out, &report).and_then(|()| out.finish()))?;
    say!("{} hits recorded in {seconds:.1} s", grouped(&report.recorded.to_string()));
    Ok(())
}

fn print(out: &mut Output, report: &PageViewsReport) -> Result<(), Failure> {
    let mut findings = Table::new(&["finding", "rows", "means", "first"]);
    for finding in &report.findings {
        let first = finding.samples.first().cloned().unwrap_or_default();
        findings.push(vec![
            finding.kind.as_str().into(),
            finding.count.into(),
            finding.says.into(),
            first.into(),
        ]);
    }
    match out.format {
        Format::Json => out.json_line(report),
        Format::Csv => out.table(&findings),
        Format::Table => {
            let mut totals = Table::new(&[
                "rows",
                "hits",
                "views",
                "acts",
                "recorded",
                "repeated",
                "left_out",
                "out_of_order",
                "first",
                "last",
            ]);
            totals.push(vec![
                report.rows.into(),
                report.hits.into(),
                report.views.into(),
                report.acts.into(),
                report.recorded.into(),
                report.repeated.into(),
                report.left_out.into(),
                report.out_of_order.into(),
                report.first.into(),
                report.last.into(),
            ]);
            out.heading("Imported")?;
            out.record(&totals)?;
            if !report.findings.is_empty() {
                out.heading("Left out")?;
                out.table(&findings)?;
            }
            Ok(())
        }
    }
}

impl From<PageViewsError> for Failure {
    fn from(error: PageViewsError) -> Self {
        match error {
            PageViewsError::Input(error) => Self::Refused(error.to_string()),
            PageViewsError::Market(error) => error.into(),
        }
    }
}
