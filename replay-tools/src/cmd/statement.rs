//! `daybook statement merchant ID`

use std::path::PathBuf;

use clap::Subcommand;
use daybook_domain::MerchantId;
use daybook_market::Options;
use daybook_market::proven::Prover;
use daybook_projections::ReadModels;
use daybook_proofs::statement::archive;
use daybook_proofs::{Files, PublicKey};
use daybook_reports::Statement;
use daybook_reports::statement::{COLUMNS, Section};

use crate::cli::Global;
use crate::cmd::export::{into_file, period};
use crate::cmd::log::there as log_there;
use crate::cuts::month;
use crate::failure::Failure;
use crate::output::{Format, Output, say};
use crate::value::{Table, Value};

/// Draw up the statement of a period
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    of: Of,
}

#[derive(Debug, Subcommand)]
enum Of {
    Merchant(Merchant),
}

/// Of a merchant: what it was owed, every movement, what it is owed; escrow and deposit beside it
#[derive(Debug, clap::Args)]
#[command(long_about = "Of a merchant: what it was owed, every movement, what it is owed.\n\n\
    The balance is what the market owes the merchant: pending, available, held, reserve and in transit. A period cuts by \
    when things are booked, so the closing balance of one is the opening balance of the next.")]
struct Merchant {
    /// The merchant
    id: MerchantId,
    /// The month or year: 2018-05, 2018
    #[arg(long, value_name = "PERIOD")]
    period: String,
    /// Write a workbook as well
    #[arg(long, value_name = "FILE")]
    xlsx: Option<PathBuf>,
    /// Write a page to print as well
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write what proves it as well: `daybook verify-statement` checks that without the journal. The books of the
    /// period must be closed, and the log signed since
    #[arg(long, value_name = "FILE")]
    prove: Option<PathBuf>,
    /// With the signatures of these public keys, the market's and witnesses' [default: the market's own]
    #[arg(long, value_name = "KEY", value_parser = PublicKey::parse, requires = "prove")]
    signed_by: Vec<PublicKey>,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let Of::Merchant(asked) = &args.of;
    let models = global.read_models()?;
    let statement = drawn(global, &models, asked)?;
    if let Some(path) = &asked.xlsx {
        into_file(path, |out| Ok(statement.write_xlsx(out)?))?;
        say!("wrote {}", path.display());
    }
    if let Some(path) = &asked.html {
        into_file(path, |out| Ok(statement.write_html(out)?))?;
        say!("wrote {}", path.display());
    }
    if let Some(path) = &asked.prove {
        let files = proof(global, &models, asked, &statement)?;
        into_file(path, |out| Ok(archive::write(&files, out).map(drop)?))?;
        say!("wrote {}", path.display());
    }
    print(global, &statement)
}

/// What proves a statement.
fn proof(
    global: &Global,
    models: &ReadModels,
    asked: &Merchant,
    statement: &Statement,
) -> Result<Files, Failure> {
    let journal = global.read_journal()?;
    let month = |day: chrono::NaiveDate| month(&day.format("%Y-%m").to_string()).map_err(Failure::Refused);
    let folder = log_there(global)?;
    let prover = Prover { models, journal: &journal, market: Options::default().market, folder: &folder };
    let (first, last) = (month(statement.first)?, month(statement.last)?);
    Ok(prover.prove_signed(asked.id.as_str(), first, last, &asked.signed_by)?.files)
}

fn drawn(global: &Global, models: &ReadModels, asked: &Merchant) -> Result<Statement, Failure> {
    let period = period(models, &asked.period)?;
    Statement::draw(models, asked.id.as_str(), period)?
        .ok_or_else(|| Failure::Refused(format!("there is no merchant {} in {}", asked.id, global.journal)))
}

fn print(global: &Global, statement: &Statement) -> Result<(), Failure> {
    let mut out = Output::new(global.format);
    match out.format {
        Format::Json => out.json_line(statement)?,
        Format::Csv => out.table(&movements(statement, &statement.currencies))?,
        Format::Table => {
            let name = statement.merchant_name.as_deref().map_or(String::new(), |name| format!(" ({name})"));
            out.heading(&format!(
                "Statement of {}{name}, {} to {} ({})",
                statement.merchant_id, statement.first, statement.last, statement.time_zone
            ))?;
            if statement.currencies.is_empty() {
                out.line("nothing was ever booked for it")?;
            }
            for section in &statement.currencies {
                out.heading(section.currency.as_str())?;
                out.table(&standings(section))?;
                out.heading("Movements")?;
                out.table(&movements(statement, std::slice::from_ref(section)).without_nothing())?;
            }
        }
    }
    out.finish()
}

fn standings(section: &Section) -> Table {
    let mut table = Table::new(&[
        "",
        "balance",
        "pending",
        "available",
        "held",
        "reserve",
        "in_transit",
        "escrow_beside",
        "deposit_beside",
    ]);
    for (label, standing) in [("opening", section.opening), ("closing", section.closing)] {
        let row = standing.all().map(Value::Money);
        table.push([&[label.into()], &row[..]].concat());
    }
    table
}

/// Opening balance, movements, totals and closing balance, as rows.
fn movements(statement: &Statement, sections: &[Section]) -> Table {
    let before = ["currency", "date", "event", "order", "reference"];
    let after = ["within", "balance", "late_of"];
    let mut table = Table::new(&[&before[..], &COLUMNS, &after].concat());
    for section in sections {
        let code: Value = section.currency.as_str().into();
        let text = |text: String| Value::Text(text);
        let edge = |what: &str, day: String, balance: Value| -> Vec<Value> {
            let head = [code.clone(), text(day), what.into(), Value::None, Value::None];
            [&head[..], &vec![Value::None; COLUMNS.len() + 1], &[balance, Value::None]].concat()
        };
        let opening = edge("Opening balance", statement.first.to_string(), section.opening.balance.into());
        table.push(opening);
        for movement in &section.movements {
            let head = [
                code.clone(),
                text(movement.day.to_string()),
                movement.what.into(),
                movement.order.clone().into(),
                movement.reference.clone().into(),
            ];
            let amounts = movement.amounts.all().into_iter().chain([movement.within]);
            let shown =
                |money: daybook_domain::Money| if money.is_zero() { Value::None } else { money.into() };
            let late = movement.late_of.map(|day| day.to_string());
            table.push(
                head.into_iter()
                    .chain(amounts.map(shown))
                    .chain([movement.balance.into(), late.into()])
                    .collect(),
            );
        }
        let mut total = edge("Total", String::new(), Value::None);
        for (at, money) in section.totals.all().into_iter().enumerate() {
            total[before.len() + at] = money.into();
        }
        table.push(total);
        table.push(edge("Closing balance", statement.last.to_string(), section.closing.balance.into()));
    }
    table
}
