//! Is it alive, is it ready: for whoever keeps the process running.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use daybook_projections::ReadModelError;
use serde::Serialize;
use serde_json::{Value, json};

use crate::Shared;
use crate::access::Permission;
use crate::endpoint::{Doc, Endpoint};
use crate::metrics::lag_seconds;
use crate::problem::{Problem, blocking};

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let health = json!({"type": "object", "required": ["status"], "properties": {
        "status": {"enum": ["ok", "starting", "stopped"]},
        "applied": {"type": "integer", "description": "Position that the read models have come to"},
        "head": {"type": "integer", "description": "Position of the journal's last event"},
        "lag_positions": {"type": "integer"},
        "stopped": {"type": "string", "description": "Why the read models follow no longer"},
    }});
    let ready = json!({"type": "object", "required": ["ready", "waits_for", "lag_positions", "lag_seconds", "queued_events"],
    "properties": {
        "ready": {"type": "boolean"},
        "waits_for": {"type": "array", "items": {"type": "string"}, "description": "What is not as it should be"},
        "lag_positions": {"type": "integer"},
        "lag_seconds": {"type": "number", "description": "Age of the first event that the read models have not applied"},
        "queued_events": {"type": "integer", "description": "Events that wait for the journal's writer"},
    }});
    let what = "How fresh the read models are";
    let health = endpoint("health", "/healthz", what, health, "The read models have stopped");
    let what = "Whether the journal can be written and the read models follow";
    let ready = endpoint("ready", "/readyz", what, ready, "Not now; `waits_for` says why");
    vec![Endpoint { serve: get(self::health), ..health }, Endpoint { serve: get(self::ready), ..ready }]
}

fn endpoint(id: &str, path: &str, what: &str, answer: Value, not: &'static str) -> Endpoint {
    let doc = Doc::read(id, "Operations", what, answer.clone());
    let not = (503, not, vec![("application/json", answer)]);
    let answers = [doc.answers.clone(), vec![not]].concat();
    let doc = Doc { answers, parameters: Vec::new(), problems: Vec::new(), ..doc };
    let (method, permission) = (Method::GET, Permission::Public);
    Endpoint { method, path: path.to_owned(), permission, doc, serve: axum::routing::MethodRouter::new() }
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    applied: u64,
    head: u64,
    lag_positions: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
}

/// That the process lives, whatever its stores do.
pub(crate) fn alive(status: &'static str) -> Response {
    Json(json!({"status": status})).into_response()
}

async fn health(State(shared): State<Shared>) -> Result<Response, Problem> {
    let freshness = shared.models.freshness()?;
    let stopped = shared.models.stopped();
    let health = Health {
        status: if stopped.is_some() { "stopped" } else { "ok" },
        applied: freshness.applied,
        head: freshness.head,
        lag_positions: freshness.lag_positions(),
        stopped,
    };
    let code = if health.stopped.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    Ok((code, Json(health)).into_response())
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    waits_for: Vec<String>,
    lag_positions: u64,
    lag_seconds: f64,
    queued_events: u64,
}

pub(crate) async fn ready(State(shared): State<Shared>) -> Result<Response, Problem> {
    let readiness = blocking(move || readiness(&shared)).await?;
    let code = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((code, Json(readiness)).into_response())
}

fn readiness(shared: &Shared) -> Result<Readiness, ReadModelError> {
    let load = shared.market.journal().load();
    let lag_positions = shared.models.freshness()?.lag_positions();
    let lag_seconds = lag_seconds(&shared.models, shared.market.commands().now().0)?;
    let mut waits_for = Vec::new();
    if let Some(why) = load.failing {
        waits_for.push(format!("the journal: {why}"));
    }
    if load.queued > shared.settings.max_queued {
        waits_for.push(format!("the journal's writer: {} events wait for it", load.queued));
    }
    if let Some(why) = shared.models.stopped() {
        waits_for.push(format!("the read models, which do not follow: {why}"));
    }
    let most = shared.settings.max_lag;
    if lag_seconds > most.as_secs_f64() {
        waits_for.push(format!(
            "the read models, {lag_positions} events and {lag_seconds:.0} s behind (bound {most:?})"
        ));
    }
    Ok(Readiness {
        ready: waits_for.is_empty(),
        waits_for,
        lag_positions,
        lag_seconds,
        queued_events: load.queued,
    })
}
