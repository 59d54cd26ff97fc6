//! The journal's transparency log: it grows behind the writer, and is signed now and then.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use daybook_domain::Timestamp;
use daybook_journal::{Filter, Journal, JournalError, Position, Recorded};
use daybook_proofs::{Checkpoint, Entry, Log, MarketKey, Proof, ProofError, PublicKey};

/// Why a log was not kept or checked.
#[derive(Debug, thiserror::Error)]
pub enum TransparencyError {
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The log cannot be read or written, or does not hold.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// Where the log of a journal lies: `daybook.db` -> `daybook.tlog`.
#[must_use]
pub fn folder(journal: &Path) -> PathBuf {
    journal.with_extension("tlog")
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

/// Passes over the journal behind a position; `told` hears where it is, and may stop it by `false`.
fn pass(
    journal: &dyn Journal,
    after: Position,
    told: &mut dyn FnMut(Position) -> bool,
    each: &mut dyn FnMut(&Entry<'_>) -> Result<(), ProofError>,
) -> Result<(), TransparencyError> {
    let mut failed = None;
    journal.scan(after, None, &Filter::default(), &mut |event| {
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

/// Adds to the log what the journal has beyond it.
///
/// # Errors
/// [`TransparencyError`]; where the journal has less than was logged, [`ProofError::Broken`].
pub fn grow(
    journal: &dyn Journal,
    log: &mut Log,
    told: &mut dyn FnMut(Position) -> bool,
) -> Result<(), TransparencyError> {
    let (head, logged) = (journal.head()?, log.size());
    if head < logged {
        let why = format!(
            "the journal ends at position {head}, and {logged} events were logged: its tail is gone, or the log is of \
             another journal"
        );
        return Err(ProofError::Broken(why).into());
    }
    pass(journal, logged, told, &mut |entry| log.append(entry))?;
    log.save()?;
    Ok(())
}

/// Signs the log as it is, with the time.
///
/// # Errors
/// [`ProofError`].
pub fn sign(log: &mut Log, keys: &[MarketKey], now: Timestamp) -> Result<Checkpoint, ProofError> {
    log.checkpoint(keys, &[format!("time {now}")])
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
    log: Log,
    keys: Vec<PublicKey>,
    told: &mut dyn FnMut(Position) -> bool,
) -> Result<(Vec<String>, u64), TransparencyError> {
    let mut recount = log.recount(keys)?;
    pass(journal, 0, told, &mut |entry| recount.take(entry))?;
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
    /// Lets the log in `folder` follow the journal, and signs it as often as `every`, as long as something came.
    ///
    /// # Errors
    /// [`TransparencyError`] where the log cannot be opened.
    pub fn start(
        journal: Arc<dyn Journal>,
        folder: &Path,
        key: MarketKey,
        every: Duration,
        now: impl Fn() -> Timestamp + Send + 'static,
    ) -> Result<Self, TransparencyError> {
        let mut log = Log::open(folder)?;
        let (wake, woken) = mpsc::channel::<()>();
        let stopping = Arc::new(AtomicBool::new(false));
        let stops = Arc::clone(&stopping);
        let keys = [key];
        let work = move || {
            loop {
                let pause = woken.recv_timeout(every);
                // a stop is not held up by a long way to go: what is left comes with the next start
                let mut go_on = |_| !stops.load(Ordering::Relaxed);
                let grown = grow(journal.as_ref(), &mut log, &mut go_on);
                match grown.and_then(|()| Ok(sign(&mut log, &keys, now())?)) {
                    Ok(checkpoint) => tracing::debug!(size = checkpoint.size, "the log is signed"),
                    Err(error) => tracing::error!(%error, "the log is not signed"),
                }
                if pause == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("tlog".to_owned()).spawn(work);
        let thread =
            thread.map_err(|error| ProofError::File { path: folder.display().to_string(), error })?;
        Ok(Self { stopping, wake, thread })
    }

    /// Signs once more and ends.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        drop(self.wake);
        if self.thread.join().is_err() {
            tracing::error!("the thread of the log panicked");
        }
    }
}
