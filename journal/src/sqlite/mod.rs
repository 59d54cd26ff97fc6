//! The journal in one SQLite file: the default backend.
//!
//! Shape: one writer thread with the only connection that inserts, a thread that syncs the log and answers, a
//! checkpointer thread, and readers on read-only connections of their own. Beside `daybook.db` lie its write-ahead
//! log (`-wal`, `-shm`) and the lock file that keeps a second writer out (`.lock`).
//!
//! Cost: an append is one hand-over to the writer and a share of one fsync; a read is a statement on a pooled
//! connection. Opening is a few seeks, whatever the size. Memory: the queue ([`Options::queue_events`]), the
//! stream cache ([`Options::stream_cache_entries`]) and SQLite's page cache ([`Options::cache_kib`]), all bounded.
//!
//! Correctness: a receipt is given only after COMMIT and a sync of the log, and nothing is read before that (module
//! `durable`); positions and versions are given out by the writer alone, and UNIQUE(stream, version) stands behind
//! it; triggers refuse every UPDATE and DELETE.

mod batch;
mod checkpoint;
mod copy;
mod durable;
mod faults;
mod lock;
mod names;
pub(crate) mod open;
mod read;
mod restore;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use self::copy::copy_database;
use self::durable::{Log, Syncer};
use self::faults::Faults;
use self::lock::WriterLock;
use self::read::Readers;
pub use self::restore::SqliteRestore;
use self::writer::Writer;
use crate::check::check;
use crate::head::Head;
use crate::limits::LONGEST_WAIT;
use crate::load::Counters;
use crate::queue::Queue;
use crate::{
    Append, Appending, Clock, Filter, Journal, JournalError, Load, Position, Scanned, SystemClock, Version,
    Visit,
};

/// How often another process looks for new events.
const POLL: Duration = Duration::from_millis(50);

/// Bounds and ports of a [`SqliteJournal`]; the defaults serve a market on one machine.
#[derive(Clone)]
pub struct Options {
    /// Where `recorded_at` comes from.
    pub clock: Arc<dyn Clock>,
    /// Events that may wait for the writer before `append` waits for room.
    pub queue_events: u32,
    /// Events in one transaction; a larger call is written in several.
    pub max_batch_events: usize,
    /// Streams and commands the writer keeps in memory, counted together; about 100 bytes each.
    pub stream_cache_entries: usize,
    /// SQLite's page cache of the writer, in KiB.
    pub cache_kib: u32,
    /// Bytes of the file that readers map instead of copying.
    pub mmap_bytes: u64,
    /// Pages in the write-ahead log before a checkpoint.
    pub checkpoint_pages: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            queue_events: 32_768,
            max_batch_events: 2_048,
            stream_cache_entries: 1_000_000,
            cache_kib: 64 << 10,
            mmap_bytes: 1 << 30,
            checkpoint_pages: 10_000,
        }
    }
}

/// What the threads of a journal have in common.
struct Shared {
    path: PathBuf,
    queue: Queue,
    head: Head,
    log: Log,
    checkpoints: Arc<checkpoint::Requests>,
    counters: Counters,
    faults: Faults,
}

/// An append-only log in one SQLite file. Share it in an `Arc`; dropping the last one finishes what was accepted.
pub struct SqliteJournal {
    path: PathBuf,
    readers: Readers,
    access: Access,
}

enum Access {
    Writing(Writing),
    /// What another process has committed need not be durable yet: the log is synced before it is believed.
    Reading(Log),
}

struct Writing {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl SqliteJournal {
    /// Opens a journal for writing and reading; makes it when there is none.
    ///
    /// # Errors
    /// [`JournalError::Locked`] when another process writes it, [`JournalError::Corrupt`] when the file is
    /// something else, newer or damaged, [`JournalError::Unavailable`] when it cannot be opened.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, JournalError> {
        Self::open_with(path.as_ref(), options, Faults::default())
    }

    fn open_with(path: &Path, options: Options, faults: Faults) -> Result<Self, JournalError> {
        let lock = WriterLock::take(path)?;
        let conn = open::writer(path, options.cache_kib)?;
        let readers = Readers::new(path, options.mmap_bytes);
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            queue: Queue::new(options.queue_events),
            head: Head::default(),
            log: Log::of(path, faults.clone()),
            checkpoints: Arc::default(),
            counters: Counters::default(),
            faults,
        });
        let spawn_failed =
            |error: std::io::Error| JournalError::Unavailable(format!("cannot start a thread: {error}"));
        let requests = Arc::clone(&shared.checkpoints);
        let (at, threshold) = (path.to_owned(), options.checkpoint_pages);
        let writer = Writer::new(Arc::clone(&shared), options, conn, lock)?;
        let syncer = Syncer::start(&shared).map_err(spawn_failed)?;
        let checkpointer = std::thread::Builder::new()
            .name("journal-checkpoint".into())
            .spawn(move || checkpoint::serve(&at, &requests, threshold))
            .map_err(spawn_failed)?;
        let thread = std::thread::Builder::new()
            .name("journal-writer".into())
            .spawn(move || writer.run(syncer, checkpointer))
            .map_err(spawn_failed)?;
        let access = Access::Writing(Writing { shared, thread: Some(thread) });
        Ok(Self { path: path.to_owned(), readers, access })
    }

    /// Opens a journal for reading only, beside the process that writes it or without one.
    ///
    /// # Errors
    /// As [`open`](Self::open), but never `Locked`.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        Self::open_read_only_with(path.as_ref(), Faults::default())
    }

    fn open_read_only_with(path: &Path, faults: Faults) -> Result<Self, JournalError> {
        open::check_readable(path)?;
        let readers = Readers::new(path, Options::default().mmap_bytes);
        Ok(Self { path: path.to_owned(), readers, access: Access::Reading(Log::of(path, faults)) })
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits by looking: the log is written by another process.
    fn poll_beyond(&self, after: Position, timeout: Duration) -> Result<Position, JournalError> {
        let deadline = Instant::now() + timeout;
        loop {
            let head = self.head()?;
            let left = deadline.saturating_duration_since(Instant::now());
            if head > after || left.is_zero() {
                return Ok(head);
            }
            std::thread::sleep(POLL.min(left));
        }
    }
}

impl Journal for SqliteJournal {
    fn describe(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    fn append(&self, items: Vec<Append>) -> Appending<'_> {
        let Access::Writing(writing) = &self.access else {
            let error =
                JournalError::Unavailable(format!("{} is open for reading only", self.path.display()));
            return Box::pin(std::future::ready(vec![Err(error); items.len()]));
        };
        Box::pin(writing.shared.queue.append(items, check))
    }

    fn head(&self) -> Result<Position, JournalError> {
        match &self.access {
            Access::Writing(writing) => Ok(writing.shared.head.get()),
            Access::Reading(log) => {
                let head = self.readers.with(read::Reader::head)?;
                // Its writer may have made another since.
                log.reopened();
                log.sync_through(head)?;
                Ok(head)
            }
        }
    }

    fn scan(
        &self,
        after: Position,
        upto: Option<Position>,
        filter: &Filter,
        visit: Visit<'_>,
    ) -> Result<Scanned, JournalError> {
        let head = self.head()?;
        let end = upto.unwrap_or(head).min(head);
        let through = self.readers.with(|reader| reader.scan(after, end, filter, visit))?;
        Ok(Scanned { through, head })
    }

    fn read_stream(&self, stream: &str, after: Version, visit: Visit<'_>) -> Result<Version, JournalError> {
        let head = self.head()?;
        self.readers.with(|reader| reader.read_stream(stream, after, head, visit))
    }

    fn read_streams(
        &self,
        streams: &[&str],
        upto: Option<Position>,
        visit: Visit<'_>,
    ) -> Result<(), JournalError> {
        let head = self.head()?;
        let end = upto.unwrap_or(head).min(head);
        self.readers.with(|reader| reader.read_streams(streams, end, visit))
    }

    fn wait_beyond(&self, after: Position, timeout: Duration) -> Result<Position, JournalError> {
        let timeout = timeout.min(LONGEST_WAIT);
        match &self.access {
            Access::Writing(writing) => Ok(writing.shared.head.wait_beyond(after, timeout)),
            Access::Reading(_) => self.poll_beyond(after, timeout),
        }
    }

    fn load(&self) -> Load {
        let Access::Writing(Writing { shared, .. }) = &self.access else { return Load::default() };
        let mut load = shared.counters.load(shared.queue.depth());
        if let Err(error) = shared.log.usable() {
            load.failing = Some(error.to_string());
        }
        load
    }
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        // The last connection to close must be one that may write: it removes the log.
        self.readers.close();
        let Access::Writing(writing) = &mut self.access else {
            return;
        };
        writing.shared.queue.close();
        if let Some(thread) = writing.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's writer panicked");
        }
    }
}

#[cfg(test)]
mod tests;
