//! The commands that a stream has taken: part of its folded state.

use daybook_journal::{Position, Version};
use hashbrown::HashMap;
use uuid::Uuid;

/// A command that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub command: Uuid,
    pub fingerprint: [u8; 16],
    /// Versions of its first and last event.
    pub first: Version,
    pub last: Version,
    /// Position of its last event; 0 while it is being written.
    pub position: Position,
}

/// Beyond this many commands an index pays.
const INDEX_FROM: usize = 24;

/// Commands in the order of their events.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    done: Vec<Done>,
    index: HashMap<Uuid, u32, ahash::RandomState>,
}

impl Ledger {
    pub(crate) fn find(&self, command: Uuid) -> Option<&Done> {
        if self.index.is_empty() {
            return self.done.iter().find(|done| done.command == command);
        }
        self.index.get(&command).map(|at| &self.done[*at as usize])
    }

    pub(crate) fn push(&mut self, done: Done) {
        if !self.index.is_empty() {
            self.index.insert(done.command, self.done.len() as u32);
        }
        self.done.push(done);
        if self.index.is_empty() && self.done.len() > INDEX_FROM {
            self.index = self.done.iter().enumerate().map(|(at, d)| (d.command, at as u32)).collect();
        }
    }

    /// Takes an event read from the journal.
    pub(crate) fn take(
        &mut self,
        command: Uuid,
        fingerprint: [u8; 16],
        version: Version,
        position: Position,
    ) {
        match self.done.last_mut() {
            Some(last) if last.command == command => {
                last.last = version;
                last.position = position;
            }
            _ => self.push(Done { command, fingerprint, first: version, last: version, position }),
        }
    }

    /// The command whose last event has this version is durable at `position`.
    pub(crate) fn written(&mut self, last: Version, position: Position) {
        if let Some(done) = self.done.iter_mut().rev().find(|done| done.last == last) {
            done.position = position;
        }
    }
}
