//! Stories of campaigns: whose visits are whose, what each cost and what it brought.
#![allow(clippy::unwrap_used)]

use daybook_domain::Currency;
use daybook_metrics::attribution::{AttributionRule, DEFAULT_LOOK_BACK};
use daybook_metrics::{ChannelRule, Definition, MarketSites, SessionRule};
use daybook_projections::AsOf;
use daybook_projections::metrics::{Days, Dimension, Earned, History, Question};
use daybook_tests::shop::{at, order_of, record};
use daybook_tests::stage::{Stage, cny};
use serde_json::{Value, json};

fn days(from: &str, to: &str) -> Days {
    Days { from: from.parse().unwrap(), to: to.parse().unwrap() }
}

const YEARS: (&str, &str) = ("2025-01-01", "2026-12-31");

fn history(stage: &Stage) -> History {
    let rule = ChannelRule::new(&MarketSites::default()).unwrap();
    let since = days(YEARS.0, YEARS.1).from;
    stage
        .ask_models(|models| models.history(since, DEFAULT_LOOK_BACK, rule, AsOf::HEAD, &mut |_| {}).unwrap())
}

fn by_campaign() -> Question {
    Question {
        days: days(YEARS.0, YEARS.1),
        by: vec![Dimension::Campaign],
        sessions: SessionRule::of(Definition::Plan),
        currency: Currency::new("CNY").unwrap(),
    }
}

fn earned(stage: &Stage) -> Vec<(String, Earned)> {
    history(stage).attribute(&by_campaign(), &AttributionRule::default()).unwrap().earned
}

fn plan(name: &str, from: &str, to: &str) -> Value {
    let midnight = |day: &str| format!("{day}T00:00:00+08:00");
    json!({"action": "plan", "name": name, "kind": "coupon", "starts": midnight(from), "ends": midnight(to),
        "budget": cny("1000.00")})
}

#[tokio::test]
async fn a_name_that_is_used_again_next_year_is_each_campaigns_in_its_own_time() {
    let mut stage = Stage::in_memory();
    for (id, from, to) in [("s25", "2025-11-01", "2025-11-12"), ("s26", "2026-11-01", "2026-11-12")] {
        stage.ask("campaign", id, plan("Double 11", from, to)).await;
    }
    let link = "/?utm_campaign=double%2011";
    record(
        &stage,
        &[
            ("v0", "2025-10-30T10:00:00+08:00", link, ""), // before the first: it is to come
            ("v1", "2025-11-05T10:00:00+08:00", link, ""),
            ("v2", "2026-03-05T10:00:00+08:00", link, ""), // between both: it was the last one's
            ("v3", "2026-11-01T00:00:00+08:00", link, ""),
            ("v4", "2026-11-05T10:00:00+08:00", "/?utm_campaign=s25", ""), // an id is an id for ever
        ],
    )
    .await;
    let found = history(&stage).cells(&by_campaign()).unwrap();
    let visitors: Vec<_> = found.cells.iter().map(|(words, cell)| (words[0].as_str(), cell.uv)).collect();
    assert_eq!(visitors, [("s25", 4), ("s26", 1)]);
}

#[tokio::test]
async fn what_a_bank_took_back_is_no_revenue_and_the_subsidy_comes_back_with_it() {
    let mut stage = Stage::in_memory();
    at(&stage, "2026-03-02T10:00:00+08:00");
    stage.merchant("m1", "0.00").await;
    stage.ask("campaign", "k", plan("Spring", "2026-03-01", "2026-03-10")).await;
    record(&stage, &[("v1", "2026-03-02T09:00:00+08:00", "/?utm_campaign=k", "")]).await;
    let subsidised = json!({"subsidies": [{"campaign": "k", "amount": cny("5.00")}]});
    for order in ["o1", "o2"] {
        order_of(&mut stage, order, "b1", Some("v1"), ("20.00", "15.00"), &subsidised).await;
    }
    let told = |stage: &Stage| {
        let [(_, k)] = earned(stage)[..] else { panic!("one campaign") };
        (k.gmv.minor, k.net.minor, history(stage).subsidies("k", k.gmv.currency))
    };
    assert_eq!(told(&stage), (3_000, 3_000, 1_000));
    for (n, (order, outcome)) in [("o1", "lose_chargeback"), ("o2", "win_chargeback")].into_iter().enumerate()
    {
        let chargeback = format!("cb{n}");
        let received = json!({"action": "receive_chargeback", "chargeback": chargeback, "payment": "p1",
            "amount": cny("15.00"), "reason": "fraud"});
        stage.ask("checkout", order, received).await;
        stage.settle().await;
        stage.ask("checkout", order, json!({"action": outcome, "chargeback": chargeback})).await;
        stage.settle().await;
    }
    assert_eq!(told(&stage), (3_000, 1_500, 500), "the first order is the bank's");
    assert_eq!(stage.account("Expenses:Subsidy:k"), "5.00", "as in the books");
    stage.keeps_invariants("chargebacks");
}
