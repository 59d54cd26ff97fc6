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

use super::build::{About, Found, list, one, optional_row, table};
use super::cursor::number_of;
use super::question::{AS_OF, KNOWN, Kind, MERCHANT, Parameter, Question};
use super::schema::{array, object, row_schema, shown};
use crate::access::Permission::{self, ReadMerchants, ReadOrders};
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

record! {
    /// What a merchant is owed in one currency, from the entries of its accounts in the books.
    OwedRow in "", key(currency) {
        /// ISO 4217 code.
        currency: String,
        /// In escrow for its orders.
        escrow: i64 = money,
        /// Released and not yet settled; negative is a receivable.
        pending: i64 = money,
        /// Settled, may be paid out.
        available: i64 = money,
        /// Settled, held for a claim.
        held: i64 = money,
        /// Settled, kept back for a time.
        reserve: i64 = money,
        /// On its way to the merchant's bank.
        in_transit: i64 = money,
        /// Pending, available, held, reserve and in transit together.
        owed: i64 = money,
        /// Guarantee money, free.
        deposit: i64 = money,
        /// Guarantee money held for a claim.
        deposit_frozen: i64 = money,
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

fn about(
    permission: Permission,
    id: &'static str,
    path: &'static str,
    summary: &'static str,
    more: &'static str,
    parameters: &'static [Parameter],
) -> About {
    About { id, path, tag: "Merchants", permission, summary, more, parameters }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let owed = "From the entries of its accounts, by when they are booked.";
    vec![
        list(about(ReadMerchants, "merchants", "/v1/merchants", "Merchants", BY_ID, &[STANDING]), merchants),
        one(
            about(
                ReadMerchants,
                "merchant",
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
            about(
                ReadOrders,
                "merchant_standing",
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
            about(
                ReadMerchants,
                "merchant_balances",
                "/v1/merchants/{merchant}/balances",
                "What a merchant is owed, by currency",
                owed,
                &[AS_OF, KNOWN],
            ),
            balances,
        ),
        list(
            about(
                ReadMerchants,
                "merchant_lines",
                "/v1/merchants/{merchant}/lines",
                "The lines of a merchant's account, as settlements take them",
                "In the order of the journal. Pages are pinned: what came after the first page is left out.",
                &[],
            ),
            lines,
        ),
        one(
            about(
                ReadMerchants,
                "merchant_deposit",
                "/v1/merchants/{merchant}/deposit",
                "A merchant's deposit",
                "",
                &[],
            ),
            deposit_schema(),
            false,
            deposit,
        ),
        list(about(ReadMerchants, "deposits", "/v1/deposits", "Deposits by merchant", BY_ID, &[]), deposits),
        list(
            About {
                tag: "Disputes",
                ..about(
                    ReadOrders,
                    "merchant_disputes",
                    "/v1/merchants/{merchant}/disputes",
                    "A merchant's disputes, the first opened first",
                    BY_TIME,
                    &[STATE],
                )
            },
            disputes,
        ),
        list(
            About {
                tag: "Disputes",
                ..about(
                    ReadOrders,
                    "disputes",
                    "/v1/disputes",
                    "Disputes in one state, the first opened first: the work that waits",
                    BY_TIME,
                    &[ONE_STATE, MERCHANT],
                )
            },
            disputes,
        ),
        list(
            about(
                ReadOrders,
                "merchant_reviews",
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

impl From<MerchantMoney> for OwedRow {
    fn from(money: MerchantMoney) -> Self {
        Self {
            currency: money.currency,
            escrow: money.escrow,
            pending: money.pending,
            available: money.available,
            held: money.held,
            reserve: money.reserve,
            in_transit: money.in_transit,
            owed: money.owed,
            deposit: money.deposit,
            deposit_frozen: money.deposit_frozen,
        }
    }
}

fn balances(models: &ReadModels, asked: &Question) -> Result<Vec<OwedRow>, Problem> {
    let merchant = asked.path("merchant");
    must_know(models, merchant)?;
    let owed = models.merchant_money(merchant, asked.at(models, None)?)?;
    Ok(owed.into_iter().map(OwedRow::from).collect())
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
