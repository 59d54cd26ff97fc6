//! Folded states of live streams, in bounded shards.
//!
//! Lock doctrine: a shard's lock is held while a decision is made and handed to the journal's queue, so that
//! appends to a stream queue in the order of their versions; it is never held while the journal reads or
//! writes. No two shard locks are held at once.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};

use daybook_domain::{Aggregate, Event, Timestamp};
use daybook_journal::{Position, Recorded, Version};
use hashbrown::HashMap;
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::CommandError;
use crate::ledger::Ledger;

/// More than the threads that could meet; a power of two.
const SHARDS: usize = 128;

/// A stream's state, and how much of it is durable.
pub(crate) struct Entry<A> {
    pub state: A,
    /// Version of the last event folded, durable or on its way.
    pub version: Version,
    /// Version of the last event known to be durable.
    pub durable: Version,
    /// Position of that event.
    pub position: Position,
    /// Which loading of the stream this is: what an earlier one knew says nothing about it.
    pub generation: u64,
    pub ledger: Ledger,
}

impl<A: Aggregate> Entry<A> {
    /// The state before the first event; `stream` is `category-id`.
    pub(crate) fn new(stream: &str) -> Self {
        static GENERATIONS: AtomicU64 = AtomicU64::new(1);
        Self {
            state: A::named(stream.get(A::CATEGORY.len() + 1..).unwrap_or_default()),
            version: 0,
            durable: 0,
            position: 0,
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            ledger: Ledger::default(),
        }
    }

    /// Folds an event read from the journal.
    pub(crate) fn take(&mut self, event: &Recorded<'_>) -> Result<(), CommandError> {
        let decoded = Event::decode(event.kind, event.schema, event.data).map_err(|e| {
            CommandError::Unavailable(format!("{} version {}: {e}", event.stream, event.version))
        })?;
        self.state.evolve(&decoded, Timestamp(event.occurred_at));
        self.ledger.take(event.command, event.fingerprint, event.version, event.position);
        self.version = event.version;
        self.durable = event.version;
        self.position = event.position;
        Ok(())
    }
}

/// What the cache needs of any entry, whatever its state.
trait Slot: Any + Send {
    fn generation(&self) -> u64;
    fn version(&self) -> Version;
    fn durable(&self) -> Version;
    fn written(&mut self, version: Version, position: Position);
    fn as_any(&mut self) -> &mut dyn Any;
}

impl<A: Aggregate> Slot for Entry<A> {
    fn generation(&self) -> u64 {
        self.generation
    }
    fn version(&self) -> Version {
        self.version
    }
    fn durable(&self) -> Version {
        self.durable
    }
    fn written(&mut self, version: Version, position: Position) {
        self.ledger.written(version, position);
        if version > self.durable {
            self.durable = version;
            self.position = position;
        }
    }
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

type Map = HashMap<Box<str>, Box<dyn Slot>, ahash::RandomState>;

/// Two generations: what is used moves to the young one; when that is full the old one is dropped.
#[derive(Default)]
struct Shard {
    young: Map,
    old: Map,
    /// How often something was found out that no entry here took up: what was read before may be behind it.
    epoch: u64,
}

pub(crate) struct Cache {
    shards: Box<[(Mutex<Shard>, Notify)]>,
    hasher: ahash::RandomState,
    /// Entries of a young generation before it becomes the old one.
    capacity: usize,
}

impl Cache {
    /// A cache of at most about `entries` states.
    pub(crate) fn new(entries: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Default::default()).collect(),
            hasher: ahash::RandomState::new(),
            capacity: (entries / SHARDS / 2).max(1),
        }
    }

    fn shard(&self, stream: &str) -> &(Mutex<Shard>, Notify) {
        &self.shards[self.hasher.hash_one(stream) as usize % SHARDS]
    }

    /// The entry, its shard locked, if it is there.
    pub(crate) fn get<A: Aggregate>(&self, stream: &str) -> Option<MappedMutexGuard<'_, Entry<A>>> {
        let mut shard = self.shard(stream).0.lock();
        if !shard.young.contains_key(stream) {
            let (name, slot) = shard.old.remove_entry(stream)?;
            shard.insert(name, slot, self.capacity);
        }
        MutexGuard::try_map(shard, |shard| shard.young.get_mut(stream)?.as_any().downcast_mut()).ok()
    }

    /// To be asked before a stream is read for [`put`](Self::put).
    pub(crate) fn epoch(&self, stream: &str) -> u64 {
        self.shard(stream).0.lock().epoch
    }

    /// Puts a loaded entry in, unless one that knows as much is there, or a stream of the shard was forgotten or
    /// written unseen since `epoch`: what was read may be behind by now and has to be read again.
    pub(crate) fn put<A: Aggregate>(&self, stream: &str, entry: Entry<A>, epoch: u64) {
        let mut shard = self.shard(stream).0.lock();
        let there = shard.young.get(stream).or_else(|| shard.old.get(stream));
        if shard.epoch != epoch || there.is_some_and(|slot| slot.version() >= entry.version) {
            return;
        }
        shard.old.remove(stream);
        shard.insert(stream.into(), Box::new(entry), self.capacity);
    }

    /// Forgets a stream: what was folded optimistically did not come true.
    pub(crate) fn forget(&self, stream: &str) {
        let (shard, settled) = self.shard(stream);
        shard.lock().forget(stream);
        settled.notify_waiters();
    }

    /// What was decided on `generation` of the stream is durable through `version`, whose event stands at
    /// `position`. Another generation that does not know of it was read before the commit, and what was decided on
    /// it since cannot come true: it is forgotten.
    pub(crate) fn written(&self, stream: &str, generation: u64, version: Version, position: Position) {
        let (shard, settled) = self.shard(stream);
        {
            let mut shard = shard.lock();
            let shard = &mut *shard;
            match shard.young.get_mut(stream).or_else(|| shard.old.get_mut(stream)) {
                Some(slot) if slot.generation() == generation => slot.written(version, position),
                Some(slot) if slot.durable() >= version => {}
                _ => shard.forget(stream),
            }
        }
        settled.notify_waiters();
    }

    /// Waits until what `generation` knew through `version` is durable: true; or is gone: false.
    pub(crate) async fn settled(&self, stream: &str, generation: u64, version: Version) -> bool {
        let (shard, settled) = self.shard(stream);
        loop {
            let mut news = std::pin::pin!(settled.notified());
            news.as_mut().enable();
            {
                let shard = shard.lock();
                match shard.young.get(stream).or_else(|| shard.old.get(stream)) {
                    Some(slot) if slot.generation() == generation => {
                        if slot.durable() >= version {
                            return true;
                        }
                    }
                    _ => return false,
                }
            }
            news.await;
        }
    }
}

impl Shard {
    fn forget(&mut self, stream: &str) {
        self.epoch += 1;
        self.young.remove(stream);
        self.old.remove(stream);
    }

    fn insert(&mut self, name: Box<str>, slot: Box<dyn Slot>, capacity: usize) {
        if self.young.len() >= capacity {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, slot);
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::merchant::Merchant;

    use super::*;

    const STREAM: &str = "merchant-a";

    fn at(version: Version) -> Entry<Merchant> {
        Entry { version, durable: version, ..Entry::new(STREAM) }
    }

    fn version(cache: &Cache) -> Option<Version> {
        cache.get::<Merchant>(STREAM).map(|entry| entry.version)
    }

    #[test]
    fn what_was_read_before_a_stream_was_forgotten_is_not_put_in_after_it() {
        let cache = Cache::new(1_000);
        let before = cache.epoch(STREAM);
        cache.forget(STREAM);
        cache.put(STREAM, at(1), before);
        assert_eq!(version(&cache), None);
        cache.put(STREAM, at(2), cache.epoch(STREAM));
        assert_eq!(version(&cache), Some(2));
    }

    #[test]
    fn an_entry_behind_what_was_written_is_read_again() {
        let cache = Cache::new(1_000);
        let written = at(2).generation;
        cache.put(STREAM, at(1), cache.epoch(STREAM));
        cache.written(STREAM, written, 2, 9);
        assert_eq!(version(&cache), None);
    }

    #[test]
    fn what_was_decided_on_an_entry_read_before_a_commit_does_not_count_as_that_commit() {
        let cache = Cache::new(1_000);
        let evicted = Entry { durable: 1, ..at(2) };
        // Read again at version 1 while version 2 was under way, and decided on: another version 2.
        cache.put(STREAM, Entry { durable: 1, ..at(2) }, cache.epoch(STREAM));
        cache.written(STREAM, evicted.generation, 2, 9);
        assert_eq!(version(&cache), None);
    }

    #[test]
    fn an_entry_read_after_a_commit_stays_when_the_commit_is_told() {
        let cache = Cache::new(1_000);
        let evicted = at(2).generation;
        cache.put(STREAM, Entry { version: 3, ..at(2) }, cache.epoch(STREAM));
        cache.written(STREAM, evicted, 2, 9);
        assert_eq!(version(&cache), Some(3));
        assert_eq!(cache.get::<Merchant>(STREAM).map(|entry| entry.durable), Some(2));
    }

    #[test]
    fn a_slow_load_does_not_replace_what_was_decided_meanwhile() {
        let cache = Cache::new(1_000);
        let epoch = cache.epoch(STREAM);
        cache.put(STREAM, Entry { durable: 1, ..at(5) }, epoch);
        cache.put(STREAM, at(3), epoch);
        assert_eq!(version(&cache), Some(5));
    }
}
