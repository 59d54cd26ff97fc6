//! Payouts, and what they draw on down to the orders' payments.

use daybook_domain::{MerchantId, PayoutId};
use daybook_market::payouts::{Explained, explain};
use daybook_projections::ReadModels;
use daybook_projections::models::payouts::PayoutRow;
use daybook_projections::queries::{Page, PayoutsWanted};
use serde::Serialize;
use serde_json::{Value, json};

use super::build::{Found, Section, list, one};
use super::question::{Kind, MERCHANT, Parameter, Question};
use super::schema::{array, money, object, or_null, reference, row_schema, shown, titled};
use crate::access::Permission::ReadMerchants;
use crate::access::Role;
use crate::endpoint::{Components, Endpoint};
use crate::problem::Problem;

const STATE: Parameter = Parameter::new(
    "state",
    Kind::Word(&["requested", "sent", "confirmed", "failed", "returned"]),
    "Only payouts in this state",
);
const WHOSE: Parameter = Parameter::new(
    "merchant",
    Kind::Id,
    "Whose payout, where those of several merchants were given the same id",
);
const BY_TIME: &str = "The first requested first, as the business has it: what is told later of an earlier time, and what no \
    longer is as the filter wants, may be missed by who reads page after page. A row is as it is when its page is asked for.";

const PAYOUTS: Section = Section { tag: "Payouts", permission: ReadMerchants };

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        list(PAYOUTS.about("payouts", "/v1/payouts", "Payouts", BY_TIME, &[MERCHANT, STATE]), payouts),
        list(
            PAYOUTS.about(
                "merchant_payouts",
                "/v1/merchants/{merchant}/payouts",
                "A merchant's payouts",
                BY_TIME,
                &[STATE],
            ),
            payouts,
        ),
        one(PAYOUTS.about("payout", "/v1/payouts/{payout}", "A payout", "", &[WHOSE]), row(), false, payout),
        one(
            PAYOUTS.about(
                "payout_explanation",
                "/v1/payouts/{payout}/explanation",
                "What a payout draws on: settlements, their lines, the orders of these, the payments that funded them",
                "Each level comes to the one above it: `complete` says that nothing is left over in any currency. A merchant's \
                 key is not told the references of payments.",
                &[WHOSE],
            ),
            explained(),
            false,
            explanation,
        ),
    ]
}

fn row() -> (Value, Components) {
    let mut components = Components::new();
    (row_schema::<PayoutRow>(&mut components), components)
}

fn explained() -> (Value, Components) {
    let mut components = Components::new();
    let amount = money(&mut components);
    let text = json!({"type": "string"});
    let maybe = json!({"type": ["string", "null"]});
    let count = json!({"type": "integer"});
    let time = json!({"type": "string", "format": "date-time"});
    let one = |name: &str, title: &str| titled(title, object(&[(name, text.clone())]));
    let mut part = object(&[
        (
            "source",
            json!({"oneOf": [one("settlement", "PayoutOfSettlement"), one("converted", "PayoutOfConversion")]}),
        ),
        (
            "way",
            json!({"enum": ["settled", "reserve_released", "hold_lifted", "payout_failed", "payout_returned"]}),
        ),
        ("amount", amount.clone()),
    ]);
    part["properties"]["back_from"] =
        json!({"oneOf": [one("hold", "BackFromHold"), one("payout", "BackFromPayout")]});
    let settlement = object(&[
        ("settlement", text.clone()),
        ("until", time.clone()),
        ("drawn", amount.clone()),
        ("carried_in", amount.clone()),
        ("lines", count.clone()),
        ("lines_sum", amount.clone()),
        ("total", amount.clone()),
        ("held_as_reserve", amount.clone()),
        ("residual", amount.clone()),
    ]);
    let line = object(&[
        ("settlement", text.clone()),
        ("number", count.clone()),
        ("occurred_at", time),
        ("event", text.clone()),
        ("kind", text.clone()),
        ("order", maybe.clone()),
        ("position", count),
        ("amount", amount.clone()),
    ]);
    let order = object(&[
        ("order", text.clone()),
        ("funded", amount.clone()),
        ("released", amount.clone()),
        ("tax", amount.clone()),
        ("given_back", amount.clone()),
        ("in_escrow", amount.clone()),
        ("on_lines", amount.clone()),
        ("residual", amount.clone()),
    ]);
    let payment = object(&[
        ("order", text.clone()),
        ("checkout", maybe.clone()),
        ("kind", json!({"enum": ["payment", "stored_value", "subsidy", "shortfall"]})),
        ("payment", maybe.clone()),
        ("provider", maybe.clone()),
        ("provider_ref", maybe.clone()),
        ("campaign", maybe),
        ("amount", amount.clone()),
    ]);
    for (name, schema) in [
        ("PayoutPart", part),
        ("ExplainedSettlement", settlement),
        ("ExplainedLine", line),
        ("ExplainedOrder", order),
        ("ExplainedPayment", payment),
    ] {
        components.insert(name.to_owned(), schema);
    }
    let members = [
        ("payout", text.clone()),
        ("merchant", text.clone()),
        ("amount", amount.clone()),
        ("converted", or_null(&amount)),
        ("parts", array(&reference("PayoutPart"))),
        ("settlements", array(&reference("ExplainedSettlement"))),
        ("lines", array(&reference("ExplainedLine"))),
        ("orders", array(&reference("ExplainedOrder"))),
        ("payments", array(&reference("ExplainedPayment"))),
        ("residuals", array(&amount)),
        ("unexplained", array(&text)),
        ("complete", json!({"type": "boolean"})),
    ];
    (object(&members), components)
}

fn payouts(models: &ReadModels, asked: &Question) -> Result<Page<PayoutRow>, Problem> {
    let wanted = PayoutsWanted { merchant: asked.merchant(), state: asked.get("state") };
    Ok(models.payouts(wanted, asked.after.as_deref(), asked.limit)?)
}

/// The one payout of the path that the caller may see.
fn found(models: &ReadModels, asked: &Question) -> Result<Option<PayoutRow>, Problem> {
    let mut found = models.payout(asked.path("payout"))?;
    found.retain(|row| asked.merchant().is_none_or(|merchant| merchant == row.merchant_id));
    if found.len() > 1 {
        let whose: Vec<&str> = found.iter().map(|row| row.merchant_id.as_str()).collect();
        return Err(Problem::bad(
            "merchant",
            format!("name one: {} have a payout of this id", whose.join(", ")),
        ));
    }
    Ok(found.pop())
}

fn payout(models: &ReadModels, asked: &Question) -> Result<Option<Found>, Problem> {
    found(models, asked)?.map(|row| Found::of(Some(&row.merchant_id), &shown(&row, None))).transpose()
}

fn explanation(models: &ReadModels, asked: &Question) -> Result<Option<Found>, Problem> {
    #[derive(Serialize)]
    struct Answer<'a> {
        #[serde(flatten)]
        explained: &'a Explained,
        complete: bool,
    }
    let Some(row) = found(models, asked)? else { return Ok(None) };
    let merchant: MerchantId = row.merchant_id.parse().map_err(|e| Problem::bad("merchant", e))?;
    let payout: PayoutId = row.payout_id.parse().map_err(|e| Problem::bad("payout", e))?;
    let Some(mut explained) = explain(models, merchant, payout)? else { return Ok(None) };
    if asked.caller.role == Role::Merchant {
        // how a buyer paid, for a basket that others have a part in, is no merchant's business
        explained.payments.iter_mut().for_each(|payment| payment.provider_ref = None);
    }
    let complete = explained.complete();
    Found::of(Some(merchant.as_str()), &Answer { explained: &explained, complete }).map(Some)
}
