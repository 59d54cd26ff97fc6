//! Reading: ranges, filters, streams, early ends.

use std::ops::ControlFlow::{Break, Continue};

use super::tools::{Kept, fill, fresh, item, log, scan, stream};
use super::{Backend, Case};
use crate::{Expected, Filter, Journal, Position, Recorded, Scanned, category};

pub(super) const CASES: &[Case] = &[
    Case { name: "a scan visits after < position <= upto in order", run: ranges },
    Case { name: "a scan ends where its visitor breaks", run: breaks },
    Case { name: "a scan visits only the types and categories it wants", run: filters },
    Case { name: "a scan of many events is complete", run: many },
    Case { name: "a stream is read from any version", run: streams },
    Case { name: "several streams are read in position order", run: merged },
    Case { name: "a visitor may read the journal", run: nested },
];

/// 60 events, three at a time, over four streams of two categories and three types.
fn filled(backend: &dyn Backend) -> (Box<dyn super::Place>, std::sync::Arc<dyn Journal>) {
    let (place, journal, _) = fresh(backend);
    let items = (0..20).map(|n: u128| {
        let name = ["order-1", "order-2", "checkout-1", "market"][n as usize % 4];
        let mut item = item(name, n, Expected::Any, &["{}", "{}", "{}"]);
        for (event, kind) in item.events.iter_mut().zip(["Placed", "Paid", "Shipped"]) {
            event.kind = kind.into();
        }
        item
    });
    fill(&*journal, items);
    (place, journal)
}

fn positions(events: &[Kept]) -> Vec<Position> {
    events.iter().map(|kept| kept.position).collect()
}

fn ranges(backend: &dyn Backend) {
    let (_place, journal) = filled(backend);
    let all = Filter::default();
    for (after, upto, first, last) in [
        (0, None, 1, 60),
        (0, Some(60), 1, 60),
        (0, Some(1_000), 1, 60),
        (59, None, 60, 60),
        (10, Some(20), 11, 20),
        (10, Some(11), 11, 11),
        (10, Some(10), 1, 0),
        (10, Some(5), 1, 0),
        (60, None, 1, 0),
        (99, None, 1, 0),
        (0, Some(0), 1, 0),
    ] {
        let read = positions(&scan(&*journal, after, upto, &all));
        assert_eq!(read, (first..=last).collect::<Vec<_>>(), "after {after} upto {upto:?}");
        let mut ignore = |_: Recorded<'_>| Continue(());
        let scanned = journal.scan(after, upto, &all, &mut ignore);
        let through = after.max(upto.unwrap_or(60).min(60));
        assert_eq!(scanned, Ok(Scanned { through, head: 60 }), "after {after} upto {upto:?}");
    }
}

fn breaks(backend: &dyn Backend) {
    let (_place, journal) = filled(backend);
    for stop in [1, 2, 30, 60] {
        let mut seen = 0;
        let mut visit = |event: Recorded<'_>| {
            seen += 1;
            if event.position == stop { Break(()) } else { Continue(()) }
        };
        let scanned = journal.scan(0, None, &Filter::default(), &mut visit);
        assert_eq!(scanned, Ok(Scanned { through: stop, head: 60 }));
        assert_eq!(seen, stop);
    }
}

fn filters(backend: &dyn Backend) {
    let (_place, journal) = filled(backend);
    let all = log(&*journal);
    let some = |names: &[&'static str]| Some(names.iter().map(|name| (*name).into()).collect());
    let kinds = [None, some(&["Paid"]), some(&["Shipped", "Placed"]), some(&["Unknown"]), some(&[])];
    let categories = [None, some(&["order"]), some(&["checkout", "market"]), some(&["ord"]), some(&[])];
    for kinds in &kinds {
        for categories in &categories {
            let filter = Filter { kinds: kinds.clone(), categories: categories.clone() };
            let wanted = |kept: &&Kept| {
                filter.kinds.as_ref().is_none_or(|k| k.contains(&kept.event.kind))
                    && filter
                        .categories
                        .as_ref()
                        .is_none_or(|c| c.iter().any(|c| c == category(&kept.stream)))
            };
            let expected: Vec<_> = all.iter().filter(wanted).cloned().collect();
            assert_eq!(scan(&*journal, 0, None, &filter), expected, "{filter:?}");
            let mut ignore = |_: Recorded<'_>| Continue(());
            let scanned = journal.scan(0, None, &filter, &mut ignore);
            assert_eq!(scanned, Ok(Scanned { through: 60, head: 60 }), "{filter:?}");
        }
    }
}

fn many(backend: &dyn Backend) {
    let (_place, journal, _) = fresh(backend);
    let items = (0..10_000_u128).map(|n| item(&format!("order-{}", n / 2), n, Expected::Any, &["{}"; 2]));
    fill(&*journal, items);
    let mut next = 1;
    let mut visit = |event: Recorded<'_>| {
        assert_eq!(event.position, next);
        let order = (event.position - 1) / 4;
        assert_eq!(event.stream.strip_prefix("order-"), Some(order.to_string().as_str()));
        assert_eq!(event.version, (event.position - 1) % 4 + 1);
        next += 1;
        Continue(())
    };
    journal.scan(0, None, &Filter::default(), &mut visit).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(next, 20_001);
}

fn streams(backend: &dyn Backend) {
    let (_place, journal) = filled(backend);
    let all: Vec<_> = log(&*journal).into_iter().filter(|kept| kept.stream == "order-2").collect();
    assert_eq!(all.len(), 15);
    for after in 0..15 {
        let (read, last) = stream(&*journal, "order-2", after);
        assert_eq!((read.as_slice(), last), (&all[after as usize..], 15));
    }
    for after in [15, 16, 1_000] {
        assert_eq!(stream(&*journal, "order-2", after), (Vec::new(), 15));
    }
    for unknown in ["order-3", "order", "", "Order-2", "order-2 "] {
        assert_eq!(stream(&*journal, unknown, 0), (Vec::new(), 0), "{unknown}");
    }
    let mut seen = 0;
    let mut visit = |_: Recorded<'_>| {
        seen += 1;
        if seen == 4 { Break(()) } else { Continue(()) }
    };
    assert_eq!(journal.read_stream("order-2", 0, &mut visit), Ok(15));
    assert_eq!(seen, 4, "it stops where the visitor breaks");
}

fn merged(backend: &dyn Backend) {
    let (_place, journal) = filled(backend);
    let all = log(&*journal);
    let read = |names: &[&str], upto: Option<Position>, stop: usize| {
        let mut events = Vec::new();
        let mut visit = |event: Recorded<'_>| {
            events.push(Kept::from(event));
            if events.len() == stop { Break(()) } else { Continue(()) }
        };
        journal.read_streams(names, upto, &mut visit).unwrap_or_else(|e| panic!("{e}"));
        events
    };
    for names in [
        &["order-1"][..],
        &["order-1", "checkout-1"],
        &["market", "order-2", "order-1", "checkout-1"],
        &["order-1", "order-1", "unknown-9"],
        &["unknown-9"],
        &[],
    ] {
        for upto in [None, Some(0), Some(1), Some(30), Some(60), Some(1_000)] {
            for stop in [1, 5, usize::MAX] {
                let wanted = |kept: &&Kept| {
                    names.contains(&kept.stream.as_str()) && kept.position <= upto.unwrap_or(60)
                };
                let expected: Vec<_> = all.iter().filter(wanted).take(stop).cloned().collect();
                assert_eq!(read(names, upto, stop), expected, "{names:?} {upto:?} {stop}");
            }
        }
    }
}

fn nested(backend: &dyn Backend) {
    let (_place, journal) = filled(backend);
    let mut deep = 0;
    let mut outer = |event: Recorded<'_>| {
        let (events, last) = stream(&*journal, event.stream, event.version - 1);
        assert_eq!(events[0].position, event.position);
        assert_eq!(last, 15);
        deep += 1;
        Continue(())
    };
    journal.scan(0, None, &Filter::default(), &mut outer).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(deep, 60);
}
