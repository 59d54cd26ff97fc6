//! (i): what the signed log costs those who append, and how large it is.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_commands::{Clock as _, SystemClock};
use daybook_domain::Timestamp;
use daybook_market::Options;
use daybook_market::transparency::{Logging, grow};
use daybook_proofs::{Log, MarketKey};
use tokio::runtime::Runtime;

use super::Size;
use super::deposits;
use super::figure::{Figure, Row};
use super::load::{Load, Watch};
use super::room::{Ground, Room, failed, median, per_second};
use crate::failure::Failure;

/// Calls under way.
const IN_FLIGHT: usize = 256;
/// How often the log is brought up and signed meanwhile: far more often than anybody needs it.
const EVERY: Duration = Duration::from_millis(200);
/// Share of the throughput that must be left.
const LEAST: f64 = 0.97;

/// Measures both: the same commands with the log following and without, one after the other in each run.
pub fn measure(room: &Room, runtime: &Runtime, size: &Size) -> Result<Figure, Failure> {
    let count = size.in_flight.last().map_or(0, |(_, count)| *count);
    let key =
        MarketKey::generate("bench", [7; 32]).and_then(|text| MarketKey::parse(&text)).map_err(failed)?;
    let (mut with, mut without, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut load, mut events, mut bytes) = (Load::default(), 0, 0);
    for run in 0..size.runs {
        let mut rates = [0.0, 0.0];
        // which of the two comes first changes from run to run; each begins with a journal of its own, as what comes
        // second in one journal is slower
        for half in [run % 2, 1 - run % 2] {
            let path = room.file("signed.db");
            let ground = Ground::open(&path)?;
            deposits::prepare(runtime, &ground.commands, 0..size.streams)?;
            // goes with the room: files that are made soon after as many were removed cost the file system more
            let tlog = room.kept(&format!("signed-{run}.tlog"));
            let requests = deposits::payments(1_000 + run * 2 + half, count, 0..size.streams);
            let logging = (half == 1)
                .then(|| {
                    let (journal, market) = (Arc::clone(&ground.journal), Options::default().market);
                    let now = || Timestamp(SystemClock.now());
                    Logging::start((journal, market), tlog.clone(), key.clone(), EVERY, now)
                })
                .transpose()
                .map_err(failed)?;
            if logging.is_some() {
                // what was there before is not what is measured
                std::thread::sleep(EVERY * 2);
                while !tlog.join("checkpoint").exists() {
                    std::thread::sleep(EVERY);
                }
            }
            let watch = Watch::start();
            let (_, took) = deposits::execute(runtime, &ground.commands, requests, IN_FLIGHT)?;
            load = load.and(&watch.stop());
            let mut behind = Duration::ZERO;
            if let Some(logging) = logging {
                logging.stop();
                // what the log had not come to counts as well: its thread gives way
                let began = Instant::now();
                let mut log = Log::open(&tlog).map_err(failed)?;
                grow(ground.journal.as_ref(), &mut log, &mut |_| true).map_err(failed)?;
                behind = began.elapsed();
                events = log.size();
                bytes = length(&tlog.join("tile")).map_err(failed)?;
            }
            rates[usize::from(half == 1)] = per_second(count, took + behind);
        }
        without.push(rates[0]);
        with.push(rates[1]);
        ratios.push(rates[1] / rates[0]);
    }
    let (with, without) = (median(with), median(without));
    let rate = Row::rate("commands until the signed log has them", "commands/s", with)
        .under(1.0, IN_FLIGHT as u64, "before answers")
        .against("the same without it", without)
        .at_least(LEAST);
    let per_event = Row::rate("files of the log to an event", "bytes", bytes as f64 / events.max(1) as f64);
    let spread = ratios.iter().fold(String::new(), |text, ratio| format!("{text} {ratio:.3}"));
    let limited_by = vec![format!("{}; of each run, with over without:{spread}", load.limit())];
    Ok(Figure {
        figure: 'i',
        title: "the signed log behind the writer",
        rows: vec![rate, per_event],
        limited_by,
    })
}

/// Bytes of all files in a folder.
fn length(folder: &Path) -> std::io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        sum += if meta.is_dir() { length(&entry.path())? } else { meta.len() };
    }
    Ok(sum)
}
