//! Drawing a pack again from the journal: what an auditor who has it does.

use std::ops::ControlFlow;
use std::path::PathBuf;

use daybook_domain::{EventKind, MerchantId};
use daybook_journal::{Filter, Journal, Position};
use daybook_market::Calendar;
use daybook_market::loan_pack::{Asked, draw};
use daybook_market::market_pack::{MarketAsked, draw_market};
use daybook_packs::{Facts, MarketFacts, Pack, ToldBy};
use daybook_projections::metrics::Sites;

use super::issuing::Lists;
use super::{issue, market};
use crate::cli::Global;
use crate::cmd::log::visible;
use crate::failure::Failure;
use crate::output::{Output, say};
use crate::progress::Progress;
use crate::value::Table;

/// Draw a pack again from the journal, at the position and with the days that it names, and compare
///
/// Whoever has the journal sees whether the pack's lines are those of the journal: every file comes out as it is in the pack, or
/// is named. Exits with 1 where one does not.
#[derive(Debug, clap::Args)]
pub struct Redraw {
    /// The pack: a folder or a .zip
    #[arg(value_name = "DIR|FILE.zip")]
    pack: PathBuf,
    #[command(flatten)]
    lists: Lists,
}

pub fn run(global: &Global, args: &Redraw) -> Result<(), Failure> {
    let pack = Pack::read(&args.pack)?;
    let journal = global.read_journal()?;
    let calendar = Calendar::of_journal(&journal)?;
    let (name, through, issued, made) = if pack.is_of_market() {
        let facts = pack.market_facts()?;
        reaches(&journal, facts.subject.through)?;
        let sites = same_lists(args.lists.of(global)?, &facts.subject.channels)?;
        let made = of_market(global, &journal, (calendar, sites), &facts)?;
        (facts.subject.market, facts.subject.through, facts.subject.issued.is_some(), made)
    } else {
        let facts = pack.facts()?;
        reaches(&journal, facts.subject.through)?;
        let sites = same_lists(args.lists.of(global)?, &facts.subject.channels)?;
        let made = of_merchant(global, &journal, (calendar, sites), &facts)?;
        (facts.subject.merchant, facts.subject.through, facts.subject.issued.is_some(), made)
    };
    let mut other = pack.files_unlike(&made);
    if other.is_empty() && pack.digest() != made.digest() {
        other.push("files.json".to_owned());
    }
    let issued_at = issued_at(&journal, &pack.digest())?;
    let mut table = Table::new(&["of", "position", "digest", "redrawn", "issued_at", "found"]);
    table.push(vec![
        visible(&name).into(),
        through.into(),
        pack.digest().into(),
        made.digest().into(),
        issued_at.into(),
        (other.len() as u64 + u64::from(issued && issued_at.is_none())).into(),
    ]);
    let mut out = Output::new(global.format);
    out.record(&table)?;
    out.finish()?;
    other.iter().for_each(|name| say!("{} is not what the journal gives", visible(name)));
    if issued && issued_at.is_none() {
        say!("the journal has no event that issued this pack");
        return Err(Failure::Found);
    }
    if other.is_empty() { Ok(()) } else { Err(Failure::Found) }
}

/// Where the journal has the event that issued a pack of this digest.
pub fn issued_at(journal: &dyn Journal, digest: &str) -> Result<Option<Position>, Failure> {
    let kinds = [EventKind::LoanPackIssued, EventKind::MarketPackIssued].map(|kind| kind.as_str().into());
    let filter = Filter { kinds: Some(kinds.to_vec()), categories: None };
    let (mut found, named) = (None, format!("\"digest\":\"{digest}\""));
    journal.scan(0, None, &filter, &mut |recorded| {
        if recorded.data.contains(&named) {
            found = Some(recorded.position);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// The lists, where they are those by which the pack tells how visitors came.
fn same_lists(sites: Sites, told: &ToldBy) -> Result<Sites, Failure> {
    if told.lists == sites.digest() {
        return Ok(sites);
    }
    Err(Failure::Refused(format!(
        "the pack tells channels by rule {} with lists of digest {}, and this has {} with {}: name the lists of then with --sites",
        told.rule,
        visible(&told.lists),
        sites.rule().version(),
        sites.digest()
    )))
}

/// Whether the journal has come as far as a pack was drawn.
fn reaches(journal: &dyn Journal, through: Position) -> Result<(), Failure> {
    let head = journal.head()?;
    if through <= head {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "the pack was drawn at position {through}, and the journal ends at {head}: it is another journal, or an older copy"
    )))
}

fn of_merchant(
    global: &Global,
    journal: &dyn Journal,
    (calendar, sites): (Calendar, Sites),
    facts: &Facts,
) -> Result<Pack, Failure> {
    let subject = &facts.subject;
    let merchant = MerchantId::new(&subject.merchant)
        .map_err(|error| Failure::Refused(format!("the pack's merchant: {error}")))?;
    let asked = Asked {
        merchant,
        from: subject.from,
        to: subject.to,
        currency: Some(subject.currency),
        through: Some(subject.through),
        sites,
        drawn_at: subject.drawn_at,
        issued: subject.issued.clone(),
    };
    let progress = Progress::new(!global.no_progress, "drawing the pack", subject.through);
    let drawn = draw(journal, calendar, &asked, &mut |at, _| progress.set(at))?;
    drop(progress);
    Ok(issue::made(&drawn)?.0)
}

fn of_market(
    global: &Global,
    journal: &dyn Journal,
    (calendar, sites): (Calendar, Sites),
    facts: &MarketFacts,
) -> Result<Pack, Failure> {
    let subject = &facts.subject;
    let asked = MarketAsked {
        from: subject.from,
        to: subject.to,
        currency: Some(subject.currency),
        through: Some(subject.through),
        sites,
        drawn_at: subject.drawn_at,
        issued: subject.issued.clone(),
    };
    let progress = Progress::new(!global.no_progress, "drawing the pack", subject.through);
    let mut drawn = draw_market(journal, calendar, &asked, &mut |at, _| progress.set(at))?;
    drop(progress);
    // the journal does not know it: it is as the pack states it
    drawn.sizes.clone_from(&facts.sizes);
    Ok(market::made(&drawn)?.0)
}
