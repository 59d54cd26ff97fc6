//! `GET /v1/orders/{id}`

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Json;
use daybook_domain::{Currency, OrderId, Timestamp};
use daybook_projections::fields::{Fields, fields};
use daybook_projections::queries::OrderInquiry;
use daybook_projections::{AsOf, Freshness, ReadModelError, ReadModels};
use serde::{Deserialize, Serialize};

use crate::problem::blocking;
use crate::{Problem, Shared};

/// Longest wait for read models to come to a position.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    as_of: Option<String>,
    at_least: Option<u64>,
}

#[derive(Serialize)]
pub struct Answer {
    order: Fields,
    lines: Vec<Fields>,
    timeline: Vec<Fields>,
}

impl From<OrderInquiry> for Answer {
    fn from(found: OrderInquiry) -> Self {
        let currency = Currency::new(&found.order.currency).ok();
        Self {
            order: fields(&found.order, None),
            lines: found.lines.iter().map(|line| fields(line, currency)).collect(),
            timeline: found.timeline.iter().map(|event| fields(event, currency)).collect(),
        }
    }
}

fn bad(field: &str, why: impl std::fmt::Display) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "bad_request",
        "The request cannot be read",
        format!("{field}: {why}"),
    )
}

fn too_many_wait() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "too_many_waiting",
        "Too many requests wait for read models",
        "at_least: ask again later, or without it",
    )
}

/// Waits for a position that the journal has; one that it has not is not waited for.
fn come_to(models: &ReadModels, position: u64) -> Result<(), ReadModelError> {
    let Freshness { applied, head } = models.freshness()?;
    if position > head {
        return Err(ReadModelError::Behind { wanted: position, applied, head });
    }
    models.wait_at_least(position, LONGEST_WAIT).map(drop)
}

pub async fn order(
    State(Shared { models, waiting }): State<Shared>,
    Path(id): Path<String>,
    moment: Result<Query<Moment>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Answer>, Problem> {
    let id: OrderId = id.parse().map_err(|error| bad("id", error))?;
    let Query(moment) = moment.map_err(|error| bad("query", error.body_text()))?;
    let at = match &moment.as_of {
        None => AsOf::HEAD,
        // a plus sign stands for a space in a query: take it back, times have none
        Some(text) => {
            AsOf::business(Timestamp::parse(&text.replace(' ', "+")).map_err(|e| bad("as_of", e))?.0)
        }
    };
    if let Some(position) = moment.at_least.filter(|position| *position > models.applied()) {
        let permit = waiting.try_acquire_owned().map_err(|_| too_many_wait())?;
        let waited = Arc::clone(&models);
        blocking(move || {
            let _held = permit; // by the thread that waits: a caller may have gone before it is through
            come_to(&waited, position)
        })
        .await?;
    }
    let found = blocking(move || models.order_as_of(id.as_str(), at));
    let found: Option<OrderInquiry> = found.await?;
    let missing = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "no_such_order",
            "There is no such order",
            format!("no order {id} at that moment"),
        )
    };
    found.map(|found| Json(found.into())).ok_or_else(missing)
}
