//! Orders, and what hangs on them: lines, timeline, disputes, reviews; checkouts.

use daybook_domain::Currency;
use daybook_projections::fields::Fields;
use daybook_projections::models::checkouts::CheckoutRow;
use daybook_projections::models::disputes::DisputeRow;
use daybook_projections::models::order_lines::OrderLineRow;
use daybook_projections::models::orders::{OrderRow, TimelineRow};
use daybook_projections::models::reviews::ReviewRow;
use daybook_projections::queries::{OrderInquiry, OrdersWanted, Page};
use daybook_projections::{AsOf, ReadModels};
use serde::Serialize;

use super::build::{About, Found, Section, list, one, one_now, table};
use super::question::{AS_OF, FROM, KNOWN, Kind, Parameter, Question, TO};
use super::schema::{array, object, row_schema, shown};
use crate::access::Permission::ReadOrders;
use crate::endpoint::{Components, Endpoint};
use crate::problem::{NOT_FOUND, Problem};

const STATUS: Parameter = Parameter::new(
    "status",
    Kind::Word(&[
        "placed",
        "held",
        "funded",
        "shipped",
        "delivered",
        "received",
        "released",
        "completed",
        "cancelled",
    ]),
    "Only orders in this state",
);
const SORT: Parameter = Parameter::new(
    "sort",
    Kind::Word(&["-placed_at", "placed_at"]),
    "By when they were placed: the last first (`-placed_at`, the default), or the first first",
);
const LISTED: &[Parameter] = &[STATUS, FROM, TO, SORT];
const LIST: &str = "Pages hold to when orders were placed: in the default order one that is placed while you read stands \
    before the first page, and no order comes twice. A row shows its order as it is when its page is asked for. Of one state, a \
    page may hold few rows or none and not be the last: there is more while `next` is not null.";

const ORDERS: Section = Section { tag: "Orders", permission: ReadOrders };

pub(super) fn endpoints() -> Vec<Endpoint> {
    let versioned = "The ETag is the version of the order's stream: send it as If-Match with a command on what was seen \
        here. An answer as of a moment has none. Of lines and timeline the first 1,000 are shown; `events` says how many \
        there are.";
    vec![
        one_now(
            ORDERS.about(
                "order",
                "/v1/orders/{order}",
                "An order with its lines and timeline",
                versioned,
                &[AS_OF, KNOWN],
            ),
            inquiry(),
            true,
            order_now,
            order,
        ),
        table(
            ORDERS.about(
                "order_disputes",
                "/v1/orders/{order}/disputes",
                "The disputes of an order",
                "",
                &[],
            ),
            disputes,
        ),
        table(
            ORDERS.about("order_reviews", "/v1/orders/{order}/reviews", "The reviews of an order", "", &[]),
            reviews,
        ),
        list(
            ORDERS.about("buyer_orders", "/v1/buyers/{buyer}/orders", "A buyer's orders", LIST, LISTED),
            |models, asked| orders(models, asked, Some(asked.path("buyer"))),
        ),
        list(
            ORDERS.about(
                "merchant_orders",
                "/v1/merchants/{merchant}/orders",
                "A merchant's orders",
                LIST,
                LISTED,
            ),
            |models, asked| orders(models, asked, None),
        ),
        one(
            About {
                tag: "Checkouts",
                ..ORDERS.about(
                    "checkout",
                    "/v1/checkouts/{checkout}",
                    "A basket's payment, and its orders",
                    "At most 1,000 of these.",
                    &[],
                )
            },
            basket(),
            false,
            checkout,
        ),
    ]
}

fn inquiry() -> (serde_json::Value, Components) {
    let mut components = Components::new();
    let members = [
        ("order", row_schema::<OrderRow>(&mut components)),
        ("lines", array(&row_schema::<OrderLineRow>(&mut components))),
        ("timeline", array(&row_schema::<TimelineRow>(&mut components))),
    ];
    (object(&members), components)
}

fn basket() -> (serde_json::Value, Components) {
    let mut components = Components::new();
    let members = [
        ("checkout", row_schema::<CheckoutRow>(&mut components)),
        ("orders", array(&row_schema::<OrderRow>(&mut components))),
    ];
    (object(&members), components)
}

fn order(models: &ReadModels, asked: &Question) -> Result<Option<Found>, Problem> {
    let at = if as_it_is(asked) { AsOf::HEAD } else { asked.at(models, None)? };
    let inquiry = models.order_as_of(asked.path("order"), at)?.filter(OrderInquiry::is_placed);
    inquiry.map(|inquiry| told(&inquiry, at == AsOf::HEAD)).transpose()
}

fn order_now(models: &ReadModels, asked: &Question) -> Result<Option<Option<Found>>, Problem> {
    if !as_it_is(asked) {
        return Ok(None);
    }
    let found = models.order_now(asked.path("order"))?;
    found.map(|inquiry| inquiry.map(|inquiry| told(&inquiry, true)).transpose()).transpose()
}

/// Whether no moment is asked for.
fn as_it_is(asked: &Question) -> bool {
    asked.get("as_of").or(asked.get("known")).is_none()
}

fn told(inquiry: &OrderInquiry, as_it_is: bool) -> Result<Found, Problem> {
    #[derive(Serialize)]
    struct Answer {
        order: Fields,
        lines: Vec<Fields>,
        timeline: Vec<Fields>,
    }
    let OrderInquiry { order, lines, timeline } = inquiry;
    let currency = Currency::new(&order.currency).ok();
    let answer = Answer {
        order: shown(order, None),
        lines: lines.iter().map(|line| shown(line, currency)).collect(),
        timeline: timeline.iter().map(|event| shown(event, currency)).collect(),
    };
    let mut found = Found::of(Some(&order.merchant_id), &answer)?;
    // its timeline has every event of its stream
    found.version = as_it_is.then_some(order.events.unsigned_abs());
    Ok(found)
}

/// The order exists, and the caller may see it.
fn must_see(models: &ReadModels, asked: &Question) -> Result<(), Problem> {
    let what = format!("order {}", asked.path("order"));
    match models.order(asked.path("order"))? {
        Some(found) => asked.must_own(Some(&found.order.merchant_id), what),
        None => Err(Problem::new(NOT_FOUND, format!("no {what}"))),
    }
}

fn disputes(models: &ReadModels, asked: &Question) -> Result<Vec<DisputeRow>, Problem> {
    must_see(models, asked)?;
    Ok(models.disputes_of_order(asked.path("order"))?)
}

fn reviews(models: &ReadModels, asked: &Question) -> Result<Vec<ReviewRow>, Problem> {
    must_see(models, asked)?;
    Ok(models.reviews_of_order(asked.path("order"))?)
}

fn orders(models: &ReadModels, asked: &Question, buyer: Option<&str>) -> Result<Page<OrderRow>, Problem> {
    let (from, to) = asked.span(models)?;
    let wanted = OrdersWanted {
        merchant: asked.merchant(),
        buyer,
        status: asked.get("status"),
        from: from.map(|at| at.0),
        to: to.map(|at| at.0),
        oldest_first: asked.get("sort") == Some("placed_at"),
        looked_at: None,
    };
    Ok(models.orders_wanted(wanted, asked.after.as_deref(), asked.limit)?)
}

fn checkout(models: &ReadModels, asked: &Question) -> Result<Option<Found>, Problem> {
    #[derive(Serialize)]
    struct Answer {
        checkout: Fields,
        orders: Vec<Fields>,
    }
    let Some(checkout) = models.checkout(asked.path("checkout"))? else { return Ok(None) };
    let orders = models.orders_of_checkout(&checkout.checkout_id)?;
    orders.iter().for_each(|order| asked.touch(&order.merchant_id));
    let answer = Answer {
        checkout: shown(&checkout, None),
        orders: orders.iter().map(|order| shown(order, None)).collect(),
    };
    // a basket has orders of several merchants: none of them sees it
    Found::of(None, &answer).map(Some)
}
