//! `POST /v1/batch`: many commands in one request, each with its own result. The way of history imports and back
//! fills: one connection, one authentication, and commands of different streams under way at the same time.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::table::{RESOURCES, Resource};
use super::{Answer, Order, Target, carry_out, is_json};
use crate::Shared;
use crate::access::{Caller, Permission};
use crate::endpoint::{Doc, Endpoint};
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
                      second effect."
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
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    is_json(&headers)?;
    let batch: Batch =
        serde_json::from_slice(&body).map_err(|error| Problem::new(BAD_REQUEST, error.to_string()))?;
    let Batch { items, ordered, import } = batch;
    if items.is_empty() || items.len() > MOST_ITEMS {
        let detail = format!("items: send 1 to {MOST_ITEMS}, not {}", items.len());
        return Err(Problem::new(BAD_REQUEST, detail).at("/items"));
    }
    if import && !caller.role.may(Permission::Operate) {
        return Err(Problem::new(FORBIDDEN, "import: for operators").at("/import"));
    }
    let results = if ordered {
        let mut results = Vec::with_capacity(items.len());
        for item in &items {
            results.push(in_order(&shared, &caller, item, import).await);
        }
        results
    } else {
        by_stream(&shared, &caller, &items, import).await
    };
    #[derive(Serialize)]
    struct Results {
        results: Vec<ItemResult>,
    }
    let results = results.into_iter().map(ItemResult::from).collect();
    Ok(Json(Results { results }).into_response())
}

/// One after another. A refusal may rest on a reaction that is still under way: it is waited for, and the command
/// sent again, once.
async fn in_order(shared: &Shared, caller: &Caller, item: &Item, import: bool) -> Result<Answer, Problem> {
    match one(shared, caller, item, import).await {
        Err(problem) if problem.is(REFUSED) => {
            shared.market.settle_reactions().await?;
            one(shared, caller, item, import).await
        }
        done => done,
    }
}

/// Those of one target in their order, of different ones at the same time.
async fn by_stream(
    shared: &Shared,
    caller: &Caller,
    items: &[Item],
    import: bool,
) -> Vec<Result<Answer, Problem>> {
    let mut targets: HashMap<&str, Vec<usize>> = HashMap::new();
    for (n, item) in items.iter().enumerate() {
        let stream = item.path.rsplit_once('/').map_or(item.path.as_str(), |(target, _)| target);
        targets.entry(stream).or_default().push(n);
    }
    let work = stream::iter(targets.into_values()).map(|numbers| async move {
        let mut done = Vec::with_capacity(numbers.len());
        for n in numbers {
            done.push((n, one(shared, caller, &items[n], import).await));
        }
        done
    });
    let mut results: Vec<_> = work.buffer_unordered(AT_ONCE).concat().await;
    results.sort_unstable_by_key(|(n, _)| *n);
    results.into_iter().map(|(_, result)| result).collect()
}

async fn one(shared: &Shared, caller: &Caller, item: &Item, import: bool) -> Result<Answer, Problem> {
    let (target, permission, id) = find(&item.path)?;
    if !caller.role.may(permission) {
        let detail = format!("path: the role {} may not {}", caller.role.name(), target.action);
        return Err(Problem::new(FORBIDDEN, detail));
    }
    let order = Order {
        id,
        key: item.idempotency_key.as_bytes(),
        expected: item.if_match,
        import,
        body: item.body.get().as_bytes(),
    };
    carry_out(shared, caller, target, order).await.map(Answer::from)
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
        if let Some(found) = with(resource, &action.replace('-', "_"), Some(id.to_owned())) {
            return Ok(found);
        }
    }
    Err(unknown())
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
        for wrong in ["/v1/orders/o", "/v1/orders/o/fund", "/v1/orders//", "/v2/orders/o/ship", ""] {
            assert!(find(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_body_that_is_no_batch_is_refused() {
        for wrong in [json!({}), json!({"items": [], "x": 1}), json!({"items": [{"path": "/v1/orders"}]})] {
            assert!(serde_json::from_value::<Batch>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
