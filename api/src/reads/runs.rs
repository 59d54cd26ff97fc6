//! Runs that finance asks for: settlements and payouts.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::NaiveDate;
use daybook_domain::{BankAccountId, MerchantId, Money};
use daybook_market::payouts::{Run, Runs};
use daybook_market::settlement::Cut;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::schema::{array, money, object, titled};
use crate::Shared;
use crate::access::{Caller, Permission, Touched};
use crate::commands::{First, is_json, key_parameter, once};
use crate::endpoint::{Components, Doc, Endpoint};
use crate::problem::{Problem, blocking};

const REPEATABLE: &str = "What a run writes follows from its day and what it is about: one that is asked for anew, under another \
    Idempotency-Key, adds nothing that is there, and one that was cut off goes on where it stopped.";

const SETTLE: &str = "/v1/settlements/runs";
const PAY: &str = "/v1/payouts/runs";

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
        parameters: vec![key_parameter()],
        headers: vec!["Idempotency-Replayed"],
        components: components.clone(),
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
            SETTLE,
            doc("settlement_run", "Settlements", "Settle what was booked before a day", settle, settled),
            post(settle_now),
        ),
        endpoint(PAY, doc("payout_run", "Payouts", "Ask for the payouts of a day", pay, paid), post(pay_now)),
    ]
}

fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, Problem> {
    is_json(headers)?;
    crate::json::read(body)
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
fn answer(shared: &Shared, done: &impl Serialize) -> Result<First, Problem> {
    First::of(StatusCode::OK, Some(shared.models.freshness()?.head), done)
}

async fn settle_now(
    State(shared): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let asked: Settle = read(&headers, &body)?;
    let (about, runtime, at) = (asked.merchant, Handle::current(), shared.clone());
    let work = move || {
        let until = day("until", asked.until.as_deref(), at.market.business_day()?)?;
        let settling = at.market.settle(&at.models, Cut::Before(until), asked.merchant);
        answer(&at, &runtime.block_on(settling)?)
    };
    let done = once(&shared, &caller, &headers, (SETTLE, &body), |_| blocking(work)).await;
    Ok(touching(about, done))
}

async fn pay_now(
    State(shared): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let asked: Pay = read(&headers, &body)?;
    let (about, runtime, at) = (asked.merchant, Handle::current(), shared.clone());
    let work = move || {
        let market = &at.market;
        let today = market.calendar()?.day(market.commands().now());
        let on = day("on", asked.on.as_deref(), today)?;
        let run = Run {
            merchant: asked.merchant,
            minimum: asked.minimum,
            paid_by: asked.paid_by,
            ..Run::of(market, on)?
        };
        answer(&at, &runtime.block_on(Runs::default().run(market, &run))?)
    };
    let done = once(&shared, &caller, &headers, (PAY, &body), |_| blocking(work)).await;
    Ok(touching(about, done))
}

/// Says for the log of accesses whom a run was about, also where it was refused.
fn touching(about: Option<MerchantId>, done: Result<Response, Problem>) -> Response {
    let mut response = done.into_response();
    response.extensions_mut().insert(Touched(about.into_iter().collect()));
    response
}
