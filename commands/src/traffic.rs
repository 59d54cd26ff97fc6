//! Records hits: many at once, each once.
//!
//! Shape: whoever comes while a batch is being written waits for the next, which takes everything that waits, however
//! many asked. It goes to the journal in parts of [`TrafficLimits::at_once`], stream by stream, so that commands get
//! their turn in between. One batch is under way at a time, so what is known of a stream is always what the journal
//! has.
//!
//! Repetition: a hit's id is its event's id, and a hit that its stream has is not written again. The ids of a stream
//! (a day's share of visitors) are read from the journal when the first hit for it comes, and forgotten when more
//! than [`TrafficLimits::known_ids`] are held; the streams used last stay. Appends expect the version at which the ids
//! were known, so another writer's hits make the batch fail and not count twice.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use daybook_domain::PartyId;
use daybook_domain::traffic::{Hit, TrafficStream};
use daybook_journal::limits::MAX_EVENTS_PER_APPEND;
use daybook_journal::{Append, Cause, Expected, Journal, JournalError, NewEvent, Position, Version};
use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;
use tokio::sync::{MutexGuard, oneshot};
use uuid::Uuid;

use crate::CommandError;

/// How much is held, and handed on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficLimits {
    /// Most ids kept in memory beside those of the stream in hand, about 40 bytes each.
    pub known_ids: usize,
    /// Most hits that wait to be written: whoever comes then is told to come again.
    pub waiting: usize,
    /// About so many hits go to the journal at once: what else is to be written comes in between.
    pub at_once: usize,
}

impl Default for TrafficLimits {
    fn default() -> Self {
        Self { known_ids: 4_000_000, waiting: 200_000, at_once: 4_096 }
    }
}

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
    limits: TrafficLimits,
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
    /// Counts uses of streams.
    uses: u64,
}

#[derive(Default)]
struct Stream {
    version: Version,
    ids: HashSet<Uuid, ahash::RandomState>,
    /// Which use of any stream was the last of this.
    used: u64,
}

impl Traffic {
    /// Records in `journal`.
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self::within(journal, TrafficLimits::default())
    }

    /// Records in `journal`, and holds no more than this.
    #[must_use]
    pub fn within(journal: Arc<dyn Journal>, limits: TrafficLimits) -> Self {
        let (queue, known) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { inner: Arc::new(Inner { journal, limits, queue, known }) }
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
            if queue.hits > self.inner.limits.waiting {
                let why = format!("{} hits wait to be written: hand these in again in a moment", queue.hits);
                return Err(CommandError::Overloaded(why));
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

/// Held while somebody serves. Where that is stopped on the way (the runtime ends, it panics), what is known may be
/// more than was written: all of it is forgotten, and another may serve.
struct Serving<'a> {
    inner: &'a Inner,
    known: Option<MutexGuard<'a, Known>>,
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        if let Some(known) = &mut self.known {
            **known = Known::default();
            self.inner.queue.lock().served = false;
        }
    }
}

/// What is to be appended, and whose it is: who asked, the stream, how many hits.
#[derive(Default)]
struct Part {
    owners: Vec<(usize, TrafficStream, u64)>,
    items: Vec<Append>,
    hits: usize,
}

impl Inner {
    /// Writes what waits until nothing does.
    async fn serve(self: Arc<Self>) {
        let mut serving = Serving { inner: &self, known: Some(self.known.lock().await) };
        loop {
            let waiting = {
                let mut queue = self.queue.lock();
                queue.hits = 0;
                let waiting = std::mem::take(&mut queue.waiting);
                queue.served = !waiting.is_empty();
                waiting
            };
            let Some(known) = serving.known.as_deref_mut().filter(|_| !waiting.is_empty()) else {
                serving.known = None;
                return;
            };
            let (mut asked, mut answers) = (Vec::new(), Vec::new());
            for Waiting { hits, actor, answer } in waiting {
                asked.push((hits, actor));
                answers.push(answer);
            }
            let results = self.write(known, asked).await;
            for (answer, result) in answers.into_iter().zip(results) {
                let _gone = answer.send(result);
            }
        }
    }

    /// Writes one batch, stream by stream: an append for each that asked.
    async fn write(&self, known: &mut Known, asked: Vec<(Vec<Hit>, PartyId)>) -> Vec<Answer> {
        let mut answers: Vec<Answer> = vec![Ok(Recorded::default()); asked.len()];
        let mut by_stream: BTreeMap<TrafficStream, Vec<(usize, Vec<Hit>)>> = BTreeMap::new();
        let mut actors = Vec::with_capacity(asked.len());
        for (n, (hits, actor)) in asked.into_iter().enumerate() {
            actors.push(actor);
            for hit in hits {
                let of_stream = by_stream.entry(hit.stream).or_default();
                match of_stream.last_mut() {
                    Some((last, hits)) if *last == n => hits.push(hit),
                    _ => of_stream.push((n, vec![hit])),
                }
            }
        }
        let (mut part, mut lost) = (Part::default(), None);
        for (stream, asked) in by_stream {
            known.make_room(self.limits.known_ids);
            if let Err(error) = known.load(&self.journal, stream).await {
                asked.iter().for_each(|(n, _)| answers[*n] = Err(error.clone()));
                continue;
            }
            for (n, hits) in asked {
                let (items, repeated) = known.plan(stream, hits, actors[n]);
                if let Ok(answer) = &mut answers[n] {
                    answer.repeated += repeated;
                }
                for item in items {
                    part.hits += item.events.len();
                    part.owners.push((n, stream, item.events.len() as u64));
                    part.items.push(item);
                    if part.hits >= self.limits.at_once {
                        self.append(known, std::mem::take(&mut part), &mut answers, &mut lost).await;
                    }
                }
            }
        }
        self.append(known, part, &mut answers, &mut lost).await;
        if let Some(error) = lost {
            // what was there already may have been so by an append of this batch that was not written
            let unsure =
                answers.iter_mut().filter(|answer| answer.as_ref().is_ok_and(|done| done.repeated > 0));
            unsure.for_each(|answer| *answer = Err(error.clone()));
        }
        answers
    }

    /// Appends a part; `lost` keeps the first error.
    async fn append(
        &self,
        known: &mut Known,
        part: Part,
        answers: &mut [Answer],
        lost: &mut Option<CommandError>,
    ) {
        if part.items.is_empty() {
            return;
        }
        let results = self.journal.append(part.items).await;
        for ((n, stream, hits), result) in part.owners.into_iter().zip(results) {
            match (&mut answers[n], result) {
                (Ok(answer), Ok(receipt)) => {
                    answer.recorded += hits;
                    answer.position = answer.position.max(receipt.last);
                }
                (Err(_), Ok(_)) => {}
                (answer, Err(error)) => {
                    known.forget(stream);
                    *answer = Err(lost.get_or_insert(error.into()).clone());
                }
            }
        }
    }
}

impl Known {
    /// Reads what the journal has of a stream, where it is not known, beside the threads that serve.
    async fn load(&mut self, journal: &Arc<dyn Journal>, stream: TrafficStream) -> Result<(), CommandError> {
        self.uses += 1;
        let used = self.uses;
        if let Some(known) = self.streams.get_mut(&stream) {
            known.used = used;
            return Ok(());
        }
        let journal = Arc::clone(journal);
        let read = move || {
            let mut ids = HashSet::default();
            let version = journal.read_stream(&stream.to_string(), 0, &mut |event| {
                ids.insert(event.id);
                ControlFlow::Continue(())
            })?;
            Ok::<_, JournalError>((version, ids))
        };
        let (version, ids) = tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| CommandError::Unavailable(format!("{stream} was not read: {error}")))??;
        self.ids += ids.len();
        self.streams.insert(stream, Stream { version, ids, used });
        Ok(())
    }

    /// The appends of those hits that are new to a stream that was loaded, and how many are not.
    fn plan(&mut self, stream: TrafficStream, hits: Vec<Hit>, actor: PartyId) -> (Vec<Append>, u64) {
        let (mut appends, mut repeated) = (Vec::new(), 0);
        // none only where an append to it failed a moment ago: what follows then expects too little, and fails too
        let known = self.streams.entry(stream).or_default();
        let before = known.ids.len();
        let mut events = hits.into_iter().filter_map(|hit| {
            if !known.ids.insert(hit.id) {
                repeated += 1;
                return None;
            }
            Some(NewEvent {
                id: hit.id,
                kind: hit.kind.as_str().into(),
                schema: hit.kind.schema(),
                occurred_at: hit.occurred_at.0,
                refs: hit.refs,
                data: hit.data,
            })
        });
        loop {
            let events: Vec<NewEvent> = events.by_ref().take(MAX_EVENTS_PER_APPEND).collect();
            if events.is_empty() {
                break;
            }
            // ids are digests, and no stream takes one twice: together they name this append
            let command = Uuid::from_u128(events.iter().fold(0, |all, event| all ^ event.id.as_u128()));
            let expected = if known.version == 0 { Expected::NoStream } else { Expected::At(known.version) };
            known.version += events.len() as Version;
            let actor = actor.as_str().to_owned().into();
            let cause = Cause { command, fingerprint: command.into_bytes(), correlation: command, actor };
            appends.push(Append { stream: stream.to_string(), expected, cause, events });
        }
        drop(events);
        self.ids += known.ids.len() - before;
        (appends, repeated)
    }

    fn forget(&mut self, stream: TrafficStream) {
        if let Some(stream) = self.streams.remove(&stream) {
            self.ids -= stream.ids.len();
        }
    }

    /// Forgets the streams not used for longest, until half of the ids that may be known are.
    fn make_room(&mut self, most: usize) {
        if self.ids <= most {
            return;
        }
        let mut by_use: Vec<_> = self.streams.iter().map(|(name, stream)| (stream.used, *name)).collect();
        by_use.sort_unstable();
        for (_, stream) in by_use {
            if self.ids <= most / 2 {
                break;
            }
            self.forget(stream);
        }
    }
}
