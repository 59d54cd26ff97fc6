//! Hits are recorded once, whoever hands them in and how often.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use daybook_commands::{CommandError, Recorded, Traffic, TrafficLimits};
use daybook_domain::traffic::{EARLIEST, Hit, Incoming, RawHit};
use daybook_domain::{PartyId, Timestamp};
use daybook_journal::{
    Append, Appending, Cause, Expected, Filter, Journal, JournalError, MemoryJournal, NewEvent, Position,
    Scanned, Version, Visit,
};
use uuid::Uuid;

fn actor() -> PartyId {
    PartyId::new("test").unwrap()
}

/// So many hits of visitors on a few days, different ones for each `from`.
fn hits(from: u32, count: u32) -> Vec<Hit> {
    let incoming = Incoming { earliest: EARLIEST, latest: Timestamp(i64::MAX), arrived: None, number: None };
    let hit = |n: u32| {
        let raw = RawHit {
            at: format!("2026-11-{:02}T10:00:00Z", 1 + n % 3).into(),
            visitor: format!("v{}", n % 50).into(),
            page: format!("/{n}").into(),
            ..RawHit::default()
        };
        raw.check(&incoming).unwrap()
    };
    (from..from + count).map(hit).collect()
}

fn counts(recorded: Recorded) -> (u64, u64) {
    (recorded.recorded, recorded.repeated)
}

/// A journal whose appends fail while it is told to.
struct Failing {
    inner: MemoryJournal,
    fails: AtomicBool,
    /// Appends never come back, and write nothing.
    hangs: AtomicBool,
    /// The most events that came at once.
    most: AtomicUsize,
}

impl Failing {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryJournal::new(),
            fails: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
            most: AtomicUsize::new(0),
        })
    }
}

impl Journal for Failing {
    fn describe(&self) -> String {
        "failing".into()
    }
    fn append(&self, items: Vec<Append>) -> Appending<'_> {
        let events = items.iter().map(|item| item.events.len()).sum();
        self.most.fetch_max(events, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            return Box::pin(std::future::pending());
        }
        if self.fails.load(Ordering::SeqCst) {
            let error = JournalError::OutcomeUnknown("the disk is gone".into());
            return Box::pin(async move { vec![Err(error); items.len()] });
        }
        self.inner.append(items)
    }
    fn head(&self) -> Result<Position, JournalError> {
        self.inner.head()
    }
    fn scan(
        &self,
        after: Position,
        upto: Option<Position>,
        filter: &Filter,
        visit: Visit<'_>,
    ) -> Result<Scanned, JournalError> {
        self.inner.scan(after, upto, filter, visit)
    }
    fn read_stream(&self, stream: &str, after: Version, visit: Visit<'_>) -> Result<Version, JournalError> {
        self.inner.read_stream(stream, after, visit)
    }
    fn read_streams(
        &self,
        streams: &[&str],
        upto: Option<Position>,
        visit: Visit<'_>,
    ) -> Result<(), JournalError> {
        self.inner.read_streams(streams, upto, visit)
    }
    fn wait_beyond(&self, after: Position, timeout: Duration) -> Result<Position, JournalError> {
        self.inner.wait_beyond(after, timeout)
    }
}

#[tokio::test]
async fn a_hit_that_comes_again_is_not_recorded_again_by_this_process_or_another() {
    let journal = Failing::new();
    let traffic = Traffic::new(journal.clone());
    let first = traffic.record(hits(0, 5_000), actor()).await.unwrap();
    assert_eq!((counts(first), first.position), ((5_000, 0), 5_000));
    let again = traffic.record(hits(4_000, 2_000), actor()).await.unwrap();
    assert_eq!(counts(again), (1_000, 1_000));
    let elsewhere = Traffic::new(journal.clone());
    assert_eq!(counts(elsewhere.record(hits(0, 6_000), actor()).await.unwrap()), (0, 6_000));
    let mut twice = hits(6_000, 10);
    twice.extend(hits(6_000, 10));
    assert_eq!(counts(elsewhere.record(twice, actor()).await.unwrap()), (10, 10));
    assert_eq!(journal.head().unwrap(), 6_010);
}

#[tokio::test]
async fn what_was_recorded_lies_in_the_streams_of_day_and_visitor_in_order() {
    let journal = Failing::new();
    Traffic::new(journal.clone()).record(hits(0, 300), actor()).await.unwrap();
    let mut seen = 0;
    journal
        .scan(0, None, &Filter::default(), &mut |event| {
            let hit = hits(0, 300).into_iter().find(|hit| hit.id == event.id).unwrap();
            assert_eq!(event.stream, hit.stream.to_string());
            assert_eq!(
                (event.kind, event.data, event.occurred_at),
                ("PageViewed", &*hit.data, hit.occurred_at.0)
            );
            seen += 1;
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(seen, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_come_at_once_are_each_answered_for_their_own_hits() {
    let journal = Failing::new();
    let traffic = Traffic::new(journal.clone());
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let traffic = traffic.clone();
            tokio::spawn(async move { traffic.record(hits(n * 10, 20), actor()).await.unwrap() })
        })
        .collect();
    let mut all = (0, 0);
    for task in tasks {
        let (recorded, repeated) = counts(task.await.unwrap());
        assert_eq!(recorded + repeated, 20);
        all = (all.0 + recorded, all.1 + repeated);
    }
    assert_eq!(all, (1_010, 990));
    assert_eq!(journal.head().unwrap(), 1_010);
}

#[tokio::test]
async fn hits_whose_append_failed_can_be_handed_in_again() {
    let journal = Failing::new();
    let traffic = Traffic::new(journal.clone());
    traffic.record(hits(0, 10), actor()).await.unwrap();
    journal.fails.store(true, Ordering::SeqCst);
    let error = traffic.record(hits(0, 100), actor()).await.unwrap_err();
    assert!(matches!(error, CommandError::OutcomeUnknown(_)), "{error}");
    journal.fails.store(false, Ordering::SeqCst);
    assert_eq!(counts(traffic.record(hits(0, 100), actor()).await.unwrap()), (90, 10));
}

#[tokio::test]
async fn hits_of_another_writer_are_met_by_a_conflict_and_then_known() {
    let journal = Failing::new();
    let traffic = Traffic::new(journal.clone());
    traffic.record(hits(0, 1), actor()).await.unwrap();
    let theirs = hits(150, 1).remove(0);
    assert_eq!(theirs.stream, hits(0, 1)[0].stream);
    let command = Uuid::from_u128(7);
    let item = Append {
        stream: theirs.stream.to_string(),
        expected: Expected::Any,
        cause: Cause { command, fingerprint: [0; 16], correlation: command, actor: "them".into() },
        events: vec![NewEvent {
            id: theirs.id,
            kind: theirs.kind.as_str().into(),
            schema: 1,
            occurred_at: theirs.occurred_at.0,
            refs: theirs.refs,
            data: theirs.data,
        }],
    };
    journal.append(vec![item]).await.pop().unwrap().unwrap();
    let both = || [hits(150, 1), hits(300, 1)].concat();
    assert!(traffic.record(both(), actor()).await.unwrap_err().transient());
    assert_eq!(counts(traffic.record(both(), actor()).await.unwrap()), (1, 1));
}

#[tokio::test]
async fn ids_that_were_forgotten_for_room_are_read_again() {
    let journal = Failing::new();
    let few = TrafficLimits { known_ids: 10, ..TrafficLimits::default() };
    let traffic = Traffic::within(journal.clone(), few);
    for round in 0..3 {
        let recorded = traffic.record(hits(0, 1_000), actor()).await.unwrap();
        assert_eq!(counts(recorded), if round == 0 { (1_000, 0) } else { (0, 1_000) });
    }
    assert_eq!(journal.head().unwrap(), 1_000);
}

#[tokio::test]
async fn a_batch_goes_to_the_journal_in_parts() {
    let journal = Failing::new();
    let parts = TrafficLimits { at_once: 100, ..TrafficLimits::default() };
    let traffic = Traffic::within(journal.clone(), parts);
    assert_eq!(counts(traffic.record(hits(0, 5_000), actor()).await.unwrap()), (5_000, 0));
    let most = journal.most.load(Ordering::SeqCst);
    assert!((100..1_100).contains(&most), "{most}");
}

#[test]
fn hits_that_were_under_way_when_recording_was_stopped_are_recorded_when_they_come_again() {
    let journal = Failing::new();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let traffic = Traffic::new(journal.clone());
    let stopped = runtime();
    journal.hangs.store(true, Ordering::SeqCst);
    stopped.block_on(async {
        let under_way = traffic.record(hits(0, 10), actor());
        assert!(tokio::time::timeout(Duration::from_millis(50), under_way).await.is_err());
    });
    drop(stopped);
    journal.hangs.store(false, Ordering::SeqCst);
    assert_eq!(counts(runtime().block_on(traffic.record(hits(0, 10), actor())).unwrap()), (10, 0));
}

#[tokio::test]
async fn who_comes_when_too_much_waits_is_told_to_come_again() {
    let journal = Failing::new();
    journal.hangs.store(true, Ordering::SeqCst);
    let limits = TrafficLimits { waiting: 5, ..TrafficLimits::default() };
    let traffic = Traffic::within(journal.clone(), limits);
    let ask = |n: u32| {
        let traffic = traffic.clone();
        tokio::spawn(async move { traffic.record(hits(n * 10, 10), actor()).await })
    };
    let being_written = ask(0);
    while journal.most.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (waits, told) = (ask(1), ask(2));
    let told = told.await.unwrap().unwrap_err();
    assert!(matches!(told, CommandError::Overloaded(_)) && told.transient(), "{told}");
    assert!(!being_written.is_finished() && !waits.is_finished());
}
