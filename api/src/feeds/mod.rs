//! The feed of events: pages of the journal, and the same as server-sent events, in CloudEvents 1.0 form.
//!
//! A reader says from where; the answer says where to go on. A page is bounded by events, by bytes and by positions
//! looked at, so a filter that finds little costs no more than one that finds much. Nothing is kept for a reader
//! between pages: the position is all there is to know.

mod cloud;
mod discreet;
mod page;
mod stream;
mod wakes;
mod wanted;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

pub(crate) use cloud::{Source, ping};
use page::Page;
pub(crate) use page::{Bounds, Sent, unreadable};
pub(crate) use stream::{Reading, Streams};
pub(crate) use wakes::Wakes;
pub(crate) use wanted::{View, Wanted, but_traffic, filter_schema, parties, types, within};

use crate::Shared;
use crate::access::{Caller, Permission, Touched};
use crate::endpoint::{Doc, Endpoint};
use crate::guard::POSITION;
use crate::problem::Problem;
use crate::reads::wanted as wanted_of;
use crate::server::Closing;
use wanted::Asked;

/// Where to go on from, for readers whose form of answer has no room for it.
const NEXT: HeaderName = HeaderName::from_static("daybook-next");

const JSON: &str = "application/json";
const BATCH: &str = "application/cloudevents-batch+json";
const STREAM_PATH: &str = "/v1/events/stream";
const STREAM: &str = "text/event-stream";

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let event = json!({"$ref": "#/components/schemas/Event"});
    let sent = json!({"$ref": "#/components/schemas/StreamedEvent"});
    let page = json!({"type": "object", "required": ["events", "next", "head"], "properties": {
        "events": {"type": "array", "items": event},
        "next": {"type": "integer", "description": "Ask for what is after this position: everything up to it was looked at, even where nothing was found"},
        "head": {"type": "integer", "description": "Position of the journal's last event; at `next` = `head` there is no more yet"},
    }});
    let doc = Doc::read("events", "Feeds", "Events from a position on", page).query(
        "limit",
        json!({"type": "integer", "minimum": 1, "maximum": page::MOST_EVENTS, "default": page::EVENTS}),
        "Most events of this page",
    );
    let mut page = filters(doc);
    page.answers[0].2.extend([(BATCH, json!({"type": "array", "items": event})), (STREAM, sent.clone())]);
    page.headers.push("Daybook-Next");
    page.description = format!(
        "Events in CloudEvents 1.0 form, by position. The `next` of one page (in other forms the header \
         `Daybook-Next`) is the `after` of the following one. A page looks at {} positions at most, so it may be empty \
         before the end. A merchant's key sees the events that concern it; for analysts parties go by pseudonyms, \
         and what could tell them is left out.",
        page::MOST_SCANNED
    );
    page.problems = vec![404, 406];
    let mut stream = filters(Doc::read(
        "events_stream",
        "Feeds",
        "Events as they happen",
        json!({}),
    ))
    .header("Last-Event-ID", json!({"type": "integer", "minimum": 0, "maximum": i64::MAX}), "Go on after this position, as browsers ask by themselves when a connection was lost; comes before `after`");
    stream.answers = vec![(200, "Server-sent events", vec![(STREAM, sent)])];
    stream.description = "Server-sent events: `id` is the position, `data` the event in CloudEvents 1.0 form. While nothing \
         happens a comment comes every 15 seconds, with the position up to which all was looked at. A stream ends when its \
         key is in force no longer, and when the service stops: connect again."
        .to_owned();
    stream.problems = vec![404, 406];
    for doc in [&mut page, &mut stream] {
        doc.components.insert("Event".to_owned(), cloud::schema());
        doc.components.insert("EventType".to_owned(), cloud::types());
        doc.components.insert("StreamedEvent".to_owned(), cloud::streamed());
    }
    vec![
        Endpoint {
            method: Method::GET,
            path: "/v1/events".to_owned(),
            permission: Permission::ReadFeed,
            doc: page,
            serve: get(events),
        },
        Endpoint {
            method: Method::GET,
            path: STREAM_PATH.to_owned(),
            permission: Permission::ReadFeed,
            doc: stream,
            serve: get(events_stream),
        },
    ]
}

fn filters(doc: Doc) -> Doc {
    let id = json!({"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"});
    let after = json!({"oneOf": [{"type": "integer", "minimum": 0, "maximum": i64::MAX}, {"const": "head"}], "default": 0});
    let types = json!({"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/EventType"}});
    let mut doc = doc
        .query(
            "after",
            after,
            "The position to go on from, 400 beyond the end of the journal; `head`: only what comes now",
        )
        .query(
            "type",
            types,
            "Only these types, by commas (`OrderShipped,OrderDelivered`) or each by itself",
        );
    if let Some(types) = doc.parameters.last_mut() {
        types["explode"] = false.into();
    }
    wanted::PARTIES.iter().fold(doc, |doc, party| {
        doc.query(party, id.clone(), &format!("Only events that refer to this {party}"))
    })
}

type AskedQuery = Result<Query<Vec<(String, String)>>, QueryRejection>;

async fn events(
    State(shared): State<Shared>,
    caller: Caller,
    closing: Option<Extension<Closing>>,
    headers: HeaderMap,
    asked: AskedQuery,
) -> Result<Response, Problem> {
    let form = wanted_of(&headers, &[JSON, BATCH, STREAM])?;
    if form == STREAM {
        return events_stream(State(shared), caller, closing, headers, asked).await;
    }
    let asked = Asked::read(asked)?;
    let bounds = asked.bounds()?;
    let after = asked.after(shared.market.journal().as_ref())?;
    let wanted = asked.wanted(&caller)?;
    let page =
        shared.streams.page(&shared, Reading::Page(caller.actor), wanted.into(), after, bounds).await?;
    let Page { events, next, head, merchants } = &page;
    let texts: Vec<&str> = events.iter().map(|event| event.json.as_str()).collect();
    let list = texts.join(",");
    let (kind, body) = match form {
        BATCH => (BATCH, format!("[{list}]")),
        _ => (JSON, format!("{{\"events\":[{list}],\"next\":{next},\"head\":{head}}}")),
    };
    let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
    response.extensions_mut().insert(Touched(merchants.iter().copied().collect()));
    response.headers_mut().insert(NEXT, HeaderValue::from(*next));
    response.headers_mut().insert(POSITION, HeaderValue::from(*head));
    Ok(response)
}

async fn events_stream(
    State(shared): State<Shared>,
    caller: Caller,
    closing: Option<Extension<Closing>>,
    headers: HeaderMap,
    asked: AskedQuery,
) -> Result<Response, Problem> {
    let asked = Asked::read(asked)?;
    let mut after = asked.after(shared.market.journal().as_ref())?;
    if let Some(last) = headers.get("last-event-id") {
        let last = last.to_str().ok().and_then(|text| text.parse().ok());
        after = last.ok_or_else(|| Problem::bad("Last-Event-ID", "write a position, a whole number"))?;
        wanted::within(shared.market.journal().as_ref(), after, "Last-Event-ID")?;
    }
    let wanted = asked.wanted(&caller)?;
    stream::open(shared, caller, headers, wanted, after, closing.map(|Extension(closing)| closing))
}
