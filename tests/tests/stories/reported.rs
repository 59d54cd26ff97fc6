//! Stories of sales channels that report their own visitors: what is known of them, and what of it a plan, a change
//! explained and the figures of a day make.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use daybook_domain::traffic::{Incoming, RawHit};
use daybook_domain::{Code, Currency, PartyId, Timestamp};
use daybook_metrics::attribution::DEFAULT_LOOK_BACK;
use daybook_metrics::plan::{Counts, Fraction, Plan, PlanFile};
use daybook_metrics::{ChannelRule, Definition, MarketSites, SessionRule};
use daybook_projections::AsOf;
use daybook_projections::metrics::{Asked, Cell, Cells, Days, Dimension, History, Question, Reached};
use daybook_tests::stage::{Stage, cny};
use serde_json::{Value, json};

const SECOND: &str = "2026-03-02";
const THIRD: &str = "2026-03-03";

/// v1 looks at the market's own pages on the second and buys in the channel tmall, where b2 buys on both days without a
/// recorded visit. Tmall reports both days, of the second with who was paid for.
async fn shop() -> Stage {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let hit = RawHit {
        visitor: "v1".into(),
        at: "2026-03-02T09:00:00+08:00".into(),
        page: "/".into(),
        sales_channel: "own".into(),
        ..RawHit::default()
    };
    let incoming =
        Incoming { earliest: Timestamp(0), latest: Timestamp(i64::MAX), arrived: None, number: None };
    let hits = vec![hit.check(&incoming).unwrap()];
    stage.market.traffic().record(hits, PartyId::new("collector").unwrap()).await.unwrap();
    order(&mut stage, ("o1", "b1", "v1"), "2026-03-02T10:00:00+08:00", "100.00").await;
    order(&mut stage, ("o2", "b2", ""), "2026-03-02T11:00:00+08:00", "50.00").await;
    order(&mut stage, ("o3", "b2", ""), "2026-03-03T11:00:00+08:00", "30.00").await;
    let split = json!({"action": "report", "day": SECOND, "uv": 300, "pv": 900, "source": "platform",
        "free_uv": 200, "paid_uv": 100, "orders": 60, "gmv": cny("6000.00")});
    stage.ask("channel", "tmall", split).await;
    report(&mut stage, THIRD, 200, "platform").await;
    stage
}

async fn report(stage: &mut Stage, day: &str, uv: u64, source: &str) {
    let report = json!({"action": "report", "day": day, "uv": uv, "pv": 500, "source": source});
    stage.ask("channel", "tmall", report).await;
}

async fn order(stage: &mut Stage, (id, buyer, visitor): (&str, &str, &str), at: &str, pays: &str) {
    stage.clock.set(Timestamp::parse(at).unwrap().0);
    let line = json!({"line": "1", "product": "p-1", "category": "toys", "quantity": 1,
        "unit_price": cny(pays), "discount": cny("0.00")});
    let mut place = json!({"action": "place", "checkout": id, "buyer": buyer, "merchant": "m1", "lines": [line],
        "shipping": cny("0.00"), "sales_channel": "tmall"});
    if !visitor.is_empty() {
        place["visitor"] = json!(visitor);
    }
    stage.ask("order", id, place).await;
    let orders = json!([{"order": id, "merchant": "m1", "buyer_pays": cny(pays)}]);
    let open = json!({"action": "open", "buyer": buyer, "currency": "CNY", "orders": orders});
    stage.ask("checkout", id, open).await;
    stage.pay(id, "p1", pays).await;
}

fn days(from: &str, to: &str) -> Days {
    Days { from: from.parse().unwrap(), to: to.parse().unwrap() }
}

fn history(stage: &Stage) -> History {
    let rule = ChannelRule::new(&MarketSites::default()).unwrap();
    let since: NaiveDate = SECOND.parse().unwrap();
    stage
        .ask_models(|models| models.history(since, DEFAULT_LOOK_BACK, rule, AsOf::HEAD, &mut |_| {}).unwrap())
}

fn question(from: &str, to: &str, by: &[Dimension]) -> Question {
    Question::new(days(from, to), by.to_vec(), Definition::Plan, Currency::new("CNY").unwrap())
}

/// `words: visitors pages orders gmv`, with an asterisk where the sales channel reported the visitors.
fn told(words: &[String], cell: &Cell) -> String {
    let count = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
    let by = if cell.reported.is_some() { "*" } else { "" };
    let (uv, pv) = (count(cell.visitors()), count(cell.pages()));
    format!("{}{by}: {uv} {pv} {} {}", words.join(" "), cell.orders, cell.gmv.amount())
}

fn rows(found: &Cells) -> Vec<String> {
    let cells = found.cells.iter().map(|(words, cell)| told(words, cell));
    let sums = [("tracked", &found.total), ("reported", &found.reported), ("untracked", &found.untracked)];
    cells.chain(sums.map(|(name, cell)| told(&[name.to_owned()], cell))).collect()
}

#[tokio::test]
async fn what_a_channel_sold_is_laid_beside_its_report_and_nowhere_else() {
    let history = history(&shop().await);
    let found = history.cells(&question(SECOND, THIRD, &[Dimension::Day, Dimension::SalesChannel])).unwrap();
    assert_eq!(
        rows(&found),
        [
            "2026-03-02 own: 1 1 0 0.00",
            "2026-03-02 tmall*: 300 900 2 150.00",
            "2026-03-03 tmall*: 200 500 1 30.00",
            "tracked: 1 1 0 0.00",
            "reported*: - 1400 3 180.00",
            "untracked: 0 0 0 0.00",
        ]
    );
    // what the channel says of its own orders stands beside ours
    let said = found.cells[1].1.reported.unwrap();
    assert_eq!((said.orders, said.gmv.unwrap().minor, said.paid_uv), (Some(60), 600_000, Some(100)));
}

#[tokio::test]
async fn visitors_of_several_days_are_not_known_and_all_else_is_as_on_one() {
    let history = history(&shop().await);
    let of = |from, to| rows(&history.cells(&question(from, to, &[Dimension::SalesChannel])).unwrap());
    assert_eq!(
        of(SECOND, THIRD),
        [
            "own: 1 1 0 0.00",
            "tmall*: - 1400 3 180.00",
            "tracked: 1 1 0 0.00",
            "reported*: - 1400 3 180.00",
            "untracked: 0 0 0 0.00"
        ]
    );
    assert_eq!(of(SECOND, SECOND)[1], "tmall*: 300 900 2 150.00");
    // a week of which one day is asked for is that day
    let by = [Dimension::Week, Dimension::SalesChannel];
    let week = history.cells(&question(THIRD, THIRD, &by)).unwrap();
    assert_eq!(rows(&week)[0], "2026-03-02 tmall*: 200 500 1 30.00");
}

#[tokio::test]
async fn a_change_is_explained_by_one_rule_before_and_after() {
    let history = history(&shop().await);
    let why = |before: (&str, &str), after: (&str, &str), by| {
        history.explain(days(before.0, before.1), &question(after.0, after.1, &[by]))
    };
    // a day each: reported visitors explain both
    let found = why((SECOND, SECOND), (THIRD, THIRD), Dimension::SalesChannel).unwrap();
    let reported = |cell: Option<Cell>| cell.is_some_and(|cell| cell.reported.is_some());
    let tmall = found.cells.iter().find(|cell| reported(cell.after)).unwrap();
    assert_eq!((tmall.explained.change().unwrap().minor, tmall.explained.untracked.minor), (-12_000, 0));
    assert!(
        tmall.explained.traffic.minor + tmall.explained.mix.minor < 0,
        "a third of the visitors stayed away"
    );
    assert_eq!(found.untracked.explained.change().unwrap().minor, 0);
    // of two days nobody knows them, so they explain nothing of the one day either
    let found = why((SECOND, SECOND), (SECOND, THIRD), Dimension::SalesChannel).unwrap();
    assert!(found.cells.iter().all(|cell| !reported(cell.before) && !reported(cell.after)));
    let untracked = &found.untracked.explained;
    assert_eq!((untracked.before.minor, untracked.after.minor), (5_000, 8_000));
    for (by, said) in [(Dimension::Page, "no sale is made on a page"), (Dimension::Week, "not by week")] {
        let refused = why((SECOND, SECOND), (THIRD, THIRD), by).unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
}

#[tokio::test]
async fn of_two_sources_of_one_day_neither_counts_until_one_is_named() {
    let mut stage = shop().await;
    report(&mut stage, SECOND, 400, "app").await;
    let mut history = history(&stage);
    let tmall = |history: &History| {
        let found = history.cells(&question(SECOND, SECOND, &[Dimension::SalesChannel])).unwrap();
        rows(&found)[1].clone()
    };
    assert_eq!(tmall(&history), "tmall*: - - 2 150.00", "whether their visitors are the same nobody says");
    let unclear = history.unclear_sources(days(SECOND, THIRD));
    assert_eq!(unclear, [("tmall".to_owned(), ["app", "platform"].map(str::to_owned).into())]);
    assert!(history.unclear_sources(days(THIRD, THIRD)).is_empty());
    for (source, said) in [("app", "tmall*: 400 500 2 150.00"), ("platform", "tmall*: 300 900 2 150.00")] {
        history.prefer_sources(vec![Code::new(source).unwrap()]);
        assert_eq!(tmall(&history), said);
        assert!(history.unclear_sources(days(SECOND, THIRD)).is_empty());
    }
}

/// A plan of some targets, each `metric` or `metric channel`.
fn plan(targets: &[&str]) -> Plan {
    let mut text = "name = \"March\"\nstarts = \"2026-03-02\"\ncurrency = \"CNY\"\n[[phases]]\nname = \"all\"\nmonths = \"1\"\n"
        .to_owned();
    for target in targets {
        let (metric, channel) = target.split_once(' ').unwrap_or((target, ""));
        let value = if metric.contains("conversion") || metric.contains("rate") { "1" } else { "1000000" };
        text += &format!("[[targets]]\nmetric = \"{metric}\"\nat_least = \"{value}\"\n");
        if !channel.is_empty() {
            text += &format!("sales_channel = \"{channel}\"\n");
        }
    }
    let file: PlanFile = toml::from_str(&text).unwrap();
    Plan::try_from(file).unwrap()
}

/// What a plan's targets came to by a day, and the last days that its rates are of.
fn reached<'p>(stage: &Stage, plan: &'p Plan, from: &str, today: &str) -> Vec<Reached<'p>> {
    let history = history(stage);
    let last = days(from, today);
    stage.ask_models(|models| {
        let asked = Asked { last, sessions: SessionRule::default() };
        history.reached(plan, &models.market_days(AsOf::HEAD).unwrap(), &asked).unwrap()
    })
}

fn actuals(reached: &[Reached<'_>]) -> BTreeMap<String, Option<Fraction>> {
    let named = |of: &Reached<'_>| {
        let channel = of.target.sales_channel.as_deref().map_or(String::new(), |of| format!(" {of}"));
        (format!("{}{channel}", of.target.metric), of.attained.actual)
    };
    reached.iter().map(named).collect()
}

#[tokio::test]
async fn a_plan_counts_reported_visitors_by_day_and_says_what_nobody_knows() {
    let stage = shop().await;
    let plan = plan(&[
        "uv tmall",
        "pv tmall",
        "conversion tmall",
        "free_uv tmall",
        "bounce_rate tmall",
        "new_uv tmall",
        "daily_uv tmall",
        "pv",
        "uv",
        "daily_uv",
        "daily_free_uv",
        "daily_paid_uv",
        "daily_conversion",
        "orders",
    ]);
    let of = |upper, lower| Some(Fraction::new(upper, lower).unwrap());
    let first = actuals(&reached(&stage, &plan, SECOND, SECOND));
    for (target, actual) in [
        ("uv tmall", of(300, 1)),
        ("pv tmall", of(900, 1)),
        ("conversion tmall", of(2, 300)),
        ("free_uv tmall", of(200, 1)),
        ("bounce_rate tmall", None),
        ("new_uv tmall", None),
        ("daily_paid_uv", of(100, 1)),
    ] {
        assert_eq!(first[target], actual, "{target}");
    }
    let both = reached(&stage, &plan, SECOND, THIRD);
    let actual = actuals(&both);
    for (target, expected) in [
        // each day's are known, those of both are not; pages add up
        ("uv tmall", None),
        ("pv tmall", of(1_400, 1)),
        ("conversion tmall", None),
        ("free_uv tmall", None),
        ("daily_uv tmall", of(250, 1)),
        ("pv", of(1_401, 1)),
        ("uv", of(1, 1)),
        ("daily_uv", of(501, 2)),
        ("daily_free_uv", of(201, 2)),
        ("daily_paid_uv", of(100, 2)),
        // b1 and b2, then b2: the order after a recorded visit counts once
        ("daily_conversion", of(3, 501)),
        ("orders", of(3, 1)),
    ] {
        assert_eq!(actual[target], expected, "{target}");
    }
    let counts = |metric: &str| -> Counts {
        both.iter()
            .find(|of| of.target.metric.as_str() == metric && of.target.sales_channel.is_none())
            .unwrap()
            .so_far
    };
    assert_eq!(
        counts("daily_free_uv").daily.not_said_free,
        200,
        "of the third nothing says who was paid for"
    );
    let tracked = counts("daily_conversion").daily.tracked;
    assert_eq!((tracked.orders, tracked.gmv), (3, 18_000));
}

#[tokio::test]
async fn a_visitor_is_priced_at_all_that_were_paid_for_or_not_at_all() {
    let mut stage = shop().await;
    let planned = json!({"action": "plan", "name": "Ads", "kind": "paid_ads", "starts": "2026-02-28T16:00:00Z",
        "ends": "2026-03-31T16:00:00Z", "budget": cny("100.00")});
    stage.ask("campaign", "ads", planned).await;
    let spend = json!({"action": "record_spend", "spend": "bill-1", "channel": "baidu", "day": SECOND,
        "kind": "media", "amount": cny("25.00"), "funded_by": "market"});
    stage.ask("campaign", "ads", spend).await;
    let plan = plan(&["daily_uv"]);
    // 25.00 for a hundred visitors that tmall reported as paid for
    let takes = reached(&stage, &plan, SECOND, SECOND)[0].takes.unwrap();
    let more = takes.uv.unwrap().needed.minus(takes.uv.unwrap().now).unwrap();
    assert_eq!(takes.uv_cost, Some(more.times(Fraction::whole(25)).unwrap()));
    // of the third nobody says how many they were
    assert_eq!(reached(&stage, &plan, SECOND, THIRD)[0].takes.unwrap().uv_cost, None);
}

#[tokio::test]
async fn what_went_back_counts_when_it_did_or_with_its_orders_each_under_its_name() {
    let mut stage = shop().await;
    stage.clock.set(Timestamp::parse("2026-03-03T12:00:00+08:00").unwrap().0);
    let cancel: Value = json!({"action": "cancel", "by": "merchant", "reason": "sold out", "refund": "r1"});
    stage.ask("order", "o2", cancel).await;
    let plan = plan(&["net_gmv", "net_gmv_of_orders", "net_gmv tmall"]);
    let of = |today| actuals(&reached(&stage, &plan, SECOND, today));
    let money = |yuan: i128| Some(Fraction::whole(yuan * 100));
    // paid on the second, back on the third
    let (second, third) = (of(SECOND), of(THIRD));
    assert_eq!((second["net_gmv"], second["net_gmv_of_orders"]), (money(150), money(100)));
    assert_eq!((third["net_gmv"], third["net_gmv_of_orders"]), (money(130), money(130)));
    assert_eq!(third["net_gmv tmall"], money(130));
}

#[tokio::test]
async fn on_days_on_which_its_own_pages_are_recorded_a_channels_report_does_not_count() {
    let stage = shop().await;
    let hit = |visitor: &str, channel: &str| {
        let at = "2026-03-03T10:00:00+08:00".into();
        let hit = RawHit {
            visitor: visitor.into(),
            at,
            page: "/t".into(),
            sales_channel: channel.into(),
            ..RawHit::default()
        };
        let incoming =
            Incoming { earliest: Timestamp(0), latest: Timestamp(i64::MAX), arrived: None, number: None };
        hit.check(&incoming).unwrap()
    };
    let hits = vec![hit("v5", "tmall")];
    stage.market.traffic().record(hits, PartyId::new("collector").unwrap()).await.unwrap();
    let found = history(&stage).cells(&question(SECOND, THIRD, &[Dimension::SalesChannel])).unwrap();
    assert_eq!(
        rows(&found),
        [
            "own: 1 1 0 0.00",
            "tmall: 1 1 0 0.00",
            "tmall*: - 900 2 150.00",
            "tracked: 2 2 0 0.00",
            "reported*: - 900 2 150.00",
            "untracked: 0 0 1 30.00"
        ]
    );
}
