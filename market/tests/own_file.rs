//! The market's own file beside a journal that is not the one it was made for.

#![allow(clippy::unwrap_used)] // a test may panic

use std::path::Path;
use std::sync::Arc;

use daybook_commands::ManualClock;
use daybook_market::demo::{self, Report};
use daybook_market::{Market, Options};

fn open(path: &Path, clock: &Arc<ManualClock>) -> Market {
    let url = format!("sqlite:{}", path.display());
    Market::open(&url, Options { clock: Arc::clone(clock) as _, ..Options::default() }).unwrap()
}

/// Simulates a market of some days; tells what happened and where its journal ends.
fn simulate(path: &Path, seed: u64, days: u32) -> (Report, u64) {
    let clock = Arc::new(ManualClock::at(0));
    let market = open(path, &clock);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = demo::Options { days, orders_per_day: 10, seed };
    let report = runtime.block_on(demo::run(&market, &clock, options, &mut |_, _| {})).unwrap();
    assert!(market.reacted_through().unwrap() > 0);
    (report, market.journal().head().unwrap())
}

#[test]
fn a_journal_begun_anew_is_reacted_to_from_its_first_event() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("daybook.db");
    let first = simulate(&path, 7, 1);
    for file in ["daybook.db", "daybook.db-wal", "daybook.db-shm", "daybook.db.lock"] {
        let _ = std::fs::remove_file(folder.path().join(file));
    }
    assert!(folder.path().join("daybook.market.db").exists());
    assert_eq!(simulate(&path, 7, 1), first);
}

#[test]
fn progress_is_kept_for_its_own_journal_and_forgotten_for_a_longer_one_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("daybook.db"), folder.path().join("other.db"));
    let (_, head) = simulate(&path, 7, 1);
    let clock = Arc::new(ManualClock::at(0));
    assert_eq!(open(&path, &clock).reacted_through().unwrap(), head);
    let (_, longer) = simulate(&other, 8, 3);
    assert!(longer > head);
    std::fs::copy(&other, &path).unwrap();
    let market = open(&path, &clock);
    assert_eq!(market.reacted_through().unwrap(), 0);
    assert_eq!(market.next_due().unwrap(), None, "deadlines of the other journal are gone");
}
