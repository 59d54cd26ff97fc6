//! Keys and the log of accesses over HTTP, for admins.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Json;
use axum::routing::{get, post};
use daybook_domain::{MerchantId, PartyId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::key::LONGEST_NAME;
use super::log::{Logged, Question};
use super::{Caller, Key, LONGEST_GRACE, NewKey, Permission, Role};
use crate::Shared;
use crate::commands::is_json;
use crate::endpoint::{Doc, Endpoint};
use crate::problem::{Problem, blocking};

/// Most items of a page.
const LARGEST_PAGE: u32 = 1_000;
/// Items of a page where none are asked for.
const USUAL_PAGE: u32 = 100;

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let limit = json!({"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": USUAL_PAGE});
    let after = "Go on after this one: `next` of the page before";
    let time = json!({"type": "string", "format": "date-time"});
    let id = json!({"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"});
    let key = json!({"$ref": "#/components/schemas/Key"});
    let told = json!({"$ref": "#/components/schemas/KeyWithText"});
    let about = |mut doc: Doc, description: &str, problems: &[u16]| {
        doc.description = description.to_owned();
        doc.problems = problems.to_vec();
        doc.parameters.retain(|parameter| parameter["in"] == "query");
        doc.components
            .extend([("Key".to_owned(), key_schema(false)), ("KeyWithText".to_owned(), key_schema(true))]);
        doc
    };
    let made = |mut doc: Doc, body: Value| {
        doc.answers[0].0 = 201;
        doc.body = Some(body);
        doc
    };
    let read = |id, summary, answer| Doc::read(id, "Access", summary, answer);
    let keys = read("keys", "Keys, the oldest first", page_of(key.clone()))
        .query("after", id.clone(), after)
        .query("limit", limit.clone(), "At most so many");
    let log = read("access_log", "Who read or changed which merchant's data", page_of(logged_schema()))
        .query("merchant", id.clone(), "To this merchant's data")
        .query("actor", id, "Of this caller, such as key:3f9a1c0b7e2d")
        .query("from", time.clone(), "Not before")
        .query("to", time.clone(), "Before")
        .query("after", json!({"type": "string", "pattern": "^[0-9]{1,18}$"}), after)
        .query("limit", limit, "At most so many");
    let new = json!({"type": "object", "required": ["role"], "additionalProperties": false, "properties": {
        "role": {"title": "Role", "enum": Role::ALL.map(Role::name)},
        "merchant": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$", "description": "For the role merchant, and for no other"},
        "name": {"type": "string", "maxLength": LONGEST_NAME, "description": "Whose it is, in words"},
        "expires_at": time,
    }});
    let grace = json!({"type": "object", "additionalProperties": false, "properties": {
        "grace_seconds": {"type": "integer", "minimum": 0, "maximum": LONGEST_GRACE.as_secs(), "default": 0,
            "description": "So long the text it had counts on"},
    }});
    let nothing = json!({"type": "object", "additionalProperties": false});
    let create = read("key_new", "Make a key", told.clone());
    let rotate = read("key_rotate", "Give a key a new text", told);
    let mut revoke = read("key_revoke", "Put a key out of force", key);
    revoke.body = Some(nothing);
    let once = "The answer alone tells its text. Where it got lost, revoke the key and make another: a repeat is not \
                recognised, since the text is kept nowhere.";
    let at = |method: Method, path: &str, doc, serve| Endpoint {
        method,
        path: path.to_owned(),
        permission: Permission::Administer,
        doc,
        serve,
    };
    vec![
        at(Method::POST, "/v1/keys", about(made(create, new), once, &[413, 415]), post(create_key)),
        at(Method::GET, "/v1/keys", about(keys, "", &[]), get(list_keys)),
        at(
            Method::POST,
            "/v1/keys/{key}/rotate",
            about(made(rotate, grace), once, &[404, 413, 415, 422]),
            post(rotate_key),
        ),
        at(
            Method::POST,
            "/v1/keys/{key}/revoke",
            about(revoke, "At once and for good; twice is as once.", &[404, 413, 415]),
            post(revoke_key),
        ),
        at(
            Method::GET,
            "/v1/access-log",
            about(
                log,
                "Refused accesses as well, with how they were answered. What is read again and again, and what is refused \
                 so, is listed as it begins and then by the hour, with how often. Entries go by age alone.",
                &[],
            ),
            get(access_log),
        ),
    ]
}

fn page_of(items: Value) -> Value {
    json!({"type": "object", "required": ["items"], "properties": {
        "items": {"type": "array", "maxItems": LARGEST_PAGE, "items": items},
        "next": {"type": "string", "description": "Where the next page begins; not there when this is the last"},
    }})
}

fn key_schema(with_text: bool) -> Value {
    let time = json!({"type": ["string", "null"], "format": "date-time"});
    let mut schema = json!({"type": "object", "required": ["id", "name", "role", "state", "created_at", "created_by"], "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "role": {"title": "Role", "enum": Role::ALL.map(Role::name)},
        "merchant": {"type": ["string", "null"]},
        "state": {"title": "KeyState", "enum": ["active", "expired", "revoked"]},
        "created_at": {"type": "string", "format": "date-time"},
        "created_by": {"type": "string"},
        "rotated_at": time, "expires_at": time, "revoked_at": time,
        "revoked_by": {"type": ["string", "null"]},
        "last_used_at": time,
    }});
    if with_text {
        schema["properties"]["key"] = json!({"type": "string", "description": "What its holder sends as `Authorization: Bearer KEY`; told once"});
        schema["required"] = json!(["id", "name", "role", "state", "created_at", "created_by", "key"]);
    }
    schema
}

fn logged_schema() -> Value {
    json!({"title": "Access", "type": "object", "required": ["id", "at", "actor", "role", "merchant", "method", "endpoint", "status", "request_id", "times"], "properties": {
        "id": {"type": "integer"},
        "at": {"type": "string", "format": "date-time"},
        "actor": {"type": "string", "description": "Who asked: `key:ID`"},
        "role": {"title": "Role", "enum": Role::ALL.map(Role::name)},
        "merchant": {"type": "string", "description": "Whose data it was about"},
        "method": {"type": "string"},
        "endpoint": {"type": "string"},
        "status": {"type": "integer"},
        "request_id": {"type": "string"},
        "times": {"type": "integer", "minimum": 1, "description": "How often; time and request are those of the first"},
    }})
}

/// A key as it is shown.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    key: Key,
    state: &'static str,
}

#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    shown: Shown,
    #[serde(rename = "key")]
    text: String,
}

#[derive(Serialize)]
struct Page<T> {
    items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<Key> for Shown {
    fn from(key: Key) -> Self {
        Self { state: key.state(super::now()), key }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    role: Role,
    merchant: Option<MerchantId>,
    #[serde(default)]
    name: String,
    expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    #[serde(default)]
    grace_seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Reads a body.
fn body<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    is_json(headers)?;
    crate::json::read(body)
}

async fn create_key(
    State(shared): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<(StatusCode, Json<Told>), Problem> {
    let Wanted { role, merchant, name, expires_at } = body(&headers, &bytes)?;
    let new = NewKey { role, merchant, name, expires_at };
    let (key, text) = blocking(move || shared.access.create(new, caller.actor)).await?;
    Ok((StatusCode::CREATED, Json(Told { shown: key.into(), text })))
}

async fn rotate_key(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<(StatusCode, Json<Told>), Problem> {
    let Rotate { grace_seconds } = body(&headers, &bytes)?;
    let (key, text) = blocking(move || shared.access.rotate(&id, Duration::from_secs(grace_seconds))).await?;
    Ok((StatusCode::CREATED, Json(Told { shown: key.into(), text })))
}

async fn revoke_key(
    State(shared): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Shown>, Problem> {
    let Nothing {} = body(&headers, &bytes)?;
    let key = blocking(move || shared.access.revoke(&id, caller.actor)).await?;
    Ok(Json(key.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysAsked {
    after: Option<String>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogAsked {
    merchant: Option<MerchantId>,
    actor: Option<PartyId>,
    from: Option<String>,
    to: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

fn asked<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(asked)| asked).map_err(|error| Problem::bad("query", error.body_text()))
}

fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    let limit = asked.unwrap_or(USUAL_PAGE);
    if (1..=LARGEST_PAGE).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::bad("limit", format!("ask for 1 to {LARGEST_PAGE}")))
}

async fn list_keys(
    State(shared): State<Shared>,
    query: Result<Query<KeysAsked>, QueryRejection>,
) -> Result<Json<Page<Shown>>, Problem> {
    let KeysAsked { after, limit: most } = asked(query)?;
    let limit = limit(most)?;
    let keys = blocking(move || shared.access.page(after.as_deref(), limit)).await?;
    let next = keys.last().filter(|_| keys.len() == limit as usize).map(|key| key.id.clone());
    Ok(Json(Page { items: keys.into_iter().map(Shown::from).collect(), next }))
}

async fn access_log(
    State(shared): State<Shared>,
    query: Result<Query<LogAsked>, QueryRejection>,
) -> Result<Json<Page<Logged>>, Problem> {
    let LogAsked { merchant, actor, from, to, after, limit: most } = asked(query)?;
    let time = |field: &str, text: Option<String>| {
        // a plus sign stands for a space in a query: take it back, times have none
        let parsed = text.map(|text| Timestamp::parse(&text.replace(' ', "+"))).transpose();
        parsed.map_err(|error| Problem::bad(field, error))
    };
    let after = after.map(|after| after.parse::<i64>()).transpose();
    let question = Question {
        merchant,
        actor,
        from: time("from", from)?,
        to: time("to", to)?,
        after: after.map_err(|error| Problem::bad("after", error))?.unwrap_or(0),
        limit: limit(most)?,
    };
    let limit = question.limit as usize;
    let items = blocking(move || shared.access.accesses(&question)).await?;
    let next = items.last().filter(|_| items.len() == limit).map(|entry| entry.id.to_string());
    Ok(Json(Page { items, next }))
}
