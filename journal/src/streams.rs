//! What the writer knows of the streams in use: name -> id, version, commands.
//!
//! Bounded by entries (a stream counts one, each of its commands one) and filled from the database on a miss,
//! so opening a large journal costs nothing. A command is kept as a keyed 64-bit tag of its id with the position
//! of its first event: 16 bytes instead of the 48 of id, fingerprint and receipt. "Never seen" is then answered
//! from memory, and "seen" is confirmed by the row itself.
//!
//! Streams are dropped by the clock algorithm (met again since the hand last passed: stays), and only between
//! batches: what a batch has touched stays until it is committed.

use ahash::RandomState;
use hashbrown::HashTable;
use uuid::Uuid;

use crate::{Position, Version};

/// Up to here the commands of a stream are searched one by one.
const FEW: usize = 16;

/// A stream in the cache.
pub(crate) struct Slot {
    /// Its number, where streams are numbered.
    pub id: i64,
    pub version: Version,
    name: String,
    hash: u64,
    commands: Commands,
    used: bool,
}

/// (tag, first position) of each command of a stream. Tags may repeat: the row decides.
enum Commands {
    /// Most streams in a large journal have one or none: no vector for them.
    One(Option<(u64, Position)>),
    Few(Vec<(u64, Position)>),
    Many(HashTable<(u64, Position)>),
}

/// Where a slot lies, until the next [`Streams::make_room`] or [`Streams::clear`].
pub(crate) type SlotIndex = usize;

pub(crate) struct Streams {
    table: HashTable<u32>,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    hasher: RandomState,
    entries: usize,
    limit: usize,
    hand: usize,
}

impl Streams {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            table: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            hasher: RandomState::new(),
            entries: 0,
            limit,
            hand: 0,
        }
    }

    pub(crate) fn hash(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    pub(crate) fn tag(&self, command: Uuid) -> u64 {
        self.hasher.hash_one(command.as_u128())
    }

    pub(crate) fn find(&mut self, hash: u64, name: &str) -> Option<SlotIndex> {
        let slots = &mut self.slots;
        let index = *self.table.find(hash, |index| {
            slots[*index as usize].as_ref().is_some_and(|s| s.hash == hash && s.name == name)
        })? as usize;
        if let Some(slot) = &mut slots[index] {
            slot.used = true;
        }
        Some(index)
    }

    /// Adds a stream that is not in the cache.
    pub(crate) fn insert(&mut self, hash: u64, name: String, id: i64, version: Version) -> SlotIndex {
        let slot = Slot { id, version, name, hash, commands: Commands::One(None), used: false };
        let index = match self.free.pop() {
            Some(index) => {
                self.slots[index as usize] = Some(slot);
                index
            }
            None => {
                self.slots.push(Some(slot));
                u32::try_from(self.slots.len() - 1).expect("invariant: the cache is bounded")
            }
        };
        let slots = &self.slots;
        self.table
            .insert_unique(hash, index, |other| slots[*other as usize].as_ref().map_or(0, |slot| slot.hash));
        self.entries += 1;
        index as usize
    }

    pub(crate) fn slot(&mut self, index: SlotIndex) -> &mut Slot {
        self.slots[index].as_mut().expect("invariant: an index is used before its slot is dropped")
    }

    /// First positions of the commands with this tag; nearly always none.
    pub(crate) fn first_positions(&mut self, index: SlotIndex, tag: u64) -> Vec<Position> {
        match &self.slot(index).commands {
            Commands::One(one) => one.iter().filter(|(t, _)| *t == tag).map(|(_, p)| *p).collect(),
            Commands::Few(all) => all.iter().filter(|(t, _)| *t == tag).map(|(_, p)| *p).collect(),
            Commands::Many(all) => all.iter_hash(tag).filter(|(t, _)| *t == tag).map(|(_, p)| *p).collect(),
        }
    }

    pub(crate) fn add_command(&mut self, index: SlotIndex, tag: u64, first: Position) {
        let commands = &mut self.slot(index).commands;
        match commands {
            Commands::One(one @ None) => *one = Some((tag, first)),
            Commands::One(Some(one)) => *commands = Commands::Few(vec![*one, (tag, first)]),
            Commands::Few(all) if all.len() < FEW => all.push((tag, first)),
            Commands::Few(all) => {
                let mut many = HashTable::with_capacity(2 * FEW);
                for entry in all.drain(..).chain([(tag, first)]) {
                    many.insert_unique(entry.0, entry, |(tag, _)| *tag);
                }
                *commands = Commands::Many(many);
            }
            Commands::Many(all) => {
                all.insert_unique(tag, (tag, first), |(tag, _)| *tag);
            }
        }
        self.entries += 1;
    }

    /// Drops streams that were not used lately until the bound holds. Call between batches.
    pub(crate) fn make_room(&mut self) {
        while self.entries > self.limit && !self.table.is_empty() {
            self.hand = (self.hand + 1) % self.slots.len();
            let hand = self.hand;
            match &mut self.slots[hand] {
                Some(slot) if slot.used => slot.used = false,
                Some(_) => self.drop_slot(hand),
                None => {}
            }
        }
    }

    fn drop_slot(&mut self, index: SlotIndex) {
        let Some(slot) = self.slots[index].take() else {
            return;
        };
        let key = u32::try_from(index).expect("invariant: the cache is bounded");
        if let Ok(entry) = self.table.find_entry(slot.hash, |other| *other == key) {
            entry.remove();
        }
        self.free.push(key);
        self.entries -= 1 + match &slot.commands {
            Commands::One(one) => usize::from(one.is_some()),
            Commands::Few(all) => all.len(),
            Commands::Many(all) => all.len(),
        };
    }

    /// Forgets everything: a batch failed, and the database is asked again.
    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.slots.clear();
        self.free.clear();
        self.entries = 0;
        self.hand = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(streams: &mut Streams, name: &str, commands: u128) -> SlotIndex {
        let hash = streams.hash(name);
        let index = streams.insert(hash, name.to_owned(), 1, 0);
        for n in 0..commands {
            let tag = streams.tag(Uuid::from_u128(n));
            streams.add_command(index, tag, n as Position + 1);
        }
        index
    }

    #[test]
    fn a_command_is_found_among_few_and_among_many() {
        for commands in [1, FEW as u128, FEW as u128 + 1, 1000] {
            let mut streams = Streams::new(10_000);
            let index = add(&mut streams, "order-1", commands);
            for n in 0..commands {
                let tag = streams.tag(Uuid::from_u128(n));
                assert_eq!(streams.first_positions(index, tag), [n as Position + 1]);
            }
            let unknown = streams.tag(Uuid::from_u128(commands));
            assert!(streams.first_positions(index, unknown).is_empty());
        }
    }

    #[test]
    fn the_cache_keeps_its_bound_and_what_was_used_last() {
        let mut streams = Streams::new(100);
        for n in 0..1000 {
            add(&mut streams, &format!("order-{n}"), 1);
            streams.make_room();
            let hash = streams.hash("order-0");
            assert!(streams.find(hash, "order-0").is_some(), "used each round, lost at {n}");
            assert!(streams.entries <= 100);
        }
        let kept = (0..1000)
            .filter(|n| {
                let name = format!("order-{n}");
                let hash = streams.hash(&name);
                streams.find(hash, &name).is_some()
            })
            .count();
        assert_eq!(kept, 50, "a stream and its command count two");
    }

    #[test]
    fn one_stream_larger_than_the_bound_does_not_hang_the_writer() {
        let mut streams = Streams::new(10);
        add(&mut streams, "market-1", 1000);
        streams.make_room();
        assert_eq!(streams.entries, 0);
    }
}
