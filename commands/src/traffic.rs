//! Records hits: many at once, each once.
//!
//! Shape: whoever comes while a batch is being written waits for the next, which takes everything that waits: one
//! append of the journal, one sync, however many asked. One batch is under way at a time, so what is known of a
//! stream is always what the journal has.
//!
//! Repetition: a hit's id is its event's id, and a hit that its stream has is not written again. The ids of a stream
//! (a day's share of visitors) are read from the journal when the first hit for it comes, and forgotten when more
//! than [`KNOWN_IDS`] are held; the streams used last stay. Appends expect the version at which the ids were known,
//! so another writer's hits make the batch fail and not count twice.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use daybook_domain::PartyId;
use daybook_domain::traffic::{Hit, TrafficStream};
use daybook_journal::limits::MAX_EVENTS_PER_APPEND;
use daybook_journal::{Append, Cause, Expected, Journal, JournalError, NewEvent, Position, Version};
use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::CommandError;

/// Most ids kept in memory, about 40 bytes each.
const KNOWN_IDS: usize = 4_000_000;
/// Most hits that wait to be written: whoever comes then is told to come again.
const MOST_WAITING: usize = 200_000;

/// What came of hits that were handed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Written now.
    pub recorded: u64,
    /// There already: handed in before, or twice.
    pub repeated: u64,
    /// Position after which a reader sees all of them; 0 when none was written.
    pub position: Position,
}

/// Records hits in a journal. Cheap to clone; all clones share what is known.
#[derive(Clone)]
pub struct Traffic {
    inner: Arc<Inner>,
}

struct Inner {
    journal: Arc<dyn Journal>,
    queue: Mutex<Queue>,
    /// Held by the one that writes.
    known: tokio::sync::Mutex<Known>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    hits: usize,
    /// Somebody takes what waits.
    served: bool,
}

type Answer = Result<Recorded, CommandError>;

struct Waiting {
    hits: Vec<Hit>,
    actor: PartyId,
    answer: oneshot::Sender<Answer>,
}

/// What the journal has of the streams that hits came for.
#[derive(Default)]
struct Known {
    streams: HashMap<TrafficStream, Stream, ahash::RandomState>,
    ids: usize,
    /// Counts batches: when a stream was used.
    batch: u64,
}

#[derive(Default)]
struct Stream {
    version: Version,
    ids: HashSet<Uuid, ahash::RandomState>,
    used: u64,
}

impl Traffic {
    /// Records in `journal`.
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self {
            inner: Arc::new(Inner { journal, queue: Mutex::default(), known: tokio::sync::Mutex::default() }),
        }
    }

    /// Records `hits`; durable when this returns. Of those that come twice the first counts.
    ///
    /// # Errors
    /// [`CommandError`]: hand the same hits in again, those that were written are recognised.
    ///
    /// # Panics
    /// Outside a runtime of tokio.
    pub async fn record(&self, hits: Vec<Hit>, actor: PartyId) -> Result<Recorded, CommandError> {
        if hits.is_empty() {
            return Ok(Recorded::default());
        }
        let (answer, answered) = oneshot::channel();
        let serve = {
            let mut queue = self.inner.queue.lock();
            if queue.hits > MOST_WAITING {
                let why = format!("{} hits wait to be written: hand these in again in a moment", queue.hits);
                return Err(CommandError::Unavailable(why));
            }
            queue.hits += hits.len();
            queue.waiting.push(Waiting { hits, actor, answer });
            !std::mem::replace(&mut queue.served, true)
        };
        if serve {
            // on its own: whoever asked may go away, others wait for the same batch
            tokio::spawn(Arc::clone(&self.inner).serve());
        }
        answered.await.unwrap_or_else(|_| {
            Err(CommandError::OutcomeUnknown("the recording stopped; hand the same hits in again".into()))
        })
    }
}

/// Lets another serve where this one is stopped on the way: the runtime ends.
struct Serving<'a>(&'a Inner);

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.0.queue.lock().served = false;
    }
}

impl Inner {
    /// Writes what waits until nothing does.
    async fn serve(self: Arc<Self>) {
        let mut known = self.known.lock().await;
        let serving = Serving(&self);
        loop {
            let waiting = {
                let mut queue = self.queue.lock();
                queue.hits = 0;
                let waiting = std::mem::take(&mut queue.waiting);
                queue.served = !waiting.is_empty();
                waiting
            };
            if waiting.is_empty() {
                std::mem::forget(serving);
                return;
            }
            let (mut asked, mut answers) = (Vec::new(), Vec::new());
            for Waiting { hits, actor, answer } in waiting {
                asked.push((hits, actor));
                answers.push(answer);
            }
            let results = self.write(&mut known, asked).await;
            for (answer, result) in answers.into_iter().zip(results) {
                let _gone = answer.send(result);
            }
            known.make_room();
        }
    }

    /// Writes one batch: an append for each stream of each that asked.
    async fn write(&self, known: &mut Known, asked: Vec<(Vec<Hit>, PartyId)>) -> Vec<Answer> {
        known.batch += 1;
        let mut answers: Vec<Answer> = Vec::with_capacity(asked.len());
        let (mut owners, mut items) = (Vec::new(), Vec::new());
        for (n, (hits, actor)) in asked.into_iter().enumerate() {
            let mut recorded = Recorded::default();
            let planned = plan(known, &*self.journal, hits, actor, &mut recorded);
            answers.push(planned.map(|planned| {
                for (stream, item) in planned {
                    owners.push((n, stream, item.events.len() as u64));
                    items.push(item);
                }
                recorded
            }));
        }
        let results = if items.is_empty() { Vec::new() } else { self.journal.append(items).await };
        let mut lost: Option<CommandError> = None;
        for ((n, stream, events), result) in owners.into_iter().zip(results) {
            match (&mut answers[n], result) {
                (Ok(answer), Ok(receipt)) => {
                    answer.recorded += events;
                    answer.position = answer.position.max(receipt.last);
                }
                (Err(_), Ok(_)) => {}
                (answer, Err(error)) => {
                    known.forget(stream);
                    let error: CommandError = error.into();
                    *answer = Err(lost.get_or_insert(error).clone());
                }
            }
        }
        if let Some(error) = lost {
            // what was there already may have been so by an append of this batch that was not written
            let unsure =
                answers.iter_mut().filter(|answer| answer.as_ref().is_ok_and(|done| done.repeated > 0));
            unsure.for_each(|answer| *answer = Err(error.clone()));
        }
        answers
    }
}

/// The appends of those hits that are new. What could not be planned leaves nothing known that is not so.
fn plan(
    known: &mut Known,
    journal: &dyn Journal,
    hits: Vec<Hit>,
    actor: PartyId,
    recorded: &mut Recorded,
) -> Result<Vec<(TrafficStream, Append)>, CommandError> {
    let mut by_stream: BTreeMap<TrafficStream, Vec<NewEvent>> = BTreeMap::new();
    for hit in hits {
        let batch = known.batch;
        let stream = match known.stream(journal, hit.stream) {
            Ok(stream) => stream,
            Err(error) => {
                by_stream.into_keys().for_each(|stream| known.forget(stream));
                return Err(error.into());
            }
        };
        stream.used = batch;
        if !stream.ids.insert(hit.id) {
            recorded.repeated += 1;
            continue;
        }
        known.ids += 1;
        by_stream.entry(hit.stream).or_default().push(NewEvent {
            id: hit.id,
            kind: hit.kind.as_str().into(),
            schema: hit.kind.schema(),
            occurred_at: hit.occurred_at.0,
            refs: hit.refs,
            data: hit.data,
        });
    }
    let mut appends = Vec::with_capacity(by_stream.len());
    for (stream, mut events) in by_stream {
        let name = stream.to_string();
        while !events.is_empty() {
            let rest = events.split_off(events.len().min(MAX_EVENTS_PER_APPEND));
            let events = std::mem::replace(&mut events, rest);
            let version = known.streams.get_mut(&stream).map_or(0, |known| {
                let before = known.version;
                known.version += events.len() as Version;
                before
            });
            // ids are digests, and no stream takes one twice: together they name this append
            let command = Uuid::from_u128(events.iter().fold(0, |all, event| all ^ event.id.as_u128()));
            let expected = if version == 0 { Expected::NoStream } else { Expected::At(version) };
            let actor = actor.as_str().to_owned().into();
            let cause = Cause { command, fingerprint: command.into_bytes(), correlation: command, actor };
            appends.push((stream, Append { stream: name.clone(), expected, cause, events }));
        }
    }
    Ok(appends)
}

impl Known {
    /// What the journal has of a stream, read where it is not known.
    fn stream(&mut self, journal: &dyn Journal, stream: TrafficStream) -> Result<&mut Stream, JournalError> {
        if !self.streams.contains_key(&stream) {
            let mut ids = HashSet::default();
            let version = journal.read_stream(&stream.to_string(), 0, &mut |event| {
                ids.insert(event.id);
                ControlFlow::Continue(())
            })?;
            self.ids += ids.len();
            self.streams.insert(stream, Stream { version, ids, used: self.batch });
        }
        Ok(self.streams.entry(stream).or_default())
    }

    fn forget(&mut self, stream: TrafficStream) {
        if let Some(stream) = self.streams.remove(&stream) {
            self.ids -= stream.ids.len();
        }
    }

    /// Forgets the streams not used for longest, until half of the ids that may be known are.
    fn make_room(&mut self) {
        if self.ids <= KNOWN_IDS {
            return;
        }
        let mut by_use: Vec<_> = self.streams.iter().map(|(name, stream)| (stream.used, *name)).collect();
        by_use.sort_unstable();
        for (_, stream) in by_use {
            if self.ids <= KNOWN_IDS / 2 {
                break;
            }
            self.forget(stream);
        }
    }
}
