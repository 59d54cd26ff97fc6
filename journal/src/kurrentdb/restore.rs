//! Writing a copy of a journal: events as they are, but for the positions, which the database gives.

use std::sync::Arc;

use super::Options;
use super::journal::KurrentJournal;
use super::read::Reader;
use super::session::Supervisor;
use super::target::Target;
use super::writer::{Shared, Writer};
use crate::head::Head;
use crate::load::Counters;
use crate::queue::Queue;
use crate::{Journal, JournalError, Kept, Restore};

/// Events that are sent at once, of several commands.
const EVENTS: usize = 200;
/// Bytes of payloads that are sent at once, of several commands: an append may have 1 MiB by default.
const BYTES: usize = 256 << 10;

/// A journal in KurrentDB that takes the events of another one. Each keeps its stream and version, its times and every byte; its
/// position is the database's.
pub struct KurrentRestore {
    reader: KurrentJournal,
    writer: Writer,
}

impl KurrentRestore {
    /// Opens a journal, or makes it.
    ///
    /// # Errors
    /// As [`open`](super::open).
    pub fn open(url: &str, options: Options) -> Result<Self, JournalError> {
        let reader = Reader::new(Supervisor::new(Target::parse(url)?, options.patience));
        let reading = KurrentJournal::reading(reader.clone());
        // nothing is queued: there is one caller, who waits
        let shared = Arc::new(Shared {
            queue: Queue::new(options.queue_events),
            head: Arc::<Head>::default(),
            counters: Counters::default(),
        });
        let writer = Writer::open(shared, reader, options)?;
        Ok(Self { reader: reading, writer })
    }
}

impl Restore for KurrentRestore {
    fn journal(&self) -> &dyn Journal {
        &self.reader
    }

    fn restore(&mut self, events: &[Kept]) -> Result<(), JournalError> {
        let mut rest = events;
        while let Some(first) = rest.first() {
            let (mut bytes, mut command) = (0, first.cause.command);
            // what one command made is there as a whole or not at all
            let together = rest.iter().enumerate().take_while(|(at, next)| {
                bytes += next.event.data.len() + next.event.refs.len();
                let same = std::mem::replace(&mut command, next.cause.command) == next.cause.command;
                next.stream == first.stream && (same || (*at < EVENTS && bytes <= BYTES))
            });
            let (run, after) = rest.split_at(together.count());
            self.writer.restore(run)?;
            rest = after;
        }
        Ok(())
    }
}
