//! `daybook profit-loss`

use crate::cli::Global;
use crate::cuts::Span;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::value::{Table, Value, amounts};

/// Print what the market earned and spent, of all time, of a month, or from day to day
///
/// Income is positive, expenses are negative. `of_earlier` is the part of an amount that happened in an earlier
/// period, closed already when it was reported.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// By category, campaign and provider
    #[arg(long)]
    detail: bool,
    #[command(flatten)]
    span: Span,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let (from, at) = args.span.asked(&models)?;
    let found = models.profit_loss(from, at, args.detail)?;
    let columns = ["class", "name", "dimension", "currency", "amount", "of_earlier", "entries"];
    let mut table = Table::new(&columns);
    for line in &found.lines {
        let money = amounts(&line.currency);
        table.push(vec![
            line.class.as_str().into(),
            line.name.as_str().into(),
            line.dimension.as_str().into(),
            line.currency.as_str().into(),
            money(line.amount),
            money(line.of_earlier),
            line.entries.into(),
        ]);
    }
    for (currency, result) in found.results() {
        let money = amounts(&currency)(result);
        let nothing = || Value::None;
        let row = ["Result".into(), nothing(), nothing(), currency.into(), money, nothing(), nothing()];
        table.push(row.to_vec());
    }
    let mut out = Output::new(global.format);
    match out.format {
        Format::Table => out.table(&table.without_nothing())?,
        Format::Json | Format::Csv => out.table(&table)?,
    }
    out.finish()
}
