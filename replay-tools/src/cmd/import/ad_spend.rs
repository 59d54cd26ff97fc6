//! `daybook import ad-spend FILE`

use std::path::PathBuf;

use daybook_domain::{Code, Currency};
use daybook_market::ad_spend::{AdSpendError, AdSpendOptions, AdSpendReport, import};

use crate::cli::Global;
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output, say};
use crate::value::{Table, grouped};

/// Import what advertising platforms say was spent on campaigns
#[derive(Debug, clap::Args)]
#[command(long_about = "Import what advertising platforms say was spent on campaigns.\n\n\
    A CSV, plain, .gz or .zst; docs/campaigns.md describes its columns. Amounts are read as exact decimals; those that a program \
    wrote from binary fractions (1.429999948) are declared. Nothing is written before the file was found sound; the same file \
    again adds nothing.")]
pub struct Args {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The file's own name for a field, such as spend=Spent; other columns are passed over then
    #[arg(long, value_name = "FIELD=COLUMN", value_parser = named)]
    column: Vec<(String, String)>,
    /// Who was paid, where the file does not say
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<Code>,
    /// The day, where the file does not say: 2026-11-22
    #[arg(long, value_name = "DAY")]
    day: Option<Code>,
    /// The currency, where the file does not say
    #[arg(long, value_name = "CURRENCY", value_parser = Currency::new)]
    currency: Option<Currency>,
    /// Plan campaigns that are not known, named by their ids
    #[arg(long)]
    plan: bool,
    /// Which of several accounts with a platform the file is of, where its rows have no ids: their rows may be alike
    #[arg(long, value_name = "ACCOUNT")]
    source: Option<Code>,
}

fn named(text: &str) -> Result<(String, String), String> {
    let (field, column) = text.split_once('=').ok_or("write FIELD=COLUMN, such as spend=Spent")?;
    Ok((field.to_owned(), column.to_owned()))
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let options = AdSpendOptions {
        columns: args.column.clone(),
        channel: args.channel,
        day: args.day,
        currency: args.currency,
        plan: args.plan,
        source: args.source,
    };
    let market = global.market()?;
    let report = global.runtime()?.block_on(import(&market, &args.file, &options))?;
    drop(market);
    let mut out = Output::new(global.format);
    unheard(print(&mut out, &report).and_then(|()| out.finish()))?;
    say!(
        "{} of {} rows recorded, {} were there before",
        grouped(&report.recorded.to_string()),
        grouped(&report.rows.to_string()),
        grouped(&report.repeated.to_string())
    );
    Ok(())
}

fn print(out: &mut Output, report: &AdSpendReport) -> Result<(), Failure> {
    let mut table = Table::new(&["campaign", "rows", "spend", "currency", "impressions", "clicks"]);
    for of in &report.campaigns {
        table.push(vec![
            of.campaign.as_str().into(),
            of.rows.into(),
            of.spend.into(),
            of.spend.currency.as_str().into(),
            of.impressions.into(),
            of.clicks.into(),
        ]);
    }
    match out.format {
        Format::Json => out.json_line(report),
        Format::Csv => out.table(&table),
        Format::Table => {
            out.heading("Spend")?;
            out.table(&table)?;
            for total in &report.totals {
                out.line(&format!("  in all {total}; {} campaigns planned now", report.planned))?;
            }
            if let Some(noise) = &report.float_noise {
                out.heading("Float noise")?;
                out.line(&format!(
                    "  {} amounts were written from binary fractions, off by at most {}; as they stand all come to {}",
                    grouped(&noise.rows.to_string()),
                    noise.most,
                    noise.sum_as_written
                ))?;
                for sample in &noise.samples {
                    out.line(&format!("  {sample}"))?;
                }
            }
            Ok(())
        }
    }
}

impl From<AdSpendError> for Failure {
    fn from(error: AdSpendError) -> Self {
        match error {
            AdSpendError::Input(error) => Self::Refused(error.to_string()),
            AdSpendError::Options(why) => Self::Usage(why),
            AdSpendError::Market(error) => error.into(),
        }
    }
}
