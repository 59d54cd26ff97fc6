//! Stories of campaigns: whose visits are whose, what each cost and what it brought.

use std::ops::ControlFlow;

use daybook_domain::order::events::ChargebackOutcome;
use daybook_domain::time::DAY;
use daybook_domain::traffic::RawHit;
use daybook_domain::{Currency, Event};
use daybook_journal::Filter;
use daybook_market::demo;
use daybook_metrics::attribution::{AttributionRule, DEFAULT_LOOK_BACK, Model};
use daybook_metrics::{ChannelRule, Definition, MarketSites, SessionRule};
use daybook_projections::AsOf;
use daybook_projections::metrics::{AfterSalesQuestion, Days, Dimension, Earned, History, Question};
use daybook_tests::shop::{at, hit, order_of, record, record_hits};
use daybook_tests::stage::{Stage, cny};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
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

/// What buyers paid less what went back to them, by the events' own amounts.
fn refund_net(stage: &Stage) -> i64 {
    let mut net = 0;
    let scan = stage.market.journal().scan(0, None, &Filter::default(), &mut |recorded| {
        match Event::decode(recorded.kind, recorded.schema, recorded.data).unwrap() {
            Event::EscrowFunded(e) => net += e.parts.iter().map(|part| part.amount.minor).sum::<i64>(),
            Event::EscrowRefunded(e) => net -= e.to_buyer.minor,
            Event::RefundIssued(e) => net -= e.to_buyer.minor,
            Event::ChargebackClosed(e) if e.outcome == ChargebackOutcome::Lost => {
                net -= e.from_escrow.map_or(0, |taken| taken.to_buyer.minor);
                net -= e.borne_by.iter().map(|share| share.to_buyer.minor).sum::<i64>();
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    scan.unwrap();
    net
}

/// A history of visits, orders, refunds and chargebacks as a seed has it.
async fn random_shop(seed: u64) -> Stage {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let start = stage.now();
    let links =
        ["/", "/?utm_campaign=a", "/?utm_campaign=b&utm_medium=email", "/?utm_medium=cpc&utm_source=baidu"];
    let mut hits = Vec::new();
    for _ in 0..40 {
        let when = start.plus(dice.random_range(0..60 * DAY)).to_string();
        let who = format!("v{}", dice.random_range(0..5));
        let page = links[dice.random_range(0..links.len())];
        let raw = RawHit { visitor: who.into(), at: when.into(), page: page.into(), ..RawHit::default() };
        hits.push(hit(&raw));
    }
    record_hits(&stage, hits).await;
    for n in 0..8 {
        let (id, cents) = (format!("o{n}"), dice.random_range(1..90_000));
        stage.clock.set(stage.now().0 + dice.random_range(1..9 * DAY));
        let price = format!("{}.{:02}", cents / 100, cents % 100);
        let visitor = (dice.random_range(0..6) > 0).then(|| format!("v{}", dice.random_range(0..6)));
        let more = json!({});
        order_of(&mut stage, &id, "b1", visitor.as_deref(), (&price, &price), &more).await;
        let released = dice.random_bool(0.4);
        if released {
            stage.deliver(&id).await;
            stage.ask("order", &id, json!({"action": "confirm_receipt", "by": "buyer"})).await;
        }
        let part = format!("{}.{:02}", cents / 300, cents / 3 % 100);
        let ask = match dice.random_range(0..4) {
            0 if released && cents > 300 => {
                json!({"action": "issue_refund", "refund": "r1", "borne_by": "merchant",
                "of": {"amount": cny(&part)}, "reason": "damaged"})
            }
            0 if !released => {
                json!({"action": "cancel", "by": "merchant", "reason": "sold out", "refund": "r1"})
            }
            1 | 2 => {
                let received = json!({"action": "receive_chargeback", "chargeback": "cb1", "payment": "p1",
                    "amount": cny(&price), "reason": "fraud"});
                stage.ask("checkout", &id, received).await;
                let outcome = if dice.random_bool(0.7) { "lose_chargeback" } else { "win_chargeback" };
                stage.ask("checkout", &id, json!({"action": outcome, "chargeback": "cb1"})).await;
                continue;
            }
            _ => continue,
        };
        stage.ask("order", &id, ask).await;
    }
    stage.keeps_invariants(&format!("seed {seed}"));
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_every_model_and_window_credits_sum_to_what_is_left_of_what_buyers_paid() {
    let mut refunded = 0;
    for seed in 0..24 {
        let stage = random_shop(seed).await;
        let (history, net) = (history(&stage), refund_net(&stage));
        // what after-sales counts as gone back is the same
        let aftermath = stage.ask_models(|models| {
            models.aftermath(chrono::NaiveDate::default(), AsOf::HEAD, &mut |_| {}).unwrap()
        });
        let question =
            AfterSalesQuestion { days: days(YEARS.0, YEARS.1), by: vec![], currency: by_campaign().currency };
        let (_, all) = aftermath.after_sales(&question).unwrap();
        assert_eq!(all.gmv.minor - all.refunded.minor, net, "seed {seed}");
        for (model, by) in
            Model::ALL.into_iter().flat_map(|m| [(m, Dimension::Channel), (m, Dimension::Campaign)])
        {
            for look_back in [0, DAY, 7 * DAY, DEFAULT_LOOK_BACK] {
                let rule = AttributionRule { look_back, ..AttributionRule::of(model) };
                let question = Question { by: vec![by], ..by_campaign() };
                let found = history.attribute(&question, &rule).unwrap();
                let parts = || found.earned.iter().map(|(_, of)| of).chain([&found.unattributed]);
                let context = format!("seed {seed}, {model} by {by}, {look_back}");
                assert_eq!(found.total.net.minor, net, "{context}");
                assert_eq!(parts().map(|of| of.net.minor).sum::<i64>(), net, "{context}");
                assert_eq!(parts().map(|of| of.gmv.minor).sum::<i64>(), found.total.gmv.minor, "{context}");
                assert_eq!(parts().map(|of| of.orders).sum::<i64>(), found.total.orders, "{context}");
                refunded += i64::from(found.total.gmv.minor > net);
            }
        }
    }
    assert!(refunded > 0, "some history had refunds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lift_of_the_demos_campaign_is_found_and_last_click_claims_more() {
    let stage = Stage::simulated(24, 80).await;
    let campaign = demo::CAMPAIGN.parse().unwrap();
    let rule = ChannelRule::new(&MarketSites::default()).unwrap();
    let (history, campaigns) = stage.ask_models(|models| {
        let first = models.calendar().unwrap().day(demo::START);
        let since = (first, DEFAULT_LOOK_BACK);
        models.campaign_history(since, Some(campaign), rule, AsOf::HEAD, &mut |_| {}).unwrap()
    });
    let found = campaigns.held_out(&history, SessionRule::default(), campaign).unwrap().unwrap();
    assert!(!found.uneven, "{found:?}");
    let lift = found.lift.as_ref().unwrap();
    let truth = f64::from(demo::TRUE_LIFT_PERCENT) / f64::from(100 + demo::TRUE_LIFT_PERCENT);
    let revenue = lift.revenue.unwrap();
    assert!(revenue.covers(found.campaign.spent as f64 * truth), "{revenue:?} of {:?}", found.campaign);
    assert!(lift.conversion.estimate > 0.0, "{lift:?}");
    let beside = lift.beside_last_click(found.last_click).unwrap();
    assert!(beside.credited > found.campaign.spent as f64 * truth, "{beside:?}");

    let activity = campaigns.activity(&history, &SessionRule::default(), campaign, stage.now());
    assert!(activity.inside.orders > 0 && activity.inside.orders < activity.shop.orders, "{activity:?}");
    assert!(
        activity.participants_bought <= activity.participants && activity.participants <= activity.inside.uv
    );
    assert!(activity.inside.uv < activity.shop.uv, "{activity:?}");
}
