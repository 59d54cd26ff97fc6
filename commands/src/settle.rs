//! From a decision to its outcome: what is on its way to the journal, and what becomes of the cached state.

use daybook_domain::{Aggregate, Context, Event, Facts, Rejection, Timestamp};
use daybook_journal::{Append, Cause, Expected, NewEvent, Position, Version};

use crate::cache::{Cache, Entry};
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
        let expected = if self.version == 0 { Expected::NoStream } else { Expected::At(self.version) };
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

/// A stream's cached state is ahead of the journal: either it is written, or it is forgotten. Dropping this
/// before (the caller went away) forgets it too, since nobody will hear how the append ended.
pub(crate) struct Ahead<'a> {
    cache: &'a Cache,
    stream: &'a str,
}

impl<'a> Ahead<'a> {
    pub(crate) const fn new(cache: &'a Cache, stream: &'a str) -> Self {
        Self { cache, stream }
    }

    /// The append is durable.
    pub(crate) fn written(self, version: Version, position: Position) {
        self.cache.written(self.stream, version, position);
        std::mem::forget(self);
    }
}

impl Drop for Ahead<'_> {
    fn drop(&mut self) {
        self.cache.forget(self.stream);
    }
}
