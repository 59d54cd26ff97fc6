//! A whole market over HTTP: two merchants enter, a buyer's basket of both is paid with a voucher and a card, shipped in
//! parts, one part returned, a dispute ruled, settled, paid out, and the statement fetched. Each party's key sees its
//! part and nothing else.

use std::time::Duration;

use daybook_tests::site::{Answer, Ask, Site, key};
use daybook_tests::stage::{START, Stage};
use serde_json::{Value, json};

fn cny(amount: &str) -> Value {
    json!({"amount": amount, "currency": "CNY"})
}

/// The market and who asks it.
struct Story {
    stage: Stage,
    site: Site,
    asked: usize,
}

impl Story {
    /// A command, and what follows from it at once.
    async fn tell(&mut self, who: &str, path: &str, body: Value) -> Answer {
        self.asked += 1;
        let answer = self.site.post(who, path, &format!("story-{}", self.asked), &body).await;
        assert!((200..=201).contains(&answer.status), "{who} {path}: {}", answer.text);
        self.stage.market.run_until_quiet().await.unwrap();
        answer
    }

    /// A read of all that has been written.
    async fn ask(&self, who: &str, path: &str) -> Answer {
        let head = self.stage.market.journal().head().unwrap();
        self.site.models.wait_at_least(head, Duration::from_secs(30)).unwrap();
        self.site.get(who, path).await
    }

    async fn found(&self, who: &str, path: &str) -> Value {
        let answer = self.ask(who, path).await;
        assert_eq!(answer.status, 200, "{who} {path}: {}", answer.text);
        answer.body
    }

    async fn merchant_enters(&mut self, merchant: &str) {
        let at = |action: &str| format!("/v1/merchants/{merchant}/{action}");
        let apply = json!({"id": merchant, "name": merchant, "kind": "retailer", "country": "CN", "settlement_currency": "CNY"});
        self.tell("operator", "/v1/merchants", apply).await;
        let own = format!("merchant-{merchant}");
        let licence = json!({"kind": "unified_licence", "document_ref": "doc-1"});
        self.tell(&own, &at("submit-qualification"), licence).await;
        self.tell("operator", &at("verify-qualification"), json!({"kind": "unified_licence"})).await;
        let contract = json!({"document_ref": "doc-2", "valid_until": "2036-01-01T00:00:00Z"});
        self.tell("operator", &at("sign-contract"), contract).await;
        let fees = json!({"effective_from": START, "default_commission": "0.10", "deposit_required": cny("500.00"),
            "settlement": {"cycle": "weekly", "days": 0, "minimum_payout": cny("0.00")}});
        self.tell("operator", &at("agree-fee-schedule"), fees).await;
        self.tell("operator", &at("approve"), json!({})).await;
        let pay = json!({"amount": cny("500.00"), "provider": "bank", "provider_ref": format!("deposit-{merchant}")});
        self.tell("operator", &at("deposit/pay"), pay).await;
        self.tell("operator", &at("open-store"), json!({})).await;
    }
}

fn place(merchant: &str, quantity: u32, price: &str) -> Value {
    let line = json!({"line": "1", "product": "p-1", "category": "toys", "quantity": quantity,
        "unit_price": cny(price), "discount": cny("0.00")});
    json!({"checkout": "c1", "buyer": "b1", "merchant": merchant, "lines": [line], "shipping": cny("0.00"),
        "sales_channel": "own"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_market_lives_over_http_and_each_key_sees_its_own_part() {
    let stage = Stage::in_memory();
    let site = Site::of(&stage).await;
    let mut story = Story { stage, site, asked: 0 };
    story.merchant_enters("m1").await;
    story.merchant_enters("m2").await;

    // a basket of both merchants, paid with a voucher and a card
    let named = |id: &str, mut body: Value| {
        body["id"] = json!(id);
        body
    };
    story.tell("storefront", "/v1/orders", named("o1", place("m1", 2, "30.00"))).await;
    story.tell("storefront", "/v1/orders", named("o2", place("m2", 1, "40.00"))).await;
    let due = json!([{"order": "o1", "merchant": "m1", "buyer_pays": cny("60.00")},
        {"order": "o2", "merchant": "m2", "buyer_pays": cny("40.00")}]);
    story
        .tell(
            "storefront",
            "/v1/checkouts",
            json!({"id": "c1", "buyer": "b1", "currency": "CNY", "orders": due}),
        )
        .await;
    for (payment, method, amount) in [("p1", "third_party_voucher", "20.00"), ("p2", "card", "80.00")] {
        let capture = json!({"payment": payment, "method": method, "provider": "alipay", "provider_ref": payment, "amount": cny(amount)});
        story.tell("storefront", "/v1/checkouts/c1/capture", capture).await;
    }
    let order = story.found("storefront", "/v1/orders/o1").await;
    assert_eq!((&order["order"]["status"], &order["order"]["escrow"]), (&json!("funded"), &cny("60.00")));
    let basket = story.found("storefront", "/v1/checkouts/c1").await;
    assert!(basket.to_string().contains("o2"), "{basket}");

    // shipped in parts, received; one piece comes back
    for (shipment, quantity) in [("s1", 1), ("s2", 1)] {
        let lines = json!([{"line": "1", "quantity": quantity}]);
        let ship = json!({"shipment": shipment, "mode": "parcel", "lines": lines});
        story.tell("merchant-m1", "/v1/orders/o1/ship", ship).await;
        story.tell("merchant-m1", "/v1/orders/o1/deliver", json!({"shipment": shipment})).await;
    }
    story.tell("storefront", "/v1/orders/o1/confirm-receipt", json!({"by": "buyer"})).await;
    let back = json!({"return": "r1", "reason": "too many", "lines": [{"line": "1", "quantity": 1}]});
    story.tell("storefront", "/v1/orders/o1/request-return", back).await;
    story.tell("merchant-m1", "/v1/orders/o1/accept-return", json!({"return": "r1"})).await;
    story.tell("merchant-m1", "/v1/orders/o1/record-goods-returned", json!({"return": "r1"})).await;
    let refund = json!({"refund": "f1", "of": {"pieces": [{"line": "1", "quantity": 1}]}, "borne_by": "merchant",
        "reason": "came back"});
    story.tell("merchant-m1", "/v1/orders/o1/issue-refund", refund).await;

    // the other one is disputed, answered and ruled
    story.tell("merchant-m2", "/v1/orders/o2/ship", json!({"shipment": "s1", "mode": "parcel"})).await;
    story.tell("merchant-m2", "/v1/orders/o2/deliver", json!({"shipment": "s1"})).await;
    let dispute = json!({"dispute": "d1", "by": "buyer", "category": "damaged", "claim": cny("40.00")});
    story.tell("storefront", "/v1/orders/o2/open-dispute", dispute).await;
    let answer = json!({"dispute": "d1", "by": "merchant", "answer": "it left here whole"});
    story.tell("merchant-m2", "/v1/orders/o2/answer-dispute", answer).await;
    let ruling = json!({"dispute": "d1", "for": "split", "refund": cny("15.00"), "penalty": cny("0.00"),
        "rule": {"version": 1, "clause": "damage"}, "reason": "both are right"});
    story.tell("operator", "/v1/orders/o2/rule-dispute", ruling).await;

    // weeks later all is settled and paid
    story.stage.days(40).await;
    let today = story.stage.now().to_string()[..10].to_owned();
    story.tell("finance", "/v1/settlements/runs", json!({"until": today})).await;
    story.tell("finance", "/v1/payouts/runs", json!({"on": today})).await;
    let payouts = story.found("finance", "/v1/payouts").await;
    let of = |merchant: &str| {
        let rows = payouts["rows"].as_array().unwrap();
        rows.iter().find(|row| row["merchant_id"] == merchant).unwrap_or_else(|| panic!("{payouts}")).clone()
    };
    // 30.00 kept of 60.00, less 10 %; 25.00 of 40.00 the same
    assert_eq!((&of("m1")["amount"], &of("m2")["amount"]), (&cny("27.00"), &cny("22.50")));
    for merchant in ["m1", "m2"] {
        let payout = of(merchant)["payout_id"].clone();
        let at = |action: &str| format!("/v1/merchants/{merchant}/account/{action}");
        story
            .tell(
                "finance",
                &at("send-payout"),
                json!({"payout": payout, "provider_ref": format!("wire-{merchant}")}),
            )
            .await;
        story.tell("finance", &at("confirm-payout"), json!({"payout": payout, "bank": "main"})).await;
    }

    // each sees its own part, and nothing else
    let month = &story.stage.now().to_string()[..7].to_owned();
    for (own, foreign, amount, order) in [("m1", "m2", "27.00", "o2"), ("m2", "m1", "22.50", "o1")] {
        let who = format!("merchant-{own}");
        let paid = story.found(&who, &format!("/v1/merchants/{own}/payouts")).await;
        assert_eq!(paid["rows"][0]["amount"], cny(amount));
        let statement = story.found(&who, &format!("/v1/merchants/{own}/statements/{month}")).await;
        assert!(!statement.to_string().contains(&format!("\"{foreign}\"")), "{statement}");
        for path in ["", "/balances", "/orders", "/payouts", "/settlements", "/deposit"] {
            let seen = story.ask(&who, &format!("/v1/merchants/{own}{path}")).await;
            assert_eq!(seen.status, 200, "{path}: {}", seen.text);
            assert!(!seen.text.contains(&format!("\"{foreign}\"")), "{path}: {}", seen.text);
            let other = story.ask(&who, &format!("/v1/merchants/{foreign}{path}")).await;
            assert_eq!(other.status, 404, "{path}: {}", other.text);
        }
        assert_eq!(story.ask(&who, &format!("/v1/orders/{order}")).await.status, 404);
        let payout = of(foreign)["payout_id"].as_str().unwrap().to_owned();
        let others = story.ask(&who, &format!("/v1/payouts/{payout}")).await;
        assert!([403, 404].contains(&others.status), "{}", others.text);
    }
    for (who, path) in
        [("storefront", "/v1/payouts"), ("storefront", "/v1/trial-balance"), ("analyst", "/v1/orders/o1")]
    {
        assert_eq!(story.ask(who, path).await.status, 403, "{who} {path}");
    }
    let books = story.found("finance", "/v1/trial-balance").await;
    assert!(books.to_string().contains("Escrow"), "{books}");
    let anonymous = story.site.ask(Ask::new("GET", "/v1/orders/o1")).await;
    assert_eq!(anonymous.status, 401);
    assert_eq!(key("admin"), "Bearer key-of-admin");
    story.stage.holds();
    story.site.stop().await;
}
