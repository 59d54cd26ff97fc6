//! (a), (c) and (e) of a journal in PostgreSQL: in a database of its own beside the one that is named, which goes.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

use daybook_journal::postgres::baseline::Scratch;
use daybook_journal::{Filter, Journal};
use tokio::runtime::Runtime;

use super::Size;
use super::deposits;
use super::figure::{Figure, Row};
use super::load::{Load, Watch};
use super::room::{Ground, median, per_second, percentile, rows};
use super::several::Several;
use crate::failure::Failure;

pub const SYNCED: &str = "by the server, before answers";
const BATCHES: &str = "raw UNNEST batches of 100, one connection";
const SINGLES: &str = "16 connections that commit single rows";
const SCAN: &str = "raw scan that touches every column, one connection";

/// What the runs at one number in flight gave.
#[derive(Default)]
struct Level {
    rates: Vec<f64>,
    latencies: Vec<u32>,
    commands: usize,
    commits: u64,
    load: Load,
}

/// Measures all three on the server of `url`; the first also from several processes, where that is wanted.
pub fn measure(
    url: &str,
    runtime: &Runtime,
    size: &Size,
    from_several: bool,
) -> Result<Vec<Figure>, Failure> {
    let mut several = Several::default();
    let mut levels: Vec<Level> = size.in_flight.iter().map(|_| Level::default()).collect();
    let (mut batches, mut singles, mut raws, mut scans) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut scanning = Load::default();
    for run in 0..size.runs {
        let scratch = Scratch::on(url)?;
        let ground = Ground::in_postgres(&scratch.url)?;
        deposits::prepare(runtime, &ground.commands, 0..size.streams)?;
        let prepared = ground.journal.head()?;
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
                // What stands beside it, right behind it: the same rows.
                let paid = rows(&*ground.journal, prepared, ground.journal.head()?)?;
                batches.push(per_second(paid.len(), scratch.batches(&paid, 100)?));
                let few = &paid[..paid.len().min(size.singles)];
                singles.push(per_second(few.len(), scratch.singles(few, 16)?));
            }
        }
        let (events, sum, took) = scratch.scan()?;
        black_box(sum);
        raws.push(per_second(events as usize, took));
        let watch = Watch::start();
        let began = Instant::now();
        let mut seen = 0;
        ground.journal.scan(0, None, &Filter::default(), &mut |event| {
            black_box(&event);
            seen += 1;
            ControlFlow::Continue(())
        })?;
        scans.push(per_second(seen, began.elapsed()));
        scanning = scanning.and(&watch.stop());
        drop((ground, scratch));
        if from_several {
            several.measure(url, run, size)?;
        }
    }
    levels.iter_mut().for_each(|level| level.latencies.sort_unstable());
    let scan = Row::rate("the journal, every column borrowed", "events/s", median(scans));
    let scan = Figure {
        figure: 'c',
        title: "one full scan, PostgreSQL",
        rows: vec![scan.against(SCAN, median(raws)).at_least(0.6)],
        limited_by: vec![scanning.limit()],
    };
    let mut throughput = throughput(&levels, size, median(batches), median(singles));
    several.show(size, &mut throughput);
    Ok(vec![throughput, scan, latency(&levels, size)])
}

fn throughput(levels: &[Level], size: &Size, batches: f64, singles: f64) -> Figure {
    let last = levels.len() - 1;
    let (mut rows, mut limited_by) = (Vec::new(), Vec::new());
    for (n, (level, (in_flight, _))) in levels.iter().zip(size.in_flight).enumerate() {
        let batch = level.commands as f64 / level.commits.max(1) as f64;
        let rate = median(level.rates.clone());
        let row = || {
            Row::rate("commands, one event each, random streams", "commands/s", rate).under(
                batch,
                *in_flight as u64,
                SYNCED,
            )
        };
        let against = row().against(BATCHES, batches);
        rows.push(if n == last { against.at_least(0.5) } else { against });
        if n == last {
            rows.push(row().against(SINGLES, singles).at_least(4.0));
        }
        if n == 0 || n == last {
            limited_by.push(format!("{in_flight} in flight: {}", level.load.limit()));
        }
    }
    Figure { figure: 'a', title: "durable commands through decide and append, PostgreSQL", rows, limited_by }
}

fn latency(levels: &[Level], size: &Size) -> Figure {
    let rows = levels.iter().zip(size.in_flight).map(|(level, (in_flight, _))| {
        let batch = level.commands as f64 / level.commits.max(1) as f64;
        let what = format!("a command among {in_flight}");
        let mut row = Row::rate(what, "us, median", 0.0).under(batch, *in_flight as u64, SYNCED);
        row.p50_us = percentile(&level.latencies, 0.50);
        row.p99_us = percentile(&level.latencies, 0.99);
        row.value = row.p50_us.unwrap_or(0) as f64;
        row
    });
    let limited_by =
        vec!["the server's commits: a command waits for the rest of one and the whole of the next".into()];
    Figure { figure: 'e', title: "latency of a command, PostgreSQL", rows: rows.collect(), limited_by }
}
