//! Moving the write-ahead log into the database file, off the writer.
//!
//! SQLite starts the log over only when a transaction begins and everything before it has been moved. A second
//! connection can never quite reach that point while the writer keeps writing: the log would grow as long as the
//! load lasts. So the checkpointer does the bulk in passes, each of what came in during the one before, and when
//! the log is long all the same ([`Pace::writer_should_finish`]) the writer moves the small rest between two
//! batches.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, Result as SqlResult};

use super::open;

/// Passes at most; each is a fraction of the one before.
const PASSES: usize = 4;
/// The writer helps when the log is longer than this many thresholds ...
const LONG: u64 = 1;
/// ... and no more than this part of a threshold is left to move.
const REST: u64 = 8;
/// Longer than this many thresholds, it moves whatever there is: the bound of the log's length, readers aside.
const TOO_LONG: u64 = 16;

thread_local! {
    /// Pages in the log after the last commit of this thread: SQLite's hook is a plain function.
    static LOG_PAGES: Cell<u64> = const { Cell::new(0) };
}

/// Makes [`log_pages`] work for commits of this connection on this thread.
pub(super) fn watch(conn: &Connection) {
    conn.wal_hook(Some(|_, pages| {
        LOG_PAGES.set(u64::try_from(pages).unwrap_or(0));
        Ok(())
    }));
}

/// Pages in the write-ahead log after this thread's last commit.
pub(super) fn log_pages() -> u64 {
    LOG_PAGES.get()
}

/// Pages in the log, and how many of them are in the database file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub log: u64,
    pub moved: u64,
}

/// One pass that waits for nobody.
pub(super) fn passive(conn: &Connection) -> SqlResult<Progress> {
    run(conn, "PRAGMA wal_checkpoint(PASSIVE)")
}

/// Moves everything and empties the log: on closing.
pub(super) fn truncate(conn: &Connection) -> SqlResult<Progress> {
    run(conn, "PRAGMA wal_checkpoint(TRUNCATE)")
}

fn run(conn: &Connection, sql: &str) -> SqlResult<Progress> {
    conn.query_row(sql, [], |row| {
        // Minus one: not in WAL mode.
        let pages = |count: i64| u64::try_from(count).unwrap_or(0);
        Ok(Progress { log: pages(row.get(1)?), moved: pages(row.get(2)?) })
    })
}

/// The request from the writer and the answer of the checkpointer.
#[derive(Default)]
pub(super) struct Requests {
    state: Mutex<State>,
    wake: Condvar,
    moved: AtomicU64,
}

#[derive(Default)]
struct State {
    asked: bool,
    closed: bool,
}

impl Requests {
    fn ask(&self) {
        self.state.lock().asked = true;
        self.wake.notify_one();
    }

    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.wake.notify_one();
    }

    /// Waits for a request; false: closed.
    fn next(&self) -> bool {
        let mut state = self.state.lock();
        while !state.asked && !state.closed {
            self.wake.wait(&mut state);
        }
        state.asked = false;
        !state.closed
    }
}

/// The checkpointer's thread: until [`Requests::close`].
pub(super) fn serve(path: &Path, requests: &Requests, threshold: u64) {
    let mut conn = None;
    while requests.next() {
        if conn.is_none() {
            conn = open::checkpointer(path)
                .inspect_err(|error| tracing::warn!(%error, "cannot open for a checkpoint"))
                .ok();
        }
        let Some(open) = &conn else { continue };
        for _ in 0..PASSES {
            match passive(open) {
                Ok(progress) => {
                    requests.moved.store(progress.moved, Ordering::Release);
                    if progress.log.saturating_sub(progress.moved) < threshold / REST / 4 {
                        break;
                    }
                }
                Err(error) => {
                    // The disk is full, or the like: the log keeps what is not moved, and the next request
                    // tries again on a new connection.
                    tracing::warn!(%error, "checkpoint failed");
                    conn = None;
                    break;
                }
            }
        }
    }
}

/// When the writer asks for a checkpoint, and when it helps with one.
pub(super) struct Pace {
    requests: Arc<Requests>,
    threshold: u64,
    asked_at: u64,
    helped_at: u64,
    pages: u64,
}

impl Pace {
    pub(super) fn new(requests: Arc<Requests>, threshold: u64) -> Self {
        Self { requests, threshold: threshold.max(1), asked_at: 0, helped_at: 0, pages: 0 }
    }

    /// Call after a commit: asks when another threshold of pages has come in.
    pub(super) fn committed(&mut self, pages: u64) {
        if pages < self.pages {
            // The log has started over.
            (self.asked_at, self.helped_at) = (0, 0);
            self.requests.moved.store(0, Ordering::Release);
        }
        self.pages = pages;
        if pages >= self.asked_at + self.threshold {
            self.asked_at = pages;
            self.requests.ask();
        }
    }

    /// Whether the log is long and nearly moved, or too long.
    pub(super) fn writer_should_finish(&self) -> bool {
        let moved = self.requests.moved.load(Ordering::Acquire);
        self.pages >= LONG * self.threshold
            && self.pages >= self.helped_at + self.threshold / REST
            && (self.pages >= TOO_LONG * self.threshold
                || self.pages.saturating_sub(moved) <= self.threshold / REST)
    }

    /// Call after the writer has helped: a reader in the way is not tried again at once.
    pub(super) fn helped(&mut self, progress: Progress) {
        // Nothing moved: the checkpointer is at it.
        if progress.moved > 0 {
            self.helped_at = self.pages;
            self.requests.moved.store(progress.moved, Ordering::Release);
        }
    }
}
