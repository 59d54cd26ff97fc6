//! What every request passes on its way to its handler: who asks, may they, how fast; and what every answer gets on
//! its way back.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use daybook_projections::{Freshness, ReadModelError, ReadModels};

use crate::Shared;
use crate::access::Permission;
use crate::problem::{FORBIDDEN, Problem, TOO_MANY_WAITING, blocking};

/// Position after which a reader sees what the answer says.
pub(crate) const POSITION: HeaderName = HeaderName::from_static("daybook-position");
/// Position that the read models must have come to.
pub(crate) const AT_LEAST: HeaderName = HeaderName::from_static("daybook-at-least");

/// Longest wait for read models to come to a position.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Lets a request through to its endpoint, or says why not.
pub(crate) async fn guard(shared: Shared, permission: Permission, request: Request, next: Next) -> Response {
    let mut response = match pass(&shared, permission, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    let position = shared.models.applied();
    response.headers_mut().entry(POSITION).or_insert_with(|| HeaderValue::from(position));
    response
}

async fn pass(
    shared: &Shared,
    permission: Permission,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if permission != Permission::Public {
        let caller = shared.access.authenticate(request.headers())?;
        if !caller.role.may(permission) {
            let detail = format!("the role {} may not {} here", caller.role.name(), request.method());
            return Err(Problem::new(FORBIDDEN, detail));
        }
        request.extensions_mut().insert(caller);
    }
    if request.method() == Method::GET
        && let Some(wanted) = request.headers().get(AT_LEAST)
    {
        let wanted = wanted.to_str().ok().and_then(|text| text.parse().ok());
        let wanted =
            wanted.ok_or_else(|| Problem::bad("Daybook-At-Least", "write a position, a whole number"))?;
        come_to(shared, wanted).await?;
    }
    Ok(next.run(request).await)
}

/// Waits, for a bounded time, until the read models have come to a position that the journal has.
async fn come_to(shared: &Shared, position: u64) -> Result<(), Problem> {
    if position <= shared.models.applied() {
        return Ok(());
    }
    let permit = Arc::clone(&shared.waiting).try_acquire_owned();
    let permit = permit.map_err(|_| Problem::new(TOO_MANY_WAITING, "Daybook-At-Least: ask again later"))?;
    let models = shared.models.clone();
    blocking(move || {
        let _held = permit; // by the thread that waits: a caller may have gone before it is through
        reach(&models, position)
    })
    .await
}

fn reach(models: &ReadModels, position: u64) -> Result<(), ReadModelError> {
    let Freshness { applied, head } = models.freshness()?;
    if position > head {
        return Err(ReadModelError::Behind { wanted: position, applied, head });
    }
    models.wait_at_least(position, LONGEST_WAIT).map(drop)
}
