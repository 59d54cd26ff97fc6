//! (a) and (e): durable commands through decide and append by number in flight, and how long one takes.

use daybook_journal::Journal;
use daybook_journal::baseline::{fdatasync_loop, raw_inserts_after};
use tokio::runtime::Runtime;

use super::Size;
use super::deposits;
use super::figure::{Figure, Row};
use super::load::{Load, Watch};
use super::room::{Ground, Room, failed, median, per_second, percentile, rows};
use crate::failure::Failure;

const SYNCED: &str = "before answers";

/// What the runs at one number in flight gave.
#[derive(Default)]
struct Level {
    rates: Vec<f64>,
    latencies: Vec<u32>,
    commands: usize,
    commits: u64,
    load: Load,
}

/// Measures both.
pub fn measure(room: &Room, runtime: &Runtime, size: &Size) -> Result<(Figure, Figure), Failure> {
    let mut levels: Vec<Level> = size.in_flight.iter().map(|_| Level::default()).collect();
    let (mut raws, mut syncs) = (Vec::new(), Vec::new());
    for run in 0..size.runs {
        let path = room.file("commands.db");
        let ground = Ground::open(&path)?;
        deposits::prepare(runtime, &ground.commands, 0..size.streams)?;
        let prepared = ground.journal.head()?;
        // The most in flight comes first: the raw limit starts from the same rows, and each limit is measured
        // right behind what stands beside it.
        for (n, (in_flight, count)) in size.in_flight.iter().enumerate().rev() {
            let requests = deposits::payments(run * 100 + n as u64 + 1, *count, 0..size.streams);
            let commits = ground.clock.commits();
            let watch = Watch::start();
            let (latencies, took) = deposits::execute(runtime, &ground.commands, requests, *in_flight)?;
            let load = watch.stop();
            let level = &mut levels[n];
            level.rates.push(per_second(*count, took));
            level.latencies.extend(latencies);
            level.commands += count;
            level.commits += ground.clock.commits() - commits;
            level.load = std::mem::take(&mut level.load).and(&load);
            if n + 1 == size.in_flight.len() {
                let before = rows(&*ground.journal, 0, prepared)?;
                let paid = rows(&*ground.journal, prepared, ground.journal.head()?)?;
                let took = raw_inserts_after(&room.file("raw.db"), &before, &paid, 1_000).map_err(failed)?;
                raws.push(per_second(paid.len(), took));
            }
        }
        let took = fdatasync_loop(&room.file("sync"), size.syncs).map_err(failed)?;
        syncs.push(per_second(size.syncs, took));
    }
    levels.iter_mut().for_each(|level| level.latencies.sort_unstable());
    let (raw, sync) = (median(raws), median(syncs));
    Ok((throughput(&levels, size, raw, sync), latency(&levels, size)))
}

fn throughput(levels: &[Level], size: &Size, raw: f64, sync: f64) -> Figure {
    const RAW: &str = "raw inserts of the same rows, batches of 1,000";
    let last = levels.len() - 1;
    let mut rows = Vec::new();
    let mut limited_by = Vec::new();
    for (n, (level, (in_flight, _))) in levels.iter().zip(size.in_flight).enumerate() {
        let batch = level.commands as f64 / level.commits.max(1) as f64;
        let rate = median(level.rates.clone());
        let row = Row::rate("commands, one event each, random streams", "commands/s", rate).under(
            batch,
            *in_flight as u64,
            SYNCED,
        );
        rows.push(match n {
            0 => row.against("fdatasync of 4 KiB, one after the other", sync).at_least(0.5),
            _ if n == last => row.against(RAW, raw).at_least(0.65),
            _ => row.against(RAW, raw),
        });
        if n == 0 || n == last {
            limited_by.push(format!("{in_flight} in flight: {}", level.load.limit()));
        }
    }
    if let Some(alone) = rows.first() {
        let (whole, disk) = (1e6 / alone.value, 1e6 / sync);
        limited_by[0].push_str(&format!("; a command takes {whole:.0} us, a bare fdatasync {disk:.0} us"));
    }
    Figure { figure: 'a', title: "durable commands through decide and append", rows, limited_by }
}

fn latency(levels: &[Level], size: &Size) -> Figure {
    let mut rows = Vec::new();
    let mut limited_by = Vec::new();
    for (level, (in_flight, _)) in levels.iter().zip(size.in_flight) {
        let what = match in_flight {
            1 => "a command alone".to_owned(),
            n => format!("a command among {n}"),
        };
        let batch = level.commands as f64 / level.commits.max(1) as f64;
        let mut row = Row::rate(what, "us, median", 0.0).under(batch, *in_flight as u64, SYNCED);
        row.p50_us = percentile(&level.latencies, 0.50);
        row.p99_us = percentile(&level.latencies, 0.99);
        row.value = row.p50_us.unwrap_or(0) as f64;
        rows.push(row);
        if let (1, Some(p50), Some(p99)) =
            (*in_flight, percentile(&level.latencies, 0.5), percentile(&level.latencies, 0.99))
        {
            limited_by
                .push(format!("the commit a command waits for: alone {p50} us, one of 100 beyond {p99} us"));
        }
        if *in_flight == 256 {
            let commit = 1e6 * batch / median(level.rates.clone());
            limited_by.push(format!(
                "the commits under way: at 256 in flight one of {batch:.0} commands ends every {commit:.0} us, and a \
                 command waits for the rest of one and the whole of the next"
            ));
        }
    }
    Figure { figure: 'e', title: "latency of a command, from call to durable answer", rows, limited_by }
}
