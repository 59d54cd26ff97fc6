//! The log itself: invariants 10 (a command and a reference are used once) and 11 (dense, in order).

use ahash::RandomState;
use daybook_journal::{Position, Version};
use hashbrown::{HashMap, HashSet};
use uuid::Uuid;

use super::books::{Books, place};
use super::report::{Check, Report};
use super::{Group, Seen};
use crate::references::{Name, Resting, of_event};

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
    /// Whether positions count events; else they only grow.
    counting: bool,
    dense: Check,
    versions: Check,
    clock: Check,
    once: Check,
    references_once: Check,
}

impl Log {
    /// `counting`: whether positions count events; else they only grow, and what is lost is found by the versions.
    pub fn of(counting: bool) -> Self {
        let holds = if counting {
            "positions are dense: no event is lost"
        } else {
            "positions grow from event to event"
        };
        Self {
            position: 0,
            counting,
            recorded_at: i64::MIN,
            streams: HashMap::default(),
            commands: HashSet::default(),
            references: HashSet::default(),
            hashers: (RandomState::with_seeds(1, 2, 3, 4), RandomState::with_seeds(5, 6, 7, 8)),
            dense: Check::new(11, holds, "events"),
            versions: Check::new(11, "the versions of each stream are dense", "streams"),
            clock: Check::new(11, "the time of recording never decreases", "events"),
            once: Check::new(10, "a command takes effect once in its stream", "commands"),
            references_once: Check::new(10, "a reference of a provider or a bank is used once", "references"),
        }
    }

    fn hash(&self, value: impl std::hash::Hash + Copy) -> u128 {
        let high = u128::from(self.hashers.0.hash_one(value));
        (high << 64) | u128::from(self.hashers.1.hash_one(value))
    }

    fn reference(&mut self, seen: &Seen<'_>, name: &Name) {
        let (sort, giver, reference) = (name.sort.as_str(), name.giver.as_str(), name.reference.as_str());
        let hash = self.hash((sort, giver, reference));
        let new = self.references.insert(hash);
        let of = if giver.is_empty() { "a bank" } else { giver };
        let wrong =
            (!new).then(|| format!("{sort} reference {reference} of {of} stands there a second time"));
        self.references_once.look(|| place(seen.recorded), wrong);
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
        let follows =
            if self.counting { event.position == self.position + 1 } else { event.position > self.position };
        let wrong = (!follows).then(|| format!("follows position {}", self.position));
        self.dense.look(|| place(event), wrong);
        self.position = event.position;

        let wrong =
            (event.recorded_at < self.recorded_at).then(|| "was recorded before its predecessor".to_owned());
        self.clock.look(|| place(event), wrong);
        self.recorded_at = event.recorded_at;

        self.in_stream(seen);
        for Resting { name, .. } in of_event(event, seen.event) {
            self.reference(seen, &name);
        }
    }

    fn finish(self: Box<Self>, _: &Books, report: &mut Report) {
        for check in [self.once, self.references_once, self.dense, self.versions, self.clock] {
            report.add(check);
        }
    }
}
