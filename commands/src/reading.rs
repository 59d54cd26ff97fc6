//! Reading streams: states, and what a command did the first time.

use std::ops::ControlFlow;

use daybook_domain::{Aggregate, Event};
use daybook_journal::{Receipt, Version};
use uuid::Uuid;

use crate::cache::Entry;
use crate::handler::TRIES;
use crate::{CommandError, Commands, Executed};

impl Commands {
    /// The state of a stream as this process knows it, with its version, which may not be durable yet.
    ///
    /// # Errors
    /// [`CommandError::Unavailable`] when the journal cannot be read.
    pub fn state<A: Aggregate>(&self, id: impl AsRef<str>) -> Result<(A, Version), CommandError> {
        self.peek::<A, _>(&format!("{}-{}", A::CATEGORY, id.as_ref()), |entry| {
            (entry.state.clone(), entry.version)
        })
    }

    /// Looks at the state of a stream as this process knows it, which may not be durable yet, without copying it.
    ///
    /// # Errors
    /// [`CommandError::Unavailable`] when the journal cannot be read.
    pub fn look<A: Aggregate, T>(
        &self,
        id: impl AsRef<str>,
        look: impl Fn(&A) -> T,
    ) -> Result<T, CommandError> {
        let stream = format!("{}-{}", A::CATEGORY, id.as_ref());
        if let Some(entry) = self.cache.get::<A>(&stream) {
            return Ok(look(&entry.state));
        }
        let epoch = self.cache.epoch(&stream);
        let entry = self.fold::<A>(&stream)?;
        let seen = look(&entry.state);
        // what is not there is not kept: whoever asks for many such names would push out what lives
        if entry.version > 0 {
            self.cache.put(&stream, entry, epoch);
        }
        Ok(seen)
    }

    /// The state of a stream as it was after its event `version`.
    ///
    /// # Errors
    /// [`CommandError::Unavailable`] when the journal cannot be read.
    pub fn state_at<A: Aggregate>(&self, id: impl AsRef<str>, version: Version) -> Result<A, CommandError> {
        let stream = format!("{}-{}", A::CATEGORY, id.as_ref());
        let cached = self.cache.get::<A>(&stream).filter(|entry| entry.version == version);
        if let Some(entry) = cached {
            return Ok(entry.state.clone());
        }
        Ok(self.read::<A>(&stream, version)?.state)
    }

    /// Whether a stream has taken a command, as this process knows it.
    ///
    /// # Errors
    /// [`CommandError::Unavailable`] when the journal cannot be read.
    pub fn has_taken<A: Aggregate>(&self, id: impl AsRef<str>, command: Uuid) -> Result<bool, CommandError> {
        self.peek::<A, _>(&format!("{}-{}", A::CATEGORY, id.as_ref()), |entry| {
            entry.ledger.find(command).is_some()
        })
    }

    /// Reads what a command did the first time, looking after version `after`.
    pub(crate) fn first_answer(
        &self,
        stream: &str,
        command: Uuid,
        after: Version,
    ) -> Result<Executed, CommandError> {
        let (mut events, mut broken) = (Vec::new(), None);
        let mut receipt: Option<Receipt> = None;
        self.journal.read_stream(stream, after, &mut |event| {
            if event.command != command {
                return if events.is_empty() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
            }
            match Event::decode(event.kind, event.schema, event.data) {
                Ok(decoded) => events.push(decoded),
                Err(e) => {
                    broken = Some(CommandError::Unavailable(format!("{stream}: {e}")));
                    return ControlFlow::Break(());
                }
            }
            receipt = Some(Receipt {
                first: receipt.map_or(event.position, |r| r.first),
                last: event.position,
                version: event.version,
                replayed: true,
            });
            ControlFlow::Continue(())
        })?;
        if let Some(error) = broken {
            return Err(error);
        }
        let receipt = receipt.ok_or_else(|| {
            CommandError::Unavailable(format!("{stream} no longer shows the events of command {command}"))
        })?;
        Ok(Executed {
            version: receipt.version,
            position: receipt.last,
            receipt: Some(receipt),
            events,
            already: true,
        })
    }

    /// Reads a stream into the cache; returns the generation it has there.
    pub(crate) fn load<A: Aggregate>(&self, stream: &str) -> Result<u64, CommandError> {
        let epoch = self.cache.epoch(stream);
        let entry = self.fold::<A>(stream)?;
        let generation = entry.generation;
        self.cache.put(stream, entry, epoch);
        Ok(generation)
    }

    /// Folds a whole stream.
    fn fold<A: Aggregate>(&self, stream: &str) -> Result<Entry<A>, CommandError> {
        if self.fresh.may_exist(stream) { self.read(stream, Version::MAX) } else { Ok(Entry::new(stream)) }
    }

    /// Folds a stream through event `upto`.
    fn read<A: Aggregate>(&self, stream: &str, upto: Version) -> Result<Entry<A>, CommandError> {
        let mut entry = Entry::<A>::new(stream);
        let mut broken = None;
        self.journal.read_stream(stream, 0, &mut |event| {
            if event.version > upto {
                return ControlFlow::Break(());
            }
            match entry.take(&event) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    broken = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        broken.map_or(Ok(entry), Err)
    }

    /// Looks at a stream's cached state, loading it first where needed.
    pub(crate) fn peek<A: Aggregate, T>(
        &self,
        stream: &str,
        look: impl Fn(&Entry<A>) -> T,
    ) -> Result<T, CommandError> {
        for _ in 0..TRIES {
            if let Some(entry) = self.cache.get::<A>(stream) {
                return Ok(look(&entry));
            }
            self.load::<A>(stream)?;
        }
        Err(CommandError::Unavailable(format!("{stream} is not kept in memory: give the cache more room")))
    }
}
