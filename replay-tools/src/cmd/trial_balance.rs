//! `daybook trial-balance`

use daybook_domain::{Currency, Money, Timestamp};
use daybook_journal::Position;
use daybook_projections::AsOf;

use crate::cli::Global;
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output};
use crate::value::{Table, Value};

/// Print the balances of the books, now or as of a moment
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Count what is booked by this instant of business time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse, conflicts_with = "at_position")]
    as_of: Option<Timestamp>,
    /// Count the events through this position
    #[arg(long, value_name = "POSITION")]
    at_position: Option<Position>,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let at = match (args.as_of, args.at_position) {
        (Some(time), _) => AsOf::Business(time.0),
        (None, Some(position)) => AsOf::Position(position),
        (None, None) => AsOf::Head,
    };
    let books = global.read_models()?.trial_balance(at)?;
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

/// Minor units of a currency as a value to print.
fn amounts(currency: &str) -> impl Fn(i64) -> Value + use<> {
    let currency = Currency::new(currency).ok();
    move |minor| currency.map_or(Value::Int(minor), |currency| Value::Money(Money::new(minor, currency)))
}
