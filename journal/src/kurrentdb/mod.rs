//! The journal in a KurrentDB (EventStoreDB) cluster. Behind the cargo feature `kurrentdb`; a build without it says how to
//! get one.
//!
//! Every stream of the journal is a stream of the database, under the journal's name: `order-1` is `daybook/order-1`. The
//! whole log is read as `$all`, filtered by that name on the server, so that system events, links and other journals are left
//! out. A position is the commit position the database gives: **ordered, not dense**, and opaque ([`Journal::dense`]).
//! How to set a cluster up is in `docs/kurrentdb.md`, and what of it no test has seen.
//!
//! Correctness: one writer thread sends one append at a time, each with the exact revision that it expects and with ids that
//! stay the same when it is sent again, so that a repeat is recognised by the database. What came of an append is found out
//! before the next one is sent: the order of positions is the order in which this journal decided, and `recorded_at` never
//! decreases. That nobody else writes meanwhile rests on a lease (`lease.rs`), which the database cannot hold a writer to:
//! see there for what that means.
//!
//! The client is kept behind a supervisor (`session.rs`) that throws it away with all of its threads when it fails: it does
//! not find a new leader by itself, and stays dead when no node answered at first. Its subscriptions and its batched appends
//! are not used.

#[cfg(feature = "kurrentdb")]
mod event;
#[cfg(feature = "kurrentdb")]
mod journal;
#[cfg(feature = "kurrentdb")]
mod lease;
#[cfg(feature = "kurrentdb")]
mod marks;
#[cfg(feature = "kurrentdb")]
mod read;
#[cfg(feature = "kurrentdb")]
mod restore;
#[cfg(feature = "kurrentdb")]
mod session;
#[cfg(feature = "standin")]
pub mod standin;
#[cfg(feature = "kurrentdb")]
mod target;
#[cfg(feature = "kurrentdb")]
mod writer;

use std::sync::Arc;
use std::time::Duration;

use crate::{Clock, Journal, JournalError, Restore, SystemClock};

#[cfg(feature = "kurrentdb")]
pub use self::journal::KurrentJournal;
#[cfg(feature = "kurrentdb")]
pub use self::restore::KurrentRestore;

/// Bounds and ports of a journal in KurrentDB.
#[derive(Clone)]
pub struct Options {
    /// Where `recorded_at` comes from.
    pub clock: Arc<dyn Clock>,
    /// Events that may wait for the writer before `append` waits for room.
    pub queue_events: u32,
    /// Streams and commands the writer keeps in memory, counted together; about 100 bytes each.
    pub stream_cache_entries: usize,
    /// How long a writer that says nothing any more keeps others out: so long waits who opens a journal behind one that died.
    pub lease: Duration,
    /// How long a call tries again while the cluster does not answer.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            queue_events: 32_768,
            stream_cache_entries: 1_000_000,
            lease: Duration::from_secs(15),
            patience: Duration::from_secs(30),
        }
    }
}

/// The schemes of its URLs.
const SCHEMES: [&str; 4] = ["esdb", "esdb+discover", "kurrentdb", "kurrentdb+discover"];

/// Whether a URL of this scheme names such a journal.
#[must_use]
pub fn is_scheme(scheme: &str) -> bool {
    SCHEMES.contains(&scheme)
}

/// A URL for messages: without its password.
#[must_use]
pub fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        Some((who, place)) => {
            format!("{scheme}://{}@{place}", who.split(':').next().unwrap_or_default())
        }
        None => url.to_owned(),
    }
}

/// Opens a journal for writing and reading, for this process alone. `url`:
/// `esdb://USER:PASSWORD@HOST:2113?tls=true&journal=NAME`, several hosts with commas between them, or
/// `esdb+discover://DOMAIN`; `kurrentdb` may stand for `esdb`. The name is `daybook` where none is given.
///
/// # Errors
/// [`JournalError::Locked`] when another process writes it, [`JournalError::Corrupt`] when what it holds is not a journal's,
/// [`JournalError::Unavailable`] when it cannot be reached, does not let the user in, or this build has no KurrentDB.
pub fn open(url: &str, options: Options) -> Result<Arc<dyn Journal>, JournalError> {
    #[cfg(feature = "kurrentdb")]
    return Ok(Arc::new(KurrentJournal::open(url, options)?));
    #[cfg(not(feature = "kurrentdb"))]
    {
        let _ = options;
        Err(not_built(url))
    }
}

/// Opens a journal for reading only, beside who writes it or without one.
///
/// # Errors
/// As [`open`], but never `Locked`.
pub fn open_read_only(url: &str) -> Result<Arc<dyn Journal>, JournalError> {
    #[cfg(feature = "kurrentdb")]
    return Ok(Arc::new(KurrentJournal::open_read_only(url)?));
    #[cfg(not(feature = "kurrentdb"))]
    Err(not_built(url))
}

/// Opens a journal to take the events of another one, or makes it.
///
/// # Errors
/// As [`open`].
pub fn restore(url: &str, options: Options) -> Result<Box<dyn Restore>, JournalError> {
    #[cfg(feature = "kurrentdb")]
    return Ok(Box::new(KurrentRestore::open(url, options)?));
    #[cfg(not(feature = "kurrentdb"))]
    {
        let _ = options;
        Err(not_built(url))
    }
}

/// What a build without it says; tests ask it of any build.
#[cfg(any(test, not(feature = "kurrentdb")))]
fn not_built(url: &str) -> JournalError {
    JournalError::Unavailable(format!(
        "{} is a KurrentDB, and this program was built without it: build it with `cargo build --release --features \
         kurrentdb`, or use sqlite:PATH or postgres://HOST/DATABASE",
        shown(url)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(shown("esdb://ann:s3c@ret@h:2113?tls=false"), "esdb://ann@h:2113?tls=false");
        assert_eq!(shown("esdb://h:2113"), "esdb://h:2113");
    }

    #[test]
    fn a_build_without_it_says_how_to_get_it() {
        let text = not_built("esdb://a:b@h").to_string();
        assert!(text.contains("--features kurrentdb") && text.contains("esdb://a@h"), "{text}");
    }
}
