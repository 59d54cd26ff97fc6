//! The client, under supervision.
//!
//! The client of KurrentDB was seen to have defects that a journal must survive: after a crash of the leader it never asks
//! the other nodes; when no node answers at first, every later call fails; a client that is dropped leaves its tasks and
//! connections behind. So every client has a runtime of its own, with one thread, and goes with it when a call fails in a way
//! that may be the client's: the next call makes a new one. A call that panics in the client, or does not answer, is a call
//! that failed.
//!
//! Nothing here runs on the caller's runtime, and the caller waits without one.

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use eventstore::{Client, Error};
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use super::target::Target;
use crate::JournalError;

/// Pause before a call is tried again, and the longest one after some tries.
const AGAIN: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database answered, and did nothing.
    Refused(Error),
    /// No node was found that could be asked: nothing was sent.
    Unsent(String),
    /// Perhaps it did what was asked, perhaps not.
    Unclear(String),
}

/// One client with the runtime that it lives on.
struct Session {
    number: u64,
    client: Client,
    runtime: Option<Runtime>,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Makes clients and throws them away.
pub(super) struct Supervisor {
    pub target: Target,
    pub patience: Duration,
    current: Mutex<(u64, Option<Arc<Session>>)>,
}

impl Supervisor {
    pub(super) fn new(target: Target, patience: Duration) -> Self {
        Self { target, patience, current: Mutex::default() }
    }

    fn session(&self) -> Result<Arc<Session>, Failure> {
        let mut current = self.current.lock();
        if let Some(session) = &current.1 {
            return Ok(Arc::clone(session));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("kurrentdb-client")
            .enable_all()
            .build()
            .map_err(|error| Failure::Unsent(format!("cannot start a runtime: {error}")))?;
        let client = Client::with_runtime_handle(runtime.handle().clone(), self.target.settings.clone());
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                runtime.shutdown_background();
                return Err(Failure::Unsent(format!("the client cannot be made: {error}")));
            }
        };
        current.0 += 1;
        let session = Arc::new(Session { number: current.0, client, runtime: Some(runtime) });
        current.1 = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Lets go of a client that failed, unless somebody has already.
    fn replace(&self, session: &Session, why: &str) {
        let mut current = self.current.lock();
        if current.1.as_ref().is_some_and(|now| now.number == session.number) {
            tracing::warn!(journal = %self.target.name, %why, "the client of KurrentDB is replaced");
            current.1 = None;
        }
    }

    /// Calls once. Blocks up to `patience`; what has not answered then is cut off.
    pub(super) fn call<T, F, Fut>(&self, patience: Duration, what: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(Client) -> Fut,
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let session = self.session()?;
        let (answer, answered) = sync_channel(1);
        let asked = what(session.client.clone());
        let Some(runtime) = &session.runtime else { return Err(Failure::Unsent("it was closed".to_owned())) };
        let task = runtime.spawn(async move {
            let _ = answer.send(asked.await); // who no longer waits has given up
        });
        let why = match answered.recv_timeout(patience) {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) if refused(&error) => return Err(Failure::Refused(error)),
            // it goes where it was told by itself
            Ok(Err(error @ Error::NotLeaderException(_))) => return Err(Failure::Refused(error)),
            Ok(Err(error @ (Error::GrpcConnectionError(_) | Error::ConnectionClosed))) => {
                self.replace(&session, &error.to_string());
                return Err(Failure::Unsent(error.to_string()));
            }
            Ok(Err(error)) => error.to_string(),
            Err(RecvTimeoutError::Timeout) => {
                task.abort();
                format!("no answer within {:.1} seconds", patience.as_secs_f64())
            }
            Err(RecvTimeoutError::Disconnected) => "the client broke".to_owned(),
        };
        self.replace(&session, &why);
        Err(Failure::Unclear(why))
    }

    /// Calls what only reads, again and again while the cluster may come back.
    pub(super) fn read<T, F, Fut>(&self, what: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(Client) -> Fut,
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let mut tries = Tries::new(self.patience);
        loop {
            let why = match self.call(tries.left(), &what) {
                Ok(done) => return Ok(done),
                Err(Failure::Refused(Error::NotLeaderException(leader))) => {
                    format!("the leader is {leader:?}")
                }
                Err(Failure::Refused(error)) => return Err(error),
                Err(Failure::Unsent(why) | Failure::Unclear(why)) => why,
            };
            if !tries.again() {
                return Err(Error::ServerError(why));
            }
        }
    }

    /// What a reader is told.
    pub(super) fn unavailable(&self, error: &Error) -> JournalError {
        let at = &self.target.name;
        match error {
            Error::AccessDenied => JournalError::Unavailable(format!(
                "{at} does not let this user in; name one with its password: esdb://USER:PASSWORD@HOST"
            )),
            Error::ResourceDeleted => {
                JournalError::Corrupt(format!("{at}: a stream of the journal was deleted for ever"))
            }
            error => JournalError::Unavailable(format!("{at}: {error}")),
        }
    }
}

/// Whether the database itself said no, and is as it was.
fn refused(error: &Error) -> bool {
    match error {
        Error::WrongExpectedVersion { .. }
        | Error::AccessDenied
        | Error::ResourceNotFound
        | Error::ResourceDeleted
        | Error::ResourceAlreadyExists
        | Error::UnsupportedFeature => true,
        Error::Grpc { code, .. } => {
            // by name: the type is of the client's own version of tonic
            matches!(format!("{code:?}").as_str(), "InvalidArgument" | "FailedPrecondition" | "OutOfRange")
        }
        _ => false,
    }
}

/// Tries within a time, with growing pauses.
pub(super) struct Tries {
    until: Instant,
    pause: Duration,
}

/// Longest wait for one answer: behind it a new client is made, which may find a node that answers.
pub(super) const ONE_ANSWER: Duration = Duration::from_secs(10);

impl Tries {
    pub(super) fn new(patience: Duration) -> Self {
        Self { until: Instant::now() + patience, pause: AGAIN }
    }

    /// How long the next one may take.
    pub(super) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(100), ONE_ANSWER)
    }

    /// Pauses; false when there is no time for another one.
    pub(super) fn again(&mut self) -> bool {
        if Instant::now() + self.pause >= self.until {
            return false;
        }
        std::thread::sleep(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}
