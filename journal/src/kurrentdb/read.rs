//! Reading: page by page, each a call of its own, so that no answer of the database stays open while somebody visits.
//!
//! The whole log is `$all`, filtered on the server by the name that the journal's streams begin with. Types and categories
//! are looked at here: the database filters by one thing at a time.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use eventstore::{
    Client, Error, ReadAllOptions, ReadStream, ReadStreamOptions, RecordedEvent, StreamPosition,
    SubscriptionFilter,
};

use super::event::{Stored, decode};
use super::marks::Marks;
use super::session::Supervisor;
use crate::{Filter, JournalError, Position, Version, Visit};

/// Events of the first page of a read, how many times more the next has, and most.
const FIRST: usize = 16;
const GROWTH: usize = 4;
const MOST: usize = 1_024;
/// Bytes of payloads of a page: the event that reaches it is still in.
const BYTES: usize = 4 << 20;
/// How long the database is given for a page.
const DEADLINE: Duration = Duration::from_secs(9);

/// Who reads; shared.
#[derive(Clone)]
pub(super) struct Reader {
    pub supervisor: Arc<Supervisor>,
    marks: Arc<Marks>,
}

/// A page: events in order, and whether the database had no more.
type Page = (Vec<RecordedEvent>, bool);

impl Reader {
    pub(super) fn new(supervisor: Supervisor) -> Self {
        Self { supervisor: Arc::new(supervisor), marks: Arc::default() }
    }

    /// An event is known to stand there.
    pub(super) fn mark(&self, position: Position) {
        self.marks.add(position);
    }

    /// The last event of the log.
    pub(super) fn last(&self) -> Result<Option<Stored>, JournalError> {
        let options = ReadAllOptions::default()
            .backwards()
            .position(StreamPosition::End)
            .filter(self.ours())
            .max_count(1)
            .requires_leader(true)
            .deadline(DEADLINE);
        let asked = move |client: Client| {
            let options = options.clone();
            async move { take(client.read_all(&options).await?, 1).await }
        };
        let (page, _) = self.supervisor.read(asked).map_err(|error| self.supervisor.unavailable(&error))?;
        let last = page.first().map(|event| decode(&self.supervisor.target, event)).transpose()?;
        if let Some(last) = &last {
            self.marks.add(last.position);
        }
        Ok(last)
    }

    /// Events of the journal's streams and of no others.
    fn ours(&self) -> SubscriptionFilter {
        SubscriptionFilter::on_stream_name().add_prefix(&self.supervisor.target.prefix)
    }

    /// Visits `after < position <= end`, where `end` is not behind the head; returns where it stopped.
    pub(super) fn scan(
        &self,
        after: Position,
        end: Position,
        filter: &Filter,
        visit: Visit<'_>,
    ) -> Result<Position, JournalError> {
        if after >= end {
            return Ok(after);
        }
        let mut count = FIRST;
        // inclusive; none is from the start
        let mut from = Some(after).filter(|after| *after > 0);
        if end - after == 1 {
            // one event, which the caller knows
            from = Some(end);
        }
        let mut through = after;
        let mut fallen_back = false;
        loop {
            let (page, whole) = match self.page(from, count) {
                Ok(page) => page,
                // no event stands there: from the last one that is known to stand before, else from the start
                Err(error) if misplaced(&error) && from.is_some() => {
                    let known = from.filter(|_| !fallen_back).and_then(|at| self.marks.before(at - 1));
                    (from, fallen_back) = (known, true);
                    continue;
                }
                Err(error) => return Err(self.supervisor.unavailable(&error)),
            };
            let last = page.last().map(|event| event.position.commit);
            for event in &page {
                let position = event.position.commit;
                if position <= through {
                    continue;
                }
                if position > end {
                    return Ok(end);
                }
                through = position;
                let kind = &event.event_type;
                let wanted = filter.kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|k| k == kind));
                if wanted {
                    let stored = decode(&self.supervisor.target, event)?;
                    if filter.wants_stream(&stored.stream) && visit(stored.recorded()).is_break() {
                        self.marks.add(position);
                        return Ok(position);
                    }
                }
            }
            if let Some(last) = last {
                self.marks.add(last);
            }
            if through >= end {
                return Ok(end);
            }
            if whole && last.is_none_or(|last| Some(last) == from) {
                return self.ended(after, end, from);
            }
            from = last.or(from);
            count = (count * GROWTH).min(MOST);
        }
    }

    /// The database has no event behind `from`, and this process has seen one at `end` or behind it.
    fn ended(
        &self,
        after: Position,
        end: Position,
        from: Option<Position>,
    ) -> Result<Position, JournalError> {
        if self.last()?.is_some_and(|last| last.position >= end) {
            return Ok(end);
        }
        let at = &self.supervisor.target.name;
        Err(JournalError::Corrupt(format!(
            "{at} ends before position {end}, and this process has seen an event there (reading behind {after}, from {}): \
             the database was set back or its events were deleted; nothing is sure before somebody has looked",
            from.unwrap_or_default()
        )))
    }

    /// Events of the log from one on.
    fn page(&self, from: Option<Position>, count: usize) -> Result<Page, Error> {
        let from = match from {
            Some(at) => StreamPosition::Position(eventstore::Position { commit: at, prepare: at }),
            None => StreamPosition::Start,
        };
        let options = ReadAllOptions::default()
            .position(from)
            .filter(self.ours())
            .max_count(count)
            .requires_leader(true)
            .deadline(DEADLINE);
        self.supervisor.read(move |client: Client| {
            let options = options.clone();
            async move { take(client.read_all(&options).await?, count).await }
        })
    }

    /// Events of a stream behind a version, or the last one; an empty page when there is no such stream.
    fn stream_page(&self, name: &str, after: Option<Version>, count: usize) -> Result<Page, JournalError> {
        let options = ReadStreamOptions::default().max_count(count).requires_leader(true).deadline(DEADLINE);
        let options = match after {
            Some(0) => options.forwards().position(StreamPosition::Start),
            Some(after) => options.forwards().position(StreamPosition::Position(after)),
            None => options.backwards().position(StreamPosition::End),
        };
        let name = self.supervisor.target.stream(name);
        let read = self.supervisor.read(move |client: Client| {
            let (options, name) = (options.clone(), name.clone());
            async move { take(client.read_stream(name, &options).await?, count).await }
        });
        match read {
            Ok(page) => Ok(page),
            Err(Error::ResourceNotFound) => Ok((Vec::new(), true)),
            Err(error) => Err(self.supervisor.unavailable(&error)),
        }
    }

    /// The last version of a stream.
    pub(super) fn version(&self, name: &str) -> Result<Version, JournalError> {
        Ok(self.stream_page(name, None, 1)?.0.first().map_or(0, |event| event.revision + 1))
    }

    /// Visits `after < version` of a stream; returns its last version as it was before the first visit.
    pub(super) fn stream(
        &self,
        name: &str,
        after: Version,
        visit: &mut dyn FnMut(Stored) -> ControlFlow<()>,
    ) -> Result<Version, JournalError> {
        let mut pages = Pages::new(self.clone(), name, after);
        if i64::try_from(after).is_err() {
            return self.version(name); // beyond what the database counts to
        }
        let first = pages.next()?;
        let last = if pages.whole && first.is_some() { pages.read } else { self.version(name)? };
        let mut next = first;
        while let Some(stored) = next {
            if stored.version > last || visit(stored).is_break() {
                break;
            }
            next = pages.next()?;
        }
        Ok(last)
    }

    /// Visits the events of several streams in the order of positions, up to `end`.
    pub(super) fn streams(
        &self,
        names: &[&str],
        end: Position,
        visit: Visit<'_>,
    ) -> Result<(), JournalError> {
        let mut names = names.to_vec();
        names.sort_unstable();
        names.dedup();
        let mut heads = Vec::new();
        for name in names {
            let mut pages = Pages::new(self.clone(), name, 0);
            if let Some(first) = pages.next()? {
                heads.push((first, pages));
            }
        }
        while let Some(at) = (0..heads.len()).min_by_key(|at| heads[*at].0.position) {
            let (stored, pages) = &mut heads[at];
            if stored.position > end || visit(stored.recorded()).is_break() {
                return Ok(());
            }
            match pages.next()? {
                Some(next) => *stored = next,
                None => drop(heads.swap_remove(at)),
            }
        }
        Ok(())
    }
}

/// The events of a stream, one by one.
struct Pages {
    reader: Reader,
    name: String,
    /// Version of the last one read.
    read: Version,
    page: VecDeque<Stored>,
    /// Whether the database has no more.
    whole: bool,
    count: usize,
}

impl Pages {
    fn new(reader: Reader, name: &str, after: Version) -> Self {
        Self { reader, name: name.to_owned(), read: after, page: VecDeque::new(), whole: false, count: FIRST }
    }

    fn next(&mut self) -> Result<Option<Stored>, JournalError> {
        if self.page.is_empty() && !self.whole {
            let (page, whole) = self.reader.stream_page(&self.name, Some(self.read), self.count)?;
            for event in &page {
                let stored = decode(&self.reader.supervisor.target, event)?;
                if stored.version != self.read + 1 {
                    let why = format!(
                        "is version {} of {} and follows version {}: events of the stream were deleted, or it was cut off",
                        stored.version, self.name, self.read
                    );
                    return Err(self.reader.supervisor.target.damaged(stored.position, &why));
                }
                self.read = stored.version;
                self.page.push_back(stored);
            }
            self.whole = whole;
            self.count = (self.count * GROWTH).min(MOST);
        }
        Ok(self.page.pop_front())
    }
}

/// Takes what was asked for, up to the bound of a page.
async fn take(mut stream: ReadStream, count: usize) -> Result<Page, Error> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    while let Some(event) = stream.next().await? {
        let Some(event) = event.event else { continue };
        bytes += event.data.len() + event.custom_metadata.len();
        page.push(event);
        if bytes >= BYTES || page.len() >= count {
            return Ok((page, false));
        }
    }
    Ok((page, true))
}

/// Whether a read was refused for where it was to begin.
fn misplaced(error: &Error) -> bool {
    match error {
        Error::Grpc { .. } => true,
        Error::ServerError(why) => why.to_ascii_lowercase().contains("position"),
        _ => false,
    }
}
