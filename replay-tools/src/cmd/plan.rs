//! `daybook plan`

use std::path::PathBuf;

use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::Rules;
use crate::output::{Format, Output};
use crate::plans::{ATTAINED_SHOWN, hold, read, table, takes};

/// Hold a plan's targets against what was recorded, and tell what it takes to reach them
///
/// Attainment is the actual by the target to date: of what adds up, the part that the days so far are of all its days. The
/// forecast goes on as in the days so far. What it takes is told of GMV, orders, buyers and visitors that going on as in the last
/// days does not reach: the visitors, the conversion, the orders for each buyer or the price that does, the others as they are. It is
/// priced at what a paid visitor costs and an order contributes. docs/plan.md says how a plan is written.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plan, a TOML file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Today's rates are those of so many last days
    #[arg(long, value_name = "DAYS", default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..=366))]
    last_days: u32,
    /// Exit with 1 where a target to date is not met
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    cuts: Cuts,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let plan = read(&args.file)?;
    let models = global.read_models()?;
    let moment = args.cuts.moment(&models)?;
    let held = hold(global, &models, &plan, &args.rules, moment, args.last_days)?;
    let all = table(&plan, &held.reached);
    let mut out = Output::new(global.format);
    match out.format {
        Format::Table => {
            let (days, today) = (plan.days, held.last.to);
            out.heading(&format!(
                "{}, {} to {}, as of {today}, in {}",
                plan.name, days.from, days.to, plan.currency
            ))?;
            out.table(&all.select(ATTAINED_SHOWN).without_empty())?;
            let takes = takes(&all);
            if !takes.rows.is_empty() {
                let last = held.last;
                out.heading(&format!("What it takes, at the rates of {} to {}", last.from, last.to))?;
                out.table(&takes.without_empty())?;
            }
        }
        Format::Json | Format::Csv => out.table(&all)?,
    }
    out.finish()?;
    let missed = held.reached.iter().any(|of| of.attained.met == Some(false));
    if args.check && missed { Err(Failure::Found) } else { Ok(()) }
}
