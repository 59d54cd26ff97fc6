//! Streams known not to exist: an import into an empty journal need not ask for each of its streams.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};

use daybook_journal::Journal;
use parking_lot::Mutex;

/// Beyond this many streams (about 64 MiB) every stream is asked for.
const MOST: usize = 4_000_000;

/// While a handler has written its journal alone and from the first event, a stream that it never wrote does not
/// exist. Kept as hashes: one that collides is only read in vain.
pub(crate) struct Fresh {
    hasher: ahash::RandomState,
    /// `None`: nothing is known, every stream may exist.
    written: Mutex<Option<HashSet<u64, Plain>>>,
}

impl Fresh {
    pub(crate) fn new(journal: &dyn Journal, exclusive: bool) -> Self {
        let empty = exclusive && matches!(journal.head(), Ok(0));
        Self { hasher: ahash::RandomState::new(), written: Mutex::new(empty.then(HashSet::default)) }
    }

    /// Whether the journal may have events of the stream.
    pub(crate) fn may_exist(&self, stream: &str) -> bool {
        let hash = self.hasher.hash_one(stream);
        self.written.lock().as_ref().is_none_or(|written| written.contains(&hash))
    }

    /// The stream exists, or is about to.
    pub(crate) fn written(&self, stream: &str) {
        let hash = self.hasher.hash_one(stream);
        let mut written = self.written.lock();
        if let Some(streams) = written.as_mut() {
            streams.insert(hash);
            if streams.len() > MOST {
                *written = None;
            }
        }
    }
}

/// The keys are hashes already.
#[derive(Clone, Copy, Default)]
struct Plain;

struct PlainHasher(u64);

impl BuildHasher for Plain {
    type Hasher = PlainHasher;
    fn build_hasher(&self) -> PlainHasher {
        PlainHasher(0)
    }
}

impl Hasher for PlainHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
