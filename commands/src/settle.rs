//! From a decision to its outcome: what is on its way to the journal, and what becomes of the cached state.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context as TaskContext, Poll};

use daybook_domain::books::events::PeriodClosed;
use daybook_domain::{Aggregate, Context, Event, EventKind, Facts, Rejection, Timestamp};
use daybook_journal::{Append, Cause, Expected, Journal, JournalError, NewEvent, Position, Receipt, Version};

use crate::Commands;
use crate::cache::Entry;
use crate::ledger::Done;
use crate::request::{Identity, Request};

/// What the stream's state says to a command.
pub(crate) enum Verdict {
    /// These events are to be appended; the state has them already.
    Append(Append, Vec<Event>),
    /// This command was taken before.
    Repeat(Done),
    /// Another command of this id was taken before.
    Reused,
    /// The stream is not at the version the caller expects.
    Elsewhere { actual: Version },
    /// Nothing to do.
    AlreadySo,
    /// Refused.
    Rejected(Rejection),
}

impl<A: Aggregate> Entry<A> {
    /// Decides and, when something happens, folds it: the caller owes the append.
    pub(crate) fn judge(
        &mut self,
        request: &Request<A>,
        identity: &Identity,
        now: Timestamp,
        policy: &daybook_domain::books::Policy,
        facts: &Facts,
    ) -> Verdict {
        if let Some(done) = self.ledger.find(request.command_id) {
            return if done.fingerprint == identity.fingerprint {
                Verdict::Repeat(*done)
            } else {
                Verdict::Reused
            };
        }
        if request.expected_version.is_some_and(|expected| expected != self.version) {
            return Verdict::Elsewhere { actual: self.version };
        }
        let occurred_at = request.occurred_at.unwrap_or(now);
        if occurred_at > now.plus(policy.clock_tolerance()) {
            return Verdict::Rejected(Rejection::new(
                "occurred_at_in_the_future",
                format!(
                    "occurred_at is {occurred_at}, ahead of the clock ({now}) by more than {} s: say when it \
                     happened",
                    policy.clock_tolerance_seconds
                ),
            ));
        }
        let context =
            Context { now, occurred_at, actor: request.actor, policy, import: request.import, facts };
        match self.state.decide(&request.command, &context) {
            Err(rejection) => Verdict::Rejected(rejection),
            Ok(events) if events.is_empty() => Verdict::AlreadySo,
            Ok(events) => Verdict::Append(self.fold(request, identity, occurred_at, &events), events),
        }
    }

    fn fold(
        &mut self,
        request: &Request<A>,
        identity: &Identity,
        occurred_at: Timestamp,
        events: &[Event],
    ) -> Append {
        let expected = expected(self.version, events);
        let new = |(n, event): (usize, &Event)| {
            self.state.evolve(event, occurred_at);
            let kind = event.kind();
            NewEvent {
                id: identity.event_id(n),
                kind: kind.as_str().into(),
                schema: kind.schema(),
                occurred_at: occurred_at.0,
                refs: serde_json::to_string(&self.state.refs())
                    .expect("invariant: references are plain data"),
                data: event.encode(),
            }
        };
        let events: Vec<NewEvent> = events.iter().enumerate().map(new).collect();
        let first = self.version + 1;
        self.version += events.len() as Version;
        self.ledger.push(Done {
            command: request.command_id,
            fingerprint: identity.fingerprint,
            first,
            last: self.version,
            position: 0,
        });
        Append {
            stream: request.stream.clone(),
            expected,
            cause: Cause {
                command: request.command_id,
                fingerprint: identity.fingerprint,
                correlation: request.correlation.unwrap_or(request.command_id),
                actor: request.actor.as_str().to_owned().into(),
            },
            events,
        }
    }
}

/// What the journal is to hold an append to: a close of the books rests on what is booked until then, so that nothing may have come
/// between its count and itself.
fn expected(version: Version, events: &[Event]) -> Expected {
    static MONEY: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        EventKind::ALL.iter().filter(|kind| kind.posts()).map(|kind| kind.as_str()).collect()
    });
    match events {
        [Event::PeriodClosed(PeriodClosed { until, through: Some(after), .. })] => {
            Expected::Counted { version, after: *after, before: until.0, kinds: MONEY.as_slice() }
        }
        _ if version == 0 => Expected::NoStream,
        _ => Expected::At(version),
    }
}

/// The journal's answer to an append, one result per item. It outlives whoever asked.
pub(crate) type Answers = Pin<Box<dyn Future<Output = Vec<Result<Receipt, JournalError>>> + Send>>;

/// An append that was handed over: its answer, or the promise of one.
pub(crate) enum Underway {
    Ready(Vec<Result<Receipt, JournalError>>),
    Waiting(Answers),
}

impl Underway {
    /// Hands the append to the journal now, so that a stream's appends queue in the order they were decided.
    pub(crate) fn start(journal: &Arc<dyn Journal>, items: Vec<Append>, cx: &mut TaskContext<'_>) -> Self {
        let journal = Arc::clone(journal);
        let mut answers: Answers = Box::pin(async move { journal.append(items).await });
        match answers.as_mut().poll(cx) {
            Poll::Ready(results) => Self::Ready(results),
            Poll::Pending => Self::Waiting(answers),
        }
    }
}

/// A stream's cached state is ahead of the journal: either it is written, or it is forgotten. Dropping this
/// before (the caller went away) forgets it too, and again when the append, still queued, has ended: who read the
/// stream in between has read what it was before.
pub(crate) struct Ahead<'a> {
    commands: &'a Commands,
    stream: &'a str,
    generation: u64,
    underway: Option<Underway>,
}

impl<'a> Ahead<'a> {
    /// `generation` of the cached state was decided on.
    pub(crate) const fn new(
        commands: &'a Commands,
        stream: &'a str,
        generation: u64,
        underway: Underway,
    ) -> Self {
        Self { commands, stream, generation, underway: Some(underway) }
    }

    /// How the append went. To be asked once.
    pub(crate) async fn result(&mut self) -> Result<Receipt, JournalError> {
        if let Some(Underway::Waiting(answers)) = &mut self.underway {
            self.underway = Some(Underway::Ready(answers.await));
        }
        let last = match self.underway.take() {
            Some(Underway::Ready(mut results)) => results.pop(),
            _ => None,
        };
        last.unwrap_or_else(|| Err(JournalError::OutcomeUnknown("the journal gave no answer".into())))
    }

    /// The append is durable.
    pub(crate) fn written(self, version: Version, position: Position) {
        self.commands.cache.written(self.stream, self.generation, version, position);
        self.commands.policies.written(self.stream);
        std::mem::forget(self);
    }
}

impl Drop for Ahead<'_> {
    fn drop(&mut self) {
        self.commands.doubt(self.stream);
        if let Some(Underway::Waiting(answers)) = self.underway.take() {
            self.commands.await_detached(answers, vec![self.stream.to_owned()]);
        }
    }
}

impl Commands {
    /// Forgets what was known of a stream.
    pub(crate) fn doubt(&self, stream: &str) {
        self.cache.forget(stream);
        self.policies.written(stream);
    }

    /// Waits in the background for an append whose caller went away, and forgets its streams then. Without a
    /// runtime nothing can wait.
    pub(crate) fn await_detached(&self, answers: Answers, streams: Vec<String>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (cache, policies) = (Arc::clone(&self.cache), Arc::clone(&self.policies));
        runtime.spawn(async move {
            answers.await;
            for stream in streams {
                cache.forget(&stream);
                policies.written(&stream);
            }
        });
    }
}
