//! Every limit exactly: what is at it is taken, what is beyond it refused, and nothing of it written.

use super::tools::{append, block_on, fill, fresh, item, log};
use super::{Backend, Case};
use crate::limits::{
    MAX_ACTOR_BYTES, MAX_DATA_BYTES, MAX_EVENTS_PER_APPEND, MAX_KIND_BYTES, MAX_REFS_BYTES, MAX_STREAM_NAME,
};
use crate::{Append, Expected, JournalError};

pub(super) const CASES: &[Case] = &[
    Case { name: "an append at every limit is taken, one beyond is too large", run: exactly },
    Case { name: "a malformed append is refused and writes nothing", run: malformed },
    Case { name: "a malformed or too large item fails alone", run: alone },
];

/// A JSON object of so many bytes.
fn object(bytes: usize) -> String {
    format!("{{\"x\":\"{}\"}}", "y".repeat(bytes - 8))
}

fn one() -> Append {
    item("order-1", 1, Expected::Any, &["{}"])
}

/// What grows, its limit, and an append with that much of it.
type Limit = (&'static str, usize, fn(usize) -> Append);

const LIMITS: &[Limit] = &[
    ("stream name", MAX_STREAM_NAME, |n| Append { stream: format!("order-{}", "s".repeat(n - 6)), ..one() }),
    ("actor", MAX_ACTOR_BYTES, |n| {
        let mut item = one();
        item.cause.actor = "a".repeat(n).into();
        item
    }),
    ("event type", MAX_KIND_BYTES, |n| {
        let mut item = one();
        item.events[0].kind = "K".repeat(n).into();
        item
    }),
    ("refs", MAX_REFS_BYTES, |n| {
        let mut item = one();
        item.events[0].refs = object(n);
        item
    }),
    ("data", MAX_DATA_BYTES, |n| {
        let mut item = one();
        item.events[0].data = object(n);
        item
    }),
    ("events", MAX_EVENTS_PER_APPEND, |n| item("order-1", 1, Expected::Any, &vec!["{}"; n])),
];

fn exactly(backend: &dyn Backend) {
    for (what, limit, with) in LIMITS {
        let (_place, journal, _) = fresh(backend);
        let refused = append(&*journal, with(limit + 1));
        assert!(
            matches!(
                &refused,
                Err(JournalError::TooLarge { what: named, actual, limit: of })
                    if named.contains(what) && *actual == limit + 1 && of == limit
            ),
            "{what}: {refused:?}"
        );
        assert_eq!(journal.head(), Ok(0), "{what}");
        let sent = with(*limit);
        fill(&*journal, [sent.clone()]);
        let read = log(&*journal);
        assert_eq!(read.len(), sent.events.len(), "{what}");
        assert!(read.iter().zip(&sent.events).all(|(kept, event)| kept.event == *event), "{what}");
        assert_eq!((&read[0].stream, &read[0].cause), (&sent.stream, &sent.cause), "{what}");
    }
}

fn bad() -> Vec<Append> {
    let with = |change: fn(&mut Append)| {
        let mut item = one();
        change(&mut item);
        item
    };
    vec![
        with(|item| item.events.clear()),
        with(|item| item.stream = String::new()),
        with(|item| item.stream = "-1".into()),
        with(|item| item.stream = "order-".into()),
        with(|item| item.stream = "order-1 2".into()),
        with(|item| item.stream = "order-\u{0}".into()),
        with(|item| item.stream = "order-\n".into()),
        with(|item| item.cause.actor = "".into()),
        with(|item| item.events[0].kind = "".into()),
        with(|item| item.events[0].kind = "Order Placed".into()),
        with(|item| item.events[0].schema = 0),
        with(|item| item.events[0].data = String::new()),
        with(|item| item.events[0].data = "[]".into()),
        with(|item| item.events[0].refs = "null".into()),
    ]
}

fn malformed(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    for item in bad() {
        let shown = format!("{item:?}");
        let answer = append(&*journal, item);
        assert!(matches!(answer, Err(JournalError::Malformed(_))), "{answer:?}: {shown}");
    }
    assert_eq!(journal.head(), Ok(0));
}

fn alone(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    let mut items = Vec::new();
    for (n, bad) in bad().into_iter().enumerate() {
        items.push(bad);
        items.push(item(&format!("order-{n}"), n as u128, Expected::NoStream, &["{}"]));
    }
    items.push(LIMITS[3].2(MAX_REFS_BYTES + 1));
    let answers = block_on(journal.append(items));
    let good = answers.len() / 2;
    for (n, answer) in answers.iter().enumerate() {
        match answer {
            Ok(receipt) => assert_eq!((n % 2, receipt.first), (1, n as u64 / 2 + 1)),
            Err(error) => {
                assert_eq!(n % 2, 0, "{error}");
                assert!(!error.transient());
            }
        }
    }
    assert_eq!(journal.head(), Ok(good as u64));
}
