//! The one writer: takes what has queued and appends item by item, each behind the answer to the one before.
//!
//! ```text
//! queue --> lease held? --> repeat? condition? --append at the exact revision--> head published --> answer
//!                                  | no clear answer: the same append again, with the same ids, until there is one
//!                                  | no time left: "outcome unknown"; nothing else is sent before it is settled
//! ```
//!
//! The database recognises an append that it has taken already by the ids of its events and the revision they were expected
//! behind. So sending it again is harmless, and settles what had become of it: it takes effect once, early or late.

use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use eventstore::{AppendToStreamOptions, Client, Error, EventData, StreamState, WriteResult};

use super::Options;
use super::event::encode;
use super::lease::Lease;
use super::read::Reader;
use super::session::{Failure, Tries};
use crate::head::Head;
use crate::load::Counters;
use crate::queue::{Entry, Queue};
use crate::restore::does_not_follow;
use crate::streams::{SlotIndex, Streams};
use crate::{Append, Expected, Filter, JournalError, Kept, Micros, Position, Receipt, Version};

/// What the threads of a journal have in common.
pub(super) struct Shared {
    pub queue: Queue,
    pub head: Arc<Head>,
    pub counters: Counters,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    options: Options,
    reader: Reader,
    lease: Lease,
    streams: Streams,
    last_recorded: Micros,
    /// Sent, and nobody knows what became of it.
    unsettled: Option<Sent>,
}

/// An append as it is sent, each time the same.
struct Sent {
    stream: String,
    /// Version of the stream before it.
    before: Version,
    events: Vec<EventData>,
    ids: Vec<uuid::Uuid>,
    bytes: usize,
}

/// What became of an append.
enum Outcome {
    /// It is there. With the position of its last event, where the database said it.
    Written(Option<Position>),
    /// Another event stands where it was to go. Nothing was written.
    Overtaken,
    /// It never will be, and nothing was written.
    Refused(JournalError),
    Unknown(String),
}

impl Writer {
    /// Takes the lease and finds out where the log ends.
    pub(super) fn open(shared: Arc<Shared>, reader: Reader, options: Options) -> Result<Self, JournalError> {
        let lease = Lease::take(Arc::clone(&reader.supervisor), options.lease)?;
        // behind the lease: nobody moves it any more
        let last = reader.last()?;
        shared.head.publish(last.as_ref().map_or(0, |last| last.position));
        let streams = Streams::new(options.stream_cache_entries);
        let last_recorded = last.map_or(0, |last| last.recorded_at);
        Ok(Self { shared, options, reader, lease, streams, last_recorded, unsettled: None })
    }

    /// Until the queue is closed and empty.
    pub(super) fn run(mut self) {
        // a panic here must not leave callers waiting
        let abandon = AbandonOnDrop(Arc::clone(&self.shared));
        let mut pending = VecDeque::new();
        while !pending.is_empty() || self.shared.queue.wait() {
            self.shared.queue.take(&mut pending);
            let Some(mut entry) = pending.pop_front() else { continue };
            self.answer(&mut entry);
            entry.reply();
        }
        drop(abandon);
    }

    fn answer(&mut self, entry: &mut Entry) {
        let answer = &mut entry.answer;
        let (items, results) = (&answer.items, &mut answer.results);
        for item in &items[results.len()..] {
            let result = self.append(item, &answer.conflicts);
            match &result {
                Ok(receipt) if !receipt.replayed => self.shared.counters.committed(item.events.len() as u64),
                Err(JournalError::Conflict { stream, .. } | JournalError::Overtaken { stream, .. }) => {
                    answer.conflicts.insert(stream.clone());
                }
                Err(error) if error.transient() => {
                    self.shared.counters.failed(error.to_string());
                    // what was decided on what this item would have left must not be written without it
                    answer.conflicts.insert(item.stream.clone());
                }
                _ => {}
            }
            results.push(result);
            self.streams.make_room();
        }
    }

    fn append(&mut self, item: &Append, conflicts: &HashSet<String>) -> Result<Receipt, JournalError> {
        self.settle()?;
        let lost = item.expected.follows() && conflicts.contains(&item.stream);
        // twice: when another event stands where it was to go, what is known of the stream was not true
        for again in [false, true] {
            let slot = self.slot(&item.stream)?;
            let tag = self.streams.tag(item.cause.command);
            for first in self.streams.first_positions(slot, tag) {
                if let Some(answer) = self.repeat(first, item)? {
                    return answer;
                }
            }
            let before = self.streams.slot(slot).version;
            if lost || !item.expected.holds(before) {
                self.lease.left()?; // what is known of the stream is true while nobody else may write
                let (stream, expected) = (item.stream.clone(), item.expected);
                return Err(JournalError::Conflict { stream, expected, actual: before });
            }
            if let Some(position) = self.overlooked(item.expected)? {
                return Err(JournalError::Overtaken { stream: item.stream.clone(), position });
            }
            let sent = self.prepare(item, before)?;
            match self.send(&sent) {
                Outcome::Written(last) => return self.written(&sent, slot, tag, last),
                Outcome::Refused(error) => return Err(error),
                Outcome::Unknown(why) => {
                    self.streams.clear();
                    self.unsettled = Some(sent);
                    return Err(JournalError::OutcomeUnknown(why));
                }
                Outcome::Overtaken => self.streams.clear(),
            }
            if again {
                break;
            }
            tracing::error!(stream = %item.stream, "somebody else writes this journal's streams");
        }
        Err(JournalError::Unavailable(format!(
            "{}: somebody else writes stream {}, and only one may; nothing of this was written",
            self.reader.supervisor.target.name, item.stream
        )))
    }

    /// Writes events of one stream that follow each other, as another journal has them.
    pub(super) fn restore(&mut self, events: &[Kept]) -> Result<(), JournalError> {
        self.settle()?;
        let Some(first) = events.first() else { return Ok(()) };
        let there = self.reader.version(&first.stream)?;
        let mut recorded_at = self.last_recorded;
        for (kept, version) in events.iter().zip(there + 1..) {
            if kept.version != version || kept.recorded_at <= recorded_at {
                return Err(does_not_follow(kept, version - 1, self.shared.head.get(), recorded_at));
            }
            recorded_at = kept.recorded_at;
        }
        let encoded = events.iter().map(|kept| encode(&kept.event, &kept.cause, kept.recorded_at));
        let sent = Sent {
            stream: first.stream.clone(),
            before: there,
            events: encoded.collect::<Result<_, _>>()?,
            ids: events.iter().map(|kept| kept.event.id).collect(),
            bytes: events.iter().map(|kept| kept.event.data.len() + kept.event.refs.len()).sum(),
        };
        match self.send(&sent) {
            Outcome::Written(at) => {
                self.last_recorded = recorded_at;
                if let Some(at) = at {
                    self.shared.head.publish(at);
                }
                Ok(())
            }
            Outcome::Refused(error) => Err(error),
            Outcome::Overtaken => Err(does_not_follow(
                first,
                self.reader.version(&first.stream)?,
                self.shared.head.get(),
                self.last_recorded,
            )),
            Outcome::Unknown(why) => {
                self.unsettled = Some(sent);
                Err(JournalError::OutcomeUnknown(why))
            }
        }
    }

    /// Finds out what became of an append that had no answer, by sending it again.
    fn settle(&mut self) -> Result<(), JournalError> {
        let Some(sent) = self.unsettled.take() else { return Ok(()) };
        let unsettled = match self.send(&sent) {
            Outcome::Written(_) | Outcome::Overtaken => {
                let last = self.reader.last()?;
                self.last_recorded = self.last_recorded.max(last.as_ref().map_or(0, |last| last.recorded_at));
                self.shared.head.publish(last.map_or(0, |last| last.position));
                return Ok(());
            }
            Outcome::Refused(error) => error.to_string(),
            Outcome::Unknown(why) => why,
        };
        let why = format!("what became of an append to {} is not known yet: {unsettled}", sent.stream);
        self.unsettled = Some(sent);
        Err(JournalError::Unavailable(why))
    }

    /// What is known of a stream; read where nothing is.
    fn slot(&mut self, name: &str) -> Result<SlotIndex, JournalError> {
        let hash = self.streams.hash(name);
        if let Some(slot) = self.streams.find(hash, name) {
            return Ok(slot);
        }
        let (mut commands, mut previous) = (Vec::new(), None);
        let version = self.reader.stream(name, 0, &mut |stored| {
            if previous.replace(stored.command) != Some(stored.command) {
                commands.push((stored.command, stored.version));
            }
            ControlFlow::Continue(())
        })?;
        let slot = self.streams.insert(hash, name.to_owned(), 0, version);
        for (command, first) in commands {
            let tag = self.streams.tag(command);
            self.streams.add_command(slot, tag, first);
        }
        Ok(slot)
    }

    /// The answer to a command that was written behind version `first - 1`, if it is this one.
    fn repeat(
        &self,
        first: Version,
        item: &Append,
    ) -> Result<Option<Result<Receipt, JournalError>>, JournalError> {
        let mut receipt: Option<Result<Receipt, JournalError>> = None;
        let cause = &item.cause;
        self.reader.stream(&item.stream, first - 1, &mut |stored| {
            if stored.command != cause.command {
                return ControlFlow::Break(());
            }
            if stored.fingerprint != cause.fingerprint {
                let (stream, command) = (item.stream.clone(), cause.command);
                receipt = Some(Err(JournalError::CommandReused { stream, command }));
                return ControlFlow::Break(());
            }
            let begun = receipt.as_ref().and_then(|receipt| receipt.as_ref().ok());
            let first = begun.map_or(stored.position, |begun| begun.first);
            let (last, version) = (stored.position, stored.version);
            receipt = Some(Ok(Receipt { first, last, version, replayed: true }));
            ControlFlow::Continue(())
        })?;
        Ok(receipt)
    }

    /// The first event that should have been counted and was not.
    fn overlooked(&self, expected: Expected) -> Result<Option<Position>, JournalError> {
        let Expected::Counted { after, kinds, .. } = expected else { return Ok(None) };
        let filter =
            Filter { kinds: Some(kinds.iter().map(|kind| (*kind).into()).collect()), categories: None };
        let mut found = None;
        self.reader.scan(after, self.shared.head.get(), &filter, &mut |event| {
            if expected.overlooks(event.position, event.kind, event.occurred_at) {
                found = Some(event.position);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    fn prepare(&mut self, item: &Append, before: Version) -> Result<Sent, JournalError> {
        let (now, mut recorded_at) = (self.options.clock.now(), self.last_recorded);
        let mut events = Vec::with_capacity(item.events.len());
        for event in &item.events {
            recorded_at = now.max(recorded_at + 1);
            events.push(encode(event, &item.cause, recorded_at)?);
        }
        // also when it is not written: it only has to grow
        self.last_recorded = recorded_at;
        let ids = item.events.iter().map(|event| event.id).collect();
        let bytes = item.events.iter().map(|event| event.data.len() + event.refs.len()).sum();
        Ok(Sent { stream: item.stream.clone(), before, events, ids, bytes })
    }

    /// Sends until there is a clear answer or no time left.
    fn send(&self, sent: &Sent) -> Outcome {
        let supervisor = &self.reader.supervisor;
        let mut tries = Tries::new(supervisor.patience);
        let mut unclear = None;
        loop {
            let why = match self.lease.left() {
                Ok(left) => match self.send_once(sent, left.min(tries.left())) {
                    Ok(written) => {
                        let last = written.next_expected_version + 1;
                        if last != sent.before + sent.events.len() as Version {
                            return Outcome::Unknown(format!(
                                "the database put stream {} at version {last}",
                                sent.stream
                            ));
                        }
                        // a repeat may be answered without a position
                        return Outcome::Written(Some(written.position.commit).filter(|at| *at > 0));
                    }
                    Err(Failure::Refused(Error::WrongExpectedVersion { .. })) => match self.is_there(sent) {
                        Ok(true) => return Outcome::Written(None),
                        Ok(false) => return Outcome::Overtaken,
                        Err(error) if unclear.is_none() && !error.transient() => {
                            return Outcome::Refused(error);
                        }
                        Err(error) => error.to_string(),
                    },
                    Err(Failure::Refused(Error::NotLeaderException(leader))) => {
                        format!("the leader is {leader:?}")
                    }
                    Err(Failure::Refused(error)) if unclear.is_none() => {
                        return Outcome::Refused(self.refusal(sent, &error));
                    }
                    Err(Failure::Refused(error)) => error.to_string(),
                    Err(Failure::Unsent(why)) => why,
                    Err(Failure::Unclear(why)) => unclear.insert(why).clone(),
                },
                Err(error @ JournalError::Locked(_)) if unclear.is_none() => return Outcome::Refused(error),
                Err(error) => error.to_string(),
            };
            if !tries.again() {
                let at = &supervisor.target.name;
                return match unclear {
                    Some(_) => Outcome::Unknown(format!("{at}: {why}")),
                    None => Outcome::Refused(JournalError::Unavailable(format!("{at}: {why}"))),
                };
            }
        }
    }

    fn send_once(&self, sent: &Sent, patience: std::time::Duration) -> Result<WriteResult, Failure> {
        let expected = match sent.before {
            0 => StreamState::NoStream,
            before => StreamState::StreamRevision(before - 1),
        };
        let supervisor = &self.reader.supervisor;
        let options =
            AppendToStreamOptions::default().stream_state(expected).requires_leader(true).deadline(patience);
        let (name, events) = (supervisor.target.stream(&sent.stream), sent.events.clone());
        supervisor.call(patience, move |client: Client| async move {
            client.append_to_stream(name, &options, events).await
        })
    }

    /// Whether the events behind `before` are those that were sent.
    fn is_there(&self, sent: &Sent) -> Result<bool, JournalError> {
        let mut left = sent.ids.iter();
        self.reader.stream(&sent.stream, sent.before, &mut |stored| match left.as_slice().first() {
            Some(id) if *id == stored.id => {
                left.next();
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        })?;
        Ok(left.len() == 0)
    }

    fn refusal(&self, sent: &Sent, error: &Error) -> JournalError {
        if let Error::Grpc { message, .. } = error
            && message.to_ascii_lowercase().contains("maximum append")
        {
            // it says "Maximum Append Size of N Exceeded"
            let limit = message.split(|c: char| !c.is_ascii_digit()).find_map(|word| word.parse().ok());
            let what = "append (bytes, see MaxAppendSize of the database)";
            return JournalError::TooLarge { what, actual: sent.bytes, limit: limit.unwrap_or(1 << 20) };
        }
        self.reader.supervisor.unavailable(error)
    }

    /// What was written, with the positions that readers find it at.
    fn written(
        &mut self,
        sent: &Sent,
        slot: SlotIndex,
        tag: u64,
        last: Option<Position>,
    ) -> Result<Receipt, JournalError> {
        let version = sent.before + sent.events.len() as Version;
        let places = match last {
            Some(last) if sent.events.len() == 1 => Ok((last, last)),
            Some(last) => self.position(&sent.stream, sent.before + 1).map(|first| (first, last)),
            None => self
                .position(&sent.stream, sent.before + 1)
                .and_then(|first| Ok((first, self.position(&sent.stream, version)?))),
        };
        let (first, last) = match places {
            Ok(places) => places,
            Err(error) => {
                // it stands, and is recognised when it comes again
                self.streams.clear();
                return Err(JournalError::OutcomeUnknown(error.to_string()));
            }
        };
        self.streams.slot(slot).version = version;
        self.streams.add_command(slot, tag, sent.before + 1);
        self.reader.mark(last);
        self.shared.head.publish(last);
        Ok(Receipt { first, last, version, replayed: false })
    }

    /// Where the event of this version stands.
    fn position(&self, stream: &str, version: Version) -> Result<Position, JournalError> {
        let mut found = None;
        self.reader.stream(stream, version - 1, &mut |stored| {
            found = Some(stored.position);
            ControlFlow::Break(())
        })?;
        found.ok_or_else(|| {
            let at = &self.reader.supervisor.target.name;
            JournalError::Corrupt(format!(
                "{at}: stream {stream} lacks version {version}, which was just written"
            ))
        })
    }
}

struct AbandonOnDrop(Arc<Shared>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.queue.abandon();
    }
}
