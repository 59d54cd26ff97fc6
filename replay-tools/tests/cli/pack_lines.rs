//! The lines of packs, drawn from stories of which a person knows what they come to.
#![allow(clippy::inconsistent_digit_grouping)] // 60_00 is 60.00

use chrono::NaiveDate;
use daybook_domain::traffic::RawHit;
use daybook_domain::{Currency, MerchantId, Timestamp};
use daybook_market::Calendar;
use daybook_market::loan_pack::{Asked, draw};
use daybook_market::market_pack::{MarketAsked, draw_market};
use daybook_market::proven::liabilities;
use daybook_metrics::MarketSites;
use daybook_packs::{Facts, Figures, MarketFacts, Month, Pack};
use daybook_projections::metrics::Sites;
use daybook_tests::shop::{at, hit, record, record_hits};
use daybook_tests::stage::{Stage, cny};
use serde_json::json;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// An order of one line in a sales channel, placed and paid at a time.
async fn order(
    stage: &mut Stage,
    (id, merchant, buyer, visitor): (&str, &str, &str, &str),
    when: &str,
    pays: &str,
) {
    at(stage, when);
    order_in(stage, "own", (id, merchant, buyer, visitor), pays).await;
}

async fn order_in(
    stage: &mut Stage,
    channel: &str,
    (id, merchant, buyer, visitor): (&str, &str, &str, &str),
    pays: &str,
) {
    let line = json!({"line": "1", "product": "p-1", "category": "toys", "quantity": 1,
        "unit_price": cny(pays), "discount": cny("0.00")});
    let mut place = json!({"action": "place", "checkout": id, "buyer": buyer, "merchant": merchant, "lines": [line],
        "shipping": cny("0.00"), "sales_channel": channel});
    if !visitor.is_empty() {
        place["visitor"] = json!(visitor);
    }
    stage.ask("order", id, place).await;
    let orders = json!([{"order": id, "merchant": merchant, "buyer_pays": cny(pays)}]);
    stage
        .ask("checkout", id, json!({"action": "open", "buyer": buyer, "currency": "CNY", "orders": orders}))
        .await;
    stage.pay(id, "p1", pays).await;
}

fn market_pack(stage: &Stage, from: &str, to: &str) -> MarketFacts {
    let journal = stage.market.journal().as_ref();
    let asked = MarketAsked {
        from: day(from),
        to: day(to),
        currency: None,
        through: None,
        sites: Sites::default(),
        drawn_at: Timestamp::parse("2026-06-01T00:00:00Z").unwrap(),
        issued: None,
    };
    let calendar = Calendar::of_journal(journal).unwrap();
    draw_market(journal, calendar, &asked, &mut |_, _| {}).unwrap()
}

fn told(figures: &Figures, expected: &[(&str, &str)]) {
    for (id, value) in expected {
        assert_eq!(figures.get(id), Some(*value), "{id}");
    }
}

/// Two months of a market with an app of its own in which it sells too: what each line is, a person has reckoned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_markets_lines_are_those_that_a_person_reckons() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.merchant("m2", "100.00").await;
    record(&stage, &[("v1", "2026-03-02T09:00:00+08:00", "/", "")]).await;
    // in the app, which reports both days: the first after a visit that is recorded
    at(&stage, "2026-03-02T10:00:00+08:00");
    order_in(&mut stage, "tmall", ("o1", "m1", "b1", "v1"), "100.00").await;
    at(&stage, "2026-03-02T11:00:00+08:00");
    order_in(&mut stage, "tmall", ("o2", "m1", "b2", ""), "50.00").await;
    at(&stage, "2026-03-03T11:00:00+08:00");
    order_in(&mut stage, "tmall", ("o3", "m1", "b2", ""), "30.00").await;
    for (day, uv) in [("2026-03-02", 300), ("2026-03-03", 200)] {
        let report = json!({"action": "report", "day": day, "uv": uv, "pv": 500, "source": "platform"});
        stage.ask("channel", "tmall", report).await;
    }
    // at the end of the month in Shanghai: both are on 31 March by UTC
    order(&mut stage, ("o4", "m1", "b3", ""), "2026-03-31T23:30:00+08:00", "20.00").await;
    order(&mut stage, ("o5", "m1", "b1", ""), "2026-04-01T00:30:00+08:00", "40.00").await;
    // the bank asks for o2, loses, asks again and gets it; o3 is not delivered
    let received = json!({"action": "receive_chargeback", "chargeback": "cb1", "payment": "p1",
        "amount": cny("50.00"), "reason": "fraud"});
    let mut again = received.clone();
    again["round"] = json!(2);
    for (when, ask) in [
        ("2026-04-02T12:00:00+08:00", received),
        ("2026-04-05T12:00:00+08:00", json!({"action": "win_chargeback", "chargeback": "cb1"})),
        ("2026-04-10T12:00:00+08:00", again),
        ("2026-04-20T12:00:00+08:00", json!({"action": "lose_chargeback", "chargeback": "cb1", "round": 2})),
    ] {
        at(&stage, when);
        stage.ask("checkout", "o2", ask).await;
    }
    at(&stage, "2026-04-21T12:00:00+08:00");
    stage
        .ask(
            "order",
            "o3",
            json!({"action": "cancel", "by": "merchant", "reason": "sold out", "refund": "r1"}),
        )
        .await;

    // m2 is owed its deposit less a penalty, m3 owes one
    stage.merchant("m3", "0.00").await;
    for (merchant, amount) in [("m2", "30.00"), ("m3", "5.00")] {
        let penalty =
            json!({"action": "charge_penalty", "amount": cny(amount), "reason": "rule 3:7.2: late"});
        stage.ask("account", merchant, penalty).await;
    }

    let facts = market_pack(&stage, "2026-02-01", "2026-04-30");
    assert_eq!(facts.subject.began, day("2026-03-01"));
    let sales: Vec<_> = facts
        .sales
        .iter()
        .map(|row| {
            (
                row.month.to_string(),
                row.merchant,
                row.paid_orders,
                row.paid.0,
                row.refunded.0,
                row.refunded_of_orders.0,
            )
        })
        .collect();
    assert_eq!(
        sales,
        [("2026-03".to_owned(), 1, 4, 200_00, 0, 80_00), ("2026-04".to_owned(), 1, 1, 40_00, 80_00, 0)]
    );
    let days: Vec<_> = facts
        .days
        .iter()
        .map(|row| (row.day.to_string(), row.paid_orders, row.paid.0, row.refunded.0))
        .collect();
    assert_eq!(days[2..4], [("2026-03-31".to_owned(), 1, 20_00, 0), ("2026-04-01".to_owned(), 1, 40_00, 0)]);
    let cohorts: Vec<_> = facts
        .buyers
        .iter()
        .map(|row| (row.cohort.to_string(), row.month.to_string(), row.buyers, row.first_here, row.paid.0))
        .collect();
    let march = "2026-03".to_owned();
    assert_eq!(
        cohorts,
        [(march.clone(), march.clone(), 3, 3, 200_00), (march, "2026-04".to_owned(), 1, 0, 40_00)]
    );
    // a bank that asks again for what it lost asks once
    let cases: Vec<_> = facts
        .cases
        .iter()
        .map(|row| {
            (
                row.kind.as_str(),
                row.opened,
                row.claimed.0,
                row.closed,
                row.for_buyer,
                row.for_merchant,
                row.lost.0,
            )
        })
        .collect();
    assert_eq!(cases, [("chargeback", 1, 50_00, 1, 1, 0, 50_00)]);
    // each order after a recorded visit, or in the app, or neither
    let of = |counted: &str, month: Option<&str>| {
        let month = month.map(|month| Month::parse(month).unwrap());
        let mut rows = facts
            .traffic
            .iter()
            .filter(|row| row.counted == counted && row.month == month && row.channel.is_none());
        rows.next().map(|row| (row.visitors, row.buyers, row.orders, row.paid.0))
    };
    for month in [None, Some("2026-03")] {
        assert_eq!(of("recorded", month), Some((Some(1), 1, 1, 100_00)));
        assert_eq!(of("reported", month), Some((None, 0, 2, 80_00)));
    }
    assert_eq!(of("reported", Some("2026-04")), None);

    let figures = Figures::of_market(&facts).unwrap();
    told(
        &figures,
        &[
            ("market.gmv", "240.00"),
            ("market.refunds", "80.00"),
            ("market.refunds.rate", "0.3333"),
            ("market.buyers", "3"),
            ("market.tracked.gmv", "100.00"),
            ("market.reported.gmv", "80.00"),
            ("market.untracked.gmv", "60.00"),
            ("market.tracked.share", "0.7500"),
            ("market.merchants", "3"),
            ("market.merchants.active", "1"),
            ("market.chargebacks.opened", "1"),
            ("market.chargebacks.won", "0"),
            ("market.chargebacks.lost", "1"),
            ("market.disputes.rate", "0.2000"),
            ("market.measured.from", "2026-03-01"),
            // 61 days from 1 March on, four with a sale
            ("market.days.zero", "57"),
            ("market.owed.deposits", "100.00"),
            ("market.owed.merchants", "70.00"),
            ("market.owed.receivable", "5.00"),
            // o1, o4 and o5 are in escrow, and o3 is to go back
            ("market.owed.buyers", "190.00"),
            ("market.owed", "260.00"),
        ],
    );
    // as it is stated to those who are owed
    let head = stage.market.journal().head().unwrap();
    let stated = stage.ask_models(|models| liabilities::owed(models, head)).unwrap();
    assert_eq!((stated.len(), stated[0].total(), stated[0].receivables), (1, 260_00, 5_00));
    // the pack holds, and is drawn the same again
    let pack = Pack::of_market(&facts, &figures, Vec::new()).unwrap();
    assert_eq!(pack.check_market().wrong, Vec::<String>::new());
    assert_eq!(market_pack(&stage, "2026-02-01", "2026-04-30"), facts);
    // as of the day on which the bank had lost, it had
    let earlier = market_pack(&stage, "2026-03-01", "2026-04-08");
    let cases: Vec<_> = earlier.cases.iter().map(|row| (row.closed, row.for_merchant, row.lost.0)).collect();
    assert_eq!(cases, [(1, 1, 0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_that_the_journal_has_not_come_to_is_refused() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let journal = stage.market.journal().as_ref();
    let through = Some(journal.head().unwrap() + 1);
    let calendar = Calendar::of_journal(journal).unwrap();
    let asked = Asked { through, ..asked("m1", Sites::default()) };
    let refused = draw(journal, calendar, &asked, &mut |_, _| {}).unwrap_err().to_string();
    assert!(refused.contains("the journal ends at position"), "{refused}");
}

fn asked(merchant: &str, sites: Sites) -> Asked {
    Asked {
        merchant: MerchantId::new(merchant).unwrap(),
        from: day("2026-03-01"),
        to: day("2026-04-30"),
        currency: Some(Currency::new("CNY").unwrap()),
        through: None,
        sites,
        drawn_at: Timestamp::parse("2026-06-01T00:00:00Z").unwrap(),
        issued: None,
    }
}

/// How the buyer of each order of m1 came.
fn came(stage: &Stage, sites: Sites) -> (Vec<(String, Option<String>)>, Figures) {
    let journal = stage.market.journal().as_ref();
    let calendar = Calendar::of_journal(journal).unwrap();
    let facts: Facts = draw(journal, calendar, &asked("m1", sites), &mut |_, _| {}).unwrap();
    let figures = Figures::of(&facts).unwrap();
    (facts.orders.into_iter().map(|order| (order.order, order.traffic)).collect(), figures)
}

/// Six orders of m1 whose buyers came by an advertisement, by a blog, by nothing that is known; and one of another merchant.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_came_by_paid_traffic_where_its_last_visit_that_was_not_direct_did() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.merchant("m2", "0.00").await;
    let seen = |visitor: &'static str, when: &'static str, page: &'static str, referrer: &'static str| {
        let at = format!("2026-03-{when}:00+08:00");
        hit(&RawHit {
            visitor: visitor.into(),
            at: at.into(),
            page: page.into(),
            referrer: referrer.into(),
            ..RawHit::default()
        })
    };
    let (advertisement, blog) = ("/?gclid=Cj0", "https://blog.example/post");
    let hits = vec![
        // paid for, and back by nothing: the advertisement brought it
        seen("v1", "02T09:00", advertisement, "https://www.google.com/"),
        seen("v1", "02T12:00", "/", ""),
        seen("v2", "02T09:00", "/", blog),
        // paid for, and then by a blog
        seen("v3", "02T09:00", advertisement, "https://www.google.com/"),
        seen("v3", "03T09:00", "/", blog),
        // back from the market's own host of payments
        seen("v4", "02T09:00", advertisement, "https://www.google.com/"),
        seen("v4", "02T11:00", "/paid", "https://pay.shop.example/done"),
        seen("v9", "02T09:00", advertisement, "https://www.google.com/"),
    ];
    record_hits(&stage, hits).await;
    for (id, merchant, buyer, visitor, when, pays) in [
        ("o1", "m1", "b1", "v1", "2026-03-02T12:10:00+08:00", "40.00"),
        ("o2", "m1", "b2", "v2", "2026-03-02T12:20:00+08:00", "20.00"),
        ("o3", "m1", "b3", "v3", "2026-03-03T12:00:00+08:00", "15.00"),
        ("o4", "m1", "b4", "v4", "2026-03-03T12:10:00+08:00", "10.00"),
        ("o5", "m1", "b5", "", "2026-03-03T12:20:00+08:00", "10.00"),
        ("o9", "m2", "b9", "v9", "2026-03-03T12:30:00+08:00", "70.00"),
        // more than 30 days after the last visit
        ("o6", "m1", "b1", "v1", "2026-04-12T12:00:00+08:00", "5.00"),
    ] {
        at(&stage, when);
        order_in(&mut stage, "own", (id, merchant, buyer, visitor), pays).await;
    }
    let expected = |o4: &str| {
        let kinds = [("o1", "paid"), ("o2", "free"), ("o3", "free"), ("o4", o4), ("o5", ""), ("o6", "")];
        kinds
            .map(|(id, kind)| (id.to_owned(), Some(kind.to_owned()).filter(|kind| !kind.is_empty())))
            .to_vec()
    };
    let (orders, figures) = came(&stage, Sites::default());
    assert_eq!(orders, expected("free"), "by the rule's own lists the host of payments is anybody's");
    // 40 of 100, 1 of 6, 85 of 100
    told(
        &figures,
        &[
            ("dependence.paid_traffic", "0.4000"),
            ("dependence.paid_traffic_orders", "0.1667"),
            ("dependence.traffic_known", "0.8500"),
        ],
    );
    let own = MarketSites { own_hosts: vec!["*.shop.example".to_owned()], ..MarketSites::default() };
    let (orders, figures) = came(&stage, Sites::of(&own).unwrap());
    assert_eq!(orders, expected("paid"), "by the market's own lists it is its own");
    told(&figures, &[("dependence.paid_traffic", "0.5000")]);
}
