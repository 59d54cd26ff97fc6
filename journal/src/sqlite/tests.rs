//! What only this backend can get wrong: failing disks.

use std::task::Poll;

use uuid::Uuid;

use super::faults::Commit;
use super::*;
use crate::queue;
use crate::{Cause, Expected, NewEvent, Receipt};

fn item(stream: &str, command: u128, expected: Expected, data: &str) -> Append {
    Append {
        stream: stream.into(),
        expected,
        cause: Cause {
            command: Uuid::from_u128(command),
            fingerprint: [7; 16],
            correlation: Uuid::from_u128(9),
            actor: "test".into(),
        },
        events: vec![NewEvent {
            id: Uuid::from_u128(command << 8),
            kind: "Tested".into(),
            schema: 1,
            occurred_at: 5,
            refs: "{}".into(),
            data: data.into(),
        }],
    }
}

fn append(journal: &SqliteJournal, items: Vec<Append>) -> queue::Results {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(journal.append(items))
}

/// The answers of calls of one item, all under way at once.
fn all(mut calls: Vec<Appending<'_>>) -> queue::Results {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut answers = vec![None; calls.len()];
    runtime.block_on(std::future::poll_fn(|cx| {
        for (call, answer) in calls.iter_mut().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
            if let Poll::Ready(mut results) = call.as_mut().poll(cx) {
                *answer = Some(results.remove(0));
            }
        }
        if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    }));
    answers.into_iter().flatten().collect()
}

fn stored(journal: &SqliteJournal) -> Vec<(Position, String, String)> {
    let mut all = Vec::new();
    let mut keep = |event: crate::Recorded<'_>| {
        all.push((event.position, event.stream.to_owned(), event.data.to_owned()));
        std::ops::ControlFlow::Continue(())
    };
    journal.scan(0, None, &Filter::default(), &mut keep).unwrap();
    all
}

fn faulty() -> (tempfile::TempDir, SqliteJournal, Faults) {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let path = dir.path().join("faulty.db");
    let journal = SqliteJournal::open_with(&path, Options::default(), faults.clone()).unwrap();
    (dir, journal, faults)
}

#[test]
fn a_commit_that_failed_without_writing_is_unavailable_and_the_same_command_then_succeeds() {
    let (_dir, journal, faults) = faulty();
    append(&journal, vec![item("order-1", 1, Expected::NoStream, "{}")]).remove(0).unwrap();
    *faults.commit.lock() = Commit::LostBefore;
    let lost = append(
        &journal,
        vec![
            item("order-1", 2, Expected::At(1), r#"{"n":2}"#),
            item("order-2", 3, Expected::NoStream, r#"{"n":3}"#),
            item("order-2", 4, Expected::NoStream, r#"{"n":4}"#),
        ],
    );
    for answer in &lost {
        assert!(matches!(answer, Err(JournalError::Unavailable(_))), "{answer:?}");
    }
    assert_eq!(journal.head(), Ok(1));
    let again = append(&journal, vec![item("order-1", 2, Expected::At(1), r#"{"n":2}"#)]).remove(0);
    assert_eq!(again, Ok(Receipt { first: 2, last: 2, version: 2, replayed: false }));
    let other = append(&journal, vec![item("order-2", 5, Expected::NoStream, "{}")]).remove(0);
    assert_eq!(other, Ok(Receipt { first: 3, last: 3, version: 1, replayed: false }));
    assert_eq!(stored(&journal).len(), 3);
}

#[test]
fn a_commit_whose_answer_was_lost_is_found_in_the_log_and_receipted() {
    let (_dir, journal, faults) = faulty();
    *faults.commit.lock() = Commit::LostAfter;
    let answer = append(&journal, vec![item("order-1", 1, Expected::NoStream, "{}")]).remove(0);
    assert_eq!(answer, Ok(Receipt { first: 1, last: 1, version: 1, replayed: false }));
    let again = append(&journal, vec![item("order-1", 1, Expected::NoStream, "{}")]).remove(0);
    assert_eq!(again, Ok(Receipt { first: 1, last: 1, version: 1, replayed: true }));
    assert_eq!(stored(&journal).len(), 1);
}

#[test]
fn a_full_disk_refuses_with_a_clear_message_and_the_journal_goes_on_when_there_is_room() {
    let (_dir, journal, faults) = faulty();
    *faults.max_pages.lock() = 60;
    let data = format!(r#"{{"fill":"{}"}}"#, "x".repeat(4000));
    let mut accepted = 0;
    let refusal = loop {
        let command = accepted + 1;
        match append(&journal, vec![item("order-1", command, Expected::Any, &data)]).remove(0) {
            Ok(receipt) => {
                accepted += 1;
                assert_eq!(receipt.last, accepted as Position);
            }
            Err(error) => break error,
        }
        assert!(accepted < 1000, "the limit never struck");
    };
    assert!(accepted > 1);
    assert!(matches!(&refusal, JournalError::Unavailable(why) if why.contains("no room on the disk")));
    assert_eq!(stored(&journal).len() as u128, accepted, "readers go on");
    *faults.max_pages.lock() = u32::MAX - 1;
    // The limit is lifted between batches: the first answer may still be a refusal.
    let next = || append(&journal, vec![item("order-1", accepted + 1, Expected::Any, &data)]).remove(0);
    let receipt = next().or_else(|_| next()).unwrap();
    assert_eq!(receipt.last, accepted as Position + 1);
    assert_eq!(receipt.version, accepted as Version + 1);
    assert!(!receipt.replayed);
}

#[test]
fn when_the_file_cannot_be_opened_again_the_outcome_is_unknown_and_a_repeat_settles_it() {
    let (dir, journal, faults) = faulty();
    append(&journal, vec![item("order-1", 1, Expected::NoStream, "{}")]).remove(0).unwrap();
    let (path, away) = (dir.path().join("faulty.db"), dir.path().join("away.db"));
    std::fs::rename(&path, &away).unwrap();
    std::fs::write(&path, "not a database at all, but long enough to be read as one").unwrap();
    *faults.commit.lock() = Commit::LostAfter;
    let lost = append(&journal, vec![item("order-1", 2, Expected::At(1), "{}")]).remove(0);
    assert!(matches!(lost, Err(JournalError::OutcomeUnknown(_))), "{lost:?}");
    let still = append(&journal, vec![item("order-1", 2, Expected::At(1), "{}")]).remove(0);
    assert!(still.is_err(), "{still:?}");
    std::fs::rename(&away, &path).unwrap();
    let again = append(&journal, vec![item("order-1", 2, Expected::At(1), "{}")]).remove(0).unwrap();
    assert_eq!((again.last, again.version), (2, 2));
    assert_eq!(stored(&journal).len(), 2);
}

#[test]
fn the_log_starts_over_while_the_load_never_pauses() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("busy.db");
    let options = Options { checkpoint_pages: 64, max_batch_events: 16, ..Options::default() };
    let journal = SqliteJournal::open(&path, options).unwrap();
    let data = format!(r#"{{"fill":"{}"}}"#, "x".repeat(1000));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut longest = 0;
    runtime.block_on(async {
        let mut running = std::collections::VecDeque::new();
        for command in 1..=1000_u128 {
            let items = (0..16)
                .map(|n| item(&format!("order-{n}"), command << 32 | n, Expected::Any, &data))
                .collect();
            let mut call = journal.append(items);
            // Poll once, so that the next batch waits before this one is written.
            if !futures_poll(&mut call) {
                running.push_back(call);
            }
            if running.len() > 4 {
                for answer in running.pop_front().unwrap().await {
                    answer.unwrap();
                }
            }
            let log = dir.path().join("busy.db-wal");
            longest = longest.max(std::fs::metadata(log).unwrap().len());
        }
        while let Some(call) = running.pop_front() {
            call.await;
        }
    });
    // Sixteen thresholds, and as much again for a slow disk; all that was written is more than 30 MB.
    assert!(longest < 2 * 16 * 64 * 8192, "the log grew to {longest} bytes");
}

/// Until the file has so many events, as SQLite shows them to anyone: the writer goes on while the disk is slow.
fn wait_for(dir: &tempfile::TempDir, events: u64) {
    let conn = rusqlite::Connection::open(dir.path().join("faulty.db")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let committed = || conn.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, u64>(0)).unwrap();
    while committed() < events {
        assert!(Instant::now() < deadline, "{} of {events}", committed());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_is_committed_is_neither_answered_nor_read_before_it_is_durable() {
    let (dir, journal, faults) = faulty();
    append(&journal, vec![item("order-1", 1, Expected::NoStream, "{}")]).remove(0).unwrap();
    let reading = SqliteJournal::open_read_only_with(journal.path(), faults.clone()).unwrap();
    let slow = faults.slow_disk.lock();
    // One batch of more calls than the writer answers by itself: it cannot begin before all of them wait.
    let other = rusqlite::Connection::open(journal.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let many = (0..40).map(|n| vec![item(&format!("order-{n}"), 100 + n, Expected::Any, "{}")]);
    let mut calls: Vec<_> = many.map(|items| journal.append(items)).collect();
    assert!(!calls.iter_mut().any(futures_poll));
    other.execute_batch("ROLLBACK").unwrap();
    wait_for(&dir, 41);
    // A repeat, and two that rest on what is not durable yet, in one batch too: more batches than one do not wait.
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    calls.push(journal.append(vec![item("order-1", 101, Expected::Any, "{}")]));
    calls.push(journal.append(vec![item("order-1", 102, Expected::At(7), "{}")]));
    calls.push(journal.append(vec![item("order-1", 103, Expected::At(2), "{}")]));
    assert!(!calls.iter_mut().any(futures_poll));
    other.execute_batch("ROLLBACK").unwrap();
    wait_for(&dir, 42);
    assert!(!calls.iter_mut().any(futures_poll), "nobody is answered");
    assert_eq!(journal.head(), Ok(1));
    assert_eq!(stored(&journal).len(), 1);
    let mut versions = Vec::new();
    let mut visit = |event: crate::Recorded<'_>| {
        versions.push(event.version);
        std::ops::ControlFlow::Continue(())
    };
    assert_eq!(journal.read_stream("order-1", 0, &mut visit), Ok(1));
    assert_eq!(journal.read_stream("order-2", 0, &mut visit), Ok(0), "not there yet");
    journal.read_streams(&["order-1", "order-2"], None, &mut visit).unwrap();
    assert_eq!(versions, [1, 1]);
    assert_eq!(journal.wait_beyond(1, Duration::from_millis(20)), Ok(1));
    // A reader beside it syncs by itself before it believes what it sees.
    let beside = std::thread::spawn(move || (reading.head(), stored(&reading).len()));
    std::thread::sleep(Duration::from_millis(50));
    assert!(!beside.is_finished());
    drop(slow);
    let mut answers = all(calls);
    assert_eq!(answers.pop().unwrap().unwrap().version, 3);
    let conflict = answers.pop().unwrap();
    assert!(matches!(conflict, Err(JournalError::Conflict { actual: 2, .. })), "{conflict:?}");
    let repeat = answers.pop().unwrap().unwrap();
    assert!(repeat.replayed && repeat.version == 2, "{repeat:?}");
    assert!(answers.into_iter().all(|answer| answer.is_ok()));
    assert_eq!(journal.head(), Ok(42));
    let (head, seen) = beside.join().unwrap();
    assert!((1..=seen as Position).contains(&head.unwrap()));
}

#[test]
fn after_a_sync_that_failed_outcomes_are_unknown_and_nothing_is_taken_until_the_journal_is_opened_again() {
    for calls in [1, 40] {
        let (dir, journal, faults) = faulty();
        append(&journal, vec![item("order-1", 1, Expected::NoStream, "{}")]).remove(0).unwrap();
        faults.bad_disk.store(true, std::sync::atomic::Ordering::Relaxed);
        let lost = |n: u128| vec![item("order-1", 2 + n, Expected::Any, "{}")];
        let mut unknown = 0;
        for answer in all((0..calls).map(|n| journal.append(lost(n))).collect()) {
            match answer {
                Err(JournalError::OutcomeUnknown(_)) => unknown += 1,
                Err(JournalError::Unavailable(_)) => {}
                answer => panic!("{answer:?}"),
            }
        }
        assert!(unknown > 0);
        // The disk claims to be well again, and nobody believes it.
        faults.bad_disk.store(false, std::sync::atomic::Ordering::Relaxed);
        let refused = append(&journal, vec![item("order-1", 900, Expected::Any, "{}")]).remove(0);
        assert!(
            matches!(&refused, Err(JournalError::Unavailable(why)) if why.contains("open the journal again")),
            "{refused:?}"
        );
        assert_eq!((journal.head(), stored(&journal).len()), (Ok(1), 1), "what is in doubt is not read");
        drop(journal);
        let journal = SqliteJournal::open(dir.path().join("faulty.db"), Options::default()).unwrap();
        let again = append(&journal, vec![item("order-1", 2, Expected::Any, "{}")]).remove(0).unwrap();
        assert_eq!((again.first, again.version), (2, 2), "written once, then or now");
    }
}

fn futures_poll(call: &mut Appending<'_>) -> bool {
    let waker = std::task::Waker::noop();
    call.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_ready()
}
