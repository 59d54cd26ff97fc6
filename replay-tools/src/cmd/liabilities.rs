//! `daybook liabilities`

use std::path::{Path, PathBuf};

use clap::Subcommand;
use daybook_commands::{Clock as _, SystemClock};
use daybook_domain::{Currency, MerchantId, Money, Timestamp};
use daybook_market::Options;
use daybook_market::proven::liabilities::{Owed, newest, owed, prove, sign};
use daybook_market::transparency::{folder, grow};
use daybook_proofs::statement::decimal;
use daybook_proofs::{LiabilityProof, Log, ProofError, PublicKey};

use crate::cli::Global;
use crate::cmd::log::{market_key, put, read, there, visible};
use crate::failure::{Failure, unheard};
use crate::output::{Format, Output, say};
use crate::progress::Progress;
use crate::value::{Table, Value};

/// What the market owes: sign it as one sum, show it, prove to a merchant that its part is in it, check that
///
/// The sum has a leaf for each merchant that is owed something (with its deposit), and one each for escrow, checkouts,
/// refunds due and stored value. It equals the control accounts of the books; what providers and banks hold beyond it
/// is the market's own.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Bring the log up to the journal's end and sign what is owed by then; do so daily
    Sign {
        /// The market's secret key; both while it goes over to another
        #[arg(long, value_name = "FILE", required = true)]
        key: Vec<PathBuf>,
    },
    /// What is owed and held by the books as they are, and the market's own funds; exit code 1 where these are below zero
    Show,
    /// Prove to a merchant that what it is owed is in the sum that was signed last
    Prove {
        /// The merchant
        id: MerchantId,
        /// Of which currency
        #[arg(long, value_name = "CODE", default_value = "CNY", value_parser = Currency::new)]
        currency: Currency,
        /// Write it here and not to standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Check such a proof, without the journal
    Check {
        /// The file
        file: PathBuf,
        /// The market's public key
        #[arg(long, value_name = "KEY", value_parser = PublicKey::parse, required = true)]
        key: Vec<PublicKey>,
    },
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::Sign { key } => signed(global, key),
        Action::Show => show(global),
        Action::Prove { id, currency, out } => {
            let proof = prove(&there(global)?, id.as_str(), currency.as_str())?;
            put(out.as_deref(), &proof.to_text())
        }
        Action::Check { file, key } => check(global, file, key),
    }
}

fn signed(global: &Global, keys: &[PathBuf]) -> Result<(), Failure> {
    let keys = keys.iter().map(|path| market_key(path)).collect::<Result<Vec<_>, _>>()?;
    let journal = global.read_journal()?;
    let folder = folder(&global.journal.0);
    let mut log = Log::open(&folder)?;
    let progress = Progress::new(!global.no_progress, "logging", daybook_journal::Journal::head(&journal)?);
    grow(&journal, &mut log, &mut |position| {
        progress.set(position);
        true
    })?;
    drop(progress);
    let models = global.read_models()?;
    let (market, now) = (Options::default().market, Timestamp(SystemClock.now()));
    let (checkpoint, all) = sign((&journal, market), &models, (&mut log, &folder), &keys, now)?;
    let mut out = Output::new(global.format);
    match out.format {
        Format::Table => out.line(checkpoint.note.trim_end())?,
        _ => out.table(&table(&all))?,
    }
    out.finish()
}

fn show(global: &Global) -> Result<(), Failure> {
    let models = global.read_models()?;
    let applied = models.trial_balance(daybook_projections::AsOf::HEAD)?.applied;
    let all = owed(&models, applied)?;
    let mut out = Output::new(global.format);
    unheard(out.table(&table(&all)).and_then(|()| out.finish()))?;
    let wrong: Vec<String> = all.iter().flat_map(Owed::wrong).collect();
    wrong.iter().for_each(|what| say!("{what}"));
    if global.format != Format::Json
        && let Ok(last) = there(global).and_then(|folder| Ok(newest(&folder)?))
    {
        say!("signed last by the {} events of the log then; these are {applied}", last.size);
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Found) }
}

/// Of each currency: what is owed, what is held, and what the difference is made of.
fn table(all: &[Owed]) -> Table {
    let mut table = Table::new(&["currency", "part", "of", "count", "amount"]);
    for of in all {
        let mut row = |part: &str, name: &str, count: Value, minor: i64| {
            let code = of.currency.as_str();
            table.push(vec![
                code.into(),
                part.into(),
                name.into(),
                count,
                Money::new(minor, of.currency).into(),
            ]);
        };
        let merchants: Vec<&(String, u64)> =
            of.leaves.iter().filter(|(to, _)| to.starts_with("merchant ")).collect();
        let whole = |minor: u64| i64::try_from(minor).unwrap_or(i64::MAX);
        let sum = merchants.iter().map(|(_, minor)| *minor).sum::<u64>();
        row("owed", "merchants", (merchants.len() as u64).into(), whole(sum));
        for (to, minor) in of.leaves.iter().filter(|(to, _)| !to.starts_with("merchant ")) {
            row("owed", to, Value::None, whole(*minor));
        }
        row("owed", "in all: the sum that is signed", (of.leaves.len() as u64).into(), whole(of.total()));
        for (name, minor) in &of.held {
            row("held", name, Value::None, *minor);
        }
        row("own funds", "held less owed", Value::None, of.own_funds());
        for (name, minor) in of.own.iter().filter(|(_, minor)| *minor != 0) {
            row("of these", name, Value::None, *minor);
        }
        if of.receivables > 0 {
            row("of these", "less receivables from merchants", Value::None, -whole(of.receivables));
        }
    }
    table
}

fn check(global: &Global, path: &Path, keys: &[PublicKey]) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    let verdict =
        LiabilityProof::parse(&text).and_then(|proof| proof.verify(keys).map(|found| (proof, found)));
    let (proof, (all, by)) = match verdict {
        Ok(found) => found,
        Err(error) => {
            let what = match error {
                ProofError::Malformed { .. } => "it is no proof",
                _ => "it does not hold",
            };
            say!("{what}: {}", visible(&error.to_string()));
            return Err(Failure::Found);
        }
    };
    let money = |minor: u64| decimal(i64::try_from(minor).unwrap_or(i64::MAX), all.digits);
    let time = proof.checkpoint.lines.iter().find_map(|line| line.strip_prefix("time ")).unwrap_or_default();
    let mut table =
        Table::new(&["to", "currency", "owed", "of_in_all", "leaves", "size", "time", "signed_by"]);
    table.push(vec![
        visible(&proof.to).into(),
        visible(&proof.currency).into(),
        money(proof.owed).into(),
        money(all.root.owed).into(),
        all.leaves.into(),
        proof.checkpoint.size.into(),
        visible(time).into(),
        by.market.join(" ").into(),
    ]);
    let mut out = Output::new(global.format);
    unheard(out.record(&table).and_then(|()| out.finish()))
}
