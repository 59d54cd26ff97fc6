//! Events taken as another journal has them: into PostgreSQL and into SQLite alike.

use std::sync::Arc;

use daybook_journal::conformance::tools::{append, fill, item, log};
use daybook_journal::postgres::PostgresRestore;
use daybook_journal::postgres::server::Server;
use daybook_journal::sqlite::{self, SqliteRestore};
use daybook_journal::{
    Expected, Journal, JournalError, Kept, ManualClock, MemoryJournal, Restore, SqliteJournal,
};

use crate::{alone, open};

fn events() -> Vec<Kept> {
    let journal = MemoryJournal::with_clock(Arc::new(ManualClock::at(1_763_000_000_000_000)));
    fill(
        &journal,
        (0..300).map(|n| {
            let name = format!("{}-{}", ["order", "checkout"][n as usize % 2], n % 7);
            item(&name, n, Expected::Any, &vec!["{\"text\":\"Ünïcödé 订单\"}"; 1 + n as usize % 3])
        }),
    );
    log(&journal)
}

/// Opens a journal to copy into, and the same one for appending.
type Opened<'a> = (&'a dyn Fn() -> Box<dyn Restore>, &'a dyn Fn() -> Arc<dyn Journal>);

fn takes_what_follows_and_nothing_else((open, appending): Opened<'_>) {
    let events = events();
    let mut to = open();
    to.restore(&events[..100]).unwrap();
    let changed = |change: fn(&mut Kept)| {
        let mut page = events[100..110].to_vec();
        change(&mut page[5]);
        page
    };
    for page in [
        events[101..110].to_vec(),
        events[99..110].to_vec(),
        events[..1].to_vec(),
        changed(|kept| kept.position += 1),
        changed(|kept| kept.version += 1),
        changed(|kept| kept.stream = "order-new".into()),
        changed(|kept| kept.recorded_at = 1),
    ] {
        let refused = to.restore(&page).unwrap_err();
        assert!(
            matches!(&refused, JournalError::Malformed(why) if why.contains("does not follow")),
            "{refused}"
        );
        assert_eq!(to.journal().head(), Ok(100), "nothing of it stays");
    }
    to.restore(&[]).unwrap();
    drop(to);
    // Opened again it goes on.
    let mut to = open();
    let mut page = events[100..110].to_vec();
    page[0].version = 1; // of a stream that is there, and that nobody has asked for since
    let refused = to.restore(&page).unwrap_err();
    assert!(matches!(&refused, JournalError::Malformed(why) if why.contains("does not follow")), "{refused}");
    to.restore(&events[100..]).unwrap();
    assert_eq!(log(to.journal()), events);
    drop(to);
    // And it is a journal like any other: it knows the commands and goes on behind them.
    let journal = appending();
    let again = append(&*journal, item("order-0", 0, Expected::NoStream, &["{}"])).unwrap();
    assert!(again.replayed && again.first == 1);
    let next = append(&*journal, item("order-0", 9_999, Expected::NoStream, &["{}"]));
    assert!(matches!(next, Err(JournalError::Conflict { .. })));
    assert_eq!(
        fill(&*journal, [item("order-x", 1, Expected::NoStream, &["{}"])])[0].first,
        events.len() as u64 + 1
    );
    assert!(log(&*journal).last().unwrap().recorded_at > events.last().unwrap().recorded_at);
}

#[test]
fn postgres_takes_the_events_of_another_journal() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let to = || Box::new(PostgresRestore::open(&url).unwrap()) as Box<dyn Restore>;
    takes_what_follows_and_nothing_else((&to, &|| Arc::new(open(&url).unwrap())));
    let held = alone(&url).unwrap();
    assert!(matches!(PostgresRestore::open(&url), Err(JournalError::Locked(_))), "somebody writes it");
    drop(held);
}

#[test]
fn sqlite_takes_the_events_of_another_journal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("copy.db");
    let to = || Box::new(SqliteRestore::open(&path).unwrap()) as Box<dyn Restore>;
    let journal =
        || Arc::new(SqliteJournal::open(&path, sqlite::Options::default()).unwrap()) as Arc<dyn Journal>;
    takes_what_follows_and_nothing_else((&to, &journal));
    let held = journal();
    assert!(matches!(SqliteRestore::open(&path), Err(JournalError::Locked(_))), "somebody writes it");
    drop(held);
}
