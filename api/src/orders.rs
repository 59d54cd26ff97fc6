//! `GET /v1/orders/{id}`

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Json;
use daybook_domain::{Currency, OrderId, Timestamp};
use daybook_projections::AsOf;
use daybook_projections::fields::{Fields, fields};
use daybook_projections::queries::OrderInquiry;
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

pub async fn order(
    State(Shared(models)): State<Shared>,
    Path(id): Path<String>,
    moment: Result<Query<Moment>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Answer>, Problem> {
    let id: OrderId = id.parse().map_err(|error| bad("id", error))?;
    let Query(moment) = moment.map_err(|error| bad("query", error.body_text()))?;
    let at = match &moment.as_of {
        None => AsOf::Head,
        // a plus sign stands for a space in a query: take it back, times have none
        Some(text) => {
            AsOf::Business(Timestamp::parse(&text.replace(' ', "+")).map_err(|e| bad("as_of", e))?.0)
        }
    };
    let found = blocking(move || {
        if let Some(position) = moment.at_least {
            models.wait_at_least(position, LONGEST_WAIT)?;
        }
        models.order_as_of(id.as_str(), at)
    });
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
