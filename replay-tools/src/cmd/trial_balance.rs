//! `daybook trial-balance`

use crate::cli::Global;
use crate::cuts::Cuts;
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output};
use crate::value::{Table, Value, amounts};

/// Print the balances of the books, now or as of a moment
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    cuts: Cuts,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let models = global.read_models()?;
    let books = models.trial_balance(args.cuts.at(&models)?)?;
    let mut table = Table::new(&["class", "name", "currency", "accounts", "debit", "credit", "balance"]);
    for line in &books.lines {
        let money = amounts(&line.currency);
        table.push(vec![
            line.class.as_str().into(),
            line.name.as_str().into(),
            line.currency.as_str().into(),
            line.accounts.into(),
            money(line.debit),
            money(line.credit),
            money(line.balance),
        ]);
    }
    let mut balanced = true;
    for (currency, debit, credit) in books.totals() {
        balanced &= debit == credit;
        if global.format == Format::Table {
            let money = amounts(&currency);
            let total = [Value::None, "total".into(), currency.as_str().into(), Value::None];
            table.push([&total[..], &[money(debit), money(credit), money(debit - credit)]].concat());
        }
    }
    let mut out = Output::new(global.format);
    unheard(out.table(&table).and_then(|()| out.finish()))?;
    if balanced { Ok(()) } else { Err(Failure::Found) }
}
