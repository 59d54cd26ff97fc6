//! `POST /v1/batch`: many commands in one request, each with its own result. The way of history imports and back
//! fills: one connection, one authentication, and commands of different streams under way at the same time.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use daybook_domain::MerchantId;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::table::{RESOURCES, Resource};
use super::{Answer, Order, Target, carry_out, is_json};
use crate::Shared;
use crate::access::{Allowance, Caller, Permission, TouchedByParts};
use crate::endpoint::{Doc, Endpoint};
use crate::guard::POSITION;
use crate::problem::{BAD_REQUEST, FORBIDDEN, NOT_FOUND, Problem, REFUSED};

/// Most commands of one batch.
pub(crate) const MOST_ITEMS: usize = 1_000;
/// Streams of an unordered batch that are worked on at the same time.
const AT_ONCE: usize = 64;

pub(crate) fn endpoint() -> Endpoint {
    let item = json!({
        "title": "BatchItem",
        "type": "object",
        "required": ["path", "idempotency_key", "body"],
        "additionalProperties": false,
        "properties": {
            "path": {"type": "string", "description": "Of the command, such as /v1/orders/o-1/ship"},
            "idempotency_key": {"type": "string", "minLength": 1, "maxLength": super::LONGEST_KEY, "pattern": "^[!-~]+$"},
            "if_match": {"type": ["integer", "null"], "minimum": 0, "maximum": i64::MAX, "description": "The version that the stream must have"},
            "body": {"type": "object", "description": "As the command's own body"},
        },
    });
    let body = json!({
        "type": "object",
        "required": ["items"],
        "additionalProperties": false,
        "properties": {
            "items": {"type": "array", "minItems": 1, "maxItems": MOST_ITEMS, "items": item},
            "ordered": {"type": "boolean", "default": true, "description":
                "True: one after another, each after what followed from the one before where it needs it. False: commands of \
                 different streams at the same time, those of one stream in their order."},
            "import": {"type": "boolean", "default": false, "description":
                "True: what happened is recorded, however odd. For operators."},
        },
    });
    let result = json!({
        "title": "BatchResult",
        "type": "object",
        "required": ["status", "body"],
        "properties": {
            "status": {"type": "integer", "description": "As the command's own answer"},
            "replayed": {"type": "boolean"},
            "body": {"anyOf": [{"$ref": "#/components/schemas/Executed"}, {"$ref": "#/components/schemas/Problem"}]},
        },
    });
    let answer = json!({"type": "object", "required": ["results"], "properties": {
        "results": {"type": "array", "items": result, "description": "One for each item, in their order"}}});
    let doc = Doc {
        id: "batch".to_owned(),
        tag: "Batches",
        summary: "Many commands, each with its own result".to_owned(),
        description: "One that is refused does not keep the others from being carried out. Sent again, the whole batch has no \
                      second effect. Each command counts as a request of its key: those beyond its rate are answered 429 and \
                      can be sent again."
            .to_owned(),
        body: Some(body),
        answers: vec![(200, "A result for each command", vec![("application/json", answer)])],
        problems: vec![413, 415],
        ..Doc::default()
    };
    Endpoint {
        method: Method::POST,
        path: "/v1/batch".to_owned(),
        permission: Permission::Command,
        doc,
        serve: post(batch),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    items: Vec<Item>,
    #[serde(default = "yes")]
    ordered: bool,
    #[serde(default)]
    import: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    path: String,
    idempotency_key: String,
    #[serde(default)]
    if_match: Option<u64>,
    body: Box<RawValue>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body {
    Done(Answer),
    Problem(Problem),
}

#[derive(Serialize)]
struct ItemResult {
    status: u16,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    replayed: bool,
    body: Body,
}

async fn batch(
    State(shared): State<Shared>,
    caller: Caller,
    Extension(allowance): Extension<Allowance>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    is_json(&headers)?;
    let Batch { items, ordered, import } = crate::json::read(&body)?;
    if items.is_empty() || items.len() > MOST_ITEMS {
        let detail = format!("items: send 1 to {MOST_ITEMS}, not {}", items.len());
        return Err(Problem::new(BAD_REQUEST, detail).at("/items"));
    }
    if let Some(n) =
        items.iter().position(|item| item.if_match.is_some_and(|version| i64::try_from(version).is_err()))
    {
        let detail = format!("items/{n}/if_match: no stream has so many versions");
        return Err(Problem::new(BAD_REQUEST, detail).at(format!("/items/{n}/if_match")));
    }
    if import && !caller.role.may(Permission::Operate) {
        return Err(Problem::new(FORBIDDEN, "import: for operators").at("/import"));
    }
    let sender = Sender { shared: &shared, caller: &caller, allowance: &allowance, import };
    let results = if ordered { sender.in_order(&items).await } else { sender.by_stream(&items).await };
    let touched = TouchedByParts(results.iter().flat_map(Came::touched).collect());
    #[derive(Serialize)]
    struct Results {
        results: Vec<ItemResult>,
    }
    let position = results.iter().filter_map(|came| Some(came.answer.as_ref().ok()?.position)).max();
    let results = results.into_iter().map(|came| ItemResult::from(came.answer)).collect();
    let mut response = Json(Results { results }).into_response();
    response.extensions_mut().insert(touched);
    response.headers_mut().extend(position.map(|position| (POSITION, HeaderValue::from(position))));
    Ok(response)
}

/// What an item came to.
struct Came {
    answer: Result<Answer, Problem>,
    /// The command that its path names, where it names one.
    target: Option<Target>,
    /// Whose data it came near.
    merchants: Vec<MerchantId>,
}

impl Came {
    fn touched(&self) -> impl Iterator<Item = (String, MerchantId, u16)> {
        let status = self.answer.as_ref().map_or_else(Problem::status, |answer| answer.status().as_u16());
        let named = self.target.map(|target| (target.path(), status));
        named.into_iter().flat_map(|(path, status)| {
            self.merchants.iter().map(move |merchant| (path.clone(), *merchant, status))
        })
    }
}

/// Who sends the items, and how.
struct Sender<'s> {
    shared: &'s Shared,
    caller: &'s Caller,
    allowance: &'s Allowance,
    import: bool,
}

impl Sender<'_> {
    /// One after another. A refusal may rest on a reaction that is still under way: those are waited for, and the command
    /// is sent again, once, unless nothing was written since the last wait.
    async fn in_order(&self, items: &[Item]) -> Vec<Came> {
        let (mut results, mut settled) = (Vec::with_capacity(items.len()), false);
        for (n, item) in items.iter().enumerate() {
            let mut came = self.one(n, item).await;
            if !settled && came.answer.as_ref().is_err_and(|problem| problem.is(REFUSED)) {
                came = match self.shared.market.settle_reactions().await {
                    Ok(_) => self.send(item).await,
                    Err(error) => Came { answer: Err(error.into()), ..came },
                };
                settled = true;
            }
            settled &= came.answer.is_err();
            results.push(came);
        }
        results
    }

    /// Those of one stream in their order, of different ones at the same time.
    async fn by_stream(&self, items: &[Item]) -> Vec<Came> {
        let mut streams: HashMap<String, Vec<usize>> = HashMap::new();
        for (n, item) in items.iter().enumerate() {
            streams.entry(item.stream()).or_default().push(n);
        }
        let work = stream::iter(streams.into_values()).map(|numbers| async move {
            let mut done = Vec::with_capacity(numbers.len());
            for n in numbers {
                done.push((n, self.one(n, &items[n]).await));
            }
            done
        });
        let mut results: Vec<_> = work.buffer_unordered(AT_ONCE).concat().await;
        results.sort_unstable_by_key(|(n, _)| *n);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// The first item is paid for with the request, each other by itself.
    async fn one(&self, n: usize, item: &Item) -> Came {
        match self.allowance.take() {
            Err(problem) if n > 0 => Came { answer: Err(problem), target: None, merchants: Vec::new() },
            _ => self.send(item).await,
        }
    }

    async fn send(&self, item: &Item) -> Came {
        let (target, permission, id) = match find(&item.path) {
            Ok(found) => found,
            Err(problem) => return Came { answer: Err(problem), target: None, merchants: Vec::new() },
        };
        if !self.caller.role.may(permission) {
            let detail = format!("path: the role {} may not {}", self.caller.role.name(), target.action);
            let merchants = id.filter(|_| target.resource.of_merchant).and_then(|id| id.parse().ok());
            return Came {
                answer: Err(Problem::new(FORBIDDEN, detail)),
                target: Some(target),
                merchants: merchants.into_iter().collect(),
            };
        }
        let order = Order {
            id,
            key: item.idempotency_key.as_bytes(),
            expected: item.if_match,
            import: self.import,
            body: item.body.get().as_bytes(),
        };
        let (done, merchants) = carry_out(self.shared, self.caller, target, order).await;
        Came { answer: done.map(Answer::from), target: Some(target), merchants }
    }
}

impl Item {
    /// What stands for the stream that it is for.
    fn stream(&self) -> String {
        #[derive(Deserialize)]
        struct Named {
            id: Option<String>,
        }
        let Ok((Target { resource, .. }, _, id)) = find(&self.path) else { return self.path.clone() };
        let named = || serde_json::from_str::<Named>(self.body.get()).ok().and_then(|named| named.id);
        // without an id it follows from the key, which is none: a space is in no id
        let id = id.or_else(named).unwrap_or_else(|| format!(" {}", self.idempotency_key));
        format!("{} {id}", resource.category)
    }
}

/// What a path asks for.
fn find(path: &str) -> Result<(Target, Permission, Option<String>), Problem> {
    let unknown = || Problem::new(NOT_FOUND, format!("path: no command at {path:?}"));
    for resource in RESOURCES {
        if let Some((made, collection)) = resource.made
            && path == collection
        {
            return with(resource, made, None).ok_or_else(unknown);
        }
        let parameter = resource.path.find('{').unwrap_or_default();
        let (before, rest) = resource.path.split_at(parameter);
        let after = rest.split_once('}').map_or("", |(_, after)| after);
        let Some(rest) = path.strip_prefix(before) else { continue };
        let Some((id, rest)) = rest.split_once('/') else { continue };
        let rest = format!("/{rest}");
        let Some(action) = rest.strip_prefix(after).and_then(|rest| rest.strip_prefix('/')) else { continue };
        let named = (!action.contains('_')).then(|| action.replace('-', "_"));
        if let Some(found) = named.and_then(|action| with(resource, &action, None)) {
            let (target, permission, _) = found;
            return Ok((target, permission, Some(decoded(id).ok_or_else(unknown)?)));
        }
    }
    Err(unknown())
}

/// A part of a path as a URL has it: `%2F` is a slash.
fn decoded(part: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(part.len()), part.bytes());
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            u8::try_from(digit(rest.next()?)? * 16 + digit(rest.next()?)?).ok()?
        } else {
            byte
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}

fn with(
    resource: &'static Resource,
    action: &str,
    id: Option<String>,
) -> Option<(Target, Permission, Option<String>)> {
    let (action, permission) = resource.actions.iter().find(|(name, _)| *name == action)?;
    Some((Target { resource, action }, *permission, id))
}

impl From<Result<Answer, Problem>> for ItemResult {
    fn from(result: Result<Answer, Problem>) -> Self {
        match result {
            Ok(answer) => {
                Self { status: answer.status().as_u16(), replayed: answer.replayed, body: Body::Done(answer) }
            }
            Err(problem) => Self { status: problem.status(), replayed: false, body: Body::Problem(problem) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_at_its_path() {
        for resource in RESOURCES {
            for (action, permission) in resource.actions {
                let path = format!("{}/{}", resource.path, action.replace('_', "-"))
                    .replace('{', "")
                    .replace('}', "");
                let (target, found, id) = find(&path).expect(&path);
                assert_eq!(
                    (target.resource.category, target.action, found),
                    (resource.category, *action, *permission)
                );
                assert!(id.is_some());
            }
        }
        assert!(find("/v1/orders").expect("made").2.is_none());
        assert_eq!(find("/v1/orders/a%2Fb%25/ship").expect("an id").2.as_deref(), Some("a/b%"));
        for wrong in [
            "/v1/orders/o",
            "/v1/orders/o/fund",
            "/v1/orders/o/issue_refund",
            "/v1/orders/o%2/ship",
            "/v1/orders//",
            "/v2/orders/o/ship",
            "",
        ] {
            assert!(find(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_made_and_what_is_done_with_it_are_of_one_stream() {
        let stream = |path: &str, body: &str| {
            let body = RawValue::from_string(body.to_owned()).expect("JSON");
            Item { path: path.to_owned(), idempotency_key: "k".to_owned(), if_match: None, body }.stream()
        };
        let made = stream("/v1/orders", r#"{"id": "o1", "buyer": "b"}"#);
        assert_eq!(made, stream("/v1/orders/o1/ship", "{}"));
        assert_ne!(made, stream("/v1/orders", "{}"));
        assert_ne!(stream("/v1/orders", "{}"), stream("/v1/checkouts", "{}"));
    }

    #[test]
    fn a_body_that_is_no_batch_is_refused() {
        for wrong in [json!({}), json!({"items": [], "x": 1}), json!({"items": [{"path": "/v1/orders"}]})] {
            assert!(serde_json::from_value::<Batch>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
