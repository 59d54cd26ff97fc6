//! Opening: who may write, and what is not a journal.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use daybook_journal::conformance::tools::{append, fill, item, log};
use daybook_journal::kurrentdb::standin::Standin;
use daybook_journal::kurrentdb::{self, KurrentJournal, Options};
use daybook_journal::{Expected, Journal, JournalError};

use crate::{open, quick, refusal};

#[test]
fn a_second_writer_is_told_who_writes_and_readers_are_free() {
    let standin = Standin::start(1);
    // so long that who waits until it runs out is told from who does not, also where the machine has much else to do
    let lease = Duration::from_secs(6);
    let open = || KurrentJournal::open(&standin.url(), Options { lease, ..quick() });
    let journal = open().unwrap();
    fill(&journal, [item("order-1", 1, Expected::NoStream, &["{}"])]);
    let began = Instant::now();
    let error = refusal(open());
    let text = error.to_string();
    assert!(matches!(error, JournalError::Locked(_)), "{text}");
    assert!(
        text.contains(&format!("daybook {}", std::process::id())) && text.contains("read-only"),
        "{text}"
    );
    assert!(began.elapsed() < Duration::from_secs(5), "a sign of life is enough");
    let reader = kurrentdb::open_read_only(&standin.url()).unwrap();
    assert_eq!(log(&*reader).len(), 1);
    let refused = append(&*reader, item("order-1", 2, Expected::Any, &["{}"]));
    assert!(matches!(refused, Err(JournalError::Unavailable(_))), "{refused:?}");
    drop(journal);
    let began = Instant::now();
    let journal = open().unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "it was given back, and nobody waits");
    fill(&journal, [item("order-1", 2, Expected::At(1), &["{}"])]);
}

#[test]
fn two_journals_in_one_database_know_nothing_of_each_other() {
    let standin = Standin::start(1);
    let named =
        |name: &str| KurrentJournal::open(&format!("{}&journal={name}", standin.url()), quick()).unwrap();
    let (one, other) = (named("one"), named("one_more"));
    fill(&one, [item("order-1", 1, Expected::NoStream, &["{}"])]);
    assert_eq!(other.head(), Ok(0));
    let url = format!("{}&journal=", standin.url());
    assert_eq!(
        kurrentdb::open_read_only(&format!("{url}one_more")).unwrap().head(),
        Ok(0),
        "it is there, and empty"
    );
    let nobody = kurrentdb::open_read_only(&format!("{url}none"));
    assert!(nobody.err().unwrap().to_string().contains("there is no journal"));
    fill(&other, [item("order-1", 1, Expected::NoStream, &["{}", "{}"])]);
    assert_eq!((log(&one).len(), log(&other).len()), (1, 2));
}

#[test]
fn a_writer_that_died_is_waited_for_and_then_taken_over() {
    let standin = Standin::start(1);
    let journal = open(&standin);
    fill(&journal, [item("order-1", 1, Expected::NoStream, &["{}"])]);
    // it dies without a word: the cluster is gone while it closes
    standin.crash(0);
    let closing = std::thread::spawn(move || drop(journal));
    closing.join().unwrap();
    standin.restart(0);
    let began = Instant::now();
    let journal = open(&standin);
    let waited = began.elapsed();
    assert!(waited >= Duration::from_millis(1_400), "it took over after {waited:?}");
    let again = append(&journal, item("order-1", 1, Expected::NoStream, &["{}"])).unwrap();
    assert!(again.replayed);
    fill(&journal, [item("order-1", 2, Expected::At(1), &["{}"])]);
}

#[test]
fn a_writer_that_lost_its_lease_writes_nothing_more() {
    let standin = Standin::start(1);
    let journal = open(&standin);
    fill(&journal, [item("order-1", 1, Expected::NoStream, &["{}"])]);
    // somebody else's sign stands behind its own
    standin.intrude("daybook.lease", "Held");
    let (began, mut command) = (Instant::now(), 1);
    let refused = loop {
        command += 1;
        match append(&journal, item("order-1", command, Expected::Any, &["{}"])) {
            Err(error @ JournalError::Locked(_)) => break error,
            other => assert!(began.elapsed() < Duration::from_secs(10), "it still writes: {other:?}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(refused.to_string().contains("start this one again"), "{refused}");
    let refused = append(&journal, item("order-2", 9_999, Expected::Any, &["{}"]));
    assert!(matches!(refused, Err(JournalError::Locked(_))), "{refused:?}");
}

#[test]
fn what_is_not_a_journals_is_not_read_as_one() {
    let standin = Standin::start(1);
    let journal = open(&standin);
    fill(&journal, [item("order-1", 1, Expected::NoStream, &["{}"])]);
    standin.intrude("daybook/order-1", "SomebodyElses");
    drop(journal);
    let error = refusal(KurrentJournal::open(&standin.url(), quick()));
    assert!(
        matches!(&error, JournalError::Corrupt(why) if why.contains("not written by Daybook")),
        "{error}"
    );
}

#[test]
fn nobody_there_and_nobody_let_in_are_said_apart() {
    let standin = Standin::start(1);
    standin.faults().closed.store(true, Ordering::SeqCst);
    let error = refusal(KurrentJournal::open(&standin.url(), quick()));
    assert!(
        matches!(&error, JournalError::Unavailable(why) if why.contains("does not let this user in")),
        "{error}"
    );
    standin.crash(0);
    // it does not come back, so nothing is gained by waiting for it
    let options = Options { patience: Duration::from_millis(300), ..quick() };
    let error = refusal(KurrentJournal::open(&standin.url(), options));
    assert!(matches!(&error, JournalError::Unavailable(why) if why.contains("127.0.0.1")), "{error}");
}
