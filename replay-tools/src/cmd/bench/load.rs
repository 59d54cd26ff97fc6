//! Who used the cores meanwhile, and how much memory: read from `/proc`, so that what limits a figure is said
//! from what was measured.

use std::collections::BTreeMap;
use std::fs::read_to_string;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A thread that is on a core this share of the time is what the others wait for.
const BUSY: f64 = 0.85;
/// `/proc` counts processor time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// Cores of the machine.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Processor time so far, in seconds.
#[derive(Clone, Default)]
struct Used {
    /// By name of thread: in all, and of it in the kernel.
    threads: BTreeMap<String, (f64, f64)>,
    /// This process, threads that have ended included.
    process: (f64, f64),
    /// All cores, this process included.
    machine: f64,
}

/// User and system time from a line of `/proc/*/stat`; the name before it may hold anything.
fn times(stat: &str) -> Option<(f64, f64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut next = || Some(fields.next()?.parse::<f64>().ok()? / TICKS_PER_SECOND);
    let (user, system) = (next()?, next()?);
    Some((user + system, system))
}

impl Used {
    fn now() -> Self {
        let mut used = Self::default();
        let stat = |path: &str| times(&read_to_string(path).ok()?);
        used.process = stat("/proc/self/stat").unwrap_or_default();
        for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            let path = task.path();
            let name = read_to_string(path.join("comm")).unwrap_or_default();
            if let Some((all, system)) = path.join("stat").to_str().and_then(stat) {
                let of = used.threads.entry(name.trim().to_owned()).or_default();
                *of = (of.0 + all, of.1 + system);
            }
        }
        // user, nice, system, idle, iowait, irq, softirq
        let machine = read_to_string("/proc/stat").unwrap_or_default();
        let busy = machine.lines().next().unwrap_or("").split_ascii_whitespace().skip(1).enumerate();
        used.machine = busy
            .filter(|(at, _)| [0, 1, 2, 5, 6].contains(at))
            .filter_map(|(_, ticks)| ticks.parse::<f64>().ok())
            .sum::<f64>()
            / TICKS_PER_SECOND;
        used
    }
}

/// Processor time from its making on.
pub struct Watch {
    began: Instant,
    before: Used,
}

/// What was used over some time.
#[derive(Clone, Default)]
pub struct Load {
    seconds: f64,
    used: Used,
}

impl Watch {
    /// Begins.
    pub fn start() -> Self {
        Self { before: Used::now(), began: Instant::now() }
    }

    /// Ends. Call it while the threads of interest still live.
    pub fn stop(self) -> Load {
        let seconds = self.began.elapsed().as_secs_f64();
        let mut used = Used::now();
        for (name, of) in &mut used.threads {
            let (all, system) = self.before.threads.get(name).copied().unwrap_or_default();
            *of = (of.0 - all, of.1 - system);
        }
        let (all, system) = self.before.process;
        used.process = (used.process.0 - all, used.process.1 - system);
        used.machine -= self.before.machine;
        Load { seconds, used }
    }
}

impl Load {
    /// This and that together.
    pub fn and(mut self, other: &Self) -> Self {
        self.seconds += other.seconds;
        for (name, (all, system)) in &other.used.threads {
            let of = self.used.threads.entry(name.clone()).or_default();
            *of = (of.0 + all, of.1 + system);
        }
        self.used.process.0 += other.used.process.0;
        self.used.process.1 += other.used.process.1;
        self.used.machine += other.used.machine;
        self
    }

    /// Cores that other programs used, on average.
    pub fn others(&self) -> f64 {
        ((self.used.machine - self.used.process.0) / self.seconds.max(1e-9)).max(0.0)
    }

    /// What limited the work of this time.
    pub fn limit(&self) -> String {
        let percent = |seconds: f64| 100.0 * seconds / self.seconds.max(1e-9);
        let mut threads: Vec<_> = self.used.threads.iter().filter(|(_, of)| percent(of.0) >= 5.0).collect();
        threads.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
        let list: Vec<_> = threads
            .iter()
            .take(3)
            .map(|(name, (all, system))| format!("{name} {:.0} % ({:.0} %)", percent(*all), percent(*system)))
            .collect();
        let list = if list.is_empty() { "no thread above 5 %".to_owned() } else { list.join(", ") };
        let all = cores() as f64 * 100.0;
        let free = all - percent(self.used.machine);
        let others = self.others();
        let verdict = match threads.first() {
            Some((name, of)) if percent(of.0) >= BUSY * 100.0 => format!("the thread {name}"),
            _ if free <= all * (1.0 - BUSY) && others > 0.3 => {
                format!("the cores, which other programs shared ({others:.1} of {})", cores())
            }
            _ if free <= all * (1.0 - BUSY) => format!("all {} cores", cores()),
            _ => "waiting for the disk and for each other".to_owned(),
        };
        let (busy, system) = self.used.process;
        format!(
            "{verdict}: the process {:.0} % of a core ({:.0} % in the kernel), of it {list}",
            percent(busy),
            percent(system)
        )
    }
}

/// Looks at the process's anonymous memory until it is dropped.
pub struct Memory {
    stop: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
}

/// Anonymous memory of this process, in bytes.
pub fn anonymous() -> u64 {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

impl Memory {
    /// Begins.
    pub fn watch() -> Self {
        let memory = Self { stop: Arc::default(), peak: Arc::new(AtomicU64::new(anonymous())) };
        let (stop, peak) = (Arc::clone(&memory.stop), Arc::clone(&memory.peak));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                peak.fetch_max(anonymous(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        memory
    }

    /// The most there was, in bytes.
    pub fn peak(&self) -> u64 {
        self.peak.fetch_max(anonymous(), Ordering::Relaxed).max(anonymous())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_past_a_name_with_parentheses() {
        let stat = "7 (a) b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 5 1000 10";
        assert_eq!(times(stat), Some((3.0, 0.5)));
        assert_eq!(times("nonsense"), None);
    }

    #[test]
    fn a_thread_that_never_rests_is_named_as_the_limit() {
        let mut load = Load { seconds: 2.0, ..Load::default() };
        load.used.threads.insert("journal-writer".into(), (1.9, 0.5));
        load.used.threads.insert("tokio".into(), (0.4, 0.1));
        load.used.process = (2.3, 0.6);
        load.used.machine = 2.3;
        assert_eq!(
            load.limit(),
            "the thread journal-writer: the process 115 % of a core (30 % in the kernel), of it journal-writer 95 % \
             (25 %), tokio 20 % (5 %)"
        );
        load.used = Used::default();
        assert_eq!(
            load.limit(),
            "waiting for the disk and for each other: the process 0 % of a core (0 % in the kernel), of it no thread \
             above 5 %"
        );
    }
}
