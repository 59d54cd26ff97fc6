//! Hits from a storefront's pages.

use daybook_tests::site::{Answer, Ask, Site, key};
use daybook_tests::stage::Stage;
use serde_json::{Value, json};

async fn ask(site: &Site, ask: Ask) -> Answer {
    site.ask(ask).await
}

fn hits(hits: &[Value]) -> String {
    json!({ "hits": hits }).to_string()
}

fn view(n: u32) -> Value {
    json!({"visitor": format!("v{n}"), "page": "/", "id": format!("h{n}")})
}

/// As a browser's beacon sends it: no headers of one's own.
fn beacon(key: &str, body: String) -> Ask {
    let path = format!("/v1/collect?key={}", key.trim_start_matches("Bearer "));
    Ask::new("POST", &path).text(body).header("Content-Type", "text/plain;charset=UTF-8")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_beacon_with_the_key_in_its_address_records_hits_once() {
    let stage = Stage::in_memory();
    let site = Site::of(&stage).await;
    let collector = key("collector");
    let first = ask(&site, beacon(&collector, hits(&[view(1), view(2)]))).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(first.body, json!({"recorded": 2, "repeated": 0, "refused": []}));
    assert!(!first.header("daybook-position").is_empty());
    let again = ask(&site, beacon(&collector, hits(&[view(2), view(3)]))).await;
    assert_eq!(again.body, json!({"recorded": 1, "repeated": 1, "refused": []}));
    let by_header = Ask::new("POST", "/v1/collect")
        .header("Authorization", collector)
        .json(&json!({"hits": [{"visitor": "v1", "act": "add_to_cart", "product": "p1", "cart": "c1"}]}));
    assert_eq!(ask(&site, by_header).await.body["recorded"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_hit_is_told_and_keeps_no_other_from_being_recorded() {
    let stage = Stage::in_memory();
    let site = Site::of(&stage).await;
    let collector = key("collector");
    let body = hits(&[
        json!({"visitor": "x".repeat(10_240), "page": "/"}),
        view(1),
        json!({"visitor": "v1", "page": "/", "at": "2999-01-01T00:00:00Z"}),
        json!({"visitor": "v1", "page": "/", "at": "2001-01-01T00:00:00Z"}),
        json!({"visitor": "v1", "act": "fly"}),
        json!({"visitor": "v1"}),
        json!({"visitor": "v1", "page": "/", "product": 10_086}),
        json!(["", "", "v1", "", "/"]),
        json!({"vistor": "v1"}),
    ]);
    let answer = ask(&site, beacon(&collector, body)).await;
    assert_eq!((answer.status, &answer.body["recorded"]), (200, &json!(1)), "{answer:?}");
    let refused = answer.body["refused"].as_array().unwrap();
    let told: Vec<_> =
        refused.iter().map(|r| (r["hit"].as_u64().unwrap(), r["code"].as_str().unwrap())).collect();
    let expected = [
        (0, "bad_id"),
        (2, "from_the_future"),
        (3, "too_old"),
        (4, "unknown_act"),
        (5, "no_page"),
        (6, "unreadable"),
        (7, "unreadable"),
        (8, "unreadable"),
    ];
    assert_eq!(told, expected);
    assert_eq!((&refused[5]["field"], &refused[7]["field"]), (&json!("product"), &json!("vistor")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_list_of_hits_is_refused_whole() {
    let stage = Stage::in_memory();
    let site = Site::of(&stage).await;
    let collector = key("collector");
    let many: Vec<_> = (0..1_001).map(view).collect();
    for (body, says) in [
        (hits(&[]), "hits: send 1 to 1000"),
        (hits(&many), "hits: send 1 to 1000, not 1001"),
        ("[[{\"visitor\": \"v1\", \"page\": \"/\"}]]".to_owned(), "the body is no object"),
        ("{}".to_owned(), "missing field `hits`"),
        ("{".to_owned(), "EOF"),
    ] {
        let answer = ask(&site, beacon(&collector, body)).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.text.contains(says), "{answer:?}");
    }
    let form = Ask::new("POST", "/v1/collect").header("Authorization", collector).text("hits=1".into());
    let answer = ask(&site, form.header("Content-Type", "application/x-www-form-urlencoded")).await;
    assert_eq!(answer.status, 415, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collectors_key_does_nothing_else_and_no_other_key_stands_in_an_address() {
    let stage = Stage::in_memory();
    let site = Site::of(&stage).await;
    for path in ["/v1/merchants", "/v1/leads", "/v1/events", "/v1/keys"] {
        let read = Ask::new("GET", path).header("Authorization", key("collector"));
        assert_eq!(ask(&site, read).await.status, 403, "{path}");
        // and no read takes a key from its address
        let address = format!("{path}?key={}", key("admin").trim_start_matches("Bearer "));
        assert_eq!(ask(&site, Ask::new("GET", &address)).await.status, 401, "{path}");
    }
    let answer = ask(&site, beacon(&key("admin"), hits(&[view(1)]))).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.text.contains("only a collector's key may stand in an address"), "{answer:?}");
    assert_eq!(ask(&site, beacon("Bearer nonsense", hits(&[view(1)]))).await.status, 401);
    assert_eq!(ask(&site, beacon("Bearer ", hits(&[view(1)]))).await.status, 401);
}
