//! Stories of service and after-sales: what became of orders, who answered, and how merchants are assessed.

use daybook_domain::{Currency, Timestamp};
use daybook_projections::AsOf;
use daybook_projections::metrics::{
    AfterSales, AfterSalesQuestion, Aftermath, Assessment, AssessmentRules, Days, Dimension, Figure, Rule,
    Service, ServiceQuestion, Tier,
};
use daybook_tests::stage::{Stage, cny};
use serde_json::json;

fn at(stage: &Stage, time: &str) {
    stage.clock.set(Timestamp::parse(&format!("2026-{time}:00+08:00")).unwrap().0);
}

/// An order of `m1` or another merchant, paid now; to ship and arrive by instants of March.
async fn paid(stage: &mut Stage, id: &str, merchant: &str, buyer: &str, price: &str, promise: (&str, &str)) {
    let line = json!({"line": "1", "product": "p-1", "category": "toys", "quantity": 1,
        "unit_price": cny(price), "discount": cny("0.00")});
    let by = |time: &str| format!("2026-03-{time}:00+08:00");
    let place = json!({"action": "place", "checkout": id, "buyer": buyer, "merchant": merchant, "lines": [line],
        "shipping": cny("0.00"), "sales_channel": "own", "visitor": format!("v-{buyer}"),
        "promise": {"ship_by": by(promise.0), "deliver_by": by(promise.1)}});
    stage.ask("order", id, place).await;
    let orders = json!([{"order": id, "merchant": merchant, "buyer_pays": cny(price)}]);
    let open = json!({"action": "open", "buyer": buyer, "currency": "CNY", "orders": orders});
    stage.ask("checkout", id, open).await;
    stage.pay(id, "p1", price).await;
}

async fn order(stage: &mut Stage, id: &str, ask: serde_json::Value) {
    stage.ask("order", id, ask).await;
}

fn aftermath(stage: &Stage) -> Aftermath {
    stage
        .ask_models(|models| models.aftermath(chrono::NaiveDate::default(), AsOf::HEAD, &mut |_| {}).unwrap())
}

fn days(from: &str, to: &str) -> Days {
    let day = |text: &str| format!("2026-{text}").parse().unwrap();
    Days { from: day(from), to: day(to) }
}

fn currency() -> Currency {
    Currency::new("CNY").unwrap()
}

/// Three orders of March and one that is cancelled: o1 in time, reviewed and sent back; o2 late and disputed; o3 on its way.
async fn market() -> Stage {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "100.00").await;
    stage.merchant("m2", "0.00").await;
    at(&stage, "03-02T10:00");
    paid(&mut stage, "o1", "m1", "b1", "60.00", ("03T12:00", "05T12:00")).await;
    paid(&mut stage, "o2", "m1", "b2", "40.00", ("03T12:00", "03T23:00")).await;
    paid(&mut stage, "o3", "m2", "b1", "30.00", ("09T12:00", "09T12:00")).await;
    paid(&mut stage, "o4", "m2", "b1", "20.00", ("09T12:00", "09T12:00")).await;
    order(
        &mut stage,
        "o4",
        json!({"action": "cancel", "by": "merchant", "reason": "sold out", "refund": "r1"}),
    )
    .await;
    // on the day promised, after the hour
    at(&stage, "03-03T18:00");
    for id in ["o1", "o2"] {
        order(&mut stage, id, json!({"action": "ship", "shipment": "s1", "mode": "parcel"})).await;
    }
    at(&stage, "03-04T10:00");
    for id in ["o1", "o2"] {
        order(&mut stage, id, json!({"action": "deliver", "shipment": "s1"})).await;
    }
    order(&mut stage, "o1", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    order(&mut stage, "o1", json!({"action": "post_review", "review": "r1", "overall": 5, "service": 2}))
        .await;
    order(&mut stage, "o2", json!({"action": "post_review", "review": "r1", "overall": 3})).await;
    let dispute = json!({"action": "open_dispute", "dispute": "d1", "by": "buyer", "category": "quality",
        "claim": cny("10.00")});
    order(&mut stage, "o2", dispute).await;
    at(&stage, "03-05T10:00");
    order(&mut stage, "o1", json!({"action": "request_return", "return": "t1", "reason": "too small"})).await;
    order(&mut stage, "o2", json!({"action": "answer_dispute", "dispute": "d1", "by": "merchant"})).await;
    let rule = json!({"action": "rule_dispute", "dispute": "d1", "for": "buyer", "refund": cny("10.00"),
        "penalty": cny("0.00"), "rule": {"version": 1, "clause": "q"}, "reason": "broken"});
    order(&mut stage, "o2", rule).await;
    stage
}

fn after_sales(stage: &Stage, range: Days, by: &[Dimension]) -> (Vec<(Vec<String>, AfterSales)>, AfterSales) {
    let question = AfterSalesQuestion { days: range, by: by.to_vec(), currency: currency() };
    aftermath(stage).after_sales(&question).unwrap()
}

#[tokio::test]
async fn what_became_of_orders_is_counted_for_the_day_of_each_thing() {
    let stage = market().await;
    let (_, all) = after_sales(&stage, days("03-01", "03-31"), &[]);
    assert_eq!((all.orders, all.buyers, all.gmv.minor), (4, 2, 15_000));
    // o4 before it was shipped, o2 by the ruling out of escrow
    assert_eq!((all.orders_refunded, all.refunded_before_release, all.refunded_after_release), (2, 2, 0));
    assert_eq!((all.refunded.minor, all.refunded_of_orders.minor), (3_000, 3_000));
    assert_eq!((all.delivered, all.returns, all.exchanges, all.orders_disputed), (2, 1, 0, 1));
    assert_eq!((all.shipped_promised, all.shipped_on_time), (2, 2), "the day is promised, not the hour");
    assert_eq!((all.delivered_promised, all.delivered_on_time), (2, 1));
    assert_eq!(all.delivery.median, Some(48 * 3_600 * 1_000_000));
    assert_eq!((all.disputes, all.ruled, all.ruled_for_buyer), (1, 1, 1));
    assert_eq!(all.about.into_iter().collect::<Vec<_>>(), [("quality", 1)]);
    assert_eq!((all.reviews, all.positive), (2, 1));
    // 10 % of what was released
    assert_eq!(all.commission.minor, 600);
    let (by_day, _) = after_sales(&stage, days("03-02", "03-05"), &[Dimension::Day, Dimension::Merchant]);
    let told: Vec<_> = by_day
        .iter()
        .map(|(words, of)| (words.join(" "), of.orders, of.refunded.minor, of.refunded_of_orders.minor))
        .collect();
    assert_eq!(
        told,
        [
            ("2026-03-02 m1".into(), 2, 0, 1_000),
            ("2026-03-02 m2".into(), 2, 2_000, 2_000),
            ("2026-03-03 m1".into(), 0, 0, 0),
            ("2026-03-04 m1".into(), 0, 0, 0),
            ("2026-03-05 m1".into(), 0, 1_000, 0),
        ]
    );
}

#[tokio::test]
async fn after_sales_are_not_asked_by_what_orders_do_not_know() {
    let stage = market().await;
    let by = vec![Dimension::Channel];
    let question = AfterSalesQuestion { days: days("03-01", "03-31"), by, currency: currency() };
    let refused = aftermath(&stage).after_sales(&question).unwrap_err();
    assert!(refused.to_string().contains("day, week, month, merchant, sales_channel"), "{refused}");
}

/// b1 asks an1 and, later, an2, who answers before b1 pays; b3 asks and is not answered; an1 breaks two rules.
async fn asked() -> Stage {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let open = |visitor: &str, agent: Option<&str>| {
        let mut open = json!({"action": "open", "merchant": "m1", "topic": "presale", "visitor": visitor});
        if let Some(agent) = agent {
            open["agent"] = json!(agent);
        }
        open
    };
    let answer = |agent: &str| json!({"action": "answer", "agent": agent});
    at(&stage, "03-02T10:00");
    stage.ask("inquiry", "i1", open("v-b1", Some("an1"))).await;
    stage.ask("inquiry", "i2", open("v-b2", None)).await;
    stage.ask("inquiry", "i3", open("v-b3", Some("an1"))).await;
    stage.clock.set(stage.now().0 + 30_000_000);
    stage.ask("inquiry", "i1", answer("an1")).await;
    stage.clock.set(stage.now().0 + 30_000_000);
    stage.ask("inquiry", "i2", answer("an1")).await;
    at(&stage, "03-02T10:11");
    stage.ask("inquiry", "i1", answer("an2")).await;
    stage.ask("inquiry", "i1", json!({"action": "close"})).await;
    for rule in ["rude", "late"] {
        stage.ask("inquiry", "i2", json!({"action": "record_violation", "agent": "an1", "rule": rule})).await;
    }
    at(&stage, "03-03T10:00");
    paid(&mut stage, "o1", "m1", "b1", "60.00", ("09T12:00", "09T12:00")).await;
    // paid in the next month: not in time for the plan, in time for a window
    at(&stage, "04-01T10:00");
    paid(&mut stage, "o2", "m1", "b2", "40.00", ("09T12:00", "09T12:00")).await;
    at(&stage, "04-02T10:00");
    for id in ["o1", "o2"] {
        order(&mut stage, id, json!({"action": "ship", "shipment": "s1", "mode": "parcel"})).await;
        order(&mut stage, id, json!({"action": "deliver", "shipment": "s1"})).await;
        order(&mut stage, id, json!({"action": "post_review", "review": "r1", "overall": 4, "service": 2}))
            .await;
    }
    stage
}

#[tokio::test]
async fn an_agent_is_told_by_whom_it_answered_first_and_by_what_was_paid_after_it_answered_last() {
    let stage = asked().await;
    let found = |window: Option<u32>| {
        let question = ServiceQuestion {
            days: days("03-01", "04-30"),
            by_month: true,
            currency: currency(),
            window,
            at_once: 1,
            lingers: 5 * 60 * 1_000_000,
        };
        aftermath(&stage).service(&question).unwrap()
    };
    let plan = found(None);
    let told = |of: &Service| {
        let agent = of.agent.clone().unwrap_or_default();
        (agent, [of.inquiries, of.answered, of.fast, of.received, of.converted, of.orders], of.gmv.minor)
    };
    let agents: Vec<_> = plan.agents.iter().map(told).collect();
    // the inquiry that nobody answered is of whom it was given to
    assert_eq!(agents, [("an1".into(), [3, 2, 1, 3, 0, 0], 0), ("an2".into(), [0, 0, 0, 1, 1, 1], 6_000)]);
    let march = &plan.all[0];
    assert_eq!(told(march).1, [3, 2, 1, 3, 1, 1]);
    assert_eq!((march.response.median, march.response.p95), (Some(30_000_000), Some(60_000_000)));
    let first = &plan.agents[0];
    // two guests answered 30 seconds apart, each served for five minutes more: one is not closed, the other is another's then
    assert_eq!((first.violations, first.most_at_once), (2, 2));
    assert_eq!((first.serving, first.crowded), (330_000_000, 270_000_000));
    let by: Vec<_> = first.violations_by.iter().map(|(rule, n)| (rule.as_str(), *n)).collect();
    assert_eq!(by, [("late", 1), ("rude", 1)]);
    assert_eq!(plan.agents[1].bad_reviews, 1);
    assert_eq!(plan.all[1].inquiries + plan.all[1].orders, 0, "in April nobody asked");
    let window = found(Some(30));
    let agents: Vec<_> = window.agents.iter().map(told).collect();
    // who asked in March converts in March, and what was paid in April is April's
    assert_eq!(
        agents,
        [
            ("an1".into(), [3, 2, 1, 3, 1, 0], 0),
            ("an2".into(), [0, 0, 0, 1, 1, 1], 6_000),
            ("an1".into(), [0, 0, 0, 0, 0, 1], 4_000)
        ]
    );
}

fn service(stage: &Stage, range: Days, window: Option<u32>) -> (Vec<Service>, Vec<Service>) {
    let question = ServiceQuestion {
        days: range,
        by_month: true,
        currency: currency(),
        window,
        at_once: 5,
        lingers: 5 * 60 * 1_000_000,
    };
    let found = aftermath(stage).service(&question).unwrap();
    (found.agents, found.all)
}

async fn ask_and_answer(stage: &mut Stage, id: &str, visitor: &str, agents: &[&str]) {
    let open = json!({"action": "open", "merchant": "m1", "topic": "presale", "visitor": visitor});
    stage.ask("inquiry", id, open).await;
    for agent in agents {
        stage.ask("inquiry", id, json!({"action": "answer", "agent": agent})).await;
    }
}

#[tokio::test]
async fn an_order_is_of_the_last_who_answered_before_it_in_one_month_alone() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    at(&stage, "03-30T10:00");
    ask_and_answer(&mut stage, "i1", "v-b1", &["an1"]).await;
    at(&stage, "04-02T10:00");
    ask_and_answer(&mut stage, "i2", "v-b1", &["an2"]).await;
    at(&stage, "04-03T10:00");
    paid(&mut stage, "o1", "m1", "b1", "100.00", ("09T12:00", "09T12:00")).await;
    for window in [Some(7), None] {
        let (agents, all) = service(&stage, days("03-01", "04-30"), window);
        let told = |of: &Service| {
            (of.agent.clone().unwrap_or_default(), of.from.to_string(), of.converted, of.gmv.minor)
        };
        let sold: Vec<_> = agents.iter().map(told).filter(|of| of.2 + u64::from(of.3 > 0) > 0).collect();
        assert_eq!(sold, [("an2".into(), "2026-04-01".into(), 1, 10_000)], "{window:?}");
        assert_eq!(
            all.iter().map(|of| (of.converted, of.gmv.minor)).collect::<Vec<_>>(),
            [(0, 0), (1, 10_000)]
        );
        // a month alone says what it says among others
        let (march, _) = service(&stage, days("03-01", "03-31"), window);
        assert_eq!(march.iter().map(|of| of.converted + of.orders).sum::<u64>(), 0);
    }
}

#[tokio::test]
async fn an_agent_converts_no_more_guests_than_it_received_and_sells_without_an_inquiry() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    at(&stage, "03-02T10:00");
    for (n, agents) in [&["an1", "an2"][..], &["an1", "an2"], &["an2"]].into_iter().enumerate() {
        ask_and_answer(&mut stage, &format!("i{n}"), &format!("v-b{n}"), agents).await;
        paid(&mut stage, &format!("o{n}"), "m1", &format!("b{n}"), "10.00", ("09T12:00", "09T12:00")).await;
    }
    // sold by telephone: nobody asked, and the order says who sold it
    let line = json!({"line": "1", "product": "p-1", "category": "toys", "quantity": 1,
        "unit_price": cny("100.00"), "discount": cny("0.00")});
    let place = json!({"action": "place", "checkout": "o9", "buyer": "b9", "merchant": "m1", "lines": [line],
        "shipping": cny("0.00"), "sales_channel": "phone", "agent": "an3"});
    order(&mut stage, "o9", place).await;
    let orders = json!([{"order": "o9", "merchant": "m1", "buyer_pays": cny("100.00")}]);
    stage
        .ask("checkout", "o9", json!({"action": "open", "buyer": "b9", "currency": "CNY", "orders": orders}))
        .await;
    stage.pay("o9", "p1", "100.00").await;
    let (agents, all) = service(&stage, days("03-01", "03-31"), None);
    let told = |of: &Service| {
        (
            of.agent.clone().unwrap_or_default(),
            [of.inquiries, of.received, of.converted, of.orders],
            of.gmv.minor,
        )
    };
    assert_eq!(
        agents.iter().map(told).collect::<Vec<_>>(),
        [
            ("an1".into(), [2, 2, 0, 0], 0),
            ("an2".into(), [1, 3, 3, 3], 3_000),
            ("an3".into(), [0, 0, 0, 1], 10_000)
        ]
    );
    assert_eq!(told(&all[0]).1, [3, 3, 3, 4]);
}

#[tokio::test]
async fn guests_whom_nobody_closed_are_served_at_once() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    at(&stage, "03-02T10:00");
    for n in 0..8 {
        ask_and_answer(&mut stage, &format!("i{n}"), &format!("v-{n}"), &["an1"]).await;
    }
    // five minutes later another takes one over, as the rest linger no longer
    at(&stage, "03-02T10:05");
    stage.ask("inquiry", "i0", json!({"action": "answer", "agent": "an2"})).await;
    let (agents, _) = service(&stage, days("03-01", "03-31"), None);
    assert_eq!(agents.iter().map(|of| of.most_at_once).collect::<Vec<_>>(), [8, 1]);
    assert_eq!((agents[0].serving, agents[0].crowded), (300_000_000, 300_000_000));
}

#[tokio::test]
async fn disputes_are_told_by_category_as_a_rate_of_orders() {
    let stage = market().await;
    let (by, all) = after_sales(&stage, days("03-01", "03-31"), &[Dimension::Merchant]);
    let about =
        |of: &AfterSales| of.orders_disputed_about.iter().map(|(of, n)| (*of, *n)).collect::<Vec<_>>();
    assert_eq!((all.orders, about(&all)), (4, vec![("quality", 1)]));
    assert_eq!(about(&by[1].1), []);
}

#[tokio::test]
async fn what_counts_on_its_own_day_is_the_same_however_much_is_kept_of_before() {
    let stage = market().await;
    let day = days("03-05", "03-05");
    let of = |since| {
        let found = stage.ask_models(|models| models.aftermath(since, AsOf::HEAD, &mut |_| {}).unwrap());
        let by = vec![Dimension::Merchant];
        found.after_sales(&AfterSalesQuestion { days: day, by, currency: currency() }).unwrap()
    };
    assert_eq!(of(day.from), of(chrono::NaiveDate::default()));
    assert_eq!(of(day.from).1.refunded.minor, 1_000);
}

#[tokio::test]
async fn what_goes_back_of_an_order_that_was_over_counts_where_the_order_itself_is_let_go_of() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    at(&stage, "03-02T10:00");
    paid(&mut stage, "o1", "m1", "b1", "60.00", ("03T12:00", "05T12:00")).await;
    stage.deliver("o1").await;
    order(&mut stage, "o1", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    stage.days(40).await;
    assert!(stage.story("order-o1").iter().any(|kind| kind == "OrderCompleted"));
    let received = json!({"action": "receive_chargeback", "chargeback": "cb1", "payment": "p1",
        "amount": cny("20.00"), "reason": "fraud"});
    stage.ask("checkout", "o1", received).await;
    stage.ask("checkout", "o1", json!({"action": "lose_chargeback", "chargeback": "cb1"})).await;
    paid(&mut stage, "o2", "m1", "b1", "30.00", ("03T12:00", "05T12:00")).await;
    let april = days("04-01", "04-30");
    let of = |since| {
        let found = stage.ask_models(|models| models.aftermath(since, AsOf::HEAD, &mut |_| {}).unwrap());
        let by = vec![Dimension::Merchant];
        (
            found.after_sales(&AfterSalesQuestion { days: april, by, currency: currency() }).unwrap(),
            found.currencies(),
        )
    };
    let (figures, currencies) = of(april.from);
    assert_eq!((&figures, &currencies), (&of(chrono::NaiveDate::default()).0, &vec![currency()]));
    let m1 = &figures.0[0];
    assert_eq!(
        (m1.0.concat().as_str(), m1.1.orders, m1.1.gmv.minor, m1.1.refunded.minor),
        ("m1", 1, 3_000, 2_000)
    );
    let (march, _) = {
        let found = aftermath(&stage);
        found
            .after_sales(&AfterSalesQuestion {
                days: days("03-01", "03-31"),
                by: vec![Dimension::Merchant],
                currency: currency(),
            })
            .unwrap()
    };
    assert_eq!((march[0].1.delivered, march[0].1.refunded_of_orders.minor), (1, 2_000));
}

fn rules(fails_to_go: u32) -> AssessmentRules {
    let rule = |figure, weight, nothing: &str, full: &str, limit: Option<&str>| Rule {
        figure,
        weight,
        nothing: nothing.parse().unwrap(),
        full: full.parse().unwrap(),
        limit: limit.map(|limit| limit.parse().unwrap()),
    };
    let tier = |name: &str, from: &str| Tier { name: name.into(), from: from.parse().unwrap(), reward: None };
    AssessmentRules {
        version: "test-1".into(),
        pass: "60".parse().unwrap(),
        fails_to_go,
        fewest_orders: 1,
        rules: vec![
            rule(Figure::PositiveRate, 1, "0", "1", None),
            rule(Figure::DisputeRate, 1, "1", "0", Some("0.4")),
            rule(Figure::DepositShare, 2, "0", "1", None),
        ],
        tiers: vec![tier("low", "0"), tier("high", "70")],
    }
}

fn told(of: &Assessment) -> (&str, String, &str, Option<bool>, u32, bool) {
    let score = of.score.map_or_else(String::new, |score| score.normalize().to_string());
    (&of.merchant, score, of.tier.as_deref().unwrap_or("-"), of.passed, of.fails, of.should_go)
}

#[tokio::test]
async fn a_merchant_is_scored_by_the_figures_that_it_has_and_goes_after_fails_in_a_row() {
    let mut stage = market().await;
    let march = days("03-01", "03-31");
    let found = aftermath(&stage).assess(march, currency(), &rules(1)).unwrap();
    // m1: half its reviews and half its orders, and all its deposit; beyond the limit of disputes. m2 has no reviews and no
    // deposit to keep: what is left is that it has no disputes
    assert_eq!(
        found.iter().map(told).collect::<Vec<_>>(),
        [("m1", "75".into(), "-", Some(false), 1, true), ("m2", "100".into(), "high", Some(true), 0, false)]
    );
    assert_eq!(found[0].beyond, [Figure::DisputeRate]);
    let (held, required) = found[0].deposit.unwrap();
    assert_eq!((held.minor, required.minor), (10_000, 10_000));
    at(&stage, "05-02T10:00");
    stage.settle().await;
    paid(&mut stage, "o9", "m1", "b1", "60.00", ("09T12:00", "09T12:00")).await;
    let dispute = json!({"action": "open_dispute", "dispute": "d9", "by": "buyer", "category": "price"});
    order(&mut stage, "o9", dispute).await;
    let may = aftermath(&stage).assess(days("05-01", "05-31"), currency(), &rules(3)).unwrap();
    // April had no orders: it neither counts nor breaks the row
    let m1 = may.iter().find(|of| of.merchant == "m1").unwrap();
    assert_eq!((m1.passed, m1.fails, m1.should_go), (Some(false), 2, false));
    let two = aftermath(&stage).assess(days("05-01", "05-31"), currency(), &rules(2)).unwrap();
    let m1 = two.iter().find(|of| of.merchant == "m1").unwrap();
    assert_eq!((m1.fails, m1.should_go), (2, true), "March stands in the row, behind April");
    let mut twice = rules(3);
    twice.rules.push(twice.rules[0].clone());
    let refused = aftermath(&stage).assess(march, currency(), &twice).unwrap_err();
    assert!(refused.to_string().contains("positive_rate stands twice"), "{refused}");
}

#[test]
fn rules_that_cannot_be_used_are_refused_by_figure_and_cure() {
    let refused = |change: fn(&mut AssessmentRules)| {
        let mut rules = rules(1);
        change(&mut rules);
        rules.check().unwrap_err()
    };
    let huge = "79228162514264337593543950335";
    for (change, said) in [
        (
            (|rules| rules.rules.clear()) as fn(&mut AssessmentRules),
            "there are none: name at least one figure",
        ),
        (|rules| rules.rules[1].weight = 0, "dispute_rate has a weight of 0: use 1 to 1000"),
        (|rules| rules.rules[0].weight = 2_000, "positive_rate has a weight of 2000: use 1 to 1000"),
        (
            |rules| rules.rules[0].limit = Some("1.2".parse().unwrap()),
            "positive_rate scores all at 1, and its limit 1.2",
        ),
        (|rules| rules.rules[1].limit = Some("-0.1".parse().unwrap()), "lies below: nobody would pass"),
        (|rules| rules.tiers[1].from = "0".parse().unwrap(), "two begin at 0: set them apart"),
        (|rules| rules.tiers[1].name = "low".into(), "low stands twice"),
        (|rules| rules.tiers[0].name = " ".into(), "the one from 0 has no name"),
        (|rules| rules.tiers[0].from = "101".parse().unwrap(), "low begins at 101: a score is from 0 to 100"),
        (|rules| rules.tiers[0].from = "61".parse().unwrap(), "none holds a score of 60, which passes"),
    ] {
        let why = refused(change);
        assert!(why.contains(said), "{why}");
    }
    let mut wide = rules(1);
    (wide.rules[0].nothing, wide.rules[0].full) =
        (format!("-{huge}").parse().unwrap(), huge.parse().unwrap());
    let why = wide.check().unwrap_err();
    assert!(
        why.contains("positive_rate has nothing at -7922") && why.contains("use 10000000000000000 at most"),
        "{why}"
    );
}
