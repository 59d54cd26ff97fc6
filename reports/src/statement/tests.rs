//! What a statement says while the journal goes on.
#![allow(clippy::unwrap_used)] // a test may fail here

#[path = "../../tests/support/mod.rs"]
mod support;

use super::*;
use support::Tale;

fn placed(tale: &Tale, order: &str, at: &str) {
    let (price, none) = (support::cny("100.00"), support::cny("0.00"));
    let line = serde_json::json!({"line": "1", "product": "p", "category": "home_garden", "quantity": 1, "unit_price": price,
        "discount": none, "commission_rate": "0.1", "shipping": none, "tax": none, "subsidies": []});
    let data = serde_json::json!({"checkout": format!("c-{order}"), "buyer": "b", "merchant": "m-1", "lines": [line],
        "shipping": none, "subsidies": [], "buyer_pays": price, "total": price, "fee_schedule_version": 1,
        "sales_channel": "own"});
    tale.order(order, at, "OrderPlaced", &data);
}

#[test]
fn escrow_is_read_as_of_the_position_of_the_movements_beside_it() {
    let tale = Tale::new();
    let merchant = serde_json::json!({"merchant": "m-1"});
    let applied =
        serde_json::json!({"name": "tea", "kind": "retailer", "country": "CN", "settlement_currency": "CNY"});
    tale.say("merchant-m-1", "2018-01-02T00:00:00Z", "MerchantApplied", &merchant, &applied);
    placed(&tale, "o-1", "2018-02-01T02:00:00Z");
    tale.sale("o-1", "2018-02-01T03:00:00Z", "2018-03-05T03:00:00Z");
    let models = tale.models();
    let february = Period::parse("2018-02", models.calendar().unwrap()).unwrap();
    let found = models.merchant("m-1").unwrap().unwrap();
    let moved = models.merchant_movements("m-1", february.from.0, february.until.0).unwrap();
    // reported late, between the one reading and the other
    placed(&tale, "o-2", "2018-02-02T02:00:00Z");
    tale.sale("o-2", "2018-02-02T03:00:00Z", "2018-03-06T03:00:00Z");
    models.catch_up(&mut |_| {}).unwrap();
    let statement = Statement::of(&models, found, &moved, february).unwrap();
    assert_eq!(statement.currencies[0].closing.escrow.minor, 10_000, "of the first sale alone");
    assert_eq!(statement.position, moved.applied);
    let now = Statement::draw(&models, "m-1", february).unwrap().unwrap();
    assert_eq!(now.currencies[0].closing.escrow.minor, 20_000, "of both");
}
