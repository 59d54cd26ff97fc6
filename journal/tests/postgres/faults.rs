//! Connections cut in the middle of a commit, sessions killed, the server crashed under load.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use daybook_journal::conformance::tools::{append, block_on, fill, item, log};
use daybook_journal::postgres::server::{Server, sql};
use daybook_journal::{Expected, Filter, Journal, JournalError, PostgresJournal, Receipt};

use crate::proxy::{Cut, Proxy};
use crate::{Stop, alone, open};

/// How often, in the short form and where `DAYBOOK_LONG=yes` asks for the long one.
pub fn tries(short: u64, long: u64) -> u64 {
    if std::env::var("DAYBOOK_LONG").is_ok_and(|value| value == "yes") { long } else { short }
}

/// Sends it until it is accepted; returns the receipt and how often it was told that nothing was written.
fn insist(journal: &PostgresJournal, what: &daybook_journal::Append) -> (Receipt, u64) {
    let began = Instant::now();
    let mut refused = 0;
    loop {
        match append(journal, what.clone()) {
            Ok(receipt) => return (receipt, refused),
            Err(JournalError::Unavailable(why)) => assert!(began.elapsed().as_secs() < 60, "{why}"),
            Err(other) => panic!("{other}"),
        }
        refused += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Each command once, positions dense, versions in order.
pub fn whole(journal: &dyn Journal, acknowledged: &HashMap<u128, Receipt>) {
    let events = log(journal);
    let mut versions: HashMap<String, u64> = HashMap::new();
    let mut found = HashMap::new();
    for (n, kept) in events.iter().enumerate() {
        assert_eq!(kept.position, n as u64 + 1, "a hole");
        let version = versions.entry(kept.stream.clone()).or_default();
        *version += 1;
        assert_eq!(kept.version, *version);
        let before = found.insert(kept.cause.command.as_u128(), kept.position);
        assert_eq!(before, None, "command {} was written twice", kept.cause.command);
    }
    for (command, receipt) in acknowledged {
        assert_eq!(
            found.get(command),
            Some(&receipt.first),
            "command {command} was acknowledged at {receipt:?}"
        );
    }
}

#[test]
fn a_connection_cut_in_the_middle_of_a_commit_leaves_one_effect() {
    let Some(server) = Server::shared() else { return };
    for exclusive in [false, true] {
        let direct = server.database();
        let proxy = Proxy::to(server.port());
        let url = proxy.url(&direct, server.port());
        let journal = if exclusive { alone(&url) } else { open(&url) }.unwrap();
        let mut acknowledged = HashMap::new();
        let mut unheard = 0;
        for n in 0..tries(50, 1_000) {
            let cut = if n % 2 == 0 { Cut::After } else { Cut::Before };
            let what = item(&format!("order-{}", n % 3), u128::from(n), Expected::Any, &["{}"]);
            proxy.cut_next(cut);
            let (receipt, refused) = insist(&journal, &what);
            assert!(refused <= 1 && !receipt.replayed, "what was told is what became of it: {receipt:?}");
            assert!(cut == Cut::After || refused == 1, "the server never heard of it");
            unheard += u64::from(refused == 0);
            acknowledged.insert(u128::from(n), receipt);
        }
        assert_eq!(proxy.cuts(), tries(50, 1_000));
        assert!(unheard > 0, "no commit went through unheard: the test has tested half of it");
        whole(&journal, &acknowledged);
        drop(journal);
        whole(&open(&direct).unwrap(), &acknowledged);
    }
}

#[test]
fn a_session_killed_while_idle_is_replaced_without_anybody_hearing_of_it() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let journal = alone(&url).unwrap();
    for n in 0..10 {
        fill(&journal, [item("order-1", n, Expected::At(n as u64), &["{}"])]);
        kill_sessions(server, &url);
        assert_eq!(log(&journal).len() as u128, n + 1);
    }
}

fn kill_sessions(server: &Server, url: &str) -> usize {
    let name = url.rsplit('/').next().unwrap();
    let kill = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    );
    sql(&server.url("postgres"), &kill).unwrap().len()
}

#[test]
fn who_was_alone_writes_no_more_when_another_wrote_meanwhile() {
    let Some(server) = Server::shared() else { return };
    let direct = server.database();
    let proxy = Proxy::to(server.port());
    let journal = alone(&proxy.url(&direct, server.port())).unwrap();
    fill(&journal, [item("order-1", 1, Expected::Any, &["{}"])]);
    // Its sessions die, and another is faster.
    let other = loop {
        kill_sessions(server, &direct);
        match alone(&direct) {
            Ok(other) => break other,
            Err(error) => {
                assert!(matches!(error, JournalError::Locked(_) | JournalError::Unavailable(_)), "{error}")
            }
        }
    };
    let refused = append(&journal, item("order-1", 2, Expected::Any, &["{}"])).unwrap_err();
    assert!(matches!(refused, JournalError::Locked(_)), "{refused}");
    fill(&other, [item("order-1", 3, Expected::Any, &["{}"])]);
    drop(other);
    // It finds out though nobody asks it, and says so from then on.
    let began = Instant::now();
    let failing = || journal.load().failing.unwrap_or_default();
    while !failing().contains("start this one again") {
        assert!(began.elapsed().as_secs() < 30, "it has not looked: {}", failing());
        std::thread::sleep(Duration::from_millis(20));
    }
    for _ in 0..3 {
        let refused = append(&journal, item("order-1", 2, Expected::At(1), &["{}"])).unwrap_err();
        assert!(refused.to_string().contains("start this one again"), "{refused}");
    }
    // Nor does it ever hold the lock again, or cease to say so.
    std::thread::sleep(Duration::from_secs(6));
    assert!(failing().contains("start this one again"), "{}", failing());
    for _ in 0..5 {
        assert!(append(&journal, item("order-1", 2, Expected::At(1), &["{}"])).is_err());
        assert_eq!(alone(&direct).unwrap().head(), Ok(2));
    }
}

#[test]
fn a_server_that_was_set_back_is_neither_written_to_nor_believed() {
    let Some(server) = Server::shared() else { return };
    for exclusive in [false, true] {
        let url = server.database();
        let journal = if exclusive { alone(&url) } else { open(&url) }.unwrap();
        fill(&journal, (0..5).map(|n| item("order-1", n, Expected::Any, &["{}"])));
        assert_eq!(log(&journal).len(), 5);
        // As after a failover to a standby that did not have everything.
        sql(
            &url,
            "ALTER TABLE daybook_journal.events DISABLE TRIGGER ALL; \
             ALTER TABLE daybook_journal.head DISABLE TRIGGER ALL; \
             DELETE FROM daybook_journal.events WHERE position > 3; UPDATE daybook_journal.head SET last = 3",
        )
        .unwrap();
        let scan = || journal.scan(0, None, &Filter::default(), &mut |_| ControlFlow::Continue(()));
        let refused = scan().unwrap_err();
        assert!(refused.to_string().contains("set back"), "by what is missing: {refused}");
        kill_sessions(server, &url);
        let refused = journal.read_stream("order-1", 0, &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert!(refused.to_string().contains("set back"), "by a new connection: {refused}");
        assert!(scan().unwrap_err().to_string().contains("set back"));
        let refused = append(&journal, item("order-1", 9, Expected::Any, &["{}"])).unwrap_err();
        assert!(refused.to_string().contains("set back"), "{refused}");
        assert!(journal.load().failing.unwrap_or_default().contains("set back"));
    }
}

/// What the server says then is said by a trigger here; that nothing of the batch stays is its own doing.
#[test]
fn a_server_that_cannot_write_says_why_and_the_journal_goes_on_when_it_can() {
    let Some(server) = Server::shared() else { return };
    for (code, told) in [
        ("53100", "make room, the journal goes on by itself"),
        ("53200", "is short of memory"),
        ("25006", "name the primary"),
        ("57P01", "is restarting"),
        ("42501", "docs/postgres.md has the grants"),
    ] {
        let url = server.database();
        let journal = alone(&url).unwrap();
        fill(&journal, [item("order-1", 1, Expected::NoStream, &["{}"])]);
        let raise = format!(
            "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ \
             BEGIN IF NEW.position = 3 THEN RAISE EXCEPTION 'as asked' USING ERRCODE = '{code}'; END IF; RETURN NEW; END $$; \
             CREATE TRIGGER fail BEFORE INSERT ON daybook_journal.events FOR EACH ROW EXECUTE FUNCTION public.fail()"
        );
        sql(&url, &raise).unwrap();
        let both = || {
            vec![
                item("order-1", 2, Expected::At(1), &["{}"]),
                item("order-2", 3, Expected::NoStream, &["{}"]),
            ]
        };
        for answer in block_on(journal.append(both())) {
            let error = answer.unwrap_err();
            assert!(
                matches!(error, JournalError::Unavailable(_)) && error.to_string().contains(told),
                "{error}"
            );
        }
        assert_eq!((journal.head(), log(&journal).len()), (Ok(1), 1), "nothing of it stays");
        assert!(journal.load().failing.is_some());
        sql(&url, "DROP TRIGGER fail ON daybook_journal.events").unwrap();
        let receipts = fill(&journal, both());
        assert_eq!((receipts[0].first, receipts[1].first, receipts[1].replayed), (2, 3, false));
        assert_eq!(journal.load().failing, None);
    }
}

#[test]
fn a_crash_right_after_a_receipt_takes_nothing_back_though_the_database_is_set_to_slack_commits() {
    if Server::left_out() {
        return;
    }
    // Nothing is on the disk for ten seconds unless a commit waits for it.
    let server = Server::start(&["wal_writer_delay = 10s", "autovacuum = off"]).unwrap();
    let url = server.database();
    let name = url.rsplit('/').next().unwrap();
    let set = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    sql(&server.url("postgres"), &set).unwrap();
    let journal = open(&url).unwrap();
    let (mut written, mut lost) = (0, 0);
    for round in 0..3 {
        for n in 0..5_u128 {
            fill(&journal, [item("order-1", round * 100 + n, Expected::At(written), &["{}"])]);
            written += 1;
        }
        // The same without the journal's care is lost: so this test can fail.
        sql(
            &url,
            &format!(
                "CREATE TABLE IF NOT EXISTS public.slack (n int); INSERT INTO public.slack VALUES ({round})"
            ),
        )
        .unwrap();
        server.crash();
        // The server may write its log out meanwhile for a reason of its own: not every round loses it.
        let slack = sql(&url, &format!("SELECT n FROM public.slack WHERE n = {round}"));
        let kept = slack.is_ok_and(|rows| !rows.is_empty());
        lost += u32::from(!kept);
        insist(&journal, &item("order-2", round * 100 + 50, Expected::Any, &["{}"]));
        assert_eq!(log(&journal).iter().filter(|kept| kept.stream == "order-1").count() as u64, written);
    }
    assert!(lost > 0, "commits were not slack: the test has tested nothing");
}

#[test]
fn a_server_that_crashes_under_load_loses_and_doubles_nothing() {
    if Server::left_out() {
        return;
    }
    let server = Server::start(&[]).unwrap();
    let url = server.database();
    let journal = open(&url).unwrap();
    let acknowledged = Mutex::new(HashMap::new());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..6_u128 {
            let (journal, acknowledged, stop) = (&journal, &acknowledged, &stop);
            scope.spawn(move || {
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let command = (thread << 64) + n;
                    let what = item(&format!("order-{}", n % 5), command, Expected::Any, &["{}"]);
                    let began = Instant::now();
                    let receipt = loop {
                        match append(journal, what.clone()) {
                            Ok(receipt) => break receipt,
                            Err(error) => {
                                // often nobody is told: what was under way is settled when the server is back
                                assert!(error.transient() && began.elapsed().as_secs() < 60, "{error}");
                                std::thread::sleep(Duration::from_millis(2));
                            }
                        }
                    };
                    acknowledged.lock().unwrap().insert(command, receipt);
                }
            });
        }
        let _stop = Stop(&stop);
        let count = || acknowledged.lock().unwrap().len();
        for _ in 0..tries(3, 20) {
            let (began, before) = (Instant::now(), count());
            while count() < before + 40 {
                assert!(began.elapsed().as_secs() < 60, "no load");
                std::thread::sleep(Duration::from_millis(5));
            }
            let before = count();
            server.crash();
            let back = Instant::now();
            while count() <= before {
                assert!(back.elapsed().as_secs() < 60, "it did not go on");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 100, "only {}", acknowledged.len());
    whole(&journal, &acknowledged);
}
