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
/// How often the log is brought up and signed meanwhile: 60 times as often as `serve` does by itself.
const EVERY: Duration = Duration::from_secs(10);
/// How long commands are sent, at least: the log has several turns meanwhile.
const LONG: Duration = Duration::from_secs(25);
/// Share of the throughput that must be left.
const LEAST: f64 = 0.97;

/// Measures both: the same commands with the log signed now and then and without, one after the other in each run.
pub fn measure(room: &Room, runtime: &Runtime, size: &Size) -> Result<Figure, Failure> {
    let count = size.in_flight.last().map_or(0, |(_, count)| *count);
    // a quick run is one of what is done, not of how long it takes
    let (long, every) = if size.runs > 1 { (LONG, EVERY) } else { (Duration::ZERO, EVERY / 100) };
    let key =
        MarketKey::generate("bench", [7; 32]).and_then(|text| MarketKey::parse(&text)).map_err(failed)?;
    let (mut with, mut without, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut whole, mut left) = (Vec::new(), Vec::new());
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
            let logging = (half == 1)
                .then(|| {
                    let (journal, market) = (Arc::clone(&ground.journal), Options::default().market);
                    let now = || Timestamp(SystemClock.now());
                    Logging::start((journal, market), tlog.clone(), key.clone(), every, now)
                })
                .transpose()
                .map_err(failed)?;
            // what was there before is not what is measured; who has no log waits as long, while the disk settles
            std::thread::sleep(every + every / 2);
            while logging.is_some() && !tlog.join("checkpoint").exists() {
                std::thread::sleep(every / 10);
            }
            let (mut done, mut took) = (0, Duration::ZERO);
            while done == 0 || took < long {
                let seed = 1_000_000 * (1 + run * 2 + half) + done as u64;
                let requests = deposits::payments(seed, count, 0..size.streams);
                let watch = Watch::start();
                took += deposits::execute(runtime, &ground.commands, requests, IN_FLIGHT)?.1;
                load = load.and(&watch.stop());
                done += count;
            }
            rates[usize::from(half == 1)] = per_second(done, took);
            if let Some(logging) = logging {
                // what the log had not come to: its thread gives way
                let logged = Log::read(&tlog).map_err(failed)?.size();
                left.push(ground.journal.head()?.saturating_sub(logged) as f64);
                let began = Instant::now();
                logging.stop();
                let mut log = Log::open(&tlog).map_err(failed)?;
                grow(ground.journal.as_ref(), &mut log, &mut |_| true).map_err(failed)?;
                whole.push(per_second(done, took + began.elapsed()));
                events = log.size();
                bytes = length(&tlog.join("tile")).map_err(failed)?;
            }
        }
        without.push(rates[0]);
        with.push(rates[1]);
        ratios.push(rates[1] / rates[0]);
    }
    let (with, without) = (median(with), median(without));
    let under = |row: Row| row.under(1.0, IN_FLIGHT as u64, "before answers");
    let what = format!("commands while a log is signed every {every:?}");
    let rate =
        under(Row::rate(what, "commands/s", with)).against("the same without it", without).at_least(LEAST);
    let whole = under(Row::rate("commands until the signed log has them too", "commands/s", median(whole)))
        .against("the same without it", without);
    let left = Row::rate("that the log had not come to when they were answered", "events", median(left));
    let per_event = Row::rate("files of the log to an event", "bytes", bytes as f64 / events.max(1) as f64);
    let spread = ratios.iter().fold(String::new(), |text, ratio| format!("{text} {ratio:.3}"));
    let limited_by = vec![format!("{}; of each run, with over without:{spread}", load.limit())];
    Ok(Figure {
        figure: 'i',
        title: "the signed log behind the writer",
        rows: vec![rate, left, whole, per_event],
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
