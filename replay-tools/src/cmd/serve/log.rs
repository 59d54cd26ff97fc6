//! Log lines: gathered for a moment and written together, so that a line per request costs no call of the system
//! each.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::settings::InForce;
use crate::failure::Failure;

/// Longest wait of a line.
const FLUSH: Duration = Duration::from_millis(100);
/// Lines that wait may take so much; more are written by who says them.
const ROOM: usize = 1 << 20;

#[derive(Default)]
struct Lines {
    waiting: Vec<u8>,
    closed: bool,
}

#[derive(Clone, Default)]
struct Shared(Arc<(std::sync::Mutex<Lines>, std::sync::Condvar)>);

impl Shared {
    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.0.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn add(&self, line: &[u8]) {
        let mut lines = self.lines();
        lines.waiting.extend_from_slice(line);
        if lines.waiting.len() > ROOM || lines.closed {
            write(&mut lines.waiting);
        }
    }
}

/// To standard error; when that is closed there is nobody left to tell.
fn write(lines: &mut Vec<u8>) {
    let _ = io::stderr().lock().write_all(lines);
    lines.clear();
}

struct Writer(Shared);

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Shared {
    type Writer = Writer;

    fn make_writer(&'w self) -> Writer {
        Writer(self.clone())
    }
}

/// Writes what waits, from time to time and when it is dropped.
pub struct Log {
    shared: Shared,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    /// Begins to log as the settings say.
    pub fn begin(settings: &InForce) -> Result<Self, Failure> {
        let levels: Targets = settings.get("log_level")?;
        let shared = Shared::default();
        let lines = tracing_subscriber::fmt::layer().with_writer(shared.clone());
        let registry = tracing_subscriber::registry().with(levels);
        let begun = match settings.text("log_format") {
            Some("json") => registry.with(lines.json().flatten_event(true)).try_init(),
            Some("text") => registry.with(lines.with_ansi(false)).try_init(),
            _ => return Err(settings.wrong("log_format", &"write text or json")),
        };
        begun.map_err(|error| Failure::Unavailable(format!("cannot log: {error}")))?;
        let writing = shared.clone();
        let thread = std::thread::Builder::new().name("log".into()).spawn(move || {
            // two buffers take turns: lines that are gathered find room that is in memory already
            let (mut lines, mut taken) = (writing.lines(), Vec::new());
            while !lines.closed {
                let (again, _) =
                    writing.0.1.wait_timeout(lines, FLUSH).unwrap_or_else(std::sync::PoisonError::into_inner);
                lines = again;
                std::mem::swap(&mut lines.waiting, &mut taken);
                drop(lines);
                if !taken.is_empty() {
                    write(&mut taken);
                }
                lines = writing.lines();
            }
            write(&mut lines.waiting);
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shared.lines().closed = true;
        self.shared.0.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // what it had is written or lost
        }
    }
}
