//! A thread that follows the journal: sleep until something is appended, apply it, sleep again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::ReadModels;

/// Longest sleep: how soon a request to stop is seen.
const SLEEP: Duration = Duration::from_millis(200);
/// Longest rest after a batch, which nobody has who waits for the models.
const REST: Duration = Duration::from_millis(50);
/// Pause after an error, so that a full disk or an unknown event does not spin.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// Follows the journal in the background until it is stopped or dropped.
#[derive(Debug)]
pub struct Follower {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Starts following. Errors are logged, shown by [`ReadModels::status`], and tried again.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(models: ReadModels) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        models.keeps_following(true);
        let thread = std::thread::Builder::new().name("read-models".into()).spawn(move || {
            let mut last = String::new();
            while !seen.load(Ordering::Relaxed) {
                let began = Instant::now();
                match models.catch_up(&mut |_| {}) {
                    Ok(at) => {
                        last.clear();
                        if at.applied < at.head {
                            // another process follows for all, and has not come that far
                            std::thread::sleep(REST);
                        }
                        // While much happens, fewer and larger batches: each has its price, whatever its size.
                        models.rest(REST.min(began.elapsed() * 3));
                        if models.journal().wait_beyond(at.applied, SLEEP).is_err() {
                            std::thread::sleep(SLEEP);
                        }
                    }
                    Err(e) => {
                        let e = e.to_string();
                        if e != last {
                            tracing::error!(error = %e, "read models do not follow");
                        }
                        last = e;
                        pause(&seen);
                    }
                }
            }
            models.keeps_following(false);
            models.lets_go();
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Stops after the batch under way.
    pub fn stop(mut self) {
        self.join();
    }

    fn join(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that follows the journal panicked");
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.join();
    }
}

fn pause(stop: &AtomicBool) {
    let mut left = AFTER_ERROR;
    while !left.is_zero() && !stop.load(Ordering::Relaxed) {
        let nap = left.min(Duration::from_millis(50));
        std::thread::sleep(nap);
        left -= nap;
    }
}
