//! An event as the database has it: its type and its data are ours byte for byte; what else belongs to it is in the metadata.

use eventstore::{EventData, RecordedEvent};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::target::Target;
use crate::{Cause, JournalError, Micros, NewEvent, Position, Recorded, Version};

/// The form of the metadata.
const FORM: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Meta {
    /// [`FORM`]; tells an event of a journal from others.
    daybook: u8,
    schema: u16,
    occurred_at: Micros,
    recorded_at: Micros,
    command: Uuid,
    fingerprint: Uuid,
    /// The name that KurrentDB's own projections know.
    #[serde(rename = "$correlationId")]
    correlation: Uuid,
    actor: String,
    /// A JSON object as text: its bytes are kept.
    refs: String,
}

/// An event as it was read.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub position: Position,
    pub stream: String,
    pub version: Version,
    pub id: Uuid,
    pub kind: String,
    pub schema: u16,
    pub occurred_at: Micros,
    pub recorded_at: Micros,
    pub command: Uuid,
    pub fingerprint: [u8; 16],
    pub correlation: Uuid,
    pub actor: String,
    pub refs: String,
    pub data: String,
}

/// An event as it is sent.
pub(super) fn encode(
    event: &NewEvent,
    cause: &Cause,
    recorded_at: Micros,
) -> Result<EventData, JournalError> {
    let meta = Meta {
        daybook: FORM,
        schema: event.schema,
        occurred_at: event.occurred_at,
        recorded_at,
        command: cause.command,
        fingerprint: Uuid::from_bytes(cause.fingerprint),
        correlation: cause.correlation,
        actor: cause.actor.to_string(),
        refs: event.refs.clone(),
    };
    let sent = match RawValue::from_string(event.data.clone()) {
        // written as it is; marked as JSON, so that the database's own pages and projections show it
        Ok(json) => EventData::json(&*event.kind, &json),
        Err(_) => Ok(EventData::binary(&*event.kind, event.data.clone().into())),
    };
    sent.and_then(|sent| sent.id(event.id).metadata_as_json(&meta))
        .map_err(|error| JournalError::Malformed(format!("{}: {error}", event.kind)))
}

/// An event of the database; an error when it is not one of a journal.
pub(super) fn decode(target: &Target, event: &RecordedEvent) -> Result<Stored, JournalError> {
    let position = event.position.commit;
    let damaged = |why: &str| target.damaged(position, why);
    if event.position.prepare != position {
        return Err(damaged("was written in a transaction of the old protocol: a journal knows none"));
    }
    let full = event.stream_id();
    let Some(stream) = full.strip_prefix(&target.prefix) else {
        return Err(damaged(&format!("is of the stream {full}, which is not the journal's")));
    };
    let foreign = "was not written by Daybook: nothing else may write into the streams of a journal";
    let meta: Meta = serde_json::from_slice(&event.custom_metadata).map_err(|_| damaged(foreign))?;
    if meta.daybook != FORM {
        return Err(damaged(&format!("has form {}, this program knows {FORM}", meta.daybook)));
    }
    let data = String::from_utf8(event.data.to_vec()).map_err(|_| damaged("holds no text"))?;
    Ok(Stored {
        position,
        stream: stream.to_owned(),
        version: event.revision + 1,
        id: event.id,
        kind: event.event_type.clone(),
        schema: meta.schema,
        occurred_at: meta.occurred_at,
        recorded_at: meta.recorded_at,
        command: meta.command,
        fingerprint: meta.fingerprint.into_bytes(),
        correlation: meta.correlation,
        actor: meta.actor,
        refs: meta.refs,
        data,
    })
}

impl Stored {
    pub(super) fn recorded(&self) -> Recorded<'_> {
        Recorded {
            position: self.position,
            stream: &self.stream,
            version: self.version,
            id: self.id,
            kind: &self.kind,
            schema: self.schema,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            command: self.command,
            fingerprint: self.fingerprint,
            correlation: self.correlation,
            actor: &self.actor,
            refs: &self.refs,
            data: &self.data,
        }
    }
}
