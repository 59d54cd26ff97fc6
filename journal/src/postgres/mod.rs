//! The journal in a PostgreSQL database: for a market that outgrows one file, or wants a standby.
//!
//! Shape: one writer thread with a connection of its own, readers on threads with theirs, and one that listens for
//! what other processes write. Nothing here runs on the caller's runtime. Tables and triggers are in
//! `migrations/postgres/journal`; how to set a database up is in `docs/postgres.md`.
//!
//! Cost: a batch of appends is four round trips (begin and lock, read streams not in the cache, insert, commit) and a
//! share of one fsync; a read is a hand-over to a thread and one or two round trips. Connections: one to write, one to
//! listen, and as many as read at once, up to a bound (four stay open).
//!
//! Correctness: positions are given out by the row of the head, locked first and until COMMIT, so the order of positions
//! is the order of commits, without gaps, whoever writes. UNIQUE(stream, version) and the primary key stand behind it,
//! triggers refuse every UPDATE, DELETE and TRUNCATE. A receipt is given only after the server has acknowledged COMMIT
//! with `synchronous_commit` on.

pub mod baseline;
mod batch;
pub mod cluster;
mod connect;
mod doubt;
mod explain;
mod listen;
mod read;
mod restore;
mod rows;
mod schema;
pub mod server;
mod turns;
mod writer;

use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

pub use self::connect::each_server;
use self::connect::{PATIENCE, Target};
use self::doubt::Doubt;
use self::explain::set_back;
use self::listen::News;
use self::read::Readers;
pub use self::restore::PostgresRestore;
use self::writer::Writer;
use crate::check::check;
use crate::head::Head;
use crate::limits::LONGEST_WAIT;
use crate::load::Counters;
use crate::queue::{Queue, writer_gone};
use crate::{
    Append, Appending, Clock, Filter, Journal, JournalError, Load, Position, Scanned, SystemClock, Version,
    Visit,
};

/// Connections for reading, of the hundred that a server has unless it is told otherwise.
const READERS: usize = 32;

/// Bounds and ports of a [`PostgresJournal`].
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
    /// Connections for reading at most; who finds none waits. Reads within a read are not counted.
    pub readers: usize,
    /// Longest wait for a connection, and for the server's answer to what is a bounded amount of work.
    pub patience: Duration,
    /// Whether nobody else may write this journal meanwhile. For whoever keeps what it has read of it in memory and
    /// decides on that: a market.
    pub alone: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            queue_events: 32_768,
            max_batch_events: 2_048,
            stream_cache_entries: 1_000_000,
            readers: READERS,
            patience: PATIENCE,
            alone: false,
        }
    }
}

/// What the threads of a journal have in common.
struct Shared {
    target: Target,
    queue: Queue,
    head: Arc<Head>,
    counters: Counters,
    doubt: Doubt,
    /// Why this process writes nothing more, for good.
    lost: OnceLock<JournalError>,
}

/// An append-only log in a PostgreSQL database. Share it in an `Arc`; dropping the last one finishes what was accepted.
pub struct PostgresJournal {
    target: Target,
    readers: Readers,
    head: Arc<Head>,
    news: Arc<News>,
    listener: Option<JoinHandle<()>>,
    writing: Option<Writing>,
}

struct Writing {
    shared: Arc<Shared>,
    alone: bool,
    thread: Option<JoinHandle<()>>,
}

impl PostgresJournal {
    /// Opens a journal for writing and reading; makes it in an empty database.
    ///
    /// # Errors
    /// [`JournalError::Locked`] when another process writes it and one of the two wants to be
    /// [alone](Options::alone), [`JournalError::Corrupt`] when the database is something else, newer or damaged,
    /// [`JournalError::Unavailable`] when it cannot be reached, does not let the user in or takes no writes.
    pub fn open(url: &str, options: Options) -> Result<Self, JournalError> {
        let mut target = Target::parse(url)?;
        target.patience = options.patience;
        let alone = options.alone;
        let shared = Arc::new(Shared {
            target: target.clone(),
            queue: Queue::new(options.queue_events),
            head: Arc::default(),
            counters: Counters::default(),
            doubt: Doubt::default(),
            lost: OnceLock::new(),
        });
        let readers = options.readers;
        let (opened, answer) = std::sync::mpsc::sync_channel(1);
        let for_writer = Arc::clone(&shared);
        let thread = spawn("journal-writer", move |runtime| {
            match runtime.block_on(Writer::open(for_writer, options)) {
                Ok(writer) => {
                    let _ = opened.send(Ok(()));
                    writer.run(&runtime);
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                }
            }
        })?;
        answer.recv().map_err(|_| writer_gone())??;
        let head = Arc::clone(&shared.head);
        Self::on(target, head, readers, Some(Writing { shared, alone, thread: Some(thread) }))
    }

    /// Opens a journal for reading only, beside those who write it or without any.
    ///
    /// # Errors
    /// As [`open`](Self::open), but never `Locked`.
    pub fn open_read_only(url: &str) -> Result<Self, JournalError> {
        let target = Target::parse(url)?;
        let (opened, answer) = std::sync::mpsc::sync_channel(1);
        let looked_at = target.clone();
        let look = spawn("journal-opening", move |runtime| {
            let look = async {
                // Not only to write: a standby may be behind what was acknowledged.
                let mut conn = looked_at.connect_to_write().await?;
                schema::check(&looked_at, &mut conn).await
            };
            let _ = opened.send(runtime.block_on(look));
        })?;
        let found = answer.recv().map_err(|_| writer_gone())?;
        let _ = look.join();
        found?;
        let journal = Self::on(target, Arc::default(), READERS, None)?;
        // Who waits at once is not told that there is nothing.
        journal.head()?;
        Ok(journal)
    }

    fn on(
        target: Target,
        head: Arc<Head>,
        readers: usize,
        writing: Option<Writing>,
    ) -> Result<Self, JournalError> {
        let news = Arc::new(News::default());
        let (for_listener, published, heard) = (target.clone(), Arc::clone(&head), Arc::clone(&news));
        let listener = spawn("journal-listener", move |runtime| {
            runtime.block_on(listen::listen(for_listener, published, heard));
        })?;
        let readers = Readers::new(target.clone(), Arc::clone(&head), readers);
        Ok(Self { target, readers, head, news, listener: Some(listener), writing })
    }

    /// Nothing is read while it is not known whether a batch of this process was written.
    fn settled(&self) -> Result<(), JournalError> {
        self.writing.as_ref().map_or(Ok(()), |writing| writing.shared.doubt.settled())
    }
}

/// A thread with a runtime of its own.
fn spawn(
    name: &str,
    run: impl FnOnce(tokio::runtime::Runtime) + Send + 'static,
) -> Result<JoinHandle<()>, JournalError> {
    let failed = |error: std::io::Error| JournalError::Unavailable(format!("cannot start a thread: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    std::thread::Builder::new().name(name.to_owned()).spawn(move || run(runtime)).map_err(failed)
}

impl Journal for PostgresJournal {
    fn describe(&self) -> String {
        self.target.name.clone()
    }

    fn append(&self, items: Vec<Append>) -> Appending<'_> {
        let Some(writing) = &self.writing else {
            let error = JournalError::Unavailable(format!("{} is open for reading only", self.target.name));
            return Box::pin(std::future::ready(vec![Err(error); items.len()]));
        };
        if let Some(lost) = writing.shared.lost.get() {
            return Box::pin(std::future::ready(vec![Err(lost.clone()); items.len()]));
        }
        Box::pin(writing.shared.queue.append(items, writable))
    }

    fn head(&self) -> Result<Position, JournalError> {
        self.settled()?;
        if self.writing.as_ref().is_some_and(|writing| writing.alone) {
            // Nobody else moves it.
            return Ok(self.head.get());
        }
        let head = self.readers.head()?;
        let seen = self.head.get();
        if head < seen {
            // Or another call has seen more since this one asked.
            let again = self.readers.head()?;
            if again < seen {
                return Err(set_back(&self.target.name, again, seen));
            }
            return Ok(again);
        }
        self.head.publish(head);
        Ok(head)
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
        let through = self.readers.scan(after, end, filter, visit)?;
        Ok(Scanned { through, head })
    }

    fn read_stream(&self, stream: &str, after: Version, visit: Visit<'_>) -> Result<Version, JournalError> {
        self.settled()?;
        self.readers.stream(stream, after, visit)
    }

    fn read_streams(
        &self,
        streams: &[&str],
        upto: Option<Position>,
        visit: Visit<'_>,
    ) -> Result<(), JournalError> {
        let head = self.head()?;
        self.readers.streams(streams, upto.unwrap_or(head).min(head), visit)
    }

    fn wait_beyond(&self, after: Position, timeout: Duration) -> Result<Position, JournalError> {
        let head = self.head.wait_beyond(after, timeout.min(LONGEST_WAIT));
        match self.news.trouble() {
            Some(trouble) if head <= after => Err(trouble),
            _ => Ok(head),
        }
    }

    fn load(&self) -> Load {
        let Some(Writing { shared, .. }) = &self.writing else { return Load::default() };
        let mut load = shared.counters.load(shared.queue.depth());
        if let Some(lost) = shared.lost.get() {
            load.failing = Some(lost.to_string());
        }
        load
    }
}

/// What every backend asks, and what PostgreSQL cannot keep in a text.
fn writable(item: &Append) -> Result<(), JournalError> {
    check(item)?;
    let nul = |text: &str| text.as_bytes().contains(&0);
    match item.events.iter().find(|event| nul(&event.data) || nul(&event.refs)) {
        None => Ok(()),
        Some(event) => Err(JournalError::Malformed(format!(
            "{} holds a NUL character; JSON writes it \\u0000",
            event.kind
        ))),
    }
}

impl Drop for PostgresJournal {
    fn drop(&mut self) {
        self.readers.close();
        self.news.stop();
        if let Some(listener) = self.listener.take()
            && listener.join().is_err()
        {
            tracing::error!("the journal's listener panicked");
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's writer panicked");
        }
    }
}
