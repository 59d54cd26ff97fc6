//! Drawing a pack again from the journal: what an auditor who has it does.

use std::path::PathBuf;

use daybook_domain::MerchantId;
use daybook_journal::{Journal, Position};
use daybook_market::Calendar;
use daybook_market::loan_pack::{Asked, draw};
use daybook_market::market_pack::{MarketAsked, draw_market};
use daybook_packs::{Facts, MarketFacts, Pack};

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
}

pub fn run(global: &Global, args: &Redraw) -> Result<(), Failure> {
    let pack = Pack::read(&args.pack)?;
    let journal = global.read_journal()?;
    let calendar = Calendar::of_journal(&journal)?;
    let (name, through, made) = if pack.is_of_market() {
        let facts = pack.market_facts()?;
        reaches(&journal, facts.subject.through)?;
        let made = of_market(global, &journal, calendar, &facts)?;
        (facts.subject.market, facts.subject.through, made)
    } else {
        let facts = pack.facts()?;
        reaches(&journal, facts.subject.through)?;
        let made = of_merchant(global, &journal, calendar, &facts)?;
        (facts.subject.merchant, facts.subject.through, made)
    };
    let mut other = pack.files_unlike(&made);
    if other.is_empty() && pack.digest() != made.digest() {
        other.push("files.json".to_owned());
    }
    let mut table = Table::new(&["of", "position", "digest", "redrawn", "found"]);
    table.push(vec![
        visible(&name).into(),
        through.into(),
        pack.digest().into(),
        made.digest().into(),
        (other.len() as u64).into(),
    ]);
    let mut out = Output::new(global.format);
    out.record(&table)?;
    out.finish()?;
    other.iter().for_each(|name| say!("{} is not what the journal gives", visible(name)));
    if other.is_empty() { Ok(()) } else { Err(Failure::Found) }
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
    calendar: Calendar,
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
    calendar: Calendar,
    facts: &MarketFacts,
) -> Result<Pack, Failure> {
    let subject = &facts.subject;
    let asked = MarketAsked {
        from: subject.from,
        to: subject.to,
        currency: Some(subject.currency),
        through: Some(subject.through),
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
