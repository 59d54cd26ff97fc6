//! A market whose journal is in KurrentDB, played by the stand-in: the same seed comes to the same rows as in memory, all of
//! the ledger's invariants hold, and what must have dense positions is refused with the reason.

#![allow(clippy::unwrap_used)] // a test may panic

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use daybook_commands::ManualClock;
use daybook_journal::kurrentdb::{self, standin::Standin};
use daybook_journal::sqlite::SqliteRestore;
use daybook_journal::{Journal, JournalError};
use daybook_market::backup::copy_journal;
use daybook_market::demo::{self, Report};
use daybook_market::{Market, Options};
use daybook_projections::ReadModels;

const ASKED: demo::Options = demo::Options { days: 2, orders_per_day: 10, seed: 11 };

fn simulate(url: &str, own: Option<&Path>) -> (Report, Market) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let clock = Arc::new(ManualClock::at(0));
    let own = own.map(|folder| folder.join("daybook.db"));
    let options = Options { clock: Arc::clone(&clock) as _, own, ..Options::default() };
    let market = Market::open(url, options).unwrap_or_else(|error| panic!("{error}"));
    let report = runtime.block_on(demo::run(&market, &clock, ASKED, &mut |_, _| {})).unwrap();
    (report, market)
}

/// The digests of all tables, made from the journal.
fn digests(journal: Arc<dyn Journal>, file: &Path) -> Vec<(String, u64, String)> {
    let models = ReadModels::open(file, journal, &mut |_| {}).unwrap();
    let all = models.digests().unwrap();
    all.into_iter().map(|d| (d.table.to_string(), d.rows, d.digest.to_string())).collect()
}

#[test]
fn a_demo_of_a_seed_comes_to_the_same_rows_in_kurrentdb() {
    let standin = Standin::start(3);
    standin.faults().system_events.store(true, Ordering::SeqCst);
    let folder = tempfile::tempdir().unwrap();
    let (there, market) = simulate(&standin.url(), Some(folder.path()));
    let (here, expected) = simulate("memory:", None);
    assert_eq!(there.stories.len(), here.stories.len());
    let expected = digests(Arc::clone(expected.journal()), &folder.path().join("here.views.db"));
    assert!(expected.len() > 10);
    let found = digests(Arc::clone(market.journal()), &folder.path().join("there.views.db"));
    assert_eq!(found, expected);
    let checked = daybook_market::verify::verify(&**market.journal(), &mut |_, _, _| {}).unwrap();
    assert!(checked.clean() && checked.covered(), "{:#?}", checked.checks);
    // a reader beside it, when another node leads
    standin.lead(1);
    standin.crash(0);
    let reader = kurrentdb::open_read_only(&standin.url()).unwrap();
    assert_eq!(digests(Arc::clone(&reader), &folder.path().join("reader.views.db")), expected);
    // a second market is kept out
    let own = Some(folder.path().join("second.db"));
    let second = Market::open(&standin.url(), Options { own, ..Options::default() });
    assert!(second.err().unwrap().to_string().contains("is being written by daybook"));
    // a copy would have other positions
    let mut copy = SqliteRestore::open(folder.path().join("copy.db")).unwrap();
    let refused = copy_journal(&*reader, &mut copy, &mut |_, _| {});
    assert!(refused.err().unwrap().to_string().contains("events name positions"));
    drop(market);
}

#[test]
fn a_cluster_that_is_not_there_is_said_without_the_password() {
    let url = "esdb://ann:s3cret@127.0.0.1:9?tls=false&journal=Wrong";
    let error = kurrentdb::open_read_only(url).err().unwrap();
    assert!(
        matches!(&error, JournalError::Unavailable(why) if why.contains("ann@") && !why.contains("s3cret")),
        "{error}"
    );
}
