//! Where the files lie while they are measured, and what every figure needs.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use daybook_commands::{Commands, Options};
use daybook_domain::{MarketId, PartyId};
use daybook_journal::postgres::baseline::Scratch;
use daybook_journal::{
    Append, Cause, Clock, Expected, Journal, NewEvent, Position, PostgresJournal, SqliteJournal,
};
use daybook_journal::{Micros, SystemClock, postgres, sqlite};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// A folder that is removed with all its files in the end.
pub struct Room(PathBuf);

impl Room {
    /// A folder of its own in `dir`.
    pub fn within(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join(format!("daybook-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|e| Failure::Unavailable(format!("cannot make the folder {}: {e}", path.display())))?;
        Ok(Self(path))
    }

    /// Removes the folder, and what was made on a `server` of PostgreSQL, and ends the program, when that is
    /// interrupted.
    pub fn remove_on_interrupt(&self, runtime: &Runtime, server: Option<String>) {
        let path = self.0.clone();
        // Now, not when the task is first polled: the first file may be there before.
        let entered = runtime.enter();
        let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        drop(entered);
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else { return };
        runtime.spawn(async move {
            let code = tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
            };
            // What is being measured may make another file meanwhile.
            for _ in 0..100 {
                if std::fs::remove_dir_all(&path).is_ok() || !path.exists() {
                    break;
                }
            }
            if let Some(Err(error)) = server.map(|url| Scratch::remove(&url)) {
                tracing::warn!(%error, "what was made on the server stays");
            }
            std::process::exit(code);
        });
    }

    /// The path of a database; what was there goes.
    pub fn file(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        for suffix in ["", "-wal", "-shm", "-journal", ".lock", "-lock"] {
            let mut file = path.clone().into_os_string();
            file.push(suffix);
            let _ = std::fs::remove_file(file);
        }
        path
    }

    /// The path of a database that stays.
    pub fn kept(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Counts the journal's commits: its writer looks at the clock once for each.
#[derive(Default)]
pub struct CountingClock(AtomicU64);

impl Clock for CountingClock {
    fn now(&self) -> Micros {
        self.0.fetch_add(1, Ordering::Relaxed);
        SystemClock.now()
    }
}

impl CountingClock {
    /// Commits so far.
    pub fn commits(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A journal for writing with a command handler on it, both as they serve a market.
pub struct Ground {
    pub journal: Arc<dyn Journal>,
    pub commands: Arc<Commands>,
    pub clock: Arc<CountingClock>,
}

impl Ground {
    /// A new journal at `path`.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let clock = Arc::new(CountingClock::default());
        let options = sqlite::Options { clock: Arc::clone(&clock) as _, ..sqlite::Options::default() };
        Ok(Self::on(Arc::new(SqliteJournal::open(path, options)?), clock, true))
    }

    /// A new journal in a database of PostgreSQL, that no other process writes.
    pub fn in_postgres(url: &str) -> Result<Self, Failure> {
        let ground = Self::shared_in_postgres(url, true)?;
        let (journal, head) = (&ground.journal, ground.journal.head()?);
        if head != 0 {
            return Err(Failure::Unavailable(format!(
                "{} holds {head} events: nothing is measured where something is kept",
                journal.describe()
            )));
        }
        Ok(ground)
    }

    /// A journal in a database of PostgreSQL, which others write too unless it is wanted `alone`.
    pub fn shared_in_postgres(url: &str, alone: bool) -> Result<Self, Failure> {
        let clock = Arc::new(CountingClock::default());
        let options =
            postgres::Options { clock: Arc::clone(&clock) as _, alone, ..postgres::Options::default() };
        Ok(Self::on(Arc::new(PostgresJournal::open(url, options)?), clock, alone))
    }

    fn on(journal: Arc<dyn Journal>, clock: Arc<CountingClock>, exclusive: bool) -> Self {
        let market = MarketId::new("bench").expect("invariant: visible ASCII");
        let commands = Commands::new(Arc::clone(&journal), Options { exclusive, ..Options::new(market) });
        Self { journal, commands: Arc::new(commands), clock }
    }
}

/// Who acts.
pub fn actor() -> PartyId {
    PartyId::new("bench").expect("invariant: visible ASCII")
}

/// A figure's own work never fails unless the machine does.
pub fn failed(error: impl Display) -> Failure {
    Failure::Unavailable(format!("the measurement stopped: {error}"))
}

/// So many in that time, per second.
pub fn per_second(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64().max(1e-9)
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// What lies at this share of the sorted values.
pub fn percentile(sorted: &[u32], share: f64) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    Some(u64::from(sorted[(last as f64 * share).round() as usize]))
}

/// Numbers that look random and are the same in every run.
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next one (xorshift).
    pub const fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// 128 bits.
    pub fn wide(&mut self) -> u128 {
        u128::from(self.roll()) << 64 | u128::from(self.roll())
    }
}

/// The events of a journal with `after < position <= upto` as appends of one event each: the very same rows and
/// keys for a raw limit.
pub fn rows(journal: &dyn Journal, after: Position, upto: Position) -> Result<Vec<Append>, Failure> {
    let mut rows = Vec::with_capacity(upto.saturating_sub(after) as usize);
    journal.scan(after, Some(upto), &daybook_journal::Filter::default(), &mut |event| {
        rows.push(Append {
            stream: event.stream.to_owned(),
            expected: Expected::Any,
            cause: Cause {
                command: event.command,
                fingerprint: event.fingerprint,
                correlation: event.correlation,
                actor: "bench".into(),
            },
            events: vec![NewEvent {
                id: event.id,
                kind: event.kind.to_owned().into(),
                schema: event.schema,
                occurred_at: event.occurred_at,
                refs: event.refs.to_owned(),
                data: event.data.to_owned(),
            }],
        });
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(rows)
}
