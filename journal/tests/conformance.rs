//! Every backend against every promise.

use std::path::PathBuf;
use std::sync::Arc;

use daybook_journal::conformance::{self, Backend, Place};
use daybook_journal::sqlite::Options;
use daybook_journal::{Clock, Journal, MemoryJournal, SqliteJournal};

struct Memory;

struct InMemory(Arc<MemoryJournal>);

impl Backend for Memory {
    fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place> {
        Box::new(InMemory(Arc::new(MemoryJournal::with_clock(clock))))
    }
}

impl Place for InMemory {
    fn open(&self) -> Arc<dyn Journal> {
        self.0.clone()
    }
}

/// SQLite with the bounds of `options`; tight ones make batches, caches and checkpoints turn over.
struct Sqlite(Options);

struct File {
    _dir: tempfile::TempDir,
    path: PathBuf,
    options: Options,
}

impl Backend for Sqlite {
    fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place> {
        let dir = tempfile::tempdir().expect("a folder for the journal");
        let path = dir.path().join("daybook.db");
        Box::new(File { _dir: dir, path, options: Options { clock, ..self.0.clone() } })
    }
}

impl Place for File {
    fn open(&self) -> Arc<dyn Journal> {
        let journal = SqliteJournal::open(&self.path, self.options.clone());
        Arc::new(journal.unwrap_or_else(|error| panic!("{error}")))
    }
}

fn keeps_every_promise(backend: &dyn Backend) {
    let ran = conformance::run(backend);
    let all: Vec<_> = conformance::cases().map(|case| case.name).collect();
    assert_eq!(ran, all, "a case was skipped");
    assert!(all.len() >= 35, "cases were removed: {}", all.len());
}

#[test]
fn memory_keeps_every_promise() {
    keeps_every_promise(&Memory);
}

#[test]
fn sqlite_keeps_every_promise() {
    keeps_every_promise(&Sqlite(Options::default()));
}

#[test]
fn sqlite_keeps_every_promise_with_the_tightest_bounds() {
    keeps_every_promise(&Sqlite(Options {
        queue_events: 1,
        max_batch_events: 31,
        stream_cache_entries: 0,
        cache_kib: 64,
        mmap_bytes: 0,
        checkpoint_pages: 1,
        ..Options::default()
    }));
}
