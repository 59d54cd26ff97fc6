//! `daybook ledger ACCOUNT`

use daybook_domain::posting::Account;
use daybook_domain::{Currency, Money, Timestamp};
use daybook_market::Calendar;
use daybook_projections::ReadModels;
use daybook_projections::queries::{Ledger, LedgerQuestion};

use crate::cli::Global;
use crate::cuts::Span;
use crate::failure::Failure;
use crate::output::{Format, Output, say};
use crate::value::{Table, Value};

/// Print the ledger of an account: its entries with the balance after each
///
/// Entries stand in the order in which they are booked, debits positive. One that happened in a period that was
/// closed already is booked at the start of the first open one; `belongs_to` names the month it happened in.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The account, such as Assets:Bank:main or Liabilities:MerchantPending:m-001
    account: String,
    /// Its currency, where it has more than one
    #[arg(long, value_name = "CURRENCY", value_parser = |code: &str| Currency::new(code))]
    currency: Option<Currency>,
    #[command(flatten)]
    span: Span,
    /// Go on behind this entry: what the page before said
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// At most so many entries
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

const COLUMNS: &[&str] = &[
    "booked_at",
    "event",
    "order_id",
    "merchant_id",
    "debit",
    "credit",
    "balance",
    "currency",
    "belongs_to",
    "occurred_at",
    "recorded_at",
    "position",
    "number",
];

/// Columns for people; the others are in JSON and CSV.
const SHOWN: &[&str] = &[
    "booked_at",
    "event",
    "order_id",
    "merchant_id",
    "debit",
    "credit",
    "balance",
    "belongs_to",
    "position",
];

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let account = Account::parse(&args.account).map_err(|error| Failure::Refused(error.to_string()))?;
    let models = global.read_models()?;
    let currency = currency(&models, &account, args.currency)?;
    let (from, at) = args.span.asked(&models)?;
    let asked =
        LedgerQuestion { account, currency, from, at, after: args.after.as_deref(), limit: args.limit };
    let ledger = models.ledger(&asked)?;
    let mut out = Output::new(global.format);
    print(&mut out, &account, currency, models.calendar()?, &ledger)?;
    out.finish()?;
    if let Some(next) = ledger.next {
        say!("{} entries; go on with --after {next}", ledger.entries.len());
    }
    Ok(())
}

/// The currency asked for, else the only one there is.
fn currency(
    models: &ReadModels,
    account: &Account<'_>,
    asked: Option<Currency>,
) -> Result<Currency, Failure> {
    let known = models.currencies_of(account)?;
    let names = |known: &[Currency]| known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (asked, known.as_slice()) {
        (Some(asked), _) if known.contains(&asked) => Ok(asked),
        (None, [only]) => Ok(*only),
        (_, []) => {
            let near = models.dimensions_of(account.name, account.dimension, 3)?;
            let near = if near.is_empty() { models.dimensions_of(account.name, "", 3)? } else { near };
            let cure = match near.as_slice() {
                [] => "`daybook trial-balance` names the accounts there are".to_owned(),
                _ => format!("there are {} and others", near.join(", ")),
            };
            Err(Failure::Refused(format!("nothing was ever posted to {account}: {cure}")))
        }
        (Some(asked), _) => Err(Failure::Refused(format!(
            "nothing was posted to {account} in {asked}, only in {}",
            names(&known)
        ))),
        (None, _) => {
            Err(Failure::Usage(format!("{account} is kept in {}: name one with --currency", names(&known))))
        }
    }
}

fn print(
    out: &mut Output,
    account: &Account<'_>,
    currency: Currency,
    calendar: Calendar,
    ledger: &Ledger,
) -> Result<(), Failure> {
    let money = |minor: i64| Value::Money(Money::new(minor, currency));
    let mut table = Table::new(COLUMNS);
    for line in &ledger.entries {
        let entry = &line.entry;
        let late = entry.occurred_at < entry.booked_at;
        table.push(vec![
            Timestamp(entry.booked_at).into(),
            entry.event.as_str().into(),
            entry.order_id.clone().into(),
            entry.merchant_id.clone().into(),
            if entry.amount >= 0 { money(entry.amount) } else { Value::None },
            if entry.amount < 0 { money(entry.amount.saturating_neg()) } else { Value::None },
            money(line.balance),
            currency.as_str().into(),
            late.then(|| calendar.month(Timestamp(entry.occurred_at)).to_string()).into(),
            Timestamp(entry.occurred_at).into(),
            Timestamp(entry.recorded_at).into(),
            entry.position.into(),
            entry.number.into(),
        ]);
    }
    if out.format != Format::Table {
        return out.table(&table);
    }
    let amount = |minor: i64| money(minor).pretty();
    out.heading(&format!("{account} in {currency}, opening balance {}", amount(ledger.opening)))?;
    out.table(&table.select(SHOWN).without_empty())?;
    let what = if ledger.next.is_some() { "balance after this page" } else { "closing balance" };
    out.line(&format!("{what} {}", amount(ledger.closing)))
}
