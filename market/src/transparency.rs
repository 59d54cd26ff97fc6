//! The journal's transparency log: it grows behind the writer, and is signed now and then.

use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use daybook_domain::{MarketId, Timestamp};
use daybook_journal::{Filter, Journal, JournalError, Position, Recorded};
use daybook_projections::ReadModelError;
use daybook_proofs::statement::{NONE_CLOSED, closed_line};
use daybook_proofs::{Checkpoint, Entry, Log, MarketKey, Proof, ProofError, Recount};

use crate::MarketError;
use crate::periods::in_force;

/// Why a log was not kept or checked, or something not proved.
#[derive(Debug, thiserror::Error)]
pub enum TransparencyError {
    /// The market's books could not be read.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// Nor its read models.
    #[error(transparent)]
    Models(#[from] ReadModelError),
    /// What was asked for cannot be proved yet.
    #[error("{0}")]
    Refused(String),
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The log cannot be read or written, or does not hold.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// Where the log of a journal lies: `daybook.db` -> `daybook.db.tlog`.
#[must_use]
pub fn folder(journal: &Path) -> PathBuf {
    let mut name = journal.file_name().unwrap_or_default().to_owned();
    name.push(".tlog");
    journal.with_file_name(name)
}

/// An event as it is logged.
#[must_use]
pub fn entry<'a>(event: &Recorded<'a>) -> Entry<'a> {
    Entry {
        position: event.position,
        stream: event.stream,
        version: event.version,
        id: event.id.into_bytes(),
        kind: event.kind,
        schema: event.schema,
        occurred_at: event.occurred_at,
        recorded_at: event.recorded_at,
        command: event.command.into_bytes(),
        fingerprint: event.fingerprint,
        correlation: event.correlation.into_bytes(),
        actor: event.actor,
        refs: event.refs,
        data: event.data,
    }
}

/// A log numbers events by their positions.
fn must_be_dense(journal: &dyn Journal) -> Result<(), TransparencyError> {
    if journal.dense() {
        return Ok(());
    }
    Err(TransparencyError::Refused(format!(
        "{} gives its events positions that do not count them, and a signed log does: it is kept of a journal in SQLite or \
         PostgreSQL only",
        journal.describe()
    )))
}

/// Passes over the journal behind a position, up to another or its end; `told` hears where it is, and may stop it by `false`.
fn pass(
    journal: &dyn Journal,
    (after, upto): (Position, Option<Position>),
    told: &mut dyn FnMut(Position) -> bool,
    each: &mut dyn FnMut(&Entry<'_>) -> Result<(), ProofError>,
) -> Result<(), TransparencyError> {
    must_be_dense(journal)?;
    let mut failed = None;
    journal.scan(after, upto, &Filter::default(), &mut |event| {
        if let Err(error) = each(&entry(&event)) {
            failed = Some(error);
            return ControlFlow::Break(());
        }
        if event.position.is_multiple_of(1_024) && !told(event.position) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Adds to the log what the journal has beyond it; whether it came to the journal's end.
///
/// # Errors
/// [`TransparencyError`]; where the journal does not have the last event that was logged, [`ProofError::Broken`], and nothing is
/// added. What was changed further up is found by [`recount`].
pub fn grow(
    journal: &dyn Journal,
    log: &mut Log,
    told: &mut dyn FnMut(Position) -> bool,
) -> Result<bool, TransparencyError> {
    must_be_dense(journal)?;
    let (head, logged) = (journal.head()?, log.size());
    if logged > 0 {
        let mut same = Ok(false);
        journal.scan(logged - 1, Some(logged), &Filter::default(), &mut |event| {
            same = log.ends_with(&entry(&event));
            ControlFlow::Break(())
        })?;
        if matches!(same, Err(ProofError::Damaged(_))) {
            // what was logged cannot be read: all of it comes again, and is held against every checkpoint
            log.begin_again()?;
        } else if !same? {
            let why = format!(
                "the journal's event at position {logged} is not the one that was logged: it was put back to an earlier state, \
                 changed or cut off, or the log is another journal's (docs/log.md says how to go on after a restore)"
            );
            return Err(ProofError::Broken(why).into());
        }
    }
    pass(journal, (log.size(), None), told, &mut |entry| log.append(entry))?;
    log.save()?;
    Ok(log.size() >= head)
}

/// Signs the log as it is, with the time, and with the last close of the market's books that is in force: so that none
/// that was opened again can be shown for it. Where tiles turn out to be damaged that have to be read for it, they are made again.
///
/// # Errors
/// [`TransparencyError`].
pub fn sign(
    journal: &dyn Journal,
    market: MarketId,
    log: &mut Log,
    keys: &[MarketKey],
    now: Timestamp,
) -> Result<Checkpoint, TransparencyError> {
    must_be_dense(journal)?;
    let lines = lines(journal, market, log.size(), now)?;
    match log.checkpoint(keys, &lines) {
        Err(ProofError::Damaged(why)) => {
            tracing::warn!(%why, "the log's tiles are damaged: they are made again");
            let size = log.size();
            log.begin_again()?;
            pass(journal, (0, Some(size)), &mut |_| true, &mut |entry| log.append(entry))?;
            Ok(log.checkpoint(keys, &lines)?)
        }
        signed => Ok(signed?),
    }
}

/// What is signed with a checkpoint of so many events.
pub(crate) fn lines(
    journal: &dyn Journal,
    market: MarketId,
    size: Position,
    now: Timestamp,
) -> Result<Vec<String>, TransparencyError> {
    let closed = in_force(journal, market, size)?.pop();
    let closed = closed.map(|closed| closed_line(closed.period.as_str(), closed.position));
    // said also where there is none: a line that is missing could be one that was left out
    Ok(vec![format!("time {now}"), closed.unwrap_or_else(|| NONE_CLOSED.to_owned())])
}

/// The proof of the event at a position, under a checkpoint.
///
/// # Errors
/// [`TransparencyError`]; [`ProofError::Broken`] where there is no such event.
pub fn prove(
    journal: &dyn Journal,
    log: &Log,
    position: Position,
    under: &Checkpoint,
) -> Result<Proof, TransparencyError> {
    must_be_dense(journal)?;
    let mut found = None;
    let before = position.saturating_sub(1);
    journal.scan(before, Some(position), &Filter::default(), &mut |event| {
        found = Some(log.prove(&entry(&event), under));
        ControlFlow::Break(())
    })?;
    let none = || ProofError::Broken(format!("the journal has no event at position {position}"));
    Ok(found.ok_or_else(none)??)
}

/// Counts the whole log again from the journal: what does not hold, and how many checkpoints were compared.
///
/// # Errors
/// [`TransparencyError`] where something cannot be read.
pub fn recount(
    journal: &dyn Journal,
    mut recount: Recount,
    told: &mut dyn FnMut(Position) -> bool,
) -> Result<(Vec<String>, u64), TransparencyError> {
    pass(journal, (0, None), told, &mut |entry| recount.take(entry))?;
    Ok(recount.finish()?)
}

/// Keeps a log while the market runs, on a thread of its own.
#[derive(Debug)]
pub struct Logging {
    stopping: Arc<AtomicBool>,
    /// Dropped to wake the thread.
    wake: Sender<()>,
    thread: JoinHandle<()>,
}

impl Logging {
    /// Lets the log in `folder` follow the journal, and signs it as often as `every`, as long as something came. What is in
    /// the way (another who writes it, a full disk) is told in the program's log, and tried again the next time.
    ///
    /// # Errors
    /// Where no thread is to be had.
    pub fn start(
        (journal, market): (Arc<dyn Journal>, MarketId),
        folder: PathBuf,
        key: MarketKey,
        every: Duration,
        now: impl Fn() -> Timestamp + Send + 'static,
    ) -> std::io::Result<Self> {
        let (wake, woken) = mpsc::channel::<()>();
        let stopping = Arc::new(AtomicBool::new(false));
        let stops = Arc::clone(&stopping);
        let work = move || {
            give_way();
            loop {
                let pause = woken.recv_timeout(every);
                // a stop is not held up by a long way to go: what is left comes with the next start
                let mut go_on = |_| !stops.load(Ordering::Relaxed);
                let mut turn = || turn(journal.as_ref(), market, &folder, &key, &now, &mut go_on);
                // who reads the program's log hears of it every time, and not once in a year without a checkpoint
                let done = panic::catch_unwind(AssertUnwindSafe(&mut turn));
                match done
                    .unwrap_or_else(|_| Err(TransparencyError::Refused("its thread panicked".to_owned())))
                {
                    Ok(Some(checkpoint)) => tracing::debug!(size = checkpoint.size, "the log is signed"),
                    Ok(None) => tracing::debug!("the log has not come to the journal's end"),
                    Err(error) => tracing::error!(%error, "the log is not signed"),
                }
                if pause == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("tlog".to_owned()).spawn(work)?;
        Ok(Self { stopping, wake, thread })
    }

    /// Signs once more, where no long way is left to the journal's end, and ends.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        drop(self.wake);
        if self.thread.join().is_err() {
            tracing::error!("the thread of the log panicked");
        }
    }
}

/// Lets this thread run with what the others leave: whoever waits for a command goes before the log, which nobody waits
/// for. Where all cores are busy it still has about a tenth of one.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(10) {
        tracing::debug!(%error, "the log's thread runs like any other");
    }
}

/// One turn of keeping a log: it is only held for as long, so that cosignatures may be added in between.
fn turn(
    journal: &dyn Journal,
    market: MarketId,
    folder: &Path,
    key: &MarketKey,
    now: &dyn Fn() -> Timestamp,
    go_on: &mut dyn FnMut(Position) -> bool,
) -> Result<Option<Checkpoint>, TransparencyError> {
    let mut log = Log::open(folder)?;
    if !grow(journal, &mut log, go_on)? {
        return Ok(None);
    }
    Ok(Some(sign(journal, market, &mut log, std::slice::from_ref(key), now())?))
}
