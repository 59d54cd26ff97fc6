//! Drawing the market's own pack, recording that it is issued, proving that.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use daybook_commands::{Clock as _, SystemClock};
use daybook_domain::books::commands::{MarketCommand, MarketPack};
use daybook_domain::{Code, Currency, PartyId, Reference, Timestamp};
use daybook_journal::{Journal, Position};
use daybook_market::market_pack::{MarketAsked, draw_market, with_size};
use daybook_market::transparency::prove;
use daybook_market::{AnyCommand, Calendar, Market as Running};
use daybook_packs::{Figures, Handed, MarketFacts, Pack};
use daybook_reports::loan_pack;

use super::issue::currency;
use super::issuing::{Issuing, Lists, Proving, days, draft, part, place};
use super::verify::PROOF;
use crate::act::By;
use crate::cli::Global;
use crate::cmd::log::market_key;
use crate::failure::Failure;
use crate::output::{Output, say};
use crate::progress::Progress;
use crate::value::Table;

/// Longest file that states the size of a market, bytes.
const MOST_SIZE: u64 = 1 << 20;

/// The market's own pack: traffic, conversion, sales, merchants, what it took, owes and holds; no merchant is named
///
/// Issuing records the pack's digest in the market's stream. With --key the signed log proves that record, and so the pack.
#[derive(Debug, clap::Args)]
pub struct Market {
    /// How many full calendar months; one that is not over on the last day is added
    #[arg(long, value_name = "N", default_value = "24", value_parser = clap::value_parser!(u32).range(1..=240))]
    months: u32,
    /// The last business day [default: yesterday]
    #[arg(long, value_name = "DATE")]
    until: Option<NaiveDate>,
    /// Sales in this currency [default: the market's first]
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    /// How large the whole is that the market is a part of: CSV (month,amount,currency,source) or JSON; the share is shown as
    /// the market's own claim, with the source
    #[arg(long, value_name = "FILE")]
    market_size: Option<PathBuf>,
    /// Where to: a folder to make, or a file that ends in .zip
    #[arg(long, value_name = "DIR|FILE.zip")]
    out: PathBuf,
    /// Draw it for your own eyes: nothing is recorded, and the pack says that it is a draft
    #[arg(long, conflicts_with_all = ["recipient", "purpose", "by", "key"])]
    draft: bool,
    /// Draw it as of an earlier position of the journal
    #[arg(long, value_name = "N", requires = "draft")]
    at_position: Option<Position>,
    /// Who gets it: a lender, an investor
    #[arg(long, value_name = "CODE", required_unless_present = "draft")]
    recipient: Option<Code>,
    /// What it is wanted for
    #[arg(long, value_name = "TEXT", required_unless_present = "draft")]
    purpose: Option<String>,
    /// Who issues it: a person's name or number, kept with the event
    #[arg(long, value_name = "PERSON", required_unless_present = "draft")]
    by: Option<PartyId>,
    /// The market's key, as `daybook log key` makes it: signs the log and proves the pack by it
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    #[command(flatten)]
    lists: Lists,
}

/// To whom a pack goes, and who sends it.
struct To {
    recipient: Code,
    purpose: String,
    by: PartyId,
}

impl Market {
    fn to(&self) -> Option<To> {
        Some(To { recipient: self.recipient?, purpose: self.purpose.clone()?, by: self.by? })
    }
}

pub fn run(global: &Global, args: &Market) -> Result<(), Failure> {
    global.must_exist()?;
    let part = part(&args.out)?;
    let size = args.market_size.as_deref().map(stated).transpose()?;
    let (pack, facts, figures, issued_at) = match args.to() {
        None => {
            let (pack, facts, figures) = drawn(global, args, &global.read_journal()?, size.as_ref(), None)?;
            draft(&pack, &part)?;
            (pack, facts, figures, None)
        }
        Some(to) => {
            // a key that cannot be read is known before anything is recorded
            let keys = args.key.iter().map(|path| market_key(path)).collect::<Result<Vec<_>, _>>()?;
            let market = global.market()?;
            let journal = market.journal().as_ref();
            let (mut pack, facts, figures) = drawn(global, args, journal, size.as_ref(), Some(&to))?;
            let issuing = Issuing { global, journal, part: &part, keys: &keys };
            let position = issuing.issue(
                &mut pack,
                |pack| issue(global, &market, pack, &facts, &to),
                Proving {
                    before: |_: &_, _: &_| Ok(Vec::new()),
                    after: |log: &_, checkpoint: &_, position| {
                        let proof = prove(journal, log, position, checkpoint)?;
                        Ok(vec![(PROOF, proof.to_text().into_bytes())])
                    },
                },
            )?;
            (pack, facts, figures, Some(position))
        }
    };
    place(&part, &args.out)?;
    told(global, &args.out, &pack, &facts, &figures, issued_at)?;
    if issued_at.is_some() && args.key.is_empty() {
        say!("the pack is recorded and not proved: --key has the log sign it");
    }
    Ok(())
}

/// The file that states the size, by its name.
fn stated(path: &Path) -> Result<(String, Vec<u8>), Failure> {
    let failed = |error: std::io::Error| Failure::Unavailable(format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(MOST_SIZE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_SIZE {
        let why =
            format!("{} has more than {MOST_SIZE} bytes: a line for each month is enough", path.display());
        return Err(Failure::Refused(why));
    }
    Ok((path.display().to_string(), bytes))
}

fn drawn(
    global: &Global,
    args: &Market,
    journal: &dyn Journal,
    size: Option<&(String, Vec<u8>)>,
    to: Option<&To>,
) -> Result<(Pack, MarketFacts, Figures), Failure> {
    let calendar = Calendar::of_journal(journal)?;
    let (from, until) = days(args.months, args.until, calendar)?;
    let asked = MarketAsked {
        from,
        to: until,
        currency: args.currency,
        through: args.at_position,
        sites: args.lists.of(global)?,
        drawn_at: Timestamp(SystemClock.now()),
        issued: to.map(|to| Handed { recipient: to.recipient.to_string(), purpose: to.purpose.clone() }),
    };
    let progress = Progress::new(!global.no_progress, "drawing the pack", journal.head()?);
    let mut facts = draw_market(journal, calendar, &asked, &mut |at, _| progress.set(at))?;
    drop(progress);
    if let Some((name, bytes)) = size {
        with_size(&mut facts, name, bytes)?;
    }
    let (pack, figures) = made(&facts)?;
    Ok((pack, facts, figures))
}

/// The pack of lines.
pub fn made(facts: &MarketFacts) -> Result<(Pack, Figures), Failure> {
    let figures = Figures::of_market(facts)?;
    let pack = Pack::of_market(facts, &figures, loan_pack::market_files(facts, &figures)?)?;
    Ok((pack, figures))
}

/// Records it: where it stands then.
fn issue(
    global: &Global,
    market: &Running,
    pack: &Pack,
    facts: &MarketFacts,
    to: &To,
) -> Result<Position, Failure> {
    let code = |day: NaiveDate| Code::new(&day.to_string()).expect("invariant: a day is visible ASCII");
    let command = MarketCommand::IssueMarketPack(MarketPack {
        digest: Reference::new(&pack.digest()).expect("invariant: 64 hexadecimal digits are a reference"),
        recipient: to.recipient,
        purpose: to.purpose.clone(),
        from: code(facts.subject.from),
        to: code(facts.subject.to),
        currency: facts.subject.currency,
        through: facts.subject.through,
        definitions: facts.subject.definitions,
    });
    let by = By { by: to.by, at: None, command_id: None };
    let request = by.request(AnyCommand::Market { id: market.id(), command });
    global.runtime()?.block_on(async {
        let done = market.execute(request).await?;
        done.receipt.map(|receipt| receipt.last).ok_or_else(|| {
            Failure::Refused("this very pack was issued before: the journal has its digest".to_owned())
        })
    })
}

fn told(
    global: &Global,
    path: &Path,
    pack: &Pack,
    facts: &MarketFacts,
    figures: &Figures,
    issued_at: Option<Position>,
) -> Result<(), Failure> {
    let mut table = Table::new(&[
        "market",
        "from",
        "to",
        "currency",
        "merchants",
        "gmv",
        "net_gmv",
        "income",
        "share",
        "file",
        "digest",
        "position",
    ]);
    let figure = |id: &str| figures.get(id).unwrap_or_default().to_owned();
    table.push(vec![
        facts.subject.market.as_str().into(),
        facts.subject.from.to_string().into(),
        facts.subject.to.to_string().into(),
        facts.subject.currency.as_str().into(),
        (facts.members.len() as u64).into(),
        figure("market.gmv").into(),
        figure("market.net_gmv").into(),
        figure("market.take").into(),
        figures.get("market.size.share").map(str::to_owned).into(),
        path.display().to_string().into(),
        pack.digest().into(),
        issued_at.into(),
    ]);
    let mut out = Output::new(global.format);
    out.record(&table.without_empty())?;
    out.finish()?;
    let (others, currency) = (facts.subject.orders_in_other_currencies, facts.subject.currency);
    if others > 0 {
        say!(
            "{others} orders were paid in other currencies than {currency}: none of the figures is of them (--currency)"
        );
    }
    Ok(())
}
