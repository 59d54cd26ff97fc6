//! An event in CloudEvents 1.0 form.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::OnceLock;

use daybook_domain::codec::EventKind;
use daybook_domain::{Refs, Timestamp};
use daybook_journal::{Filter, Journal, JournalError, Recorded};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use super::discreet;
use super::wanted::View;
use crate::access::Pseudonyms;

/// What stands before the name of an event type.
pub(super) const TYPE_PREFIX: &str = "daybook.";

/// What stands before the name of a journal.
const SOURCE_PREFIX: &str = "urn:daybook:journal:";

/// Where events come from. With `id` it identifies an event: ids alone are derived from commands, so that two journals
/// may begin with the same. A journal goes by its first event and when that was taken.
#[derive(Default)]
pub(crate) struct Source(OnceLock<String>);

impl Source {
    /// The source of this journal's events; blocks the first time.
    pub fn of(&self, journal: &dyn Journal) -> Result<&str, JournalError> {
        if let Some(known) = self.0.get() {
            return Ok(known);
        }
        let mut first = None;
        journal.scan(0, None, &Filter::default(), &mut |event| {
            first = Some(format!("{SOURCE_PREFIX}{}-{:x}", event.id.simple(), event.recorded_at));
            ControlFlow::Break(())
        })?;
        // an empty journal has nothing to tell yet
        Ok(first.map_or("urn:daybook:journal:empty", |name| self.0.get_or_init(|| name).as_str()))
    }
}

/// The form. A position is text: integers of CloudEvents have 32 bits.
#[derive(Serialize)]
struct CloudEvent<'a, D> {
    specversion: &'static str,
    id: Uuid,
    source: &'a str,
    r#type: String,
    subject: Cow<'a, str>,
    time: Timestamp,
    datacontenttype: &'static str,
    dataschema: String,
    position: String,
    streamversion: u64,
    recordedat: Timestamp,
    correlationid: Uuid,
    #[serde(flatten)]
    refs: &'a Refs,
    data: D,
}

/// An event as JSON, as much of it as its reader sees.
pub(super) fn encode(
    event: &Recorded<'_>,
    source: &str,
    refs: &Refs,
    view: View,
    names: &Pseudonyms,
) -> Result<String, serde_json::Error> {
    if view == View::Discreet {
        let data = discreet::data(serde_json::from_str(event.data)?, names);
        let refs = discreet::refs(*refs, names);
        let event =
            Recorded { id: names.of_id(event.id), correlation: names.of_id(event.correlation), ..*event };
        let subject = discreet::subject(event.stream, names);
        return serde_json::to_string(&form(&event, source, subject, &refs, data));
    }
    if view == View::Merchants
        && let Some(data) = discreet::to_merchant(event.kind, event.data)?
    {
        return serde_json::to_string(&form(event, source, event.stream.into(), refs, data));
    }
    let data: &RawValue = serde_json::from_str(event.data)?;
    serde_json::to_string(&form(event, source, event.stream.into(), refs, data))
}

fn form<'a, D>(
    event: &Recorded<'a>,
    source: &'a str,
    subject: Cow<'a, str>,
    refs: &'a Refs,
    data: D,
) -> CloudEvent<'a, D> {
    CloudEvent {
        specversion: "1.0",
        id: event.id,
        source,
        r#type: format!("{TYPE_PREFIX}{}", event.kind),
        subject,
        time: Timestamp(event.occurred_at),
        datacontenttype: "application/json",
        dataschema: format!("urn:daybook:event:{}:v{}", event.kind, event.schema),
        position: event.position.to_string(),
        streamversion: event.version,
        recordedat: Timestamp(event.recorded_at),
        correlationid: event.correlation,
        refs,
        data,
    }
}

/// What a receiver of webhooks is sent to try it.
pub(crate) fn ping(source: &str, id: &str, at: Timestamp) -> String {
    json!({
        "specversion": "1.0", "id": id, "source": source, "type": format!("{TYPE_PREFIX}Ping"), "time": at,
        "datacontenttype": "application/json", "data": {},
    })
    .to_string()
}

/// The schema of an event's type.
pub(super) fn types() -> Value {
    let names: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    json!({"type": "string", "description": "The type of an event", "enum": names})
}

/// The schema of what is sent with server-sent events: of each event, its fields.
pub(super) fn streamed() -> Value {
    json!({
        "type": "object",
        "description": "An event of the stream: what stands in its fields. A comment has neither `data` nor `event`",
        "required": ["data"],
        "properties": {
            "id": {"type": "string", "pattern": "^[0-9]+$", "description": "Its position: the `Last-Event-ID` to go on from"},
            "event": {"type": "string", "const": "message"},
            "data": {"type": "string", "contentMediaType": "application/json",
                "contentSchema": {"$ref": "#/components/schemas/Event"}, "description": "The event in CloudEvents 1.0 form"},
        },
    })
}

/// The schema of the form.
pub(super) fn schema() -> Value {
    let text = json!({"type": "string"});
    let time = json!({"type": "string", "format": "date-time"});
    let uuid = json!({"type": "string", "format": "uuid"});
    let mut schema = json!({
        "type": "object",
        "description": "An event in CloudEvents 1.0 form",
        "required": ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "position",
            "streamversion", "recordedat", "correlationid", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": uuid,
            "source": {"type": "string", "pattern": format!("^{SOURCE_PREFIX}"), "description": "The journal; with `id` it identifies the event"},
            "type": {"type": "string", "description": "`daybook.` and the event's type: daybook.OrderShipped"},
            "subject": {"type": "string", "description": "The stream"},
            "time": {"type": "string", "format": "date-time", "description": "When it happened in the business"},
            "datacontenttype": {"const": "application/json"},
            "dataschema": {"type": "string", "description": "urn:daybook:event:TYPE:vVERSION"},
            "position": {"type": "string", "pattern": "^[0-9]+$", "description": "Where it stands in the journal"},
            "streamversion": {"type": "integer", "description": "Where it stands in its stream"},
            "recordedat": time,
            "correlationid": uuid,
            "data": {"type": "object", "description": "The event's own content"},
        },
    });
    for party in super::wanted::PARTIES {
        schema["properties"][party] = text.clone();
    }
    schema
}
