//! Who read or changed which merchant's data, when, by which endpoint.

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::Method;
use daybook_domain::time::DAY;
use daybook_domain::{MerchantId, PartyId, Timestamp};
use parking_lot::Mutex;
use serde::Serialize;

use super::store::Store;
use super::{AccessError, Role};

/// Entries that wait at most; past it they are written down at once.
const MOST_PENDING: usize = 32_768;

/// Accesses that are alike (who, whose data, which endpoint, how answered) and changed nothing make two entries in so
/// many microseconds at most: the first, and those after it together. Who follows the whole feed would fill the log.
const ALIKE: i64 = 3_600_000_000;
/// Most of them that are told apart.
const MOST_ALIKE: usize = 65_536;

/// What a handler says in its response's extensions: whose data it read or changed. The merchant of the path counts
/// without that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched(pub Vec<MerchantId>);

/// The same of a request of many: for each of its parts the endpoint that stands for it, whose data it came near, and
/// how it was answered. Parts that agree in all three are one access.
#[derive(Clone, Debug, Default)]
pub(crate) struct TouchedByParts(pub BTreeSet<(String, MerchantId, u16)>);

/// An access, before it is written down.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub at: Timestamp,
    pub actor: PartyId,
    pub role: Role,
    pub merchant: MerchantId,
    pub endpoint: (Method, Arc<str>),
    pub status: u16,
    pub request_id: String,
}

/// An access as it was written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Logged {
    /// Counts upwards.
    pub id: i64,
    /// When it was answered.
    pub at: Timestamp,
    /// Who asked.
    pub actor: PartyId,
    /// In which role.
    pub role: Role,
    /// Whose data it was about.
    pub merchant: MerchantId,
    /// `GET` where it was read, else changed.
    pub method: String,
    /// The endpoint's path, with its parameters' names.
    pub endpoint: String,
    /// How it was answered; refused accesses are listed as well.
    pub status: u16,
    /// Of the answer's `X-Request-Id`.
    pub request_id: String,
    /// How often: what is read again and again is listed once as it begins, then by the hour. Time and request are
    /// those of the first.
    pub times: u64,
}

/// Which accesses are asked for.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Those to this merchant's data.
    pub merchant: Option<MerchantId>,
    /// Those of this caller.
    pub actor: Option<PartyId>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// After the entry of this id.
    pub after: i64,
    /// So many at most.
    pub limit: u32,
}

/// What is kept of the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keeping {
    /// For how many days.
    pub days: u32,
    /// How many entries are more than is usual: to be told to whoever looks after the service.
    pub usual: u64,
}

/// Entries on their way into the file.
pub(super) struct Log {
    pending: Mutex<Pending>,
    keeping: Keeping,
    /// Whether somebody writes them down because too many wait.
    urgent: AtomicBool,
    warned: AtomicBool,
}

/// An entry, and how often.
pub(super) type Times = (Entry, u64);

#[derive(Default)]
struct Pending {
    entries: Vec<Times>,
    /// The hour of `alike`.
    hour: i64,
    /// Accesses of this hour that changed nothing, with what came after the first.
    alike: HashMap<Alike, Option<Times>>,
}

type Alike = (PartyId, MerchantId, (Method, Arc<str>), u16);

impl Pending {
    fn add(&mut self, entry: Entry) {
        let hour = entry.at.0.div_euclid(ALIKE);
        if hour != self.hour || self.alike.len() >= MOST_ALIKE {
            self.gather();
            self.alike.clear();
            self.hour = hour;
        }
        if entry.endpoint.0 != Method::GET && entry.status < 400 {
            self.entries.push((entry, 1));
            return;
        }
        match self.alike.entry((entry.actor, entry.merchant, entry.endpoint.clone(), entry.status)) {
            Vacant(first) => {
                first.insert(None);
                self.entries.push((entry, 1));
            }
            Occupied(mut again) => match again.get_mut() {
                Some((_, times)) => *times += 1,
                none => *none = Some((entry, 1)),
            },
        }
    }

    /// What came after the first accesses is to be written as it is.
    fn gather(&mut self) {
        let Self { entries, alike, .. } = self;
        entries.extend(alike.values_mut().filter_map(Option::take));
    }
}

impl Log {
    pub fn new(keeping: Keeping) -> Self {
        Self {
            pending: Mutex::default(),
            keeping,
            urgent: AtomicBool::new(false),
            warned: AtomicBool::new(false),
        }
    }

    /// Adds an entry; whether the caller is to see that what waits is [written](Self::flush_urgent) at once.
    pub fn add(&self, entry: Entry) -> bool {
        let mut pending = self.pending.lock();
        pending.add(entry);
        pending.entries.len() >= MOST_PENDING && !self.urgent.swap(true, Ordering::Relaxed)
    }

    /// Writes because too many wait.
    pub fn flush_urgent(&self, store: &Store, now: Timestamp) {
        if let Err(error) = self.flush(store, now, false) {
            tracing::error!(%error, "the log of accesses is full and cannot be written");
        }
        self.urgent.store(false, Ordering::Relaxed);
    }

    /// Writes down what waits; with `all`, also what is still counted. What cannot be written waits on, as long as
    /// there is room.
    pub fn flush(&self, store: &Store, now: Timestamp, all: bool) -> Result<(), AccessError> {
        let entries = {
            let mut pending = self.pending.lock();
            if all || now.0.div_euclid(ALIKE) != pending.hour {
                pending.gather();
            }
            std::mem::take(&mut pending.entries)
        };
        if entries.is_empty() {
            return Ok(());
        }
        let since = Timestamp(now.0.saturating_sub(i64::from(self.keeping.days) * DAY));
        match store.log(&entries, since) {
            Ok(kept) => {
                if kept > self.keeping.usual && !self.warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        entries = kept,
                        "the log of accesses is large; `access_log_days` says how long it goes back"
                    );
                }
                Ok(())
            }
            Err(error) => {
                let mut pending = self.pending.lock();
                let room = MOST_PENDING.saturating_sub(pending.entries.len() + 1);
                let lost = entries.len().saturating_sub(room);
                if lost > 0 {
                    tracing::error!(lost, "accesses were not logged");
                }
                pending.entries.splice(..0, entries.into_iter().skip(lost));
                Err(error)
            }
        }
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
