//! The journal in KurrentDB: the promises of every backend, its own, and what becomes of them when nodes crash, leadership
//! moves and answers are lost. All of it against the stand-in, which is not KurrentDB; the suite of promises also against a
//! node that `DAYBOOK_TEST_ESDB` names, which says so when none is named.
#![cfg(feature = "standin")]
#![allow(clippy::unwrap_used)]

mod faults;
mod opening;
mod positions;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use daybook_journal::conformance::ordinals::Ordinals;
use daybook_journal::conformance::{self, Backend, Place};
use daybook_journal::kurrentdb::standin::Standin;
use daybook_journal::kurrentdb::{KurrentJournal, Options};
use daybook_journal::{Clock, Journal, JournalError};

/// A server on which every journal has a name of its own.
struct Server {
    url: String,
    options: Options,
    journals: AtomicU32,
    /// What the names of this run begin with: a real node keeps those of the runs before.
    run: String,
}

impl Server {
    fn new(url: String, options: Options) -> Self {
        let now = daybook_journal::SystemClock.now();
        Self { url, options, journals: AtomicU32::new(0), run: format!("t{now:x}") }
    }
}

struct Named {
    url: String,
    options: Options,
}

impl Backend for Server {
    fn place(&self, clock: Arc<dyn Clock>) -> Box<dyn Place> {
        let n = self.journals.fetch_add(1, Ordering::SeqCst);
        let joint = if self.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{joint}journal={}_{n}", self.url, self.run);
        Box::new(Named { url, options: Options { clock, ..self.options.clone() } })
    }
}

impl Place for Named {
    fn open(&self) -> Arc<dyn Journal> {
        let journal =
            KurrentJournal::open(&self.url, self.options.clone()).unwrap_or_else(|error| panic!("{error}"));
        Arc::new(Ordinals::of(Arc::new(journal)))
    }
}

fn keeps_every_promise(url: String, options: Options) {
    let ran = conformance::run(&Server::new(url, options));
    let all: Vec<_> = conformance::cases().map(|case| case.name).collect();
    assert_eq!(ran, all, "a case was skipped");
}

#[test]
fn the_stand_in_keeps_every_promise() {
    let standin = Standin::start(1);
    standin.faults().system_events.store(true, Ordering::SeqCst);
    keeps_every_promise(standin.url(), Options::default());
}

#[test]
fn a_cluster_keeps_every_promise_with_tight_bounds() {
    let standin = Standin::start(3);
    standin.lead(2);
    keeps_every_promise(
        standin.url(),
        Options { queue_events: 1, stream_cache_entries: 4_000, ..Options::default() },
    );
}

/// Against KurrentDB itself.
#[test]
fn a_real_node_keeps_every_promise() {
    match std::env::var("DAYBOOK_TEST_ESDB") {
        Ok(url) => keeps_every_promise(url, Options::default()),
        Err(_) => println!(
            "left out: no real KurrentDB was asked; set DAYBOOK_TEST_ESDB=esdb://HOST:2113?tls=false (a node started with \
             --max-append-size 16000000)"
        ),
    }
}

/// Short times, so that what waits for them is quick.
fn quick() -> Options {
    Options { lease: Duration::from_millis(1_500), patience: Duration::from_secs(10), ..Options::default() }
}

fn open(standin: &Standin) -> KurrentJournal {
    KurrentJournal::open(&standin.url(), quick()).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(result: Result<KurrentJournal, JournalError>) -> JournalError {
    match result {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}
