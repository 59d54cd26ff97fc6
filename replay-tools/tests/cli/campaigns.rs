//! `roi`, `attribution` and `explain-gmv` on a small shop of which every cent is known.

use crate::place::{Place, Ran};
use daybook_tests::shop::{at, order, order_of, record};
use daybook_tests::stage::{Stage, cny};
use serde_json::{Value, json};

/// March 2026 in Shanghai. Campaign `k` holds nobody out; `v1` is first seen by its link, `v2` came direct before, `v3` comes
/// direct, and nobody saw who placed `o4`.
async fn shop(place: &Place) -> Stage {
    let mut stage = Stage::in_folder(&place.path(""), Stage::start());
    stage.merchant("m1", "0.00").await;
    let plan = json!({"action": "plan", "name": "Spring", "kind": "coupon", "starts": "2026-03-01T00:00:00+08:00",
        "ends": "2026-03-11T00:00:00+08:00", "budget": cny("1000.00"), "daily_cap": cny("50.00"), "pages": ["/spring"]});
    stage.ask("campaign", "k", plan).await;
    at(&stage, "2026-03-02T10:30:00+08:00");
    let subsidised = json!({"campaign": "k", "subsidies": [{"campaign": "k", "amount": cny("5.00")}]});
    order_of(&mut stage, "o1", "b1", Some("v1"), ("65.00", "60.00"), &subsidised).await;
    at(&stage, "2026-03-03T12:00:00+08:00");
    order(&mut stage, "o2", "b2", Some("v2"), "40.00").await;
    order(&mut stage, "o3", "b3", Some("v3"), "30.00").await;
    order(&mut stage, "o4", "b4", None, "10.00").await;
    at(&stage, "2026-03-04T12:00:00+08:00");
    record(
        &stage,
        &[
            ("v1", "2026-03-02T10:00:00+08:00", "/spring?utm_campaign=spring", ""),
            ("v1", "2026-03-02T10:10:00+08:00", "/p/1", ""),
            ("v2", "2026-03-01T09:00:00+08:00", "/", ""),
            ("v2", "2026-03-03T11:00:00+08:00", "/spring?utm_campaign=k", ""),
            ("v3", "2026-03-03T11:30:00+08:00", "/", ""),
        ],
    )
    .await;
    let spend = json!({"action": "record_spend", "spend": "s1", "channel": "baidu", "day": "2026-03-02",
        "kind": "media", "amount": cny("60.00"), "impressions": 1000, "clicks": 10, "funded_by": "market"});
    let accrue = json!({"action": "accrue_commission", "accrual": "a1", "order": "o1", "partner": "p1",
        "base": cny("60.00"), "rate": "0.05", "funded_by": "market"});
    stage.ask("campaign", "k", spend).await;
    stage.ask("campaign", "k", accrue).await;
    let points =
        json!({"action": "earn_points", "order": "o1", "points": 200, "value": cny("2.00"), "campaign": "k"});
    stage.ask("buyer", "b1", points).await;
    stage.deliver("o1").await;
    stage.ask("order", "o1", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    stage
}

fn run(place: &Place, args: &[&str]) -> Ran {
    let ran = place.run(&[&["--journal", "sqlite:story.db", "--no-progress"], args].concat());
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
    ran
}

fn read(place: &Place, args: &[&str]) -> Value {
    serde_json::from_str(&run(place, &[args, &["--format", "json"]].concat()).out).unwrap()
}

/// These members of an object, amounts and counts alike as texts.
fn told(row: &Value, members: &[&str]) -> String {
    let text = |member: &&str| match &row[*member] {
        Value::Object(money) => money["amount"].as_str().unwrap().to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    members.iter().map(text).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_campaign_cost_stands_beside_what_it_brought() {
    let place = Place::empty();
    let mut stage = shop(&place).await;
    let costs = ["spend", "affiliate", "subsidies", "points", "cost", "cost_of_merchant"];
    let came = ["impressions", "clicks", "arrivals", "uv", "new_uv", "cost_per_uv", "cost_per_new_uv"];
    let brought = ["gmv", "refund_net", "roi", "roas", "net_roi", "contribution", "contribution_roi"];
    let k = &read(&place, &["roi"])[0];
    assert_eq!(told(k, &costs), "60.00 3.00 5.00 2.00 70.00 0.00");
    assert_eq!(told(k, &came), "1000 10 2 2 1 30.00 60.00", "v2 was seen before");
    // o1's commission is a tenth of 65.00
    assert_eq!(told(k, &brought), "100.00 100.00 1.4286 1.6667 1.4286 -63.50 -0.9071");

    let one = read(&place, &["roi", "k"]);
    for member in costs.iter().chain(&came).chain(&brought) {
        assert_eq!(one[*member], k[*member], "{member}");
    }
    let rates = ["over_daily_cap", "click_through", "arrival_rate", "landing_rate"];
    assert_eq!(told(&one, &rates), "10.00 0.0100 0.0020 0.2000");
    let within = ["activity_clicks", "activity_uv", "shop_uv", "activity_orders", "activity_order_share"];
    assert_eq!(told(&one, &within), "2 2 3 1 0.2500");
    let shares = ["activity_gmv", "activity_gmv_share", "gmv_share_by_order_share", "penetration"];
    assert_eq!(told(&one, &shares), "60.00 0.4286 1.7143 0.2500");
    // v1 on the second, v2 on the third of March; of the shop v2 on the first too, and v3
    let rates = ["activity_conversion", "shop_conversion", "unit_price_inside", "unit_price_outside"];
    assert_eq!(told(&one, &rates), "0.5000 1.0000 60.00 26.67");
    assert!(one.get("incremental_gmv").is_none(), "nobody is held out");
    let people = run(&place, &["roi", "k"]).out;
    assert!(people.contains("cost per new uv") && people.contains("Activity"), "{people}");

    // a refund restates what is left, and a later cost is not of March
    let cancel = json!({"action": "cancel", "by": "merchant", "reason": "sold out", "refund": "r1"});
    stage.ask("order", "o2", cancel).await;
    at(&stage, "2026-07-01T12:00:00+08:00");
    let spend = json!({"action": "record_spend", "spend": "s2", "channel": "baidu", "day": "2026-07-01",
        "kind": "media", "amount": cny("900.00"), "impressions": 1, "clicks": 0, "funded_by": "market"});
    stage.ask("campaign", "k", spend).await;
    drop(stage);
    assert_eq!(told(&read(&place, &["roi"])[0], &["cost", "gmv", "refund_net"]), "970.00 100.00 60.00");
    let march = read(&place, &["roi", "k", "--as-of", "2026-03-31"]);
    assert_eq!(told(&march, &["cost", "gmv", "refund_net", "roi"]), "70.00 100.00 60.00 1.4286");
    assert_eq!(read(&place, &["roi", "--as-of", "2026-02-01"]), json!([]), "nobody had planned it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_is_restated_as_returns_land_and_held_against_its_discount_floor() {
    let place = Place::empty();
    let mut stage = Stage::in_folder(&place.path(""), Stage::start());
    stage.merchant("m1", "0.00").await;
    let plan = json!({"action": "plan", "name": "Sale", "kind": "clearance", "starts": "2026-03-01T00:00:00+08:00",
        "ends": "2026-03-11T00:00:00+08:00", "budget": cny("1000.00"), "discount_floor": "0.5"});
    stage.ask("campaign", "k", plan).await;
    let spend = json!({"action": "record_spend", "spend": "s1", "channel": "baidu", "day": "2026-03-02",
        "kind": "media", "amount": cny("20.00"), "funded_by": "market"});
    stage.ask("campaign", "k", spend).await;
    at(&stage, "2026-03-02T12:00:00+08:00");
    let line = |line: &str, price: &str, list: &str| {
        json!({"line": line, "product": "p-1", "category": "toys", "quantity": 1, "unit_price": cny(price),
            "list_price": cny(list), "discount": cny("0.00")})
    };
    // 0.375 of the list price, and 0.6
    let lines =
        json!({"campaign": "k", "lines": [line("1", "30.00", "80.00"), line("2", "60.00", "100.00")]});
    order_of(&mut stage, "o1", "b1", None, ("90.00", "90.00"), &lines).await;
    order_of(&mut stage, "o2", "b2", None, ("40.00", "40.00"), &json!({"campaign": "k"})).await;
    stage.deliver("o1").await;
    stage.ask("order", "o1", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    at(&stage, "2026-03-13T12:00:00+08:00");
    let cancel = json!({"action": "cancel", "by": "merchant", "reason": "sold out", "refund": "r1"});
    stage.ask("order", "o2", cancel).await;
    at(&stage, "2026-03-25T12:00:00+08:00");
    let refund = json!({"action": "issue_refund", "refund": "r1", "borne_by": "merchant",
        "of": {"amount": cny("30.00")}, "reason": "damaged"});
    stage.ask("order", "o1", refund).await;
    drop(stage);
    let restated = [
        "activity_gmv",
        "activity_net_7d",
        "activity_net_30d",
        "activity_net_90d",
        "activity_roi",
        "activity_roi_7d",
        "activity_roi_30d",
    ];
    let now = read(&place, &["roi", "k"]);
    assert_eq!(told(&now, &restated), "130.00 90.00 60.00 60.00 6.5000 4.5000 3.0000");
    let sold_at = ["lines_with_list_price", "lowest_price_share", "discount_floor", "lines_below_floor"];
    assert_eq!(told(&now, &sold_at), "2 0.3750 0.5 1");
    // nobody knows what comes back by a day that is yet to come
    let march = read(&place, &["roi", "k", "--as-of", "2026-03-26"]);
    assert_eq!(told(&march, &restated[1..4]), "90.00 null null");
    let head = run(&place, &["events", "--format", "json"]).out.matches("\"position\":").count().to_string();
    let last = read(&place, &["roi", "k", "--at-position", &head]);
    assert_eq!(told(&last, &restated[1..4]), "90.00 null null", "after the last event, on the day of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credits_and_parts_of_a_change_add_up_to_the_cent() {
    let place = Place::empty();
    drop(shop(&place).await);
    for model in ["first", "last", "last_non_direct", "linear", "time_decay", "position"] {
        let rows = read(&place, &["attribution", "--days", "2026-03", "--by", "campaign", "--model", model]);
        let of = |name: &str| {
            let row = rows.as_array().unwrap().iter().find(|row| row["campaign"] == name);
            row.map_or_else(|| "none".to_owned(), |row| told(row, &["gmv", "refund_net"]))
        };
        assert_eq!(of("(all)"), "140.00 140.00", "{model}");
        assert_eq!(of("(unattributed)"), "10.00 10.00", "{model}");
        // v2 came direct before it came by the link
        let k = match model {
            "first" => "60.00 60.00",
            "linear" | "position" => "80.00 80.00",
            // 51 hours before the order, and one: 2^-(51/168) to 2^-(1/168)
            "time_decay" => "82.06 82.06",
            _ => "100.00 100.00",
        };
        assert_eq!(of("k"), k, "{model}");
    }
    let rows = read(&place, &["explain-gmv", "--from", "2026-03-02", "--to", "2026-03-03"]);
    let row = rows.as_array().unwrap().last().unwrap();
    assert_eq!(told(row, &["gmv_before", "gmv_after", "change"]), "60.00 80.00 20.00");
    let parts = ["traffic", "mix", "conversion", "unit_price", "untracked"];
    let cents: i64 =
        told(row, &parts).split(' ').map(|part| part.replace('.', "").parse::<i64>().unwrap_or(0)).sum();
    assert_eq!(cents, 2_000, "{row}");
}

#[test]
fn on_the_simulated_market_credits_sum_to_refund_net_revenue_under_every_model_and_window() {
    let place = Place::empty();
    let demo = place.run(&["demo", "--days", "3", "--orders-per-day", "12", "--no-progress"]);
    assert_eq!(demo.code, 0, "{}", demo.err);
    assert!(demo.out.contains("by the script the others order 50 % more often"), "{}", demo.out);
    let cents = |row: &Value, member: &str| -> i64 {
        row[member]["amount"].as_str().unwrap().replace('.', "").parse().unwrap()
    };
    let tracked = &place.json(&["metrics", "--days", "2025-09"])[0];
    let (gmv, net) = (cents(tracked, "gmv"), cents(tracked, "gmv") - cents(tracked, "refunded"));
    assert!(0 < net && net < gmv, "{tracked}");
    for model in ["first", "last", "last_non_direct", "linear", "time_decay", "position"] {
        for (by, look_back) in [("channel", "1"), ("channel", "30"), ("campaign", "30")] {
            let asked =
                ["attribution", "--days", "2025-09", "--by", by, "--model", model, "--look-back", look_back];
            let answer = place.json(&asked);
            let (all, rows) = answer.as_array().unwrap().split_last().unwrap();
            assert_eq!((all[by].as_str(), cents(all, "refund_net")), (Some("(all)"), net), "{asked:?}");
            for member in ["gmv", "refund_net"] {
                let sum: i64 = rows.iter().map(|row| cents(row, member)).sum();
                assert_eq!(sum, cents(all, member), "{asked:?} {member}");
            }
        }
    }
}
