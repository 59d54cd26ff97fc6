//! Positions are what the database gives: ordered, not dense, opaque.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use daybook_journal::conformance::tools::{Kept, fill, item, log, scan};
use daybook_journal::kurrentdb::standin::Standin;
use daybook_journal::kurrentdb::{self, Options};
use daybook_journal::{Expected, Filter, Follower, Journal, JournalError, follow};

use crate::{open, quick, refusal};

/// 300 events among those of the system.
fn filled(standin: &Standin) -> Arc<dyn Journal> {
    standin.faults().system_events.store(true, Ordering::SeqCst);
    let journal = open(standin);
    fill(&journal, (0..100).map(|n| item(&format!("order-{}", n % 7), n, Expected::Any, &["{}"; 3])));
    Arc::new(journal)
}

#[test]
fn receipts_name_the_positions_that_readers_find() {
    let standin = Standin::start(1);
    let journal = open(&standin);
    let mut all = Vec::new();
    for command in 0..40 {
        let payloads = vec!["{}"; 1 + command as usize % 5];
        let receipt = fill(&journal, [item("order-1", command, Expected::Any, &payloads)])[0];
        assert_eq!(journal.head(), Ok(receipt.last));
        all.push((receipt.first, receipt.last));
    }
    let mut found: Vec<(u64, u64)> = Vec::new();
    let mut command = None;
    for kept in log(&journal) {
        match found.last_mut() {
            Some(last) if command == Some(kept.cause.command) => last.1 = kept.position,
            _ => found.push((kept.position, kept.position)),
        }
        command = Some(kept.cause.command);
    }
    assert_eq!(found, all);
    assert!(!journal.dense() && all[0].0 > 1, "a case of dense positions tests nothing here");
}

#[test]
fn a_reader_begins_anywhere_also_where_no_event_stands() {
    let standin = Standin::start(1);
    let journal = filled(&standin);
    let all = log(&*journal);
    assert_eq!(all.len(), 300, "events of the system are left out");
    // a reader that knows nothing of the log yet, and one that knows it
    for known in [false, true] {
        for n in [0, 1, 150, 298, 299] {
            for beside in [0, 1, 7] {
                let reader: Arc<dyn Journal> = if known {
                    Arc::clone(&journal)
                } else {
                    kurrentdb::open_read_only(&standin.url()).unwrap()
                };
                let after = all[n].position + beside;
                let read = scan(&*reader, after, None, &Filter::default());
                assert_eq!(read, all[n + 1..], "after {after}");
                let before = all[n].position - 1;
                let one = scan(&*reader, before, Some(all[n].position), &Filter::default());
                assert_eq!(one, all[n..=n], "the event at a position that is known");
                let to = all[n].position + beside;
                assert_eq!(scan(&*reader, 0, Some(to), &Filter::default()), all[..=n], "up to {to}");
            }
        }
    }
}

#[test]
fn a_follower_goes_on_from_its_checkpoint_after_a_restart() {
    let standin = Standin::start(1);
    let all = log(&*filled(&standin));
    let mut seen: Vec<Kept> = Vec::new();
    let mut at = 0;
    while seen.len() < all.len() {
        let reader = kurrentdb::open_read_only(&standin.url()).unwrap();
        let mut follower = Follower::new(reader, at, Filter::default());
        let bounds = follow::Bounds { events: 37, bytes: usize::MAX };
        let batch = follower.next(bounds, Duration::ZERO, &mut |event| {
            seen.push(event.into());
            ControlFlow::Continue(())
        });
        at = batch.unwrap().through;
    }
    assert_eq!(seen, all);
}

#[test]
fn who_only_reads_hears_of_what_is_written() {
    let standin = Standin::start(1);
    let journal = filled(&standin);
    let reader = kurrentdb::open_read_only(&standin.url()).unwrap();
    let head = reader.head().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.wait_beyond(head, Duration::from_secs(30)));
        std::thread::sleep(Duration::from_millis(50));
        let receipt = fill(&*journal, [item("order-9", 9_000, Expected::NoStream, &["{}"])])[0];
        assert_eq!(waiting.join().unwrap(), Ok(receipt.last));
    });
}

#[test]
fn a_database_that_lost_its_end_is_noticed() {
    let standin = Standin::start(1);
    let journal = filled(&standin);
    standin.set_back(standin.events() / 2);
    let mut ignore = |_: daybook_journal::Recorded<'_>| ControlFlow::Continue(());
    let scanned = journal.scan(0, None, &Filter::default(), &mut ignore);
    assert!(matches!(&scanned, Err(JournalError::Corrupt(why)) if why.contains("set back")), "{scanned:?}");
}

#[test]
fn an_append_that_the_database_finds_too_large_says_its_limit() {
    let standin = Standin::start(1);
    standin.faults().max_append.store(1_000, Ordering::SeqCst);
    let journal = open(&standin);
    let large = format!("{{\"x\":\"{}\"}}", "y".repeat(2_000));
    let answers =
        [item("order-1", 1, Expected::NoStream, &[&large]), item("order-1", 2, Expected::NoStream, &["{}"])]
            .map(|item| daybook_journal::conformance::tools::append(&journal, item));
    let Err(JournalError::TooLarge { what, actual, limit }) = &answers[0] else { panic!("{answers:?}") };
    assert!(what.contains("MaxAppendSize") && *actual > 2_000 && *limit == 1_000, "{answers:?}");
    assert!(answers[1].is_ok(), "nothing of it was written");
}

#[test]
fn a_journal_in_a_file_of_the_stand_in_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.log");
    let written = {
        let standin = Standin::on(&path);
        log(&*filled(&standin))
    };
    let standin = Standin::on(&path);
    let journal = open(&standin);
    assert_eq!(log(&journal), written);
    drop(journal);
    let url = format!("{}&journal=other", standin.url());
    let other = kurrentdb::KurrentJournal::open(&url, Options { ..quick() }).unwrap();
    assert_eq!(other.head(), Ok(0));
    drop(other);
    standin.faults().closed.store(true, Ordering::SeqCst);
    let options = Options { patience: Duration::from_millis(200), ..quick() };
    refusal(kurrentdb::KurrentJournal::open(&standin.url(), options));
}
