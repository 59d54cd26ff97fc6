//! (g): figures of traffic and sales kept by day, over a year of hits and orders.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use chrono::NaiveDate;
use daybook_commands::Traffic;
use daybook_domain::traffic::{EARLIEST, Hit, Incoming, RawHit};
use daybook_domain::{Currency, Timestamp};
use daybook_journal::baseline::raw_scan;
use daybook_journal::{Append, Cause, Expected, Journal, NewEvent};
use daybook_metrics::Definition;
use daybook_projections::metrics::{Days, Dimension, Question};
use daybook_projections::{ReadModels, measure_rebuild};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::Size;
use super::figure::Row;
use super::load::{Load, Watch};
use super::room::{Dice, Ground, Room, actor, failed, median, per_second, percentile};
use crate::failure::Failure;

/// The model.
const MODEL: &str = "traffic_days";
/// Hits between two batches of orders, and orders of one: three events to a hundred.
const HITS: u64 = 9_700;
const ORDERS: u64 = 150;
/// The year: 2025-11-01T00:00:00Z and 365 days.
const FROM: i64 = 1_761_955_200_000_000;
const YEAR: i64 = 365 * 86_400_000_000;
/// Times that a question is asked.
const ASKED: usize = 11;

/// Measures the model made anew, and questions to it.
pub fn measure(room: &Room, runtime: &Runtime, size: &Size) -> Result<(Vec<Row>, String), Failure> {
    let path = room.file("mixed.db");
    fill(&path, runtime, size.mixed)?;
    let journal: Arc<dyn Journal> = Arc::new(daybook_journal::SqliteJournal::open_read_only(&path)?);
    let bytes = std::fs::metadata(&path).map_err(failed)?.len();
    let mib = |took: std::time::Duration| bytes as f64 / f64::from(1 << 20) / took.as_secs_f64();
    let (mut rates, mut sizes, mut raws, mut raw_sizes, mut load) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Load::default());
    let head = journal.head()?;
    for _ in 0..if head >= 500_000 { 1 } else { size.runs } {
        let (events, sum, took) = raw_scan(&path).map_err(failed)?;
        std::hint::black_box(sum);
        raws.push(per_second(events as usize, took));
        raw_sizes.push(mib(took));
        let watch = Watch::start();
        let made = measure_rebuild(&room.file("kept.db"), journal.as_ref(), &[MODEL]).map_err(failed)?;
        rates.push(per_second(head as usize, made.took));
        sizes.push(mib(made.took));
        load = load.and(&watch.stop());
    }
    let scan = "raw scan that touches every column, one thread";
    let mut made =
        Row::rate(format!("figures kept by day made anew from {head} events"), "events/s", median(rates))
            .against(scan, median(raws));
    made.fsync = Some("once, at the end");
    let sized = Row::rate("the same in bytes of the journal", "MiB/s", median(sizes))
        .against(scan, median(raw_sizes));
    let mut rows = vec![made, sized];
    let models = ReadModels::open(room.file("mixed.views.db"), journal, &mut |_| {}).map_err(failed)?;
    for (what, days) in [
        ("a day", days("2026-03-10", "2026-03-10")?),
        ("a month", days("2026-03-01", "2026-03-31")?),
        ("days from one month to another", days("2026-01-15", "2026-04-14")?),
        ("the year", days("2025-11-01", "2026-10-31")?),
    ] {
        rows.push(asked(&models, what, days)?);
    }
    Ok((rows, format!("figures kept by day: {}", load.limit())))
}

/// How long questions about some days take, by each dimension that is kept.
fn asked(models: &ReadModels, what: &str, days: Days) -> Result<Row, Failure> {
    let groups: [&[Dimension]; 7] = [
        &[],
        &[Dimension::Channel],
        &[Dimension::Campaign],
        &[Dimension::Merchant],
        &[Dimension::SalesChannel],
        &[Dimension::Day],
        &[Dimension::Month, Dimension::Channel],
    ];
    let currency = Currency::new("CNY").map_err(failed)?;
    let (mut took, mut slowest) = (Vec::new(), (0, String::new()));
    for by in groups {
        let of_this = took.len();
        let question = Question::new(days, by.to_vec(), Definition::Plan, currency);
        for _ in 0..ASKED {
            let began = Instant::now();
            let found = models.kept_cells(&question).map_err(failed)?;
            took.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
            if found.is_none_or(|found| found.total.uv == 0) {
                return Err(failed(format!("{what} by {by:?} has no answer")));
            }
        }
        took[of_this..].sort_unstable();
        let half = percentile(&took[of_this..], 0.5).unwrap_or_default();
        let by: Vec<&str> = question.by.iter().map(|dimension| dimension.as_str()).collect();
        slowest = slowest.max((half, by.join(" and ")));
    }
    took.sort_unstable();
    let p95 = percentile(&took, 0.95).unwrap_or_default();
    let what = format!("kept figures of {what}, by each dimension (longest by {}): 95 of 100", slowest.1);
    let mut row = Row::rate(what, "ms", p95 as f64 / 1e3);
    row.below = Some(50.0);
    (row.p50_us, row.p99_us) = (percentile(&took, 0.5), percentile(&took, 0.99));
    Ok(row)
}

fn days(from: &str, to: &str) -> Result<Days, Failure> {
    let day = |text: &str| text.parse::<NaiveDate>().map_err(failed);
    Ok(Days { from: day(from)?, to: day(to)? })
}

/// A journal of a year: hits as an import records them, and orders of their visitors among them.
fn fill(path: &Path, runtime: &Runtime, events: u64) -> Result<(), Failure> {
    let ground = Ground::open(path)?;
    let traffic = Traffic::new(Arc::clone(&ground.journal));
    let mut dice = Dice::new(11);
    let visitors = (events / 8).max(1);
    let rounds = events.div_ceil(HITS + ORDERS * 2);
    for round in 0..rounds {
        let at = |n: u64| {
            let part = (round * HITS + n) as f64 / (rounds * HITS) as f64;
            Timestamp(FROM + (part * YEAR as f64) as i64)
        };
        let hits = (0..HITS).map(|n| hit(&mut dice, visitors, at(n))).collect::<Result<Vec<_>, _>>()?;
        let orders = (0..ORDERS).flat_map(|n| order(&mut dice, round * ORDERS + n, visitors, at(n * 60)));
        let orders: Vec<Append> = orders.collect();
        runtime.block_on(traffic.record(hits, actor())).map_err(failed)?;
        for written in runtime.block_on(ground.journal.append(orders)) {
            written.map_err(failed)?;
        }
    }
    Ok(())
}

fn hit(dice: &mut Dice, visitors: u64, at: Timestamp) -> Result<Hit, Failure> {
    let product = dice.roll() % 5_000;
    let mut raw = RawHit {
        at: at.to_string().into(),
        visitor: format!("v-{:08x}", dice.roll() % visitors).into(),
        page: format!("/p/{product}").into(),
        merchant: format!("m-{}", product % 200).into(),
        sales_channel: "own".into(),
        ..RawHit::default()
    };
    match dice.roll() % 6 {
        0 => raw.referrer = "https://www.baidu.com/link?url=kZ2x".into(),
        1 => raw.referrer = "https://weibo.com/1".into(),
        2 => {
            raw.utm_source = "baidu".into();
            raw.utm_medium = "cpc".into();
            raw.utm_campaign = format!("c-{}", dice.roll() % 20).into();
        }
        _ => {}
    }
    let incoming = Incoming { earliest: EARLIEST, latest: Timestamp(i64::MAX), arrived: None, number: None };
    raw.check(&incoming).map_err(failed)
}

/// An order that is placed and paid.
fn order(dice: &mut Dice, n: u64, visitors: u64, at: Timestamp) -> [Append; 2] {
    let (visitor, merchant, minor) =
        (dice.roll() % visitors, dice.roll() % 200, 1_000 + dice.roll() % 90_000);
    let money = format!(r#"{{"amount":"{}.{:02}","currency":"CNY"}}"#, minor / 100, minor % 100);
    let zero = r#"{"amount":"0.00","currency":"CNY"}"#;
    let placed = format!(
        r#"{{"checkout":"c{n}","buyer":"b-{}","merchant":"m-{merchant}","lines":[],"shipping":{zero},"subsidies":[],"buyer_pays":{money},"total":{money},"fee_schedule_version":1,"sales_channel":"own","visitor":"v-{visitor:08x}"}}"#,
        visitor % 100_000
    );
    let funded = format!(
        r#"{{"parts":[{{"payment":"p1","provider":"alipay","method":"wallet","amount":{money}}}],"shortfall":{zero},"subsidies":[]}}"#
    );
    let mut event = |kind: &'static str, data: String| {
        let command = Uuid::from_u128(dice.wide());
        let event = NewEvent {
            id: command,
            kind: kind.into(),
            schema: 1,
            occurred_at: at.0,
            refs: format!(r#"{{"merchant":"m-{merchant}","order":"o{n}","checkout":"c{n}"}}"#),
            data,
        };
        let cause = Cause { command, fingerprint: [0; 16], correlation: command, actor: "bench".into() };
        Append { stream: format!("order-o{n}"), expected: Expected::Any, cause, events: vec![event] }
    };
    [event("OrderPlaced", placed), event("EscrowFunded", funded)]
}
