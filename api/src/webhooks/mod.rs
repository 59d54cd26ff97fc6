//! Webhooks after the Standard Webhooks specification: events are brought to receivers, signed.
//!
//! Each webhook has a cursor in the journal, kept in a file. Its events go one after the other, in the journal's order,
//! each at least once: what is not taken is tried again with growing pauses, then put aside as a dead letter, and
//! the next one goes. A webhook that gives up one event after the other is disabled where it stands, and loses nothing.

mod address;
mod client;
mod deliver;
mod endpoints;
mod sign;
mod store;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use daybook_domain::Timestamp;
use daybook_journal::{Clock, SystemClock};
use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

pub(crate) use endpoints::endpoints;

use crate::problem::{Problem, UNAVAILABLE};
use crate::{Service, Shared};
use client::Client;
use store::Store;

/// How receivers are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether they may be called without TLS.
    pub allow_http: bool,
    /// Whether they may be called in private networks and on this machine.
    pub allow_private: bool,
    /// How often an event is tried.
    pub attempts: u32,
    /// Pause before the second attempt; each later one is four times as long, with up to a quarter more by chance.
    pub pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
    /// Longest time for one attempt.
    pub timeout: Duration,
}

impl Default for Options {
    /// Ten attempts over about six hours, 15 seconds each; only public addresses, only https.
    fn default() -> Self {
        Self {
            allow_http: false,
            allow_private: false,
            attempts: 10,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(2 * 3600),
            timeout: Duration::from_secs(15),
        }
    }
}

/// Why webhooks cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("webhooks cannot be kept: {0}")]
pub struct WebhookError(String);

impl From<rusqlite::Error> for WebhookError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        Self::own(UNAVAILABLE, &error)
    }
}

/// The webhooks of a service.
pub struct Webhooks {
    store: Store,
    options: Options,
    client: Client,
    /// What delivers, by webhook.
    running: Mutex<HashMap<String, JoinHandle<()>>>,
    stopping: watch::Sender<bool>,
}

impl Webhooks {
    /// The webhooks kept in the file at `path`, which is made where needed; `None`: in memory.
    ///
    /// # Errors
    /// [`WebhookError`] when the file cannot be opened.
    pub fn open(path: Option<&Path>, options: Options) -> Result<Self, WebhookError> {
        let store = Store::open(path)?;
        let running = Mutex::new(HashMap::new());
        Ok(Self { store, options, client: Client::new(), running, stopping: watch::Sender::new(false) })
    }

    /// Begins to deliver, for as long as the service is there.
    ///
    /// # Errors
    /// [`WebhookError`] when the file cannot be read.
    pub(crate) fn start(shared: &Shared) -> Result<(), WebhookError> {
        for webhook in shared.webhooks.store.all()? {
            if webhook.disabled.is_none() {
                Self::begin(shared, &webhook.id);
            }
        }
        Ok(())
    }

    /// Begins to deliver to one; what delivered to it before ends.
    fn begin(shared: &Shared, id: &str) {
        let Ok(runtime) = Handle::try_current() else {
            tracing::warn!("webhooks deliver nothing: the service was made outside of a runtime");
            return;
        };
        let mut running = shared.webhooks.running.lock();
        let stopping = shared.webhooks.stopping.subscribe();
        if *stopping.borrow() {
            return;
        }
        let service: Weak<Service> = Arc::downgrade(shared);
        let task = runtime.spawn(deliver::follow(service, id.to_owned(), stopping));
        if let Some(before) = running.insert(id.to_owned(), task) {
            before.abort();
        }
    }

    /// Ends all deliveries: none begins any more, and those under way have a while to come to their end.
    pub(crate) async fn stop(&self, grace: Duration) {
        self.stopping.send_replace(true);
        let mut running: Vec<JoinHandle<()>> = self.running.lock().drain().map(|(_, task)| task).collect();
        if timeout(grace, join_all(&mut running)).await.is_err() {
            running.iter().for_each(JoinHandle::abort);
            join_all(running.into_iter().filter(|task| !task.is_finished())).await;
        }
    }

    /// Whether deliveries are to end.
    fn stops(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Ends the delivery to one.
    fn end(&self, id: &str) {
        if let Some(task) = self.running.lock().remove(id) {
            task.abort();
        }
    }
}

impl Drop for Webhooks {
    fn drop(&mut self) {
        self.running.lock().values().for_each(JoinHandle::abort);
    }
}

/// The time of signatures and pauses: the world's, whatever clock the market runs on.
fn now() -> Timestamp {
    Timestamp(SystemClock.now())
}

/// A new id of a webhook or of a message that is no event.
#[allow(clippy::disallowed_methods)] // nothing that is decided depends on it
fn new_id() -> String {
    Uuid::now_v7().to_string()
}
