//! What an append writes, and on what condition.

use super::tools::{append, block_on, fill, fresh, item, log, stream};
use super::{Backend, Case};
use crate::{Clock, Expected, JournalError, Receipt};

pub(super) const CASES: &[Case] = &[
    Case { name: "what is appended is read back byte for byte", run: byte_for_byte },
    Case { name: "positions are dense, versions count per stream", run: dense },
    Case { name: "NoStream holds only while a stream has no events", run: no_stream },
    Case { name: "At holds only at the stream's version", run: at_version },
    Case { name: "Counted holds only while nothing came that had to be counted", run: counted },
    Case { name: "Any holds always", run: any },
    Case { name: "a conflict fails its item only, and all of it", run: conflict_alone },
    Case { name: "items of one call see each other", run: see_each_other },
    Case { name: "what rests on a lost item is lost with it", run: after_conflict },
    Case { name: "a call without items answers with nothing", run: nothing },
    Case { name: "a call larger than a batch is answered and written in order", run: large_call },
    Case { name: "recorded_at increases even when the clock goes back", run: recorded_at },
    Case { name: "the log is the same after opening it again, and goes on", run: reopened },
];

fn byte_for_byte(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    let payloads = [
        "{}",
        r#"{"a":1}"#,
        "{ \"spaces\" :\t[ ] ,\n\"order\":\"kept\" }",
        r#"{"escapes":"\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00"}"#,
        r#"{"unicode":"Ünïcödé 订单 ✓ 😀 \u202e","客单价":"12,34 €"}"#,
        r#"{"numbers":[0,-0,1e400,0.1000,123456789012345678901234567890]}"#,
        r#"{"twice":1,"twice":2}"#,
    ];
    let mut sent = item("order-ünï-订单:1_2.3", 1, Expected::NoStream, &payloads);
    for (n, event) in sent.events.iter_mut().enumerate() {
        event.kind = format!("Kind{n}é").into();
        event.schema = [1, 2, u16::MAX, 7, 7, 7, 7][n];
        event.occurred_at = [0, -1, i64::MAX, i64::MIN, 5, 6, 7][n];
        event.refs = [r#"{"order":"o-1"}"#, "{}"][n % 2].to_owned();
    }
    sent.cause.actor = "import:ölist".into();
    let receipt = append(&*journal, sent.clone()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(receipt, Receipt { first: 1, last: 7, version: 7, replayed: false });
    let read = log(&*journal);
    assert_eq!(read.len(), 7);
    for (kept, event) in read.iter().zip(&sent.events) {
        assert_eq!((&kept.stream, &kept.cause, &kept.event), (&sent.stream, &sent.cause, event));
    }
}

fn dense(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    assert_eq!(journal.head(), Ok(0));
    for command in 0..60 {
        let name = format!("order-{}", command % 7);
        let payloads = vec!["{}"; 1 + command as usize % 3];
        let receipt = fill(&*journal, [item(&name, command, Expected::Any, &payloads)])[0];
        assert_eq!(receipt.last - receipt.first + 1, payloads.len() as u64);
        assert_eq!(journal.head(), Ok(receipt.last));
    }
    let mut versions = [0; 7];
    for (n, kept) in log(&*journal).iter().enumerate() {
        assert_eq!(kept.position, n as u64 + 1);
        let which = kept.cause.command.as_u128() as usize % 7;
        versions[which] += 1;
        assert_eq!(kept.version, versions[which]);
        assert_eq!(kept.stream, format!("order-{which}"));
    }
}

fn conflict(answer: Result<Receipt, JournalError>, at: u64) {
    assert!(
        matches!(&answer, Err(JournalError::Conflict { actual, .. }) if *actual == at),
        "expected a conflict at version {at}: {answer:?}"
    );
}

fn no_stream(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    fill(&*journal, [item("order-1", 1, Expected::NoStream, &["{}", "{}"])]);
    conflict(append(&*journal, item("order-1", 2, Expected::NoStream, &["{}"])), 2);
    // Version 0 is the same condition under its other name.
    fill(&*journal, [item("order-2", 3, Expected::At(0), &["{}"])]);
    conflict(append(&*journal, item("order-2", 4, Expected::At(0), &["{}"])), 1);
}

fn at_version(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    conflict(append(&*journal, item("order-1", 1, Expected::At(1), &["{}"])), 0);
    assert_eq!(stream(&*journal, "order-1", 0).1, 0, "a refusal creates nothing");
    fill(&*journal, [item("order-1", 2, Expected::NoStream, &["{}"])]);
    fill(&*journal, [item("order-1", 3, Expected::At(1), &["{}", "{}"])]);
    conflict(append(&*journal, item("order-1", 4, Expected::At(1), &["{}"])), 3);
    conflict(append(&*journal, item("order-1", 5, Expected::At(4), &["{}"])), 3);
    fill(&*journal, [item("order-1", 6, Expected::At(3), &["{}"])]);
    assert_eq!(log(&*journal).len(), 4);
}

fn counted(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    let expected = |version, after| Expected::Counted { version, after, before: 100, kinds: &["Paid"] };
    let event = |command, kind: &'static str, occurred_at| {
        let mut event = item("order-1", command, Expected::Any, &["{}"]);
        event.events[0].kind = kind.into();
        event.events[0].occurred_at = occurred_at;
        event
    };
    let overtaken = |answer: Result<Receipt, JournalError>, at: u64| {
        let found = matches!(&answer, Err(JournalError::Overtaken { position, .. }) if *position == at);
        assert!(found, "expected position {at} not to be counted: {answer:?}");
    };
    fill(&*journal, [event(1, "Paid", 99), event(2, "Seen", 1), event(3, "Paid", 100)]);
    overtaken(append(&*journal, item("books-1", 4, expected(0, 0), &["{}"])), 1);
    assert_eq!(stream(&*journal, "books-1", 0).1, 0, "a refusal creates nothing");
    // of another type, or later, is not counted
    let first = item("books-1", 5, expected(0, 1), &["{}"]);
    assert_eq!(fill(&*journal, [first.clone()])[0].version, 1);
    conflict(append(&*journal, item("books-1", 6, expected(0, 1), &["{}"])), 1);
    // what is written before it in the same call
    let answers =
        block_on(journal.append(vec![event(7, "Paid", 5), item("books-1", 8, expected(1, 4), &["{}"])]));
    assert!(answers[0].is_ok());
    overtaken(answers[1].clone(), 5);
    // sent again it is what it was
    assert!(append(&*journal, first).unwrap_or_else(|e| panic!("{e}")).replayed);
    fill(&*journal, [item("books-1", 9, expected(1, 5), &["{}"])]);
}

fn any(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    for command in 0..5 {
        let receipt = fill(&*journal, [item("traffic-1", command, Expected::Any, &["{}"])])[0];
        assert_eq!(u128::from(receipt.version), command + 1);
    }
}

fn conflict_alone(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    let answers = block_on(journal.append(vec![
        item("order-1", 1, Expected::NoStream, &["{}"]),
        item("order-2", 2, Expected::At(3), &["{}", "{}", "{}"]),
        item("order-3", 3, Expected::NoStream, &["{}"]),
    ]));
    assert_eq!(answers[0], Ok(Receipt { first: 1, last: 1, version: 1, replayed: false }));
    conflict(answers[1].clone(), 0);
    assert_eq!(answers[2], Ok(Receipt { first: 2, last: 2, version: 1, replayed: false }));
    let streams: Vec<_> = log(&*journal).into_iter().map(|kept| kept.stream).collect();
    assert_eq!(streams, ["order-1", "order-3"]);
}

fn see_each_other(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    let answers = block_on(journal.append(vec![
        item("order-1", 1, Expected::NoStream, &["{}", "{}"]),
        item("order-1", 2, Expected::At(2), &["{}"]),
        item("order-1", 3, Expected::At(2), &["{}"]),
        item("order-1", 4, Expected::Any, &["{}"]),
    ]));
    assert_eq!(answers[0], Ok(Receipt { first: 1, last: 2, version: 2, replayed: false }));
    assert_eq!(answers[1], Ok(Receipt { first: 3, last: 3, version: 3, replayed: false }));
    conflict(answers[2].clone(), 3);
    assert_eq!(answers[3], Ok(Receipt { first: 4, last: 4, version: 4, replayed: false }));
}

/// Another writer has put one event where the first item of a chain was to go: the second finds the version it
/// expects, made by an event that it was not decided on.
fn after_conflict(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    fill(
        &*journal,
        [item("order-1", 1, Expected::NoStream, &["{}"]), item("order-1", 2, Expected::At(1), &["{}"])],
    );
    let answers = block_on(journal.append(vec![
        item("order-1", 3, Expected::At(1), &["{}"]),
        item("order-1", 4, Expected::At(2), &["{}"]),
        item("order-1", 5, Expected::At(3), &["{}"]),
        item("order-2", 6, Expected::NoStream, &["{}"]),
        item("order-2", 7, Expected::At(1), &["{}"]),
        item("order-1", 2, Expected::At(1), &["{}"]),
        item("order-1", 8, Expected::Any, &["{}"]),
    ]));
    (0..3).for_each(|n| conflict(answers[n].clone(), 2));
    assert_eq!(answers[3], Ok(Receipt { first: 3, last: 3, version: 1, replayed: false }));
    assert_eq!(answers[4], Ok(Receipt { first: 4, last: 4, version: 2, replayed: false }));
    assert_eq!(answers[5], Ok(Receipt { first: 2, last: 2, version: 2, replayed: true }));
    assert_eq!(answers[6], Ok(Receipt { first: 5, last: 5, version: 3, replayed: false }));
    // decided again in a call of its own it is written
    let again = append(&*journal, item("order-1", 4, Expected::At(3), &["{}"]));
    assert_eq!(again, Ok(Receipt { first: 6, last: 6, version: 4, replayed: false }));
    let answers = block_on(journal.append(vec![
        item("order-3", 9, Expected::At(1), &["{}"]),
        item("order-3", 10, Expected::At(0), &["{}"]),
    ]));
    answers.into_iter().for_each(|answer| conflict(answer, 0));
}

fn nothing(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    assert!(block_on(journal.append(Vec::new())).is_empty());
    assert_eq!(journal.head(), Ok(0));
}

fn large_call(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    let items: Vec<_> =
        (0..5_000).map(|n| item(&format!("order-{n}"), n, Expected::NoStream, &["{}"])).collect();
    for (n, receipt) in fill(&*journal, items).into_iter().enumerate() {
        let at = n as u64 + 1;
        assert_eq!(receipt, Receipt { first: at, last: at, version: 1, replayed: false });
    }
    assert_eq!(journal.head(), Ok(5_000));
}

fn recorded_at(backend: &dyn Backend) {
    let (_place, journal, clock) = fresh(backend);
    let start = clock.now();
    let mut last = start - 1;
    for (n, now) in [start, start, start + 10, start - 1_000_000, start + 12].into_iter().enumerate() {
        clock.set(now);
        fill(&*journal, [item("order-1", n as u128, Expected::Any, &["{}", "{}"])]);
        for kept in &log(&*journal)[2 * n..] {
            assert!(kept.recorded_at > last, "it went from {last} to {}", kept.recorded_at);
            assert!(kept.recorded_at >= now, "it is the clock's unless that went back");
            last = kept.recorded_at;
        }
    }
    assert!(last < start + 20, "it runs ahead of the clock by a microsecond an event, not more");
}

fn reopened(backend: &dyn Backend) {
    let (place, journal, clock) = fresh(backend);
    let items = (0..100).map(|n| item(&format!("order-{}", n % 9), n, Expected::Any, &["{}", "{}"]));
    fill(&*journal, items);
    let before = log(&*journal);
    drop(journal);
    clock.set(5);
    let journal = place.open();
    assert_eq!(log(&*journal), before);
    assert_eq!(journal.head(), Ok(200));
    conflict(append(&*journal, item("order-0", 1000, Expected::NoStream, &["{}"])), 24);
    let receipt = fill(&*journal, [item("order-0", 1001, Expected::At(24), &["{}"])])[0];
    assert_eq!(receipt, Receipt { first: 201, last: 201, version: 25, replayed: false });
    let after = log(&*journal);
    assert_eq!(after[..200], before, "a prefix never changes");
    assert!(after[200].recorded_at > before[199].recorded_at);
}
