//! The journal: what asks the writer and the reader.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Options;
use super::read::Reader;
use super::session::Supervisor;
use super::target::Target;
use super::writer::{Shared, Writer};
use crate::check::check;
use crate::head::Head;
use crate::limits::LONGEST_WAIT;
use crate::load::Counters;
use crate::queue::Queue;
use crate::{Append, Appending, Filter, Journal, JournalError, Load, Position, Scanned, Version, Visit};

/// How often who only reads looks for news.
const LOOK: Duration = Duration::from_millis(200);

/// An append-only log in a KurrentDB. Share it in an `Arc`; dropping the last one finishes what was accepted, and gives the
/// lease back.
pub struct KurrentJournal {
    reader: Reader,
    head: Arc<Head>,
    writing: Option<Writing>,
}

struct Writing {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl KurrentJournal {
    /// As [`open`](super::open).
    ///
    /// # Errors
    /// As there.
    pub fn open(url: &str, options: Options) -> Result<Self, JournalError> {
        let reader = Reader::new(Supervisor::new(Target::parse(url)?, options.patience));
        let head = Arc::<Head>::default();
        let shared = Arc::new(Shared {
            queue: Queue::new(options.queue_events),
            head: Arc::clone(&head),
            counters: Counters::default(),
        });
        let writer = Writer::open(Arc::clone(&shared), reader.clone(), options)?;
        let failed =
            |error: std::io::Error| JournalError::Unavailable(format!("cannot start a thread: {error}"));
        let thread = std::thread::Builder::new().name("journal-writer".into()).spawn(move || writer.run());
        let writing = Some(Writing { shared, thread: Some(thread.map_err(failed)?) });
        Ok(Self { reader, head, writing })
    }

    /// One that only reads.
    pub(super) fn reading(reader: Reader) -> Self {
        Self { reader, head: Arc::default(), writing: None }
    }

    /// As [`open_read_only`](super::open_read_only).
    ///
    /// # Errors
    /// As there.
    pub fn open_read_only(url: &str) -> Result<Self, JournalError> {
        let reader = Reader::new(Supervisor::new(Target::parse(url)?, Options::default().patience));
        let journal = Self::reading(reader);
        // who waits at once is not told that there is nothing
        if journal.head()? == 0 && !super::lease::was_taken(&journal.reader.supervisor)? {
            return Err(JournalError::Unavailable(format!(
                "there is no journal at {} yet: nobody has written it; is the name after journal= right?",
                journal.describe()
            )));
        }
        Ok(journal)
    }
}

impl Journal for KurrentJournal {
    fn describe(&self) -> String {
        self.reader.supervisor.target.name.clone()
    }

    fn append(&self, items: Vec<Append>) -> Appending<'_> {
        let Some(writing) = &self.writing else {
            let error = JournalError::Unavailable(format!("{} is open for reading only", self.describe()));
            return Box::pin(std::future::ready(vec![Err(error); items.len()]));
        };
        Box::pin(writing.shared.queue.append(items, check))
    }

    fn head(&self) -> Result<Position, JournalError> {
        if self.writing.is_none() {
            let last = self.reader.last()?;
            self.head.publish(last.map_or(0, |last| last.position));
        }
        Ok(self.head.get())
    }

    fn dense(&self) -> bool {
        false
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
        let through = self.reader.scan(after, end, filter, visit)?;
        Ok(Scanned { through, head })
    }

    fn read_stream(&self, stream: &str, after: Version, visit: Visit<'_>) -> Result<Version, JournalError> {
        self.reader.stream(stream, after, &mut |stored| visit(stored.recorded()))
    }

    fn read_streams(
        &self,
        streams: &[&str],
        upto: Option<Position>,
        visit: Visit<'_>,
    ) -> Result<(), JournalError> {
        let head = self.head()?;
        self.reader.streams(streams, upto.unwrap_or(head).min(head), visit)
    }

    fn wait_beyond(&self, after: Position, timeout: Duration) -> Result<Position, JournalError> {
        let timeout = timeout.min(LONGEST_WAIT);
        if self.writing.is_some() {
            return Ok(self.head.wait_beyond(after, timeout));
        }
        // looked for, not subscribed to: a subscription of the client that ends never says so
        let until = Instant::now() + timeout;
        loop {
            let head = self.head()?;
            let left = until.saturating_duration_since(Instant::now());
            if head > after || left.is_zero() {
                return Ok(head);
            }
            std::thread::sleep(LOOK.min(left));
        }
    }

    fn load(&self) -> Load {
        let Some(Writing { shared, .. }) = &self.writing else { return Load::default() };
        shared.counters.load(shared.queue.depth())
    }
}

impl Drop for KurrentJournal {
    fn drop(&mut self) {
        let Some(writing) = &mut self.writing else { return };
        writing.shared.queue.close();
        if let Some(thread) = writing.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's writer panicked");
        }
    }
}
