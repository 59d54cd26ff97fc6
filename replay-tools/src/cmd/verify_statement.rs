//! `daybook verify-statement FILE`

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use daybook_domain::MerchantId;
use daybook_proofs::statement::{archive, decimal};
use daybook_proofs::{Expected, ProofError, ProvenStatement, PublicKey, verify_statement};

use crate::cli::Global;
use crate::cmd::log::{seen, visible};
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output, say};
use crate::value::{Table, Value};

/// Check a statement that proves itself, without a journal
#[derive(Debug, clap::Args)]
#[command(long_about = "Check a statement that proves itself, without a journal.\n\n\
    It holds where the market signed that these are all lines of the merchant in these months: their numbers go on without a \
    gap, their balances from one another, and the closes of the books that sealed them are those in force by the checkpoint. Exit \
    code 1 where it does not, and what and where. What a line says follows from the event whose position it names, which the market shows with \
    `daybook log prove`.")]
pub struct Args {
    /// The file that `daybook statement merchant --prove` wrote
    file: PathBuf,
    /// The market's public key; more than one where it has changed. A witness's too: then it must have signed
    #[arg(long, value_name = "KEY", value_parser = PublicKey::parse, required = true)]
    key: Vec<PublicKey>,
    /// Refuse the statement of another merchant
    #[arg(long, value_name = "ID")]
    merchant: Option<MerchantId>,
    /// Refuse the statement of another month or year: 2018-05, 2018
    #[arg(long, value_name = "PERIOD", value_parser = months)]
    period: Option<(String, String)>,
    /// Refuse one under a checkpoint of fewer events: an older one than you know
    #[arg(long, value_name = "SIZE")]
    events: Option<u64>,
    /// Print every line, not only the sums
    #[arg(long)]
    lines: bool,
}

/// The first and last month of a period.
fn months(text: &str) -> Result<(String, String), String> {
    match text.len() {
        4 if text.bytes().all(|b| b.is_ascii_digit()) => Ok((format!("{text}-01"), format!("{text}-12"))),
        _ => crate::cuts::month(text).map(|month| (month.to_string(), month.to_string())),
    }
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let bytes = read(&args.file)?;
    let expected = Expected {
        merchant: args.merchant.as_ref().map(MerchantId::as_str),
        from: args.period.as_ref().map(|(first, _)| first.as_str()),
        through: args.period.as_ref().map(|(_, last)| last.as_str()),
        events: args.events,
    };
    let verdict = archive::read(&bytes).and_then(|files| verify_statement(&files, &args.key, &expected));
    let statement = match verdict {
        Ok(statement) => statement,
        Err(error) => {
            let what = match error {
                ProofError::Malformed { .. } => "it is no statement that proves itself",
                _ => "it does not hold",
            };
            say!("{what}: {}", visible(&error.to_string()));
            return Err(Failure::Found);
        }
    };
    let mut out = Output::new(global.format);
    let table = if args.lines { lines(&statement) } else { sums(&statement) };
    let printed = match out.format {
        Format::Table => out.heading(&heading(&statement)).and_then(|()| out.table(&table.without_nothing())),
        _ => out.table(&table),
    };
    unheard(printed.and_then(|()| out.finish()))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::Unavailable(format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(archive::MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn heading(statement: &ProvenStatement) -> String {
    let ProvenStatement { merchant, from, through, checkpoint, by, .. } = statement;
    let time = checkpoint.lines.iter().find_map(|line| line.strip_prefix("time ")).unwrap_or_default();
    let witnesses: String = by.witnesses.iter().map(|one| format!(", {}", seen(one))).collect();
    visible(&format!(
        "All lines of {merchant}, {from} to {through}: complete, signed by {} on {time} over {} events with the root {}{witnesses}",
        by.market.join(" "),
        checkpoint.size,
        checkpoint.root
    ))
}

fn sums(statement: &ProvenStatement) -> Table {
    let mut table = Table::new(&[
        "merchant",
        "from",
        "through",
        "currency",
        "opening",
        "lines",
        "closing",
        "signed_by",
        "size",
        "root",
    ]);
    let mut row = |rest: [Value; 4]| {
        let head: [Value; 3] =
            [&statement.merchant, &statement.from, &statement.through].map(|text| text.as_str().into());
        let checkpoint = &statement.checkpoint;
        let tail: [Value; 3] = [
            statement.by.market.join(" ").into(),
            checkpoint.size.into(),
            checkpoint.root.to_string().into(),
        ];
        table.push(head.into_iter().chain(rest).chain(tail).collect());
    };
    if statement.balances.is_empty() {
        row([Value::None, Value::None, 0u64.into(), Value::None]);
    }
    for (currency, of) in &statement.balances {
        let [opening, closing] = [of.opening, of.closing].map(|minor| decimal(minor, of.digits));
        row([currency.as_str().into(), opening.into(), of.lines.into(), closing.into()]);
    }
    table
}

fn lines(statement: &ProvenStatement) -> Table {
    let mut table = Table::new(&[
        "currency",
        "month",
        "number",
        "day",
        "event",
        "order",
        "amount",
        "within",
        "balance",
        "booked_at",
        "occurred_at",
        "position",
    ]);
    for chapter in &statement.chapters {
        for line in &chapter.lines {
            let text = |text: &str| Value::from(visible(text));
            let [amount, within, balance] =
                [line.amount, line.within, line.balance].map(|minor| decimal(minor, chapter.digits));
            table.push(vec![
                text(&chapter.currency),
                text(&chapter.month),
                line.number.into(),
                text(&line.day),
                text(&line.event),
                line.order.as_deref().map(visible).into(),
                amount.into(),
                within.into(),
                balance.into(),
                text(&line.booked_at),
                text(&line.occurred_at),
                line.position.into(),
            ]);
        }
    }
    table
}
