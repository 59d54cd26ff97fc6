//! Histories that a market lives through are the same in every journal, and their read models in every place.
//!
//! A history is lived in memory, in PostgreSQL and in KurrentDB (played by its stand-in), with reactors, deadlines, settlements and
//! payouts running on each; what was lived in memory is copied to SQLite and to PostgreSQL by what `journal copy` calls; and of all five
//! journals the read models are made in a file and in PostgreSQL. Ten times the same digest of every table.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use daybook_journal::kurrentdb::standin::Standin;
use daybook_journal::postgres::PostgresRestore;
use daybook_journal::postgres::server::{Server, sql};
use daybook_journal::sqlite::SqliteRestore;
use daybook_journal::{Journal, PostgresJournal, SqliteJournal};
use daybook_market::backup::copy_journal;
use daybook_projections::{Place, ReadModels};
use daybook_tests::history::{Lived, live};
use daybook_tests::stage::Stage;

/// Acts of a history.
const ACTS: usize = 60;

/// Histories: three in `./check`, two hundred with `DAYBOOK_LONG=yes`, as many as `HISTORIES_EVERYWHERE` says.
fn histories() -> u64 {
    let asked = std::env::var("HISTORIES_EVERYWHERE").ok().and_then(|n| n.parse().ok());
    let long = std::env::var("DAYBOOK_LONG").is_ok_and(|value| value == "yes");
    asked.unwrap_or(if long { 200 } else { 3 })
}

/// Table, rows and digest of each table of the read models that are made there.
fn digests(journal: &Arc<dyn Journal>, place: Place) -> Vec<String> {
    let models = ReadModels::open(place, Arc::clone(journal), &mut |_| {}).unwrap();
    let all = models.digests().unwrap();
    all.iter().map(|of| format!("{} {} {}", of.table, of.rows, of.digest)).collect()
}

/// Lives the history of a seed.
fn lived(mut stage: Stage, seed: u64) -> (Lived, Stage) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    (runtime.block_on(live(&mut stage, seed, ACTS)), stage)
}

/// The same in a market of this database.
fn lived_in(url: &str, folder: &Path, seed: u64) -> (Lived, Stage) {
    std::fs::create_dir(folder).unwrap();
    lived(Stage::in_database(url, folder), seed)
}

#[test]
fn a_history_of_a_seed_has_the_same_digests_in_every_journal_and_wherever_its_read_models_lie() {
    if Server::left_out() {
        return;
    }
    let server = Server::start(&["fsync = off", "full_page_writes = off"]).unwrap();
    let (mut accepted, mut settlements, mut events, mut compared) = (0, 0, 0, 0);
    let began = std::time::Instant::now();
    for seed in 0..histories() {
        let room = tempfile::tempdir().unwrap();
        let standin = Standin::start(1);
        standin.faults().system_events.store(seed % 2 == 1, Ordering::SeqCst);
        let (there, copied) = (server.database(), server.database());

        let (expected, memory) = lived(Stage::in_memory(), seed);
        let (found, postgres) = lived_in(&there, &room.path().join("postgres"), seed);
        assert_eq!(found, expected, "seed {seed} in PostgreSQL");
        let (found, kurrent) = lived_in(&standin.url(), &room.path().join("kurrent"), seed);
        assert_eq!(found, expected, "seed {seed} in KurrentDB");
        let first = memory.market.journal();
        let copy = room.path().join("copy.db");
        let kept = copy_journal(&**first, &mut SqliteRestore::open(&copy).unwrap(), &mut |_, _| {}).unwrap();
        let again = copy_journal(&**first, &mut PostgresRestore::open(&copied).unwrap(), &mut |_, _| {});
        assert_eq!(again.unwrap(), kept, "seed {seed}");
        let sqlite: Arc<dyn Journal> = Arc::new(SqliteJournal::open_read_only(&copy).unwrap());
        let copied_there: Arc<dyn Journal> = Arc::new(PostgresJournal::open_read_only(&copied).unwrap());

        let journals = [
            ("memory", first),
            ("sqlite", &sqlite),
            ("postgres", postgres.market.journal()),
            ("postgres, copied", &copied_there),
            ("kurrentdb", kurrent.market.journal()),
        ];
        let mut first_found: Option<Vec<String>> = None;
        for (n, (name, journal)) in journals.into_iter().enumerate() {
            let file = Place::File(room.path().join(format!("{n}.views.db")));
            let schema = Place::Database(format!("{there}?schema=s{n}"));
            for place in [file, schema] {
                let found = digests(journal, place.clone());
                let expected = first_found.get_or_insert_with(|| found.clone());
                assert_eq!(&found, expected, "seed {seed}: journal {name}, read models in {place:?}");
                compared += found.len();
            }
        }
        accepted += expected.accepted;
        settlements += expected.settlements;
        events += kept.copied;
        drop((postgres, kurrent, copied_there));
        for url in [&there, &copied] {
            let name = url.rsplit('/').next().unwrap();
            sql(&server.url("postgres"), &format!("DROP DATABASE {name} WITH (FORCE)")).unwrap();
        }
    }
    println!(
        "{} histories, {events} events, {accepted} acts accepted, {settlements} settlements: {compared} digests compared in \
         {:.0?}",
        histories(),
        began.elapsed()
    );
    assert!(accepted > 0, "the histories go nowhere");
}
