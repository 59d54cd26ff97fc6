//! Settlements, their lines, and what they come to order by order.

use daybook_domain::{Currency, Money};
use daybook_projections::fields::Fields;
use daybook_projections::models::merchant_accounts::MerchantLineRow;
use daybook_projections::models::settlements::SettlementRow;
use daybook_projections::queries::{OrderShare, Page};
use daybook_projections::{ReadModels, record};
use serde::Serialize;
use serde_json::json;

use super::build::{Found, Section, list, one};
use super::merchants::{must_know, numbered};
use super::question::{MERCHANT, Question};
use super::schema::{amount, array, money, object, or_null, row_schema, shown};
use crate::access::Permission::ReadMerchants;
use crate::endpoint::{Components, Endpoint};
use crate::problem::{NOT_FOUND, Problem};

record! {
    /// What the lines of one order come to in a settlement.
    OrderShareRow in "", key(currency) {
        /// The order; none for what concerns the merchant alone: fees, rewards, adjustments.
        order_id: Option<String>,
        /// ISO 4217 code.
        currency: String,
        /// Lines.
        lines: i64,
        /// Released to the merchant.
        gross: i64 = money,
        /// Refunds that it bore.
        refunds: i64 = money,
        /// Commission and its VAT, net.
        commission: i64 = money,
        /// Fees.
        fees: i64 = money,
        /// Rewards.
        rewards: i64 = money,
        /// Penalties.
        penalties: i64 = money,
        /// Chargebacks that it bore.
        chargebacks: i64 = money,
        /// Adjustments, signed.
        adjustments: i64 = money,
        /// gross - refunds - commission - fees + rewards - penalties - chargebacks + adjustments.
        total: i64 = money,
    }
}

impl OrderShareRow {
    fn of(share: OrderShare, currency: &str) -> Self {
        Self {
            order_id: share.order,
            currency: currency.to_owned(),
            lines: share.lines,
            gross: share.gross,
            refunds: share.refunds,
            commission: share.commission,
            fees: share.fees,
            rewards: share.rewards,
            penalties: share.penalties,
            chargebacks: share.chargebacks,
            adjustments: share.adjustments,
            total: share.total,
        }
    }
}

const PINNED: &str = "In the order in which they were closed. Pages are pinned: what was closed after the first page is left out.";

const SETTLEMENTS: Section = Section { tag: "Settlements", permission: ReadMerchants };

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        list(SETTLEMENTS.about("settlements", "/v1/settlements", "Settlements", PINNED, &[MERCHANT]), settlements),
        list(
            SETTLEMENTS.about(
                "merchant_settlements",
                "/v1/merchants/{merchant}/settlements",
                "A merchant's settlements",
                PINNED,
                &[],
            ),
            settlements,
        ),
        one(
            SETTLEMENTS.about("settlement", "/v1/settlements/{settlement}", "A settlement", "", &[]),
            figures(),
            false,
            settlement,
        ),
        list(
            SETTLEMENTS.about(
                "settlement_lines",
                "/v1/settlements/{settlement}/lines",
                "The lines that a settlement took",
                "Closed once, they stay the same.",
                &[],
            ),
            lines,
        ),
        one(
            SETTLEMENTS.about(
                "settlement_explanation",
                "/v1/settlements/{settlement}/explanation",
                "What each order contributed to a settlement, down to a residual of zero",
                "`complete` says that nothing is left over: every residual is zero, and the digest is that of the lines.",
                &[],
            ),
            explained(),
            false,
            explanation,
        ),
    ]
}

fn figures() -> (serde_json::Value, Components) {
    let mut components = Components::new();
    (row_schema::<SettlementRow>(&mut components), components)
}

fn explained() -> (serde_json::Value, Components) {
    let mut components = Components::new();
    let share = row_schema::<OrderShareRow>(&mut components);
    let left = or_null(&money(&mut components));
    let members = [
        ("settlement", row_schema::<SettlementRow>(&mut components)),
        ("orders", array(&share)),
        ("sum", share.clone()),
        ("residual", share),
        ("carry_residual", left.clone()),
        ("debt_residual", left),
        ("digest_matches", json!({"type": "boolean"})),
        ("complete", json!({"type": "boolean"})),
    ];
    (object(&members), components)
}

fn settlements(models: &ReadModels, asked: &Question) -> Result<Page<SettlementRow>, Problem> {
    if let Some(merchant) = asked.merchant() {
        must_know(models, merchant)?;
    }
    Ok(models.settlements(asked.merchant(), asked.after.as_deref(), asked.limit)?)
}

fn settlement(models: &ReadModels, asked: &Question) -> Result<Option<Found>, Problem> {
    let found = models.settlement(asked.path("settlement"))?;
    found.map(|row| Found::of(Some(&row.merchant_id), &shown(&row, None))).transpose()
}

fn lines(models: &ReadModels, asked: &Question) -> Result<Page<MerchantLineRow>, Problem> {
    let id = asked.path("settlement");
    let missing = || Problem::new(NOT_FOUND, format!("no settlement {id}"));
    let closed = models.settlement(id)?.ok_or_else(missing)?;
    asked.must_own(Some(&closed.merchant_id), format_args!("settlement {id}"))?;
    asked.touch(&closed.merchant_id);
    numbered(asked, |after, limit| models.settlement_lines(id, after, limit), |line| line.number)
}

fn explanation(models: &ReadModels, asked: &Question) -> Result<Option<Found>, Problem> {
    #[derive(Serialize)]
    struct Answer {
        settlement: Fields,
        orders: Vec<Fields>,
        sum: Fields,
        residual: Fields,
        carry_residual: Option<Money>,
        debt_residual: Option<Money>,
        digest_matches: bool,
        complete: bool,
    }
    let Some(found) = models.settlement_explained(asked.path("settlement"))? else { return Ok(None) };
    let complete = found.complete();
    let settlement = found.settlement;
    let code: &str = &settlement.currency;
    let share = |share: OrderShare| shown(&OrderShareRow::of(share, code), Currency::new(code).ok());
    let answer = Answer {
        orders: found.orders.into_iter().map(share).collect(),
        sum: share(found.sum),
        residual: share(found.residual),
        carry_residual: amount(found.carry_residual, code),
        debt_residual: amount(found.debt_residual, code),
        digest_matches: found.digest_matches,
        complete,
        settlement: shown(&settlement, None),
    };
    Found::of(Some(&settlement.merchant_id), &answer).map(Some)
}
