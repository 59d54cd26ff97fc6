//! Bodies: read whole, within a size, a time and the memory for all of them.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{BAD_REQUEST, OVERLOADED, Problem, TIMED_OUT, TOO_LARGE};
use crate::{Settings, Shared};

/// Memory is counted in pieces of this size.
const PIECE: usize = 1 << 10;

/// Room for the bodies of all requests under way.
#[derive(Clone)]
pub(crate) struct Bodies(Arc<Semaphore>);

impl Bodies {
    pub fn new(settings: &Settings) -> Self {
        let pieces = settings.body_memory.max(settings.body_limit).div_ceil(PIECE);
        Self(Arc::new(Semaphore::new(pieces.min(Semaphore::MAX_PERMITS))))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let pieces = u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX);
        Arc::clone(&self.0).try_acquire_many_owned(pieces).map_err(|_| {
            Problem::new(OVERLOADED, "the bodies of the requests under way take all there is for them")
        })
    }
}

/// Reads the body of a request. What comes beside it stands for its memory until it is dropped.
///
/// # Errors
/// `too_large`, `timed_out`, `overloaded`, or `bad_request` for one that breaks off.
pub(crate) async fn whole(
    shared: &Shared,
    request: Request,
) -> Result<(Request, Option<OwnedSemaphorePermit>), Problem> {
    if request.body().is_end_stream() {
        return Ok((request, None));
    }
    let Settings { body_limit: limit, body_timeout: time, .. } = shared.settings;
    let too_large = || Problem::new(TOO_LARGE, format!("the body has more than {limit} bytes"));
    let size = request.body().size_hint();
    if size.lower() > limit as u64 {
        return Err(too_large());
    }
    let most = size.upper().and_then(|upper| usize::try_from(upper).ok()).unwrap_or(limit).min(limit);
    let held = shared.room.bodies.take(most)?;
    let (parts, body) = request.into_parts();
    let read = super::within(time, Limited::new(body, limit).collect()).await;
    let read =
        read.ok_or_else(|| Problem::new(TIMED_OUT, format!("the body did not come within {time:?}")))?;
    let bytes: Bytes = match read {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
        Err(error) => return Err(Problem::new(BAD_REQUEST, format!("the body breaks off: {error}"))),
    };
    Ok((Request::from_parts(parts, Body::from(bytes)), Some(held)))
}
