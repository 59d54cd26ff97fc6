//! What a market seals, states and proves, from the command to the file that a bank checks.
#![allow(clippy::unwrap_used)]

use daybook_domain::Timestamp;
use daybook_market::periods::periods;
use daybook_market::verify::{Report, verify_seals};
use daybook_projections::ReadModels;
use daybook_tests::site::Site;
use daybook_tests::stage::Stage;
use serde_json::{Value, json};

/// A market in which `m1` earned 135.00 in March; it is the second of April.
async fn april() -> Stage {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "100.00"), ("o2", "m1", "50.00")]).await;
    stage.pay("c1", "p1", "150.00").await;
    for order in ["o1", "o2"] {
        stage.deliver(order).await;
        stage.ask("order", order, json!({"action": "confirm_receipt", "by": "buyer"})).await;
    }
    stage.clock.set(Timestamp::parse("2026-04-02T02:00:00Z").unwrap().0);
    stage.settle().await;
    stage
}

/// What is wrong with the seals, drawn up again.
fn wrong_seals(stage: &Stage, models: &ReadModels) -> Vec<String> {
    models.catch_up(&mut |_| {}).unwrap();
    let mut report = Report::new(0);
    verify_seals(models, stage.market.id(), &mut |_, _, _| {}, &mut report).unwrap();
    report.checks.iter().flat_map(|check| &check.violations).map(|found| found.what.clone()).collect()
}

#[tokio::test]
async fn a_month_closed_through_the_service_is_sealed_by_the_market_and_not_by_who_asks() {
    let stage = april().await;
    let site = Site::of(&stage).await;
    let path = "/v1/books/main/close-period";
    let invented = json!({"merchants": 1, "lines": 9, "root": "00".repeat(32)});
    let sent =
        [("seal", invented.clone()), ("digest", json!("ab12")), ("until", json!("2026-03-31T16:00:00Z"))];
    for (n, (field, value)) in sent.into_iter().enumerate() {
        let mut body = json!({"period": "2026-03"});
        body[field] = value;
        let answer = site.post("finance", path, &format!("with-{field}"), &body).await;
        assert_eq!(
            (answer.status, &answer.body["pointer"]),
            (400, &json!(format!("/{field}"))),
            "{answer:?}"
        );
        let items = json!({"items": [{"path": path, "idempotency_key": format!("b{n}"), "body": body}]});
        let answer = site.post("finance", "/v1/batch", &format!("batch-{field}"), &items).await;
        assert_eq!(answer.body["results"][0]["status"], 400, "{answer:?}");
    }
    assert!(periods(stage.market.journal().as_ref(), stage.market.id()).unwrap().is_empty());
    let closed = site.post("finance", path, "close", &json!({"period": "2026-03"})).await;
    let seal: &Value = &closed.body["events"][0]["data"]["seal"];
    assert_eq!(
        (closed.status, &seal["merchants"], &seal["lines"]),
        (201, &json!(1), &json!(4)),
        "{closed:?}"
    );
    let again = site.post("finance", path, "close", &json!({"period": "2026-03"})).await;
    assert_eq!((again.status, &again.body), (closed.status, &closed.body), "the first answer");
    let other = site.post("finance", path, "close-2", &json!({"period": "2026-03"})).await;
    assert_eq!((other.status, &other.body["events"]), (200, &json!([])), "it is closed already: {other:?}");
    assert_eq!(wrong_seals(&stage, &site.models), [""; 0]);
    site.stop().await;
}
