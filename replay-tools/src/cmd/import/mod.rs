//! `daybook import olist DIR`, `import page-views|ad-spend|channel-report FILE`

mod ad_spend;
mod channel_report;
mod page_views;

use std::path::PathBuf;
use std::time::Instant;

use clap::Subcommand;
use daybook_domain::Rate;
use daybook_market::olist::{ImportError, Plan, Report, import};

use crate::cli::Global;
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output, say};
use crate::progress::Progress;
use crate::value::{Table, Value, grouped};

/// Bring in the history of another system
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    source: Source,
}

#[derive(Debug, Subcommand)]
enum Source {
    Olist(Olist),
    PageViews(page_views::Args),
    AdSpend(Box<ad_spend::Args>),
    ChannelReport(channel_report::Args),
}

/// Import the Olist data set (Brazilian marketplace, 2016 to 2018)
#[derive(Debug, clap::Args)]
#[command(long_about = "Import the Olist data set (Brazilian marketplace, 2016 to 2018).\n\n\
    A market that has not begun begins with it: in BRL, with the business days of São Paulo. One that has keeps its own. \
    Nothing is written before all files have been read and found sound. An import that was stopped goes on when it \
    is run again; one that is complete adds nothing.")]
struct Olist {
    /// The folder with its tables: .csv, .csv.zst or .csv.gz
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Commission on the prices of delivered goods: a rate, not percent
    #[arg(long, value_name = "RATE", default_value = "0.10")]
    commission: Rate,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.source {
        Source::Olist(args) => olist(global, args),
        Source::PageViews(args) => page_views::run(global, args),
        Source::AdSpend(args) => ad_spend::run(global, args),
        Source::ChannelReport(args) => channel_report::run(global, args),
    }
}

fn olist(global: &Global, args: &Olist) -> Result<(), Failure> {
    let started = Instant::now();
    let progress = Progress::new(!global.no_progress, "reading the tables", 0);
    let plan = Plan::read(&args.folder, args.commission).map_err(ImportError::from)?;
    drop(progress);
    let market = global.market()?;
    let progress = Progress::new(!global.no_progress, "importing", plan.steps());
    let outcome = global.runtime()?.block_on(import(&market, &plan, |done, of| {
        progress.total(of);
        progress.set(done);
    }));
    drop(progress);
    drop(market);
    let (report, failed) = match outcome {
        Ok(report) => (report, None),
        Err(ImportError::Changed { ref report, .. } | ImportError::Stopped { ref report, .. }) => {
            (report.as_ref().clone(), outcome.err())
        }
        Err(error) => return Err(error.into()),
    };
    let mut out = Output::new(global.format);
    unheard(print(&mut out, &report).and_then(|()| out.finish()))?;
    let seconds = started.elapsed().as_secs_f64();
    say!("{} events in {seconds:.1} s", grouped(&report.events.to_string()));
    match failed {
        Some(error) => Err(error.into()),
        None if report.complete => Ok(()),
        None => Err(Failure::Refused(format!("{} commands were refused; see the report", report.refused))),
    }
}

/// The report: totals, findings by kind, refusals.
fn print(out: &mut Output, report: &Report) -> Result<(), Failure> {
    let mut findings = Table::new(&["finding", "count", "amount", "means", "ids"]);
    for finding in &report.findings {
        findings.push(vec![
            finding.kind.as_str().into(),
            finding.count.into(),
            finding.amount.into(),
            finding.says.into(),
            finding.samples.join(" ").into(),
        ]);
    }
    match out.format {
        Format::Json => out.json_line(report),
        Format::Csv => out.table(&findings),
        Format::Table => {
            out.heading("Imported")?;
            out.record(&totals(report)?)?;
            out.heading("Findings")?;
            out.table(&findings.select(&["finding", "count", "amount", "means"]))?;
            if report.refused > 0 {
                out.heading(&format!("Refused commands: {}", report.refused))?;
                for refusal in &report.refusals {
                    out.line(&format!(
                        "  {} {}: {} ({})",
                        refusal.stream, refusal.command, refusal.message, refusal.code
                    ))?;
                }
            }
            Ok(())
        }
    }
}

/// The totals in one row, as they serialize.
fn totals(report: &Report) -> Result<Table, Failure> {
    let t = &report.totals;
    let columns: [(&'static str, Value); 21] = [
        ("events_added", report.events.into()),
        ("checkouts", t.checkouts.into()),
        ("orders", t.orders.into()),
        ("lines", t.lines.into()),
        ("payments", t.payments.into()),
        ("merchants", t.merchants.into()),
        ("leads", t.leads.into()),
        ("reviews", t.reviews.into()),
        ("positive_reviews", t.positive_reviews.into()),
        ("currency", t.captured.currency.as_str().into()),
        ("captured", t.captured.into()),
        ("funded", t.funded.into()),
        ("shortfall", t.shortfall.into()),
        ("released", t.released.into()),
        ("commission", t.commission.into()),
        ("in_escrow", t.in_escrow.into()),
        ("escrow_refunded", t.escrow_refunded.into()),
        ("unallocated_refunded", t.unallocated_refunded.into()),
        ("still_unallocated", t.still_unallocated.into()),
        ("provider_assets", t.provider_assets.into()),
        ("commission_rate", report.commission.to_string().into()),
    ];
    let (names, row): (Vec<&'static str>, Vec<Value>) = columns.into_iter().unzip();
    let mut table = Table::new(&names);
    table.push(row);
    Ok(table)
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Input(_) | ImportError::Rate(_) | ImportError::Changed { .. } => {
                Self::Refused(error.to_string())
            }
            ImportError::Unavailable(_) | ImportError::Stopped { .. } => Self::Unavailable(error.to_string()),
        }
    }
}
