//! Drawing the market's own pack, recording that it is issued, proving that.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use daybook_commands::{Clock as _, SystemClock};
use daybook_domain::books::commands::{MarketCommand, MarketPack};
use daybook_domain::{Currency, Timestamp};
use daybook_journal::Journal;
use daybook_market::market_pack::{MarketAsked, draw_market, with_size};
use daybook_market::transparency::prove;
use daybook_market::{AnyCommand, Calendar};
use daybook_packs::{Figures, Handed, MarketFacts, Pack};
use daybook_reports::loan_pack;

use super::issuing::{Drawn, Handing, Issuing, Proving, To, code, currency, digest, draft, record};
use super::verify::PROOF;
use crate::cli::Global;
use crate::failure::Failure;
use crate::output::say;
use crate::progress::Progress;

/// Longest file that states the size of a market, bytes.
const MOST_SIZE: u64 = 1 << 20;

/// The market's own pack: traffic, conversion, sales, merchants, what it took, owes and holds; no merchant is named
///
/// Issuing records the pack's digest in the market's stream. With --key the signed log proves that record, and so the pack.
#[derive(Debug, clap::Args)]
pub struct Market {
    /// Sales in this currency [default: the market's first]
    #[arg(long, value_name = "CODE", value_parser = currency)]
    currency: Option<Currency>,
    /// How large the whole is that the market is a part of: CSV (month,amount,currency,source) or JSON; the share is shown as
    /// the market's own claim, with the source
    #[arg(long, value_name = "FILE")]
    market_size: Option<PathBuf>,
    #[command(flatten)]
    handing: Handing,
}

pub fn run(global: &Global, args: &Market) -> Result<(), Failure> {
    global.must_exist()?;
    let part = args.handing.part()?;
    let size = args.market_size.as_deref().map(stated).transpose()?;
    let (drawn, issued_at) = match args.handing.to() {
        None => {
            let drawn = drawn(global, args, &global.read_journal()?, size.as_ref(), None)?;
            draft(&drawn.pack, &part, &CHECK)?;
            (drawn, None)
        }
        Some(to) => {
            let keys = args.handing.keys()?;
            let market = global.market()?;
            let journal = market.journal().as_ref();
            let Drawn { mut pack, facts, figures } = drawn(global, args, journal, size.as_ref(), Some(&to))?;
            let issuing = Issuing { global, journal, part: &part, keys: &keys, check: &CHECK };
            let position = issuing.issue(
                &mut pack,
                |pack| {
                    let (id, command) = (market.id(), command(pack, &facts, &to));
                    record(global, &market, to.by, AnyCommand::Market { id, command })
                },
                Proving {
                    before: |_: &_, _: &_| Ok(Vec::new()),
                    after: |log: &_, checkpoint: &_, position| {
                        let proof = prove(journal, log, position, checkpoint)?;
                        Ok(vec![(PROOF, proof.to_text().into_bytes())])
                    },
                },
            )?;
            (Drawn { pack, facts, figures }, Some(position))
        }
    };
    let (subject, figures) = (&drawn.facts.subject, &drawn.figures);
    let figure = |id: &str| figures.get(id).unwrap_or_default().to_owned();
    let mut own = vec![
        ("market", subject.market.as_str().into()),
        ("from", subject.from.to_string().into()),
        ("to", subject.to.to_string().into()),
        ("currency", subject.currency.as_str().into()),
        ("merchants", (drawn.facts.members.len() as u64).into()),
        ("gmv", figure("market.gmv").into()),
        ("net_gmv", figure("market.net_gmv").into()),
        ("income", figure("market.take").into()),
    ];
    own.extend(figures.get("market.size.share").map(|share| ("share", share.to_owned().into())));
    args.handing.placed(global, (&part, &drawn), own, issued_at)?;
    let (others, currency) = (subject.orders_in_other_currencies, subject.currency);
    if others > 0 {
        say!(
            "{others} orders were paid in other currencies than {currency}: none of the figures is of them (--currency)"
        );
    }
    Ok(())
}

/// Whether it holds for whoever gets it.
const CHECK: fn(&Pack) -> Vec<String> = |pack| pack.check_market().wrong;

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
) -> Result<Drawn<MarketFacts>, Failure> {
    let calendar = Calendar::of_journal(journal)?;
    let (from, until) = args.handing.days(calendar)?;
    let asked = MarketAsked {
        from,
        to: until,
        currency: args.currency,
        through: args.handing.at_position,
        sites: args.handing.lists.of(global)?,
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
    Ok(Drawn { pack, facts, figures })
}

/// The pack of lines.
pub fn made(facts: &MarketFacts) -> Result<(Pack, Figures), Failure> {
    let figures = Figures::of_market(facts)?;
    let pack = Pack::of_market(facts, &figures, loan_pack::market_files(facts, &figures)?)?;
    Ok((pack, figures))
}

/// What issues it.
fn command(pack: &Pack, facts: &MarketFacts, to: &To) -> MarketCommand {
    MarketCommand::IssueMarketPack(MarketPack {
        digest: digest(pack),
        recipient: to.recipient,
        purpose: to.purpose.clone(),
        from: code(facts.subject.from),
        to: code(facts.subject.to),
        currency: facts.subject.currency,
        through: facts.subject.through,
        definitions: facts.subject.definitions,
    })
}
