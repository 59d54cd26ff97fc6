//! What a journal file promises beyond the contract: one writer, its own format, append-only, old files open.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use daybook_journal::conformance::tools::{Kept, append, fill, item, log};
use daybook_journal::sqlite::Options;
use daybook_journal::{Append, Expected, Journal, JournalError, ManualClock, SqliteJournal};

fn open(path: &Path) -> Result<SqliteJournal, JournalError> {
    SqliteJournal::open(path, Options::default())
}

fn refusal(result: Result<SqliteJournal, JournalError>) -> String {
    match result {
        Ok(_) => panic!("it was opened"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_second_writer_is_refused_and_told_who_holds_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daybook.db");
    let first = open(&path).unwrap();
    let error = open(&path).err().unwrap();
    assert!(matches!(error, JournalError::Locked(_)));
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    fill(&first, [item("order-1", 1, Expected::Any, &["{}"])]);
    drop(first);
    assert_eq!(open(&path).unwrap().head(), Ok(1), "the lock goes with its holder");
}

#[test]
fn a_lock_file_left_behind_by_a_dead_process_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daybook.db");
    std::fs::write(dir.path().join("daybook.db.lock"), "4194304\n").unwrap();
    open(&path).unwrap();
}

#[test]
fn files_that_are_no_journals_are_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "Dear diary").unwrap();
    let other = dir.path().join("other.db");
    let conn = rusqlite::Connection::open(&other).unwrap();
    conn.execute_batch("CREATE TABLE mine (x); PRAGMA user_version = 1").unwrap();
    drop(conn);
    for path in [&text, &other] {
        let before = std::fs::read(path).unwrap();
        for result in [open(path), SqliteJournal::open_read_only(path)] {
            assert!(refusal(result).contains("is not a Daybook journal"));
        }
        assert_eq!(std::fs::read(path).unwrap(), before);
    }
}

#[test]
fn an_empty_or_missing_file_becomes_a_journal_but_not_for_reading() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    for path in [empty, dir.path().join("missing.db")] {
        assert!(refusal(SqliteJournal::open_read_only(&path)).contains("there is no journal"));
        fill(&open(&path).unwrap(), [item("order-1", 1, Expected::Any, &["{}"])]);
        assert_eq!(SqliteJournal::open_read_only(&path).unwrap().head(), Ok(1));
    }
    let nowhere = dir.path().join("no/such/folder/daybook.db");
    assert!(matches!(open(&nowhere), Err(JournalError::Unavailable(_))));
}

#[test]
fn a_journal_whose_making_was_cut_short_is_made_when_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daybook.db");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "page_size", 8192).unwrap();
    conn.pragma_update(None, "journal_mode", "wal").unwrap();
    drop(conn);
    assert!(std::fs::metadata(&path).unwrap().len() > 0, "the file is there");
    fill(&open(&path).unwrap(), [item("order-1", 1, Expected::Any, &["{}"])]);
    assert_eq!(SqliteJournal::open_read_only(&path).unwrap().head(), Ok(1));
}

#[test]
fn while_another_program_holds_the_file_appends_are_refused_and_go_on_when_it_lets_go() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daybook.db");
    let journal = open(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = append(&journal, item("order-1", 1, Expected::Any, &["{}"]));
    assert!(
        matches!(&refused, Err(JournalError::Unavailable(why)) if why.contains("another program")),
        "{refused:?}"
    );
    other.execute_batch("ROLLBACK").unwrap();
    let written = append(&journal, item("order-1", 1, Expected::Any, &["{}"]));
    assert_eq!(written.unwrap().last, 1);
}

fn with_schema(path: &Path, version: u32) {
    drop(open(path).unwrap());
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.pragma_update(None, "user_version", version).unwrap();
}

#[test]
fn a_newer_schema_asks_for_an_upgrade() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daybook.db");
    with_schema(&path, 99);
    for result in [open(&path), SqliteJournal::open_read_only(&path)] {
        let error = refusal(result);
        assert!(error.contains("newer") && error.contains("upgrade daybook"), "{error}");
    }
}

#[test]
fn an_older_schema_is_not_read_before_a_writer_has_brought_it_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daybook.db");
    with_schema(&path, 0);
    let error = refusal(SqliteJournal::open_read_only(&path));
    assert!(error.contains("older") && error.contains("open it once for writing"), "{error}");
}

#[test]
fn a_damaged_file_is_reported_and_never_repaired_by_guessing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daybook.db");
    let journal = open(&path).unwrap();
    let data = format!(r#"{{"x":"{}"}}"#, "y".repeat(500));
    fill(&journal, (0..500).map(|n| item("order-1", n, Expected::Any, &[data.as_str()])));
    drop(journal);
    let good = std::fs::read(&path).unwrap();
    let damage = |from: usize, to: usize| {
        let mut bad = good.clone();
        bad[from..to].fill(0xa5);
        std::fs::write(&path, bad).unwrap();
    };
    // Every page in turn; page 1 begins with the header that tells what the file is.
    let mut reported = 0;
    for page in 0..good.len() / 8192 {
        damage(page * 8192 + if page == 0 { 100 } else { 0 }, (page + 1) * 8192);
        let read = open(&path).and_then(|journal| {
            let mut visit = |_: daybook_journal::Recorded<'_>| std::ops::ControlFlow::Continue(());
            journal.scan(0, None, &daybook_journal::Filter::default(), &mut visit)
        });
        match read {
            Err(JournalError::Corrupt(why)) => {
                reported += 1;
                assert!(why.contains("is damaged") || why.contains("newer"), "page {page}: {why}");
            }
            // A page of an index that a scan does not use.
            Ok(scanned) => assert_eq!(scanned.through, 500, "page {page}"),
            Err(other) => panic!("page {page}: {other}"),
        }
    }
    assert!(reported * 8192 > good.len() * 8 / 10, "only {reported} pages");
}

#[test]
fn nobody_changes_or_deletes_what_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daybook.db");
    let journal = open(&path).unwrap();
    fill(&journal, [item("order-1", 1, Expected::Any, &["{}"])]);
    let conn = rusqlite::Connection::open(&path).unwrap();
    for sql in [
        "UPDATE events SET data = '{\"amount\":1}'",
        "DELETE FROM events",
        "UPDATE stream SET name = 'order-2'",
        "DELETE FROM stream",
        "UPDATE kind SET name = 'Other'",
        "DELETE FROM kind",
        "UPDATE actor SET name = 'nobody'",
        "DELETE FROM actor",
    ] {
        let error = conn.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{sql}: {error}");
    }
    assert_eq!(log(&journal).len(), 1);
}

#[test]
fn a_reader_of_another_process_follows_without_a_lock() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daybook.db");
    let writer = open(&path).unwrap();
    fill(&writer, [item("order-1", 1, Expected::Any, &["{}"])]);
    let reader = SqliteJournal::open_read_only(&path).unwrap();
    assert_eq!(reader.head(), Ok(1));
    let answer = append(&reader, item("order-1", 2, Expected::Any, &["{}"]));
    assert!(matches!(answer, Err(JournalError::Unavailable(why)) if why.contains("reading only")));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            fill(&writer, [item("payout-9", 3, Expected::Any, &["{}"])]);
        });
        let began = Instant::now();
        assert_eq!(reader.wait_beyond(1, Duration::from_secs(60)), Ok(2));
        assert!(began.elapsed() < Duration::from_secs(30));
    });
    assert_eq!(log(&reader), log(&writer), "names that came later are found");
}

#[test]
fn dropping_the_journal_finishes_what_it_accepted_and_empties_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daybook.db");
    let journal = open(&path).unwrap();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for n in 0..100 {
        let mut call = journal.append(vec![item("order-1", n, Expected::Any, &["{}"])]);
        // Asked once and then dropped: accepted, whether the writer has answered by then or not.
        let _ = call.as_mut().poll(&mut context);
    }
    drop(journal);
    assert!(!dir.path().join("daybook.db-wal").exists(), "everything is in the file");
    assert_eq!(open(&path).unwrap().head(), Ok(100));
}

/// The journals of released schemas, as files: `v<user_version>.journal`.
fn fixture(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/v{version}.journal"))
}

const FIXTURE_TIME: i64 = 1_763_000_000_000_000;

/// What every fixture holds.
fn fixture_items() -> Vec<Append> {
    let mut items: Vec<Append> = (1..=20)
        .map(|n| {
            let data = format!(r#"{{"n":{n},"text":"Ünïcödé \"订单\""}}"#);
            let name = format!("{}-{}", ["order", "checkout"][n as usize % 2], n % 5);
            item(&name, n, Expected::Any, &[data.as_str(), "{}"])
        })
        .collect();
    for item in &mut items[10..] {
        item.cause.actor = "import:olist".into();
        item.events[1].kind = "Other".into();
        item.events[1].schema = 2;
        item.events[1].refs = r#"{"order":"o-1"}"#.into();
    }
    items
}

fn fixture_log() -> Vec<Kept> {
    let journal =
        daybook_journal::MemoryJournal::with_clock(std::sync::Arc::new(ManualClock::at(FIXTURE_TIME)));
    fill(&journal, fixture_items());
    log(&journal)
}

#[test]
fn a_journal_of_every_released_schema_opens_and_goes_on() {
    for version in 1..=1 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("daybook.db");
        std::fs::copy(fixture(version), &path).unwrap();
        if version == 1 {
            let reader = SqliteJournal::open_read_only(&path).unwrap();
            assert_eq!(log(&reader), fixture_log());
        }
        let journal = open(&path).unwrap();
        assert_eq!(log(&journal), fixture_log());
        let again = fill(&journal, fixture_items());
        assert!(again.iter().all(|receipt| receipt.replayed));
        let receipt = fill(&journal, [item("order-0", 99, Expected::At(4), &["{}"])])[0];
        assert_eq!((receipt.first, receipt.version), (41, 5));
    }
}

/// Run once when a schema is released: `cargo test -p daybook-journal --test sqlite -- --ignored fixture`.
#[test]
#[ignore = "writes the fixture of the current schema"]
fn write_the_fixture_of_the_current_schema() {
    let path = fixture(1);
    assert!(!path.exists(), "a released fixture never changes");
    let clock = std::sync::Arc::new(ManualClock::at(FIXTURE_TIME));
    let journal = SqliteJournal::open(&path, Options { clock, ..Options::default() }).unwrap();
    fill(&journal, fixture_items());
    drop(journal);
    std::fs::remove_file(path.with_extension("journal.lock")).unwrap();
}

#[test]
fn where_rows_are_gone_a_scan_gives_none_twice_and_none_beyond_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("holes.db");
    let journal = open(&path).unwrap();
    fill(&journal, (0..20_000).map(|n| item("market-1", n + 1, Expected::Any, &["{}"])));
    let conn = rusqlite::Connection::open(&path).unwrap();
    let triggers: Vec<String> = {
        let mut find = conn.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").unwrap();
        find.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    for trigger in triggers {
        conn.execute_batch(&format!("DROP TRIGGER \"{trigger}\"")).unwrap();
    }
    conn.execute_batch("DELETE FROM events WHERE position IN (5, 6, 16384, 16385, 18000)").unwrap();
    for end in [4, 5, 7, 16_383, 16_384, 16_390, 18_000, 20_000] {
        let mut met = Vec::new();
        let through = journal.scan(0, Some(end), &daybook_journal::Filter::default(), &mut |event| {
            met.push(event.position);
            std::ops::ControlFlow::Continue(())
        });
        let there: Vec<u64> = (1..=end).filter(|p| ![5, 6, 16_384, 16_385, 18_000].contains(p)).collect();
        assert_eq!(met, there);
        assert_eq!(through.unwrap().through, end);
    }
}
