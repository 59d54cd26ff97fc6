//! Is it alive, is it ready: for whoever keeps the process running.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::json;

use crate::Shared;
use crate::access::Permission;
use crate::endpoint::{Doc, Endpoint};
use crate::problem::{Problem, blocking};

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let answer = json!({"type": "object", "required": ["status", "applied", "head", "lag_positions"], "properties": {
        "status": {"enum": ["ok", "stopped"]},
        "applied": {"type": "integer", "description": "Position that the read models have come to"},
        "head": {"type": "integer", "description": "Position of the journal's last event"},
        "lag_positions": {"type": "integer"},
        "stopped": {"type": "string", "description": "Why the read models follow no longer"},
    }});
    let doc = Doc::read("health", "Operations", "How fresh the read models are", answer.clone());
    let stopped = (503, "The read models have stopped", vec![("application/json", answer)]);
    let answers = [doc.answers.clone(), vec![stopped]].concat();
    let doc = Doc { answers, parameters: Vec::new(), problems: Vec::new(), ..doc };
    vec![Endpoint {
        method: Method::GET,
        path: "/healthz".to_owned(),
        permission: Permission::Public,
        doc,
        serve: get(health),
    }]
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

async fn health(State(shared): State<Shared>) -> Result<Response, Problem> {
    let models = shared.models.clone();
    let status = blocking(move || models.status()).await?;
    let health = Health {
        status: if status.stopped.is_some() { "stopped" } else { "ok" },
        applied: status.freshness.applied,
        head: status.freshness.head,
        lag_positions: status.freshness.lag_positions(),
        stopped: status.stopped,
    };
    let code = if health.stopped.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    Ok((code, Json(health)).into_response())
}
