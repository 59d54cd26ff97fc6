//! What is asked, and what is answered.

use std::cell::RefCell;

use daybook_domain::{Aggregate, Event, PartyId, Timestamp};
use daybook_journal::{Position, Receipt};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A command on its way to a stream.
#[derive(Clone, Debug)]
pub struct Request<A: Aggregate> {
    /// The stream, `category-id`.
    pub stream: String,
    /// What is asked.
    pub command: A::Command,
    /// Identity of the command, unique within the stream: sent again, it has no second effect.
    pub command_id: Uuid,
    /// When it happened in the business; the clock where it is not said.
    pub occurred_at: Option<Timestamp>,
    /// Who acts.
    pub actor: PartyId,
    /// The request or chain of reactions this belongs to; the command's own id where it is not said.
    pub correlation: Option<Uuid>,
    /// True for an import: what happened is recorded, however odd.
    pub import: bool,
    /// The version the caller has seen; the command fails when the stream has another.
    pub expected_version: Option<u64>,
}

impl<A: Aggregate> Request<A> {
    /// A request without options.
    pub fn new(id: impl AsRef<str>, command: A::Command, command_id: Uuid, actor: PartyId) -> Self {
        let id = id.as_ref();
        let mut stream = String::with_capacity(A::CATEGORY.len() + 1 + id.len());
        stream.push_str(A::CATEGORY);
        stream.push('-');
        stream.push_str(id);
        Self {
            stream,
            command,
            command_id,
            occurred_at: None,
            actor,
            correlation: None,
            import: false,
            expected_version: None,
        }
    }

    /// Says when it happened.
    #[must_use]
    pub const fn at(mut self, occurred_at: Timestamp) -> Self {
        self.occurred_at = Some(occurred_at);
        self
    }

    /// Says what it belongs to.
    #[must_use]
    pub const fn correlated(mut self, correlation: Uuid) -> Self {
        self.correlation = Some(correlation);
        self
    }

    /// Marks it as an import.
    #[must_use]
    pub const fn imported(mut self) -> Self {
        self.import = true;
        self
    }

    /// Fails unless the stream has this version.
    #[must_use]
    pub const fn expecting(mut self, version: u64) -> Self {
        self.expected_version = Some(version);
        self
    }
}

/// The answer to an accepted command.
#[derive(Clone, Debug, PartialEq)]
pub struct Executed {
    /// What was written; `None` when the stream already said so and nothing had to be.
    pub receipt: Option<Receipt>,
    /// The events of this command, those of the first time when it is a repeat.
    pub events: Vec<Event>,
    /// True when nothing was written now.
    pub already: bool,
    /// Version of the stream after the command.
    pub version: u64,
    /// Position after which a reader sees the command's effect.
    pub position: Position,
}

/// What tells a command from another of the same id, and gives its events their ids.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    /// The first half of the digest of (stream, command, time if it was given).
    pub fingerprint: [u8; 16],
    events: u128,
}

impl Identity {
    pub(crate) fn of<A: Aggregate>(request: &Request<A>) -> Self {
        thread_local!(static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
        let digest = BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            buffer.extend_from_slice(request.stream.as_bytes());
            buffer.push(0);
            if let Some(at) = request.occurred_at {
                buffer.extend_from_slice(&at.0.to_be_bytes());
            }
            buffer.push(0);
            serde_json::to_writer(&mut *buffer, &request.command)
                .expect("invariant: a command is plain data and memory takes every write");
            Sha256::digest(&*buffer)
        });
        let (first, second) = digest.split_at(16);
        let half = |bytes: &[u8]| -> [u8; 16] { bytes.try_into().expect("invariant: half of 32 bytes") };
        Self {
            fingerprint: half(first),
            events: u128::from_be_bytes(half(second)) ^ request.command_id.as_u128(),
        }
    }

    /// The id of the command's `n`th event: the same whenever and wherever the command is executed.
    pub(crate) fn event_id(&self, n: usize) -> Uuid {
        uuid::Builder::from_custom_bytes(self.events.wrapping_add(n as u128).to_be_bytes()).into_uuid()
    }
}
