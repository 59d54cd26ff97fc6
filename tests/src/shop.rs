//! Visitors of a shop, and what they buy.

use daybook_domain::traffic::{Hit, Incoming, RawHit};
use daybook_domain::{PartyId, Timestamp};
use serde_json::{Value, json};

use crate::stage::{Stage, cny};

/// Who was shown what, when, by which link.
pub type View = (&'static str, &'static str, &'static str, &'static str);

/// A hit as the market takes it, whenever it was.
#[must_use]
pub fn hit(raw: &RawHit<'_>) -> Hit {
    let whenever =
        Incoming { earliest: Timestamp(0), latest: Timestamp(i64::MAX), arrived: None, number: None };
    raw.check(&whenever).expect("a sound hit")
}

/// Records hits.
pub async fn record_hits(stage: &Stage, hits: Vec<Hit>) {
    let collector = PartyId::new("collector").expect("an id");
    stage.market.traffic().record(hits, collector).await.expect("hits are recorded");
}

/// Records views of the pages of merchant `m1` in the own store.
pub async fn record(stage: &Stage, views: &[View]) {
    let hits = views.iter().map(|(visitor, at, page, referrer)| {
        hit(&RawHit {
            visitor: (*visitor).into(),
            at: (*at).into(),
            page: (*page).into(),
            referrer: (*referrer).into(),
            merchant: "m1".into(),
            sales_channel: "own".into(),
            ..RawHit::default()
        })
    });
    record_hits(stage, hits.collect()).await;
}

/// An order of a buyer, placed and paid now.
pub async fn order(stage: &mut Stage, id: &str, buyer: &str, visitor: Option<&str>, price: &str) {
    order_of(stage, id, buyer, visitor, (price, price), &json!({})).await;
}

/// The same of goods at a price of which the buyer pays this, with more members of the order.
pub async fn order_of(
    stage: &mut Stage,
    id: &str,
    buyer: &str,
    visitor: Option<&str>,
    (price, pays): (&str, &str),
    more: &Value,
) {
    let line = json!({"line": "1", "product": "p-1", "category": "toys", "quantity": 1,
        "unit_price": cny(price), "discount": cny("0.00")});
    let mut place = json!({"action": "place", "checkout": id, "buyer": buyer, "merchant": "m1",
        "lines": [line], "shipping": cny("0.00"), "sales_channel": "own"});
    if let Some(visitor) = visitor {
        place["visitor"] = json!(visitor);
    }
    for (member, value) in more.as_object().into_iter().flatten() {
        place[member] = value.clone();
    }
    stage.ask("order", id, place).await;
    let orders = json!([{"order": id, "merchant": "m1", "buyer_pays": cny(pays)}]);
    stage
        .ask("checkout", id, json!({"action": "open", "buyer": buyer, "currency": "CNY", "orders": orders}))
        .await;
    stage.pay(id, "p1", pays).await;
}

/// Sets the clock.
pub fn at(stage: &Stage, text: &str) {
    stage.clock.set(Timestamp::parse(text).expect("a time").0);
}
