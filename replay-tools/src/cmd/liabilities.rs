//! `daybook liabilities`

use std::path::PathBuf;

use clap::Subcommand;
use daybook_commands::{Clock as _, SystemClock};
use daybook_domain::{Currency, MerchantId, Money, PartyId, Timestamp};
use daybook_market::proven::Prover;
use daybook_market::proven::blinding::{blinding, blinding_or_new};
use daybook_market::proven::liabilities::{Owed, owed, statements};
use daybook_market::transparency::{folder, grow, sign};
use daybook_market::{AnyCommand, AnyRequest, Options};
use daybook_proofs::statement::decimal;
use daybook_proofs::{ExpectedOwed, Log, OwedProof, ProofError, PublicKey, Stated, StatedSum, verify_owed};

use crate::act::By;
use crate::cli::Global;
use crate::cmd::log::{chance, market_key, put, read, seen, there, visible};
use crate::failure::{Failure, unheard};
use crate::output::{Output, say};
use crate::progress::Progress;
use crate::value::{Table, Value};

/// What the market owes: state it as one sum, show it, prove to a merchant that its part is in it, check that
///
/// The sum has a leaf for each merchant (with its deposit), and one each for escrow, checkouts, refunds due and stored
/// value. It equals the control accounts of the books; what providers and banks hold beyond it is the market's own.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// State what is owed by the books as they are, an event, and sign the log with it; `serve` states it daily by itself
    Sign {
        /// The market's secret key; both while it goes over to another
        #[arg(long, value_name = "FILE", required = true)]
        key: Vec<PathBuf>,
        /// Who states it
        #[arg(long, value_name = "PERSON", default_value = "system")]
        by: PartyId,
        /// Go on with a new secret where the one that was used so far is lost: what was stated with that can be shown to nobody then
        #[arg(long)]
        lost_secret: bool,
    },
    /// What is owed and held by the books as they are, and the market's own funds; exit code 1 where these are below zero
    Show,
    /// The sum that was stated last, with what proves it: the same for everybody; publish it
    Sum {
        /// With the signatures of these public keys, the market's and witnesses' [default: the market's own]
        #[arg(long, value_name = "KEY", value_parser = PublicKey::parse)]
        signed_by: Vec<PublicKey>,
        /// Write it here and not to standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Prove to a merchant that what it is owed is in the sum that was stated last
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
    Check(Check),
}

/// Check such a proof and the sum, without the journal
#[derive(Debug, clap::Args)]
struct Check {
    /// The merchant's proof
    file: PathBuf,
    /// The sum, as the market shows it to everybody
    #[arg(long, value_name = "FILE")]
    sum: PathBuf,
    /// The market's public key; a witness's too: then it must have signed
    #[arg(long, value_name = "KEY", value_parser = PublicKey::parse, required = true)]
    key: Vec<PublicKey>,
    /// Refuse the proof of another merchant
    #[arg(long, value_name = "ID")]
    merchant: Option<MerchantId>,
    /// Refuse one of another currency
    #[arg(long, value_name = "CODE", value_parser = Currency::new)]
    currency: Option<Currency>,
    /// Refuse one of another amount: what you are owed by your own books, such as 1250.00
    #[arg(long, value_name = "AMOUNT")]
    owed: Option<String>,
    /// Refuse a sum that was stated before this time: one of last year holds today too
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    not_before: Option<Timestamp>,
    /// Refuse a sum that does not count the events through here, such as the size of a checkpoint that you have kept
    #[arg(long, value_name = "POSITION")]
    through: Option<u64>,
    /// Refuse a sum under a checkpoint of fewer events: an older one than you know
    #[arg(long, value_name = "SIZE")]
    events: Option<u64>,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::Sign { key, by, lost_secret } => signed(global, key, *by, *lost_secret),
        Action::Show => show(global),
        Action::Sum { signed_by, out } => {
            proving(global, |prover| put(out.as_deref(), &prover.liabilities(signed_by)?.to_text()))
        }
        Action::Prove { id, currency, out } => proving(global, |prover| {
            let Some(blinding) = blinding(prover.folder)? else {
                let stated = statements(prover.journal, prover.market)?;
                return Err(Failure::Refused(match stated.last() {
                    Some(_) => "the secret of what was stated is not beside the log: put liabilities.secret back from a backup",
                    None => "nothing was stated here yet: `daybook liabilities sign` does",
                }
                .to_owned()));
            };
            put(out.as_deref(), &prover.owed(&blinding, id.as_str(), *currency)?.to_text())
        }),
        Action::Check(asked) => check(global, asked),
    }
}

fn proving(global: &Global, work: impl FnOnce(&Prover<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
    let folder = there(global)?;
    let (models, journal) = (global.read_models()?, global.read_journal()?);
    work(&Prover { models: &models, journal: &journal, market: Options::default().market, folder: &folder })
}

fn signed(global: &Global, keys: &[PathBuf], by: PartyId, lost: bool) -> Result<(), Failure> {
    let keys = keys.iter().map(|path| market_key(path)).collect::<Result<Vec<_>, _>>()?;
    global.must_exist()?;
    let market = global.market()?;
    let (models, folder) = (global.read_models()?, folder(&global.file()?));
    let blinding = blinding_or_new((market.journal().as_ref(), market.id()), &folder, &chance()?, lost)?;
    let by = By { by, at: None, command_id: None };
    let request = |command| -> AnyRequest { by.request(AnyCommand::Books { id: market.id(), command }) };
    let drawn = global.runtime()?.block_on(market.state_liabilities(&models, &blinding, request))?;
    let journal = market.journal().as_ref();
    let mut log = Log::open(&folder)?;
    let progress = Progress::new(!global.no_progress, "logging", journal.head()?);
    grow(journal, &mut log, &mut |position| {
        progress.set(position);
        true
    })?;
    drop(progress);
    let checkpoint = sign(journal, market.id(), &mut log, &keys, Timestamp(SystemClock.now()))?;
    let mut out = Output::new(global.format);
    out.table(&table(&drawn.owed))?;
    out.finish()?;
    let said = statements(journal, market.id())?.pop();
    let at = said.map_or_else(String::new, |said| format!("position {}", said.position));
    match drawn.executed {
        Some(_) => say!("stated at {at}; signed over {} events", checkpoint.size),
        None => say!("nothing came since it was stated at {at}; signed over {} events", checkpoint.size),
    }
    told(&drawn.owed)
}

/// Says what is wrong with what is owed; exit code 1 where something is.
fn told(all: &[Owed]) -> Result<(), Failure> {
    let wrong: Vec<_> = all.iter().flat_map(Owed::wrong).collect();
    wrong.iter().for_each(|what| say!("{what}"));
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Found) }
}

fn show(global: &Global) -> Result<(), Failure> {
    let models = global.read_models()?;
    let applied = models.trial_balance(daybook_projections::AsOf::HEAD)?.applied;
    let all = owed(&models, applied)?;
    let mut out = Output::new(global.format);
    unheard(out.table(&table(&all)).and_then(|()| out.finish()))?;
    if let Some(last) = statements(models.journal().as_ref(), Options::default().market)?.pop() {
        say!("stated last by the {} events then; these are {applied}", last.said.through);
    }
    told(&all)
}

/// Of each currency: what is owed, what is held, and what the difference is made of.
fn table(all: &[Owed]) -> Table {
    let mut table = Table::new(&["currency", "part", "of", "count", "amount"]);
    for of in all {
        let mut row = |part: &str, name: &str, count: Value, minor: i128| {
            let minor = i64::try_from(minor).unwrap_or(i64::MAX);
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
        let sum = merchants.iter().map(|(_, minor)| i128::from(*minor)).sum::<i128>();
        row("owed", "merchants", (merchants.len() as u64).into(), sum);
        for (to, minor) in of.leaves.iter().filter(|(to, _)| !to.starts_with("merchant ")) {
            row("owed", to, Value::None, (*minor).into());
        }
        row(
            "owed",
            "in all: the sum that is stated",
            (of.leaves.len() as u64).into(),
            of.total().cast_signed(),
        );
        for (name, minor) in &of.held {
            row("held", name, Value::None, (*minor).into());
        }
        row("own funds", "held less owed", Value::None, of.own_funds());
        for (name, minor) in of.own.iter().filter(|(_, minor)| *minor != 0) {
            row("of these", name, Value::None, (*minor).into());
        }
        if of.receivables > 0 {
            row("of these", "less receivables", Value::None, -i128::from(of.receivables));
        }
    }
    table
}

/// A proof that holds, with the sum that it is counted in.
type Held = (OwedProof, Stated, StatedSum);

fn verdict(asked: &Check) -> Result<Result<Held, ProofError>, Failure> {
    let (merchant, currency) =
        (asked.merchant.map(|id| id.to_string()), asked.currency.map(|code| code.to_string()));
    let expected = ExpectedOwed {
        merchant: merchant.as_deref(),
        currency: currency.as_deref(),
        owed: asked.owed.as_deref(),
        not_before: asked.not_before.map(|first| first.0),
        through: asked.through,
        events: asked.events,
    };
    let (own, sum) = (read(&asked.file)?, read(&asked.sum)?);
    let text = |bytes| String::from_utf8(bytes).map_err(|error| ProofError::Broken(error.to_string()));
    let verified = text(own)
        .and_then(|own| Ok((own, text(sum)?)))
        .and_then(|(own, sum)| verify_owed(&own, &sum, &asked.key, &expected));
    Ok(verified)
}

fn money(minor: u64, digits: u32) -> String {
    i64::try_from(minor).map_or_else(|_| minor.to_string(), |minor| decimal(minor, digits))
}

fn check(global: &Global, asked: &Check) -> Result<(), Failure> {
    let held = match verdict(asked)? {
        Ok(held) => held,
        Err(error) => {
            let what = match error {
                ProofError::Malformed { .. } => "it is no proof",
                _ => "it does not hold",
            };
            say!("{what}: {}", visible(&error.to_string()));
            return Err(Failure::Found);
        }
    };
    let (proof, stated, sum) = held;
    let checkpoint = &stated.checkpoint;
    let time = checkpoint.lines.iter().find_map(|line| line.strip_prefix("time ")).unwrap_or_default();
    let columns = [
        "to",
        "currency",
        "owed",
        "of_in_all",
        "leaves",
        "stated_at",
        "through",
        "position",
        "size",
        "root",
        "time",
        "signed_by",
        "witnessed_by",
    ];
    let mut table = Table::new(&columns);
    table.push(vec![
        visible(&proof.to).into(),
        visible(&proof.currency).into(),
        money(proof.owed, sum.digits).into(),
        money(sum.root.owed, sum.digits).into(),
        sum.leaves.into(),
        Some(Timestamp(stated.stated_at)).into(),
        stated.through.into(),
        stated.position.into(),
        checkpoint.size.into(),
        checkpoint.root.to_string().into(),
        visible(time).into(),
        stated.by.market.join(" ").into(),
        stated.by.witnesses.iter().map(seen).collect::<Vec<_>>().join(" ").into(),
    ]);
    let mut out = Output::new(global.format);
    unheard(out.record(&table).and_then(|()| out.finish()))
}
