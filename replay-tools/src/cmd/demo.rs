//! `daybook demo`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use daybook_commands::ManualClock;
use daybook_domain::{CampaignId, Currency, Money};
use daybook_market::Options;
use daybook_market::demo::{self, DemoError, Report};
use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_metrics::{ChannelRule, MarketSites, SessionRule};
use daybook_projections::metrics::{Days, Question};
use daybook_projections::{AsOf, ReadModels};

use crate::cli::Global;
use crate::cmd::{key, verify};
use crate::failure::{Failure, unheard};
use crate::figures::ratio;
use crate::open::unit;
use crate::output::{Format, Output, say};
use crate::progress::Progress;
use crate::value::{Table, grouped};

/// Simulate a market, from its merchants' entry to its chargebacks, and check it
#[derive(Debug, clap::Args)]
#[command(long_about = "Simulate a market, from its merchants' entry to its chargebacks, and check it.\n\n\
    Every command goes the way a real one goes: decided, made durable, reacted to. The same seed gives the same \
    events and the same digests.")]
pub struct Args {
    /// Days on which orders are placed
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: u32,
    /// Baskets filled a day
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    orders_per_day: u32,
    /// What everything is drawn from
    #[arg(long, value_name = "SEED", default_value_t = 7)]
    seed: u64,
    /// Write the statement files of its providers and banks there, with breaks planted in them
    #[arg(long, value_name = "DIR")]
    statements: Option<PathBuf>,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let started = Instant::now();
    let clock = Arc::new(ManualClock::at(demo::START.0));
    let options = Options { clock: Arc::clone(&clock) as _, ..Options::default() };
    let market = global.market_with(options)?;
    let head = market.journal().head()?;
    let unit = unit(market.journal().as_ref());
    if head > 0 {
        return Err(Failure::Refused(format!(
            "{} holds {} {unit} already, and a simulation is not mixed with them: name a new journal, such as \
             --journal sqlite:demo.db",
            global.journal,
            grouped(&head.to_string())
        )));
    }
    let progress = Progress::new(!global.no_progress, "simulating (hours)", 1);
    let asked = demo::Options { days: args.days, orders_per_day: args.orders_per_day, seed: args.seed };
    let report = global.runtime()?.block_on(demo::run(&market, &clock, asked, &mut |done, of| {
        progress.total(of);
        progress.set(done);
    }));
    drop(progress);
    drop(market);
    let report = report?;
    let seconds = started.elapsed().as_secs_f64();
    say!("{} {unit} in {seconds:.1} s", grouped(&report.head.to_string()));
    let models = global.read_models()?;
    let checked = verify::check(global, &models)?;
    unheard(print(global, &report, &checked, &models))?;
    if let Some(folder) = &args.statements {
        statements(global, folder)?;
    }
    if checked.clean() && checked.covered() {
        return Ok(());
    }
    say!("verify found what must not be: run `daybook verify`");
    Err(Failure::Found)
}

/// What providers and banks would send, and how to take it.
fn statements(global: &Global, folder: &Path) -> Result<(), Failure> {
    let manifest = demo::statements::write(&global.read_journal()?, folder)?;
    let place = folder.display();
    say!("{} breaks are planted in {} files in {place}:", manifest.planted.len(), manifest.files.len());
    for written in &manifest.files {
        say!("  daybook reconcile {} {place}/{}", written.provider, written.file);
    }
    Ok(())
}

/// The report, with the verdict of the check for people.
fn print(
    global: &Global,
    report: &Report,
    checked: &daybook_market::verify::Report,
    models: &ReadModels,
) -> Result<(), Failure> {
    let mut out = Output::new(global.format);
    match out.format {
        Format::Json => out.json_line(report)?,
        Format::Csv => out.table(&stories(report))?,
        Format::Table => {
            tour(&mut out, global, report, models)?;
            out.heading("Verified")?;
            verify::print(&mut out, checked)?;
        }
    }
    out.finish()
}

/// Who came, and what a method finds of a campaign whose lift is known.
fn visitors(out: &mut Output, report: &Report, models: &ReadModels) -> Result<(), Failure> {
    let campaign: CampaignId = demo::CAMPAIGN.parse().map_err(|e| Failure::Refused(format!("{e}")))?;
    let currency = Currency::new("CNY").map_err(|error| Failure::Refused(error.to_string()))?;
    let first = models.calendar()?.day(demo::START);
    let rule =
        ChannelRule::new(&MarketSites::default()).map_err(|error| Failure::Refused(error.to_string()))?;
    let since = (first, DEFAULT_LOOK_BACK);
    let (history, campaigns) =
        models.campaign_history(since, Some(campaign), rule, AsOf::HEAD, &mut |_| {})?;
    let days = Days { from: first, to: chrono::NaiveDate::MAX };
    let sessions = SessionRule::default();
    let all = history.cells(&Question { days, by: Vec::new(), sessions, currency })?.total;
    let percent = |of: u64, through: u64| ratio(i128::from(of) * 100, through.into(), 1).unwrap_or_default();
    out.line(&format!(
        "{} visitors in {} visits and {} hits; {} buyers, {} % of them",
        grouped(&all.uv.to_string()),
        grouped(&all.visits.to_string()),
        grouped(&report.hits.to_string()),
        grouped(&all.buyers.to_string()),
        percent(all.buyers, all.uv)
    ))?;
    let Some(held_out) = campaigns.held_out(&history, sessions, campaign)? else { return Ok(()) };
    let money = |minor: f64| grouped(&Money::new(minor.round() as i64, currency).to_string());
    let truth = f64::from(demo::TRUE_LIFT_PERCENT) / f64::from(100 + demo::TRUE_LIFT_PERCENT);
    out.line(&format!(
        "{campaign} is kept from {} of the terminals; by the script the others order {} % more often: {} of what they spent",
        demo::HELD_OUT,
        demo::TRUE_LIFT_PERCENT,
        money(held_out.campaign.spent as f64 * truth)
    ))?;
    let credited = grouped(&Money::new(held_out.last_click, currency).to_string());
    match held_out.lift.ok().and_then(|lift| lift.revenue) {
        Some(found) => out.line(&format!(
            "  found beside the holdout: {}, from {} to {} (95 %); last click says {credited}",
            money(found.estimate),
            money(found.low),
            money(found.high)
        )),
        None => out.line(&format!("  too few bought for an interval; last click says {credited}")),
    }
}

fn stories(report: &Report) -> Table {
    let mut table = Table::new(&["story", "orders", "example"]);
    for told in &report.stories {
        table.push(vec![told.story.into(), u64::from(told.orders).into(), told.example.as_str().into()]);
    }
    table
}

/// What there is to look at.
fn tour(out: &mut Output, global: &Global, report: &Report, models: &ReadModels) -> Result<(), Failure> {
    let unit = unit(models.journal().as_ref());
    out.heading(&format!(
        "{} merchants, {} baskets, {} orders, {} {unit} in {}",
        report.merchants,
        grouped(&report.baskets.to_string()),
        grouped(&report.orders.to_string()),
        grouped(&report.head.to_string()),
        global.journal
    ))?;
    out.line("")?;
    out.table(&stories(report))?;
    let ran = &report.settlements;
    let settled: Vec<String> =
        ran.settled.iter().map(|(c, minor)| grouped(&Money::new(*minor, *c).to_string())).collect();
    out.heading(&format!(
        "{} settlements by contract, of {} lines and {} in all; {} platform fees charged, {} reserves released",
        grouped(&ran.settlements.to_string()),
        grouped(&ran.lines.to_string()),
        settled.join(", "),
        ran.fees,
        ran.reserves
    ))?;
    let paid = &report.payouts;
    let sums: Vec<_> = paid.amounts.iter().map(|sum| grouped(&sum.to_string())).collect();
    out.line(&format!(
        "{} payouts of {} in all; {} were held back, such as after one that came back",
        grouped(&paid.requested.to_string()),
        sums.join(" and "),
        paid.held_back
    ))?;
    visitors(out, report, models)?;
    out.heading("Refused commands, by code (each is a decision the market stood by)")?;
    if report.refused.is_empty() {
        out.line("  none")?;
    }
    for (code, count) in &report.refused {
        out.line(&format!("  {code}: {count}"))?;
    }
    out.heading("Look at it")?;
    let example = |wanted: &str| {
        let told = report.stories.iter().find(|told| told.story.contains(wanted));
        told.map_or("o-000001", |told| told.example.as_str())
    };
    let ruled = example("ruled for the buyer, with");
    for (command, says) in [
        ("daybook status".to_owned(), "where journal and read models stand"),
        (format!("daybook order {}", example("received")), "an order with its lines and its timeline"),
        (format!("daybook order {ruled}"), "a dispute, ruled and paid"),
        (format!("daybook events --order {ruled}"), "the same as events, one JSON a line"),
        ("daybook merchant m-001".to_owned(), "what a merchant sold and is owed"),
        ("daybook settlement list --merchant m-002".to_owned(), "its settlements; explain one by its orders"),
        (
            "daybook payout list --state returned".to_owned(),
            "payouts that came back; explain one by its settlements",
        ),
        (
            "daybook payout explain --all".to_owned(),
            "every payout down to its payments, with nothing left over",
        ),
        ("daybook settlement audit".to_owned(), "all settlements, derived again from the journal alone"),
        (format!("daybook roi {}", demo::CAMPAIGN), "what a campaign cost and brought, and its lift"),
        ("daybook metrics --days 2025-09 --by channel".to_owned(), "traffic, conversion and unit price"),
        ("daybook trial-balance".to_owned(), "the books, summing to zero"),
        ("daybook digest".to_owned(), "the same for the same seed"),
    ] {
        out.line(&format!("  {command:40} {says}"))?;
    }
    out.heading("Serve it")?;
    for (command, says) in [
        (key::first(global), "a key that may do everything, told once"),
        (key::command(global, "serve"), "the API, described at /v1/openapi.json"),
    ] {
        out.line(&format!("  {command:40} {says}"))?;
    }
    Ok(())
}

impl From<DemoError> for Failure {
    fn from(error: DemoError) -> Self {
        match error {
            DemoError::Market(error) => error.into(),
            DemoError::Command(error) => error.into(),
            DemoError::Journal(error) => error.into(),
            DemoError::Decode(error) => Self::Unavailable(error.to_string()),
            DemoError::File(why) => Self::Unavailable(why),
        }
    }
}
