//! What is done about keys beside the requests: on a thread of its own, a few times a second.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Access, AccessError};

/// How often it looks: a key that another process revoked is out of force after this at the latest.
const PAUSE: Duration = Duration::from_millis(250);

/// The thread; stopped, and the log written, when this is dropped.
pub struct Clerk {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Clerk {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(access: Arc<Access>) -> Result<Self, AccessError> {
        let (stop, stopped) = channel::<()>();
        let work = move || {
            let mut failing = false;
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                let done = access.tidy();
                if let (Err(error), false) = (&done, failing) {
                    tracing::error!(%error, "keys are as they were, and accesses wait to be logged");
                }
                failing = done.is_err();
            }
            if let Err(error) = access.tidy() {
                tracing::error!(%error, "the last accesses were not logged");
            }
        };
        let thread = std::thread::Builder::new().name("keys".to_owned()).spawn(work);
        let thread =
            thread.map_err(|error| AccessError::Unavailable(format!("no thread for keys: {error}")))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread for keys died");
        }
    }
}
