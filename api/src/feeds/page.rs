//! A page of the feed: one bounded look at the journal.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use daybook_domain::{MerchantId, Refs};
use daybook_journal::{Journal, JournalError, Position, Recorded};
use uuid::Uuid;

use super::cloud;
use super::wanted::{View, Wanted};
use crate::access::Pseudonyms;
use crate::problem::{DAMAGED, Problem, UNAVAILABLE};

/// Events of a page, when its reader does not say.
pub(crate) const EVENTS: usize = 100;
/// Most events of a page.
pub(crate) const MOST_EVENTS: usize = 1_000;
/// Most positions that a page looks at.
pub(crate) const MOST_SCANNED: u64 = 50_000;
/// A page ends after this many bytes.
const MOST_BYTES: usize = 4 << 20;

/// What ends a page, whichever comes first. The event that reaches a bound is still in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Events in it.
    pub events: usize,
    /// Positions looked at.
    pub scanned: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { events: EVENTS, scanned: MOST_SCANNED }
    }
}

/// An event as it is sent.
#[derive(Debug)]
pub(crate) struct Sent {
    /// Its id.
    pub id: Uuid,
    /// Where it stands.
    pub position: Position,
    /// CloudEvents 1.0.
    pub json: String,
}

/// A page.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its events, by position.
    pub events: Vec<Sent>,
    /// Everything up to here was looked at.
    pub next: Position,
    /// The journal's head when it was read.
    pub head: Position,
    /// Whose data it shows.
    pub merchants: BTreeSet<MerchantId>,
}

/// Reads the page after a position; blocks while the journal is read.
pub(crate) fn read(
    journal: &dyn Journal,
    source: &str,
    wanted: &Wanted,
    names: &Pseudonyms,
    after: Position,
    bounds: Bounds,
) -> Result<Page, JournalError> {
    let mut events = Vec::new();
    let mut merchants = BTreeSet::new();
    let mut bytes = 0;
    let mut damaged = None;
    // where positions do not count events, what is looked at is counted as it comes
    let (counted, mut left) = (journal.dense(), bounds.scanned);
    let mut take = |event: Recorded<'_>| {
        let mut one = || -> Result<Option<String>, serde_json::Error> {
            let refs = Refs::parse(event.refs)?;
            if !wanted.wants(&refs) {
                return Ok(None);
            }
            merchants.extend(refs.merchant);
            cloud::encode(&event, source, &refs, wanted.view, names).map(Some)
        };
        match one() {
            Ok(None) => {}
            Ok(Some(json)) => {
                bytes += json.len();
                events.push(Sent { id: event.id, position: event.position, json });
            }
            Err(error) => {
                damaged = Some(format!("event {} cannot be read: {error}", event.position));
                return ControlFlow::Break(());
            }
        }
        left = left.saturating_sub(u64::from(!counted));
        if events.len() >= bounds.events || bytes >= MOST_BYTES || left == 0 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    // one is the event at a position that is known
    let upto = (counted || bounds.scanned == 1).then(|| after.saturating_add(bounds.scanned));
    let scanned = journal.scan(after, upto, &wanted.filter, &mut take)?;
    match damaged {
        Some(why) => Err(JournalError::Corrupt(why)),
        None => {
            if wanted.view == View::Discreet {
                merchants.clear(); // what it shows is nobody's
            }
            Ok(Page { events, next: scanned.through.max(after), head: scanned.head, merchants })
        }
    }
}

/// The problem of a journal that cannot be read.
pub(crate) fn unreadable(error: JournalError) -> Problem {
    let kind = if matches!(error, JournalError::Corrupt(_)) { DAMAGED } else { UNAVAILABLE };
    Problem::own(kind, &error)
}
