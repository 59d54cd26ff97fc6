//! From committed to durable: the log is synced beside the writer, which is already writing the next batch.
//!
//! COMMIT hands the pages of a batch to the operating system and does not wait (`synchronous = NORMAL`). The batch
//! then comes here; one `fdatasync` makes all batches durable that are committed by then, and only after it does
//! the head move past them and are their calls answered, in the order in which they were written. So a reader
//! never sees, and a caller never hears of, what a power cut could still take back. The log is written strictly
//! from front to end, and what SQLite finds in it after a crash is a prefix that contains everything synced.
//!
//! A sync that fails ends the journal for this process: the system may have dropped the pages and report success
//! the next time. The calls under way learn that their outcome is unknown, later ones are refused, and whoever
//! opens the journal again finds what the disk has.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use super::Shared;
use super::faults::Faults;
use crate::queue::Entry;
use crate::{JournalError, Position};

/// Batches that may wait for a sync while another is under way: one that is ready when it ends. More would only
/// be smaller.
const WAITING: usize = 1;
/// Calls that are synced and answered by the writer itself when nothing else is under way: handing few over
/// would only delay them.
const FEW: usize = 32;

/// The write-ahead log as a file.
pub(super) struct Log {
    path: PathBuf,
    /// The writer keeps it open: the system tells each open file once that a write failed.
    file: Mutex<Option<File>>,
    durable: AtomicU64,
    failed: Mutex<Option<String>>,
    faults: Faults,
}

impl Log {
    pub(super) fn of(journal: &Path, faults: Faults) -> Self {
        let mut path = journal.as_os_str().to_owned();
        path.push("-wal");
        Self {
            path: path.into(),
            file: Mutex::default(),
            durable: AtomicU64::new(0),
            failed: Mutex::default(),
            faults,
        }
    }

    /// Call whenever the database was opened: the file may be another.
    pub(super) fn reopened(&self) {
        *self.file.lock() = None;
    }

    /// Makes everything durable that was committed before the call.
    pub(super) fn sync(&self) -> Result<(), JournalError> {
        self.usable()?;
        let mut file = self.file.lock();
        if file.is_none() {
            *file = match File::open(&self.path) {
                Ok(file) => Some(file),
                // SQLite removes it only when all of it is in the database file, and durable there.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(self.fail(&error)),
            };
        }
        match file.as_ref().map(|file| self.faults.sync(file)) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(self.fail(&error)),
        }
    }

    /// Makes everything up to `position` durable, which is committed. Free when it is already.
    pub(super) fn sync_through(&self, position: Position) -> Result<(), JournalError> {
        if position <= self.durable.load(Ordering::Acquire) {
            return self.usable();
        }
        self.sync()?;
        self.durable.fetch_max(position, Ordering::AcqRel);
        Ok(())
    }

    /// Whether no sync has failed.
    pub(super) fn usable(&self) -> Result<(), JournalError> {
        self.failed.lock().as_ref().map_or(Ok(()), |why| Err(JournalError::Unavailable(why.clone())))
    }

    fn fail(&self, error: &std::io::Error) -> JournalError {
        let why = format!(
            "{} could not be made durable ({error}): it is not written and not read any more; check the disk, then open \
             the journal again",
            self.path.display()
        );
        tracing::error!("{why}");
        *self.failed.lock() = Some(why.clone());
        JournalError::Unavailable(why)
    }
}

/// A batch that is committed.
pub(super) struct Committed {
    /// Its calls, answered in full but not yet told.
    pub entries: Vec<Entry>,
    /// Everything up to here is committed.
    pub through: Position,
}

impl Committed {
    /// Makes `batches` durable and answers them.
    fn settle(batches: Vec<Self>, shared: &Shared) {
        let Some(through) = batches.iter().map(|batch| batch.through).max() else { return };
        let doubt = match shared.log.sync_through(through) {
            Ok(()) => None,
            Err(JournalError::Unavailable(why)) => Some(Err(JournalError::OutcomeUnknown(why))),
            Err(error) => Some(Err(error)),
        };
        if doubt.is_none() {
            shared.head.publish(through);
        }
        for mut entry in batches.into_iter().flat_map(|batch| batch.entries) {
            if let Some(doubt) = &doubt {
                // Even a refusal may rest on what is now in doubt, but for those of a batch that was not begun.
                let known = |result: &Result<_, _>| matches!(result, Err(JournalError::Unavailable(_)));
                let results = &mut entry.answer.results;
                results.iter_mut().filter(|result| !known(result)).for_each(|result| *result = doubt.clone());
            }
            entry.reply();
        }
    }
}

#[derive(Default)]
struct State {
    waiting: Vec<Committed>,
    /// The thread is at it.
    busy: bool,
    closed: bool,
    /// The thread is no more.
    gone: bool,
}

#[derive(Default)]
struct Line {
    state: Mutex<State>,
    /// Something waits, or is closed.
    work: Condvar,
    /// There is room to wait, or nobody to wait for.
    room: Condvar,
}

/// The thread that syncs and answers. Dropping it finishes what is under way.
pub(super) struct Syncer {
    line: Arc<Line>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    pub(super) fn start(shared: &Arc<Shared>) -> std::io::Result<Self> {
        let line = Arc::<Line>::default();
        let (at, on) = (Arc::clone(&line), Arc::clone(shared));
        let thread = std::thread::Builder::new().name("journal-sync".into()).spawn(move || {
            let gone = GoneOnDrop(&at);
            while let Some(batches) = at.next() {
                Committed::settle(batches, &on);
            }
            drop(gone);
        })?;
        Ok(Self { line, shared: Arc::clone(shared), thread: Some(thread) })
    }

    /// Takes a batch that was committed after all before it. Waits when more than enough is under way.
    pub(super) fn take(&self, batch: Committed) {
        let mut state = self.line.state.lock();
        while state.waiting.len() >= WAITING && !state.gone {
            self.line.room.wait(&mut state);
        }
        let idle = state.waiting.is_empty() && !state.busy;
        if state.gone || idle && batch.entries.len() <= FEW {
            drop(state);
            return Committed::settle(vec![batch], &self.shared);
        }
        state.waiting.push(batch);
        drop(state);
        self.line.work.notify_one();
        // The disk should not wait for a core.
        std::thread::yield_now();
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.line.state.lock().closed = true;
        self.line.work.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that syncs the log panicked");
        }
    }
}

impl Line {
    /// Everything that waits; `None`: closed and empty.
    fn next(&self) -> Option<Vec<Committed>> {
        let mut state = self.state.lock();
        state.busy = false;
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            self.work.wait(&mut state);
        }
        state.busy = true;
        let batches = std::mem::take(&mut state.waiting);
        drop(state);
        self.room.notify_one();
        Some(batches)
    }
}

/// The writer must not wait for a thread that is gone.
struct GoneOnDrop<'l>(&'l Line);

impl Drop for GoneOnDrop<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.gone = true;
        // Whoever asked learns from the closed channel that the outcome is unknown.
        state.waiting.clear();
        drop(state);
        self.0.room.notify_one();
    }
}
