//! The journal in PostgreSQL: the promises of every backend, its own, and what becomes of them when connections are
//! cut, sessions killed and the server crashes. Starts a server of its own; without one the tests fail and say how to
//! get it.
#![allow(clippy::unwrap_used)]

mod bench;
mod copies;
mod doubt;
mod failover;
mod faults;
mod full;
mod opening;
mod proxy;
mod reading;
mod several;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use daybook_journal::conformance::{self, Backend, Place};
use daybook_journal::postgres::Options;
use daybook_journal::postgres::server::Server;
use daybook_journal::{Clock, Journal, JournalError, PostgresJournal};

/// PostgreSQL with the bounds of `options`; tight ones make batches and caches turn over.
struct Postgres(&'static Server, Options);

struct Database {
    url: String,
    options: Options,
}

impl Backend for Postgres {
    fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place> {
        Box::new(Database { url: self.0.database(), options: Options { clock, ..self.1.clone() } })
    }
}

impl Place for Database {
    fn open(&self) -> Arc<dyn Journal> {
        Arc::new(PostgresJournal::open(&self.url, self.options.clone()).unwrap())
    }
}

fn keeps_every_promise(options: Options) {
    let Some(server) = Server::shared() else { return };
    let ran = conformance::run(&Postgres(server, options));
    let all: Vec<_> = conformance::cases().map(|case| case.name).collect();
    assert_eq!(ran, all, "a case was skipped");
}

#[test]
fn postgres_keeps_every_promise() {
    keeps_every_promise(Options::default());
}

#[test]
fn postgres_keeps_every_promise_alone_and_with_the_tightest_bounds() {
    let options =
        Options { queue_events: 1, max_batch_events: 31, stream_cache_entries: 0, ..Options::default() };
    keeps_every_promise(Options { alone: true, ..options });
}

fn open(url: &str) -> Result<PostgresJournal, JournalError> {
    PostgresJournal::open(url, Options::default())
}

/// A journal of this process alone.
fn alone(url: &str) -> Result<PostgresJournal, JournalError> {
    PostgresJournal::open(url, Options { alone: true, ..Options::default() })
}

/// Who appends stops, also when the test fails.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn refusal(result: Result<PostgresJournal, JournalError>) -> String {
    match result {
        Ok(_) => panic!("it was opened"),
        Err(error) => error.to_string(),
    }
}
