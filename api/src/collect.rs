//! `POST /v1/collect`: what a storefront's pages tell of their visitors. The one endpoint whose key may stand in a page
//! that everybody can read: it can write hits and nothing else, and reads nothing.

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use daybook_domain::schema::Schemas;
use daybook_domain::time::DAY;
use daybook_domain::traffic::{FaultKind, Incoming, RawHit};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::Shared;
use crate::access::{Allowance, Caller, Permission};
use crate::endpoint::{Doc, Endpoint};
use crate::guard::POSITION;
use crate::problem::{BAD_REQUEST, Problem, UNSUPPORTED};

/// Most hits of one request.
const MOST_HITS: usize = 1_000;
/// How late a hit may come: what is older is imported from a file, by who runs the market.
const LATE: i64 = 30 * DAY;

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let mut schemas = Schemas::new();
    let mut hit = schemas.of::<RawHit<'_>>();
    hit["title"] = "Hit".into();
    let body = json!({
        "type": "object",
        "required": ["hits"],
        "additionalProperties": false,
        "properties": {"hits": {"type": "array", "minItems": 1, "maxItems": MOST_HITS, "items": hit}},
    });
    let refused = json!({
        "title": "RefusedHit",
        "type": "object",
        "required": ["hit", "code", "field", "detail"],
        "properties": {
            "hit": {"type": "integer", "minimum": 0, "description": "Its place among the hits of the request, from 0"},
            "code": {"title": "HitFault", "enum": FaultKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>()},
            "field": {"type": "string"},
            "detail": {"type": "string"},
        },
    });
    let answer = json!({
        "title": "Collected",
        "type": "object",
        "required": ["recorded", "repeated", "refused"],
        "properties": {
            "recorded": {"type": "integer", "minimum": 0, "description": "Hits that are recorded now"},
            "repeated": {"type": "integer", "minimum": 0, "description": "Hits that were there already"},
            "refused": {"type": "array", "items": refused, "description": "Hits that are none, with the reason"},
        },
    });
    let doc = Doc {
        id: "collect".to_owned(),
        tag: "Traffic",
        summary: "Record what visitors looked at and did".to_owned(),
        description: "Up to a thousand hits, each the view of a page or an act, recorded when this answers. A hit that was \
                      recorded before (the same `id`, or the same content) is not recorded again. One that is none does not \
                      keep the others from being recorded. A hit without `at` happened when it came, so that what is sent again \
                      is another hit: give it an `at` or an `id`. None may be older than 30 days.\n\nPages can send it by `navigator.sendBeacon`: the body may come as `text/plain`, and the key of \
                      a `collector` in the address (`?key=`), where no other key is taken."
            .to_owned(),
        parameters: vec![json!({"name": "key", "in": "query", "schema": {"type": "string"},
            "description": "The key of a collector, for callers that cannot send the header Authorization; beside the header it is not looked at."})],
        body: Some(body),
        answers: vec![(200, "What came of the hits", vec![("application/json", answer)])],
        problems: vec![413, 415],
        components: schemas.components(),
        ..Doc::default()
    };
    vec![Endpoint {
        method: Method::POST,
        path: "/v1/collect".to_owned(),
        permission: Permission::Collect,
        doc,
        serve: post(collect),
    }]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow)]
    hits: Vec<&'a RawValue>,
}

#[derive(Serialize)]
struct Refused {
    hit: usize,
    code: &'static str,
    field: String,
    detail: String,
}

#[derive(Serialize)]
struct Collected {
    recorded: u64,
    repeated: u64,
    refused: Vec<Refused>,
}

async fn collect(
    State(shared): State<Shared>,
    caller: Caller,
    Extension(allowance): Extension<Allowance>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    readable(&headers)?;
    let no_hits =
        |why: &dyn std::fmt::Display| Problem::new(BAD_REQUEST, format!("send {{\"hits\": [...]}}: {why}"));
    // serde would take a list for an object
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(no_hits(&"the body is no object").at(""));
    }
    let Body { hits: raw } = serde_json::from_slice(&body).map_err(|error| no_hits(&error).at(""))?;
    if raw.is_empty() || raw.len() > MOST_HITS {
        let detail = format!("hits: send 1 to {MOST_HITS}, not {}", raw.len());
        return Err(Problem::new(BAD_REQUEST, detail).at("/hits"));
    }
    // the key may be anybody's: it pays for what it sends, not for how often
    allowance.take_all(raw.len() as u64 - 1)?;
    let now = shared.market.commands().now();
    let incoming = Incoming {
        earliest: now.plus(-LATE),
        latest: now.plus(shared.market.commands().policy()?.clock_tolerance()),
        arrived: Some(now),
        number: None,
    };
    let (mut hits, mut refused) = (Vec::with_capacity(raw.len()), Vec::new());
    for (n, raw) in raw.iter().enumerate() {
        let refusal = |kind: FaultKind, field, detail| Refused { hit: n, code: kind.as_str(), field, detail };
        match RawHit::parse(raw.get()) {
            Err((field, why)) => refused.push(refusal(FaultKind::Unreadable, field, why)),
            Ok(raw) => match raw.check(&incoming) {
                Ok(hit) => hits.push(hit),
                Err(fault) => refused.push(refusal(fault.kind, fault.field.to_owned(), fault.why)),
            },
        }
    }
    shared.market.begin().await?;
    let done = shared.market.traffic().record(hits, caller.actor).await?;
    let answer = Collected { recorded: done.recorded, repeated: done.repeated, refused };
    let mut response = Json(answer).into_response();
    if done.position > 0 {
        response.headers_mut().insert(POSITION, HeaderValue::from(done.position));
    }
    Ok(response)
}

/// JSON, or what a browser sends without asking first.
fn readable(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if ["application/json", "text/plain"].iter().any(|known| essence.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    let detail = format!("Content-Type: send application/json or text/plain, not {kind:?}");
    Err(Problem::new(UNSUPPORTED, detail))
}
