//! Several writers of one journal, as several processes would be, against readers: what is committed is seen, in
//! order, without a hole, whatever rolls back, dies or stays open beside it.

use std::ops::ControlFlow;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use daybook_journal::conformance::tools::{Kept, append, item, log};
use daybook_journal::follow::{Bounds, Follower};
use daybook_journal::postgres::server::{Server, sql};
use daybook_journal::{Expected, Filter, Journal, JournalError, PostgresJournal};

use crate::open;

#[test]
fn followers_miss_nothing_while_writers_roll_back_and_are_killed() {
    run(4, 2, Duration::from_secs(5));
}

#[test]
#[ignore = "ten minutes"]
fn followers_miss_nothing_for_ten_minutes() {
    run(8, 4, Duration::from_secs(600));
}

fn run(writers: u128, readers: usize, time: Duration) {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    drop(open(&url).unwrap());
    let (done, finished, refused) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let acknowledged = AtomicU64::new(0);
    let seen: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let (url, done, finished, refused, acknowledged) = (&*url, &done, &finished, &refused, &acknowledged);
        for writer in 0..writers {
            scope.spawn(move || {
                let journal = patiently(|| open(url));
                let mut n = 0_u128;
                while !done.load(Ordering::Relaxed) {
                    n += 1;
                    // A condition that seldom holds: its transaction is rolled back.
                    let expected = if n.is_multiple_of(7) { Expected::At(3) } else { Expected::Any };
                    let name = format!("order-{}", n % 5);
                    match append(&journal, item(&name, (writer << 64) + n, expected, &["{}", "{}"])) {
                        Ok(_) => drop(acknowledged.fetch_add(2, Ordering::Relaxed)),
                        Err(JournalError::Conflict { .. }) => drop(refused.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => assert!(error.transient(), "{error}"),
                    }
                }
                finished.fetch_add(1, Ordering::Release);
            });
        }
        // Sessions are killed in the middle of whatever they do.
        scope.spawn(move || {
            let name = url.rsplit('/').next().unwrap();
            let kill = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' \
                   AND application_name LIKE 'daybook %' AND random() < 0.3"
            );
            while !done.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(150));
                sql(&server.url("postgres"), &kill).unwrap();
            }
        });
        // Transactions of others: one that stays open for good, and ones that hold the head and roll back.
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                sql(
                    url,
                    "BEGIN; SELECT * FROM daybook_journal.head FOR UPDATE; SELECT pg_current_xact_id(); \
                     SELECT pg_sleep(0.03); ROLLBACK",
                )
                .unwrap();
                std::thread::sleep(Duration::from_millis(40));
            }
        });
        scope.spawn(move || {
            let open =
                format!("BEGIN; SELECT pg_current_xact_id(); SELECT pg_sleep({})", time.as_secs_f64() + 1.0);
            sql(url, &open).unwrap();
        });
        let readers: Vec<_> =
            (0..readers).map(|_| scope.spawn(move || follow(url, finished, writers as u64))).collect();
        std::thread::sleep(time);
        // A machine that has much else to do takes longer.
        let began = Instant::now();
        let little = || acknowledged.load(Ordering::Relaxed) <= 200 || refused.load(Ordering::Relaxed) <= 10;
        while little() && began.elapsed().as_secs() < 60 {
            std::thread::sleep(Duration::from_millis(20));
        }
        done.store(true, Ordering::Relaxed);
        readers.into_iter().map(|reader| reader.join().unwrap()).collect()
    });
    let committed: Vec<Kept> = log(&open(&url).unwrap());
    assert!(committed.len() as u64 >= acknowledged.into_inner(), "acknowledged and lost");
    assert!(committed.len() > 200 && refused.into_inner() > 10, "too little happened: {}", committed.len());
    for seen in seen {
        assert_eq!(seen, (1..=committed.len() as u64).collect::<Vec<_>>(), "committed is not what was seen");
    }
}

/// Opens where sessions are killed also while they open.
fn patiently(open: impl Fn() -> Result<PostgresJournal, JournalError>) -> PostgresJournal {
    for _ in 0..50 {
        match open() {
            Ok(journal) => return journal,
            Err(error) => assert!(error.transient(), "{error}"),
        }
    }
    panic!("it cannot be opened")
}

/// Follows until all writers are done and everything is seen.
fn follow(url: &str, finished: &AtomicU64, writers: u64) -> Vec<u64> {
    let journal = std::sync::Arc::new(patiently(|| PostgresJournal::open_read_only(url)));
    let mut follower = Follower::new(journal.clone(), 0, Filter::default());
    let mut seen = Vec::new();
    loop {
        let last_round = finished.load(Ordering::Acquire) == writers;
        let mut visit = |event: daybook_journal::Recorded<'_>| {
            // A visitor sees an event once, also when the connection is lost in the middle of a scan.
            seen.push(event.position);
            ControlFlow::Continue(())
        };
        let through = follower.position();
        match follower.next(Bounds::default(), Duration::from_millis(100), &mut visit) {
            Ok(batch) if last_round && batch.caught_up() => return seen,
            Ok(_) => {}
            Err(error) => {
                // The position has not moved; what was visited comes again.
                assert!(error.transient(), "{error}");
                seen.truncate(usize::try_from(through).unwrap());
            }
        }
    }
}

/// Two processes with caches of their own: neither believes its own memory of a stream that the other wrote.
#[test]
fn a_refusal_is_never_given_from_a_version_that_another_process_has_outdated() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let (a, b) = (open(&url).unwrap(), open(&url).unwrap());
    let write = |journal: &PostgresJournal, command, expected| {
        append(journal, item("order-1", command, expected, &["{}"]))
    };
    write(&a, 1, Expected::NoStream).unwrap();
    write(&b, 2, Expected::At(1)).unwrap();
    write(&a, 3, Expected::At(2)).unwrap();
    // Repeats of the other's commands are found, whatever is expected.
    assert!(write(&a, 2, Expected::NoStream).unwrap().replayed);
    assert!(write(&b, 3, Expected::NoStream).unwrap().replayed);
    assert!(matches!(write(&b, 4, Expected::At(2)), Err(JournalError::Conflict { actual: 3, .. })));
    // The same command on two streams, one right behind the other, through the other's cache.
    for stream in ["order-1", "order-2"] {
        append(&a, item(stream, 9, Expected::Any, &["{}"])).unwrap();
        append(&b, item(stream, 10, Expected::Any, &["{}"])).unwrap();
    }
    for journal in [&a, &b] {
        for stream in ["order-1", "order-2"] {
            for command in [9, 10] {
                assert!(append(journal, item(stream, command, Expected::Any, &["{}"])).unwrap().replayed);
            }
        }
    }
}

#[test]
fn a_follower_in_another_process_is_woken_long_before_it_would_look() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let writer = open(&url).unwrap();
    let reader = PostgresJournal::open_read_only(&url).unwrap();
    let mut quick = 0;
    for n in 0..10_u64 {
        let ready = Barrier::new(2);
        std::thread::scope(|scope| {
            let appending = scope.spawn(|| {
                ready.wait();
                std::thread::sleep(Duration::from_millis(20));
                append(&writer, item("order-1", n.into(), Expected::Any, &["{}"])).unwrap();
                Instant::now()
            });
            ready.wait();
            assert_eq!(reader.wait_beyond(n, Duration::from_secs(60)), Ok(n + 1));
            let woken = Instant::now();
            // From when it was written: how long that takes is another matter.
            let late = woken.saturating_duration_since(appending.join().unwrap());
            quick += u32::from(late < Duration::from_millis(200));
        });
    }
    assert!(quick >= 6, "only {quick} of 10 were woken: it is polling");
}

/// Called from within async runtimes of either kind, where nothing may block on another runtime.
#[test]
fn the_journal_is_used_from_within_any_runtime() {
    let Some(server) = Server::shared() else { return };
    let url = server.database();
    let current = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let many = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for (n, runtime) in [current, many].into_iter().enumerate() {
        let head = runtime.block_on(async {
            let journal = open(&url).unwrap();
            let what = item("order-1", n as u128, Expected::Any, &["{}"]);
            journal.append(vec![what]).await.remove(0).unwrap();
            let head = journal.head().unwrap();
            assert_eq!(log(&journal).len() as u64, head);
            journal.wait_beyond(head - 1, Duration::from_secs(1)).unwrap()
        });
        assert_eq!(head, n as u64 + 1);
    }
}
