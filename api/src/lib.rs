//! The HTTP interface: commands, reads, feeds, and what keeps a service running.
//!
//! Shape: one list of endpoints (`endpoint.rs`). The routes, who may use them and the OpenAPI document are
//! all made from it. Every request passes `guard.rs`; a command goes through `commands/` to the market; a read goes
//! through `reads/` to the read models. Errors are `application/problem+json` (RFC 9457) of the kinds listed in
//! [`problem`].

pub mod access;
mod collect;
mod commands;
mod endpoint;
mod feeds;
mod guard;
mod health;
mod json;
mod metrics;
mod openapi;
mod outgoing;
mod passage;
mod patience;
pub mod problem;
mod reads;
mod server;
mod settings;
mod tls;
mod traces;
mod turns;
pub mod webhooks;

use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use daybook_market::Market;
use daybook_projections::ReadModels;
use tokio::sync::Semaphore;

pub use access::{Access, Permission};
pub use metrics::Connections;
pub use problem::Problem;
pub use server::{Gate, Serving, serve, serve_with};
pub use settings::Settings;
pub use tls::Tls;
pub use traces::Traces;

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
    /// Who may read what takes long.
    pub(crate) heavy: turns::Turns,
    /// Who may read figures kept by day.
    pub(crate) kept: turns::Turns,
    /// Answers that took long.
    pub(crate) answers: reads::Answers,
    pub(crate) in_flight: commands::InFlight,
    /// Who follows the feed of events.
    pub(crate) streams: feeds::Streams,
    pub(crate) wakes: feeds::Wakes,
    /// Where their events come from.
    pub(crate) source: feeds::Source,
    pub(crate) webhooks: webhooks::Webhooks,
    pub(crate) document: openapi::Served,
    pub(crate) settings: Settings,
    pub(crate) room: passage::Room,
    pub(crate) metrics: metrics::Metrics,
    pub(crate) connections: Connections,
    pub(crate) traces: Option<Traces>,
}

impl Service {
    /// A service over a market and the read models that follow it; somebody else keeps both running.
    #[must_use]
    pub fn new(market: Arc<Market>, models: ReadModels, access: impl Into<Arc<Access>>) -> Self {
        let wakes = feeds::Wakes::new(market.journal());
        market.knows(&models);
        Self {
            market,
            models,
            access: access.into(),
            waiting: Arc::new(Semaphore::new(MOST_WAITING)),
            heavy: reads::turns(),
            kept: reads::kept_turns(),
            answers: reads::Answers::default(),
            in_flight: commands::InFlight::default(),
            streams: feeds::Streams::default(),
            wakes,
            source: feeds::Source::default(),
            webhooks: webhooks::Webhooks::open(None, webhooks::Options::default())
                .expect("invariant: a database in memory opens"),
            document: openapi::Served::default(),
            room: passage::Room::new(&Settings::default()),
            settings: Settings::default(),
            metrics: metrics::Metrics::default(),
            connections: Connections::default(),
            traces: None,
        }
    }

    /// With these webhooks; without, they are kept in memory.
    #[must_use]
    pub fn with_webhooks(mut self, webhooks: webhooks::Webhooks) -> Self {
        self.webhooks = webhooks;
        self
    }

    /// The same; its requests are traced.
    #[must_use]
    pub fn traced(mut self, traces: Option<Traces>) -> Self {
        self.traces = traces;
        self
    }

    /// The same under these settings.
    #[must_use]
    pub fn with(mut self, settings: Settings) -> Self {
        self.room = passage::Room::new(&settings);
        self.settings = settings;
        self
    }

    /// The same, with its server's count of connections.
    #[must_use]
    pub fn counting(mut self, connections: Connections) -> Self {
        self.connections = connections;
        self
    }
}

/// Every endpoint.
fn endpoints() -> Vec<Endpoint> {
    let parts = [
        health::endpoints(),
        metrics::endpoints(),
        openapi::endpoints(),
        commands::endpoints(),
        reads::endpoints(),
        access::endpoints(),
        feeds::endpoints(),
        collect::endpoints(),
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

/// The same as text, as it is served.
#[must_use]
pub fn openapi_text() -> String {
    let text = serde_json::to_string_pretty(&openapi::Written(&openapi_document()));
    text.expect("invariant: a document is plain data") + "\n"
}

/// The routes of a service.
pub fn router(service: Service) -> Router {
    routes(&Arc::new(service))
}

/// A service, ready to be served.
pub struct Served {
    /// Its routes.
    pub routes: Router,
    /// Those of who keeps it running (`/metrics`, `/readyz`), without keys: for an address that only they can reach.
    pub watching: Router,
    /// What brings events to webhooks meanwhile.
    pub deliveries: Deliveries,
}

impl Served {
    /// Of this service; its webhooks are delivered to from now on.
    #[must_use]
    pub fn of(service: Service) -> Self {
        let shared = Arc::new(service);
        let watching =
            Router::new().route("/metrics", get(metrics::metrics)).route("/readyz", get(health::ready));
        Self {
            routes: routes(&shared),
            deliveries: Deliveries(Arc::downgrade(&shared)),
            watching: watching.fallback(problem::no_such_page).with_state(shared),
        }
    }
}

/// Deliveries to webhooks, which go on beside the requests.
pub struct Deliveries(Weak<Service>);

impl Deliveries {
    /// Stops them. What is being sent may still be taken within `grace`; what is cut off then is sent again after the
    /// next start.
    pub async fn stop(self, grace: Duration) {
        if let Some(service) = self.0.upgrade() {
            service.webhooks.stop(grace).await;
        }
    }
}

fn routes(shared: &Shared) -> Router {
    if let Err(error) = webhooks::Webhooks::start(shared) {
        tracing::error!(%error, "webhooks deliver nothing");
    }
    let mut router = Router::new();
    for Endpoint { method, path, permission, serve, .. } in endpoints() {
        let at = (Arc::clone(shared), Arc::new(Door::new(method, &path, permission, &shared.metrics)));
        let guarded = from_fn(move |request: Request, next: Next| {
            let (shared, door) = at.clone();
            async move {
                let answer = |request| guard::guard(&shared, &door, request, next);
                passage::through(&shared, Some(&door), request, answer).await
            }
        });
        router = router.route(&path, serve.layer(guarded));
    }
    let at = Arc::clone(shared);
    let elsewhere = from_fn(move |request: Request, next: Next| {
        let shared = Arc::clone(&at);
        async move {
            let answer = |request| async { (next.run(request).await, None) };
            passage::through(&shared, None, request, answer).await
        }
    });
    let router = router
        .fallback(problem::no_such_page.layer(elsewhere.clone()))
        .method_not_allowed_fallback(problem::method_not_allowed.layer(elsewhere))
        .with_state(Arc::clone(shared));
    passage::around(router, &shared.settings)
}
