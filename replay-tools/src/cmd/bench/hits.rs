//! (g): page views, in batches as an import hands them over.

use std::sync::Arc;
use std::time::Instant;

use daybook_commands::{CommandError, Recorded, Traffic};
use daybook_domain::traffic::{EARLIEST, Hit, Incoming, RawHit};
use daybook_domain::{PartyId, Timestamp};
use daybook_journal::Journal;
use daybook_journal::baseline::raw_inserts;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::figure::{Figure, Row};
use super::load::{Load, Watch};
use super::room::{Dice, Ground, Room, failed, median, per_second, rows};
use super::{Size, kept};
use crate::failure::Failure;

/// Hits handed over at once, as by an import.
const BATCH: u64 = 8_192;
/// The first hit's time: 2026-11-01T00:00:00Z.
const FROM: i64 = 1_793_491_200_000_000;
/// Between two hits: about 260,000 a day.
const STEP: i64 = 330_000;

/// Measures it: JSON lines read, checked, made events, recorded once each.
pub fn measure(room: &Room, runtime: &Runtime, size: &Size) -> Result<Figure, Failure> {
    let (mut rates, mut raws, mut load) = (Vec::new(), Vec::new(), Load::default());
    let lines = lines(size.hits);
    for _ in 0..size.runs {
        let ground = Ground::open(&room.file("hits.db"))?;
        let traffic = Traffic::new(Arc::clone(&ground.journal));
        let watch = Watch::start();
        let began = Instant::now();
        let mut under_way: Option<JoinHandle<Result<Recorded, CommandError>>> = None;
        for chunk in lines.chunks(BATCH as usize) {
            let hits = hits(chunk)?;
            if let Some(batch) = under_way.take() {
                runtime.block_on(batch).map_err(failed)?.map_err(failed)?;
            }
            let traffic = traffic.clone();
            under_way = Some(runtime.spawn(async move { traffic.record(hits, actor()).await }));
        }
        if let Some(batch) = under_way {
            runtime.block_on(batch).map_err(failed)?.map_err(failed)?;
        }
        rates.push(per_second(lines.len(), began.elapsed()));
        load = load.and(&watch.stop());
        let same = rows(&*ground.journal, 0, ground.journal.head()?)?;
        drop((traffic, ground));
        let took = raw_inserts(&room.file("raw.db"), &same, 1_000).map_err(failed)?;
        raws.push(per_second(same.len(), took));
    }
    let row = Row::rate("page views read from JSON lines and recorded once each", "hits/s", median(rates))
        .under(BATCH as f64, 2, "before answers")
        .against("raw inserts of the same rows, batches of 1,000", median(raws));
    let (kept, limit) = kept::measure(room, runtime, size)?;
    Ok(Figure {
        figure: 'g',
        title: "traffic in batches, and figures kept by day",
        rows: std::iter::once(row).chain(kept).collect(),
        limited_by: vec![format!("page views recorded: {}", load.limit()), limit],
    })
}

/// Hits of visitors who look at pages of shops, some sent by tags.
fn lines(count: u64) -> Vec<String> {
    let mut dice = Dice::new(7);
    let line = |n: u64| {
        let at = Timestamp(FROM + n as i64 * STEP);
        let (visitor, product) = (dice.roll() % 40_000, dice.roll() % 5_000);
        let sent = match dice.roll() % 4 {
            0 => {
                r#","referrer":"https://www.baidu.com/link?url=kZ2x","utm_source":"baidu","utm_medium":"cpc""#
            }
            1 => r#","referrer":"https://shop.example/category/toys""#,
            _ => "",
        };
        format!(
            r#"{{"at":"{at}","visitor":"v-{visitor:08x}","page":"/p/{product}","topic":"product","product":"{product}","device":"phone"{sent}}}"#
        )
    };
    (0..count).map(line).collect()
}

fn hits(lines: &[String]) -> Result<Vec<Hit>, Failure> {
    let incoming = Incoming { earliest: EARLIEST, latest: Timestamp(i64::MAX), arrived: None, number: None };
    let hit = |line: &String| {
        let raw = RawHit::parse(line).map_err(|(field, why)| failed(format!("{field}: {why}")))?;
        raw.check(&incoming).map_err(failed)
    };
    lines.iter().map(hit).collect()
}

fn actor() -> PartyId {
    PartyId::new("bench").expect("invariant: visible ASCII")
}
