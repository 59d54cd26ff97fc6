//! Stories of plans: what targets came to where visits and orders are recorded, and what the rest takes.

use chrono::NaiveDate;
use daybook_domain::traffic::{Incoming, RawHit};
use daybook_domain::{PartyId, Timestamp};
use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_metrics::plan::{Fraction, Plan, PlanFile};
use daybook_metrics::{ChannelRule, MarketSites, SessionRule};
use daybook_projections::AsOf;
use daybook_projections::metrics::{Asked, Days};
use daybook_tests::stage::{Stage, cny};
use serde_json::json;

const PLAN: &str = r#"
name = "March"
starts = "2026-03-02"
currency = "CNY"
[[phases]]
name = "march"
months = "1"
[[targets]]
metric = "gmv"
at_least = "3100.00"
[[targets]]
metric = "daily_orders"
at_least = "2"
[[targets]]
metric = "uv"
at_least = "310"
[[targets]]
metric = "paid_uv"
at_least = "31"
[[targets]]
metric = "daily_uv"
sales_channel = "own"
at_least = "1"
[[targets]]
metric = "conversion"
at_least = "0.5"
[[targets]]
metric = "orders_per_buyer"
at_least = "1.5"
[[targets]]
metric = "positive_rate"
at_least = "0.985"
[[targets]]
metric = "spend"
at_most = "31.00"
"#;

/// Two days: 8 visitors, 2 of them by an ad, one of whom comes on both days; 2 buyers of 3 orders after a visit, and one order
/// that nobody's visit led to.
async fn shop() -> Stage {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let hit = |visitor: String, at: &str, page: &str| {
        let hit = RawHit {
            visitor: visitor.into(),
            at: at.into(),
            page: page.into(),
            merchant: "m1".into(),
            sales_channel: "own".into(),
            ..RawHit::default()
        };
        let incoming =
            Incoming { earliest: Timestamp(0), latest: Timestamp(i64::MAX), arrived: None, number: None };
        hit.check(&incoming).unwrap()
    };
    let ad = "/?utm_source=baidu&utm_medium=cpc";
    let mut hits: Vec<_> = (1..=6).map(|n| hit(format!("v{n}"), "2026-03-02T09:00:00+08:00", "/")).collect();
    hits.push(hit("v7".into(), "2026-03-02T09:00:00+08:00", ad));
    hits.push(hit("v8".into(), "2026-03-03T09:00:00+08:00", ad));
    hits.push(hit("v1".into(), "2026-03-03T09:00:00+08:00", "/"));
    stage.market.traffic().record(hits, PartyId::new("collector").unwrap()).await.unwrap();
    for (id, buyer, visitor, at) in [
        ("o1", "b1", Some("v1"), "2026-03-02T10:00:00+08:00"),
        ("o2", "b1", Some("v1"), "2026-03-02T11:00:00+08:00"),
        ("o3", "b2", Some("v8"), "2026-03-03T10:00:00+08:00"),
        ("o4", "b3", None, "2026-03-03T11:00:00+08:00"),
    ] {
        stage.clock.set(Timestamp::parse(at).unwrap().0);
        let line = json!({"line": "1", "product": "p-1", "category": "toys", "quantity": 1,
            "unit_price": cny("40.00"), "discount": cny("0.00")});
        let mut place = json!({"action": "place", "checkout": id, "buyer": buyer, "merchant": "m1",
            "lines": [line], "shipping": cny("0.00"), "sales_channel": "own"});
        if let Some(visitor) = visitor {
            place["visitor"] = json!(visitor);
        }
        stage.ask("order", id, place).await;
        let orders = json!([{"order": id, "merchant": "m1", "buyer_pays": cny("40.00")}]);
        let open = json!({"action": "open", "buyer": buyer, "currency": "CNY", "orders": orders});
        stage.ask("checkout", id, open).await;
        stage.pay(id, "p1", "40.00").await;
    }
    let plan = json!({"action": "plan", "name": "Ads", "kind": "paid_ads", "starts": "2026-02-28T16:00:00Z",
        "ends": "2026-03-31T16:00:00Z", "budget": cny("100.00")});
    stage.ask("campaign", "ads", plan).await;
    let spend = json!({"action": "record_spend", "spend": "bill-1", "channel": "baidu", "day": "2026-03-03",
        "kind": "media", "amount": cny("5.00"), "funded_by": "market"});
    stage.ask("campaign", "ads", spend).await;
    stage
}

#[tokio::test]
async fn targets_are_held_against_visits_orders_and_spend_and_the_rest_is_priced() {
    let stage = shop().await;
    let file: PlanFile = toml::from_str(PLAN).unwrap();
    let plan = Plan::try_from(file).unwrap();
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    let last = Days { from: day("2026-03-02"), to: day("2026-03-03") };
    let (history, market) = stage.ask_models(|models| {
        let rule = ChannelRule::new(&MarketSites::default()).unwrap();
        let history =
            models.history(plan.days.from, DEFAULT_LOOK_BACK, rule, AsOf::HEAD, &mut |_| {}).unwrap();
        (history, models.market_days(AsOf::HEAD).unwrap())
    });
    assert_eq!(history.begins(), Some(day("2026-03-02")));
    let asked = Asked { last, sessions: SessionRule::default() };
    let reached = history.reached(&plan, &market, &asked).unwrap();
    let said: Vec<String> = reached
        .iter()
        .map(|of| {
            let shown = |of: Option<Fraction>| {
                of.map_or("-".to_owned(), |of| of.decimal(3).unwrap().normalize().to_string())
            };
            let a = &of.attained;
            format!("{} {} {} {}", of.target.metric, shown(a.to_date), shown(a.actual), shown(a.forecast))
        })
        .collect();
    assert_eq!(
        said,
        [
            "gmv 20000 16000 248000",
            "daily_orders 2 2 2",
            "uv 20 8 124",
            "paid_uv 2 2 31",
            "daily_uv 1 4.5 4.5",
            "conversion 0.5 0.25 0.25",
            "orders_per_buyer 1.5 1.333 1.333",
            "positive_rate 0.985 - -",
            "spend 200 500 7750",
        ]
    );
    // 2,940.00 are missing in 29 days; 580.00 of them come without a visit, and each day's visitors, 9 in two days, brought 120.00
    let takes = reached[0].takes.unwrap();
    assert_eq!((takes.days, takes.goal, takes.now), (29, Fraction::whole(294_000), Fraction::whole(232_000)));
    assert_eq!(takes.uv.unwrap().needed, Fraction::whole(177));
    // 130.5 come anyway; 46.5 more at 5.00 for two paid visitors
    assert_eq!(takes.uv_cost, Fraction::new(465 * 250, 10));
    assert_eq!(takes.unit_price.unwrap().now, Fraction::whole(6_000));
    let others = reached[1..].iter().map(|of| of.takes.is_some()).collect::<Vec<_>>();
    assert_eq!(others, [false; 8], "two orders a day are reached");
}
