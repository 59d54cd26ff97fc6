//! Appends and scans of the SQLite journal beside what raw SQLite and the disk give in the same run.
//!
//! `cargo bench -p daybook-journal` for all; `-- random local bulk scan alone` to choose; `EVENTS=400000`,
//! `RUNS=5`, `TASKS=1024`, `DIR=/somewhere` to change. Runs alternate and medians are printed, with the ratio of each to its
//! denominator.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use daybook_journal::baseline::{Locality, bytes_per_event, fdatasync_loop, raw_inserts, raw_scan, workload};
use daybook_journal::sqlite::Options;
use daybook_journal::{Append, Appending, Filter, Journal, Recorded, SqliteJournal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// A folder for one file at a time.
struct Room(PathBuf);

impl Room {
    fn fresh(&self) -> PathBuf {
        let _ = std::fs::remove_dir_all(&self.0);
        std::fs::create_dir_all(&self.0).unwrap();
        self.0.join("bench.db")
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// Time on a core of the threads whose name begins so, as far as they live (Linux; zero elsewhere).
fn on_core(thread: &str) -> Duration {
    let of = |task: std::fs::DirEntry| -> Option<u64> {
        let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
        let times = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        name.starts_with(thread).then_some(times.split(' ').next()?.parse().ok()?)
    };
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    Duration::from_nanos(tasks.filter_map(of).sum())
}

/// One figure of many callers.
struct Load {
    /// Appends per second while every task had one under way.
    rate: f64,
    /// Time of each append, in microseconds.
    latencies: Vec<u32>,
    /// Microseconds the writer was on a core, per append.
    writer: f64,
}

/// Tasks that each append their own streams' events one by one, in order. The clock stops when the first has no
/// more, so that exactly `tasks` are in flight.
fn in_flight(runtime: &tokio::runtime::Runtime, path: &Path, appends: &[Append], tasks: usize) -> Load {
    let journal = Arc::new(SqliteJournal::open(path, Options::default()).unwrap());
    let mut parts: Vec<Vec<Append>> = (0..tasks).map(|_| Vec::new()).collect();
    let mut streams = HashMap::new();
    for append in appends {
        let next = streams.len();
        parts[*streams.entry(&append.stream).or_insert(next) % tasks].push(append.clone());
    }
    let done = Arc::new(AtomicUsize::new(0));
    let stopped = Arc::new(OnceLock::new());
    let began = Instant::now();
    let latencies = runtime.block_on(async {
        let start = |part: Vec<Append>| {
            let (journal, done, stopped) = (Arc::clone(&journal), Arc::clone(&done), Arc::clone(&stopped));
            tokio::spawn(async move {
                let mut latencies = Vec::with_capacity(part.len());
                for append in &part {
                    let sent = Instant::now();
                    // A caller has just made what it sends: a copy stands for that.
                    journal.append(vec![append.clone()]).await.pop().unwrap().unwrap();
                    latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap());
                    done.fetch_add(1, Ordering::Relaxed);
                }
                stopped.get_or_init(|| (began.elapsed(), done.load(Ordering::Relaxed)));
                latencies
            })
        };
        let tasks: Vec<_> = parts.into_iter().map(start).collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        all
    });
    let (took, count) = *stopped.get().unwrap();
    let writer = on_core("journal-writer").as_secs_f64() * 1e6 / appends.len() as f64;
    Load { rate: rate(count, took), latencies, writer }
}

fn bulk(runtime: &tokio::runtime::Runtime, path: &Path, appends: Vec<Append>, call: usize) -> f64 {
    let journal = SqliteJournal::open(path, Options::default()).unwrap();
    let count = appends.len();
    let mut appends = appends.into_iter();
    let began = Instant::now();
    runtime.block_on(async {
        // Two calls under way, as an import has that prepares one while the other is written. A call takes its
        // place when it is first polled.
        let mut before: Option<Appending<'_>> = None;
        loop {
            let items: Vec<_> = appends.by_ref().take(call).collect();
            let done = items.is_empty();
            let mut now = journal.append(items);
            let answered = std::future::poll_fn(|context| Poll::Ready(now.as_mut().poll(context))).await;
            if let Some(before) = before.take() {
                assert!(before.await.iter().all(Result::is_ok));
            }
            match answered {
                Poll::Ready(answers) => assert!(answers.iter().all(Result::is_ok)),
                Poll::Pending => before = Some(now),
            }
            if done {
                return;
            }
        }
    });
    rate(count, began.elapsed())
}

fn scan(path: &Path, events: usize) -> f64 {
    let journal = SqliteJournal::open_read_only(path).unwrap();
    let mut sum = 0;
    let began = Instant::now();
    let mut visit = |event: Recorded<'_>| {
        sum += event.position as usize + event.data.len() + event.stream.len() + event.kind.len();
        std::ops::ControlFlow::Continue(())
    };
    journal.scan(0, None, &Filter::default(), &mut visit).unwrap();
    let took = began.elapsed();
    assert!(sum > events);
    rate(events, took)
}

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|arg| arg == name);
    let events = setting("EVENTS", 200_000);
    let runs = setting("RUNS", 3);
    let dir = std::env::var_os("DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let room = Room(dir.join(format!("daybook-bench-{}", std::process::id())));
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let cores = std::thread::available_parallelism().unwrap();
    let random = workload(events, Locality::Random);
    let local = workload(events, Locality::Local);
    println!(
        "{events} events of {} bytes, synced before each answer, {cores} cores, medians of {runs}",
        bytes_per_event(&random)
    );
    for (name, appends) in [("random", &random), ("local", &local)] {
        if !wanted("inflight") && !wanted(name) {
            continue;
        }
        let raw: Vec<_> =
            (0..runs).map(|_| rate(events, raw_inserts(&room.fresh(), appends, 1_000).unwrap())).collect();
        println!("raw, batches of 1000, {name:>6} streams      {:>9.0}/s  {raw:.0?}", median(raw.clone()));
        let only = setting("TASKS", 0);
        for tasks in [1, 16, 64, 256, 1024].into_iter().filter(|tasks| only == 0 || only == *tasks) {
            let some = appends[..(tasks * 4_000).min(events)].to_vec();
            let mut rates = Vec::new();
            let mut raws = Vec::new();
            let mut latencies = Vec::new();
            let (mut busy, mut busy_raw) = (Vec::new(), Vec::new());
            for _ in 0..runs {
                if tasks >= 256 {
                    let before = on_core("append");
                    raws.push(rate(some.len(), raw_inserts(&room.fresh(), &some, 1_000).unwrap()));
                    busy_raw.push((on_core("append") - before).as_secs_f64() * 1e6 / some.len() as f64);
                }
                let load = in_flight(&runtime, &room.fresh(), &some, tasks);
                rates.push(load.rate);
                busy.push(load.writer);
                latencies.extend(load.latencies);
            }
            latencies.sort_unstable();
            let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
            let mine = median(rates);
            let raw = median(if raws.is_empty() { raw.clone() } else { raws });
            println!(
                "{tasks:>5} in flight, {name:>6} streams            {mine:>9.0}/s  {:.2} of raw {raw:.0}  p50 {} us p99 {} us",
                mine / raw,
                at(0.5),
                at(0.99)
            );
            if !busy_raw.is_empty() {
                println!(
                    "      on a core: writer {:.2} us an append, raw {:.2} us",
                    median(busy),
                    median(busy_raw)
                );
            }
        }
    }
    if wanted("alone") {
        let mut loops = Vec::new();
        let mut alone = Vec::new();
        for _ in 0..runs {
            loops.push(rate(5_000, fdatasync_loop(&room.fresh(), 5_000).unwrap()));
            alone.push(in_flight(&runtime, &room.fresh(), &random[..5_000], 1).rate);
        }
        let (fsync, alone) = (median(loops), median(alone));
        println!("fdatasync of 4 KiB                        {fsync:>9.0}/s");
        println!(
            "one in flight                             {alone:>9.0}/s  {:.2} of fdatasync",
            alone / fsync
        );
    }
    if wanted("bulk") {
        for call in [1_000, 2_000] {
            let (mut raws, mut mine) = (Vec::new(), Vec::new());
            for _ in 0..runs {
                raws.push(rate(events, raw_inserts(&room.fresh(), &local, 1_000).unwrap()));
                mine.push(bulk(&runtime, &room.fresh(), local.clone(), call));
            }
            let (raw, mine) = (median(raws), median(mine));
            println!("raw, batches of 1000, local streams       {raw:>9.0}/s");
            println!("bulk, calls of {call}, local streams        {mine:>9.0}/s  {:.2} of raw", mine / raw);
        }
    }
    if wanted("scan") {
        let path = room.fresh();
        bulk(&runtime, &path, local, 2_000);
        let (mut raws, mut mine) = (Vec::new(), Vec::new());
        for _ in 0..runs.max(5) {
            raws.push(rate(events, raw_scan(&path).unwrap().2));
            mine.push(scan(&path, events));
        }
        let (raw, mine) = (median(raws), median(mine));
        println!("raw scan of all columns                   {raw:>9.0}/s");
        println!("scan                                      {mine:>9.0}/s  {:.2} of raw", mine / raw);
        let began = Instant::now();
        drop(SqliteJournal::open(&path, Options::default()).unwrap());
        println!("open and close                            {:>9.1} ms", began.elapsed().as_secs_f64() * 1e3);
    }
}
