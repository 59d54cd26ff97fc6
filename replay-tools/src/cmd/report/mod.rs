//! `daybook report`

mod parts;

use std::path::PathBuf;

use chrono::{Days as Span, NaiveDate};
use daybook_metrics::attribution::{AttributionRule, DEFAULT_LOOK_BACK};
use daybook_projections::metrics::{Days, Dimension, Question};
use daybook_reports::Page;

use crate::cli::Global;
use crate::cmd::export::into_file;
use crate::cmd::roi::{self, Asking};
use crate::cuts::Cuts;
use crate::failure::Failure;
use crate::figures::{Rules, days};
use crate::output::say;
use crate::plans;

/// Draw up the figures of some days as a page for people: one file, with pictures
///
/// GMV as what it is made of, with its change against the days before explained; each day; the funnel; traffic channels; campaigns
/// with their ROI; and what a plan's targets came to, where one is named. Every figure is one that `metrics`,
/// `explain-gmv`, `funnel`, `roi` and `plan` print. The page loads nothing from elsewhere and runs no script; it reads on a telephone
/// and prints.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to write
    #[arg(long, value_name = "FILE")]
    html: PathBuf,
    /// Which business days: a month (2018-05), a day (2018-05-03), or from one to another (2018-05-01..2018-05-15)
    #[arg(long, value_name = "DAYS", value_parser = days)]
    days: Days,
    /// The days that they are held against [default: as many right before them]
    #[arg(long, value_name = "DAYS", value_parser = days)]
    compare: Option<Days>,
    /// A plan whose targets are held against what was recorded (docs/plan.md)
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    cuts: Cuts,
}

/// Rows of a part at most.
const ROWS: u32 = 100;
/// A plan's rates of today are those of so many last days, as `daybook plan` has them.
const LAST_DAYS: u32 = 28;

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let plan = args.plan.as_deref().map(plans::read).transpose()?;
    let models = global.read_models()?;
    let (at, today) = args.cuts.moment(&models)?;
    let before = match args.compare {
        Some(days) => days,
        None => as_many_before(args.days)?,
    };
    let since = before.from.min(args.days.from);
    let (history, currency) = args.rules.history(global, &models, (since, DEFAULT_LOOK_BACK), at)?;
    let question = |days: Days, by: &[Dimension]| Question {
        days,
        by: by.to_vec(),
        sessions: args.rules.sessions(),
        currency,
    };
    let told = parts::Told { days: args.days, before, definition: args.rules.definition(), limit: ROWS };
    let explained = history.explain(before, &question(args.days, &[]))?;
    let by_channel = history.explain(before, &question(args.days, &[Dimension::Channel]))?;
    let mut page = Page {
        title: format!("Traffic and sales, {}", span(args.days)),
        facts: vec![
            ("Compared with", span(before)),
            ("Currency", currency.to_string()),
            ("Definition", told.definition.as_str().to_owned()),
            ("Days of", models.calendar()?.zone().to_owned()),
            ("Through event", models.freshness()?.head.to_string()),
        ],
        tree: Some(parts::tree(&explained)?),
        parts: vec![
            parts::change(&told, &explained)?,
            parts::each_day(
                &told,
                &history.cells(&question(args.days, &[Dimension::Day]))?,
                &history.cells(&question(before, &[Dimension::Day]))?,
            ),
            parts::funnel(&history.funnel(&question(args.days, &[]))?)?,
            parts::channels(&told, &history.cells(&question(args.days, &[Dimension::Channel]))?),
            parts::change_by_channel(&told, &by_channel)?,
        ],
    };
    let asking = Asking {
        events: &models.events(at),
        calendar: models.calendar()?,
        channels: &args.rules.visits().channels(&models)?,
        sessions: args.rules.sessions(),
        rule: AttributionRule::default(),
    };
    page.parts.push(parts::campaigns(&roi::table(global, &asking, ROWS as usize)?));
    if let Some(plan) = &plan {
        let held = plans::hold(global, &models, plan, &args.rules, (at, today), LAST_DAYS)?;
        page.parts.extend(parts::plan(plan, &held));
    }
    into_file(&args.html, |out| Ok(page.write_html(out)?))?;
    say!("wrote {}", args.html.display());
    Ok(())
}

fn span(days: Days) -> String {
    if days.from == days.to { days.from.to_string() } else { format!("{} to {}", days.from, days.to) }
}

/// As many days right before these.
fn as_many_before(days: Days) -> Result<Days, Failure> {
    let count = u64::try_from((days.to - days.from).num_days() + 1).unwrap_or(1);
    let back = |day: NaiveDate, count| day.checked_sub_days(Span::new(count));
    let found = back(days.from, count).zip(back(days.from, 1));
    let none = || Failure::Usage("--days: no days stand before them: name some with --compare".to_owned());
    found.map(|(from, to)| Days { from, to }).ok_or_else(none)
}
