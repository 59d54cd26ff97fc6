//! A market whose journal is in KurrentDB, played by the stand-in: the same seed comes to the same rows as in memory, all of
//! the ledger's invariants hold, and what must have dense positions is refused with the reason.

#![allow(clippy::unwrap_used)] // a test may panic

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use daybook_commands::ManualClock;
use daybook_journal::kurrentdb::{self, standin::Standin};
use daybook_journal::sqlite::SqliteRestore;
use daybook_journal::{
    Append, Cause, Expected, Filter, Journal, JournalError, Kept, MemoryJournal, NewEvent, Recorded,
    SqliteJournal,
};
use daybook_market::backup::copy_journal;
use daybook_market::demo::{self, Report};
use daybook_market::{Market, Options};
use daybook_projections::ReadModels;
use uuid::Uuid;

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
    drop(market);
}

/// What an event has besides its position.
fn contents(journal: &dyn Journal) -> Vec<Kept> {
    let mut all = Vec::new();
    let each = &mut |event: Recorded<'_>| {
        all.push(Kept { position: 0, ..event.into() });
        ControlFlow::Continue(())
    };
    journal.scan(0, None, &Filter::default(), each).unwrap();
    all
}

#[test]
fn a_journal_is_copied_to_kurrentdb_and_back_event_by_event() {
    let standin = Standin::start(1);
    standin.faults().system_events.store(true, Ordering::SeqCst);
    let folder = tempfile::tempdir().unwrap();
    let (_, market) = simulate("memory:", None);
    let first = Arc::clone(market.journal());
    let expected = digests(Arc::clone(&first), &folder.path().join("first.views.db"));
    let all = contents(&*first);

    // cut off in the middle of what one command made, and gone on with
    let url = standin.url();
    let mut there = kurrentdb::restore(&url, kurrentdb::Options::default()).unwrap();
    let middle = (1..all.len()).find(|at| all[*at].cause.command == all[at - 1].cause.command).unwrap();
    there.restore(&all[..middle]).unwrap();
    let copied = copy_journal(&*first, &mut *there, &mut |_, _| {}).unwrap();
    assert_eq!((copied.kept, copied.kept + copied.copied), (middle as u64, all.len() as u64));
    assert_eq!(copied.events.count, all.len() as u64);
    let again = copy_journal(&*first, &mut *there, &mut |_, _| {}).unwrap();
    assert_eq!((again.kept, again.copied, &again.events), (all.len() as u64, 0, &copied.events));
    assert!(contents(there.journal()) == all);
    let locked = kurrentdb::restore(&url, kurrentdb::Options::default());
    assert!(matches!(locked.err(), Some(JournalError::Locked(_))), "one writes");
    // what does not follow is not written
    let last = all.last().unwrap();
    for unlike in [
        last.clone(),
        Kept { recorded_at: last.recorded_at + 1, ..last.clone() },
        Kept { recorded_at: last.recorded_at + 1, version: last.version + 2, ..last.clone() },
    ] {
        assert!(matches!(there.restore(&[unlike]), Err(JournalError::Malformed(_))));
    }
    drop(there);
    let reader = kurrentdb::open_read_only(&url).unwrap();
    assert_eq!(digests(Arc::clone(&reader), &folder.path().join("there.views.db")), expected);

    // and back: the positions are counted again
    let path = folder.path().join("back.db");
    let back = copy_journal(&*reader, &mut SqliteRestore::open(&path).unwrap(), &mut |_, _| {}).unwrap();
    assert_eq!(back.events, copied.events);
    let back = SqliteJournal::open_read_only(&path).unwrap();
    assert_eq!(back.head().unwrap(), all.len() as u64);
    assert!(contents(&back) == all);
}

#[test]
fn a_journal_whose_events_name_positions_is_copied_to_no_other_numbers() {
    let standin = Standin::start(1);
    let journal = MemoryJournal::default();
    let close = NewEvent {
        id: Uuid::from_u128(1),
        kind: "PeriodClosed".into(),
        schema: 1,
        occurred_at: 0,
        refs: "{}".to_owned(),
        data: "{}".to_owned(),
    };
    let cause = Cause {
        command: Uuid::from_u128(2),
        fingerprint: [0; 16],
        correlation: Uuid::from_u128(2),
        actor: "li".into(),
    };
    let close =
        Append { stream: "books-m".to_owned(), expected: Expected::NoStream, cause, events: vec![close] };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(journal.append(vec![close])).pop().unwrap().unwrap();
    let mut there = kurrentdb::restore(&standin.url(), kurrentdb::Options::default()).unwrap();
    let refused = copy_journal(&journal, &mut *there, &mut |_, _| {}).unwrap_err().to_string();
    assert!(refused.contains("PeriodClosed at position 1 (books-m) names positions"), "{refused}");
    assert_eq!(there.journal().head().unwrap(), 0);
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
