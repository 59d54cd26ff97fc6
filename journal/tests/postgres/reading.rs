//! Readers and their connections: silent ones, stopped ones, and too many.

use std::ops::ControlFlow;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use daybook_journal::conformance::tools::{append, fill, item, log};
use daybook_journal::postgres::Options;
use daybook_journal::postgres::server::{Server, sql};
use daybook_journal::{Expected, Filter, Journal, JournalError, PostgresJournal};

use crate::proxy::Proxy;
use crate::{alone, open};

#[test]
fn a_connection_that_fell_silent_holds_nobody_up_for_long() {
    let Some(server) = Server::shared() else { return };
    let proxy = Proxy::to(server.port());
    let url = proxy.url(&server.database(), server.port());
    let patience = Duration::from_secs(3);
    let journal =
        PostgresJournal::open(&url, Options { alone: true, patience, ..Options::default() }).unwrap();
    fill(&journal, [item("order-1", 1, Expected::NoStream, &["{}"])]);
    assert_eq!(log(&journal).len(), 1);
    let began = Instant::now();
    proxy.forget();
    assert_eq!(log(&journal).len(), 1);
    fill(&journal, [item("order-1", 2, Expected::At(1), &["{}"])]);
    assert_eq!(log(&journal).len(), 2);
    assert!(began.elapsed() >= patience, "nothing fell silent: the test has tested nothing");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn a_visitor_that_stops_leaves_no_statement_open_on_the_server() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let journal = alone(&url).unwrap();
    // More than fits between the two.
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(30_000));
    for n in 0..20_u128 {
        fill(&journal, [item("order-1", n, Expected::Any, &[long.as_str(); 100])]);
    }
    let mut seen = 0;
    let scanned = journal.scan(0, None, &Filter::default(), &mut |_| {
        seen += 1;
        if seen == 1_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(scanned.unwrap().through, 1_000);
    let name = url.rsplit('/').next().unwrap();
    // Of those who read events: the server looks after its tables too, and the journal after its session and its head.
    let open = format!(
        "SELECT query, wait_event FROM pg_stat_activity WHERE datname = '{name}' AND state = 'active' \
           AND backend_type = 'client backend' AND query LIKE '%FROM daybook_journal.events%' \
           AND pid <> pg_backend_pid()"
    );
    // One that is left open stays so, however long one looks.
    let began = Instant::now();
    loop {
        let open = sql(&server.url("postgres"), &open).unwrap();
        if open.is_empty() {
            break;
        }
        assert!(began.elapsed().as_secs() < 10, "{open:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(log(&journal).len(), 2_000);
}

#[test]
fn readers_wait_for_a_turn_and_those_within_a_read_pass() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    drop(open(&url).unwrap());
    let options = Options { readers: 2, patience: Duration::from_secs(3), ..Options::default() };
    let journal = PostgresJournal::open(&url, options).unwrap();
    fill(&journal, [item("order-1", 1, Expected::NoStream, &["{}"])]);
    let (all_read, refused) = (Barrier::new(3), Barrier::new(3));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let read = journal.read_stream("order-1", 0, &mut |_| {
                    all_read.wait();
                    assert_eq!(journal.head(), Ok(1), "within a read");
                    refused.wait();
                    ControlFlow::Continue(())
                });
                assert_eq!(read, Ok(1));
            });
        }
        all_read.wait();
        let none = journal.head().unwrap_err();
        assert!(
            none.transient() && none.to_string().contains("2 reads of the journal are under way"),
            "{none}"
        );
        // Who writes has a connection of its own.
        append(&journal, item("order-2", 2, Expected::NoStream, &["{}"])).unwrap();
        refused.wait();
    });
    assert_eq!(journal.head(), Ok(2));
    assert!(matches!(
        append(&journal, item("order-2", 3, Expected::NoStream, &["{}"])),
        Err(JournalError::Conflict { .. })
    ));
}
