//! What every request passes on its way to its handler: who asks, may they, how fast; and what every answer gets on
//! its way back.

use std::sync::Arc;
use std::time::Duration;

use axum::RequestExt;
use axum::body::to_bytes;
use axum::extract::{DefaultBodyLimit, RawPathParams, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use daybook_domain::{MerchantId, Timestamp};
use daybook_journal::{Clock, SystemClock};

use crate::Shared;
use crate::access::log::Entry;
use crate::access::{Caller, Permission, Role, Touched, TouchedByParts};
use crate::metrics::{Counted, Metrics};
use crate::passage::{self, Answered};
use crate::problem::{BAD_REQUEST, FORBIDDEN, Problem, TOO_MANY_WAITING, blocking};

/// Position after which a reader sees what the answer says.
pub(crate) const POSITION: HeaderName = HeaderName::from_static("daybook-position");
/// Position that the read models must have come to.
pub(crate) const AT_LEAST: HeaderName = HeaderName::from_static("daybook-at-least");

/// Longest wait for read models to come to a position.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Longest text of the framework's that is passed on.
const LONGEST_WORDS: usize = 4_096;

/// What is known of an endpoint at its door.
pub(crate) struct Door {
    pub counted: Counted,
    pub method: Method,
    pub path: Arc<str>,
    permission: Permission,
    /// Whether its path names the merchant that it is about.
    of_merchant: bool,
}

impl Door {
    pub fn new(method: Method, path: &str, permission: Permission, metrics: &Metrics) -> Self {
        let counted = Counted::new(metrics, method.clone(), path);
        Self { counted, method, path: path.into(), permission, of_merchant: path.contains("{merchant}") }
    }
}

/// Who came through a door, and whose data the path named.
struct Visit {
    at: Timestamp,
    caller: Caller,
    merchant: Option<MerchantId>,
}

/// Lets a request through to its endpoint, or says why not.
pub(crate) async fn guard(shared: &Shared, door: &Door, request: Request, next: Next) -> Answered {
    let mut visit = None;
    let mut response = match pass(shared, door, &mut visit, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    let position = shared.models.applied();
    response.headers_mut().entry(POSITION).or_insert_with(|| HeaderValue::from(position));
    keep_for_its_caller(door, response.headers_mut());
    let actor = visit.as_ref().map(|visit| visit.caller.actor);
    if let Some(visit) = visit {
        log(shared, door, visit, &response);
    }
    (response, actor)
}

/// Says to caches and browsers that an answer is for who asked, in the form that was asked for, and what its type says.
fn keep_for_its_caller(door: &Door, headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if door.permission == Permission::Public {
        return;
    }
    // what has a tag may be kept by its caller, who asks whether it is the same still
    let keep = if headers.contains_key(header::ETAG) { "private, no-cache" } else { "no-store" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.append(header::VARY, HeaderValue::from_static("Accept, Authorization"));
}

async fn pass(
    shared: &Shared,
    door: &Door,
    visit: &mut Option<Visit>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if door.permission != Permission::Public {
        let by_address = door.permission == Permission::Collect && name_key_of_address(&mut request);
        let (caller, allowance) = shared.access.let_in(request.headers()).await?;
        let merchant = if door.of_merchant { merchant_of(&mut request).await? } else { None };
        *visit = Some(Visit { at: Timestamp(SystemClock.now()), caller: caller.clone(), merchant });
        if !caller.role.may(door.permission) {
            let detail = format!("the role {} may not {} here", caller.role.name(), request.method());
            return Err(Problem::new(FORBIDDEN, detail));
        }
        if let Some(merchant) = merchant {
            caller.must_own(merchant.as_str(), format_args!("merchant {merchant}"))?;
        }
        if by_address && caller.role != Role::Collector {
            return Err(Problem::new(FORBIDDEN, "key: only a collector's key may stand in an address"));
        }
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(allowance);
    }
    // who waits holds a thread: nobody without a key
    if request.method() == Method::GET
        && door.permission != Permission::Public
        && let Some(wanted) = request.headers().get(AT_LEAST)
    {
        let wanted = wanted.to_str().ok().and_then(|text| text.parse().ok());
        let wanted =
            wanted.ok_or_else(|| Problem::bad("Daybook-At-Least", "write a position, a whole number"))?;
        come_to(shared, wanted).await?;
    }
    let (mut request, _memory) = passage::whole(shared, request).await?;
    DefaultBodyLimit::disable().apply(&mut request); // it was read within a limit of its own
    Ok(in_our_words(next.run(request).await).await)
}

/// Takes the key from the address (`?key=`), where pages must put it: `sendBeacon` sends no headers. Whether there was
/// one, and none in the header.
fn name_key_of_address(request: &mut Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let Some(key) = query.split('&').find_map(|pair| pair.strip_prefix("key=")) else { return false };
    if request.headers().contains_key(header::AUTHORIZATION) {
        return false;
    }
    let Ok(value) = HeaderValue::try_from(format!("Bearer {key}")) else { return false };
    request.headers_mut().insert(header::AUTHORIZATION, value);
    true
}

/// What the framework says in plain text of a request that it cannot take apart, as a problem.
async fn in_our_words(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let plain = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !plain || !response.status().is_client_error() {
        return response;
    }
    let text = to_bytes(response.into_body(), LONGEST_WORDS).await.unwrap_or_default();
    Problem::new(BAD_REQUEST, String::from_utf8_lossy(&text)).into_response()
}

/// The merchant that the path names.
async fn merchant_of(request: &mut Request) -> Result<Option<MerchantId>, Problem> {
    let bad = |why: &dyn std::fmt::Display| Problem::new(BAD_REQUEST, format!("merchant: {why}"));
    let parameters = request.extract_parts::<RawPathParams>().await.map_err(|error| bad(&error))?;
    let named = parameters.iter().find(|(name, _)| *name == "merchant");
    named.map(|(_, id)| id.parse()).transpose().map_err(|error| bad(&error))
}

/// Notes whose data a caller came near: the merchant of the path, and those that the handler names.
fn log(shared: &Shared, door: &Door, visit: Visit, response: &Response) {
    let Visit { at, caller, merchant } = visit;
    let log = |path: Arc<str>, merchant, status| {
        shared.access.log(Entry {
            at,
            actor: caller.actor,
            role: caller.role,
            merchant,
            endpoint: (door.method.clone(), path),
            status,
            request_id: passage::of_this_request().unwrap_or_default(),
        });
    };
    let touched = response.extensions().get::<Touched>().map_or(&[][..], |touched| &touched.0);
    let others = touched.iter().copied().filter(|other| Some(*other) != merchant);
    for merchant in merchant.into_iter().chain(others) {
        log(Arc::clone(&door.path), merchant, response.status().as_u16());
    }
    if let Some(TouchedByParts(parts)) = response.extensions().get() {
        for (path, merchant, status) in parts {
            log(path.as_str().into(), *merchant, *status);
        }
    }
}

/// Waits, for a bounded time, until the read models have come to a position that the journal has.
async fn come_to(shared: &Shared, position: u64) -> Result<(), Problem> {
    if position <= shared.models.applied() {
        return Ok(());
    }
    let models = shared.models.clone();
    let head = blocking(move || models.freshness()).await?.head;
    if position > head {
        let detail =
            format!("Daybook-At-Least: the journal ends at {head}; send the Daybook-Position of an answer");
        return Err(Problem::new(BAD_REQUEST, detail));
    }
    let permit = Arc::clone(&shared.waiting).try_acquire_owned();
    let permit = permit.map_err(|_| Problem::new(TOO_MANY_WAITING, "Daybook-At-Least: ask again later"))?;
    let models = shared.models.clone();
    blocking(move || {
        let _held = permit; // by the thread that waits: a caller may have gone before it is through
        models.wait_at_least(position, LONGEST_WAIT)
    })
    .await
    .map(drop)
}
