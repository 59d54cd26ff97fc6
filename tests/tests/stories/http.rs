//! Stories over HTTP: what a shop's own systems see while an order goes its way.

use daybook_tests::site::{Ask, Site, key};
use daybook_tests::stage::Stage;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_followed_from_payment_to_release() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let site = Site::of(&stage).await;
    let missing = site.get("storefront", "/v1/orders/o1").await;
    assert_eq!((missing.status, missing.header("content-type")), (404, "application/problem+json"));
    assert_eq!(missing.body["code"], "not_found");

    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    stage.pay("c1", "p1", "60.00").await;
    let fresh = async |path: &str, written: u64| {
        let ask = Ask::new("GET", path)
            .header("Authorization", key("storefront"))
            .header("Daybook-At-Least", written.to_string());
        let mut answer = site.ask(ask.clone()).await;
        // it waits two seconds for them, and a machine that is busy may need longer
        for _ in 0..15 {
            if answer.body["code"] != "read_models_behind" {
                break;
            }
            answer = site.ask(ask.clone()).await;
        }
        answer
    };
    let written = stage.market.journal().head().unwrap();
    let answer = fresh("/v1/orders/o1", written).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.header("daybook-position").parse::<u64>().unwrap() >= written);
    assert_eq!(answer.body["order"]["status"], "funded");
    assert_eq!(answer.body["order"]["escrow"], json!({"amount": "60.00", "currency": "CNY"}));
    assert_eq!(answer.body["lines"].as_array().unwrap().len(), 1);
    let paid_at = stage.now();

    stage.days(1).await;
    stage.deliver("o1").await;
    stage.ask("order", "o1", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    let written = stage.market.journal().head().unwrap();
    let answer = fresh("/v1/orders/o1", written).await;
    assert_eq!(answer.body["order"]["escrow"]["amount"], "0.00");
    assert_eq!(answer.body["order"]["shipped"], true);
    assert_eq!(answer.body["order"]["commission"]["amount"], "6.00");
    let before = site.get("storefront", "/v1/orders/o1?as_of=2001-01-01T00:00:00Z").await;
    assert_eq!(before.status, 404, "it was not placed yet: {before:?}");
    let then = site.get("storefront", &format!("/v1/orders/o1?as_of={paid_at}")).await;
    assert_eq!(then.body["order"]["status"], "funded", "as it was when it was paid");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_takes_effect_once_however_often_it_is_sent() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    stage.pay("c1", "p1", "60.00").await;
    let site = Site::of(&stage).await;
    let ship = json!({"shipment": "s1", "mode": "parcel"});
    let first = site.post("merchant-m1", "/v1/orders/o1/ship", "k1", &ship).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.header("etag"), format!("\"{}\"", first.body["version"]));
    assert_eq!(first.header("idempotency-replayed"), "");
    assert_eq!(first.body["events"][0]["type"], "OrderShipped");
    let head = stage.market.journal().head().unwrap();

    let again = site.post("merchant-m1", "/v1/orders/o1/ship", "k1", &ship).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, "true"));
    assert_eq!(again.text, first.text, "the first answer");

    let other = site
        .post("merchant-m1", "/v1/orders/o1/ship", "k1", &json!({"shipment": "s2", "mode": "parcel"}))
        .await;
    assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_key_reused")));
    // the key of one caller is not that of another
    let refused = site.post("operator", "/v1/orders/o1/ship", "k1", &ship).await;
    assert_eq!((refused.status, &refused.body["code"]), (422, &json!("refused")), "{}", refused.text);
    assert_eq!(stage.market.journal().head().unwrap(), head, "nothing was written");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_slower_is_told_the_version_and_can_decide_again() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    stage.pay("c1", "p1", "60.00").await;
    let site = Site::of(&stage).await;
    let ship = |shipment: &str, version: u64| {
        Ask::new("POST", "/v1/orders/o1/report-exception")
            .header("Authorization", key("operator"))
            .header("Idempotency-Key", shipment.to_owned())
            .header("If-Match", format!("\"{version}\""))
            .json(&json!({"shipment": "s1", "kind": "delayed"}))
    };
    let shipped = site
        .post("merchant-m1", "/v1/orders/o1/ship", "k1", &json!({"shipment": "s1", "mode": "parcel"}))
        .await;
    let seen = shipped.body["version"].as_u64().unwrap();
    let late = site.ask(ship("a", seen - 1)).await;
    assert_eq!((late.status, &late.body["code"]), (412, &json!("precondition_failed")), "{}", late.text);
    assert_eq!(late.body["version"], seen);
    let decided = site.ask(ship("b", seen)).await;
    assert_eq!(decided.status, 200, "{}", decided.text);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchants_key_sees_and_touches_what_is_its_own() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.merchant("m2", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    stage.pay("c1", "p1", "60.00").await;
    let site = Site::of(&stage).await;
    let head = stage.market.journal().head().unwrap();
    site.models.wait_at_least(head, std::time::Duration::from_secs(30)).unwrap();
    assert_eq!(site.get("merchant-m1", "/v1/orders/o1").await.status, 200);
    assert_eq!(site.get("merchant-m2", "/v1/orders/o1").await.status, 404);
    let ship = json!({"shipment": "s1", "mode": "parcel"});
    let foreign = site.post("merchant-m2", "/v1/orders/o1/ship", "k", &ship).await;
    assert_eq!((foreign.status, &foreign.body["code"]), (404, &json!("not_found")));
    let payout =
        json!({"payout": "x", "amount": {"amount": "1.00", "currency": "CNY"}, "destination_ref": "bank"});
    let foreign = site.post("merchant-m2", "/v1/merchants/m1/account/request-payout", "k", &payout).await;
    assert_eq!(foreign.status, 404, "{}", foreign.text);
    let as_buyer = json!({"by": "buyer", "reason": "no", "refund": "r1"});
    let posed = site.post("merchant-m1", "/v1/orders/o1/cancel", "k", &as_buyer).await;
    assert_eq!((posed.status, &posed.body["pointer"]), (403, &json!("/by")));
    assert_eq!(stage.market.journal().head().unwrap(), head, "nothing was written");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_cannot_be_answered_gets_a_problem_that_names_the_field() {
    let stage = Stage::in_memory();
    let site = Site::of(&stage).await;
    let get = |path: &str| Ask::new("GET", path).header("Authorization", key("admin"));
    let post = |path: &str| Ask::new("POST", path).header("Authorization", key("admin"));
    let keyed = |path: &str| post(path).header("Idempotency-Key", "k");
    let table = [
        (get("/v1/orders/o%20o"), 400, "bad_request", "order"),
        (get("/v1/orders/o?as_of=yesterday"), 400, "bad_request", "as_of"),
        (get("/v1/orders/o?colour=red"), 400, "bad_request", "colour"),
        (get("/v1/orders/o").header("Daybook-At-Least", "999999"), 400, "bad_request", "Daybook-At-Least"),
        (get("/v2/orders/o"), 404, "not_found", "/v2/orders/o"),
        (
            Ask::new("DELETE", "/v1/orders/o").header("Authorization", key("admin")),
            405,
            "method_not_allowed",
            "DELETE",
        ),
        (Ask::new("GET", "/v1/orders/o"), 401, "unauthenticated", "Authorization"),
        (
            Ask::new("GET", "/v1/orders/o").header("Authorization", "Bearer wrong"),
            401,
            "unauthenticated",
            "Authorization",
        ),
        (
            Ask::new("GET", "/v1/orders/o").header("Authorization", key("analyst")),
            403,
            "forbidden",
            "analyst",
        ),
        (post("/v1/orders/o/ship").json(&json!({})), 400, "idempotency_key_missing", "Idempotency-Key"),
        (keyed("/v1/orders/o/ship").text("{}".into()), 415, "unsupported_media_type", "Content-Type"),
        (keyed("/v1/orders/o/ship").json(&json!([])), 400, "bad_request", "JSON object"),
        (keyed("/v1/orders/o/ship").json(&json!({"mode": "parcel"})), 400, "bad_request", "shipment"),
        (
            keyed("/v1/orders/o/ship").json(&json!({"shipment": "s", "mode": "balloon"})),
            400,
            "bad_request",
            "balloon",
        ),
        (
            keyed("/v1/orders/o/ship").json(&json!({"shipment": "s", "mode": "parcel", "x": 1})),
            400,
            "bad_request",
            "x",
        ),
        (keyed("/v1/orders/o/ship").json(&json!({"occurred_at": 7})), 400, "bad_request", "occurred_at"),
        (
            keyed("/v1/orders/o/ship").header("If-Match", "seven").json(&json!({})),
            400,
            "bad_request",
            "If-Match",
        ),
        (keyed("/v1/orders/o/ship").json(&json!({"shipment": "s", "mode": "parcel"})), 422, "refused", ""),
    ];
    let head = stage.market.journal().head().unwrap();
    for (ask, status, code, names) in table {
        let words = format!("{ask:?}");
        let answer = site.ask(ask).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, "application/problem+json"),
            "{words}: {answer:?}"
        );
        assert_eq!(answer.body["code"], code, "{words}");
        assert_eq!(answer.body["type"], format!("urn:daybook:problem:{code}"));
        assert!(answer.body["detail"].as_str().unwrap().contains(names), "{words}: {}", answer.text);
    }
    assert!(
        stage.market.journal().head().unwrap() <= head + 1,
        "nothing was written but that the market is open"
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_that_the_journal_has_not_reached_is_not_waited_for() {
    let stage = Stage::in_memory();
    let site = Site::of(&stage).await;
    let ask = Ask::new("GET", "/v1/orders/o").header("Authorization", key("admin"));
    let answer = site.ask(ask.header("Daybook-At-Least", "999999")).await;
    // what was waited for in vain is answered with 503
    assert_eq!((answer.status, &answer.body["code"]), (400, &json!("bad_request")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_says_how_fresh_the_answers_are() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let site = Site::of(&stage).await;
    let head = stage.market.journal().head().unwrap();
    site.models.wait_at_least(head, std::time::Duration::from_secs(30)).unwrap();
    let answer = site.ask(Ask::new("GET", "/healthz")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.body, json!({"status": "ok", "applied": head, "head": head, "lag_positions": 0}));
}
