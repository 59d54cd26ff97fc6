//! Stories of shopping: the funnel, buyers, products and categories, bounces, and what sales channels report.

mod where_it_belongs;

use daybook_domain::traffic::{Incoming, RawHit};
use daybook_domain::{Currency, PartyId, Timestamp};
use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_metrics::{ChannelRule, Definition, MarketSites, SessionRule};
use daybook_projections::AsOf;
use daybook_projections::metrics::{
    BuyerFigures, Cell, Cells, Days, Dimension, History, Pareto, Question, Steps,
};
use daybook_tests::stage::{Stage, cny};
use serde_json::{Value, json};

/// As `record`, of one visitor at an instant.
fn raw(visitor: &str, time: &str) -> RawHit<'static> {
    RawHit {
        visitor: visitor.to_owned().into(),
        at: format!("2026-03-{time}:00+08:00").into(),
        page: "/tv".into(),
        product: "tv".into(),
        merchant: "m1".into(),
        ..RawHit::default()
    }
}

/// `visitor time what product`: a view, or an act by its word; of no product where that is `-`.
async fn record(stage: &Stage, hits: &[&str]) {
    let hits = hits.iter().map(|text| {
        let parts: Vec<&str> = text.split(' ').collect();
        let [visitor, time, what, product] = parts[..] else { panic!("{text}") };
        let act = if what == "view" { "" } else { what };
        let hit = RawHit {
            visitor: visitor.into(),
            at: format!("2026-03-{time}:00+08:00").into(),
            page: if product == "-" { "/".into() } else { format!("/{product}").into() },
            act: act.into(),
            product: if product == "-" { "".into() } else { product.into() },
            merchant: "m1".into(),
            referrer: if visitor == "v1" { "https://www.baidu.com/".into() } else { "".into() },
            ..RawHit::default()
        };
        let incoming =
            Incoming { earliest: Timestamp(0), latest: Timestamp(i64::MAX), arrived: None, number: None };
        hit.check(&incoming).unwrap()
    });
    stage.market.traffic().record(hits.collect(), PartyId::new("collector").unwrap()).await.unwrap();
}

fn at(stage: &Stage, time: &str) {
    stage.clock.set(Timestamp::parse(&format!("2026-03-{time}:00+08:00")).unwrap().0);
}

fn line(number: usize, product: &str, category: &str, price: &str, list: Option<&str>) -> Value {
    let mut line = json!({"line": number.to_string(), "product": product, "category": category, "quantity": 1,
        "unit_price": cny(price), "discount": cny("0.00")});
    if let Some(list) = list {
        line["list_price"] = cny(list);
    }
    line
}

/// An order, placed now, and paid unless `pays` is empty.
async fn order(stage: &mut Stage, id: &str, buyer: &str, visitor: &str, lines: Vec<Value>, pays: &str) {
    let mut place = json!({"action": "place", "checkout": id, "buyer": buyer, "merchant": "m1", "lines": lines,
        "shipping": cny("0.00"), "sales_channel": "own"});
    if visitor.is_empty() {
        place["sales_channel"] = json!("tmall");
    } else {
        place["visitor"] = json!(visitor);
    }
    stage.ask("order", id, place).await;
    if pays.is_empty() {
        return;
    }
    let orders = json!([{"order": id, "merchant": "m1", "buyer_pays": cny(pays)}]);
    stage
        .ask("checkout", id, json!({"action": "open", "buyer": buyer, "currency": "CNY", "orders": orders}))
        .await;
    stage.pay(id, "p1", pays).await;
}

/// Three visitors look, put into the cart and order; v2 in the wrong order, v3 does not pay; two buyers on Tmall.
async fn shop() -> Stage {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    at(&stage, "02T09:30");
    // bought before the range that most questions here are about
    order(&mut stage, "o0", "b1", "v1", vec![line(1, "tv", "home", "5.00", None)], "5.00").await;
    at(&stage, "03T10:30");
    let lines =
        vec![line(1, "tv", "home", "60.00", Some("80.00")), line(2, "car", "toys", "15.00", Some("15.00"))];
    order(&mut stage, "o1", "b1", "v1", lines, "75.00").await;
    order(&mut stage, "o2", "b2", "v2", vec![line(1, "car", "toys", "10.00", Some("20.00"))], "10.00").await;
    order(&mut stage, "o3", "b3", "v3", vec![line(1, "car", "toys", "10.00", None)], "").await;
    at(&stage, "04T10:30");
    order(&mut stage, "o4", "b9", "", vec![line(1, "car", "toys", "40.00", None)], "40.00").await;
    order(&mut stage, "o5", "b9", "", vec![line(1, "tv", "home", "20.00", None)], "20.00").await;
    order(&mut stage, "o6", "b2", "v2", vec![line(1, "tv", "home", "30.00", None)], "30.00").await;
    let hits = [
        "v1 02T09:00 view -",
        "v1 03T10:00 view -",
        "v1 03T10:01 view tv",
        "v1 03T10:02 add_to_cart tv",
        "v2 03T10:00 add_to_cart car",
        "v2 03T10:05 view car",
        "v3 03T10:00 view car",
        "v3 03T10:00 view car",
        "v3 03T10:10 add_to_cart car",
        "v4 04T09:00 register -",
        "v5 04T09:00 view tv",
    ];
    record(&stage, &hits).await;
    stage
}

fn history(stage: &Stage) -> History {
    let rule = ChannelRule::new(&MarketSites::default()).unwrap();
    let since = "2026-03-02".parse().unwrap();
    stage
        .ask_models(|models| models.history(since, DEFAULT_LOOK_BACK, rule, AsOf::HEAD, &mut |_| {}).unwrap())
}

fn question(from: &str, to: &str, by: &[Dimension]) -> Question {
    let day = |text: &str| format!("2026-03-{text}").parse().unwrap();
    Question {
        days: Days { from: day(from), to: day(to) },
        by: by.to_vec(),
        sessions: SessionRule::default(),
        currency: Currency::new("CNY").unwrap(),
    }
}

fn steps(of: &Steps) -> [u64; 4] {
    [of.viewed, of.carted, of.ordered, of.paid]
}

#[tokio::test]
async fn a_funnel_counts_who_took_each_step_after_the_one_before() {
    let history = history(&shop().await);
    let funnel = |by: &[Dimension]| history.funnel(&question("03", "04", by)).unwrap();
    let all = funnel(&[]);
    // v2 put it into the cart before it saw it; v5 only looked; v3 did not pay
    assert_eq!(steps(&all.total), [4, 2, 2, 1]);
    assert_eq!(steps(&all.anyhow), [4, 3, 3, 2]);
    let rows = |by: &[Dimension]| -> Vec<(String, [u64; 4])> {
        funnel(by).cells.iter().map(|(words, of)| (words.join(" "), steps(of))).collect()
    };
    assert_eq!(
        rows(&[Dimension::Channel]),
        [("direct".into(), [3, 1, 1, 0]), ("organic_search".into(), [1, 1, 1, 1])]
    );
    // v1 also bought a car, which it had not looked at
    assert_eq!(rows(&[Dimension::Category]), [("home".into(), [2, 1, 1, 1]), ("toys".into(), [2, 1, 1, 0])]);
    assert_eq!(
        rows(&[Dimension::Day, Dimension::Product]),
        [
            ("2026-03-03 car".into(), [2, 1, 1, 0]),
            ("2026-03-03 tv".into(), [1, 1, 1, 1]),
            ("2026-03-04 tv".into(), [1, 0, 0, 0])
        ]
    );
}

#[tokio::test]
async fn a_cart_of_the_storefront_is_as_good_as_an_act() {
    let mut stage = shop().await;
    at(&stage, "04T09:30");
    let add = json!({"action": "add", "product": "tv", "quantity": 1, "merchant": "m1", "visitor": "v5"});
    stage.ask("cart", "c5", add).await;
    let funnel = history(&stage).funnel(&question("03", "04", &[Dimension::Product])).unwrap();
    assert_eq!(steps(&funnel.total), [4, 3, 2, 1]);
    let tv = funnel.cells.iter().find(|(words, _)| words[0] == "tv").unwrap().1;
    assert_eq!(steps(&tv), [2, 2, 1, 1]);
}

#[tokio::test]
async fn a_category_has_its_lines_with_what_was_paid_and_what_went_back() {
    let mut stage = shop().await;
    let cancel = json!({"action": "cancel", "by": "merchant", "reason": "sold out", "refund": "r1",
        "lines": [{"line": "2", "quantity": 1}]});
    stage.ask("order", "o1", cancel).await;
    let found = history(&stage).cells(&question("03", "04", &[Dimension::Category])).unwrap();
    let rows: Vec<(String, [i64; 5])> = found
        .cells
        .iter()
        .map(|(words, cell)| {
            let Cell { uv, buyers, orders, gmv, refunded, .. } = *cell;
            let [uv, buyers, orders] = [uv, buyers, orders].map(|n| i64::try_from(n).unwrap());
            (words.join(" "), [uv, buyers, orders, gmv.minor, refunded.minor])
        })
        .collect();
    assert_eq!(
        rows,
        [
            (String::new(), [1, 0, 0, 0, 0]),
            ("home".into(), [2, 2, 2, 9_000, 0]),
            ("toys".into(), [2, 2, 2, 2_500, 1_500])
        ]
    );
    assert_eq!((found.total.orders, found.total.gmv.minor, found.total.refunded.minor), (3, 11_500, 1_500));
}

#[tokio::test]
async fn buyers_are_new_once_and_repeat_when_they_pay_again() {
    let history = history(&shop().await);
    let told = |of: &BuyerFigures| {
        let counts = [of.registered_terminals, of.buyers, of.new_buyers, of.repeat_buyers, of.orders];
        (counts, of.gmv.minor, of.new_gmv.minor)
    };
    let (days, all) = history.buyers(&question("03", "04", &[Dimension::Day])).unwrap();
    // b1 bought on the second already; b2 and b9 come again
    assert_eq!(told(&all), ([1, 3, 2, 2, 5], 17_500, 10_000));
    let days: Vec<_> = days.iter().map(|(_, of)| told(of)).collect();
    assert_eq!(days, [([0, 2, 1, 0, 2], 8_500, 1_000), ([1, 2, 1, 1, 3], 9_000, 6_000)]);
    let by_page = history.buyers(&question("03", "04", &[Dimension::Page])).unwrap_err();
    assert!(by_page.to_string().contains("not by page: use day"), "{by_page}");
}

#[tokio::test]
async fn products_stand_by_what_they_bring_with_their_discounts() {
    let found = history(&shop().await).products(&question("03", "04", &[])).unwrap();
    let told: Vec<_> = found
        .products
        .iter()
        .map(|of| {
            (of.product.as_str(), of.uv, of.buyers, of.orders, of.gmv.minor, of.price.minor, of.list.minor)
        })
        .collect();
    assert_eq!(told, [("tv", 2, 3, 3, 11_000, 6_000, 8_000), ("car", 2, 3, 3, 6_500, 2_500, 3_500)]);
    let (price, list) = found.products[1].deepest.unwrap();
    assert_eq!((price.minor, list.minor), (1_000, 2_000), "half the list price, on one line");
    assert_eq!(found.by_uv, Pareto { products: 2, first: 1, of_first: 2, of_all: 4 });
    assert_eq!(found.by_gmv, Pareto { products: 2, first: 1, of_first: 11_000, of_all: 17_500 });
}

/// `uv pv/buyers/orders gmv`.
fn told(cell: &Cell) -> String {
    let of = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
    format!(
        "{} {}/{}/{} {}",
        of(cell.visitors()),
        of(cell.pages()),
        cell.buyers,
        cell.orders,
        cell.gmv.amount()
    )
}

#[tokio::test]
async fn visitors_that_a_sales_channel_reported_track_what_it_sold_on_that_day() {
    let mut stage = shop().await;
    let report =
        |uv: u64| json!({"action": "report", "day": "2026-03-04", "uv": uv, "pv": 900, "source": "x"});
    stage.ask("channel", "tmall", report(300)).await;
    stage.ask("channel", "tmall", report(400)).await;
    let history = history(&stage);
    let of = |from: &str, by: &[Dimension]| -> Cells { history.cells(&question(from, "04", by)).unwrap() };
    for (from, by) in
        [("04", vec![Dimension::SalesChannel]), ("03", vec![Dimension::Day, Dimension::SalesChannel])]
    {
        let found = of(from, &by);
        let tmall: Vec<_> =
            found.cells.iter().filter(|(words, _)| words.contains(&"tmall".to_owned())).collect();
        assert_eq!(tmall.len(), 1);
        assert!(tmall[0].1.reported.is_some());
        // two orders of one buyer; as the channel said last
        assert_eq!(told(&tmall[0].1), "400 900/1/2 60.00");
        let uv = if from == "04" { "400" } else { "-" };
        assert_eq!(told(&found.reported), format!("{uv} 900/1/2 60.00"));
        assert_eq!((found.untracked.orders, found.untracked.gmv.minor), (0, 0));
        let own =
            found.cells.iter().filter(|(_, cell)| cell.reported.is_none()).map(|(_, cell)| cell.gmv.minor);
        assert_eq!(own.sum::<i64>(), found.total.gmv.minor);
    }
    // over more days what it sold stands beside its report all the same, and its visitors are not known
    assert_eq!(told(&of("03", &[Dimension::SalesChannel]).reported), "- 900/1/2 60.00");
    // nobody knows how they came
    for (from, by) in [("04", vec![Dimension::Channel]), ("04", vec![])] {
        let found = of(from, &by);
        assert_eq!((found.reported.orders, found.untracked.orders), (0, 2), "{by:?}");
    }
    let before = question("03", "03", &[]).days;
    let why = history.explain(before, &question("04", "04", &[Dimension::SalesChannel])).unwrap();
    // nobody reported the day before, so the report of the day after explains nothing
    assert!(why.cells.iter().all(|cell| cell.name != "tmall"));
    assert_eq!(why.untracked.explained.change().unwrap().minor, 6_000);
    assert_eq!(why.total.explained.change().unwrap().minor, 9_000 - 8_500);
}

#[tokio::test]
async fn a_bounce_is_of_visitors_for_the_plan_and_of_visits_for_the_tools() {
    let stage = shop().await;
    record(&stage, &["v3 04T12:00 view tv", "v3 04T12:01 view car"]).await;
    let history = history(&stage);
    let of = |definition, by: &[Dimension]| {
        let sessions = SessionRule::of(definition);
        history.cells(&Question { sessions, ..question("03", "04", by) }).unwrap()
    };
    let plan = of(Definition::Plan, &[]).total;
    // v2, v3 on the first day, v5: of four who were shown a page
    assert_eq!((plan.uv, plan.visits, plan.bounces), (4, 5, 3));
    assert_eq!(plan.bounce_rate(Definition::Plan), (3, 4));
    assert_eq!(plan.bounce_rate(Definition::Plausible), (3, 5));
    let by_page = of(Definition::Plan, &[Dimension::Page]);
    let car = by_page.cells.iter().find(|(words, _)| words[0] == "/car").unwrap().1;
    assert_eq!(car.bounce_rate(Definition::Plan), (2, 2), "v2 and v3 entered by it and saw nothing else");
}

#[tokio::test]
async fn who_only_acted_is_a_visitor_for_the_tools_and_not_for_the_plan_in_every_cell() {
    let history = history(&shop().await);
    for definition in Definition::ALL {
        let sessions = SessionRule::of(definition);
        let by = [Dimension::Merchant, Dimension::Day];
        let found = history.cells(&Question { sessions, ..question("04", "04", &by) }).unwrap();
        let expected = if definition == Definition::Plan { (1, 1) } else { (2, 2) };
        assert_eq!((found.total.uv, found.total.visits), expected, "{definition:?}");
        assert_eq!(
            (found.cells[0].1.uv, found.cells[0].1.visits),
            expected,
            "{definition:?} at the merchant"
        );
    }
}
