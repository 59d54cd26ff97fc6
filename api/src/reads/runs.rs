//! Runs that finance asks for: settlements and payouts.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use chrono::NaiveDate;
use daybook_domain::{BankAccountId, MerchantId, Money};
use daybook_market::payouts::{Run, Runs};
use daybook_market::settlement::Cut;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::schema::{array, money, object, titled};
use crate::Shared;
use crate::access::{Permission, Touched};
use crate::endpoint::{Components, Doc, Endpoint};
use crate::guard::POSITION;
use crate::problem::{BAD_REQUEST, Problem, UNSUPPORTED, blocking};

const REPEATABLE: &str = "It takes no Idempotency-Key: what a run writes follows from its day and what it is about, so one \
    that is sent again adds nothing that is there, and one that was cut off goes on where it stopped.";

pub(super) fn endpoints() -> Vec<Endpoint> {
    let mut components = Components::new();
    let amount = money(&mut components);
    let count = json!({"type": "integer"});
    let text = json!({"type": "string"});
    let id = json!({"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"});
    let mut bank = id.clone();
    bank["description"] = "Record that this bank account paid them, a day later: for history".into();
    let day = |what: &str| json!({"type": "string", "format": "date", "description": what});
    let why = |name: &str, more: &[(&str, Value)]| {
        let own = [("merchant", text.clone()), ("code", text.clone()), ("reason", text.clone())];
        titled(name, object(&[&own[..], more].concat()))
    };
    let settled = object(&[
        ("settlements", count.clone()),
        ("lines", count.clone()),
        ("settled", array(&amount)),
        ("reserves", count.clone()),
        ("fees", count.clone()),
        ("refused", array(&why("SettlementRefused", &[]))),
    ]);
    let paid = object(&[
        ("requested", count.clone()),
        ("amounts", array(&amount)),
        ("confirmed", count.clone()),
        ("already", count.clone()),
        ("below_minimum", count.clone()),
        ("held_back", count),
        ("reasons", array(&why("PayoutRefused", &[("amount", amount.clone())]))),
    ]);
    let body = |properties: Value| json!({"type": "object", "additionalProperties": false, "properties": properties});
    let settle = body(json!({
        "until": day("Settle what was booked before this business day; today where absent"),
        "merchant": id.clone(),
    }));
    let pay = body(json!({
        "on": day("The business day that the payouts are of; today where absent"),
        "merchant": id,
        "minimum": amount,
        "paid_by": bank,
    }));
    let doc = |id: &str, tag, summary: &str, body, answer| Doc {
        id: id.to_owned(),
        tag,
        summary: summary.to_owned(),
        description: REPEATABLE.to_owned(),
        body: Some(body),
        answers: vec![(200, "What the run did", vec![("application/json", answer)])],
        problems: vec![409, 413, 415, 422],
        components: components.clone(),
        ..Doc::default()
    };
    let endpoint = |path: &str, doc, serve| Endpoint {
        method: Method::POST,
        path: path.to_owned(),
        permission: Permission::Account,
        doc,
        serve,
    };
    vec![
        endpoint(
            "/v1/settlements/runs",
            doc("settlement_run", "Settlements", "Settle what was booked before a day", settle, settled),
            post(settle_now),
        ),
        endpoint(
            "/v1/payouts/runs",
            doc("payout_run", "Payouts", "Ask for the payouts of a day", pay, paid),
            post(pay_now),
        ),
    ]
}

fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(UNSUPPORTED, format!("Content-Type: send application/json, not {kind:?}")));
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(BAD_REQUEST, format!("the body cannot be read: {error}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settle {
    until: Option<String>,
    merchant: Option<MerchantId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pay {
    on: Option<String>,
    merchant: Option<MerchantId>,
    minimum: Option<Money>,
    paid_by: Option<BankAccountId>,
}

fn day(name: &str, text: Option<&str>, today: NaiveDate) -> Result<NaiveDate, Problem> {
    let Some(text) = text else { return Ok(today) };
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| {
        Problem::bad(name, format!("{text:?} is no day such as 2018-05-31")).at(format!("/{name}"))
    })
}

/// What a run did, after which position readers see it.
fn answer(shared: &Shared, about: Option<MerchantId>, done: &impl Serialize) -> Result<Response, Problem> {
    let head = shared.models.freshness()?.head;
    let mut response = Json(done).into_response();
    response.extensions_mut().insert(Touched(about.into_iter().collect()));
    response.headers_mut().insert(POSITION, HeaderValue::from(head));
    Ok(response)
}

async fn settle_now(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let asked: Settle = read(&headers, &body)?;
    let runtime = tokio::runtime::Handle::current();
    blocking(move || {
        let until = day("until", asked.until.as_deref(), shared.market.business_day()?)?;
        let settling = shared.market.settle(&shared.models, Cut::Before(until), asked.merchant);
        let ran = runtime.block_on(settling)?;
        answer(&shared, asked.merchant, &ran)
    })
    .await
}

async fn pay_now(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let asked: Pay = read(&headers, &body)?;
    let runtime = tokio::runtime::Handle::current();
    blocking(move || {
        let market = &shared.market;
        let today = market.calendar()?.day(market.commands().now());
        let on = day("on", asked.on.as_deref(), today)?;
        let run = Run {
            merchant: asked.merchant,
            minimum: asked.minimum,
            paid_by: asked.paid_by,
            ..Run::of(market, on)?
        };
        let outcome = runtime.block_on(Runs::default().run(market, &run))?;
        answer(&shared, asked.merchant, &outcome)
    })
    .await
}
