//! What the nodes of a stand-in have in common: the log of the database, and how it takes an append.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use prost::Message;
use uuid::Uuid;

use super::wire::{Expected, Id, IdValue, ProposedMessage, RecordedEvent, StreamIdentifier, Structured};

/// What comes between two events of the log: positions are places in a file, and no counts.
const HEADER: u64 = 80;

/// The log. With a file, what was taken is in it before it is acknowledged.
#[derive(Default)]
pub(super) struct Log {
    events: Vec<RecordedEvent>,
    streams: HashMap<Vec<u8>, Vec<usize>>,
    end: u64,
    file: Option<File>,
}

/// What became of an append.
pub(super) enum Taken {
    /// The stream's revision and the position of its last event; none of a repeat, as a database may answer.
    Written(u64, Option<u64>),
    /// The stream's revision.
    Wrong(Option<u64>),
}

impl Log {
    /// A log that begins as one of a database does: with events of its own.
    pub(super) fn new() -> Self {
        let mut log = Self::default();
        log.system("$settings", "$Epoch");
        log
    }

    /// As [`Log::new`], with what a file holds of it.
    pub(super) fn on(path: &Path) -> std::io::Result<Self> {
        let mut file = File::options().create(true).read(true).append(true).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut rest = bytes.as_slice();
        let mut log = Self::default();
        while !rest.is_empty() {
            match RecordedEvent::decode_length_delimited(&mut rest) {
                Ok(event) => log.keep(event),
                Err(_) => break, // what was cut off was not acknowledged
            }
        }
        let whole = bytes.len() - rest.len();
        file.set_len(whole as u64)?;
        log.file = Some(file);
        if log.events.is_empty() {
            log.system("$settings", "$Epoch");
        }
        Ok(log)
    }

    pub(super) fn events(&self) -> &[RecordedEvent] {
        &self.events
    }

    pub(super) fn stream(
        &self,
        name: &[u8],
    ) -> impl DoubleEndedIterator<Item = &RecordedEvent> + ExactSizeIterator + use<'_> {
        let places = self.streams.get(name).map_or(&[][..], Vec::as_slice);
        places.iter().map(|place| &self.events[*place])
    }

    fn keep(&mut self, event: RecordedEvent) {
        self.end =
            event.commit_position + HEADER + event.data.len() as u64 + event.custom_metadata.len() as u64;
        let name = name_of(&event).to_vec();
        self.streams.entry(name).or_default().push(self.events.len());
        self.events.push(event);
    }

    /// Keeps only so many events from the first on.
    pub(super) fn cut(&mut self, keep: usize) {
        let kept: Vec<_> = self.events.drain(..).take(keep).collect();
        (self.streams, self.end, self.file) = (HashMap::new(), 0, None);
        kept.into_iter().for_each(|event| self.keep(event));
    }

    /// Writes an event of the database's own.
    pub(super) fn system(&mut self, stream: &str, kind: &str) {
        let id = Uuid::from_u128((u128::from(self.end) << 64) | 0x5e5e);
        let message = ProposedMessage {
            id: Some(structured(id)),
            metadata: [("type".to_owned(), kind.to_owned())].into(),
            custom_metadata: Vec::new(),
            data: b"{}".to_vec(),
        };
        self.write(stream.as_bytes(), vec![message]);
    }

    fn write(&mut self, stream: &[u8], messages: Vec<ProposedMessage>) -> (u64, u64) {
        let mut last = (0, 0);
        for message in messages {
            let revision = self.stream(stream).len() as u64;
            let mut metadata = message.metadata;
            metadata.insert("created".to_owned(), "17000000000000000".to_owned());
            let event = RecordedEvent {
                id: message.id,
                stream_identifier: Some(StreamIdentifier { stream_name: stream.to_vec() }),
                stream_revision: revision,
                prepare_position: self.end,
                commit_position: self.end,
                metadata,
                custom_metadata: message.custom_metadata,
                data: message.data,
            };
            last = (revision, self.end);
            if let Some(file) = &mut self.file {
                let written =
                    file.write_all(&event.encode_length_delimited_to_vec()).and_then(|()| file.sync_data());
                written.unwrap_or_else(|error| panic!("the stand-in's file cannot be written: {error}"));
            }
            self.keep(event);
        }
        last
    }

    /// Takes an append as the database does: the condition first; where it does not hold, an append whose events stand just
    /// there already is a repeat.
    pub(super) fn append(
        &mut self,
        stream: &[u8],
        expected: &Expected,
        messages: Vec<ProposedMessage>,
    ) -> Taken {
        let length = self.stream(stream).len() as u64;
        let (holds, from) = match expected {
            Expected::Revision(revision) => (length == revision + 1, Some(revision + 1)),
            Expected::NoStream(_) => (length == 0, Some(0)),
            Expected::Any(_) => (true, None),
            Expected::StreamExists(_) => (length > 0, None),
        };
        if holds {
            let (revision, position) = self.write(stream, messages);
            return Taken::Written(revision, Some(position));
        }
        let there = from.and_then(|from| usize::try_from(from).ok()).is_some_and(|from| {
            let standing: Vec<_> =
                self.stream(stream).skip(from).take(messages.len()).map(|e| uuid(e.id.as_ref())).collect();
            !messages.is_empty()
                && standing == messages.iter().map(|m| uuid(m.id.as_ref())).collect::<Vec<_>>()
        });
        if there {
            return Taken::Written(from.unwrap_or_default() + messages.len() as u64 - 1, None);
        }
        Taken::Wrong(length.checked_sub(1))
    }
}

pub(super) fn name_of(event: &RecordedEvent) -> &[u8] {
    event.stream_identifier.as_ref().map_or(&[], |stream| stream.stream_name.as_slice())
}

fn structured(id: Uuid) -> Id {
    let (high, low) = id.as_u64_pair();
    let value = Structured { most_significant_bits: high as i64, least_significant_bits: low as i64 };
    Id { value: Some(IdValue::Structured(value)) }
}

fn uuid(id: Option<&Id>) -> Option<Uuid> {
    match id?.value.as_ref()? {
        IdValue::Structured(s) => {
            Some(Uuid::from_u64_pair(s.most_significant_bits as u64, s.least_significant_bits as u64))
        }
        IdValue::Text(text) => text.parse().ok(),
    }
}
