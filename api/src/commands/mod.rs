//! Commands: `POST {resource}/{action}`, each a JSON object with what the action needs.
//!
//! The command's identity is derived from caller and Idempotency-Key. It is unique within its stream and stored with
//! a fingerprint of its content, by the journal: so a repeat is recognised for ever, by every process, with no table
//! of answers that could be lost.

mod batch;
mod blame;
mod flight;
mod members;
mod replies;
mod rights;
mod schema;
mod table;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use daybook_commands::Executed;
use daybook_domain::decider::MAX_TEXT;
use daybook_domain::schema::Schemas;
use daybook_domain::{MerchantId, Reference, Timestamp};
use daybook_market::{AnyCommand, AnyRequest};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use blame::blame;
pub(crate) use flight::InFlight;
pub(crate) use replies::{First, once};
pub(crate) use schema::key_parameter;
use table::{RESOURCES, Resource};

use crate::Shared;
use crate::access::{Caller, Touched};
use crate::endpoint::Endpoint;
use crate::guard::POSITION;
use crate::json::plain;
use crate::problem::{BAD_REQUEST, CONFLICT, KEY_MISSING, PRECONDITION_FAILED, Problem, UNSUPPORTED};
use crate::traces::within;

/// The caller's name for a command.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is that of the first time.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest Idempotency-Key.
const LONGEST_KEY: usize = 128;

/// What a command is for.
#[derive(Clone, Copy)]
struct Target {
    resource: &'static Resource,
    action: &'static str,
}

impl Target {
    /// Where it is asked for.
    fn path(self) -> String {
        format!("{}/{}", self.resource.path, self.action.replace('_', "-"))
    }
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![batch::endpoint()];
    let schemas = &mut Schemas::new();
    for resource in RESOURCES {
        let described = schema::actions(resource.category, schemas);
        for (action, permission) in resource.actions {
            let target = Target { resource, action };
            let described = described.iter().find(|described| described.name == *action);
            let path = target.path();
            let serve = post(move |state, caller, path: Path<String>, headers, body| {
                act(state, caller, target, Some(path.0), headers, body)
            });
            let doc = schema::doc(target, described, false, schemas);
            endpoints.push(Endpoint { method: Method::POST, path, permission: *permission, doc, serve });
            if let Some((_, collection)) = resource.made.filter(|(made, _)| made == action) {
                let serve =
                    post(move |state, caller, headers, body| act(state, caller, target, None, headers, body));
                let (path, doc) = (collection.to_owned(), schema::doc(target, described, true, schemas));
                endpoints.push(Endpoint { method: Method::POST, path, permission: *permission, doc, serve });
            }
        }
    }
    let mut components = std::mem::take(schemas).components();
    members::close(&mut components);
    endpoints[0].doc.components.extend(components);
    endpoints
}

async fn act(
    State(shared): State<Shared>,
    caller: Caller,
    target: Target,
    id: Option<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    is_json(&headers)?;
    let order = Order {
        id,
        key: headers.get(KEY).map(HeaderValue::as_bytes).unwrap_or_default(),
        expected: if_match(&headers)?,
        import: false,
        body: &body,
    };
    let (done, merchants) = carry_out(&shared, &caller, target, order).await;
    let mut response = done.map(Answer::from).into_response();
    response.extensions_mut().insert(Touched(merchants));
    Ok(response)
}

/// A command as it was sent.
struct Order<'r> {
    /// Of what it is for; none: of something new.
    id: Option<String>,
    /// The caller's name for it.
    key: &'r [u8],
    /// The version that the stream must have.
    expected: Option<u64>,
    /// What happened is recorded, however odd.
    import: bool,
    body: &'r [u8],
}

/// What a command came to.
struct Done {
    id: String,
    stream: String,
    executed: Executed,
}

/// Carries out one command, and counts it; with whose data it came near, also where it was refused.
async fn carry_out(
    shared: &Shared,
    caller: &Caller,
    target: Target,
    order: Order<'_>,
) -> (Result<Done, Problem>, Vec<MerchantId>) {
    let counted = |replayed| shared.metrics.command(target.resource.category, target.action, replayed);
    let (id, sent) = match read(caller, target, order) {
        Ok(read) => read,
        Err(problem) => {
            counted(Err(&problem));
            return (Err(problem), Vec::new());
        }
    };
    let executed = execute(shared, caller, target, &id, sent).await;
    counted(executed.as_ref().map(|(_, executed)| executed.receipt.is_some_and(|receipt| receipt.replayed)));
    // after it: what it made has a merchant now
    let merchants = rights::concerned(shared, target, &id);
    (executed.map(|(stream, executed)| Done { id, stream, executed }), merchants)
}

/// A command as it was read.
struct Sent<'r> {
    command_id: Uuid,
    occurred_at: Option<Timestamp>,
    expected: Option<u64>,
    import: bool,
    /// What the action needs.
    fields: Map<String, Value>,
    /// All of it, as it came.
    body: &'r [u8],
}

/// Reads a command, and what it is for. An id is looked at before anything is looked up by it.
fn read<'r>(caller: &Caller, target: Target, order: Order<'r>) -> Result<(String, Sent<'r>), Problem> {
    let Order { id, key, expected, import, body } = order;
    let command_id = identity(caller, key)?;
    let mut fields: Map<String, Value> = parse(body)?;
    let occurred_at = taken(&mut fields, "occurred_at")?
        .map(|text| Timestamp::parse(&text).map_err(|e| Problem::bad("occurred_at", e).at("/occurred_at")))
        .transpose()?;
    let category = target.resource.category;
    let (id, pointer) = match id {
        Some(id) => (id, None),
        // the same request makes the same thing
        None => {
            let named = taken(&mut fields, "id")?;
            let id = named.unwrap_or_else(|| Uuid::new_v5(&command_id, category.as_bytes()).to_string());
            (id, Some("/id"))
        }
    };
    Reference::new(&id).map_err(|error| {
        let problem = Problem::bad(category, error);
        if let Some(pointer) = pointer { problem.at(pointer) } else { problem }
    })?;
    bounded(&fields, &mut String::new())?;
    Ok((id, Sent { command_id, occurred_at, expected, import, fields, body }))
}

/// Refuses texts that are longer than anything people are asked to say: what is written down stays.
fn bounded<'v>(
    members: impl IntoIterator<Item = (impl std::fmt::Display, &'v Value)>,
    pointer: &mut String,
) -> Result<(), Problem> {
    for (name, value) in members {
        let before = pointer.len();
        *pointer += &format!("/{name}");
        match value {
            Value::String(text) if text.len() > MAX_TEXT => {
                let why = format!("a text has at most {MAX_TEXT} bytes, this one {}", text.len());
                return Err(Problem::bad(&pointer[1..], why).at(pointer.as_str()));
            }
            Value::Object(members) => bounded(members, pointer)?,
            Value::Array(items) => bounded(items.iter().enumerate(), pointer)?,
            _ => {}
        }
        pointer.truncate(before);
    }
    Ok(())
}

async fn execute(
    shared: &Shared,
    caller: &Caller,
    target: Target,
    id: &str,
    sent: Sent<'_>,
) -> Result<(String, Executed), Problem> {
    rights::may_send(shared, caller, target, id, &sent)?;
    let Sent { command_id, occurred_at, expected, import, fields, body } = sent;
    let command = command(target, id, fields).map_err(|problem| blame(problem, target, id, body))?;
    let stream = command.stream();
    let _landing = shared.in_flight.begin(command_id, stream.clone())?;
    let request = AnyRequest {
        occurred_at,
        import,
        expected_version: expected,
        ..AnyRequest::new(command, command_id, caller.actor)
    };
    let name = || format!("{} {}", target.resource.category, target.action);
    let executed = within(shared.traces.as_ref(), name, shared.market.execute(request)).await;
    let executed = executed.map_err(|error| {
        let problem = Problem::from(error);
        if problem.is(CONFLICT) && expected.is_some() {
            problem.as_kind(PRECONDITION_FAILED)
        } else {
            problem
        }
    })?;
    Ok((stream, executed))
}

/// The id of a command: the same for the same caller and key, and for no other.
fn identity(caller: &Caller, key: &[u8]) -> Result<Uuid, Problem> {
    let visible = !key.is_empty() && key.len() <= LONGEST_KEY && key.iter().all(u8::is_ascii_graphic);
    if !visible {
        return Err(Problem::new(KEY_MISSING, "Idempotency-Key: send a new one with each new command"));
    }
    let mut name = caller.actor.as_str().as_bytes().to_vec();
    name.push(0);
    name.extend_from_slice(key);
    Ok(Uuid::new_v5(&Uuid::NAMESPACE_URL, &name))
}

/// Whether a body is said to be JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::new(UNSUPPORTED, format!("Content-Type: send application/json, not {kind:?}")))
}

fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let version =
        value.to_str().ok().and_then(|text| text.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    version
        .map(Some)
        .ok_or_else(|| Problem::bad("If-Match", "send the ETag of the last answer, such as \"5\""))
}

fn parse(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let detail = format!("the body is not a JSON object that can be read: {error}");
        Problem::new(BAD_REQUEST, detail).at("")
    })
}

/// Takes a text member out.
fn taken(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match fields.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Problem::bad(name, "is text").at(format!("/{name}"))),
    }
}

fn command(target: Target, id: &str, fields: Map<String, Value>) -> Result<AnyCommand, Problem> {
    members::check(target, &fields)?;
    read_command(target, id, fields)
}

fn read_command(target: Target, id: &str, mut fields: Map<String, Value>) -> Result<AnyCommand, Problem> {
    let Target { resource, action } = target;
    if fields.insert("action".to_owned(), action.into()).is_some() {
        return Err(Problem::bad("action", "stands in the path, not in the body").at("/action"));
    }
    let whole =
        [("category", resource.category.into()), ("id", id.into()), ("command", Value::Object(fields))];
    let whole: Map<String, Value> = whole.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
    serde_json::from_value(Value::Object(whole)).map_err(|error| {
        let detail = plain(&error.to_string());
        let named = detail.split('`').nth(1).filter(|_| detail.contains(" field `"));
        let pointer = named.map(|field| format!("/{field}"));
        let problem = Problem::new(BAD_REQUEST, detail);
        if let Some(pointer) = pointer { problem.at(pointer) } else { problem }
    })
}

/// What a command came to, as its caller is told. The same for a repeat, to the byte.
#[derive(Serialize)]
struct Answer {
    id: String,
    stream: String,
    version: u64,
    position: u64,
    events: Vec<Said>,
    #[serde(skip)]
    new: bool,
    #[serde(skip)]
    replayed: bool,
}

#[derive(Serialize)]
struct Said {
    #[serde(rename = "type")]
    kind: &'static str,
    data: Box<RawValue>,
}

impl From<Done> for Answer {
    fn from(Done { id, stream, executed }: Done) -> Self {
        let events = executed.events.iter().map(|event| {
            let data = RawValue::from_string(event.encode()).expect("invariant: the codec writes JSON");
            Said { kind: event.kind().as_str(), data }
        });
        let (receipt, said) = (executed.receipt, executed.events.len() as u64);
        Self {
            id,
            stream,
            version: executed.version,
            position: executed.position,
            events: events.collect(),
            // by versions: positions do not count events everywhere
            new: receipt.is_some_and(|receipt| receipt.version == said),
            replayed: receipt.is_some_and(|receipt| receipt.replayed),
        }
    }
}

impl Answer {
    const fn status(&self) -> StatusCode {
        if self.new { StatusCode::CREATED } else { StatusCode::OK }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(POSITION, HeaderValue::from(self.position));
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.version)) {
            headers.insert(header::ETAG, tag);
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may panic
    use daybook_domain::Event;
    use daybook_journal::Receipt;

    use super::*;

    #[test]
    fn a_stream_is_new_where_all_its_events_are_the_commands_wherever_they_stand_in_the_journal() {
        let event = || Event::decode("CheckoutExpired", 1, r#"{"due_at":"2026-01-01T00:00:00Z"}"#).unwrap();
        let status = |version: u64, (first, last): (u64, u64)| {
            let receipt = Receipt { first, last, version, replayed: false };
            let (receipt, events) = (Some(receipt), vec![event(), event()]);
            let executed = Executed { receipt, events, already: false, version, position: last };
            Answer::from(Done { id: "c1".to_owned(), stream: "checkout-c1".to_owned(), executed }).status()
        };
        for positions in [(7, 8), (1_000, 1_900)] {
            assert_eq!(status(2, positions), StatusCode::CREATED);
            assert_eq!(status(3, positions), StatusCode::OK);
        }
    }
}
