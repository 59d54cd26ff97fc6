//! Reading ahead: one thread reads the log while another works on what it read.
//!
//! What a row costs to read (pages, columns, names) is about what it costs to decode and fold. A pass over the whole
//! log that does both by turns leaves a core idle; this one copies events into pages of bounded size, a few at a
//! time, and visits them where they lie. A short scan is not worth a thread, and is read where it is visited.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use uuid::Uuid;

use crate::{Filter, Journal, JournalError, Micros, Position, Recorded, Scanned, Version, Visit};

/// Fewest positions that are read ahead.
const LEAST: u64 = 50_000;
/// Events of a page.
const EVENTS: usize = 1_024;
/// Bytes of a page's texts, about: the event that reaches it is still in.
const BYTES: usize = 256 << 10;
/// Pages under way: one being filled, one being visited, one between.
const PAGES: usize = 3;
/// Positions after which a page goes on its way that is not full, to tell how far the reading is.
const TOLD: Position = 16_384;

/// As [`Journal::scan`], read on a thread of its own where there is much to read.
///
/// # Errors
/// As [`Journal::scan`]; what was read before the error has been visited.
pub fn scan(
    journal: &dyn Journal,
    after: Position,
    upto: Option<Position>,
    filter: &Filter,
    visit: Visit<'_>,
) -> Result<Scanned, JournalError> {
    scan_wanted(journal, (after, upto), filter, &|_| true, &mut |_| {}, visit)
}

/// Whether an event is visited, asked on the thread that reads it: what is not is not copied.
pub type Wanted<'w> = &'w (dyn Fn(&Recorded<'_>) -> bool + Sync);

/// Hears now and then how far a scan is: all that is wanted through there has been visited.
pub type Told<'t> = &'t mut dyn FnMut(Position);

/// As [`scan`], of the events that are wanted; `told` hears how far it is also where none is.
///
/// # Errors
/// As [`scan`].
pub fn scan_wanted(
    journal: &dyn Journal,
    (after, upto): (Position, Option<Position>),
    filter: &Filter,
    wanted: Wanted<'_>,
    told: Told<'_>,
    visit: Visit<'_>,
) -> Result<Scanned, JournalError> {
    let head = journal.head()?;
    let by_turns = |told: Told<'_>, visit: Visit<'_>| {
        let mut heard = after;
        journal.scan(after, upto, filter, &mut |event| {
            let position = event.position;
            let going = if wanted(&event) { visit(event) } else { ControlFlow::Continue(()) };
            if going.is_continue() && position.saturating_sub(heard) >= TOLD {
                heard = position;
                told(position);
            }
            going
        })
    };
    if upto.unwrap_or(head).min(head).saturating_sub(after) < LEAST {
        return by_turns(told, visit);
    }
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (full, pages) = sync_channel::<Page>(PAGES);
        let (back, empty) = sync_channel::<Page>(PAGES);
        for _ in 0..PAGES {
            back.send(Page::default()).expect("invariant: it has room for all pages");
        }
        let reader = std::thread::Builder::new().name("journal-ahead".into());
        let until = Until { upto, ended: &ended };
        let reader = reader
            .spawn_scoped(scope, move || read(journal, (after, until), (filter, wanted), &full, &empty));
        let Ok(reader) = reader else {
            return by_turns(told, visit); // the system gives no thread
        };
        let stopped = {
            let _ended = Ended(&ended);
            visit_all(pages, &back, told, visit)
        };
        drop(back); // a reader that waits for a page ends
        let scanned = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match stopped {
            Some(through) => Ok(Scanned { through, head }),
            None => scanned,
        }
    })
}

/// Until when is read.
#[derive(Clone, Copy)]
struct Until<'e> {
    upto: Option<Position>,
    /// Nobody visits any more. A page that cannot be sent says so too, but where nothing is wanted there is none for long.
    ended: &'e AtomicBool,
}

/// Says that nobody visits any more, also where the visitor panics: the scope waits for the reader.
struct Ended<'e>(&'e AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Fills pages until there is no more, or nobody takes them.
fn read(
    journal: &dyn Journal,
    (after, until): (Position, Until<'_>),
    (filter, wanted): (&Filter, Wanted<'_>),
    full: &SyncSender<Page>,
    empty: &Receiver<Page>,
) -> Result<Scanned, JournalError> {
    let mut filling: Option<Page> = None;
    let mut sent = after;
    let scanned = journal.scan(after, until.upto, filter, &mut |event| {
        if until.ended.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        let (wanted, due) = (wanted(&event), event.position.saturating_sub(sent) >= TOLD);
        if !wanted && !due {
            return ControlFlow::Continue(());
        }
        let mut page = match filling.take() {
            Some(page) => page,
            None => match empty.recv() {
                Ok(page) => page,
                Err(_) => return ControlFlow::Break(()),
            },
        };
        if wanted {
            page.put(&event);
        }
        page.through = event.position;
        if !due && !page.full() {
            filling = Some(page);
        } else {
            sent = event.position;
            if full.send(page).is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    });
    // also what was read before an error
    if let Some(page) = filling {
        let _ = full.send(page); // where nobody takes it, nobody asks for it
    }
    scanned
}

/// Visits what comes; where the visitor stopped, if it did.
fn visit_all(
    pages: Receiver<Page>,
    back: &SyncSender<Page>,
    told: Told<'_>,
    visit: Visit<'_>,
) -> Option<Position> {
    for mut page in pages {
        if let Some(at) = page.visit(visit) {
            return Some(at);
        }
        told(page.through);
        page.clear();
        let _ = back.send(page); // a reader that has ended needs none
    }
    None
}

/// Events one behind the other, their texts in one string.
#[derive(Default)]
struct Page {
    text: String,
    events: Vec<Header>,
    /// What is wanted through here is in it, or in one before.
    through: Position,
}

/// What an event is without its texts.
struct Header {
    position: Position,
    version: Version,
    id: Uuid,
    schema: u16,
    occurred_at: Micros,
    recorded_at: Micros,
    command: Uuid,
    fingerprint: [u8; 16],
    correlation: Uuid,
    /// Bytes of stream, type, actor, references and payload, which follow each other.
    lengths: [usize; 5],
}

impl Page {
    fn put(&mut self, event: &Recorded<'_>) {
        let texts = [event.stream, event.kind, event.actor, event.refs, event.data];
        texts.iter().for_each(|text| self.text.push_str(text));
        self.events.push(Header {
            position: event.position,
            version: event.version,
            id: event.id,
            schema: event.schema,
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
            command: event.command,
            fingerprint: event.fingerprint,
            correlation: event.correlation,
            lengths: texts.map(str::len),
        });
    }

    fn full(&self) -> bool {
        self.events.len() >= EVENTS || self.text.len() >= BYTES
    }

    /// Visits its events in order; the position at which the visitor stopped, if it did.
    fn visit(&self, visit: Visit<'_>) -> Option<Position> {
        let mut rest = self.text.as_str();
        for header in &self.events {
            let [stream, kind, actor, refs, data] = header.lengths.map(|length| {
                let (text, after) = rest.split_at(length);
                rest = after;
                text
            });
            let stopped = visit(Recorded {
                position: header.position,
                stream,
                version: header.version,
                id: header.id,
                kind,
                schema: header.schema,
                occurred_at: header.occurred_at,
                recorded_at: header.recorded_at,
                command: header.command,
                fingerprint: header.fingerprint,
                correlation: header.correlation,
                actor,
                refs,
                data,
            });
            if stopped.is_break() {
                return Some(header.position);
            }
        }
        None
    }

    fn clear(&mut self) {
        self.text.clear();
        self.events.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::conformance::tools::block_on;
    use crate::{Expected, MemoryJournal, NewEvent};

    const EVENTS_IN_ALL: u64 = LEAST + 3 * EVENTS as u64 + 17;

    /// Events of a journal in which a reader that goes on alone goes far.
    const LONG: u64 = 120_000;

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
            for (after, upto) in
                [(0, None), (7, Some(LEAST + 9)), (0, Some(LEAST - 1)), (EVENTS_IN_ALL, None)]
            {
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
                let third =
                    scan_wanted(&journal, (after, upto), &filter, &wanted, &mut |_| {}, &mut |event| {
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
                std::thread::sleep(std::time::Duration::from_millis(1));
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
        fn read_stream(
            &self,
            stream: &str,
            after: Version,
            visit: Visit<'_>,
        ) -> Result<Version, JournalError> {
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
        fn wait_beyond(
            &self,
            after: Position,
            timeout: std::time::Duration,
        ) -> Result<Position, JournalError> {
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
}
