//! The HTTP interface: a health check and the order inquiry.
//!
//! | route | answers |
//! |---|---|
//! | `GET /healthz` | 200 with how fresh the read models are; 503 when they have stopped |
//! | `GET /v1/orders/{id}` | an order with its lines and timeline |
//!
//! `?as_of=TIME` (RFC 3339, business time) answers for another moment; `?at_least=POSITION` waits, at most two
//! seconds, until the read models have come that far, so that a caller reads what it has just written; a position
//! that the journal has not reached is answered with 503 at once, and so is a caller beyond the 32 that may wait.
//! Amounts are decimal text with their currency. Errors are `application/problem+json` (RFC 9457).

mod orders;
mod problem;
mod server;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use daybook_projections::ReadModels;
use serde::Serialize;
use tokio::sync::Semaphore;

pub use problem::Problem;
pub use server::serve;

/// Most requests that wait for read models at the same time: each holds a thread.
const MOST_WAITING: usize = 32;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) models: Arc<ReadModels>,
    /// Who may wait for read models.
    pub(crate) waiting: Arc<Semaphore>,
}

/// The routes over these read models; somebody else keeps them following.
pub fn router(models: ReadModels) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/v1/orders/{id}", get(orders::order))
        .fallback(problem::no_such_page)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(Shared { models: Arc::new(models), waiting: Arc::new(Semaphore::new(MOST_WAITING)) })
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

async fn health(State(Shared { models, .. }): State<Shared>) -> Result<Response, Problem> {
    let status = problem::blocking(move || models.status()).await?;
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
