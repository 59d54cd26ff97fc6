//! Stories of traffic and sales: what the figures of a range are, whatever order hits come in.

use chrono::NaiveDate;
use daybook_domain::Currency;
use daybook_metrics::attribution::{AttributionRule, DEFAULT_LOOK_BACK, Model};
use daybook_metrics::{ChannelRule, Definition, MarketSites, SessionRule};
use daybook_projections::AsOf;
use daybook_projections::metrics::{Cell, Cells, Days, Dimension, Explanation, History, Question};
use daybook_tests::shop::{View, at, order, record};
use daybook_tests::stage::{Stage, cny};
use serde_json::json;

/// Three days of March 2026 in Shanghai: two visitors come by Baidu, one by a campaign's mail, one by itself.
const VIEWS: &[View] = &[
    ("v1", "2026-03-02T10:00:00+08:00", "/", "https://www.baidu.com/s?wd=tv"),
    ("v1", "2026-03-02T10:05:00+08:00", "/p/1", "https://shop.example/"),
    ("v1", "2026-03-02T10:06:00+08:00", "/p/1", "https://shop.example/"),
    ("v2", "2026-03-02T23:50:00+08:00", "/p/1", "https://www.baidu.com/s?wd=tv"),
    ("v2", "2026-03-03T00:10:00+08:00", "/p/2", "https://shop.example/"),
    ("v3", "2026-03-03T09:00:00+08:00", "/p/2?utm_medium=email&utm_campaign=spring", ""),
    ("v4", "2026-03-04T09:00:00+08:00", "/", ""),
    ("v1", "2026-03-04T11:00:00+08:00", "/", ""),
];

/// A shop with the views above, in the order given, and four orders.
async fn shop(views: &[View]) -> Stage {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    at(&stage, "2026-03-02T10:30:00+08:00");
    order(&mut stage, "o1", "b1", Some("v1"), "60.00").await;
    at(&stage, "2026-03-03T09:30:00+08:00");
    order(&mut stage, "o2", "b3", Some("v3"), "40.00").await;
    order(&mut stage, "o3", "b9", None, "10.00").await;
    at(&stage, "2026-03-04T12:00:00+08:00");
    order(&mut stage, "o4", "b1", Some("v1"), "30.00").await;
    record(&stage, views).await;
    stage
}

fn days(from: &str, to: &str) -> Days {
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    Days { from: day(from), to: day(to) }
}

const ALL: (&str, &str) = ("2026-03-02", "2026-03-04");

fn history(stage: &Stage) -> History {
    let sites = MarketSites { own_hosts: vec!["shop.example".into()], ..MarketSites::default() };
    let since = days(ALL.0, ALL.1).from;
    let rule = ChannelRule::new(&sites).unwrap();
    stage
        .ask_models(|models| models.history(since, DEFAULT_LOOK_BACK, rule, AsOf::HEAD, &mut |_| {}).unwrap())
}

fn question(range: (&str, &str), by: &[Dimension], definition: Definition) -> Question {
    Question {
        days: days(range.0, range.1),
        by: by.to_vec(),
        sessions: SessionRule::of(definition),
        currency: Currency::new("CNY").unwrap(),
    }
}

fn cells(history: &History, range: (&str, &str), by: &[Dimension]) -> Cells {
    history.cells(&question(range, by, Definition::Plan)).unwrap()
}

/// `uv/new pv visits/bounces stay; buyers/orders gmv`, stay in minutes.
fn figures(cell: &Cell) -> String {
    format!(
        "{}/{} {} {}/{} {}; {}/{} {}",
        cell.uv,
        cell.new_uv,
        cell.pv,
        cell.visits,
        cell.bounces,
        cell.stay / 60_000_000,
        cell.buyers,
        cell.orders,
        cell.gmv.amount()
    )
}

fn rows(cells: &Cells) -> Vec<String> {
    cells.cells.iter().map(|(words, cell)| format!("{}: {}", words.join(" "), figures(cell))).collect()
}

#[tokio::test]
async fn a_range_has_its_visitors_once_and_each_row_its_own() {
    let stage = shop(VIEWS).await;
    let history = history(&stage);
    let all = cells(&history, ALL, &[]);
    // v1 twice; PV: v1 2+1, v2 1+1, v3, v4; the order without a visitor stands apart
    assert_eq!(figures(&all.total), "4/4 7 5/3 26; 2/3 130.00");
    assert_eq!((all.untracked.orders, all.untracked.gmv.amount().to_string()), (1, "10.00".to_owned()));
    let by_day = cells(&history, ALL, &[Dimension::Day]);
    assert_eq!(
        rows(&by_day),
        [
            "2026-03-02: 2/2 3 2/0 26; 1/1 60.00",
            "2026-03-03: 2/1 2 1/1 0; 1/1 40.00",
            "2026-03-04: 2/1 2 2/2 0; 1/1 30.00",
        ]
    );
    assert_eq!(by_day.total, all.total, "asked by anything, all is the same");
    let by_channel = cells(&history, ALL, &[Dimension::Channel]);
    assert_eq!(
        rows(&by_channel),
        [
            "direct: 2/2 2 2/2 0; 1/1 30.00",
            "email: 1/1 1 1/1 0; 1/1 40.00",
            "organic_search: 2/2 4 2/0 26; 1/1 60.00",
        ]
    );
    let by_both = cells(&history, ALL, &[Dimension::Campaign, Dimension::Month]);
    assert_eq!(
        rows(&by_both),
        [" 2026-03: 3/3 6 4/2 26; 1/2 90.00", "spring 2026-03: 1/1 1 1/1 0; 1/1 40.00"]
    );
    let returning = cells(&history, ("2026-03-04", "2026-03-04"), &[Dimension::Visitor]);
    assert_eq!(rows(&returning), ["new: 1/1 1 1/1 0; 0/0 0.00", "returning: 1/0 1 1/1 0; 1/1 30.00"]);
}

#[tokio::test]
async fn hits_that_come_late_and_in_any_order_give_the_same_figures() {
    let in_time = history(&shop(VIEWS).await);
    let mut late = VIEWS.to_vec();
    late.reverse();
    late.rotate_left(3);
    let late = history(&shop(&late).await);
    for definition in Definition::ALL {
        for by in [vec![], vec![Dimension::Channel, Dimension::Day], vec![Dimension::Merchant]] {
            let question = question(ALL, &by, definition);
            let (a, b) = (in_time.cells(&question).unwrap(), late.cells(&question).unwrap());
            assert_eq!((rows(&a), a.total, a.untracked), (rows(&b), b.total, b.untracked));
        }
    }
}

#[tokio::test]
async fn another_definition_is_another_question_over_the_same_hits() {
    let history = history(&shop(VIEWS).await);
    let of = |definition| figures(&history.cells(&question(ALL, &[], definition)).unwrap().total);
    assert_eq!(of(Definition::Plan), "4/4 7 5/3 26; 2/3 130.00");
    // every view counts
    assert_eq!(of(Definition::Ga4), "4/4 8 5/3 26; 2/3 130.00");
    // midnight cuts the second visitor's visit into two bounces
    assert_eq!(of(Definition::Matomo), "4/4 8 6/5 6; 2/3 130.00");
    // v1 came on two days
    assert_eq!(of(Definition::Plausible), "5/4 8 5/3 26; 2/3 130.00");
}

#[tokio::test]
async fn a_change_is_explained_row_by_row_and_to_the_cent() {
    let history = history(&shop(VIEWS).await);
    let explain = |by: &[Dimension]| -> Explanation {
        let after = question(("2026-03-03", "2026-03-04"), by, Definition::Plan);
        history.explain(days("2026-03-02", "2026-03-02"), &after).unwrap()
    };
    for by in [vec![], vec![Dimension::Channel], vec![Dimension::Merchant], vec![Dimension::SalesChannel]] {
        let found = explain(&by);
        let total = &found.total.explained;
        let parts = [total.traffic, total.mix, total.conversion, total.unit_price, total.untracked];
        assert_eq!(parts.iter().map(|part| part.minor).sum::<i64>(), total.change().unwrap().minor);
        // 60.00 before; 40.00 + 30.00 and 10.00 of nobody after
        assert_eq!((total.before.minor, total.after.minor, total.untracked.minor), (6_000, 8_000, 1_000));
    }
    let by_channel = explain(&[Dimension::Channel]);
    let email = by_channel.cells.iter().find(|cell| cell.name == "email").unwrap();
    assert!(email.before.is_none() && email.explained.conversion.is_zero(), "{email:?}");
    let refused = history
        .explain(days("2026-03-02", "2026-03-02"), &question(ALL, &[Dimension::Day], Definition::Plan))
        .unwrap_err();
    assert!(refused.to_string().contains("not by day"), "{refused}");
}

#[tokio::test]
async fn credited_revenue_is_refund_net_revenue_to_the_cent_under_every_model_and_after_every_refund() {
    let mut stage = shop(VIEWS).await;
    for refunded in [0, 4_000] {
        let history = history(&stage);
        for (model, by) in
            Model::ALL.into_iter().flat_map(|m| [(m, Dimension::Channel), (m, Dimension::Campaign)])
        {
            let found = history
                .attribute(&question(ALL, &[by], Definition::Plan), &AttributionRule::of(model))
                .unwrap();
            assert_eq!((found.total.orders, found.total.gmv.minor), (4_000_000, 14_000), "{model}");
            assert_eq!(found.total.net.minor, 14_000 - refunded, "{model} by {by}");
            assert_eq!(
                (found.unattributed.orders, found.unattributed.net.minor),
                (1_000_000, 1_000),
                "{model}"
            );
            let credit =
                |name: &str| found.earned.iter().find(|(of, _)| of == name).map_or(0, |(_, of)| of.net.minor);
            assert_eq!(credit("spring"), if by == Dimension::Campaign { 4_000 - refunded } else { 0 });
            if by == Dimension::Channel {
                // v1 bought twice: after a visit by search, and after one more that came direct
                let direct = match model {
                    Model::First | Model::LastNonDirect => 0,
                    Model::Last => 3_000,
                    Model::Linear | Model::Position => 1_500,
                    // 49 hours apart: 1 / (1 + 2^-(49/168))
                    Model::TimeDecay => 1_651,
                };
                assert_eq!((credit("direct"), credit("organic_search")), (direct, 9_000 - direct), "{model}");
            }
        }
        let cancel = json!({"action": "cancel", "by": "merchant", "reason": "sold out", "refund": "r1"});
        if refunded == 0 {
            stage.ask("order", "o2", cancel).await;
        }
    }
    let by_day = history(&stage)
        .attribute(&question(ALL, &[Dimension::Day], Definition::Plan), &AttributionRule::default());
    assert!(by_day.unwrap_err().to_string().contains("by channel or by campaign"));
}

#[tokio::test]
async fn a_refund_stands_beside_the_gmv_that_it_came_from() {
    let mut stage = shop(VIEWS).await;
    let cancel = json!({"action": "cancel", "by": "merchant", "reason": "sold out", "refund": "r1"});
    stage.ask("order", "o2", cancel).await;
    let found = cells(&history(&stage), ALL, &[Dimension::Campaign]);
    let spring = &found.cells.iter().find(|(words, _)| words[0] == "spring").unwrap().1;
    assert_eq!(
        (spring.gmv.minor, spring.refunded.minor),
        (4_000, 4_000),
        "GMV is what was paid, before refunds"
    );
}

#[tokio::test]
async fn a_campaigns_visits_are_known_by_its_name_and_its_subsidies_by_its_id() {
    let mut stage = shop(VIEWS).await;
    let plan = json!({"action": "plan", "name": "Spring", "kind": "coupon", "starts": "2026-03-05T00:00:00Z",
        "ends": "2026-03-08T00:00:00Z", "budget": cny("1000.00")});
    stage.ask("campaign", "k-1", plan).await;
    let line = json!({"line": "1", "product": "p-1", "category": "toys", "quantity": 1,
        "unit_price": cny("20.00"), "discount": cny("0.00")});
    let place = json!({"action": "place", "checkout": "o5", "buyer": "b3", "merchant": "m1", "lines": [line],
        "shipping": cny("0.00"), "sales_channel": "own", "visitor": "v3",
        "subsidies": [{"campaign": "k-1", "amount": cny("5.00")}]});
    stage.ask("order", "o5", place).await;
    let orders = json!([{"order": "o5", "merchant": "m1", "buyer_pays": cny("15.00")}]);
    let open = json!({"action": "open", "buyer": "b3", "currency": "CNY", "orders": orders});
    stage.ask("checkout", "o5", open).await;
    stage.pay("o5", "p1", "15.00").await;
    let told = |stage: &Stage| {
        let (history, by) = (history(stage), question(ALL, &[Dimension::Campaign], Definition::Plan));
        let earned = history.attribute(&by, &AttributionRule::default()).unwrap().earned;
        let named = earned.iter().find(|(of, _)| of == "k-1").map(|(_, of)| (of.gmv.minor, of.net.minor));
        (named.unwrap(), history.subsidies("k-1", by.currency), history.subsidies("k-2", by.currency))
    };
    assert_eq!(told(&stage), ((5_500, 5_500), 500, 0), "what buyers paid, without what the market added");
    let cancel = json!({"action": "cancel", "by": "merchant", "reason": "sold out", "refund": "r2"});
    stage.ask("order", "o5", cancel).await;
    assert_eq!(told(&stage), ((5_500, 4_000), 0, 0));
}
