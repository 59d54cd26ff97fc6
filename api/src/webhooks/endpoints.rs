//! Webhooks as resources.

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{Json, Response};
use axum::routing::{MethodRouter, delete, get, post};
use daybook_domain::time::SECOND;
use daybook_domain::{Refs, Timestamp};
use daybook_journal::Position;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::deliver::{event_at, event_id, kept, refused, send};
use super::store::{DeadLetter, MOST_WEBHOOKS, Webhook};
use super::{Webhooks, client, new_id, now, sign};
use crate::Shared;
use crate::access::{Caller, Permission};
use crate::commands::{First, is_json, key_parameter, once};
use crate::endpoint::{Doc, Endpoint};
use crate::feeds;
use crate::problem::{CONFLICT, INTERNAL, NOT_FOUND, Problem};

/// Hours for which a secret that was replaced is in force still, when nobody says.
const OVERLAP_HOURS: u64 = 24;
/// Most of them.
const LONGEST_OVERLAP: u64 = 7 * 24;
/// Dead letters of a page.
const LETTERS: u64 = 100;

const TAG: &str = "Webhooks";

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let hook = json!({"$ref": "#/components/schemas/Webhook"});
    let secret = json!({"$ref": "#/components/schemas/WebhookSecret"});
    let outcome = json!({"$ref": "#/components/schemas/WebhookOutcome"});
    let list = |name: &str, item: &Value| json!({"type": "object", "required": [name], "properties": {name: {"type": "array", "items": item}}});
    let letters = json!({"$ref": "#/components/schemas/DeadLetter"});
    let overlap =
        json!({"type": "integer", "minimum": 0, "maximum": LONGEST_OVERLAP, "default": OVERLAP_HOURS});
    let after = json!({"type": "integer", "minimum": 0, "maximum": i64::MAX});
    let mut create =
        doc("webhook_create", "Bring events to a receiver", secret.clone(), &[409, 413, 415, 422]);
    create.description = RECEIVING.to_owned();
    create.body = Some(new_schema());
    create.answers[0].0 = 201;
    create.parameters.push(key_parameter());
    create.headers = vec!["Idempotency-Replayed"];
    let mut rotated = doc(
        "webhook_rotate_secret",
        "Sign with a new secret; with the old one too for a while",
        secret,
        &[404, 409, 422],
    );
    rotated.parameters.push(key_parameter());
    rotated.headers = vec!["Idempotency-Replayed"];
    vec![
        at(Method::POST, "", create, post(add)),
        at(Method::GET, "", doc("webhooks", "All webhooks", list("webhooks", &hook), &[]), get(all)),
        at(
            Method::GET,
            "/{webhook}",
            doc("webhook", "A webhook, and how far it has come", hook.clone(), &[404]),
            get(show),
        ),
        at(
            Method::DELETE,
            "/{webhook}",
            doc("webhook_delete", "Remove a webhook and its dead letters", hook.clone(), &[404]),
            delete(remove),
        ),
        at(
            Method::POST,
            "/{webhook}/disable",
            doc(
                "webhook_disable",
                "Deliver no more; it goes on where it stands once it is enabled",
                hook.clone(),
                &[404],
            ),
            post(disable),
        ),
        at(
            Method::POST,
            "/{webhook}/enable",
            doc("webhook_enable", "Deliver again", hook, &[404]).query(
                "after",
                after.clone(),
                "Go on after this position, not where it stands: for a journal that was put back to an earlier state",
            ),
            post(enable),
        ),
        at(
            Method::POST,
            "/{webhook}/rotate-secret",
            rotated.query(
                "overlap_hours",
                overlap,
                "Hours for which the old one is in force still; 0: it is not",
            ),
            post(rotate),
        ),
        at(
            Method::POST,
            "/{webhook}/ping",
            doc("webhook_ping", "Send the receiver a test, `daybook.Ping`", outcome.clone(), &[404]),
            post(ping),
        ),
        at(
            Method::GET,
            "/{webhook}/dead-letters",
            doc(
                "webhook_dead_letters",
                "Events that were given up, the oldest first, 100 at a time",
                list("dead_letters", &letters),
                &[404],
            )
            .query("after", after, "The last letter of the page before"),
            get(dead_letters),
        ),
        at(
            Method::POST,
            "/{webhook}/dead-letters/{letter}/replay",
            doc("webhook_replay", "Try a dead letter again, now; taken, it is one no more", outcome, &[404]),
            post(replay),
        ),
    ]
}

const RECEIVING: &str = "Each event is a POST of CloudEvents 1.0 JSON, signed after Standard Webhooks: `webhook-signature` holds \
    `v1,` and the base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`, one for each secret in force, apart by \
    spaces. The key is what stands behind `whsec_`, base64. Compare without leaking time, and refuse a timestamp that is more \
    than five minutes off:\n\n```python\nimport base64, hashlib, hmac, time\n\n\
    def genuine(secret, headers, body, now=None):\n    \
    sent = int(headers['webhook-timestamp'])\n    \
    if abs((now or time.time()) - sent) > 300:\n        return False\n    \
    key = base64.b64decode(secret.removeprefix('whsec_'))\n    \
    text = f\"{headers['webhook-id']}.{sent}.\".encode() + body\n    \
    wanted = 'v1,' + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()\n    \
    return any(hmac.compare_digest(wanted, s) for s in headers['webhook-signature'].split())\n```\n\n\
    Answer 2xx once the event is yours. Events come one after the other, in the journal's order, each at least once: keep \
    `webhook-id` and let a second one pass. What is not taken is tried again with growing pauses and then put aside as a \
    dead letter; 410 disables the webhook. Until then the events behind it wait, some six hours: answer 2xx also for what \
    you have no use for. Redirects are not followed.";

fn at(method: Method, path: &str, doc: Doc, serve: MethodRouter<Shared>) -> Endpoint {
    Endpoint { method, path: format!("/v1/webhooks{path}"), permission: Permission::Administer, doc, serve }
}

fn doc(id: &str, summary: &str, answer: Value, problems: &[u16]) -> Doc {
    let mut doc = Doc {
        id: id.to_owned(),
        tag: TAG,
        summary: summary.to_owned(),
        answers: vec![(200, "Done", vec![("application/json", answer)])],
        problems: problems.to_vec(),
        ..Doc::default()
    };
    let hook = hook_schema();
    let mut secret = hook.clone();
    secret["properties"]["secret"] =
        json!({"type": "string", "description": "whsec_ and base64; shown this once"});
    secret["required"].as_array_mut().into_iter().for_each(|all| all.push(json!("secret")));
    doc.components.insert("Webhook".to_owned(), hook);
    doc.components.insert("WebhookSecret".to_owned(), secret);
    doc.components.insert(
        "WebhookOutcome".to_owned(),
        json!({"type": "object", "required": ["delivered"], "properties": {
            "delivered": {"type": "boolean"},
            "error": {"type": "string", "description": "Why the receiver did not take it"},
        }}),
    );
    doc.components.insert(
        "DeadLetter".to_owned(),
        json!({"type": "object", "required": ["id", "position", "at", "attempts", "error"], "properties": {
            "id": {"type": "integer"},
            "position": {"type": "integer", "description": "Where the event stands in the journal"},
            "at": {"type": "string", "format": "date-time"},
            "attempts": {"type": "integer"},
            "error": {"type": "string", "description": "What went wrong the last time"},
        }}),
    );
    doc
}

fn hook_schema() -> Value {
    let time = json!({"type": "string", "format": "date-time"});
    json!({
        "type": "object",
        "required": ["id", "url", "types", "filter", "created_at", "position", "delivered", "attempts", "dead_letters"],
        "properties": {
            "id": {"type": "string"},
            "url": {"type": "string", "format": "uri"},
            "types": {"type": "array", "items": {"$ref": "#/components/schemas/EventType"}, "description": "Only these; none: all but PageViewed and VisitorActed, which are sent where they are named"},
            "filter": feeds::filter_schema(),
            "created_at": time,
            "disabled": {"type": "string", "description": "Why it delivers no more"},
            "position": {"type": "integer", "description": "Up to here all is delivered, a dead letter, or not wanted"},
            "delivered": {"type": "integer"},
            "attempts": {"type": "integer", "description": "How often the next event was tried in vain"},
            "next_attempt_at": time,
            "last_error": {"type": "string"},
            "dead_letters": {"type": "integer"},
        },
    })
}

fn new_schema() -> Value {
    json!({
        "type": "object",
        "required": ["url"],
        "additionalProperties": false,
        "properties": {
            "url": {"type": "string", "format": "uri", "maxLength": 2048},
            "types": {"type": "array", "items": {"$ref": "#/components/schemas/EventType"}, "maxItems": 256, "description": "Only these; none: all but PageViewed and VisitorActed, which are sent where they are named"},
            "filter": feeds::filter_schema(),
            "after": {"type": "integer", "minimum": 0, "maximum": i64::MAX, "description": "Begin after this position; when it is not named, with what comes now"},
        },
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    url: String,
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    filter: std::collections::BTreeMap<String, String>,
    #[serde(default, deserialize_with = "position")]
    after: Option<Position>,
}

/// A position where one is named: nothing (`null`) is none, and is refused.
fn position<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Position>, D::Error> {
    Position::deserialize(from).map(Some)
}

/// A webhook with the secret that was made just now.
#[derive(Serialize)]
struct WithSecret {
    #[serde(flatten)]
    webhook: Webhook,
    secret: String,
}

#[derive(Serialize)]
struct Outcome {
    delivered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

const LONGEST_URL: usize = 2_048;

async fn add(
    State(shared): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    is_json(&headers)?;
    let new: New = crate::json::read(&body)?;
    if new.url.len() > LONGEST_URL {
        return Err(Problem::bad("url", format_args!("at most {LONGEST_URL} bytes")).at("/url"));
    }
    client::check(&new.url, &shared.webhooks.options).map_err(|why| Problem::bad("url", why).at("/url"))?;
    let types = feeds::types(new.types.iter().map(String::as_str)).map_err(|p| p.at("/types"))?;
    let named = new.filter.iter().map(|(name, id)| (name.as_str(), id.as_str()));
    let filter: Refs = feeds::parties(named).map_err(|p| p.at("/filter"))?;
    let head = shared.market.journal().head().map_err(feeds::unreadable)?;
    let position = new.after.unwrap_or(head);
    if position > head {
        return Err(Problem::bad("after", format_args!("the journal ends at {head}")).at("/after"));
    }
    let event = event_id(&shared, position).await?;
    let mut webhook = Webhook {
        id: String::new(),
        url: new.url,
        types: types.into_iter().map(Into::into).collect(),
        filter,
        created_at: now(),
        disabled: None,
        position,
        event,
        delivered: 0,
        attempts: 0,
        next_attempt_at: None,
        last_error: None,
        dead_in_row: 0,
        dead_letters: 0,
    };
    let at = &shared;
    let work = async move |command: Uuid| {
        // the same request makes the same one: it may have been cut off just before its answer was kept
        webhook.id = Uuid::new_v5(&command, b"webhook").to_string();
        let secret = secret()?;
        let (hook, key) = (webhook.clone(), secret.clone());
        let secret = kept(at, &webhook.id, move |webhooks, _| webhooks.store.add(&hook, &key)).await?;
        let Some(secret) = secret else {
            let detail = format!("there are {MOST_WEBHOOKS} webhooks, as many as there may be: remove one");
            return Err(Problem::new(CONFLICT, detail));
        };
        Webhooks::begin(at, &webhook.id);
        First::of(StatusCode::CREATED, None, &WithSecret { webhook, secret })
    };
    once(at, &caller, &headers, ("/v1/webhooks", &body), work).await
}

async fn all(State(shared): State<Shared>) -> Result<Json<Value>, Problem> {
    let all = kept(&shared, "", |webhooks, _| webhooks.store.all()).await?;
    Ok(Json(json!({"webhooks": all})))
}

async fn show(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Json<Webhook>, Problem> {
    found(&shared, &id).await.map(Json)
}

async fn remove(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Json<Webhook>, Problem> {
    let hook = found(&shared, &id).await?;
    shared.webhooks.end(&hook.id);
    kept(&shared, &id, |webhooks, id| webhooks.store.remove(id)).await?;
    Ok(Json(hook))
}

async fn disable(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Json<Webhook>, Problem> {
    found(&shared, &id).await?;
    shared.webhooks.end(&id);
    kept(&shared, &id, |webhooks, id| webhooks.store.disable(id, Some("by hand"))).await?;
    found(&shared, &id).await.map(Json)
}

async fn enable(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    after: Result<Query<After>, QueryRejection>,
) -> Result<Json<Webhook>, Problem> {
    let Query(After { after }) = after.map_err(|error| Problem::bad("query", error.body_text()))?;
    found(&shared, &id).await?;
    if let Some(after) = after {
        feeds::within(shared.market.journal().as_ref(), after, "after")?;
        shared.webhooks.end(&id);
        let event = event_id(&shared, after).await?;
        kept(&shared, &id, move |webhooks, id| webhooks.store.passed(id, after, event)).await?;
    }
    kept(&shared, &id, |webhooks, id| webhooks.store.disable(id, None)).await?;
    Webhooks::begin(&shared, &id);
    found(&shared, &id).await.map(Json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Overlap {
    overlap_hours: Option<u64>,
}

async fn rotate(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    caller: Caller,
    headers: HeaderMap,
    overlap: Result<Query<Overlap>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(overlap) = overlap.map_err(|error| Problem::bad("query", error.body_text()))?;
    let hours = overlap.overlap_hours.unwrap_or(OVERLAP_HOURS);
    let micros = i64::try_from(hours).ok().filter(|_| hours <= LONGEST_OVERLAP);
    let micros =
        micros.ok_or_else(|| Problem::bad("overlap_hours", format_args!("at most {LONGEST_OVERLAP}")))?;
    let webhook = found(&shared, &id).await?;
    let target = format!("/v1/webhooks/{id}/rotate-secret");
    let work = async |_| {
        let secret = secret()?;
        let at = now();
        let until = Timestamp(at.0 + micros * 3_600 * SECOND);
        let key = secret.clone();
        kept(&shared, &id, move |webhooks, id| webhooks.store.rotate(id, &key, until, at)).await?;
        First::of(StatusCode::OK, None, &WithSecret { webhook, secret })
    };
    once(&shared, &caller, &headers, (&target, hours.to_string().as_bytes()), work).await
}

async fn ping(State(shared): State<Shared>, Path(id): Path<String>) -> Result<Json<Outcome>, Problem> {
    let hook = found(&shared, &id).await?;
    let message = new_id();
    let source = shared.source.of(shared.market.journal().as_ref()).map_err(feeds::unreadable)?;
    let heard = send(&shared, &hook, &message, &feeds::ping(source, &message, now())).await?;
    Ok(Json(outcome(heard)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    after: Option<u64>,
}

async fn dead_letters(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    after: Result<Query<After>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(after) = after.map_err(|error| Problem::bad("query", error.body_text()))?;
    found(&shared, &id).await?;
    // SQLite's integers have a sign
    let after = after.after.unwrap_or(0).min(i64::MAX as u64);
    let letters =
        kept(&shared, &id, move |webhooks, id| webhooks.store.dead_letters(id, after, LETTERS)).await?;
    Ok(Json(json!({"dead_letters": letters})))
}

async fn replay(
    State(shared): State<Shared>,
    Path((id, letter)): Path<(String, String)>,
) -> Result<Json<Outcome>, Problem> {
    let hook = found(&shared, &id).await?;
    let none = || Problem::new(NOT_FOUND, format!("no dead letter {letter}"));
    let number: u64 = letter.parse::<u32>().map_err(|_| none())?.into();
    let dead = kept(&shared, &id, move |webhooks, id| webhooks.store.dead_letter(id, number)).await?;
    let dead: DeadLetter = dead.ok_or_else(none)?;
    let event = event_at(&shared, &hook, dead.position).await?;
    let event = event.filter(|event| dead.event.is_none_or(|id| id == event.id));
    let event = event.ok_or_else(|| Problem::new(NOT_FOUND, "the journal has this event no longer"))?;
    let outcome = outcome(send(&shared, &hook, &event.id.to_string(), &event.json).await?);
    let error = outcome.error.clone();
    kept(&shared, &id, move |webhooks, id| match error {
        None => webhooks.store.revived(id, number),
        Some(error) => webhooks.store.still_dead(id, number, &error),
    })
    .await?;
    Ok(Json(outcome))
}

fn outcome(heard: client::Heard) -> Outcome {
    let error = refused(heard).map(|refused| refused.error);
    Outcome { delivered: error.is_none(), error }
}

fn secret() -> Result<String, Problem> {
    sign::secret().ok_or_else(|| Problem::new(INTERNAL, "the system gives no random numbers"))
}

async fn found(shared: &Shared, id: &str) -> Result<Webhook, Problem> {
    let hook = kept(shared, id, |webhooks, id| webhooks.store.get(id)).await?;
    hook.ok_or_else(|| Problem::new(NOT_FOUND, format!("no webhook {id}")))
}
