//! Who read or changed which merchant's data, when, by which endpoint.

use std::sync::Arc;

use axum::http::Method;
use daybook_domain::{MerchantId, PartyId, Timestamp};
use parking_lot::Mutex;
use serde::Serialize;

use super::store::Store;
use super::{AccessError, Role};

/// Entries that wait at most; past it, who adds one writes them down itself.
const MOST_PENDING: usize = 32_768;

/// What a handler says in its response's extensions: whose data it read or changed. The merchant of the path counts
/// without that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched(pub Vec<MerchantId>);

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

/// Entries on their way into the file.
pub(super) struct Log {
    pending: Mutex<Vec<Entry>>,
    /// How many the file keeps.
    most: u64,
}

impl Log {
    pub fn new(most: u64) -> Self {
        Self { pending: Mutex::default(), most }
    }

    /// Adds an entry; writes only where too many wait.
    pub fn add(&self, entry: Entry, store: &Store) {
        let full = {
            let mut pending = self.pending.lock();
            pending.push(entry);
            pending.len() >= MOST_PENDING
        };
        if full && let Err(error) = self.flush(store) {
            tracing::error!(%error, "the log of accesses is full and cannot be written");
        }
    }

    /// Writes down what waits. What cannot be written waits on, as long as there is room.
    pub fn flush(&self, store: &Store) -> Result<(), AccessError> {
        let entries = std::mem::take(&mut *self.pending.lock());
        if entries.is_empty() {
            return Ok(());
        }
        store.log(&entries, self.most).inspect_err(|_| {
            let mut pending = self.pending.lock();
            let room = MOST_PENDING.saturating_sub(pending.len() + 1);
            let lost = entries.len().saturating_sub(room);
            if lost > 0 {
                tracing::error!(lost, "accesses were not logged");
            }
            pending.splice(..0, entries.into_iter().skip(lost));
        })
    }
}
