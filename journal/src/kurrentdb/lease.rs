//! Who may write: a stream beside the journal, into which its writer puts a sign of life every few seconds.
//!
//! Each sign is appended at the exact revision of the one before, so of two who want to write one gets it. Whoever finds a
//! writer's sign waits for the next one: if it comes, that writer lives and keeps the journal; if none comes for the time of
//! the lease, by the clock of who waits, it is taken to be dead. A writer sends events only while its own last sign is
//! younger than the lease less the time that an append may take: it stops before others may begin. No two clocks are
//! compared.
//!
//! What this cannot do: the database does not know the lease. A process that is stopped between its look at the lease and its
//! append, for longer than the lease (a suspended machine), and then goes on, can still write one append. It carries the
//! exact revision of its stream, so no stream is ever decided on twice; but the times of recording may then go back once, and
//! a condition on the whole log may have been overtaken. docs/kurrentdb.md says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use eventstore::{
    AppendToStreamOptions, Client, Error, EventData, ReadStreamOptions, StreamMetadataBuilder,
    StreamPosition, StreamState,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::session::{Failure, Supervisor, Tries};
use crate::JournalError;

/// Signs of life per lease.
const SIGNS: u32 = 5;
/// Signs that are kept; the database lets older ones go when it is cleaned.
const KEPT: u64 = 10;

/// A sign of life, or the last word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sign {
    /// This opening of the journal.
    holder: Uuid,
    /// Who that is, for people.
    who: String,
    /// It was closed; nobody has to wait.
    released: bool,
}

/// The last sign of the stream.
struct Found {
    revision: u64,
    sign: Sign,
}

struct State {
    /// Of the last sign.
    revision: u64,
    /// When it was begun to be sent.
    signed: Instant,
}

struct Shared {
    supervisor: Arc<Supervisor>,
    sign: Sign,
    lease: Duration,
    state: Mutex<State>,
    lost: AtomicBool,
}

/// The right to write, while it is held. Dropped, it is given back.
pub(super) struct Lease {
    shared: Arc<Shared>,
    /// Dropped to end the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Lease {
    /// Takes it, at once or when a writer before has said nothing for as long as the lease.
    ///
    /// # Errors
    /// [`JournalError::Locked`] when another process holds it.
    pub(super) fn take(supervisor: Arc<Supervisor>, lease: Duration) -> Result<Self, JournalError> {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let who = format!("daybook {} on {}", std::process::id(), host.trim());
        let sign = Sign { holder: fresh(), who, released: false };
        let first = wait_for_silence(&supervisor, lease)?;
        let signed = Instant::now();
        let expected = first.map_or(StreamState::NoStream, StreamState::StreamRevision);
        let revision = match send(&supervisor, &sign, expected) {
            Ok(revision) => revision,
            Err(Failure::Refused(Error::WrongExpectedVersion { .. })) => match look(&supervisor)? {
                // it had arrived, and its answer not
                Some(found) if found.sign == sign => found.revision,
                found => {
                    return Err(held(
                        &supervisor,
                        found.map_or("another process".to_owned(), |f| f.sign.who),
                    ));
                }
            },
            Err(Failure::Refused(error)) => return Err(supervisor.unavailable(&error)),
            Err(Failure::Unsent(why) | Failure::Unclear(why)) => {
                return Err(JournalError::Unavailable(format!("{}: {why}", supervisor.target.name)));
            }
        };
        if first.is_none() {
            let stream = supervisor.target.lease.clone();
            let few = supervisor.call(super::session::ONE_ANSWER, move |client: Client| async move {
                let metadata = StreamMetadataBuilder::new().max_count(KEPT).build();
                client.set_stream_metadata(stream, &AppendToStreamOptions::default(), &metadata).await
            });
            if let Err(error) = few {
                tracing::warn!(?error, "the signs of life of the journal's writer are kept for ever");
            }
        }
        let state = Mutex::new(State { revision, signed });
        let shared = Arc::new(Shared { supervisor, sign, lease, state, lost: AtomicBool::new(false) });
        let (stop, stopped) = channel();
        let for_thread = Arc::clone(&shared);
        let failed =
            |error: std::io::Error| JournalError::Unavailable(format!("cannot start a thread: {error}"));
        let thread = std::thread::Builder::new().name("journal-lease".into()).spawn(move || {
            let every = for_thread.lease / SIGNS;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(every) {
                if for_thread.lost.load(Ordering::Acquire) {
                    return;
                }
                for_thread.renew();
            }
            for_thread.release();
        });
        Ok(Self { shared, stop: Some(stop), thread: Some(thread.map_err(failed)?) })
    }

    /// How long an append may take that is sent now; none when nothing may be sent.
    ///
    /// # Errors
    /// [`JournalError::Locked`] when another process has taken it, [`JournalError::Unavailable`] while it could not be
    /// renewed.
    pub(super) fn left(&self) -> Result<Duration, JournalError> {
        if self.shared.lost.load(Ordering::Acquire) {
            return Err(lost(&self.shared.supervisor));
        }
        let age = self.shared.state.lock().signed.elapsed();
        // what is sent has until then to arrive; the last part is left for the way back and clocks that tick apart
        let left = (self.shared.lease - self.shared.lease / SIGNS).saturating_sub(age);
        if left < self.shared.lease / SIGNS {
            return Err(JournalError::Unavailable(format!(
                "{} has not taken a sign of life for {:.1} seconds, so others may write it soon: nothing is sent before \
                 it has taken one",
                self.shared.supervisor.target.name,
                age.as_secs_f64()
            )));
        }
        Ok(left)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the journal's lease panicked");
        }
    }
}

impl Shared {
    fn renew(&self) {
        let revision = self.state.lock().revision;
        let signed = Instant::now();
        match send(&self.supervisor, &self.sign, StreamState::StreamRevision(revision)) {
            Ok(revision) => *self.state.lock() = State { revision, signed },
            Err(Failure::Refused(Error::WrongExpectedVersion { .. })) => match look(&self.supervisor) {
                // the one before had arrived, and its answer not: that counts from when it was sent
                Ok(Some(found)) if found.sign == self.sign => self.state.lock().revision = found.revision,
                Ok(_) | Err(JournalError::Corrupt(_)) => {
                    tracing::error!(journal = %self.supervisor.target.name, "another process took the journal's lease");
                    self.lost.store(true, Ordering::Release);
                }
                Err(error) => tracing::warn!(%error, "the journal's lease could not be looked at"),
            },
            Err(error) => tracing::warn!(?error, "the journal's lease could not be renewed"),
        }
    }

    fn release(&self) {
        let revision = self.state.lock().revision;
        let last = Sign { released: true, ..self.sign.clone() };
        if let Err(error) = send(&self.supervisor, &last, StreamState::StreamRevision(revision)) {
            tracing::warn!(
                ?error,
                "the journal's lease was not given back: who opens it next waits until it runs out"
            );
        }
    }
}

/// An id that no other process has: of a sign, never of what the journal holds.
#[allow(clippy::disallowed_methods)]
fn fresh() -> Uuid {
    Uuid::now_v7()
}

/// Waits until nobody holds it; the revision behind which to take it.
fn wait_for_silence(supervisor: &Supervisor, lease: Duration) -> Result<Option<u64>, JournalError> {
    let Some(mut found) = look(supervisor)? else { return Ok(None) };
    if found.sign.released {
        return Ok(Some(found.revision));
    }
    tracing::info!(
        journal = %supervisor.target.name, writer = %found.sign.who,
        "waiting {:.0} seconds at most for a sign of the last writer", lease.as_secs_f64()
    );
    let began = Instant::now();
    while began.elapsed() < lease {
        std::thread::sleep((lease / 50).max(Duration::from_millis(10)));
        let Some(now) = look(supervisor)? else { return Ok(None) };
        if now.sign.released {
            return Ok(Some(now.revision));
        }
        if now.revision != found.revision {
            return Err(held(supervisor, now.sign.who));
        }
        found = now;
    }
    Ok(Some(found.revision))
}

/// Whether anybody ever wrote this journal.
pub(super) fn was_taken(supervisor: &Supervisor) -> Result<bool, JournalError> {
    Ok(look(supervisor)?.is_some())
}

/// The last sign there is.
fn look(supervisor: &Supervisor) -> Result<Option<Found>, JournalError> {
    let name = supervisor.target.lease.clone();
    let options = ReadStreamOptions::default()
        .backwards()
        .position(StreamPosition::End)
        .max_count(1)
        .requires_leader(true)
        .deadline(super::session::ONE_ANSWER);
    let read = supervisor.read(move |client: Client| {
        let (name, options) = (name.clone(), options.clone());
        async move { client.read_stream(name, &options).await?.next().await }
    });
    let event = match read {
        Ok(event) => event.and_then(|event| event.event),
        Err(Error::ResourceNotFound) => None,
        Err(error) => return Err(supervisor.unavailable(&error)),
    };
    let Some(event) = event else { return Ok(None) };
    let target = &supervisor.target;
    let sign = event
        .as_json()
        .map_err(|_| target.damaged(event.position.commit, "is no sign of a journal's writer"))?;
    Ok(Some(Found { revision: event.revision, sign }))
}

/// Appends a sign; its revision.
fn send(supervisor: &Supervisor, sign: &Sign, expected: StreamState) -> Result<u64, Failure> {
    let event = EventData::json(if sign.released { "Released" } else { "Held" }, sign);
    let event = event.map_err(|error| Failure::Unsent(error.to_string()))?.id(fresh());
    let name = supervisor.target.lease.clone();
    // a sign that is late is worth little: others are to be tried soon
    let patience = Tries::new(Duration::from_secs(3)).left();
    let options =
        AppendToStreamOptions::default().stream_state(expected).requires_leader(true).deadline(patience);
    let written = supervisor.call(patience, move |client: Client| async move {
        client.append_to_stream(name, &options, event).await
    })?;
    Ok(written.next_expected_version)
}

fn held(supervisor: &Supervisor, who: String) -> JournalError {
    JournalError::Locked(format!(
        "{} is being written by {who}; stop it, or open the journal read-only",
        supervisor.target.name
    ))
}

fn lost(supervisor: &Supervisor) -> JournalError {
    JournalError::Locked(format!(
        "{} was taken over by another process while this one gave no sign; start this one again",
        supervisor.target.name
    ))
}
