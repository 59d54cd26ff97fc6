use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use super::*;
use crate::conformance::tools::block_on;
use crate::{Expected, MemoryJournal, NewEvent};

const EVENTS_IN_ALL: u64 = LEAST + 3 * EVENTS as u64 + 17;

/// Events of a journal in which a reader that goes on alone goes far.
const LONG: u64 = 120_000;

/// A scan of which nothing is made.
fn scan_wanted(
    journal: &dyn Journal,
    range: (Position, Option<Position>),
    filter: &Filter,
    wanted: Wanted<'_>,
    told: Told<'_>,
    visit: Visit<'_>,
) -> Result<Scanned, JournalError> {
    scan_made(journal, range, filter, (wanted, &|_| ()), told, &mut |event, ()| visit(event))
}

fn journal() -> MemoryJournal {
    of_events(EVENTS_IN_ALL)
}

fn of_events(all: u64) -> MemoryJournal {
    let journal = MemoryJournal::default();
    let of = |n: u64| NewEvent {
        id: Uuid::from_u128(n.into()),
        kind: if n.is_multiple_of(3) { "Third" } else { "Other" }.into(),
        schema: 1,
        occurred_at: n as i64,
        refs: format!("{{\"order\":\"ö{n}\"}}"),
        data: format!("{{\"n\":{n}}}"),
    };
    for first in (0..all).step_by(500) {
        let append = crate::Append {
            stream: format!("order-{first}"),
            expected: Expected::NoStream,
            cause: crate::Cause {
                command: Uuid::from_u128(first.into()),
                fingerprint: [7; 16],
                correlation: Uuid::from_u128(1),
                actor: "tester".into(),
            },
            events: (first..(first + 500).min(all)).map(of).collect(),
        };
        for result in block_on(journal.append(vec![append])) {
            result.unwrap();
        }
    }
    journal
}

#[test]
fn it_visits_what_a_scan_visits_from_anywhere_to_anywhere() {
    let journal = journal();
    let thirds = Filter { kinds: Some(vec!["Third".into()]), categories: None };
    for filter in [Filter::default(), thirds] {
        for (after, upto) in [(0, None), (7, Some(LEAST + 9)), (0, Some(LEAST - 1)), (EVENTS_IN_ALL, None)] {
            let (mut plain, mut ahead) = (Vec::new(), Vec::new());
            let one = journal.scan(after, upto, &filter, &mut |event| {
                plain.push(format!("{event:?}"));
                ControlFlow::Continue(())
            });
            let other = scan(&journal, after, upto, &filter, &mut |event| {
                ahead.push(format!("{event:?}"));
                ControlFlow::Continue(())
            });
            assert_eq!(one, other, "{filter:?} {after} {upto:?}");
            assert!(plain == ahead, "{filter:?} {after} {upto:?}");
            let mut some = Vec::new();
            let wanted = |event: &Recorded<'_>| event.position.is_multiple_of(7);
            let third = scan_wanted(&journal, (after, upto), &filter, &wanted, &mut |_| {}, &mut |event| {
                some.push(format!("{event:?}"));
                ControlFlow::Continue(())
            });
            assert_eq!(one, third, "{filter:?} {after} {upto:?}");
            let sevenths = plain.iter().filter(|event| {
                let position = event.split("position: ").nth(1).and_then(|of| of.split(',').next());
                position.unwrap().parse::<u64>().unwrap().is_multiple_of(7)
            });
            assert!(sevenths.eq(&some), "{filter:?} {after} {upto:?}");
        }
    }
}

/// A pass whose visitor goes on from the first event when the reader has made something, which it has at the third page at the
/// latest: the second one waits then. Of the first one it makes nothing, as nobody has anything to do before it. `make` says
/// whether it may be made, by its position and whether it is made ahead. What was made ahead, what was visited, and how it ended.
fn made(
    make: impl Fn(Position, bool) -> bool + Sync,
    mut visit: impl FnMut(Position) -> ControlFlow<()>,
) -> (u64, Vec<Position>, std::thread::Result<Scanned>) {
    let journal = journal();
    let visiting = std::thread::current().id();
    let (ahead, mut here, mut visited) = (AtomicU64::new(0), 0, Vec::new());
    let make = |event: &Recorded<'_>| {
        let is_ahead = std::thread::current().id() != visiting;
        ahead.fetch_add(u64::from(is_ahead), Ordering::Relaxed);
        assert!(make(event.position, is_ahead), "not to be made");
        (event.position, event.data.to_owned(), is_ahead)
    };
    let longest = Instant::now() + Duration::from_secs(60);
    let each: (Wanted<'_>, Make<'_, _>) = (&|_| true, &make);
    let scanned = catch_unwind(AssertUnwindSafe(|| {
        scan_made(&journal, (0, None), &Filter::default(), each, &mut |_| {}, &mut |event, made| {
            while event.position == 1 && ahead.load(Ordering::Relaxed) == 0 {
                assert!(Instant::now() < longest, "the reader makes nothing");
                std::thread::yield_now();
            }
            assert_eq!((made.0, made.1.as_str()), (event.position, event.data));
            here += u64::from(!made.2);
            visited.push(event.position);
            visit(event.position)
        })
        .unwrap()
    }));
    assert!(visited.is_empty() || here > 0);
    (ahead.load(Ordering::Relaxed), visited, scanned)
}

#[test]
fn what_is_made_of_an_event_comes_with_it_whichever_thread_made_it() {
    let (ahead, visited, scanned) = made(|_, _| true, |_| ControlFlow::Continue(()));
    assert_eq!(scanned.unwrap(), Scanned { through: EVENTS_IN_ALL, head: EVENTS_IN_ALL });
    assert!(visited.into_iter().eq(1..=EVENTS_IN_ALL));
    assert!((1..=EVENTS_IN_ALL - EVENTS as u64).contains(&ahead), "{ahead}");
}

#[test]
fn what_makes_may_panic_on_either_thread_and_nobody_waits() {
    let (ahead, visited, scanned) = made(|_, ahead| !ahead, |_| ControlFlow::Continue(()));
    assert_eq!(*scanned.unwrap_err().downcast_ref::<&str>().unwrap(), "not to be made");
    // pages before it are visited: it is the second one where the visitor had not taken up the first by then, else the third
    let pages = visited.len() / EVENTS;
    assert!(ahead == 1 && (1..=2).contains(&pages), "{ahead}, {pages}");
    assert!(visited.into_iter().eq(1..=(pages * EVENTS) as u64));
    let (_, visited, scanned) = made(|at, ahead| ahead || at < 2, |_| ControlFlow::Continue(()));
    assert_eq!(*scanned.unwrap_err().downcast_ref::<&str>().unwrap(), "not to be made");
    assert_eq!(visited, [1]);
}

#[test]
fn a_visitor_that_stops_hears_nothing_of_what_was_made_ahead_of_that() {
    for stop in [7, EVENTS as u64] {
        let stops = |at| if at == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let (ahead, visited, scanned) = made(|_, ahead| !ahead, stops);
        assert_eq!(scanned.unwrap(), Scanned { through: stop, head: EVENTS_IN_ALL });
        assert!(ahead == 1 && visited.into_iter().eq(1..=stop), "{ahead}");
    }
    // within a page that may be made, in part or all of it
    let stop = 2 * EVENTS as u64 + 5;
    let stops = |at| if at == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let (_, visited, scanned) = made(|_, _| true, stops);
    assert_eq!(scanned.unwrap(), Scanned { through: stop, head: EVENTS_IN_ALL });
    assert!(visited.into_iter().eq(1..=stop));
}

#[test]
fn a_visitor_that_stops_is_asked_for_no_more_and_told_where() {
    let journal = journal();
    for stop in [1, EVENTS as u64, EVENTS as u64 + 1, EVENTS_IN_ALL] {
        let mut seen = 0;
        let scanned = scan(&journal, 0, None, &Filter::default(), &mut |event| {
            seen += 1;
            if event.position == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(scanned.unwrap(), Scanned { through: stop, head: EVENTS_IN_ALL });
        assert_eq!(seen, stop);
    }
}

/// Counts how many events a reader asks for, and how many are visited until the visitor ends with one.
fn asked_for(
    journal: &MemoryJournal,
    wanted: impl Fn(Position) -> bool + Sync,
    end: impl Fn() -> ControlFlow<()>,
) -> (u64, u64, std::thread::Result<Scanned>) {
    let (asked, mut seen) = (AtomicU64::new(0), 0);
    let wanted = |event: &Recorded<'_>| {
        // whoever visits comes to it while this one reads
        if asked.fetch_add(1, Ordering::Relaxed) > 20_000 && event.position.is_multiple_of(100) {
            std::thread::sleep(Duration::from_millis(1));
        }
        wanted(event.position)
    };
    let scanned = catch_unwind(AssertUnwindSafe(|| {
        let of = (0, None);
        scan_wanted(journal, of, &Filter::default(), &wanted, &mut |_| {}, &mut |_| {
            seen += 1;
            end()
        })
        .unwrap()
    }));
    (asked.load(Ordering::Relaxed), seen, scanned)
}

#[test]
fn a_reader_ends_with_its_visitor_also_where_nothing_more_is_wanted() {
    let journal = of_events(LONG);
    // the first alone is wanted: it is on its way when the reader tells how far it is, long before the end
    let far = |asked: u64| assert!(asked < LONG / 2, "{asked} of {LONG} were asked for");
    let (asked, seen, scanned) = asked_for(&journal, |at| at == 1, || ControlFlow::Break(()));
    assert_eq!((seen, scanned.unwrap()), (1, Scanned { through: 1, head: LONG }));
    far(asked);
    let (asked, seen, scanned) = asked_for(&journal, |at| at == 1, || panic!("a visitor's"));
    assert_eq!((seen, *scanned.unwrap_err().downcast_ref::<&str>().unwrap()), (1, "a visitor's"));
    far(asked);
    // and the last is not missed
    let (asked, seen, scanned) = asked_for(&journal, |at| at == LONG, || ControlFlow::Break(()));
    assert_eq!((asked, seen), (LONG, 1));
    assert_eq!(scanned.unwrap(), Scanned { through: LONG, head: LONG });
}

#[test]
fn where_nothing_is_wanted_nothing_is_visited_and_it_is_told_how_far_it_is() {
    for (journal, head) in [(journal(), EVENTS_IN_ALL), (of_events(LEAST - 1), LEAST - 1)] {
        let mut heard = Vec::new();
        let mut told = |at| heard.push(at);
        let scanned =
            scan_wanted(&journal, (0, None), &Filter::default(), &|_| false, &mut told, &mut |_| {
                panic!("nothing is wanted")
            });
        assert_eq!(scanned.unwrap(), Scanned { through: head, head });
        let every: Vec<Position> = (1..=head / TOLD).map(|n| n * TOLD).collect();
        assert_eq!(heard, every);
    }
}

#[test]
fn what_asks_whether_an_event_is_wanted_may_panic_and_nobody_waits() {
    let journal = journal();
    let wanted = |at: Position| if at == 40_000 { panic!("not to be asked") } else { true };
    let (asked, seen, scanned) = asked_for(&journal, wanted, || ControlFlow::Continue(()));
    assert_eq!(*scanned.unwrap_err().downcast_ref::<&str>().unwrap(), "not to be asked");
    assert_eq!(
        (asked, seen / EVENTS as u64),
        (40_000, 40_000 / EVENTS as u64),
        "pages before it are visited"
    );
}

/// Fails in the middle of a scan, as a disk may.
struct Failing(MemoryJournal);

impl Journal for Failing {
    fn describe(&self) -> String {
        self.0.describe()
    }
    fn append(&self, items: Vec<crate::Append>) -> crate::Appending<'_> {
        self.0.append(items)
    }
    fn head(&self) -> Result<Position, JournalError> {
        self.0.head()
    }
    fn scan(
        &self,
        after: Position,
        _: Option<Position>,
        filter: &Filter,
        visit: Visit<'_>,
    ) -> Result<Scanned, JournalError> {
        self.0.scan(after, Some(EVENTS as u64 + 5), filter, visit)?;
        Err(JournalError::Unavailable("the disk is gone".into()))
    }
    fn read_stream(&self, stream: &str, after: Version, visit: Visit<'_>) -> Result<Version, JournalError> {
        self.0.read_stream(stream, after, visit)
    }
    fn read_streams(
        &self,
        streams: &[&str],
        upto: Option<Position>,
        visit: Visit<'_>,
    ) -> Result<(), JournalError> {
        self.0.read_streams(streams, upto, visit)
    }
    fn wait_beyond(&self, after: Position, timeout: std::time::Duration) -> Result<Position, JournalError> {
        self.0.wait_beyond(after, timeout)
    }
}

#[test]
fn an_error_comes_after_what_was_read_before_it() {
    let journal = Failing(journal());
    let mut seen = 0;
    let failed = scan(&journal, 0, None, &Filter::default(), &mut |_| {
        seen += 1;
        ControlFlow::Continue(())
    });
    assert_eq!(failed, Err(JournalError::Unavailable("the disk is gone".into())));
    assert_eq!(seen, EVENTS as u64 + 5);
}
