//! A command takes effect once in its stream, whatever is retried.

use uuid::Uuid;

use super::tools::{append, block_on, fill, fresh, item, log};
use super::{Backend, Case};
use crate::{Expected, Journal, JournalError, Receipt};

pub(super) const CASES: &[Case] = &[
    Case { name: "a repeat is recognised before its condition is looked at", run: before_condition },
    Case { name: "a repeat within one call is recognised", run: within_a_call },
    Case { name: "another stream may use the same command id", run: other_stream },
    Case { name: "a command id with other content is refused", run: reused },
    Case { name: "a repeat is recognised after opening the log again", run: after_reopening },
    Case { name: "a repeat is recognised among thousands of commands", run: among_thousands },
    Case { name: "a refused command leaves no trace and may be sent again", run: refused_then_sent },
];

fn before_condition(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    let first = fill(&*journal, [item("order-1", 1, Expected::NoStream, &["{}", "{}"])])[0];
    fill(&*journal, [item("order-1", 2, Expected::At(2), &["{}"])]);
    fill(&*journal, [item("order-2", 3, Expected::Any, &["{}"])]);
    for expected in [Expected::NoStream, Expected::At(2), Expected::At(99), Expected::Any] {
        let again = append(&*journal, item("order-1", 1, expected, &["{}", "{}"]));
        assert_eq!(again, Ok(Receipt { replayed: true, ..first }), "{expected:?}");
    }
    assert_eq!(journal.head(), Ok(4));
}

fn within_a_call(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    let one = item("order-1", 1, Expected::NoStream, &["{}", "{}"]);
    let other = item("order-1", 2, Expected::At(2), &["{}"]);
    let receipts = fill(&*journal, [one.clone(), one.clone(), other.clone(), one, other]);
    let replayed: Vec<_> = receipts.iter().map(|r| (r.first, r.last, r.version, r.replayed)).collect();
    let (one, two) = ((1, 2, 2), (3, 3, 3));
    let expected = [(one, false), (one, true), (two, false), (one, true), (two, true)];
    assert_eq!(replayed, expected.map(|((first, last, version), r)| (first, last, version, r)));
}

fn other_stream(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    let items = ["order-1", "order-2"].map(|name| item(name, 1, Expected::NoStream, &["{}"]));
    let receipts = fill(&*journal, items.clone());
    assert!(receipts.iter().all(|receipt| !receipt.replayed));
    let again = fill(&*journal, items);
    assert_eq!((again[0].first, again[1].first), (1, 2), "each finds its own");
    assert!(again.iter().all(|receipt| receipt.replayed));
}

fn other_content(journal: &dyn Journal, name: &str, command: u128) {
    let mut other = item(name, command, Expected::Any, &["{}"]);
    other.cause.fingerprint = [0xee; 16];
    let answer = append(journal, other);
    let (stream, command) = (name.to_owned(), Uuid::from_u128(command));
    assert_eq!(answer, Err(JournalError::CommandReused { stream, command }));
}

fn reused(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    fill(&*journal, [item("order-1", 1, Expected::NoStream, &["{}"])]);
    other_content(&*journal, "order-1", 1);
    let mut inside = item("order-2", 7, Expected::Any, &["{}"]);
    let first = inside.clone();
    inside.cause.fingerprint = [0xee; 16];
    let answers = block_on(journal.append(vec![first, inside]));
    assert!(answers[0].is_ok());
    assert!(matches!(answers[1], Err(JournalError::CommandReused { .. })));
    assert_eq!(journal.head(), Ok(2), "nothing was written");
}

fn after_reopening(backend: &dyn Backend) {
    let (place, journal, _) = fresh(backend);
    let items: Vec<_> = (0..50)
        .map(|n| item(&format!("order-{}", n % 4), n, Expected::Any, &vec!["{}"; 1 + n as usize % 3]))
        .collect();
    let first = fill(&*journal, items.clone());
    drop(journal);
    let journal = place.open();
    let again = fill(&*journal, items.into_iter().rev());
    for (first, again) in first.iter().zip(again.iter().rev()) {
        assert_eq!(*again, Receipt { replayed: true, ..*first });
    }
    other_content(&*journal, "order-3", 7);
}

fn among_thousands(backend: &dyn Backend) {
    let (place, journal, _) = fresh(backend);
    let all = |n: u128| item("market-1", n, Expected::Any, &["{}"]);
    let first = fill(&*journal, (0..3_000).map(all));
    let mut journal = Some(journal);
    for _ in 0..2 {
        let journal = journal.take().unwrap_or_else(|| place.open());
        for n in [0, 1, 15, 16, 17, 1_499, 2_999] {
            let again = append(&*journal, all(n));
            assert_eq!(again, Ok(Receipt { replayed: true, ..first[n as usize] }));
        }
        other_content(&*journal, "market-1", 2_000);
        assert_eq!(journal.head(), Ok(3_000));
    }
}

fn refused_then_sent(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    assert!(append(&*journal, item("order-1", 1, Expected::At(5), &["{}"])).is_err());
    let receipt = fill(&*journal, [item("order-1", 1, Expected::NoStream, &["{}"])])[0];
    assert!(!receipt.replayed);
    assert_eq!(log(&*journal).len(), 1);
}
