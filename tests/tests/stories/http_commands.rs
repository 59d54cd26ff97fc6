//! Commands over HTTP: once however often, in batches, and by many at the same time.

use std::collections::{BTreeMap, HashMap};

use daybook_tests::site::{Answer, Ask, Client, Site, key};
use daybook_tests::stage::Stage;
use serde_json::{Value, json};

fn money(amount: &str) -> Value {
    json!({"amount": amount, "currency": "CNY"})
}

fn place(merchant: &str, checkout: &str) -> Value {
    json!({
        "checkout": checkout, "buyer": "b1", "merchant": merchant, "shipping": money("0.00"), "sales_channel": "web",
        "lines": [{"line": "1", "product": "p", "category": "books", "quantity": 1, "unit_price": money("60.00"), "discount": money("0.00")}],
    })
}

fn command(who: &str, path: &str, idempotency: &str, body: &Value) -> Ask {
    Ask::new("POST", path).header("Authorization", key(who)).header("Idempotency-Key", idempotency).json(body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_without_an_id_gets_one_from_caller_and_key() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let site = Site::of(&stage).await;
    let first = site.post("storefront", "/v1/orders", "k1", &place("m1", "c1")).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let again = site.post("storefront", "/v1/orders", "k1", &place("m1", "c1")).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(again.header("idempotency-replayed"), "true");
    let other = site.post("storefront", "/v1/orders", "k2", &place("m1", "c1")).await;
    assert_ne!(other.body["id"], first.body["id"]);
    let named = json!({"id": "o-7"}).as_object().unwrap().clone();
    let mut body = place("m1", "c1");
    body.as_object_mut().unwrap().extend(named);
    let named = site.post("storefront", "/v1/orders", "k3", &body).await;
    assert_eq!((named.status, &named.body["id"]), (201, &json!("o-7")));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_carries_out_a_whole_sale_and_says_what_each_came_to() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let site = Site::of(&stage).await;
    let item = |path: &str, body: Value| json!({"path": path, "idempotency_key": path, "body": body});
    let due = json!([{"order": "o1", "merchant": "m1", "buyer_pays": money("60.00")}]);
    let batch = json!({"items": [
        item("/v1/checkouts/c1/open", json!({"buyer": "b1", "currency": "CNY", "orders": due})),
        item("/v1/orders/o1/place", place("m1", "c1")),
        item("/v1/checkouts/c1/capture", json!({"payment": "p1", "amount": money("60.00"), "provider": "alipay", "provider_ref": "r1", "method": "wallet"})),
        item("/v1/orders/o1/ship", json!({"shipment": "s1", "mode": "parcel"})),
        item("/v1/orders/o1/ship-nothing", json!({})),
        item("/v1/orders/o1/rule-dispute", json!({})),
        item("/v1/orders/o1/deliver", json!({"shipment": "s1"})),
    ]});
    let first =
        site.ask(Ask::new("POST", "/v1/batch").header("Authorization", key("storefront")).json(&batch)).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let statuses = |answer: &Answer| -> Vec<u64> {
        answer.body["results"].as_array().unwrap().iter().map(|r| r["status"].as_u64().unwrap()).collect()
    };
    assert_eq!(statuses(&first), [201, 201, 200, 200, 404, 403, 200], "{}", first.text);
    let positions =
        first.body["results"].as_array().unwrap().iter().filter_map(|r| r["body"]["position"].as_u64());
    assert_eq!(first.header("daybook-position"), positions.max().unwrap().to_string());
    let head = stage.market.journal().head().unwrap();
    let again =
        site.ask(Ask::new("POST", "/v1/batch").header("Authorization", key("storefront")).json(&batch)).await;
    assert_eq!(statuses(&again), statuses(&first));
    assert_eq!(again.body["results"][3]["body"], first.body["results"][3]["body"]);
    assert_eq!(stage.market.journal().head().unwrap(), head, "the whole batch takes effect once");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchants_key_neither_dates_back_nor_speaks_for_others_nor_spends_the_markets_money() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    stage.pay("c1", "p1", "60.00").await;
    let site = Site::of(&stage).await;
    let head = stage.market.journal().head().unwrap();
    let ship = json!({"shipment": "s1", "mode": "parcel", "occurred_at": "2001-01-01T00:00:00Z"});
    let refund = |bearer: Value| json!({"refund": "r1", "of": "all", "borne_by": bearer, "reason": "r"});
    let cancel = |by: Value| json!({"by": by, "reason": "r", "refund": "r1"});
    let evidence = |by: Value| json!({"dispute": "d", "by": by, "document_ref": "x"});
    let table = [
        ("merchant-m1", "ship", ship.clone(), "/occurred_at"),
        ("merchant-m1", "cancel", cancel(json!("buyer")), "/by"),
        ("merchant-m1", "cancel", cancel(json!({"market": null})), "/by"),
        ("merchant-m1", "submit-evidence", evidence(json!({"buyer": null})), "/by"),
        ("merchant-m1", "issue-refund", refund(json!("platform")), "/borne_by"),
        ("merchant-m1", "issue-refund", refund(json!({"platform": null})), "/borne_by"),
        ("storefront", "issue-refund", refund(json!("platform")), "/borne_by"),
        ("storefront", "ship", ship.clone(), "/occurred_at"),
    ];
    for (who, action, body, pointer) in table {
        let path = format!("/v1/orders/o1/{action}");
        let alone = site.post(who, &path, "k", &body).await;
        let item = json!({"path": path, "idempotency_key": "k", "body": body});
        let batch = command(who, "/v1/batch", "k", &json!({"items": [item]}));
        let batched = site.ask(batch).await.body["results"][0]["body"].clone();
        for problem in [&alone.body, &batched] {
            assert_eq!(
                (&problem["code"], &problem["pointer"]),
                (&json!("forbidden"), &json!(pointer)),
                "{body}: {problem}"
            );
        }
    }
    // an id is looked at before anything is looked up by it
    let long = format!("/v1/orders/{}/ship", "x".repeat(60_000));
    for who in ["merchant-m1", "operator"] {
        assert_eq!(site.post(who, &long, "k", &json!({})).await.status, 400);
    }
    let talk = site.post("operator", "/v1/orders/o1/hold", "k", &json!({"reason": "x".repeat(2_001)})).await;
    assert_eq!((talk.status, &talk.body["pointer"]), (400, &json!("/reason")), "{}", talk.text);
    let voucher = |by: &str| json!({"voucher": "v1", "proposed_by": by, "reason": "r", "entries": []});
    for (by, code) in [("nobody", "forbidden"), ("key:operator", "forbidden"), ("key:admin", "refused")] {
        let posted = site.post("finance", "/v1/books/main/post-voucher", by, &voucher(by)).await;
        assert_eq!(posted.body["code"], code, "{by}: {}", posted.text);
    }
    assert_eq!(stage.market.journal().head().unwrap(), head, "nothing was changed");
    let ship = json!({"shipment": "s1", "mode": "parcel"});
    assert_eq!(site.post("merchant-m1", "/v1/orders/o1/ship", "k", &ship).await.status, 200);
    let by_operator =
        site.post("operator", "/v1/orders/o1/issue-refund", "k", &refund(json!("platform"))).await;
    assert_eq!(
        by_operator.body["code"], "refused",
        "by the rules of the market, not of its key: {by_operator:?}"
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_of_a_thousand_keys_have_a_thousand_effects() {
    const KEYS: usize = 1_000;
    const CLIENTS: usize = 20;
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let site = Site::of(&stage).await;
    let before = stage.market.journal().head().unwrap();
    let address = site.address;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            std::thread::spawn(move || {
                let mut line = Client::to(address);
                let each = KEYS * 10 / CLIENTS;
                let mut answers: Vec<(usize, u16, String)> = Vec::with_capacity(each);
                for n in 0..each {
                    // neighbours ask for the same thing at about the same time
                    let order = (n * 2 + client % 2) % KEYS;
                    let ask = command("storefront", "/v1/orders", &format!("k{order}"), &place("m1", "c1"));
                    let answer = line.ask(&ask);
                    answers.push((order, answer.status, answer.text));
                }
                answers
            })
        })
        .collect();
    let mut first: HashMap<usize, String> = HashMap::new();
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    for client in clients {
        for (order, status, text) in client.join().unwrap() {
            *counts.entry(status).or_default() += 1;
            match status {
                201 => assert_eq!(
                    first.entry(order).or_insert_with(|| text.clone()),
                    &text,
                    "one answer for one key"
                ),
                409 => assert!(text.contains("\"in_flight\""), "{text}"),
                other => panic!("{other}: {text}"),
            }
        }
    }
    assert_eq!(counts.values().sum::<usize>(), KEYS * 10);
    assert_eq!(first.len(), KEYS);
    let mut placed = 0;
    let mut scan = |event: daybook_journal::Recorded<'_>| {
        placed += usize::from(event.kind == "OrderPlaced");
        std::ops::ControlFlow::Continue(())
    };
    stage.market.journal().scan(before, None, &daybook_journal::Filter::default(), &mut scan).unwrap();
    assert_eq!(placed, KEYS, "{counts:?}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_decide_on_the_same_version_one_wins() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    stage.pay("c1", "p1", "60.00").await;
    let site = Site::of(&stage).await;
    let shipped =
        site.post("operator", "/v1/orders/o1/ship", "k", &json!({"shipment": "s1", "mode": "parcel"})).await;
    let seen = shipped.body["version"].as_u64().unwrap();
    let address = site.address;
    let two: Vec<_> = ["lost", "delayed"]
        .into_iter()
        .map(|kind| {
            std::thread::spawn(move || {
                let body = json!({"shipment": "s1", "kind": kind});
                let ask = command("operator", "/v1/orders/o1/report-exception", kind, &body);
                Client::to(address).ask(&ask.header("If-Match", format!("\"{seen}\"")))
            })
        })
        .collect();
    let mut answers: Vec<Answer> = two.into_iter().map(|t| t.join().unwrap()).collect();
    answers.sort_by_key(|answer| answer.status);
    assert_eq!((answers[0].status, answers[1].status), (200, 412), "{answers:?}");
    let now = answers[1].body["version"].as_u64().unwrap();
    assert_eq!(now, answers[0].body["version"].as_u64().unwrap(), "it says what to decide on");
    let body = json!({"shipment": "s1", "resolution": "found"});
    let ask = command("operator", "/v1/orders/o1/resolve-exception", "r", &body)
        .header("If-Match", format!("\"{now}\""));
    assert_eq!(site.ask(ask).await.status, 200);
    site.stop().await;
}
