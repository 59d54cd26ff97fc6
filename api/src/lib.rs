//! The HTTP interface: commands, reads, feeds, and what keeps a service running.
//!
//! Shape: one list of endpoints (`endpoint.rs`). The routes, who may use them and the OpenAPI document are
//! all made from it. Every request passes `guard.rs`; a command goes through `commands/` to the market; a read goes
//! through `reads/` to the read models. Errors are `application/problem+json` (RFC 9457) of the kinds listed in
//! [`problem`].

pub mod access;
mod commands;
mod endpoint;
mod feeds;
mod guard;
mod health;
mod openapi;
pub mod problem;
mod reads;
mod server;
pub mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use daybook_market::Market;
use daybook_projections::ReadModels;
use tokio::sync::Semaphore;

pub use access::{Access, Permission};
pub use problem::Problem;
pub use server::serve;

use endpoint::Endpoint;
use guard::Door;

/// Most requests that wait for read models at the same time: each holds a thread.
const MOST_WAITING: usize = 32;

/// What handlers share.
pub(crate) type Shared = Arc<Service>;

/// A market as it is served.
pub struct Service {
    pub(crate) market: Arc<Market>,
    pub(crate) models: ReadModels,
    pub(crate) access: Arc<Access>,
    /// Who may wait for read models.
    pub(crate) waiting: Arc<Semaphore>,
    pub(crate) in_flight: commands::InFlight,
    /// Who follows the feed of events.
    pub(crate) streams: feeds::Streams,
    pub(crate) wakes: feeds::Wakes,
    pub(crate) webhooks: webhooks::Webhooks,
    pub(crate) document: openapi::Served,
}

impl Service {
    /// A service over a market and the read models that follow it; somebody else keeps both running.
    #[must_use]
    pub fn new(market: Arc<Market>, models: ReadModels, access: impl Into<Arc<Access>>) -> Self {
        let wakes = feeds::Wakes::new(market.journal());
        Self {
            market,
            models,
            access: access.into(),
            waiting: Arc::new(Semaphore::new(MOST_WAITING)),
            in_flight: commands::InFlight::default(),
            streams: feeds::Streams::default(),
            wakes,
            webhooks: webhooks::Webhooks::open(None, webhooks::Options::default())
                .expect("invariant: a database in memory opens"),
            document: openapi::Served::of(&endpoints()),
        }
    }

    /// With these webhooks; without, they are kept in memory.
    #[must_use]
    pub fn with_webhooks(mut self, webhooks: webhooks::Webhooks) -> Self {
        self.webhooks = webhooks;
        self
    }
}

/// Every endpoint.
fn endpoints() -> Vec<Endpoint> {
    let parts = [
        health::endpoints(),
        openapi::endpoints(),
        commands::endpoints(),
        reads::endpoints(),
        access::endpoints(),
        feeds::endpoints(),
        webhooks::endpoints(),
    ];
    parts.into_iter().flatten().collect()
}

/// Every endpoint by method and path, and what it asks of its caller.
#[must_use]
pub fn permissions() -> Vec<(Method, String, Permission)> {
    endpoints().into_iter().map(|endpoint| (endpoint.method, endpoint.path, endpoint.permission)).collect()
}

/// The OpenAPI document of this version.
#[must_use]
pub fn openapi_document() -> serde_json::Value {
    openapi::document(&endpoints())
}

/// The routes of a service.
pub fn router(service: Service) -> Router {
    let shared: Shared = Arc::new(service);
    if let Err(error) = webhooks::Webhooks::start(&shared) {
        tracing::error!(%error, "webhooks deliver nothing");
    }
    let mut router = Router::new();
    for Endpoint { method, path, permission, serve, .. } in endpoints() {
        let at = Arc::clone(&shared);
        let door = Arc::new(Door::new(method, &path, permission));
        let guarded = from_fn(move |request: Request, next: Next| {
            guard::guard(Arc::clone(&at), Arc::clone(&door), request, next)
        });
        router = router.route(&path, serve.layer(guarded));
    }
    router
        .fallback(problem::no_such_page)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(shared)
}
