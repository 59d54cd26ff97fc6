//! The way in and out of the service for every request, whatever it asks: it gets an id, finds room or is turned
//! away, has its time, and is written down. Who may do what is [`guard`](crate::guard)'s.

mod body;
mod id;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

pub(crate) use body::{Bodies, whole};
pub(crate) use id::{REQUEST_ID, of_this_request};

use crate::guard::Passed;
use crate::problem::{INTERNAL, OUTCOME_UNKNOWN, OVERLOADED, Problem, Said, TOOK_TOO_LONG};
use crate::{Settings, Shared};

/// Room for requests.
pub(crate) struct Room {
    under_way: Semaphore,
    pub bodies: Bodies,
    most: usize,
}

impl Room {
    pub fn new(settings: &Settings) -> Self {
        let most = settings.max_requests.clamp(1, Semaphore::MAX_PERMITS);
        Self { under_way: Semaphore::new(most), bodies: Bodies::new(settings), most }
    }

    /// Requests under way.
    pub fn taken(&self) -> usize {
        self.most - self.under_way.available_permits()
    }
}

/// Puts the way in and out around the routes.
pub(crate) fn around(routes: Router, shared: &Shared) -> Router {
    let settings = &shared.settings;
    let mut routes = routes;
    if settings.compression {
        routes = routes.layer(CompressionLayer::new());
    }
    if !settings.cors.is_empty() {
        routes = routes.layer(cors(&settings.cors));
    }
    routes.layer(middleware::from_fn_with_state(Arc::clone(shared), pass))
}

fn cors(origins: &[String]) -> CorsLayer {
    const TOLD: [HeaderName; 6] = [
        header::ETAG,
        header::LOCATION,
        header::RETRY_AFTER,
        HeaderName::from_static("daybook-position"),
        HeaderName::from_static("idempotency-replayed"),
        REQUEST_ID,
    ];
    let origins = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| origin.parse().ok()))
    };
    CorsLayer::new().allow_origin(origins).allow_methods(Any).allow_headers(Any).expose_headers(TOLD)
}

/// Lets a request in, and its answer out.
async fn pass(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = id::of(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let trace = shared.traces.as_ref().map(|traces| traces.begin(&method, route, request.headers(), &id));
    let answering = id::REQUEST.scope(id.clone(), admitted(&shared, route, request, next));
    let mut response = match &trace {
        Some(trace) => trace.scope(answering).await,
        None => answering.await,
    };
    let took = begun.elapsed();
    let status = response.status().as_u16();
    let code = response.extensions().get::<Said>().map_or("", |said| said.code);
    let passed = response.extensions().get::<Passed>();
    match passed {
        Some(passed) if passed.door.method == method => passed.door.counted.request(status, took),
        _ => shared.metrics.request(&method, route, status, took),
    }
    let actor = passed.and_then(|passed| passed.actor.as_ref());
    tracing::info!(
        target: "daybook::access",
        request_id = %id,
        method = %method,
        route,
        status,
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        actor = actor.map_or("", |actor| actor.as_str()),
        code,
        trace_id = trace.as_ref().map(|trace| tracing::field::display(trace.id())),
        "answered"
    );
    if let Some(trace) = trace {
        trace.end(status, code);
    }
    if let Ok(value) = id.parse() {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

async fn admitted(shared: &Shared, route: &str, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // who keeps the service running must be answered when it is busiest
    let watching = matches!(route, "/healthz" | "/readyz" | "/metrics");
    let _room = match shared.room.under_way.try_acquire() {
        Ok(permit) => Some(permit),
        Err(_) if watching => None,
        Err(_) => {
            let most = shared.room.most;
            return Problem::new(OVERLOADED, format!("{most} requests are under way")).into_response();
        }
    };
    if !safe && let Some(problem) = crowded(shared) {
        return problem.into_response();
    }
    let limit = shared.settings.request_timeout;
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match within(limit, answer).await {
        Some(Ok(response)) => response,
        Some(Err(_)) => {
            tracing::error!(request_id = of_this_request(), route, "a handler panicked");
            Problem::new(INTERNAL, "the request could not be carried out; the log says why").into_response()
        }
        None if safe => {
            let detail = format!("no answer within {limit:?}: ask for less at once");
            Problem::new(TOOK_TOO_LONG, detail).into_response()
        }
        None => {
            let detail = format!("no answer within {limit:?}: send the same request again for its answer");
            Problem::new(OUTCOME_UNKNOWN, detail).into_response()
        }
    }
}

/// What comes of `work` in this time. A timer asks for memory of its own alignment: in a box it does not ask that for
/// everything that waits with it.
async fn within<T>(time: Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut late = Box::pin(tokio::time::sleep(time));
    tokio::select! {
        biased;
        done = work => Some(done),
        () = &mut late => None,
    }
}

/// Why no command can be taken now: the writer has more before it than it should.
fn crowded(shared: &Shared) -> Option<Problem> {
    let queued = shared.market.journal().load().queued;
    (queued > shared.settings.max_queued)
        .then(|| Problem::new(OVERLOADED, format!("{queued} events wait to be written; nothing was changed")))
}
