//! A merchant's statement of a period: JSON, CSV, a workbook, a page to print.

use axum::extract::{RawPathParams, State};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use daybook_domain::Timestamp;
use daybook_projections::{ReadModels, record};
use daybook_reports::statement::{Movement, Section, Standing};
use daybook_reports::{Period, ReportError, Statement};
use serde_json::{Value, json};

use super::build::{About, missing, to_json};
use super::question::{Pairs, Question};
use super::represent::{CSV, JSON, csv, wanted};
use super::schema::{array, money, object, reference, row_schema, shown, titled};
use crate::Shared;
use crate::access::{Caller, Permission};
use crate::endpoint::{Components, Endpoint};
use crate::problem::{INTERNAL, NOT_FOUND, Problem, blocking};

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const HTML: &str = "text/html";

record! {
    /// A movement of a statement, as a row of its CSV.
    StatementMovementRow in "", key(currency) {
        /// The business day on which it is booked.
        day: String,
        /// When it is booked.
        booked_at: i64 = time,
        /// The day on which it happened, where that lies in an earlier period.
        late_of: Option<String>,
        /// What it is.
        what: String,
        /// Type of the event.
        event: String,
        /// The order it concerns.
        order: Option<String>,
        /// The settlement, payout, adjustment, hold, fee period or campaign it is about.
        reference: Option<String>,
        /// ISO 4217 code.
        currency: String,
        /// Released to the merchant.
        gross: i64 = money,
        /// Commission with its VAT.
        commission: i64 = money,
        /// Refunds after release that it bears.
        refund: i64 = money,
        /// Platform and advertising fees, return freight, fees waived.
        fee: i64 = money,
        /// Penalties, rewards, chargebacks, adjustments, rulings reversed, to and from the deposit.
        other: i64 = money,
        /// Paid out and come back.
        paid_out: i64 = money,
        /// What it shifts within the balance.
        within: i64 = money,
        /// The balance after it.
        balance: i64 = money,
    }
}

impl StatementMovementRow {
    fn of(movement: &Movement) -> Self {
        let amounts = &movement.amounts;
        Self {
            day: movement.day.to_string(),
            booked_at: movement.booked_at.0,
            late_of: movement.late_of.map(|day| day.to_string()),
            what: movement.what.to_owned(),
            event: movement.event.clone(),
            order: movement.order.clone(),
            reference: movement.reference.clone(),
            currency: movement.balance.currency.to_string(),
            gross: amounts.gross.minor,
            commission: amounts.commission.minor,
            refund: amounts.refund.minor,
            fee: amounts.fee.minor,
            other: amounts.other.minor,
            paid_out: amounts.paid_out.minor,
            within: movement.within.minor,
            balance: movement.balance.minor,
        }
    }
}

const ABOUT: About = About {
    id: "merchant_statement",
    path: "/v1/merchants/{merchant}/statements/{period}",
    tag: "Merchants",
    permission: Permission::ReadMerchants,
    summary: "A merchant's statement of a month or year",
    more: "What it was owed, every movement, what it is owed; the closing balance of one period is the opening balance of \
           the next. The period is a month (2018-05) or a year (2018) of the market's time zone. By Accept: JSON, the \
           movements as CSV, a workbook (XLSX), or a page to print (HTML).",
    parameters: &[],
};

pub(super) fn endpoints() -> Vec<Endpoint> {
    let (schema, components) = schema();
    let text = json!({"type": "string"});
    let binary = json!({"type": "string", "contentMediaType": XLSX});
    let doc = ABOUT.doc(vec![(JSON, schema), (CSV, text.clone()), (XLSX, binary), (HTML, text)], components);
    vec![Endpoint {
        method: Method::GET,
        path: ABOUT.path.to_owned(),
        permission: ABOUT.permission,
        doc,
        serve: get(statement),
    }]
}

fn schema() -> (Value, Components) {
    let mut components = Components::new();
    let amount = money(&mut components);
    let text = json!({"type": "string"});
    let standing: Vec<(&str, Value)> =
        ["balance", "pending", "available", "held", "reserve", "in_transit", "escrow", "deposit"]
            .map(|name| (name, amount.clone()))
            .into();
    components.insert("StatementStanding".to_owned(), object(&standing));
    let totals: Vec<(&str, Value)> =
        daybook_reports::statement::COLUMNS.map(|name| (name, amount.clone())).into();
    let mut movement = row_schema::<StatementMovementRow>(&mut components);
    // the currency of a movement is that of its section
    if let Some(mut row) = components.remove("StatementMovementRow") {
        if let Some(properties) = row["properties"].as_object_mut() {
            properties.remove("currency");
            row["required"] = properties.keys().cloned().collect();
        }
        components.insert("StatementMovement".to_owned(), row);
        movement = reference("StatementMovement");
    }
    let section = object(&[
        ("currency", text.clone()),
        ("opening", reference("StatementStanding")),
        ("movements", array(&movement)),
        ("totals", titled("StatementSums", object(&totals))),
        ("closing", reference("StatementStanding")),
    ]);
    components.insert("StatementSection".to_owned(), section);
    let day = json!({"type": "string", "format": "date"});
    let statement = object(&[
        ("merchant_id", text.clone()),
        ("merchant_name", json!({"type": ["string", "null"]})),
        ("market", text.clone()),
        ("period", text.clone()),
        ("first", day.clone()),
        ("last", day),
        ("time_zone", text),
        ("position", json!({"type": "integer"})),
        ("currencies", array(&reference("StatementSection"))),
    ]);
    (statement, components)
}

impl From<ReportError> for Problem {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::ReadModels(error) => error.into(),
            other => Self::new(INTERNAL, other.to_string()),
        }
    }
}

async fn statement(
    State(shared): State<Shared>,
    caller: Caller,
    path: RawPathParams,
    query: Pairs,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kind = wanted(&headers, &[JSON, CSV, XLSX, HTML])?;
    let (question, _) = Question::read(caller, &path, query, ABOUT.parameters, &[])?;
    let now = shared.market.commands().now();
    let models = shared.models.clone();
    let turn = ABOUT.turn(&shared, question.caller.actor, true).await?;
    blocking(move || {
        let _held = turn; // by the thread that reads: a caller may have gone before it is through
        drawn(&models, &question, now, kind)
    })
    .await
}

fn drawn(
    models: &ReadModels,
    asked: &Question,
    now: Timestamp,
    kind: &'static str,
) -> Result<Response, Problem> {
    let bad = |why: String| Problem::bad("period", why);
    let period = Period::parse(asked.path("period"), models.calendar()?).map_err(bad)?;
    if period.from > now {
        return Err(bad(format!("{period} lies in the future: it begins on {}", period.first)));
    }
    let merchant = asked.path("merchant");
    let statement = Statement::draw(models, merchant, period)?;
    let statement =
        statement.ok_or_else(|| Problem::new(NOT_FOUND, format!("no {}", missing(&ABOUT, asked))))?;
    let mut body = Vec::new();
    let (content, name) = match kind {
        CSV => {
            body = movements(&statement.currencies)?;
            ("text/csv; charset=utf-8; header=present", Some("csv"))
        }
        XLSX => {
            statement.write_xlsx(&mut body)?;
            (XLSX, Some("xlsx"))
        }
        HTML => {
            statement.write_html(&mut body)?;
            ("text/html; charset=utf-8", None)
        }
        _ => {
            body = to_json(&statement)?;
            (JSON, None)
        }
    };
    let mut response = ([(header::CONTENT_TYPE, content)], body).into_response();
    // the file is named after what was asked, where that is plain
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if let Some(ending) = name.filter(|_| plain(merchant)) {
        let value = format!("attachment; filename=\"{merchant}-{period}.{ending}\"");
        response.headers_mut().extend(value.parse().ok().map(|value| (header::CONTENT_DISPOSITION, value)));
    }
    Ok(response)
}

/// Every movement as a row, between one that opens each currency and one that closes it.
fn movements(sections: &[Section]) -> Result<Vec<u8>, Problem> {
    let columns: Vec<&str> = <StatementMovementRow as daybook_projections::record::Record>::COLUMNS
        .iter()
        .map(|column| column.name)
        .collect();
    let mut rows = Vec::new();
    for section in sections {
        let edge = |what: &str, standing: &Standing| StatementMovementRow {
            what: what.to_owned(),
            currency: section.currency.to_string(),
            balance: standing.balance.minor,
            ..StatementMovementRow::default()
        };
        rows.push(blank(shown(&edge("Opening balance", &section.opening), None)));
        rows.extend(
            section.movements.iter().map(|movement| shown(&StatementMovementRow::of(movement), None)),
        );
        rows.push(blank(shown(&edge("Closing balance", &section.closing), None)));
    }
    csv(&columns, &rows)
}

/// An edge has no day, no event and no amounts but its balance.
fn blank(mut row: daybook_projections::fields::Fields) -> daybook_projections::fields::Fields {
    for (name, field) in &mut row.0 {
        if !matches!(*name, "what" | "currency" | "balance") {
            *field = daybook_projections::fields::Field::None;
        }
    }
    row
}
