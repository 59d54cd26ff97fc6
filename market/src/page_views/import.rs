//! The import: check all, then record.

use ahash::HashMap;
use daybook_commands::{CommandError, Recorded};
use daybook_domain::traffic::{EARLIEST, FaultKind, Hit, Incoming, RawHit};
use daybook_domain::{EventKind, PartyId, Timestamp};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::report::{Findings, PageViewsError, PageViewsReport};
use super::source::Source;
use crate::Market;

/// Hits handed over at once.
const BATCH: usize = 8_192;
/// At least so many rows are remembered, by which those of the same content are counted.
const REMEMBERED: usize = 65_536;

/// Records the hits of `source` in `market`. `progress` hears (rows done, of how many); while the file is checked
/// nobody knows how many there are.
///
/// # Errors
/// [`PageViewsError`]. Nothing is written unless all of the file was found to be a table of hits.
///
/// It reads and checks on the calling thread, which must not be one of `runtime`'s, and writes on those.
pub fn import(
    market: &Market,
    source: &Source,
    runtime: &Handle,
    mut progress: impl FnMut(u64, u64),
) -> Result<PageViewsReport, PageViewsError> {
    runtime.block_on(market.begin())?;
    let latest = market.commands().now().plus(market.commands().policy()?.clock_tolerance());
    let mut repeats = Repeats::default();
    let check = |repeats: &mut Repeats, raw: &RawHit<'_>| {
        let incoming = Incoming { earliest: EARLIEST, latest, arrived: None, number: None };
        let hit = raw.check(&incoming)?;
        match repeats.before(&hit) {
            0 => Ok(hit),
            number if raw.id.is_empty() => raw.check(&Incoming { number: Some(number), ..incoming }),
            _ => Ok(hit),
        }
    };
    let mut report = PageViewsReport::default();
    let mut findings = Findings::default();
    let mut before = Timestamp(i64::MIN);
    source.rows(&mut |line, raw| {
        report.rows += 1;
        match check(&mut repeats, raw) {
            Ok(hit) => {
                report.hits += 1;
                report.views += u64::from(hit.kind == EventKind::PageViewed);
                report.out_of_order += u64::from(hit.occurred_at < before);
                before = hit.occurred_at;
                report.first = Some(report.first.map_or(before, |first| first.min(before)));
                report.last = Some(report.last.map_or(before, |last| last.max(before)));
            }
            // a value of another kind than its column's: the row cannot be trusted, nor can those around it
            Err(fault) if matches!(fault.kind, FaultKind::NotATime | FaultKind::UnknownAct) => {
                let problem = format!("{}; nothing was recorded (is a column shifted?)", fault.why);
                return Err(source.wrong(line, fault.field, problem));
            }
            Err(fault) => findings.add(line, &fault),
        }
        if report.rows.is_multiple_of(BATCH as u64) {
            progress(report.rows, 0);
        }
        Ok(())
    })?;
    report.acts = report.hits - report.views;
    report.left_out = report.rows - report.hits;
    report.findings = findings.into_list();

    let mut writer = Writer { market, runtime, batch: Vec::with_capacity(BATCH), under_way: None };
    let mut done = 0;
    let mut repeats = Repeats::default();
    source.rows(&mut |_, raw| {
        done += 1;
        if let Ok(hit) = check(&mut repeats, raw) {
            writer.batch.push(hit);
        }
        if writer.batch.len() == BATCH {
            writer.hand_over(&mut report)?;
            progress(done, report.rows);
        }
        Ok(())
    })?;
    writer.hand_over(&mut report)?;
    writer.wait(&mut report)?;
    Ok(report)
}

/// Counts rows of the same content: they are as many hits, and the same ones in every file that has them, wherever in
/// it they stand. Such rows say the same time, so they stand near each other: a bounded number is remembered.
#[derive(Default)]
struct Repeats {
    recent: HashMap<Uuid, u64>,
    older: HashMap<Uuid, u64>,
}

impl Repeats {
    /// How many of the same content came before.
    fn before(&mut self, hit: &Hit) -> u64 {
        if self.recent.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.recent);
        }
        let count = self.recent.get(&hit.id).or_else(|| self.older.get(&hit.id)).copied().unwrap_or_default();
        self.recent.insert(hit.id, count + 1);
        count
    }
}

/// Hands batches over, one under way while the next is read.
struct Writer<'m> {
    market: &'m Market,
    runtime: &'m Handle,
    batch: Vec<Hit>,
    under_way: Option<JoinHandle<Result<Recorded, CommandError>>>,
}

impl Writer<'_> {
    fn hand_over(&mut self, report: &mut PageViewsReport) -> Result<(), PageViewsError> {
        self.wait(report)?;
        let hits = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        let traffic = self.market.traffic().clone();
        self.under_way = Some(self.runtime.spawn(async move { traffic.record(hits, actor()).await }));
        Ok(())
    }

    fn wait(&mut self, report: &mut PageViewsReport) -> Result<(), PageViewsError> {
        let Some(under_way) = self.under_way.take() else { return Ok(()) };
        let lost = |error: tokio::task::JoinError| CommandError::OutcomeUnknown(error.to_string());
        let recorded = self.runtime.block_on(under_way).map_err(lost)??;
        report.recorded += recorded.recorded;
        report.repeated += recorded.repeated;
        Ok(())
    }
}

fn actor() -> PartyId {
    PartyId::new("import:page-views").expect("invariant: visible ASCII")
}
