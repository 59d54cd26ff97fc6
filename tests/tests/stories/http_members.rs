//! What a command's body holds within its members: refused by name where it is not known, however deep.

use daybook_tests::site::{Ask, Site, key};
use daybook_tests::stage::Stage;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_are_not_known_are_refused_by_pointer_however_deep() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    stage.pay("c1", "p1", "60.00").await;
    let site = Site::of(&stage).await;
    let head = stage.market.journal().head().unwrap();
    let cny = |amount: &str| json!({"amount": amount, "currency": "CNY"});
    let due = json!({"order": "o9", "merchant": "m1", "buyer_pays": cny("1.00")});
    let open = |due: Value| json!({"buyer": "b1", "currency": "CNY", "orders": [due]});
    let with = |value: &Value, member: &str, more: Value| {
        let mut value = value.clone();
        value[member] = more;
        value
    };
    let line = json!({"line": "1", "product": "p", "category": "books", "quantity": 1, "unit_price": cny("60.00"), "discount": cny("0.00")});
    let place = |line: Value| json!({"checkout": "c9", "buyer": "b1", "merchant": "m1", "shipping": cny("0.00"), "sales_channel": "web", "lines": [line]});
    let subsidy = json!([{"campaign": "k", "amount": cny("1.00"), "paid_by": "us"}]);
    let ship = |lines: Value| json!({"shipment": "s1", "mode": "parcel", "lines": lines});
    let refund = |of: Value| json!({"refund": "r1", "of": of, "reason": "r"});
    let fees = |rates: Value, settlement: Value| {
        json!({"effective_from": "2026-01-01T00:00:00Z", "default_commission": "0.05", "categories": rates,
            "settlement": settlement, "deposit_required": cny("0.00")})
    };
    let cycle = json!({"cycle": "days", "days": 7, "minimum_payout": cny("0.00")});
    let entries = json!([{"account": "Expenses:Bank", "side": "debit", "amount": cny("1.00"), "note": "n"}]);
    let odd = json!("odd");
    let cases = [
        ("/v1/checkouts/c9/open", open(with(&due, "buyer_pay", odd.clone())), "/orders/0/buyer_pay"),
        ("/v1/checkouts/c9/open", open(with(&due, "a/b~c", Value::Null)), "/orders/0/a~1b~0c"),
        ("/v1/checkouts/c9/open", open(json!({"order": "o9", "merchant": "m1"})), "/orders/0/buyer_pays"),
        (
            "/v1/checkouts/c9/open",
            open(with(&due, "buyer_pays", json!({"amount": "1.00", "currency": "CNY", "cents": 1}))),
            "/orders/0/buyer_pays/cents",
        ),
        ("/v1/orders/o9/place", place(with(&line, "colour", odd.clone())), "/lines/0/colour"),
        ("/v1/orders/o9/place", place(with(&line, "subsidies", subsidy)), "/lines/0/subsidies/0/paid_by"),
        (
            "/v1/orders/o9/place",
            with(
                &place(line.clone()),
                "tax",
                json!({"amount": cny("0.00"), "jurisdiction": "CN", "rate": "0"}),
            ),
            "/tax/rate",
        ),
        ("/v1/orders/o9/place", with(&place(line), "promise", json!({"by": []})), "/promise/by"),
        (
            "/v1/orders/o1/ship",
            ship(json!([{"line": "1", "quantity": 1, "quantiti": 1}])),
            "/lines/0/quantiti",
        ),
        ("/v1/orders/o1/ship", ship(json!([{"line": "1"}])), "/lines/0/quantity"),
        (
            "/v1/orders/o1/refund-escrow",
            refund(json!({"lines": [{"line": "1", "amount": cny("1.00"), "x": false}]})),
            "/of/lines/0/x",
        ),
        ("/v1/orders/o1/refund-escrow", refund(json!({"amount": cny("1.00"), "x": {}})), "/of/x"),
        (
            "/v1/checkouts/c1/refund-unallocated",
            json!({"reason": "r", "parts": [{"payment": "p1", "provider": "card", "amount": cny("1.00"), "fee": 0}]}),
            "/parts/0/fee",
        ),
        (
            "/v1/checkouts/c1/capture",
            json!({"payment": "p2", "method": "card", "provider": "card", "provider_ref": "r2", "amount": {"amount": "1.00"}}),
            "/amount/currency",
        ),
        (
            "/v1/merchants/m1/agree-fee-schedule",
            fees(json!([{"category": "books", "rate": "0.1", "cap": "1"}]), cycle.clone()),
            "/categories/0/cap",
        ),
        (
            "/v1/merchants/m1/agree-fee-schedule",
            fees(json!([]), with(&cycle, "day", odd.clone())),
            "/settlement/day",
        ),
        (
            "/v1/merchants/m1/deposit/deduct",
            json!({"amount": cny("1.00"), "reason": "r", "to": {"to": "penalty", "order": "o1"}}),
            "/to/order",
        ),
        (
            "/v1/books/main/post-voucher",
            json!({"voucher": "v1", "proposed_by": "key:admin", "reason": "r", "entries": entries}),
            "/entries/0/note",
        ),
        (
            "/v1/markets/main/adopt-policy",
            json!({"policy": {"tier_rewards": [{"tier": "a", "amount": cny("1.00"), "x": 1}]}}),
            "/policy/tier_rewards/0/x",
        ),
    ];
    for (path, body, pointer) in &cases {
        let alone = site.post("admin", path, "k", body).await;
        assert_eq!((alone.status, &alone.body["pointer"]), (400, &json!(pointer)), "{body}: {}", alone.text);
        let detail = alone.body["detail"].as_str().unwrap();
        assert!(detail.contains(pointer.rsplit('/').next().unwrap().split('~').next().unwrap()), "{detail}");
    }
    let items: Vec<_> = cases
        .iter()
        .map(|(path, body, _)| json!({"path": path, "idempotency_key": "k", "body": body}))
        .collect();
    let batch =
        Ask::new("POST", "/v1/batch").header("Authorization", key("admin")).json(&json!({"items": items}));
    let batched = site.ask(batch).await;
    for (n, (_, body, pointer)) in cases.iter().enumerate() {
        let result = &batched.body["results"][n];
        assert_eq!(
            (&result["status"], &result["body"]["pointer"]),
            (&json!(400), &json!(pointer)),
            "{body}: {result}"
        );
    }
    assert_eq!(stage.market.journal().head().unwrap(), head, "nothing was changed");
    let good = site.post("admin", "/v1/checkouts/c9/open", "k", &open(due)).await;
    assert_eq!(good.status, 201, "{}", good.text);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_cannot_be_read_are_refused_by_pointer_and_in_plain_words() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    let site = Site::of(&stage).await;
    let head = stage.market.journal().head().unwrap();
    let cny = |amount: &str| json!({"amount": amount, "currency": "CNY"});
    let line = |quantity: Value, price: Value| json!({"line": "1", "product": "p", "category": "books", "quantity": quantity, "unit_price": price, "discount": cny("0.00")});
    let place = |lines: Value| json!({"checkout": "c9", "buyer": "b1", "merchant": "m1", "shipping": cny("0.00"), "sales_channel": "web", "lines": lines});
    let good = line(json!(1), cny("1.00"));
    let ship = |lines: Value| json!({"shipment": "s1", "mode": "parcel", "lines": lines});
    let item = |item: Value| json!({"items": [{"path": "/v1/orders/o1/ship", "idempotency_key": "k", "body": {}}, item]});
    let cases = [
        (
            "orders",
            place(json!([good, line(json!(-1), cny("1.00"))])),
            "/lines/1/quantity",
            "a whole number from 0 to",
        ),
        (
            "orders",
            place(json!([good, good, line(json!("2"), cny("1.00"))])),
            "/lines/2/quantity",
            "invalid type: string",
        ),
        (
            "orders",
            place(json!([line(json!(1), cny("1.005"))])),
            "/lines/0/unit_price",
            "finer than the minor unit",
        ),
        (
            "orders",
            place(json!([line(json!(1), json!({"amount": "1", "currency": "XXQ"}))])),
            "/lines/0/unit_price/currency",
            "XXQ",
        ),
        ("orders", place(json!({"line": "1"})), "/lines", "invalid type: object, expected a list"),
        ("orders", place(json!([good, 7])), "/lines/1", "expected an object"),
        ("orders/o1/ship", ship(json!(["1"])), "/lines/0", "expected an object"),
        ("orders/o1/ship", ship(json!([["1", 1]])), "/lines/0", "expected an object"),
        ("orders/o1/ship", ship(json!([{"line": "a b", "quantity": 1}])), "/lines/0/line", "visible ASCII"),
        (
            "batch",
            item(json!({"path": "/v1/orders/o1/ship", "body": {}})),
            "/items/1/idempotency_key",
            "missing field",
        ),
        (
            "batch",
            item(json!({"path": 7, "idempotency_key": "k", "body": {}})),
            "/items/1/path",
            "invalid type: integer",
        ),
        (
            "batch",
            item(
                json!({"path": "/v1/orders/o1/ship", "idempotency_key": "k", "body": {}, "if_match": u64::MAX}),
            ),
            "/items/1/if_match",
            "versions",
        ),
        ("payouts/runs", json!({"minimum": "5"}), "/minimum", "expected money"),
        ("settlements/runs", json!({"untill": "2026-03-01"}), "/untill", "unknown field"),
        ("keys", json!({"role": "king"}), "/role", "unknown variant `king`"),
        (
            "webhooks",
            json!({"url": "https://receiver.invalid/", "types": "OrderPlaced"}),
            "/types",
            "expected a list",
        ),
    ];
    for (path, body, pointer, names) in &cases {
        let answer = site.post("admin", &format!("/v1/{path}"), "k", body).await;
        assert_eq!(
            (answer.status, &answer.body["pointer"]),
            (400, &json!(pointer)),
            "{body}: {}",
            answer.text
        );
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.starts_with(&pointer[1..]) && detail.contains(names), "{detail}");
        assert!(!detail.contains(" line 1 column "), "{detail}");
    }
    assert_eq!(stage.market.journal().head().unwrap(), head, "nothing was changed");
    site.stop().await;
}
