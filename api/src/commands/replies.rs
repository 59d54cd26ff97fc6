//! What is no command of a stream, and has one effect all the same however often it is sent: runs, webhooks. Their first
//! answers are kept beside the keys, by caller, Idempotency-Key and target.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{KEY, REPLAYED, identity};
use crate::Shared;
use crate::access::{Caller, Reply};
use crate::guard::POSITION;
use crate::problem::{INTERNAL, KEY_REUSED, Problem, blocking};

/// What such a request came to.
pub(crate) struct First {
    status: StatusCode,
    position: Option<u64>,
    body: Vec<u8>,
}

impl First {
    pub fn of(status: StatusCode, position: Option<u64>, answer: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(answer).map_err(|error| Problem::new(INTERNAL, error.to_string()))?;
        Ok(Self { status, position, body })
    }
}

/// Does it the first time, and answers the same each time after. `work` is told the id that stands for caller and key, the
/// same should the first time have been cut off before its answer was kept.
///
/// # Errors
/// As with commands: without a key, with one of other content, or while the first is under way.
pub(crate) async fn once<W: Future<Output = Result<First, Problem>>>(
    shared: &Shared,
    caller: &Caller,
    headers: &HeaderMap,
    (target, content): (&str, &[u8]),
    work: impl FnOnce(Uuid) -> W,
) -> Result<Response, Problem> {
    let command = identity(caller, headers.get(KEY).map(HeaderValue::as_bytes).unwrap_or_default())?;
    let _landing = shared.in_flight.begin(command, target.to_owned())?;
    // as JSON says it, however it is spaced and ordered
    let content =
        serde_json::from_slice::<Value>(content).map_or_else(|_| content.to_vec(), |v| v.to_string().into());
    let fingerprint = digest(&SHA256, &content).as_ref().to_vec();
    let (at, of) = (shared.clone(), target.to_owned());
    if let Some(reply) = blocking(move || at.access.reply(command, &of)).await? {
        if reply.fingerprint != fingerprint {
            return Err(Problem::new(
                KEY_REUSED,
                format!("Idempotency-Key: it was sent to {target} with other content"),
            ));
        }
        let mut response = answer(&reply);
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        return Ok(response);
    }
    let First { status, position, body } = work(command).await?;
    let reply = Reply { fingerprint, status: status.as_u16(), position, body };
    let (at, of) = (shared.clone(), target.to_owned());
    let reply = blocking(move || at.access.keep_reply(command, &of, &reply).map(|()| reply)).await?;
    Ok(answer(&reply))
}

fn answer(reply: &Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body.clone()));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.extend(reply.position.map(|position| (POSITION, HeaderValue::from(position))));
    response
}
