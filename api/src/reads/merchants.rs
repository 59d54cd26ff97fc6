//! Merchants: standing, balances, deposit, lines of the account, disputes and reviews.

use daybook_projections::fields::Fields;
use daybook_projections::models::deposits::DepositRow;
use daybook_projections::models::disputes::DisputeRow;
use daybook_projections::models::merchant_accounts::{MerchantAccountRow, MerchantLineRow};
use daybook_projections::models::merchant_balances::MerchantBalanceRow;
use daybook_projections::models::merchants::MerchantRow;
use daybook_projections::models::reviews::ReviewRow;
use daybook_projections::queries::{MerchantMoney, Page};
use daybook_projections::{ReadModels, record};
use serde::Serialize;

use super::build::{Found, Section, list, one, optional_row, table};
use super::cursor::number_of;
use super::question::{AS_OF, KNOWN, Kind, MERCHANT, Parameter, Question};
use super::schema::{array, object, row_schema, shown};
use crate::access::Permission::{ReadMerchants, ReadOrders};
use crate::endpoint::{Components, Endpoint};
use crate::problem::{NOT_FOUND, Problem};

record! {
    /// What anybody in the shop may know of a merchant.
    StandingRow in "", key(merchant_id) {
        /// The merchant.
        merchant_id: String,
        /// unknown, applied, rejected, approved, open, suspended or terminated.
        standing: String,
        /// Its name.
        name: Option<String>,
        /// brand, manufacturer, agent, retailer or individual.
        kind: Option<String>,
        /// Country.
        country: Option<String>,
        /// When its store opened.
        opened_at: Option<i64> = time,
        /// Hours until dispatch that it promised.
        ship_within_hours: Option<i64>,
        /// Days for returns that it promised.
        return_days: Option<i64>,
        /// Tier of the last assessment.
        tier: Option<String>,
        /// Orders with everything done.
        orders_completed: i64,
        /// Reviews of its orders.
        reviews: i64,
        /// Of these with an overall score of 4 or 5.
        reviews_positive: i64,
        /// Sum of the overall scores.
        review_score: i64,
    }
}

const STANDING: Parameter = Parameter::new(
    "standing",
    Kind::Word(&["unknown", "applied", "rejected", "approved", "open", "suspended", "terminated"]),
    "Only merchants of this standing",
);
const STATE: Parameter = Parameter::new(
    "state",
    Kind::Word(&[
        "opened",
        "answered",
        "escalated",
        "ruled",
        "appealed",
        "upheld",
        "reversed",
        "withdrawn",
        "closed",
    ]),
    "Only disputes in this state",
);
const ONE_STATE: Parameter = STATE.required();
const BY_ID: &str = "By id. A row is as it is when its page is asked for; one whose id lies before the page's is seen \
    from the beginning only.";
const BY_TIME: &str = "In order of time, as the business has it: what is told later of an earlier time, and what no longer is \
    as the filter wants, may be missed by who reads page after page. A row is as it is when its page is asked for.";

const MERCHANTS: Section = Section { tag: "Merchants", permission: ReadMerchants };
/// What the shop shows of them.
const SHOP: Section = Section { tag: "Merchants", permission: ReadOrders };
const DISPUTES: Section = Section { tag: "Disputes", permission: ReadOrders };

pub(super) fn endpoints() -> Vec<Endpoint> {
    let owed = "From the entries of its accounts, by when they are booked.";
    vec![
        list(MERCHANTS.about("merchants", "/v1/merchants", "Merchants", BY_ID, &[STANDING]), merchants),
        one(
            MERCHANTS.about("merchant",
                "/v1/merchants/{merchant}",
                "A merchant with its balances, account and deposit",
                "Counts go by when things happened, balances by when they are booked. As of a moment its streams are \
                 replayed, which is refused for one with very many: its balances are answered as of any moment.",
                &[AS_OF, KNOWN],
            ),
            profile(),
            false,
            merchant,
        ),
        one(
            SHOP.about("merchant_standing",
                "/v1/merchants/{merchant}/standing",
                "What the shop shows of a merchant: standing, promises, reviews",
                "",
                &[],
            ),
            standing_schema(),
            false,
            standing,
        ),
        table(
            MERCHANTS.about("merchant_balances",
                "/v1/merchants/{merchant}/balances",
                "What a merchant is owed, by currency",
                owed,
                &[AS_OF, KNOWN],
            ),
            balances,
        ),
        list(
            MERCHANTS.about("merchant_lines",
                "/v1/merchants/{merchant}/lines",
                "The lines of a merchant's account, as settlements take them",
                "In the order of the journal. Pages are pinned: what came after the first page is left out.",
                &[],
            ),
            lines,
        ),
        one(
            MERCHANTS.about("merchant_deposit",
                "/v1/merchants/{merchant}/deposit",
                "A merchant's deposit",
                "",
                &[],
            ),
            deposit_schema(),
            false,
            deposit,
        ),
        list(MERCHANTS.about("deposits", "/v1/deposits", "Deposits by merchant", BY_ID, &[]), deposits),
        list(
            DISPUTES.about("merchant_disputes",
                    "/v1/merchants/{merchant}/disputes",
                    "A merchant's disputes, the first opened first",
                    BY_TIME,
                    &[STATE],),
            disputes,
        ),
        list(
            DISPUTES.about("disputes",
                    "/v1/disputes",
                    "Disputes in one state, the first opened first: the work that waits",
                    BY_TIME,
                    &[ONE_STATE, MERCHANT],),
            disputes,
        ),
        list(
            SHOP.about("merchant_reviews",
                "/v1/merchants/{merchant}/reviews",
                "Reviews of a merchant's orders, the first posted first",
                BY_TIME,
                &[],
            ),
            reviews,
        ),
    ]
}

fn profile() -> (serde_json::Value, Components) {
    let mut components = Components::new();
    let members = [
        ("merchant", row_schema::<MerchantRow>(&mut components)),
        ("balances", array(&row_schema::<MerchantBalanceRow>(&mut components))),
        ("account", optional_row::<MerchantAccountRow>(&mut components)),
        ("deposit", optional_row::<DepositRow>(&mut components)),
    ];
    (object(&members), components)
}

fn standing_schema() -> (serde_json::Value, Components) {
    let mut components = Components::new();
    (row_schema::<StandingRow>(&mut components), components)
}

fn deposit_schema() -> (serde_json::Value, Components) {
    let mut components = Components::new();
    (row_schema::<DepositRow>(&mut components), components)
}

/// The merchant of the path is known.
pub(super) fn must_know(models: &ReadModels, merchant: &str) -> Result<(), Problem> {
    if models.merchant(merchant)?.is_some() || models.merchant_account(merchant)?.is_some() {
        return Ok(());
    }
    Err(Problem::new(NOT_FOUND, format!("no merchant {merchant}")))
}

fn merchants(models: &ReadModels, asked: &Question) -> Result<Page<MerchantRow>, Problem> {
    let standing = asked.get("standing");
    let Some(own) = asked.merchant() else {
        return Ok(models.merchants(standing, asked.after.as_deref(), asked.limit)?);
    };
    let found = models.merchant(own)?.map(|found| found.merchant);
    let rows =
        found.into_iter().filter(|row| standing.is_none_or(|standing| standing == row.standing)).collect();
    Ok(Page { rows, next: None })
}

fn merchant(models: &ReadModels, asked: &Question) -> Result<Option<Found>, Problem> {
    #[derive(Serialize)]
    struct Answer {
        merchant: Fields,
        balances: Vec<Fields>,
        account: Option<Fields>,
        deposit: Option<Fields>,
    }
    let id = asked.path("merchant");
    if asked.is_cut() {
        replayable(id, models.stream_count("merchant", id)?)?;
    }
    let Some(found) = models.merchant_as_of(id, asked.at(models, None)?)? else { return Ok(None) };
    let answer = Answer {
        merchant: shown(&found.merchant, None),
        balances: found.balances.iter().map(|balance| shown(balance, None)).collect(),
        account: found.account.as_ref().map(|account| shown(account, None)),
        deposit: found.deposit.as_ref().map(|deposit| shown(deposit, None)),
    };
    Found::of(Some(id), &answer).map(Some)
}

/// Most streams that are replayed for an answer as of a moment: one for each order and basket of the merchant.
const MOST_REPLAYED: u64 = 20_000;

fn replayable(merchant: &str, streams: u64) -> Result<(), Problem> {
    if streams <= MOST_REPLAYED {
        return Ok(());
    }
    Err(Problem::bad(
        "as_of",
        format_args!(
            "merchant {merchant} has {streams} streams, and no more than {MOST_REPLAYED} are replayed for an answer: ask \
             /v1/merchants/{merchant}/balances as of that moment, or `daybook merchant` on the machine itself"
        ),
    ))
}

fn standing(models: &ReadModels, asked: &Question) -> Result<Option<Found>, Problem> {
    let Some(found) = models.merchant(asked.path("merchant"))? else { return Ok(None) };
    let known = found.merchant;
    let row = StandingRow {
        merchant_id: known.merchant_id,
        standing: known.standing,
        name: known.name,
        kind: known.kind,
        country: known.country,
        opened_at: known.opened_at,
        ship_within_hours: known.ship_within_hours,
        return_days: known.return_days,
        tier: known.tier,
        orders_completed: known.orders_completed,
        reviews: known.reviews,
        reviews_positive: known.reviews_positive,
        review_score: known.review_score,
    };
    Found::of(Some(asked.path("merchant")), &shown(&row, None)).map(Some)
}

fn balances(models: &ReadModels, asked: &Question) -> Result<Vec<MerchantMoney>, Problem> {
    let merchant = asked.path("merchant");
    must_know(models, merchant)?;
    Ok(models.merchant_money(merchant, asked.at(models, None)?)?)
}

fn lines(models: &ReadModels, asked: &Question) -> Result<Page<MerchantLineRow>, Problem> {
    let merchant = asked.path("merchant");
    must_know(models, merchant)?;
    numbered(asked, |after, limit| models.merchant_lines(merchant, after, limit), |line| line.number)
}

/// A page of rows that are numbered.
pub(super) fn numbered<R>(
    asked: &Question,
    read: impl FnOnce(u64, u32) -> Result<Vec<R>, daybook_projections::ReadModelError>,
    number: impl Fn(&R) -> i64,
) -> Result<Page<R>, Problem> {
    let after = match asked.after.as_deref() {
        None => 0,
        Some(text) => number_of(text)?,
    };
    let rows = read(after, asked.limit)?;
    let full = rows.len() == asked.limit as usize;
    let next = rows.last().filter(|_| full).map(|row| number(row).to_string());
    Ok(Page { rows, next })
}

fn deposit(models: &ReadModels, asked: &Question) -> Result<Option<Found>, Problem> {
    let id = asked.path("merchant");
    let deposit = models.merchant(id)?.and_then(|found| found.deposit);
    deposit.map(|deposit| Found::of(Some(id), &shown(&deposit, None))).transpose()
}

fn deposits(models: &ReadModels, asked: &Question) -> Result<Page<DepositRow>, Problem> {
    let Some(own) = asked.merchant() else {
        return Ok(models.deposits(asked.after.as_deref(), asked.limit)?);
    };
    let rows = models.merchant(own)?.and_then(|found| found.deposit).into_iter().collect();
    Ok(Page { rows, next: None })
}

fn disputes(models: &ReadModels, asked: &Question) -> Result<Page<DisputeRow>, Problem> {
    let (state, after) = (asked.get("state"), asked.after.as_deref());
    let found = match (asked.merchant(), state) {
        (Some(merchant), _) => models.disputes_of_merchant(merchant, state, after, asked.limit),
        (None, state) => models.disputes(state.unwrap_or_default(), after, asked.limit),
    };
    Ok(found?)
}

fn reviews(models: &ReadModels, asked: &Question) -> Result<Page<ReviewRow>, Problem> {
    Ok(models.reviews_of_merchant(asked.path("merchant"), asked.after.as_deref(), asked.limit)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_merchant_with_very_many_streams_is_not_replayed_for_an_answer() {
        assert!(replayable("m1", MOST_REPLAYED).is_ok());
        let refused = replayable("m1", MOST_REPLAYED + 1).unwrap_err();
        assert_eq!(refused.status(), 400);
    }
}
