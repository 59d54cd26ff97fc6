//! The log itself: invariants 10 (a command and a provider's reference are used once) and 11 (dense, in order).

use ahash::RandomState;
use daybook_domain::Event;
use daybook_journal::{Position, Version};
use hashbrown::{HashMap, HashSet};
use uuid::Uuid;

use super::books::{Books, place};
use super::report::{Check, Report};
use super::{Group, Seen};

/// What a stream has come to: its last version, and the command being written.
struct Stream {
    version: Version,
    command: Uuid,
}

pub struct Log {
    position: Position,
    recorded_at: i64,
    streams: HashMap<Box<str>, Stream, RandomState>,
    /// Hashes of (stream, command): 128 bits, so that a chance collision is no finding.
    commands: HashSet<u128, RandomState>,
    references: HashSet<u128, RandomState>,
    hashers: (RandomState, RandomState),
    dense: Check,
    versions: Check,
    clock: Check,
    once: Check,
    providers: Check,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            position: 0,
            recorded_at: i64::MIN,
            streams: HashMap::default(),
            commands: HashSet::default(),
            references: HashSet::default(),
            hashers: (RandomState::with_seeds(1, 2, 3, 4), RandomState::with_seeds(5, 6, 7, 8)),
            dense: Check::new(11, "positions are dense: no event is lost", "events"),
            versions: Check::new(11, "the versions of each stream are dense", "streams"),
            clock: Check::new(11, "the time of recording never decreases", "events"),
            once: Check::new(10, "a command takes effect once in its stream", "commands"),
            providers: Check::new(10, "a provider's reference is used once", "references"),
        }
    }
}

impl Log {
    fn hash(&self, value: impl std::hash::Hash + Copy) -> u128 {
        let high = u128::from(self.hashers.0.hash_one(value));
        (high << 64) | u128::from(self.hashers.1.hash_one(value))
    }

    fn reference(&mut self, seen: &Seen<'_>, sort: &str, provider: &str, reference: &str) {
        let hash = self.hash((sort, provider, reference));
        let new = self.references.insert(hash);
        let wrong =
            (!new).then(|| format!("{sort} reference {reference} of {provider} stands there a second time"));
        self.providers.look(|| place(seen.recorded), wrong);
    }

    fn in_stream(&mut self, seen: &Seen<'_>) {
        let event = seen.recorded;
        let new_command = match self.streams.get_mut(event.stream) {
            Some(stream) => {
                if event.version != stream.version + 1 {
                    let what = format!("version {} follows {}", event.version, stream.version);
                    self.versions.violate(place(event), what);
                }
                stream.version = event.version;
                let new = stream.command != event.command;
                stream.command = event.command;
                new
            }
            None => {
                let wrong = (event.version != 1).then(|| format!("begins at version {}", event.version));
                self.versions.look(|| place(event), wrong);
                let stream = Stream { version: event.version, command: event.command };
                self.streams.insert(event.stream.into(), stream);
                true
            }
        };
        if new_command {
            let hash = self.hash((event.stream, event.command.as_u128()));
            let first = self.commands.insert(hash);
            let wrong = (!first).then(|| format!("command {} had taken effect before", event.command));
            self.once.look(|| place(event), wrong);
        }
    }
}

impl Group for Log {
    fn see(&mut self, seen: &Seen<'_>, _: &Books) {
        let event = seen.recorded;
        let wrong =
            (event.position != self.position + 1).then(|| format!("follows position {}", self.position));
        self.dense.look(|| place(event), wrong);
        self.position = event.position;

        let wrong =
            (event.recorded_at < self.recorded_at).then(|| "was recorded before its predecessor".to_owned());
        self.clock.look(|| place(event), wrong);
        self.recorded_at = event.recorded_at;

        self.in_stream(seen);
        match seen.event {
            Event::PaymentCaptured(e) => {
                self.reference(seen, "payment", e.provider.as_str(), e.provider_ref.as_str());
            }
            Event::DepositPaid(e) => {
                self.reference(seen, "payment", e.provider.as_str(), e.provider_ref.as_str());
            }
            Event::DepositRefunded(e) => {
                self.reference(seen, "refund", e.provider.as_str(), e.provider_ref.as_str());
            }
            Event::RefundPaid(e) => {
                for part in &e.parts {
                    if let Some(reference) = &part.provider_ref {
                        self.reference(seen, "refund", part.provider.as_str(), reference.as_str());
                    }
                }
            }
            Event::UnallocatedRefunded(e) => {
                for part in &e.parts {
                    if let Some(reference) = &part.provider_ref {
                        self.reference(seen, "refund", part.provider.as_str(), reference.as_str());
                    }
                }
            }
            Event::PayoutSent(e) => self.reference(seen, "payout", "", e.provider_ref.as_str()),
            Event::ProviderPaidOut(e) => {
                self.reference(seen, "remittance", e.provider.as_str(), e.reference.as_str());
            }
            _ => {}
        }
    }

    fn finish(self: Box<Self>, _: &Books, report: &mut Report) {
        for check in [self.once, self.providers, self.dense, self.versions, self.clock] {
            report.add(check);
        }
    }
}
