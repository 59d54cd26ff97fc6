//! The handler on a small aggregate: idempotency, races, failures, batches.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use daybook_commands::{
    Clock, CommandError, Commands, ManualClock, Options, Refusals, Request, SqliteRefusals,
};
use daybook_domain::lead::events::{LeadLost, LeadQualified};
use daybook_domain::{Aggregate, Context, Event, LeadId, MarketId, PartyId, Refs, Rejection, Timestamp};
use daybook_journal::{
    Append, Appending, Filter, Journal, JournalError, MemoryJournal, Position, Scanned, SqliteJournal,
    Version, Visit, sqlite,
};
use serde::Serialize;
use uuid::Uuid;

/// Counts; can be closed.
#[derive(Clone, Debug, Default, PartialEq)]
struct Tally {
    id: String,
    count: u32,
    closed: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum TallyCommand {
    Add(u32),
    Close,
}
use TallyCommand::{Add, Close};

impl Aggregate for Tally {
    // A category whose refusals are kept.
    const CATEGORY: &'static str = "account";
    type Command = TallyCommand;

    fn named(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    fn decide(&self, command: &TallyCommand, context: &Context<'_>) -> Result<Vec<Event>, Rejection> {
        match command {
            Add(_) if self.closed => Err(Rejection::new("tally_closed", "the tally is closed")),
            Add(n) => Ok((0..*n).map(|_| LeadQualified { by: context.actor }.into()).collect()),
            Close if self.closed => Ok(Vec::new()),
            Close => Ok(vec![LeadLost { reason: format!("at {}", self.count) }.into()]),
        }
    }

    fn evolve(&mut self, event: &Event, _: Timestamp) {
        match event {
            Event::LeadQualified(_) => self.count += 1,
            Event::LeadLost(_) => self.closed = true,
            _ => {}
        }
    }

    fn refs(&self) -> Refs {
        Refs { lead: LeadId::new(&self.id).ok(), ..Refs::default() }
    }

    fn status(&self) -> &'static str {
        if self.closed { "closed" } else { "open" }
    }
}

fn party() -> PartyId {
    PartyId::new("tester").unwrap()
}

fn options() -> Options {
    Options::new(MarketId::new("main").unwrap())
}

fn on(journal: Arc<dyn Journal>) -> Arc<Commands> {
    Arc::new(Commands::new(journal, options()))
}

fn memory() -> Arc<dyn Journal> {
    Arc::new(MemoryJournal::default())
}

fn request(id: &str, command: TallyCommand, n: u128) -> Request<Tally> {
    Request::new(id, command, Uuid::from_u128(n), party())
}

fn events(journal: &dyn Journal) -> Vec<(Uuid, String, String)> {
    let mut seen = Vec::new();
    journal
        .scan(0, None, &Filter::default(), &mut |e| {
            seen.push((e.id, e.stream.to_owned(), e.refs.to_owned()));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    seen
}

#[tokio::test]
async fn a_command_sent_twice_has_one_effect_and_one_answer() {
    let journal = memory();
    let commands = on(Arc::clone(&journal));
    let first = commands.execute(request("a", Add(2), 1)).await.unwrap();
    assert!(!first.already);
    commands.execute(request("a", Add(1), 2)).await.unwrap();
    // from the cache, and from a handler that must read the stream
    for commands in [commands, on(Arc::clone(&journal))] {
        let again = commands.execute(request("a", Add(2), 1)).await.unwrap();
        assert!(again.already);
        assert_eq!(again.events, first.events);
        assert_eq!((again.version, again.position), (first.version, first.position));
    }
    assert_eq!(journal.head().unwrap(), 3);
}

#[tokio::test]
async fn a_command_id_with_other_content_or_time_is_refused() {
    let commands = on(memory());
    commands.execute(request("a", Add(2), 1)).await.unwrap();
    let other = commands.execute(request("a", Add(3), 1)).await.unwrap_err();
    assert!(matches!(other, CommandError::Reused { .. }), "{other}");
    let later = commands.execute(request("a", Add(2), 1).at(Timestamp(5))).await.unwrap_err();
    assert!(matches!(later, CommandError::Reused { .. }), "{later}");
    // another stream is another matter
    commands.execute(request("b", Add(3), 1)).await.unwrap();
}

#[tokio::test]
async fn nothing_to_do_is_an_answer_of_its_own() {
    let commands = on(memory());
    let closed = commands.execute(request("a", Close, 1)).await.unwrap();
    let again = commands.execute(request("a", Close, 2)).await.unwrap();
    assert!(again.already && again.receipt.is_none() && again.events.is_empty());
    assert_eq!((again.version, again.position), (closed.version, closed.position));
}

#[tokio::test]
async fn event_ids_and_references_are_the_same_wherever_the_commands_run() {
    let run = async |journal: Arc<dyn Journal>| {
        let commands = on(Arc::clone(&journal));
        commands.execute(request("a", Add(2), 1)).await.unwrap();
        commands.execute(request("b", Add(2), 1)).await.unwrap();
        events(&*journal)
    };
    let (one, other) = (run(memory()).await, run(memory()).await);
    assert_eq!(one, other);
    let ids: std::collections::HashSet<_> = one.iter().map(|e| e.0).collect();
    assert_eq!(ids.len(), 4, "ids differ between events and streams");
    assert_eq!(one[0].2, r#"{"lead":"a"}"#, "the first event knows its references");
}

#[tokio::test]
async fn a_caller_that_names_a_version_is_told_when_the_stream_has_another() {
    let commands = on(memory());
    commands.execute(request("a", Add(2), 1)).await.unwrap();
    let stale = commands.execute(request("a", Add(1), 2).expecting(1)).await.unwrap_err();
    assert!(matches!(stale, CommandError::Conflict { expected: 1, actual: 2, .. }), "{stale}");
    commands.execute(request("a", Add(1), 2).expecting(2)).await.unwrap();
}

#[tokio::test]
async fn what_happens_later_than_the_clock_allows_is_refused() {
    let clock = Arc::new(ManualClock::at(1_000_000_000));
    let commands =
        Commands::new(memory(), Options { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..options() });
    let ahead = Timestamp(1_000_000_000 + 300_000_001);
    let refused = commands.execute(request("a", Add(1), 1).at(ahead)).await.unwrap_err();
    assert_eq!(refused.code(), "occurred_at_in_the_future");
    clock.set(1_000_000_001);
    commands.execute(request("a", Add(1), 1).at(ahead)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_race_on_one_stream_all_take_effect_once() {
    let folder = tempfile::tempdir().unwrap();
    let journal: Arc<dyn Journal> =
        Arc::new(SqliteJournal::open(folder.path().join("j.db"), sqlite::Options::default()).unwrap());
    // two handlers: each is the other's stranger
    let handlers = [on(Arc::clone(&journal)), on(Arc::clone(&journal))];
    let tasks: Vec<_> = (0..200u128)
        .map(|n| {
            let commands = Arc::clone(&handlers[usize::from(n % 20 == 0)]);
            tokio::spawn(async move { commands.execute(request("a", Add(1), n + 1)).await.map(drop) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let (tally, version) = on(journal).state::<Tally>("a").unwrap();
    assert_eq!((tally.count, version), (200, 200));
}

#[tokio::test]
async fn a_stranger_in_another_process_is_heard_before_a_refusal() {
    let journal = memory();
    let shared =
        |exclusive| Arc::new(Commands::new(Arc::clone(&journal), Options { exclusive, ..options() }));
    let (ours, theirs) = (shared(false), shared(false));
    ours.execute(request("a", Add(1), 1)).await.unwrap();
    theirs.execute(request("a", Close, 2)).await.unwrap();
    // ours still believes that the tally is open: its "nothing to do" would be a guess
    let close = ours.execute(request("a", Close, 3)).await.unwrap();
    assert!(close.already, "the close of the other process was seen");
}

#[tokio::test]
async fn refused_money_commands_are_kept_with_their_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("side.db");
    {
        let refusals = Arc::new(SqliteRefusals::open(&path).unwrap());
        let commands = Commands::new(memory(), Options { refusals, ..options() });
        commands.execute(request("a", Close, 1)).await.unwrap();
        commands.execute(request("a", Add(1), 2)).await.unwrap_err();
    }
    let kept = SqliteRefusals::open(&path).unwrap().recent(10).unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].code.as_str(), kept[0].stream.as_str()), ("tally_closed", "account-a"));
    assert_eq!(kept[0].body, r#"{"add":1}"#);
}

/// A journal that fails when told to.
struct Failing {
    inner: MemoryJournal,
    fail: AtomicBool,
    slow: AtomicBool,
}

impl Journal for Failing {
    fn describe(&self) -> String {
        "failing".into()
    }
    fn append(&self, items: Vec<Append>) -> Appending<'_> {
        Box::pin(async move {
            if self.slow.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            if self.fail.load(Ordering::SeqCst) {
                return vec![Err(JournalError::Unavailable("disk full".into())); items.len()];
            }
            self.inner.append(items).await
        })
    }
    fn head(&self) -> Result<Position, JournalError> {
        self.inner.head()
    }
    fn scan(
        &self,
        a: Position,
        u: Option<Position>,
        f: &Filter,
        v: Visit<'_>,
    ) -> Result<Scanned, JournalError> {
        self.inner.scan(a, u, f, v)
    }
    fn read_stream(&self, stream: &str, after: Version, visit: Visit<'_>) -> Result<Version, JournalError> {
        self.inner.read_stream(stream, after, visit)
    }
    fn read_streams(&self, s: &[&str], u: Option<Position>, v: Visit<'_>) -> Result<(), JournalError> {
        self.inner.read_streams(s, u, v)
    }
    fn wait_beyond(&self, after: Position, timeout: Duration) -> Result<Position, JournalError> {
        self.inner.wait_beyond(after, timeout)
    }
}

fn failing() -> Arc<Failing> {
    Arc::new(Failing { inner: MemoryJournal::default(), fail: false.into(), slow: false.into() })
}

#[tokio::test]
async fn what_was_not_written_is_not_remembered() {
    let journal = failing();
    let commands = on(Arc::clone(&journal) as Arc<dyn Journal>);
    journal.fail.store(true, Ordering::SeqCst);
    let failed = commands.execute(request("a", Close, 1)).await.unwrap_err();
    assert!(matches!(failed, CommandError::Unavailable(_)), "{failed}");
    journal.fail.store(false, Ordering::SeqCst);
    let retried = commands.execute(request("a", Close, 1)).await.unwrap();
    assert!(!retried.already);
}

#[tokio::test]
async fn no_answer_rests_on_what_is_not_durable_yet() {
    let journal = failing();
    let commands = on(Arc::clone(&journal) as Arc<dyn Journal>);
    journal.slow.store(true, Ordering::SeqCst);
    journal.fail.store(true, Ordering::SeqCst);
    let pending = std::cell::Cell::new(None);
    let close = commands.execute(request("a", Close, 1));
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        // the close is on its way and will fail: refusing this one for it would be wrong
        let add = tokio::spawn({
            let commands = Arc::clone(&commands);
            async move { commands.execute(request("a", Add(1), 2)).await }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!add.is_finished(), "it waits for the close to be settled");
        pending.set(Some(add));
    };
    let (closed, ()) = tokio::join!(close, meanwhile);
    closed.unwrap_err();
    journal.fail.store(false, Ordering::SeqCst);
    assert!(pending.take().unwrap().await.unwrap().is_ok());
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_nobody_waiting() {
    let journal = failing();
    let commands = on(Arc::clone(&journal) as Arc<dyn Journal>);
    commands.execute(request("a", Add(1), 1)).await.unwrap();
    journal.slow.store(true, Ordering::SeqCst);
    let gone = tokio::time::timeout(Duration::from_millis(5), commands.execute(request("a", Close, 2))).await;
    assert!(gone.is_err(), "the caller gave up");
    let next = tokio::time::timeout(Duration::from_secs(30), commands.execute(request("a", Close, 3))).await;
    assert!(next.unwrap().is_ok());
}

#[tokio::test]
async fn what_was_written_after_its_caller_went_away_is_seen_by_all_later_commands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("j.db");
    let journal: Arc<dyn Journal> = Arc::new(SqliteJournal::open(&path, sqlite::Options::default()).unwrap());
    let commands = on(Arc::clone(&journal));
    commands.execute(request("a", Add(1), 1)).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let gone =
        tokio::time::timeout(Duration::from_millis(50), commands.execute(request("a", Close, 2))).await;
    assert!(gone.is_err(), "the caller gave up");
    assert!(!commands.state::<Tally>("a").unwrap().0.closed, "it is read as it was before");
    other.execute_batch("ROLLBACK").unwrap();
    let closed = async {
        while !commands.state::<Tally>("a").unwrap().0.closed {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), closed).await.unwrap();
    assert_eq!(journal.head().unwrap(), 2);
}

#[tokio::test]
async fn a_batch_decides_on_what_stands_before_it_and_repeats_harmlessly() {
    let journal = memory();
    for round in 0..2 {
        let commands = on(Arc::clone(&journal));
        let mut batch = commands.batch();
        for n in 0..50u128 {
            let id = format!("t{}", n % 10);
            let added = batch.add(&request(&id, Add(1), n + 1)).unwrap();
            assert_eq!(added.events.len(), usize::from(round == 0));
        }
        batch.add(&request("t0", Close, 100)).unwrap();
        let refused = batch.add(&request("t0", Add(1), 101)).unwrap_err();
        assert_eq!(refused.code(), "tally_closed");
        let results = batch.submit().await;
        assert_eq!(results.len(), if round == 0 { 51 } else { 0 });
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(journal.head().unwrap(), 51);
    }
}

#[tokio::test]
async fn a_batch_that_fails_or_is_dropped_leaves_no_trace_in_memory() {
    let journal = failing();
    let commands = on(Arc::clone(&journal) as Arc<dyn Journal>);
    let mut batch = commands.batch();
    batch.add(&request("a", Close, 1)).unwrap();
    drop(batch);
    let mut batch = commands.batch();
    batch.add(&request("a", Close, 2)).unwrap();
    journal.fail.store(true, Ordering::SeqCst);
    assert!(batch.commit().await.is_err());
    journal.fail.store(false, Ordering::SeqCst);
    let (tally, version) = commands.state::<Tally>("a").unwrap();
    assert!(!tally.closed);
    assert_eq!(version, 0);
}

#[tokio::test]
async fn batches_under_way_queue_in_the_order_they_were_submitted() {
    let folder = tempfile::tempdir().unwrap();
    let journal: Arc<dyn Journal> =
        Arc::new(SqliteJournal::open(folder.path().join("j.db"), sqlite::Options::default()).unwrap());
    let commands = on(journal);
    let mut under_way = Vec::new();
    let mut batch = commands.batch();
    for n in 0..20u128 {
        batch.add(&request("a", Add(1), n + 1)).unwrap();
        under_way.push(batch.submit());
    }
    // awaited in any order
    for submitted in under_way.into_iter().rev() {
        assert!(submitted.await.iter().all(Result::is_ok));
    }
    assert_eq!(commands.state::<Tally>("a").unwrap().0.count, 20);
}

#[tokio::test]
async fn a_small_cache_forgets_and_reads_again() {
    let commands = Commands::new(memory(), Options { cache_streams: 1, ..options() });
    for round in 0..3u128 {
        for stream in 0..500u128 {
            let id = format!("s{stream}");
            commands.execute(request(&id, Add(1), round * 1000 + stream)).await.unwrap();
        }
    }
    assert_eq!(
        commands.state::<Tally>("s499").unwrap(),
        (Tally { id: "s499".into(), count: 3, closed: false }, 3)
    );
}
