//! Reads over HTTP: every one of them answers as the document says, page by page, and to those whose it is.

mod figures;

use std::collections::BTreeMap;

use daybook_tests::schema::wrong;
use daybook_tests::site::{Answer, Ask, Site, key};
use daybook_tests::stage::{Stage, cny};
use serde_json::{Value, json};

/// What is no read of rows: streams, probes and the document itself are looked at elsewhere.
fn is_read(operation: &Value) -> bool {
    let other = ["Operations", "Feeds", "Events", "Access", "Webhooks"];
    !other.iter().any(|tag| operation["tags"][0] == *tag)
}

/// Two merchants, of whom the first has sold, been reviewed and disputed, settled and paid.
async fn market() -> (Stage, Site) {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "100.00").await;
    stage.merchant("m2", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00"), ("o2", "m2", "40.00")]).await;
    stage.pay("c1", "p1", "100.00").await;
    stage.deliver("o1").await;
    stage.ask("order", "o1", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    stage.ask("order", "o1", json!({"action": "post_review", "review": "r1", "overall": 5})).await;
    let dispute = json!({"action": "open_dispute", "dispute": "d1", "by": "buyer", "category": "quality", "claim": cny("10.00")});
    stage.ask("order", "o2", dispute).await;
    stage.settle_account("m1").await;
    stage.pay_out().await;
    for n in 3..=9 {
        let (checkout, order) = (format!("c{n}"), format!("o{n}"));
        stage.basket(&checkout, &[(&order, "m1", "10.00")]).await;
        stage.pay(&checkout, "p", "10.00").await;
        stage.days(1).await;
    }
    let site = Site::of(&stage).await;
    site.caught_up(&stage).await;
    (stage, site)
}

fn schema_of<'d>(operation: &'d Value, answer: &Answer) -> Option<&'d Value> {
    let media = answer.header("content-type").split(';').next().unwrap_or_default();
    operation["responses"][answer.status.to_string()]["content"].get(media)?.get("schema")
}

async fn capture(stage: &mut Stage, lead: &str, origin: &str) {
    let first_contact = stage.now().to_string();
    let command = json!({"action": "capture", "origin": origin, "first_contact": first_contact});
    stage.ask("lead", lead, command).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leads_are_listed_in_their_order_by_state_and_for_analysts_by_pseudonyms() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    for n in 1..=5 {
        capture(&mut stage, &format!("l{n}"), if n % 2 == 0 { "email" } else { "social" }).await;
    }
    stage.ask("lead", "l1", json!({"action": "qualify"})).await;
    stage.ask("lead", "l1", json!({"action": "win", "merchant": "m1"})).await;
    stage.ask("lead", "l2", json!({"action": "lose", "reason": "Li Wei went to another market"})).await;
    let site = Site::of(&stage).await;
    site.caught_up(&stage).await;
    let ids = |answer: &Answer| -> Vec<String> {
        let rows = answer.body["rows"].as_array().unwrap_or_else(|| panic!("{}", answer.text));
        rows.iter().map(|row| row["lead_id"].as_str().unwrap().to_owned()).collect()
    };
    for (query, wanted) in [
        ("", vec!["l1", "l2", "l3", "l4", "l5"]),
        ("?sort=-captured", vec!["l5", "l4", "l3", "l2", "l1"]),
        ("?state=captured", vec!["l3", "l4", "l5"]),
        ("?origin=email", vec!["l2", "l4"]),
        ("?to=2001-01-01", vec![]),
    ] {
        assert_eq!(ids(&site.get("operator", &format!("/v1/leads{query}")).await), wanted, "{query}");
    }
    // pages hold to the first one's position, both ways
    for sort in ["captured", "-captured"] {
        let first = site.get("finance", &format!("/v1/leads?sort={sort}&limit=3")).await;
        capture(&mut stage, &format!("l9{sort}"), "social").await;
        site.caught_up(&stage).await;
        let next = first.body["next"].as_str().unwrap();
        let rest = site.get("finance", &format!("/v1/leads?sort={sort}&limit=9&cursor={next}")).await;
        assert!(!ids(&rest).contains(&format!("l9{sort}")), "{}", rest.text);
        assert_eq!((ids(&first).len(), &rest.body["next"]), (3, &Value::Null));
    }
    let seen = site.get("analyst", "/v1/leads?limit=2").await;
    let shown = &seen.body["rows"][0];
    assert!(shown["lead_id"].as_str().unwrap().starts_with("p-"), "{}", seen.text);
    assert_eq!(shown["merchant_id"], site.access.pseudonyms().of("m1"));
    assert_eq!((&shown["origin"], &seen.body["rows"][1]["lost_reason"]), (&json!("social"), &Value::Null));
    assert!(!seen.text.contains("Li Wei") && !seen.text.contains("\"m1\""), "{}", seen.text);
    let cursor = seen.body["next"].as_str().unwrap().to_owned();
    let hidden = "l2".bytes().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    assert!(!cursor[16..].contains(&hidden), "a cursor does not tell it either");
    assert_eq!(ids(&site.get("analyst", &format!("/v1/leads?limit=2&cursor={cursor}")).await).len(), 2);
    assert_eq!(site.get("merchant-m1", "/v1/leads").await.status, 403);
    assert_eq!(site.get("merchant-m1", "/v1/leads/l1").await.body["state"], "won");
    assert_eq!(site.get("merchant-m1", "/v1/leads/l2").await.status, 404);
    assert_eq!(site.get("operator", "/v1/leads/l2").await.body["state"], "lost");
    site.stop().await;
}

/// Reads every list and every thing that the document has, in a simulated market.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_read_answers_as_the_document_says() {
    let mut stage = Stage::simulated(12, 12).await;
    capture(&mut stage, "l1", "social").await;
    let plan = json!({"action": "plan", "name": "Spring", "kind": "coupon", "starts": "2026-03-05T00:00:00Z",
        "ends": "2026-03-06T00:00:00Z", "budget": {"amount": "100.00", "currency": "CNY"}});
    stage.ask("campaign", "k1", plan).await;
    let site = Site::of(&stage).await;
    site.caught_up(&stage).await;
    let document = site.ask(Ask::new("GET", "/v1/openapi.json")).await.body;
    let first = async |path: &str, member: &str| -> String {
        let answer = site.get("admin", path).await;
        let row = &answer.body["rows"][0];
        row[member].as_str().unwrap_or_else(|| panic!("{path} has no {member}: {}", answer.text)).to_owned()
    };
    let settlement = first("/v1/settlements", "settlement_id").await;
    let merchant = first("/v1/settlements", "merchant_id").await;
    let order = first(&format!("/v1/merchants/{merchant}/orders"), "order_id").await;
    let names: BTreeMap<&str, String> = [
        ("checkout", first(&format!("/v1/merchants/{merchant}/orders"), "checkout_id").await),
        ("buyer", first(&format!("/v1/merchants/{merchant}/orders"), "buyer_id").await),
        ("payout", first("/v1/payouts", "payout_id").await),
        ("category", "order".to_owned()),
        ("id", order.clone()),
        ("lead", "l1".to_owned()),
        ("period", stage.now().to_string()[..7].to_owned()),
        ("account", "Liabilities:Escrow:".to_owned() + &order),
        ("state", "closed".to_owned()),
        ("campaign", "k1".to_owned()),
        ("days", stage.now().to_string()[..7].to_owned()),
        ("of", merchant.clone()),
        ("order", order),
        ("merchant", merchant),
        ("settlement", settlement),
    ]
    .into();
    let mut read = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let operation = &operations["get"];
        if operation.is_null() || !is_read(operation) || path.contains("{provider}") {
            continue; // the simulated market has taken no statement
        }
        let mut asked = path.clone();
        let mut query = Vec::new();
        for parameter in operation["parameters"].as_array().unwrap() {
            let name = parameter["name"].as_str().unwrap();
            if parameter["required"] == true {
                let value = names.get(name).unwrap_or_else(|| panic!("{path} asks for {name}"));
                asked = asked.replace(&format!("{{{name}}}"), value);
                query.extend((parameter["in"] == "query").then(|| format!("{name}={value}")));
            }
        }
        let asked = if query.is_empty() { asked } else { format!("{asked}?{}", query.join("&")) };
        let answer = site.get("admin", &asked).await;
        assert_eq!(answer.status, 200, "{asked}: {}", answer.text);
        let schema =
            schema_of(operation, &answer).unwrap_or_else(|| panic!("{path}: {answer:?} is not documented"));
        let found = wrong(&document, schema, &answer.body);
        assert!(found.is_empty(), "{asked}: {:#?}", &found[..found.len().min(5)]);
        if !schema["properties"]["rows"].is_null() {
            let csv = site
                .ask(
                    Ask::new("GET", &asked)
                        .header("Authorization", key("admin"))
                        .header("Accept", "text/csv"),
                )
                .await;
            let offered = !operation["responses"]["200"]["content"]["text/csv"].is_null();
            assert_eq!(csv.status, if offered { 200 } else { 406 }, "{asked}: {}", csv.text);
            let rows = answer.body["rows"].as_array().unwrap();
            assert!(!offered || csv.text.lines().count() > rows.len(), "{asked}: {}", csv.text);
        }
        let image = site
            .ask(Ask::new("GET", &asked).header("Authorization", key("admin")).header("Accept", "image/png"))
            .await;
        assert_eq!((image.status, &image.body["code"]), (406, &json!("not_acceptable")), "{asked}");
        let odd = format!("{asked}{}colour=red", if asked.contains('?') { "&" } else { "?" });
        let odd = site.get("admin", &odd).await;
        assert_eq!((odd.status, &odd.body["code"]), (400, &json!("bad_request")), "{asked}");
        read += 1;
    }
    assert!(read >= 25, "{read} reads");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_join_and_a_cursor_belongs_to_its_question() {
    let (stage, site) = market().await;
    let list = "/v1/merchants/m1/orders?limit=3";
    let whole = site.get("storefront", "/v1/merchants/m1/orders").await;
    let all: Vec<&Value> =
        whole.body["rows"].as_array().unwrap().iter().map(|row| &row["order_id"]).collect();
    assert_eq!(all.len(), 8);
    let (mut seen, mut path, mut positions) = (Vec::new(), list.to_owned(), Vec::new());
    loop {
        let page = site.get("storefront", &path).await;
        assert_eq!(page.status, 200, "{}", page.text);
        seen.extend(page.body["rows"].as_array().unwrap().iter().map(|row| row["order_id"].clone()));
        positions.push(page.body["position"].as_u64().unwrap());
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("{list}&cursor={next}");
        assert_eq!(page.header("link"), format!("<{path}>; rel=\"next\""));
        let strange = [
            format!("/v1/merchants/m2/orders?limit=3&cursor={next}"),
            format!("{list}&status=funded&cursor={next}"),
            format!("/v1/merchants/m1/payouts?cursor={next}"),
            format!("{list}&cursor={next}00zz"),
            format!("{list}&cursor=x"),
        ];
        for strange in strange {
            let refused = site.get("admin", &strange).await;
            assert_eq!(refused.status, 400, "{strange}: {}", refused.text);
            assert!(refused.body["detail"].as_str().unwrap().starts_with("cursor"), "{}", refused.text);
        }
    }
    assert_eq!(seen.iter().collect::<Vec<_>>(), all);
    assert!(positions.iter().all(|position| *position == positions[0]), "{positions:?}");
    for limit in ["0", "1001", "many", "-1"] {
        assert_eq!(
            site.get("storefront", &format!("/v1/merchants/m1/orders?limit={limit}")).await.status,
            400
        );
    }
    let oldest = site.get("storefront", "/v1/merchants/m1/orders?sort=placed_at&limit=1").await;
    assert_eq!(oldest.body["rows"][0]["order_id"], "o1");
    let funded = site.get("storefront", "/v1/merchants/m2/orders?status=shipped").await;
    assert_eq!(funded.body["rows"], json!([]));
    let day = &stage.now().to_string()[..10];
    let recent = site.get("storefront", &format!("/v1/merchants/m1/orders?from={day}")).await;
    assert!(recent.body["rows"].as_array().unwrap().len() < 8, "{}", recent.text);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn later_pages_hold_to_the_position_of_the_first() {
    let (mut stage, site) = market().await;
    let trail = "/v1/audit/order/o1?limit=2";
    let first = site.get("finance", trail).await;
    assert_eq!(first.body["rows"][0]["type"], "OrderPlaced", "{}", first.text);
    assert_eq!(first.body["rows"][0]["actor"], "teller");
    let ledger = "/v1/ledger?account=Liabilities:MerchantPending:m1&limit=1";
    let entry = site.get("finance", ledger).await;
    let before = site.get("finance", "/v1/audit/order/o1").await.body["rows"].as_array().unwrap().len();
    stage.ask("order", "o1", json!({"action": "post_review", "review": "r1", "overall": 1})).await;
    stage
        .ask("account", "m1", json!({"action": "charge_penalty", "reason": "late", "amount": cny("1.00")}))
        .await;
    site.caught_up(&stage).await;
    let rest =
        |answer: &Answer, list: &str| format!("{list}0&cursor={}", answer.body["next"].as_str().unwrap());
    // `limit` is no part of the question: 2 and then 20
    let later = site.get("finance", &rest(&first, trail)).await;
    assert_eq!(later.body["rows"].as_array().unwrap().len(), before - 2, "{}", later.text);
    assert_eq!(later.body["position"], first.body["position"]);
    let later = site.get("finance", &rest(&entry, ledger)).await;
    assert!(!later.text.contains("PenaltyCharged"), "{}", later.text);
    assert!(site.get("finance", &format!("{ledger}00")).await.text.contains("PenaltyCharged"));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchants_key_reads_what_is_its_own_and_nothing_else() {
    let (_stage, site) = market().await;
    let settlement = site.get("finance", "/v1/settlements").await.body["rows"][0]["settlement_id"].clone();
    let payout = site.get("finance", "/v1/payouts").await.body["rows"][0]["payout_id"].clone();
    let (settlement, payout) = (settlement.as_str().unwrap(), payout.as_str().unwrap());
    for path in [
        "/v1/orders/o1".to_owned(),
        "/v1/orders/o1/reviews".to_owned(),
        "/v1/merchants/m1".to_owned(),
        "/v1/merchants/m1/standing".to_owned(),
        "/v1/merchants/m1/orders".to_owned(),
        "/v1/merchants/m1/balances".to_owned(),
        "/v1/merchants/m1/deposit".to_owned(),
        "/v1/merchants/m1/lines".to_owned(),
        "/v1/merchants/m1/settlements".to_owned(),
        "/v1/merchants/m1/payouts".to_owned(),
        "/v1/merchants/m1/disputes".to_owned(),
        "/v1/merchants/m1/reviews".to_owned(),
        "/v1/payouts?merchant=m1".to_owned(),
        format!("/v1/settlements/{settlement}"),
        format!("/v1/settlements/{settlement}/lines"),
        format!("/v1/settlements/{settlement}/explanation"),
        format!("/v1/payouts/{payout}"),
        format!("/v1/payouts/{payout}/explanation"),
    ] {
        assert_eq!(site.get("merchant-m1", &path).await.status, 200, "{path}");
        let foreign = site.get("merchant-m2", &path).await;
        assert_eq!(
            (foreign.status, &foreign.body["code"]),
            (404, &json!("not_found")),
            "{path}: {}",
            foreign.text
        );
    }
    // how the buyer paid is the market's to know
    let explained = format!("/v1/payouts/{payout}/explanation");
    let (own, whole) = (site.get("merchant-m1", &explained).await, site.get("finance", &explained).await);
    assert!(whole.text.contains("c1-p1"), "{}", whole.text);
    assert!(!own.text.contains("c1-p1"), "{}", own.text);
    assert_eq!(own.body["payments"][0]["amount"], whole.body["payments"][0]["amount"]);
    // lists of all merchants hold its own alone
    for path in [
        "/v1/settlements",
        "/v1/payouts",
        "/v1/merchants",
        "/v1/deposits",
        "/v1/disputes?state=opened",
        "/v1/buyers/b-1/orders",
    ] {
        let own = site.get("merchant-m2", path).await;
        assert_eq!(own.status, 200, "{path}: {}", own.text);
        for row in own.body["rows"].as_array().unwrap() {
            assert_eq!(row["merchant_id"], "m2", "{path}");
        }
    }
    assert_eq!(
        site.get("merchant-m2", "/v1/merchants/m2/disputes").await.body["rows"][0]["dispute_id"],
        "d1"
    );
    assert_eq!(
        site.get("merchant-m2", "/v1/buyers/b-1/orders").await.body["rows"].as_array().unwrap().len(),
        1
    );
    // a basket is nobody's of them; books and audit are finance's
    assert_eq!(site.get("merchant-m1", "/v1/checkouts/c1").await.status, 404);
    for path in
        ["/v1/trial-balance", "/v1/ledger?account=Assets:Bank:main", "/v1/audit/order/o1", "/v1/breaks"]
    {
        assert_eq!(site.get("merchant-m1", path).await.status, 403, "{path}");
        assert_eq!(site.get("storefront", path).await.status, 403, "{path}");
    }
    for path in ["/v1/merchants/m1", "/v1/merchants/m1/balances", "/v1/settlements", "/v1/payouts"] {
        assert_eq!(site.get("storefront", path).await.status, 403, "{path}");
        assert_eq!(site.get("analyst", path).await.status, 403, "{path}");
    }
    for path in ["/v1/orders/o1", "/v1/checkouts/c1", "/v1/buyers/b-1/orders", "/v1/merchants/m1/standing"] {
        assert_eq!(site.get("storefront", path).await.status, 200, "{path}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_etag_of_an_order_is_its_streams_version_and_lets_a_command_through() {
    let (stage, site) = market().await;
    let seen = site.get("storefront", "/v1/orders/o9").await;
    let tag = seen.header("etag").to_owned();
    let kept = |answer: &Answer| {
        ["cache-control", "vary", "x-content-type-options"].map(|name| answer.header(name).to_owned())
    };
    assert_eq!(kept(&seen), ["private, no-cache", "Accept, Authorization", "nosniff"]);
    for path in ["/v1/merchants", "/v1/merchants/none", "/v1/keys"] {
        let answer = site.get("admin", path).await;
        assert_eq!(kept(&answer), ["no-store", "Accept, Authorization", "nosniff"], "{path}");
    }
    assert_eq!(tag, format!("\"{}\"", stage.story("order-o9").len()));
    let again = |path: &str| {
        Ask::new("GET", path).header("Authorization", key("storefront")).header("If-None-Match", tag.clone())
    };
    let same = site.ask(again("/v1/orders/o9")).await;
    assert_eq!((same.status, same.header("etag"), same.text.as_str()), (304, tag.as_str(), ""));
    let ship = Ask::new("POST", "/v1/orders/o9/ship")
        .header("Authorization", key("merchant-m1"))
        .header("Idempotency-Key", "k")
        .header("If-Match", tag.clone())
        .json(&json!({"shipment": "s1", "mode": "parcel"}));
    let shipped = site.ask(ship).await;
    assert_eq!(shipped.status, 200, "{}", shipped.text);
    site.caught_up(&stage).await;
    let changed = site.ask(again("/v1/orders/o9")).await;
    assert_eq!((changed.status, changed.header("etag")), (200, shipped.header("etag")));
    let then = site.get("storefront", &format!("/v1/orders/o9?as_of={}", stage.now())).await;
    assert_eq!((then.status, then.header("etag")), (200, ""), "{}", then.text);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_is_the_same_as_json_csv_workbook_and_page() {
    let (_stage, site) = market().await;
    let path = "/v1/merchants/m1/statements/2026-03";
    let fetch = async |accept: &str| {
        let ask = Ask::new("GET", path).header("Authorization", key("merchant-m1")).header("Accept", accept);
        site.ask(ask).await
    };
    let json = fetch("application/json").await;
    let closing = json.body["currencies"][0]["closing"]["balance"]["amount"].as_str().unwrap().to_owned();
    let movements = json.body["currencies"][0]["movements"].as_array().unwrap().len();
    let csv = fetch("text/csv").await;
    let lines: Vec<&str> = csv.text.lines().collect();
    assert_eq!(lines.len(), movements + 3, "a header, an opening and a closing balance: {}", csv.text);
    assert!(lines[lines.len() - 1].ends_with(&format!(",{closing}")), "{}", csv.text);
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"m1-2026-03.csv\"");
    let page = fetch("text/html").await;
    assert!(
        page.header("content-type").starts_with("text/html") && page.text.contains(&closing),
        "{}",
        page.text
    );
    let book = fetch("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet").await;
    assert!(book.status == 200 && book.text.starts_with("PK"));
    for (period, status) in [("2026-13", 400), ("March", 400), ("2036", 400), ("2026", 200)] {
        let answer = site.get("merchant-m1", &format!("/v1/merchants/m1/statements/{period}")).await;
        assert_eq!(answer.status, status, "{period}: {}", answer.text);
    }
    assert_eq!(site.get("merchant-m2", path).await.status, 404);
    assert_eq!(site.get("finance", "/v1/merchants/nobody/statements/2026").await.status, 404);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_sent_again_adds_nothing() {
    let (stage, site) = market().await;
    let mut asked = 0;
    let mut run = async |who: &str, path: &str, body: Value| {
        asked += 1;
        site.post(who, path, &format!("run-{asked}"), &body).await
    };
    stage.days(1).await;
    let settled = run("finance", "/v1/settlements/runs", json!({})).await;
    assert_eq!(settled.status, 200, "{}", settled.text);
    let paid = run("finance", "/v1/payouts/runs", json!({"merchant": "m1"})).await;
    assert_eq!(paid.status, 200, "{}", paid.text);
    let head = stage.market.journal().head().unwrap();
    assert_eq!(paid.header("daybook-position"), head.to_string());
    let document = site.ask(Ask::new("GET", "/v1/openapi.json")).await.body;
    for (path, answer) in [("/v1/settlements/runs", &settled), ("/v1/payouts/runs", &paid)] {
        let schema = schema_of(&document["paths"][path]["post"], answer).unwrap();
        assert_eq!(wrong(&document, schema, &answer.body), [""; 0], "{path}");
    }
    let replayed = site.post("finance", "/v1/payouts/runs", "run-2", &json!({"merchant": "m1"})).await;
    assert_eq!((replayed.status, &replayed.text), (200, &paid.text));
    assert_eq!(replayed.header("idempotency-replayed"), "true");
    assert_eq!(replayed.header("daybook-position"), paid.header("daybook-position"));
    let reused = site.post("finance", "/v1/payouts/runs", "run-2", &json!({})).await;
    assert_eq!((reused.status, &reused.body["code"]), (422, &json!("idempotency_key_reused")));
    let again = run("finance", "/v1/settlements/runs", json!({})).await;
    assert_eq!((again.status, &again.body["settlements"]), (200, &json!(0)));
    let again = run("finance", "/v1/payouts/runs", json!({"merchant": "m1"})).await;
    assert_eq!((again.status, &again.body["requested"]), (200, &json!(0)));
    for (who, path, body, status, code) in [
        ("finance", "/v1/settlements/runs", json!({"until": "2036-01-01"}), 422, "refused"),
        ("finance", "/v1/payouts/runs", json!({"on": "2036-01-01"}), 422, "refused"),
        ("finance", "/v1/settlements/runs", json!({"until": "soon"}), 400, "bad_request"),
        ("finance", "/v1/settlements/runs", json!({"merchant": "nobody"}), 422, "refused"),
        ("finance", "/v1/payouts/runs", json!({"day": "2026-03-01"}), 400, "bad_request"),
        ("merchant-m1", "/v1/payouts/runs", json!({}), 403, "forbidden"),
        ("operator", "/v1/settlements/runs", json!({}), 403, "forbidden"),
    ] {
        let refused = run(who, path, body.clone()).await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (status, &json!(code)),
            "{path} {body}: {}",
            refused.text
        );
    }
    assert_eq!(stage.market.journal().head().unwrap(), head, "nothing was written");
    site.stop().await;
}
