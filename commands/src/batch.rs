//! Many commands, decided as they come and appended together: the path of imports.
//!
//! A batch decides each command on the state that the ones before it leave, without waiting for the journal, and
//! hands all appends over in one call. Several batches may be under way; they queue in the order in which
//! [`Batch::submit`] was called.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Waker};

use daybook_domain::{Aggregate, Event, Facts};
use daybook_journal::{Append, Expected, NewEvent, Receipt, Version};

use crate::handler::{Commands, expected_version};
use crate::request::Identity;
use crate::settle::{Answers, Underway, Verdict};
use crate::{CommandError, Request};

/// What a command of a batch did.
#[derive(Debug)]
pub struct Added<'a> {
    /// The events decided now; empty when the command was taken before or there was nothing to do.
    pub events: &'a [Event],
    /// The same as they will be written.
    pub encoded: &'a [NewEvent],
    /// Version of the stream after it.
    pub version: Version,
}

/// Appends of one batch under way; resolves to one result per append, in order.
pub type Submitted = Pin<Box<dyn Future<Output = Vec<Result<Receipt, CommandError>>> + Send>>;

/// Commands decided and not yet written. Dropping it takes them back.
///
/// Others wait for what is decided here before they hear a refusal that rests on it. So submit a batch before
/// awaiting anything else that asks its streams.
pub struct Batch {
    commands: Arc<Commands>,
    items: Vec<Append>,
    /// The generation of the cached state that each was decided on.
    generations: Vec<u64>,
    events: usize,
    keep_refusals: bool,
    /// The events of the command added last.
    last: Vec<Event>,
}

impl Commands {
    /// A batch on these commands.
    #[must_use]
    pub fn batch(self: &Arc<Self>) -> Batch {
        Batch {
            commands: Arc::clone(self),
            items: Vec::new(),
            generations: Vec::new(),
            events: 0,
            keep_refusals: true,
            last: Vec::new(),
        }
    }
}

impl Batch {
    /// Leaves refusals to the caller, who keeps them elsewhere.
    #[must_use]
    pub const fn without_refusals(mut self) -> Self {
        self.keep_refusals = false;
        self
    }

    /// Decides a command. Its effect is certain only when the batch has been written; an answer other than
    /// events (a rejection, nothing to do) stands if everything before it in this and earlier batches is.
    ///
    /// # Errors
    /// [`CommandError`] but never `OutcomeUnknown`; the batch goes on without the command.
    pub fn add<A: Aggregate>(&mut self, request: &Request<A>) -> Result<Added<'_>, CommandError> {
        let identity = Identity::of(request);
        let commands = Arc::clone(&self.commands);
        let policy = commands.policy()?;
        let now = commands.now();
        let mut facts = None;
        loop {
            let Some(mut entry) = commands.cache.get::<A>(&request.stream) else {
                commands.load::<A>(&request.stream)?;
                continue;
            };
            let reads = entry.state.reads(&request.command);
            if facts.is_none() && !reads.is_empty() {
                drop(entry);
                facts = Some(commands.facts(&reads, request.occurred_at)?.0);
                continue;
            }
            let none = Facts::default();
            let verdict = entry.judge(request, &identity, now, &policy, facts.as_ref().unwrap_or(&none));
            let (version, generation) = (entry.version, entry.generation);
            drop(entry);
            return self.take(request, verdict, version, generation);
        }
    }

    fn take<A: Aggregate>(
        &mut self,
        request: &Request<A>,
        verdict: Verdict,
        version: Version,
        generation: u64,
    ) -> Result<Added<'_>, CommandError> {
        let stream = || request.stream.clone();
        match verdict {
            Verdict::Append(append, events) => {
                if append.expected == Expected::NoStream {
                    self.commands.fresh.written(&append.stream);
                }
                self.events += events.len();
                self.last = events;
                self.items.push(append);
                self.generations.push(generation);
                let encoded = self.items.last().map_or(&[][..], |append| &append.events);
                Ok(Added { events: &self.last, encoded, version })
            }
            Verdict::Repeat(_) | Verdict::AlreadySo => Ok(Added { events: &[], encoded: &[], version }),
            Verdict::Reused => Err(CommandError::Reused { stream: stream(), command: request.command_id }),
            Verdict::Elsewhere { actual } => Err(CommandError::Conflict {
                stream: stream(),
                expected: request.expected_version.unwrap_or_default(),
                actual,
            }),
            Verdict::Rejected(rejection) => {
                if self.keep_refusals {
                    self.commands.keep_refusal(request, &rejection);
                }
                Err(rejection.into())
            }
        }
    }

    /// Events that wait to be written.
    #[must_use]
    pub const fn events(&self) -> usize {
        self.events
    }

    /// Appends that wait to be written.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.items.len()
    }

    /// How many events each append that waits has, in their order.
    #[must_use]
    pub fn lengths(&self) -> Vec<u64> {
        self.items.iter().map(|item| item.events.len() as u64).collect()
    }

    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Hands everything to the journal before it returns; the future tells how it went and must be awaited.
    /// The batch is empty again.
    ///
    /// After an error the states concerned are forgotten: send the failed commands again, in order. Those that
    /// were written are recognised.
    #[must_use = "whether the batch was written is known only to the future"]
    pub fn submit(&mut self) -> Submitted {
        let items = std::mem::take(&mut self.items);
        self.events = 0;
        let commands = Arc::clone(&self.commands);
        let ahead: Vec<Decided> = items
            .iter()
            .zip(self.generations.drain(..))
            .map(|(item, generation)| Decided {
                stream: item.stream.clone(),
                generation,
                version: expected_version(item) + item.events.len() as Version,
            })
            .collect();
        // Handed over here: the journal has it, in this order, whenever the future is awaited.
        let cx = &mut TaskContext::from_waker(Waker::noop());
        let underway = Underway::start(&commands.journal, items, cx);
        let mut ahead = BatchAhead { commands, streams: ahead, waiting: None };
        match underway {
            Underway::Ready(results) => Box::pin(std::future::ready(ahead.settle(results))),
            Underway::Waiting(answers) => {
                ahead.waiting = Some(answers);
                Box::pin(async move {
                    let results = match &mut ahead.waiting {
                        Some(answers) => answers.await,
                        None => Vec::new(),
                    };
                    ahead.settle(results)
                })
            }
        }
    }

    /// Writes everything and waits for it.
    ///
    /// # Errors
    /// The first of the appends' errors.
    pub async fn commit(&mut self) -> Result<(), CommandError> {
        self.submit().await.into_iter().try_for_each(|result| result.map(drop))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        for item in &self.items {
            self.commands.cache.forget(&item.stream);
        }
    }
}

/// Streams whose cached states are ahead of the journal until it answers.
struct BatchAhead {
    commands: Arc<Commands>,
    streams: Vec<Decided>,
    waiting: Option<Answers>,
}

/// A stream, the generation of its state that was decided on, and its version then.
struct Decided {
    stream: String,
    generation: u64,
    version: Version,
}

impl BatchAhead {
    fn settle(
        mut self,
        results: Vec<Result<Receipt, daybook_journal::JournalError>>,
    ) -> Vec<Result<Receipt, CommandError>> {
        self.waiting = None;
        let streams = std::mem::take(&mut self.streams);
        let settled = streams.iter().zip(results).map(|(Decided { stream, generation, version }, result)| {
            match &result {
                Ok(receipt) if receipt.version == *version && !receipt.replayed => {
                    self.commands.cache.written(stream, *generation, *version, receipt.last);
                    self.commands.policies.written(stream);
                }
                _ => {
                    self.commands.fresh.written(stream);
                    self.commands.doubt(stream);
                }
            }
            result.map_err(CommandError::from)
        });
        settled.collect()
    }
}

impl Drop for BatchAhead {
    fn drop(&mut self) {
        let streams: Vec<_> = self.streams.drain(..).map(|decided| decided.stream).collect();
        streams.iter().for_each(|stream| self.commands.doubt(stream));
        if let Some(answers) = self.waiting.take() {
            self.commands.await_detached(answers, streams);
        }
    }
}
