//! Random histories of every event type: recorded alike in SQLite, PostgreSQL and KurrentDB (played by its stand-in), with read
//! models in a file and in PostgreSQL, each table has one digest.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use daybook_journal::conformance::tools::block_on;
use daybook_journal::kurrentdb::{self, standin::Standin};
use daybook_journal::postgres::server::{Server, sql};
use daybook_journal::{
    Append, Cause, Expected, Journal, ManualClock, NewEvent, PostgresJournal, SqliteJournal,
};
use daybook_journal::{postgres, sqlite};
use daybook_projections::{Place, ReadModels};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use support::{Happening, shown};
use uuid::Uuid;

/// Three in `./check`, two hundred with `DAYBOOK_LONG=yes`, as many as `HISTORIES_EVERYWHERE` says.
fn histories() -> u32 {
    let asked = std::env::var("HISTORIES_EVERYWHERE").ok().and_then(|n| n.parse().ok());
    let long = std::env::var("DAYBOOK_LONG").is_ok_and(|value| value == "yes");
    asked.unwrap_or(if long { 200 } else { 3 })
}

fn history() -> impl Strategy<Value = Vec<Happening>> {
    let one = (any::<usize>(), 0u8..5, 0u16..500).prop_map(|(sample, entity, hour)| Happening {
        sample,
        entity,
        hour,
    });
    prop::collection::vec(one, 1..120)
}

/// A journal under test, and the clock that it is written by.
struct Written {
    name: &'static str,
    journal: Arc<dyn Journal>,
    clock: Arc<ManualClock>,
    events: u128,
}

impl Written {
    /// Appends what happened, a second apart. Ids are drawn from the place in the history, for positions differ.
    fn happen(&mut self, history: &[Happening]) {
        for happened in history {
            self.events += 1;
            self.clock.set(1_710_000_000_000_000 + self.events as i64 * 1_000_000);
            let (sample, command) = (happened.sample(), Uuid::from_u128(self.events));
            let event = NewEvent {
                id: command,
                kind: sample.kind.as_str().into(),
                schema: sample.kind.schema(),
                occurred_at: happened.occurred_at(),
                refs: happened.refs(),
                data: sample.data.clone(),
            };
            let cause = Cause { command, fingerprint: [0; 16], correlation: command, actor: "test".into() };
            let stream = happened.stream();
            let append = Append { stream, expected: Expected::Any, cause, events: vec![event] };
            block_on(self.journal.append(vec![append])).pop().unwrap().unwrap();
        }
    }
}

fn journals(folder: &Path, database: &str, cluster: &str) -> [Written; 3] {
    let clocks = [(); 3].map(|()| Arc::new(ManualClock::at(0)));
    let [one, two, three] = clocks.clone();
    let file = sqlite::Options { clock: one, ..sqlite::Options::default() };
    let server = postgres::Options { clock: two, ..postgres::Options::default() };
    let nodes = kurrentdb::Options { clock: three, ..kurrentdb::Options::default() };
    let journals: [(&str, Arc<dyn Journal>); 3] = [
        ("SQLite", Arc::new(SqliteJournal::open(folder.join("journal.db"), file).unwrap())),
        ("PostgreSQL", Arc::new(PostgresJournal::open(database, server).unwrap())),
        ("KurrentDB", kurrentdb::open(cluster, nodes).unwrap()),
    ];
    let mut clocks = clocks.into_iter();
    journals.map(|(name, journal)| Written { name, journal, clock: clocks.next().unwrap(), events: 0 })
}

#[test]
fn any_history_has_the_same_digests_in_every_journal_and_wherever_its_read_models_lie() {
    if Server::left_out() {
        return;
    }
    let server = Server::start(&["fsync = off", "full_page_writes = off"]).unwrap();
    let config =
        ProptestConfig { cases: histories(), failure_persistence: None, ..ProptestConfig::default() };
    let (began, events, compared) = (Instant::now(), AtomicU64::new(0), AtomicU64::new(0));
    let outcome = TestRunner::new(config).run(&(history(), 1usize..40), |(history, batch)| {
        let (room, standin, database) = (tempfile::tempdir().unwrap(), Standin::start(1), server.database());
        standin.faults().system_events.store(batch % 2 == 1, Ordering::SeqCst);
        let mut expected: Option<Vec<String>> = None;
        for mut written in journals(room.path(), &database, &standin.url()) {
            let (name, journal) = (written.name, Arc::clone(&written.journal));
            let places = [
                Place::File(room.path().join(format!("{name}.views.db"))),
                Place::Database(format!("{database}?schema={}", name.to_lowercase())),
            ];
            let open =
                |place: &Place| ReadModels::open(place.clone(), Arc::clone(&journal), &mut |_| {}).unwrap();
            let models = places.each_ref().map(open);
            // some of the history is followed in pieces, the rest is behind when they are made anew
            for part in history.chunks(batch) {
                written.happen(part);
                for models in &models {
                    models.catch_up(&mut |_| {}).unwrap();
                }
            }
            for (place, models) in places.iter().zip(&models) {
                let followed = shown(&models.digests().unwrap());
                let expected = expected.get_or_insert_with(|| followed.clone());
                prop_assert_eq!(&followed, &*expected, "journal {}, followed in {:?}", name, place);
                models.rebuild(&[], &mut |_| {}).unwrap();
                prop_assert_eq!(
                    &shown(&models.digests().unwrap()),
                    &*expected,
                    "journal {}, made anew in {:?}",
                    name,
                    place
                );
                compared.fetch_add(2 * followed.len() as u64, Ordering::Relaxed);
            }
        }
        events.fetch_add(history.len() as u64, Ordering::Relaxed);
        let name = database.rsplit('/').next().unwrap();
        sql(&server.url("postgres"), &format!("DROP DATABASE {name} WITH (FORCE)")).unwrap();
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    println!(
        "{} histories, {events:?} events: {compared:?} digests compared in {:.0?}",
        histories(),
        began.elapsed()
    );
}
