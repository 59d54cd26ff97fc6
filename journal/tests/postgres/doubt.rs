//! Commits whose answer is lost while they are still under way: who was told something, and what is read then, agree.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use daybook_journal::conformance::tools::{append, fill, item};
use daybook_journal::postgres::Options;
use daybook_journal::postgres::server::{Server, sql};
use daybook_journal::{Expected, Journal, JournalError, PostgresJournal};

use crate::proxy::{Cut, Proxy};
use crate::{alone, open};

fn version(journal: &PostgresJournal, stream: &str) -> Result<u64, JournalError> {
    journal.read_stream(stream, 0, &mut |_| ControlFlow::Continue(()))
}

#[test]
fn what_is_read_after_an_answer_is_what_became_of_a_commit_that_took_its_time() {
    let Some(server) = Server::shared() else { return };
    for exclusive in [false, true] {
        let direct = server.database();
        let proxy = Proxy::to(server.port());
        let url = proxy.url(&direct, server.port());
        let journal = if exclusive { alone(&url) } else { open(&url) }.unwrap();
        fill(&journal, [item("order-0", 1, Expected::NoStream, &["{}"])]);
        sql(
            &direct,
            "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$ \
             BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END $$; \
             CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON daybook_journal.events DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION public.slow()",
        )
        .unwrap();
        proxy.cut_next(Cut::After);
        let answer = append(&journal, item("books-main", 2, Expected::NoStream, &["{}"]));
        let read = version(&journal, "books-main");
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(proxy.cuts(), 1);
        assert_eq!(read, version(&journal, "books-main"), "it landed behind the answer {answer:?}");
        match answer {
            Ok(receipt) => assert_eq!((read, receipt.first, receipt.replayed), (Ok(1), 2, false)),
            Err(JournalError::Unavailable(_)) => assert_eq!(read, Ok(0)),
            Err(other) => panic!("{other}"),
        }
    }
}

/// Makes every commit wait for a standby that is not there, or for none; returns when it is so.
fn wait_for(server: &Server, standby: &str) {
    let url = server.url("postgres");
    sql(&url, &format!("ALTER SYSTEM SET synchronous_standby_names = '{standby}'")).unwrap();
    sql(&url, "SELECT pg_reload_conf()").unwrap();
    let began = Instant::now();
    while commits_wait(&url) == standby.is_empty() {
        assert!(began.elapsed().as_secs() < 30, "the server does not take the setting");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether commits wait for a standby now: tries with one that leaves nothing behind but a record in the server's log.
fn commits_wait(url: &str) -> bool {
    let own = url.to_owned();
    let commit =
        std::thread::spawn(move || sql(&own, "SELECT pg_logical_emit_message(true, 'daybook', 'a test')"));
    // Who waits is let go: its commit stands.
    let let_go = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres' \
        AND wait_event = 'SyncRep'";
    let (began, mut waits) = (Instant::now(), false);
    while !commit.is_finished() {
        assert!(began.elapsed().as_secs() < 30, "a commit neither ends nor waits for a standby");
        waits |= !sql(url, let_go).unwrap().is_empty();
        std::thread::sleep(Duration::from_millis(10));
    }
    commit.join().unwrap().unwrap();
    waits
}

#[test]
fn without_its_standby_a_commit_is_not_acknowledged_by_any_detour_and_nothing_is_read_past_it() {
    if Server::left_out() {
        return;
    }
    let server = Server::start(&[]).unwrap();
    for (exclusive, crash) in [(true, false), (false, false), (true, true)] {
        let url = server.database();
        let options = Options { alone: exclusive, patience: Duration::from_secs(3), ..Options::default() };
        let journal = PostgresJournal::open(&url, options).unwrap();
        fill(&journal, [item("order-0", 1, Expected::NoStream, &["{}"])]);
        wait_for(&server, "nobody");
        let payout = || item("payout-1", 2, Expected::NoStream, &["{}"]);
        let unknown = append(&journal, payout()).unwrap_err();
        assert!(matches!(unknown, JournalError::OutcomeUnknown(_)), "{unknown}");
        if crash {
            // The server comes back with the commit for all to see, and forgets that it was waited for.
            server.crash();
            assert_eq!(sql(&url, "SELECT last FROM daybook_journal.head").unwrap(), [["2"]]);
        }
        for _ in 0..3 {
            let again = append(&journal, payout()).unwrap_err();
            assert!(again.transient(), "{again}");
            assert!(!exclusive || crash || again.to_string().contains("waits for a standby"), "{again}");
            let read = version(&journal, "payout-1");
            assert!(matches!(read, Err(JournalError::Unavailable(_))), "{read:?}");
            assert!(journal.head().is_err() && journal.load().failing.is_some());
        }
        wait_for(&server, "");
        // Nobody asks the writer: it finds out by itself.
        let began = Instant::now();
        // It can be read a moment before the writer says that it writes again.
        while version(&journal, "payout-1") != Ok(1) || journal.load().failing.is_some() {
            let failing = journal.load().failing;
            assert!(began.elapsed().as_secs() < 30, "it is still in doubt, or failing: {failing:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        let receipt = append(&journal, payout()).unwrap();
        assert!(receipt.replayed && receipt.first == 2, "{receipt:?}");
    }
}
