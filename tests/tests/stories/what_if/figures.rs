//! Events as they would be: any figure is folded from them, and they come to the same books.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::NaiveDate;
use daybook_market::what_if::{Coupons, restate};
use daybook_metrics::attribution::{AttributionRule, DEFAULT_LOOK_BACK};
use daybook_metrics::{ChannelRule, Definition, MarketSites, SessionRule};
use daybook_projections::metrics::{
    AfterSales, AfterSalesQuestion, Aftermath, Campaigns, Days, Dimension, MarketDays, Question,
};
use daybook_projections::model::{Cut, KindSet};
use daybook_projections::{AsWritten, Calendar, Events};

use super::*;

/// Every event with what it posts, as it is handed out.
fn all(events: &dyn Events) -> Vec<String> {
    let mut all = Vec::new();
    let each = &mut |e: &daybook_projections::model::Envelope<'_>| {
        all.push(format!("{} {} {:?} {:?} {:?}", e.position, e.stream, e.occurred_at, e.event, e.entries));
        ControlFlow::Continue(())
    };
    events.visit(KindSet::ALL, &mut |_| {}, each).unwrap();
    all
}

#[tokio::test]
async fn under_rules_that_change_nothing_every_event_is_as_it_was_written() {
    let stage = Stage::simulated(14, 30).await;
    let journal = &**stage.market.journal();
    let half = AsOf::position(journal.head().unwrap() / 2);
    let spelled = spelled_out(&stage);
    for (rules, at) in [(&Rules::default(), AsOf::HEAD), (&spelled, AsOf::HEAD), (&spelled, half)] {
        let (_, restated) = restate(journal, rules, at, &mut |_| {}).unwrap();
        let written = all(&AsWritten::of(journal, at));
        assert!(written.len() > 1_000);
        assert_eq!(all(&restated), written);
    }
}

/// Balances of accounts by class and name, of the books as they are and as the events would post them.
fn balances(events: &dyn Events) -> BTreeMap<String, i64> {
    let (at, mut sums) = (events.at(), BTreeMap::new());
    events
        .visit(KindSet::MONEY, &mut |_| {}, &mut |e| {
            for entry in e.entries.iter().filter(|_| at.counts(Cut::Booked, e)) {
                let account = &entry.account;
                let name = format!("{}:{} {}", account.class.as_str(), account.name, entry.amount.currency);
                *sums.entry(name).or_default() += entry.amount.minor;
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    sums.retain(|_, minor| *minor != 0);
    sums
}

#[tokio::test]
async fn the_events_as_they_would_be_post_the_books_as_they_would_be() {
    let stage = Stage::simulated(40, 12).await;
    let journal = &**stage.market.journal();
    let campaign = events(&stage).into_iter().find_map(|(_, event, ..)| match event {
        Event::OrderPlaced(e) => e.subsidies.first().map(|of| of.campaign),
        _ => None,
    });
    let fee =
        |minor, period| Fee { scope: Scope::default(), fee: PlatformFee { amount: yuan(minor), period } };
    let coupons =
        campaign.map(|campaign| Coupons { scope: Scope::default(), campaign, merchant_share: rate("0.5") });
    let several = Rules {
        platform_fee: vec![fee(4_321, SettlementCycle::Weekly)],
        coupons: coupons.into_iter().collect(),
        ..of_all("0.0333")
    };
    let none = Rules { platform_fee: vec![fee(0, SettlementCycle::Monthly)], ..Rules::default() };
    for rules in [&several, &none] {
        for at in [AsOf::HEAD, AsOf::position(journal.head().unwrap() * 2 / 3)] {
            let (found, restated) = restate(journal, rules, at, &mut |_| {}).unwrap();
            let mut told: BTreeMap<String, i64> = BTreeMap::new();
            for account in &found.accounts {
                let sign = if account.of_result() { -1 } else { 1 };
                let of = account.balance.what_if;
                let name = format!("{}:{} {}", account.class.as_str(), account.name, of.currency);
                *told.entry(name).or_default() += sign * of.minor;
            }
            told.retain(|_, minor| *minor != 0);
            assert_eq!(balances(&restated), told);
            assert_ne!(balances(&AsWritten::of(journal, at)), told);
        }
    }
}

const SINCE: &str = "2026-01-01";

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn march() -> Days {
    Days { from: day("2026-03-01"), to: day("2026-03-31") }
}

fn of_march(events: &dyn Events) -> BTreeMap<String, AfterSales> {
    let found = Aftermath::read(events, Calendar::UTC, day(SINCE), &mut |_| {}).unwrap();
    let by = vec![Dimension::Merchant];
    let question = AfterSalesQuestion { days: march(), by, currency: yuan(0).currency };
    let (cells, _) = found.after_sales(&question).unwrap();
    cells.into_iter().map(|(words, figures)| (words.concat(), figures)).collect()
}

#[tokio::test]
async fn figures_are_those_of_the_other_rules_to_the_cent_and_what_people_did_stays() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "30.00").await;
    stage.merchant("m2", "30.00").await;
    sale(&mut stage, 1, "m1", "100.00").await;
    refund(&mut stage, 1, "40.00").await;
    sale(&mut stage, 2, "m2", "50.00").await;
    let journal = &**stage.market.journal();
    let deposit = vec![Required { merchant: of("m1").merchant, amount: yuan(10_000) }];
    let commission = vec![commission(of("m1"), None, "0.03")];
    let rules = Rules { commission, deposit, ..Rules::default() };
    let (_, restated) = restate(journal, &rules, AsOf::HEAD, &mut |_| {}).unwrap();
    let written = AsWritten::of(journal, AsOf::HEAD);
    let (was, is) = (of_march(&written), of_march(&restated));
    // 10 % of the 60.00 that are left, and 3 %
    assert_eq!((was["m1"].commission, is["m1"].commission), (yuan(600), yuan(180)));
    assert_eq!((was["m2"].commission, is["m2"].commission), (yuan(500), yuan(500)));
    let people = |of: &AfterSales| (of.orders, of.gmv, of.refunded, of.orders_refunded, of.buyers);
    assert_eq!((people(&was["m1"]), people(&was["m2"])), (people(&is["m1"]), people(&is["m2"])));
    let required = |events: &dyn Events| {
        let rules: daybook_projections::metrics::AssessmentRules = toml::from_str(ASSESSED).unwrap();
        let found = Aftermath::read(events, Calendar::UTC, day(SINCE), &mut |_| {}).unwrap();
        let found = found.assess(march(), yuan(0).currency, &rules).unwrap();
        found.iter().map(|of| (of.deposit.unwrap(), of.passed.unwrap())).collect::<Vec<_>>()
    };
    let (kept, asked) = (yuan(3_000), yuan(10_000));
    assert_eq!(required(&written), [((kept, kept), true), ((kept, kept), true)]);
    assert_eq!(required(&restated), [((kept, asked), false), ((kept, kept), true)]);
    // what an order left the market: 11.00 of commission, and 6.80
    let contribution = |events: &dyn Events| {
        let days = daybook_metrics::plan::Span { from: day("2026-03-01"), to: day("2026-03-31") };
        MarketDays::read(events, Calendar::UTC).unwrap().contribution(yuan(0).currency, days)
    };
    assert_eq!((contribution(&written), contribution(&restated)), (1_100, 680));
}

const ASSESSED: &str = r#"
version = "v1"
pass = "50"
fails_to_go = 1
fewest_orders = 1
tiers = []
[[rules]]
figure = "deposit_share"
weight = 1
nothing = "0"
full = "1"
limit = "0.9"
"#;

#[tokio::test]
async fn coupons_that_a_merchant_funds_are_no_cost_of_a_campaign_and_no_value_of_its_orders() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    coupons::subsidised(&mut stage).await;
    let journal = &**stage.market.journal();
    let rules = coupons::funded("spring", "0.5");
    let (_, restated) = restate(journal, &rules, AsOf::HEAD, &mut |_| {}).unwrap();
    let figures = |events: &dyn Events| {
        let (since, channels) =
            ((day(SINCE), DEFAULT_LOOK_BACK), ChannelRule::new(&MarketSites::default()).unwrap());
        let (history, campaigns) =
            Campaigns::read(events, Calendar::UTC, since, None, channels, &mut |_| {}).unwrap();
        let currency = yuan(0).currency;
        let sessions = SessionRule::of(Definition::Plan);
        let question = Question { days: march(), by: vec![Dimension::Campaign], sessions, currency };
        let total = history.cells(&question).unwrap();
        let earned = history.attribute(&question, &AttributionRule::default()).unwrap().total;
        let credited = campaigns.credited(&history, &question, &AttributionRule::default()).unwrap();
        assert!(credited.is_empty(), "nobody's visit led to it");
        (history.subsidies("spring", currency), total.untracked.order_value, total.untracked.gmv, earned.net)
    };
    // the buyer pays 80.00 either way; of the 20.00 the market gives 10.00
    assert_eq!(figures(&AsWritten::of(journal, AsOf::HEAD)), (2_000, yuan(10_000), yuan(8_000), yuan(8_000)));
    assert_eq!(figures(&restated), (1_000, yuan(9_000), yuan(8_000), yuan(8_000)));
}
