//! The way in and out of the service for every request, whatever it asks: it gets an id, finds room or is turned
//! away, has its time, and is written down. Who may do what is [`guard`](crate::guard)'s.
//!
//! All of it is one layer around each endpoint. A layer of layers is boxed and copied for each request, level by level,
//! and passed through again each time the request is woken.

mod body;
mod id;

use std::convert::Infallible;
use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use daybook_domain::PartyId;
use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tower::{ServiceExt, service_fn};
use tower_http::compression::Compression;
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};

pub(crate) use body::{Bodies, whole};
pub(crate) use id::{REQUEST_ID, of_this_request};

use crate::guard::Door;
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

/// Lets browsers at other origins ask, where the settings name them.
pub(crate) fn around(routes: Router, settings: &Settings) -> Router {
    if settings.cors.is_empty() { routes } else { routes.layer(cors(&settings.cors)) }
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
    // named one by one as they are asked for: `*` leaves out Authorization
    let headers = AllowHeaders::mirror_request();
    CorsLayer::new().allow_origin(origins).allow_methods(Any).allow_headers(headers).expose_headers(TOLD)
}

/// An answer, and who asked for it, where that is known.
pub(crate) type Answered = (Response, Option<PartyId>);

/// Lets a request in, and its answer out. The door is that of its endpoint; without one there is no such endpoint.
pub(crate) async fn through<F: Future<Output = Answered>>(
    shared: &Shared,
    door: Option<&Door>,
    mut request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let begun = Instant::now();
    let id = id::of(request.headers());
    let method = request.method().clone();
    let matched = if door.is_none() { request.extensions_mut().remove::<MatchedPath>() } else { None };
    let named = door.map(|door| &*door.path).or(matched.as_ref().map(MatchedPath::as_str));
    let route = named.unwrap_or("unmatched");
    let packing =
        shared.settings.compression.then(|| request.headers().get(header::ACCEPT_ENCODING).cloned());
    let trace = shared.traces.as_ref().map(|traces| traces.begin(&method, route, request.headers(), &id));
    let answering = id::REQUEST.scope(id.clone(), admitted(shared, route, request, answer));
    let (response, actor) = match &trace {
        Some(trace) => trace.scope(answering).await,
        None => answering.await,
    };
    let took = begun.elapsed();
    let status = response.status().as_u16();
    let code = response.extensions().get::<Said>().map_or("", |said| said.code);
    match door.filter(|door| door.method == method) {
        Some(door) => door.counted.request(status, took),
        None => shared.metrics.request(&method, route, status, took),
    }
    tracing::info!(
        target: "daybook::access",
        request_id = %id,
        method = %method,
        route,
        status,
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        actor = actor.as_ref().map_or("", |actor| actor.as_str()),
        code,
        trace_id = trace.as_ref().map(|trace| tracing::field::display(trace.id())),
        "answered"
    );
    if let Some(trace) = trace {
        trace.end(status, code);
    }
    let mut response = match packing {
        Some(wanted) => packed(response, wanted).await,
        None => response,
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The answer, compressed where `wanted` asks for that.
async fn packed(mut response: Response, wanted: Option<HeaderValue>) -> Response {
    const VARY: HeaderValue = HeaderValue::from_static("accept-encoding");
    let Some(wanted) = wanted else {
        response.headers_mut().append(header::VARY, VARY); // caches must know that others are answered otherwise
        return response;
    };
    let mut asked = Request::new(Body::empty());
    asked.headers_mut().insert(header::ACCEPT_ENCODING, wanted);
    let mut answer = Some(response);
    let answered = service_fn(|_: Request| ready(Ok::<_, Infallible>(answer.take().unwrap_or_default())));
    match Compression::new(answered).oneshot(asked).await {
        Ok(packed) => packed.map(Body::new),
        Err(never) => match never {},
    }
}

async fn admitted<F: Future<Output = Answered>>(
    shared: &Shared,
    route: &str,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Answered {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // who keeps the service running must be answered when it is busiest
    let watching = matches!(route, "/healthz" | "/readyz" | "/metrics");
    let nobody = |problem: Problem| (problem.into_response(), None);
    let _room = match shared.room.under_way.try_acquire() {
        Ok(permit) => Some(permit),
        Err(_) if watching => None,
        Err(_) => {
            let most = shared.room.most;
            return nobody(Problem::new(OVERLOADED, format!("{most} requests are under way")));
        }
    };
    if !safe && let Some(problem) = crowded(shared) {
        return nobody(problem);
    }
    let limit = shared.settings.request_timeout;
    let answer = AssertUnwindSafe(answer(request)).catch_unwind();
    match within(limit, answer).await {
        Some(Ok(answered)) => answered,
        Some(Err(_)) => {
            tracing::error!(request_id = of_this_request(), route, "a handler panicked");
            nobody(Problem::new(INTERNAL, "the request could not be carried out; the log says why"))
        }
        None if safe => {
            // the store may have been slow, or others in the way: nothing here knows that it would be so again
            let detail = format!("no answer within {limit:?}: ask again, or for less at once");
            nobody(Problem::new(TOOK_TOO_LONG, detail).retry_after(1))
        }
        None => {
            let detail = format!("no answer within {limit:?}: send the same request again for its answer");
            nobody(Problem::new(OUTCOME_UNKNOWN, detail))
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
