//! What goes wrong: nodes crash, leadership moves, answers are lost or late. Nothing is written twice, nothing acknowledged
//! is lost, and the journal goes on by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use daybook_journal::conformance::tools::{append, block_on, fill, item, log, stream};
use daybook_journal::kurrentdb::standin::{Faults, Standin};
use daybook_journal::kurrentdb::{KurrentJournal, Options};
use daybook_journal::{Expected, Journal, JournalError, Receipt};

use crate::{open, quick};

/// Times are in the order of positions, versions count, and each command stands once in its stream.
fn is_whole(journal: &dyn Journal) {
    let (mut recorded_at, mut position) = (i64::MIN, 0);
    let mut streams = std::collections::HashMap::<String, (u64, Vec<uuid::Uuid>)>::new();
    for kept in log(journal) {
        assert!(kept.recorded_at > recorded_at && kept.position > position, "{kept:?}");
        (recorded_at, position) = (kept.recorded_at, kept.position);
        let (version, commands) = streams.entry(kept.stream.clone()).or_default();
        *version += 1;
        assert_eq!(kept.version, *version, "{}", kept.stream);
        if commands.last() != Some(&kept.cause.command) {
            assert!(!commands.contains(&kept.cause.command), "a command stands twice in {}", kept.stream);
            commands.push(kept.cause.command);
        }
    }
}

/// Sends it until it is acknowledged.
fn insist(journal: &dyn Journal, what: &daybook_journal::Append) -> Receipt {
    let began = Instant::now();
    loop {
        match append(journal, what.clone()) {
            Ok(receipt) => return receipt,
            Err(error) => {
                assert!(error.transient(), "{error}");
                assert!(began.elapsed() < Duration::from_secs(60), "{error}");
            }
        }
    }
}

#[test]
fn an_append_whose_answer_is_lost_takes_effect_once() {
    let standin = Standin::start(1);
    let journal = open(&standin);
    let faults: [fn(&Faults) -> &AtomicU32; 3] =
        [|f| &f.broken_after_write, |f| &f.broken_before_write, |f| &f.late];
    let mut expected = Expected::NoStream;
    for (n, fault) in faults.into_iter().cycle().take(12).enumerate() {
        *standin.faults().only.lock() = "daybook/order".to_owned();
        fault(standin.faults()).store(1 + n as u32 % 2, Ordering::SeqCst);
        let payloads = vec!["{}"; 1 + n % 3];
        let sent = item("order-1", n as u128, expected, &payloads);
        let receipt = insist(&journal, &sent);
        assert_eq!(fault(standin.faults()).load(Ordering::SeqCst), 0, "the fault did not happen");
        assert_eq!(append(&journal, sent).map(|again| (again.first, again.last, again.replayed)), {
            Ok((receipt.first, receipt.last, true))
        });
        expected = Expected::At(receipt.version);
    }
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(stream(&journal, "order-1", 0).0.len(), (0..12).map(|n| 1 + n % 3).sum::<usize>());
    is_whole(&journal);
}

#[test]
fn nothing_is_written_before_it_is_known_what_became_of_an_append() {
    let standin = Standin::start(1);
    let options = Options { patience: Duration::from_secs(2), lease: Duration::from_secs(4), ..quick() };
    let journal = KurrentJournal::open(&standin.url(), options).unwrap();
    fill(&journal, [item("order-1", 1, Expected::NoStream, &["{}"])]);
    *standin.faults().only.lock() = "daybook/order".to_owned();
    standin.faults().broken_after_write.store(1, Ordering::SeqCst);
    standin.faults().broken_before_write.store(0, Ordering::SeqCst);
    let sent = item("order-1", 2, Expected::At(1), &["{}"]);
    let first = std::thread::scope(|scope| {
        let calling = scope.spawn(|| append(&journal, sent.clone()));
        // written, and the node is gone before it can be asked
        while standin.faults().broken_after_write.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
        standin.crash(0);
        calling.join().unwrap()
    });
    if let Err(error) = &first {
        assert!(matches!(error, JournalError::OutcomeUnknown(_)), "{error}");
        let other = append(&journal, item("order-2", 3, Expected::NoStream, &["{}"]));
        assert!(matches!(other, Err(JournalError::Unavailable(_))), "{other:?}");
    }
    standin.restart(0);
    insist(&journal, &item("order-2", 3, Expected::NoStream, &["{}"]));
    let again = insist(&journal, &sent);
    assert!(again.replayed && again.version == 2);
    let names: Vec<_> = log(&journal).into_iter().map(|kept| kept.stream).collect();
    assert_eq!(names, ["order-1", "order-1", "order-2"]);
    is_whole(&journal);
}

#[test]
fn a_node_that_never_answers_is_given_up() {
    let standin = Standin::start(1);
    let journal = open(&standin);
    *standin.faults().only.lock() = "daybook/order".to_owned();
    standin.faults().silent_after_write.store(1, Ordering::SeqCst);
    let began = Instant::now();
    let receipt = insist(&journal, &item("order-1", 1, Expected::NoStream, &["{}", "{}"]));
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!((receipt.version, log(&journal).len()), (2, 2));
    fill(&journal, [item("order-1", 2, Expected::At(2), &["{}"])]);
    is_whole(&journal);
}

#[test]
fn a_node_that_is_down_at_first_is_used_when_it_comes_up() {
    let standin = Arc::new(Standin::start(1));
    standin.crash(0);
    let late = Arc::clone(&standin);
    let starting = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        late.restart(0);
    });
    let journal = open(&standin);
    starting.join().unwrap();
    fill(&journal, [item("order-1", 1, Expected::NoStream, &["{}"])]);
}

#[test]
fn a_node_that_restarts_is_used_again() {
    let standin = Standin::start(1);
    let journal = open(&standin);
    for n in 0..4 {
        fill(&journal, [item("order-1", n, Expected::Any, &["{}"])]);
        standin.crash(0);
        standin.restart(0);
        assert_eq!(log(&journal).len() as u128, n + 1, "a reader goes on as well");
    }
    is_whole(&journal);
}

#[test]
fn another_leader_is_found_when_the_leader_crashes_or_steps_down() {
    let standin = Standin::start(3);
    let journal = open(&standin);
    for n in 0..6_u128 {
        let leader = n as usize % 3;
        standin.lead(leader);
        insist(&journal, &item("order-1", n, Expected::At(n as u64), &["{}"]));
        if n % 2 == 0 {
            standin.crash(leader);
            standin.lead((leader + 1) % 3);
        }
        assert_eq!(log(&journal).len() as u128, n + 1);
        if n % 2 == 0 {
            standin.restart(leader);
        }
    }
    is_whole(&journal);
}

#[test]
fn nothing_acknowledged_is_lost_while_nodes_come_and_go() {
    const WRITERS: u128 = 4;
    const ROUNDS: usize = 4;
    let standin = Standin::start(3);
    let options = Options { lease: Duration::from_secs(3), ..quick() };
    let journal = KurrentJournal::open(&standin.url(), options).unwrap();
    let (done, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let faults = standin.faults();
    *faults.only.lock() = "daybook/order".to_owned();
    /// Ends the breaking also when a writer fails.
    struct Done<'d>(&'d AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let receipts: Vec<(u128, Receipt)> = std::thread::scope(|scope| {
        let breaking = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                let leader = rounds.load(Ordering::Acquire) % 3;
                std::thread::sleep(Duration::from_millis(400));
                faults.broken_after_write.store(2, Ordering::SeqCst);
                faults.late.store(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(60));
                standin.crash(leader);
                standin.lead((leader + 1) % 3);
                std::thread::sleep(Duration::from_millis(200));
                standin.restart(leader);
                rounds.fetch_add(1, Ordering::AcqRel);
            }
        });
        let ends = Done(&done);
        let journal = &journal;
        let rounds = &rounds;
        let write = |writer: u128| {
            scope.spawn(move || {
                let mut mine = Vec::new();
                for n in 0.. {
                    if n >= 25 && rounds.load(Ordering::Acquire) >= ROUNDS {
                        break;
                    }
                    let command = (writer << 32) + n;
                    let sent =
                        item(&format!("order-{writer}"), command, Expected::At(2 * n as u64), &["{}"; 2]);
                    mine.push((command, insist(journal, &sent)));
                }
                mine
            })
        };
        let writers: Vec<_> = (1..=WRITERS).map(write).collect();
        let receipts = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        drop(ends);
        breaking.join().unwrap();
        receipts
    });
    std::thread::sleep(Duration::from_millis(400));
    let all = log(&journal);
    assert_eq!(all.len(), 2 * receipts.len(), "each command once");
    for (command, receipt) in receipts {
        let mine: Vec<_> = all.iter().filter(|kept| kept.cause.command.as_u128() == command).collect();
        assert_eq!(
            (mine[0].position, mine[1].position, mine[1].version),
            (receipt.first, receipt.last, receipt.version)
        );
    }
    is_whole(&journal);
}

#[test]
fn what_somebody_writes_behind_its_back_is_never_taken_for_its_own() {
    let standin = Standin::start(1);
    let journal = open(&standin);
    fill(&journal, [item("order-1", 1, Expected::NoStream, &["{}"])]);
    standin.intrude("daybook/order-1", "SomebodyElses");
    let answers = block_on(journal.append(vec![
        item("order-1", 2, Expected::At(1), &["{}"]),
        item("order-2", 3, Expected::NoStream, &["{}"]),
    ]));
    assert!(matches!(&answers[0], Err(error) if !error.to_string().is_empty()), "{answers:?}");
    assert!(answers[1].is_ok(), "{answers:?}");
}
