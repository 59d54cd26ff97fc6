//! Orders.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::response::Json;
use axum::routing::get;
use daybook_domain::{Currency, OrderId};
use daybook_projections::fields::{Fields, fields};
use daybook_projections::queries::OrderInquiry;
use serde::Serialize;
use serde_json::json;

use super::Moment;
use crate::Shared;
use crate::access::{Caller, Permission};
use crate::endpoint::{Doc, Endpoint};
use crate::problem::{NOT_FOUND, Problem, blocking};

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let doc = Doc::read("order", "Orders", "An order with its lines and timeline", json!({"type": "object"}))
        .query("as_of", json!({"type": "string", "format": "date-time"}), "As it was at that business time");
    vec![Endpoint {
        method: Method::GET,
        path: "/v1/orders/{order}".to_owned(),
        permission: Permission::ReadOrders,
        doc,
        serve: get(order),
    }]
}

#[derive(Serialize)]
struct Answer {
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

async fn order(
    State(shared): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    moment: Result<Query<Moment>, QueryRejection>,
) -> Result<Json<Answer>, Problem> {
    let id: OrderId = id.parse().map_err(|error| Problem::bad("order", error))?;
    let Query(moment) = moment.map_err(|error| Problem::bad("query", error.body_text()))?;
    let at = moment.cut()?;
    let models = shared.models.clone();
    let found = blocking(move || models.order_as_of(id.as_str(), at)).await?;
    let found = found.ok_or_else(|| Problem::new(NOT_FOUND, format!("no order {id}")))?;
    caller.must_own(&found.order.merchant_id, format_args!("order {id}"))?;
    Ok(Json(found.into()))
}
