//! The types of the journal contract: what is appended, what is read, what can go wrong.

use std::borrow::Cow;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::time::Duration;

use uuid::Uuid;

use crate::Load;
use crate::check::category;

/// Where an event stands in the whole log: 1 is the first, 0 is "before everything".
/// Dense in the SQL backends and in memory; only ordered in others ([`Journal::dense`]).
pub type Position = u64;

/// Where an event stands in its stream: 1 is the first, 0 is "the stream does not exist yet".
pub type Version = u64;

/// Microseconds since the Unix epoch, UTC.
pub type Micros = i64;

/// An event as it is handed to the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Identity of the event, unique in the log by construction (not by an index).
    pub id: Uuid,
    /// Type name, e.g. `OrderPlaced`.
    pub kind: Cow<'static, str>,
    /// Schema version of `data`, from 1.
    pub schema: u16,
    /// When it happened in the business.
    pub occurred_at: Micros,
    /// The references the stream knows, a JSON object.
    pub refs: String,
    /// The payload, a JSON object; stored byte for byte.
    pub data: String,
}

/// What the writer expects of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The stream has no events yet.
    NoStream,
    /// The stream's last event has this version.
    At(Version),
    /// The stream's last event has this version (0: it has none), and the log none behind `after` that was not counted: of one of
    /// these types, and from before a time. What is decided from all that happened until then is written with it or not at all.
    Counted {
        /// Of the stream.
        version: Version,
        /// What was counted goes through here.
        after: Position,
        /// What happened from here on need not be counted.
        before: Micros,
        /// Types of events that are counted.
        kinds: &'static [&'static str],
    },
    /// No expectation: traffic and other streams that carry their own batch numbers.
    Any,
}

impl Expected {
    /// Whether a stream at version `actual` (0: it does not exist) meets the condition.
    #[must_use]
    pub fn holds(self, actual: Version) -> bool {
        match self {
            Self::NoStream => actual == 0,
            Self::At(version) | Self::Counted { version, .. } => actual == version,
            Self::Any => true,
        }
    }

    /// Whether an item of the same call and stream that was lost loses this one too.
    pub(crate) const fn follows(self) -> bool {
        matches!(self, Self::At(_) | Self::Counted { .. })
    }

    /// Whether an event of the log is one that had to be counted and was not.
    pub(crate) fn overlooks(self, position: Position, kind: &str, occurred_at: Micros) -> bool {
        match self {
            Self::Counted { after, before, kinds, .. } => {
                position > after && occurred_at < before && kinds.contains(&kind)
            }
            _ => false,
        }
    }
}

/// The command behind an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Identity of the command; unique within the stream.
    pub command: Uuid,
    /// Fingerprint of the command's content: the same id with another content is refused.
    pub fingerprint: [u8; 16],
    /// The request or chain of reactions this belongs to.
    pub correlation: Uuid,
    /// Who acted: a principal's name, `system`, `import:olist`, ... (not personal data).
    pub actor: Cow<'static, str>,
}

/// One item of an append: all of its events are written, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The stream, `category-id`.
    pub stream: String,
    /// The condition on the stream.
    pub expected: Expected,
    /// Why.
    pub cause: Cause,
    /// At least one event, at most [`limits::MAX_EVENTS_PER_APPEND`](crate::limits::MAX_EVENTS_PER_APPEND).
    pub events: Vec<NewEvent>,
}

/// Proof that an append is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Position of the first event.
    pub first: Position,
    /// Position of the last event.
    pub last: Position,
    /// Version of the stream after the append.
    pub version: Version,
    /// True when this command had been accepted before and nothing was written now.
    pub replayed: bool,
}

/// An event as it is read: borrowed from the page or row it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded<'a> {
    /// Position in the log.
    pub position: Position,
    /// Stream name, `category-id`.
    pub stream: &'a str,
    /// Version in the stream.
    pub version: Version,
    /// Identity.
    pub id: Uuid,
    /// Type name.
    pub kind: &'a str,
    /// Schema version of `data`.
    pub schema: u16,
    /// Business time.
    pub occurred_at: Micros,
    /// When the journal took it.
    pub recorded_at: Micros,
    /// Command id.
    pub command: Uuid,
    /// Fingerprint of the command.
    pub fingerprint: [u8; 16],
    /// Correlation id.
    pub correlation: Uuid,
    /// Who acted.
    pub actor: &'a str,
    /// References, a JSON object.
    pub refs: &'a str,
    /// Payload, a JSON object, byte for byte as appended.
    pub data: &'a str,
}

/// An event that is kept: [`Recorded`] with its own strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Position in the log.
    pub position: Position,
    /// Stream name.
    pub stream: String,
    /// Version in the stream.
    pub version: Version,
    /// When the journal took it.
    pub recorded_at: Micros,
    /// The command behind it.
    pub cause: Cause,
    /// As it was appended.
    pub event: NewEvent,
}

impl From<Recorded<'_>> for Kept {
    fn from(event: Recorded<'_>) -> Self {
        Self {
            position: event.position,
            stream: event.stream.to_owned(),
            version: event.version,
            recorded_at: event.recorded_at,
            cause: Cause {
                command: event.command,
                fingerprint: event.fingerprint,
                correlation: event.correlation,
                actor: event.actor.to_owned().into(),
            },
            event: NewEvent {
                id: event.id,
                kind: event.kind.to_owned().into(),
                schema: event.schema,
                occurred_at: event.occurred_at,
                refs: event.refs.to_owned(),
                data: event.data.to_owned(),
            },
        }
    }
}

/// Which events of the log a reader wants. Everything by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only these event types; `None` is all.
    pub kinds: Option<Vec<Cow<'static, str>>>,
    /// Only streams of these categories; `None` is all.
    pub categories: Option<Vec<Cow<'static, str>>>,
}

impl Filter {
    /// Whether an event of this type in this stream is wanted.
    #[must_use]
    pub fn wants(&self, kind: &str, stream: &str) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|k| k == kind)) && self.wants_stream(stream)
    }

    /// Whether events of this stream are wanted, by its category.
    #[must_use]
    pub fn wants_stream(&self, stream: &str) -> bool {
        let wanted = category(stream);
        self.categories.as_ref().is_none_or(|all| all.iter().any(|c| c == wanted))
    }
}

/// What a scan hands each event to. Break to stop early.
pub type Visit<'v> = &'v mut dyn FnMut(Recorded<'_>) -> ControlFlow<()>;

/// The end of what a scan has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// Everything up to and including this position was visited or filtered out.
    pub through: Position,
    /// The log's head when the scan began.
    pub head: Position,
}

/// Why the journal did not do what was asked. Closed; every case says whether anything was written.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum JournalError {
    /// The stream is not where the writer thought. Nothing was written: read it again and decide again.
    #[error(
        "stream {stream} is at version {actual}, not where the writer expected it ({expected:?}); read it again and decide again"
    )]
    Conflict {
        /// The stream.
        stream: String,
        /// What was expected.
        expected: Expected,
        /// Where it is.
        actual: Version,
    },
    /// What was decided rests on a count of events, and one more had come. Nothing was written: count again and decide again.
    #[error(
        "stream {stream}: the event at position {position} was not counted; count again and decide again"
    )]
    Overtaken {
        /// The stream.
        stream: String,
        /// Where the event is that was not counted.
        position: Position,
    },
    /// This command id was used in this stream for another content. Nothing was written.
    #[error(
        "command {command} was already used on {stream} with other content; use a new id for a new command"
    )]
    CommandReused {
        /// The stream.
        stream: String,
        /// The command id.
        command: Uuid,
    },
    /// A limit of [`limits`](crate::limits) is exceeded. Nothing was written.
    #[error("{what} is {actual}, more than the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        actual: usize,
        /// The limit.
        limit: usize,
    },
    /// The append is malformed (no event, a bad stream name). Nothing was written.
    #[error("malformed append: {0}")]
    Malformed(String),
    /// The journal cannot take it now (database gone, disk full, shutting down). Nothing was written.
    #[error("the journal is unavailable: {0}")]
    Unavailable(String),
    /// The commit may or may not have happened: send the same command again, it takes effect once.
    #[error("the outcome is unknown: {0}; send the same command again")]
    OutcomeUnknown(String),
    /// Another process writes this journal, or did so and this one is behind. Nothing was written.
    #[error("{0}")]
    Locked(String),
    /// The file or database is not a journal, of another schema version, damaged, or set back. Nothing was written.
    #[error("{0}")]
    Corrupt(String),
}

impl JournalError {
    /// Whether the same call may succeed later without any change by the caller.
    #[must_use]
    pub fn transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::OutcomeUnknown(_))
    }
}

/// The answer to an append, when it comes: one result per item, in order.
pub type Appending<'a> = Pin<Box<dyn Future<Output = Vec<Result<Receipt, JournalError>>> + Send + 'a>>;

/// The append-only log.
pub trait Journal: Send + Sync + 'static {
    /// A short name of the backend and where it is, for messages: `sqlite:daybook.db`.
    fn describe(&self) -> String;

    /// Appends each item; resolves when all that were accepted are durable.
    ///
    /// A repeat of an accepted command is recognised before `expected` is looked at and answers with the
    /// first receipt, `replayed` set.
    ///
    /// After a conflict, what the same call has for that stream [at a version](Expected::At) conflicts too: it was
    /// decided on what the lost item would have left, and whoever was faster may have left the stream at just that
    /// version.
    fn append(&self, items: Vec<Append>) -> Appending<'_>;

    /// Whether positions count events: the first is 1, and each is one more than the one before. Where they do not, they are
    /// only ordered, and what is made of them by arithmetic is no event's.
    fn dense(&self) -> bool {
        true
    }

    /// Position of the last event, 0 when empty.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] when the backend cannot be read.
    fn head(&self) -> Result<Position, JournalError>;

    /// Visits the events with `after < position <= upto` in position order. `upto` = `None`: to the head as it
    /// is when the scan begins. Every backend holds a bounded part of the log in memory at a time.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] or [`JournalError::Corrupt`].
    fn scan(
        &self,
        after: Position,
        upto: Option<Position>,
        filter: &Filter,
        visit: Visit<'_>,
    ) -> Result<Scanned, JournalError>;

    /// Visits the events of one stream with `after < version`, in version order; returns the last version
    /// (0: the stream does not exist).
    ///
    /// # Errors
    /// As [`scan`](Journal::scan).
    fn read_stream(&self, stream: &str, after: Version, visit: Visit<'_>) -> Result<Version, JournalError>;

    /// Visits the events of `streams` in position order, up to `upto`: one entity's history without a scan.
    ///
    /// # Errors
    /// As [`scan`](Journal::scan).
    fn read_streams(
        &self,
        streams: &[&str],
        upto: Option<Position>,
        visit: Visit<'_>,
    ) -> Result<(), JournalError>;

    /// Blocks until the head is beyond `after`, or `timeout` has passed; returns the head. This is how a
    /// follower sleeps: wake, scan, sleep again.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`] when the backend cannot be read.
    fn wait_beyond(&self, after: Position, timeout: Duration) -> Result<Position, JournalError>;

    /// How its writer is doing; nothing for one that has no writer of its own.
    fn load(&self) -> Load {
        Load::default()
    }
}

/// Takes events as another journal has them: position, version and time are kept, nothing is decided. A backend that gives
/// positions of its own ([`Journal::dense`]) keeps all but these. For copies; who holds one keeps every other writer out.
pub trait Restore: Send {
    /// The journal that is written, for reading.
    fn journal(&self) -> &dyn Journal;

    /// Appends the events behind its last one; durable when this returns, all of them or none. Of a backend that appends to one
    /// stream at a time, after an error those before it are there.
    ///
    /// # Errors
    /// [`JournalError::Malformed`] when the first does not follow the last one that is there, or one not the one before
    /// it, in its position, its stream or its time; [`JournalError::Unavailable`]; [`JournalError::OutcomeUnknown`], after
    /// which the head says what is true.
    fn restore(&mut self, events: &[Kept]) -> Result<(), JournalError>;
}

/// Shared, it is the same journal.
impl<J: Journal + ?Sized> Journal for std::sync::Arc<J> {
    fn describe(&self) -> String {
        (**self).describe()
    }

    fn append(&self, items: Vec<Append>) -> Appending<'_> {
        (**self).append(items)
    }

    fn dense(&self) -> bool {
        (**self).dense()
    }

    fn head(&self) -> Result<Position, JournalError> {
        (**self).head()
    }

    fn scan(
        &self,
        after: Position,
        upto: Option<Position>,
        filter: &Filter,
        visit: Visit<'_>,
    ) -> Result<Scanned, JournalError> {
        (**self).scan(after, upto, filter, visit)
    }

    fn read_stream(&self, stream: &str, after: Version, visit: Visit<'_>) -> Result<Version, JournalError> {
        (**self).read_stream(stream, after, visit)
    }

    fn read_streams(
        &self,
        streams: &[&str],
        upto: Option<Position>,
        visit: Visit<'_>,
    ) -> Result<(), JournalError> {
        (**self).read_streams(streams, upto, visit)
    }

    fn wait_beyond(&self, after: Position, timeout: Duration) -> Result<Position, JournalError> {
        (**self).wait_beyond(after, timeout)
    }

    fn load(&self) -> Load {
        (**self).load()
    }
}
