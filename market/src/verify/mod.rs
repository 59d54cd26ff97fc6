//! `verify`: every invariant of the ledger, checked against the journal itself.
//!
//! One pass in log order posts every event again and keeps, beside the books, tallies of its own: they take
//! their figures from the fields of events, not from the posting rules or the deciders, so that a wrong rule
//! shows up as a difference. A second pass folds each stream with its own decider and compares what the state
//! says with the books. Then the read models are built again in memory and their digests compared.
//!
//! Cost: two scans of the log with typed decode, and one fold of all read models. Memory: a balance per account,
//! a tally per order, checkout and merchant, 16 bytes per command; about 1 KiB per order in all.

mod books;
mod checkouts;
mod clients;
mod freezes;
mod log;
mod merchants;
mod models;
mod orders;
mod periods;
mod report;
mod seals;
mod settlements;
mod states;

use daybook_domain::posting::{Entry, post};
use daybook_domain::{DecodeError, Event, EventKind, Refs};
use daybook_journal::{Filter, Journal, JournalError, Position, Recorded};
use daybook_projections::ReadModelError;

use books::Books;
pub use models::verify_models;
pub use report::{Check, Open, Report, Violation};
pub use seals::{verify_liabilities, verify_seals};

use crate::stream::pass;

/// Why the check could not be carried out; nothing is said about the invariants then.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The read models could not be read or built.
    #[error(transparent)]
    Models(#[from] ReadModelError),
    /// The market's books could not be read.
    #[error(transparent)]
    Market(#[from] crate::MarketError),
    /// An event could not be read.
    #[error("the event at position {position} cannot be read: {source}")]
    Decode {
        /// Where it stands.
        position: Position,
        /// Why.
        source: DecodeError,
    },
    /// The references of an event could not be read.
    #[error("the references of the event at position {position} cannot be read: {why}")]
    Refs {
        /// Where it stands.
        position: Position,
        /// Why.
        why: String,
    },
}

/// An event as the groups of checks see it.
struct Seen<'a> {
    recorded: &'a Recorded<'a>,
    refs: &'a Refs,
    event: &'a Event,
    /// What it posted.
    entries: &'a [Entry<'a>],
}

/// A group of invariants: sees every event once, in log order, after it was posted to the books.
trait Group {
    fn see(&mut self, seen: &Seen<'_>, books: &Books);
    fn finish(self: Box<Self>, books: &Books, report: &mut Report);
}

/// What is told while the check runs: how far it is, of how many events, in which pass.
pub type Told<'a> = &'a mut dyn FnMut(&'static str, u64, u64);

/// Checks the events up to the head as it is now. The read models are left to [`verify_models`].
///
/// # Errors
/// [`VerifyError`] when the journal cannot be read; what the checks find is in the report.
pub fn verify(journal: &dyn Journal, told: Told<'_>) -> Result<Report, VerifyError> {
    let head = journal.head()?;
    let mut report = Report::new(head);
    let mut books = Books::default();
    let mut streams = states::Streams::default();
    let mut groups: Vec<Box<dyn Group>> = vec![
        Box::new(log::Log::of(journal.dense())),
        Box::new(orders::Orders::default()),
        Box::new(checkouts::Checkouts::default()),
        Box::new(merchants::Merchants::default()),
        Box::new(settlements::Settlements::default()),
        Box::new(freezes::Freezes::default()),
        Box::new(periods::Periods::of(journal, head)?),
    ];
    let mut passed = |at, of| told("posting every event again", at, of);
    passed(0, head); // a short journal is over before anything is told of it
    pass(journal, head, (&Filter::default(), &|_| true), &mut passed, &mut |recorded, event, refs| {
        report.events += 1;
        let mut entries = Vec::with_capacity(8);
        post(&event, &refs, &mut entries);
        books.post(recorded, &event, &entries);
        let seen = Seen { recorded, refs: &refs, event: &event, entries: &entries };
        for group in &mut groups {
            group.see(&seen, &books);
        }
        streams.see(&seen);
        Ok::<_, VerifyError>(())
    })?;
    books.check(&mut report);
    clients::check(&books, &mut report);
    for group in groups {
        group.finish(&books, &mut report);
    }
    streams.compare(journal, head, &books, told, &mut report)?;
    report.sort();
    Ok(report)
}

/// What is stored, as it is read.
pub(crate) fn decode(recorded: &Recorded<'_>) -> Result<(Event, Refs), VerifyError> {
    let position = recorded.position;
    let unknown = || DecodeError::UnknownKind { kind: recorded.kind.to_owned() };
    let event = EventKind::parse(recorded.kind)
        .ok_or_else(unknown)
        .and_then(|kind| Event::decode_kind(kind, recorded.schema, recorded.data))
        .map_err(|source| VerifyError::Decode { position, source })?;
    let refs =
        Refs::parse(recorded.refs).map_err(|error| VerifyError::Refs { position, why: error.to_string() })?;
    Ok((event, refs))
}

#[cfg(test)]
mod tests;
