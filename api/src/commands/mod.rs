//! Commands: `POST {resource}/{action}`, each a JSON object with what the action needs.
//!
//! The command's identity is derived from caller and Idempotency-Key. It is unique within its stream and stored with
//! a fingerprint of its content, by the journal: so a repeat is recognised for ever, by every process, with no table
//! of answers that could be lost.

mod batch;
mod flight;
mod schema;
mod table;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use daybook_commands::Executed;
use daybook_domain::schema::Schemas;
use daybook_domain::{MerchantId, Timestamp};
use daybook_market::{AnyCommand, AnyRequest};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

pub(crate) use flight::InFlight;
use table::{RESOURCES, Resource};

use crate::Shared;
use crate::access::{Caller, Role, Touched};
use crate::endpoint::Endpoint;
use crate::guard::POSITION;
use crate::problem::{
    BAD_REQUEST, CONFLICT, FORBIDDEN, KEY_MISSING, PRECONDITION_FAILED, Problem, UNSUPPORTED,
};

/// The caller's name for a command.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is that of the first time.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest Idempotency-Key.
const LONGEST_KEY: usize = 128;

/// Largest body that is gone through for the member at fault.
const MOST_BLAMED: usize = 16 << 10;

/// What a command is for.
#[derive(Clone, Copy)]
struct Target {
    resource: &'static Resource,
    action: &'static str,
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![batch::endpoint()];
    let schemas = &mut Schemas::new();
    for resource in RESOURCES {
        let described = schema::actions(resource.category, schemas);
        for (action, permission) in resource.actions {
            let target = Target { resource, action };
            let described = described.iter().find(|described| described.name == *action);
            let path = format!("{}/{}", resource.path, action.replace('_', "-"));
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
    endpoints[0].doc.components.extend(std::mem::take(schemas).components());
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
    let done = carry_out(&shared, &caller, target, order).await?;
    let merchant = if target.resource.category == "order" { merchant_of(&shared, &done.id)? } else { None };
    let mut response = Answer::from(done).into_response();
    response.extensions_mut().insert(Touched(merchant.into_iter().collect()));
    Ok(response)
}

/// Whose an order is.
fn merchant_of(shared: &Shared, order: &str) -> Result<Option<MerchantId>, Problem> {
    let merchant = daybook_domain::order::Order::merchant;
    Ok(shared.market.commands().look::<daybook_domain::order::Order, _>(order, merchant)?)
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

/// Carries out one command, and counts it.
async fn carry_out(
    shared: &Shared,
    caller: &Caller,
    target: Target,
    order: Order<'_>,
) -> Result<Done, Problem> {
    let done = attempt(shared, caller, target, order).await;
    let replayed = done.as_ref().map(|done| done.executed.receipt.is_some_and(|receipt| receipt.replayed));
    shared.metrics.command(target.resource.category, target.action, replayed);
    done
}

async fn attempt(
    shared: &Shared,
    caller: &Caller,
    target: Target,
    order: Order<'_>,
) -> Result<Done, Problem> {
    let Order { id, key, expected, import, body } = order;
    let command_id = identity(caller, key)?;
    let mut fields: Map<String, Value> = parse(body)?;
    let occurred_at = taken(&mut fields, "occurred_at")?
        .map(|text| Timestamp::parse(&text).map_err(|e| Problem::bad("occurred_at", e).at("/occurred_at")))
        .transpose()?;
    let id = match id {
        Some(id) => id,
        // the same request makes the same thing
        None => taken(&mut fields, "id")?
            .unwrap_or_else(|| Uuid::new_v5(&command_id, target.resource.category.as_bytes()).to_string()),
    };
    may_touch(shared, caller, target, &id, &fields)?;
    let command = command(target, &id, fields).map_err(|problem| blame(problem, target, &id, body))?;
    let stream = command.stream();
    let _landing = shared.in_flight.begin(command_id, stream.clone())?;
    let request = AnyRequest {
        occurred_at,
        import,
        expected_version: expected,
        ..AnyRequest::new(command, command_id, caller.actor)
    };
    let executed = shared.market.execute(request).await.map_err(|error| {
        let problem = Problem::from(error);
        if problem.is(CONFLICT) && expected.is_some() {
            problem.as_kind(PRECONDITION_FAILED)
        } else {
            problem
        }
    })?;
    Ok(Done { id, stream, executed })
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

/// Merchants act on what is theirs, and in their own name.
fn may_touch(
    shared: &Shared,
    caller: &Caller,
    target: Target,
    id: &str,
    fields: &Map<String, Value>,
) -> Result<(), Problem> {
    if caller.merchant.is_none() && caller.role != Role::Merchant {
        return Ok(());
    }
    let missing = format!("{} {id}", target.resource.category);
    match target.resource.category {
        _ if target.resource.of_merchant => caller.must_own(id, missing)?,
        "order" => {
            let merchant = merchant_of(shared, id)?;
            caller.must_own(merchant.as_ref().map_or("", |merchant| merchant.as_str()), missing)?;
        }
        _ => {
            let detail =
                format!("a key of one merchant does not {} a {}", target.action, target.resource.category);
            return Err(Problem::new(FORBIDDEN, detail));
        }
    }
    for member in ["by", "party"] {
        if let Some(Value::String(who)) = fields.get(member)
            && who != "merchant"
        {
            let detail = format!("{member}: a merchant's key acts for the merchant, not for {who}");
            return Err(Problem::new(FORBIDDEN, detail).at(format!("/{member}")));
        }
    }
    Ok(())
}

fn command(target: Target, id: &str, mut fields: Map<String, Value>) -> Result<AnyCommand, Problem> {
    let Target { resource, action } = target;
    if fields.insert("action".to_owned(), action.into()).is_some() {
        return Err(Problem::bad("action", "stands in the path, not in the body").at("/action"));
    }
    let whole =
        [("category", resource.category.into()), ("id", id.into()), ("command", Value::Object(fields))];
    let whole: Map<String, Value> = whole.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
    serde_json::from_value(Value::Object(whole)).map_err(|error| {
        let detail = error.to_string();
        let named = detail.split('`').nth(1).filter(|_| detail.contains(" field `"));
        let pointer = named.map(|field| format!("/{field}"));
        let problem = Problem::new(BAD_REQUEST, detail);
        if let Some(pointer) = pointer { problem.at(pointer) } else { problem }
    })
}

/// Says which member of a body is at fault, where the problem does not say so itself: the one without which the
/// problem is another.
fn blame(problem: Problem, target: Target, id: &str, body: &[u8]) -> Problem {
    let Some(fields) = parse(body).ok().filter(|_| !problem.points() && body.len() <= MOST_BLAMED) else {
        return problem;
    };
    let at_fault = fields.keys().filter(|name| !matches!(name.as_str(), "id" | "occurred_at")).find(|name| {
        let mut without = fields.clone();
        without.retain(|other, _| other != *name && !matches!(other.as_str(), "id" | "occurred_at"));
        command(target, id, without).err().as_ref() != Some(&problem)
    });
    match at_fault {
        Some(name) => problem.of_member(name),
        None => problem,
    }
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
        let receipt = executed.receipt;
        Self {
            id,
            stream,
            version: executed.version,
            position: executed.position,
            events: events.collect(),
            new: receipt.is_some_and(|receipt| receipt.version == receipt.last - receipt.first + 1),
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
