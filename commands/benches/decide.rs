//! Commands through decide and append beside raw SQLite with the same rows in the same run.
//!
//! `cargo bench -p daybook-commands`; `COMMANDS=400000`, `RUNS=5`, `DIR=/somewhere` to change. Each command pays
//! into one of 100,000 deposits; raw SQLite inserts the very rows that these commands become.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use daybook_commands::{Commands, Options, Request};
use daybook_domain::deposit::Deposit;
use daybook_domain::deposit::commands::DepositCommand;
use daybook_domain::{Currency, MarketId, Money, PartyId, ProviderId, Reference};
use daybook_journal::baseline::raw_inserts;
use daybook_journal::{
    Append, Appending, Filter, Journal, JournalError, MemoryJournal, Position, Scanned, SqliteJournal,
    Version, Visit, sqlite,
};
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ACCOUNTS: usize = 100_000;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

fn request(n: usize) -> Request<Deposit> {
    let account = (n * 7_919) % ACCOUNTS;
    let command = DepositCommand::Pay {
        amount: Money::new(n as i64 % 10_000 + 1, Currency::new("CNY").unwrap()),
        provider: ProviderId::new("alipay").unwrap(),
        provider_ref: Reference::new(&format!("{n:028}")).unwrap(),
    };
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, &n.to_be_bytes());
    Request::new(format!("merchant-{account:06}"), command, id, PartyId::new("teller").unwrap()).imported()
}

fn commands(journal: Arc<dyn Journal>) -> Arc<Commands> {
    Arc::new(Commands::new(journal, Options::new(MarketId::new("main").unwrap())))
}

/// Keeps what it is asked to append.
#[derive(Default)]
struct Recorder {
    inner: MemoryJournal,
    seen: Mutex<Vec<Append>>,
}

impl Journal for Recorder {
    fn describe(&self) -> String {
        "recorder".into()
    }
    fn append(&self, items: Vec<Append>) -> Appending<'_> {
        self.seen.lock().unwrap().extend(items.iter().cloned());
        self.inner.append(items)
    }
    fn head(&self) -> Result<Position, JournalError> {
        self.inner.head()
    }
    fn scan(
        &self,
        a: Position,
        u: Option<Position>,
        f: &Filter,
        v: Visit<'_>,
    ) -> Result<Scanned, JournalError> {
        self.inner.scan(a, u, f, v)
    }
    fn read_stream(&self, stream: &str, after: Version, visit: Visit<'_>) -> Result<Version, JournalError> {
        self.inner.read_stream(stream, after, visit)
    }
    fn read_streams(&self, s: &[&str], u: Option<Position>, v: Visit<'_>) -> Result<(), JournalError> {
        self.inner.read_streams(s, u, v)
    }
    fn wait_beyond(&self, after: Position, timeout: Duration) -> Result<Position, JournalError> {
        self.inner.wait_beyond(after, timeout)
    }
}

/// Processor time of this process so far, in microseconds: what is left to compare on a machine that is busy.
fn processor_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: f64 = after_name.split(' ').skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks * 10_000.0
}

fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn fresh(dir: &Path) -> PathBuf {
    let _ = std::fs::remove_dir_all(dir);
    std::fs::create_dir_all(dir).unwrap();
    dir.join("bench.db")
}

/// Tasks that each send every `tasks`th command and wait for it. Fresh streams are loaded beforehand: what is
/// measured is deciding and appending.
fn in_flight(runtime: &tokio::runtime::Runtime, path: &Path, count: usize, tasks: usize) -> f64 {
    let commands = commands(Arc::new(SqliteJournal::open(path, sqlite::Options::default()).unwrap()));
    for n in 0..count.min(ACCOUNTS) {
        commands.state::<Deposit>(&request(n).stream["deposit-".len()..]).unwrap();
    }
    runtime.block_on(async {
        let began = Instant::now();
        let tasks: Vec<_> = (0..tasks)
            .map(|task| {
                let commands = Arc::clone(&commands);
                tokio::spawn(async move {
                    for n in (task..count).step_by(tasks) {
                        commands.execute(request(n)).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        rate(count, began.elapsed())
    })
}

/// One caller that decides batches of 2,000, two of them under way.
fn bulk(runtime: &tokio::runtime::Runtime, path: &Path, count: usize) -> f64 {
    let commands = commands(Arc::new(SqliteJournal::open(path, sqlite::Options::default()).unwrap()));
    runtime.block_on(async {
        let began = Instant::now();
        let (mut batch, mut before) = (commands.batch(), None);
        for n in 0..count {
            batch.add(&request(n)).unwrap();
            if batch.len() == 2_000 || n + 1 == count {
                let now = batch.submit();
                if let Some(before) = before.replace(now) {
                    assert!(before.await.iter().all(Result::is_ok));
                }
            }
        }
        if let Some(last) = before {
            assert!(last.await.iter().all(Result::is_ok));
        }
        rate(count, began.elapsed())
    })
}

fn main() {
    let count = setting("COMMANDS", 200_000);
    let runs = setting("RUNS", 3);
    let dir = std::env::var_os("DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = dir.join(format!("daybook-decide-{}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();

    let recorder = Arc::new(Recorder::default());
    let dry = commands(Arc::clone(&recorder) as Arc<dyn Journal>);
    let began = Instant::now();
    runtime.block_on(async {
        for n in 0..count {
            dry.execute(request(n)).await.unwrap();
        }
    });
    println!("decide, append to memory and keep the rows  {:>9.0}/s", rate(count, began.elapsed()));
    println!("processor time                              {:>9.2} us each", processor_us() / count as f64);
    let rows = std::mem::take(&mut *recorder.seen.lock().unwrap());
    let cores = std::thread::available_parallelism().unwrap();
    println!("{count} commands, synced before each answer, {cores} cores, medians of {runs}");
    for tasks in [1_024] {
        let some = (tasks * 4_000).min(count);
        let (mut raws, mut mine, mut us) = (Vec::new(), Vec::new(), [0.0; 2]);
        for _ in 0..runs {
            let began = processor_us();
            raws.push(rate(some, raw_inserts(&fresh(&dir), &rows[..some], 1_000).unwrap()));
            let between = processor_us();
            mine.push(in_flight(&runtime, &fresh(&dir), some, tasks));
            us[0] += between - began;
            us[1] += processor_us() - between;
        }
        let (raw, mine) = (median(raws), median(mine));
        let us = us.map(|us| us / (runs * some) as f64);
        println!(
            "{tasks:>5} in flight  {mine:>9.0}/s  {:.2} of raw {raw:.0}; processor {:.1} us each, raw {:.1}",
            mine / raw,
            us[1],
            us[0]
        );
    }
    std::process::exit(0);
    #[allow(unreachable_code)]
    let (mut raws, mut mine, began) = (Vec::new(), Vec::new(), processor_us());
    for _ in 0..runs {
        raws.push(rate(count, raw_inserts(&fresh(&dir), &rows, 1_000).unwrap()));
        mine.push(bulk(&runtime, &fresh(&dir), count));
    }
    let us = (processor_us() - began) / (runs * count) as f64;
    let (raw, mine) = (median(raws), median(mine));
    println!(" bulk            {mine:>9.0}/s  {:.2} of raw {raw:.0}; processor {us:.1} us both", mine / raw);
    let _ = std::fs::remove_dir_all(&dir);
}
