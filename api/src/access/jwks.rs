//! The public keys of an issuer: a JWK set in a file, or at a URL that is read from time to time and whenever a token
//! names a key that is not there; never more often than the floor allows, whoever asks.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use axum::body::Bytes;
use axum::http::{Request, header};
use http_body_util::Full;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::AccessError;
use crate::outgoing::{Outgoing, absolute};

/// Largest set of keys.
const LARGEST: usize = 1 << 20;
/// Longest time to read it from a URL; requests with a key that is not known wait for it.
const LONGEST_READING: Duration = Duration::from_secs(5);
/// After so long without an answer at the URL its keys count no more.
const LONGEST_AGE: Duration = Duration::from_secs(24 * 3600);
/// Most requests that wait for a reading; others are refused at once.
const MOST_WAITING: usize = 64;

/// Where an issuer's public keys are to be had, as a JWK set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// In a file that somebody keeps fresh; read again when it changes.
    File(PathBuf),
    /// At a URL.
    Url {
        /// It, with https.
        url: String,
        /// Certificates that its server is held to, PEM; without, the public authorities'.
        ca: Option<PathBuf>,
        /// How often it is read.
        every: Duration,
        /// Least time between two readings.
        floor: Duration,
    },
}

/// Keys, and which reading they come from.
#[derive(Default)]
pub(super) struct Keys {
    pub set: Vec<Jwk>,
    /// Counts changes: what an older one let in is not kept.
    pub reading: u64,
}

impl Keys {
    /// The key for signatures of that name; without one, the only key there is.
    pub fn named(&self, kid: Option<&str>) -> Option<&Jwk> {
        let signs =
            |key: &&Jwk| key.common.public_key_use.as_ref().is_none_or(|u| *u == PublicKeyUse::Signature);
        let mut signing = self.set.iter().filter(signs);
        match kid {
            Some(kid) => signing.find(|key| key.common.key_id.as_deref() == Some(kid)),
            None => signing.next().filter(|_| signing.next().is_none()),
        }
    }
}

/// Keys that are kept as fresh as their source.
pub(super) struct Kept {
    pub keys: Arc<RwLock<Keys>>,
    from: From,
}

enum From {
    File { path: PathBuf, read: Mutex<Stamp> },
    Url(Reader),
}

/// By what a file is known to be the one that was read. Its time alone does not tell: of two changes within a tick of the
/// clock that files are stamped with, both bear the same.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    changed_at: SystemTime,
    length: u64,
    /// Another file where one is laid in the place of the other; 0 where files have no numbers.
    number: u64,
}

impl Stamp {
    fn of(about: &Metadata) -> io::Result<Self> {
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(about);
        #[cfg(not(unix))]
        let number = 0;
        Ok(Self { changed_at: about.modified()?, length: about.len(), number })
    }
}

impl Kept {
    /// Reads a file now; a URL is read by a thread, and nobody waits for that.
    pub fn open(source: &KeySource) -> Result<Self, AccessError> {
        match source {
            KeySource::File(path) => {
                let (set, stamp) = read(path)?;
                let keys = Arc::new(RwLock::new(Keys { set, reading: 0 }));
                Ok(Self { keys, from: From::File { path: path.clone(), read: Mutex::new(stamp) } })
            }
            KeySource::Url { url, ca, every, floor } => {
                let refuse = |why: String| AccessError::Refused { field: "jwks", why };
                if absolute(url).map_err(refuse)?.scheme_str() != Some("https") {
                    return Err(refuse("use https: whoever changes keys on their way is let in".to_owned()));
                }
                let outgoing = ca.as_deref().map_or_else(|| Ok(Outgoing::new()), Outgoing::trusting);
                let outgoing = outgoing.map_err(refuse)?;
                let keys = Arc::default();
                let reading = Reading { url: url.clone(), outgoing, keys: Arc::clone(&keys), every: *every };
                Ok(Self { keys, from: From::Url(Reader::start(reading, *floor)?) })
            }
        }
    }

    /// Reads a file again where it has changed. One that cannot be read leaves those in force that there were.
    pub fn refresh(&self) -> Result<(), AccessError> {
        let From::File { path, read: last } = &self.from else { return Ok(()) };
        let stamp = std::fs::metadata(path).and_then(|about| Stamp::of(&about));
        let stamp = stamp.map_err(|error| unavailable(path, &error))?;
        if stamp != *last.lock() {
            let (set, stamp) = read(path)?;
            *last.lock() = stamp;
            put(&self.keys, set);
        }
        Ok(())
    }

    /// Waits for a new reading, where there may be one now; says whether there was one.
    pub async fn look_again(&self) -> bool {
        match &self.from {
            From::File { .. } => false,
            From::Url(reader) => reader.look_again().await,
        }
    }
}

/// Puts keys in force; those that stand already change nothing.
fn put(keys: &RwLock<Keys>, set: Vec<Jwk>) {
    let mut keys = keys.write();
    if keys.set != set {
        *keys = Keys { set, reading: keys.reading + 1 };
    }
}

/// The keys of a set that can be understood; of a kind that is not taken there may be some beside them.
fn parse(bytes: &[u8]) -> Result<Vec<Jwk>, String> {
    let mut set: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match set["keys"].take() {
        Value::Array(keys) => {
            Ok(keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect())
        }
        _ => Err("it is no JWK set: it has no list `keys`".to_owned()),
    }
}

fn read(file: &Path) -> Result<(Vec<Jwk>, Stamp), AccessError> {
    let about = std::fs::metadata(file).map_err(|error| unavailable(file, &error))?;
    if about.len() > LARGEST as u64 {
        return Err(unavailable(file, &"it is larger than a set of keys can be"));
    }
    let stamp = Stamp::of(&about).map_err(|error| unavailable(file, &error))?;
    let bytes = std::fs::read(file).map_err(|error| unavailable(file, &error))?;
    Ok((parse(&bytes).map_err(|why| unavailable(file, &why))?, stamp))
}

fn unavailable(file: &Path, error: &dyn std::fmt::Display) -> AccessError {
    AccessError::Unavailable(format!("jwks {}: cannot read the issuer's keys: {error}", file.display()))
}

/// What a reading of a URL takes.
struct Reading {
    url: String,
    outgoing: Outgoing,
    keys: Arc<RwLock<Keys>>,
    every: Duration,
}

impl Reading {
    async fn once(&self) -> Result<Vec<Jwk>, String> {
        let request = Request::get(&self.url).header(header::ACCEPT, "application/json");
        let request = request.body(Full::new(Bytes::new())).map_err(|error| error.to_string())?;
        // an issuer may stand beside us: its address is the settings', not a caller's
        let asked = timeout(LONGEST_READING, self.outgoing.ask(request, |_| true, Some(LARGEST)));
        let late = |_| format!("no answer within {} seconds", LONGEST_READING.as_secs());
        let heard = asked.await.map_err(late)??;
        match heard.status {
            200 => parse(&heard.body),
            status => Err(format!("it answers {status}")),
        }
    }
}

/// The thread that reads a URL; stopped when this is dropped.
struct Reader {
    wanted: Arc<Notify>,
    /// Whether the last reading is too short ago for another.
    resting: Arc<AtomicBool>,
    readings: watch::Receiver<u64>,
    waiting: Semaphore,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    fn start(reading: Reading, floor: Duration) -> Result<Self, AccessError> {
        let no_thread = |error| AccessError::Unavailable(format!("no thread for the issuer's keys: {error}"));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
        let (told, readings) = watch::channel(0);
        let (stop, stopped) = oneshot::channel();
        let (wanted, resting) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let (asked, rests) = (Arc::clone(&wanted), Arc::clone(&resting));
        let work = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = keep_reading(&reading, floor, &asked, &rests, &told) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background(); // a name that is being resolved is not waited for
        };
        let thread = std::thread::Builder::new().name("issuer".to_owned()).spawn(work).map_err(no_thread)?;
        let waiting = Semaphore::new(MOST_WAITING);
        Ok(Self { wanted, resting, readings, waiting, stop: Some(stop), thread: Some(thread) })
    }

    async fn look_again(&self) -> bool {
        // before it is looked whether it rests: a reading that begins in between is seen to end
        let mut readings = self.readings.clone();
        readings.mark_unchanged();
        self.wanted.notify_one();
        if self.resting.load(Ordering::Acquire) {
            return false;
        }
        let Ok(_place) = self.waiting.try_acquire() else { return false };
        matches!(timeout(LONGEST_READING, readings.changed()).await, Ok(Ok(())))
    }
}

async fn keep_reading(
    reading: &Reading,
    floor: Duration,
    wanted: &Notify,
    resting: &AtomicBool,
    told: &watch::Sender<u64>,
) {
    let mut read_at = Instant::now();
    let mut failing = false;
    loop {
        let read = reading.once().await;
        let good = read.is_ok();
        match read {
            Ok(set) => {
                if failing {
                    tracing::info!(url = reading.url, "the issuer's keys are read again");
                }
                put(&reading.keys, set);
                read_at = Instant::now();
            }
            Err(why) => {
                if !failing {
                    tracing::error!(url = reading.url, why, "the issuer's keys stay as they were");
                }
                if read_at.elapsed() > LONGEST_AGE {
                    put(&reading.keys, Vec::new());
                }
            }
        }
        failing = !good;
        resting.store(true, Ordering::Release);
        told.send_modify(|readings| *readings += 1);
        sleep(floor).await;
        resting.store(false, Ordering::Release);
        if good {
            tokio::select! {
                () = wanted.notified() => {}
                () = sleep(reading.every.saturating_sub(floor)) => {}
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread for the issuer's keys died");
        }
    }
}

#[cfg(test)]
#[path = "jwks_tests.rs"]
mod tests;
