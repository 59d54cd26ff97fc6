//! What would have been under other rules: nothing under the same ones, and to the cent under others.

mod coupons;
mod figures;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::NaiveDate;
use daybook_domain::merchant::events::{FeeScheduleAgreed, PlatformFee, SettlementCycle};
use daybook_domain::order::{Order, RESTATED_FROM};
use daybook_domain::{Aggregate, Currency, Event, EventKind, MerchantId, Money, Rate, Refs, Timestamp};
use daybook_journal::Filter;
use daybook_market::what_if::{
    Commission, Cycle, Difference, Fee, MerchantDifference, Required, Rules, Scope, what_if,
};
use daybook_projections::AsOf;
use daybook_tests::stage::{Stage, cny};
use serde_json::json;

fn ask_at(stage: &Stage, rules: &Rules, at: AsOf) -> Difference {
    what_if(&**stage.market.journal(), rules, at, &mut |_| {}).unwrap()
}

fn ask(stage: &Stage, rules: &Rules) -> Difference {
    ask_at(stage, rules, AsOf::HEAD)
}

fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

fn yuan(minor: i64) -> Money {
    Money::new(minor, Currency::new("CNY").unwrap())
}

fn of(merchant: &str) -> Scope {
    Scope { merchant: Some(merchant.parse().unwrap()), ..Scope::default() }
}

fn day(text: &str) -> Option<NaiveDate> {
    Some(text.parse().unwrap())
}

fn commission(scope: Scope, category: Option<&str>, of: &str) -> Commission {
    Commission { scope, category: category.map(|c| c.parse().unwrap()), rate: rate(of) }
}

fn of_all(commission_of: &str) -> Rules {
    Rules { commission: vec![commission(Scope::default(), None, commission_of)], ..Rules::default() }
}

/// Every event with its references, in order.
fn events(stage: &Stage) -> Vec<(String, Event, Refs, Timestamp)> {
    let mut all = Vec::new();
    let journal = stage.market.journal();
    journal
        .scan(0, None, &Filter::default(), &mut |e| {
            let event = Event::decode(e.kind, e.schema, e.data).unwrap();
            all.push((e.stream.to_owned(), event, Refs::parse(e.refs).unwrap(), Timestamp(e.occurred_at)));
            ControlFlow::Continue(())
        })
        .unwrap();
    all
}

/// Both sets of books balance, what is there is what the journal posts, and nobody's money outside the market moved.
fn keeps_books(stage: &Stage, found: &Difference) {
    let mut sums: BTreeMap<Currency, (i128, i128)> = BTreeMap::new();
    let mut actual: BTreeMap<String, i64> = BTreeMap::new();
    for account in &found.accounts {
        let sign = if account.of_result() { -1 } else { 1 };
        let (was, is) = (account.balance.actual, account.balance.what_if);
        let sum = sums.entry(was.currency).or_default();
        *sum = (sum.0 + i128::from(sign * was.minor), sum.1 + i128::from(sign * is.minor));
        *actual
            .entry(format!("{}:{} {}", account.class.as_str(), account.name, was.currency))
            .or_default() += sign * was.minor;
        let others = ["Checkout", "Refunds", "StoredValue", "Tax", "Payable", "Points", "PayoutInTransit"];
        if account.class.as_str() == "Assets" || others.contains(&account.name) {
            assert!(!account.balance.differs(), "{account:?}");
        }
    }
    assert!(sums.values().all(|sum| *sum == (0, 0)), "{sums:?}");
    let mut posted: BTreeMap<String, i64> = BTreeMap::new();
    for (_, event, refs, _) in events(stage) {
        let mut entries = Vec::new();
        daybook_domain::posting::post(&event, &refs, &mut entries);
        for entry in entries {
            let account = &entry.account;
            let name = format!("{}:{} {}", account.class.as_str(), account.name, entry.amount.currency);
            *posted.entry(name).or_default() += entry.amount.minor;
        }
    }
    assert_eq!(actual, posted);
}

fn merchant<'d>(found: &'d Difference, id: &str) -> &'d MerchantDifference {
    found.merchants.iter().find(|merchant| merchant.merchant.as_str() == id).unwrap()
}

/// The terms of every merchant, spelled out.
fn spelled_out(stage: &Stage) -> Rules {
    let mut agreed: BTreeMap<MerchantId, FeeScheduleAgreed> = BTreeMap::new();
    for (_, event, refs, _) in events(stage) {
        if let Event::FeeScheduleAgreed(schedule) = event {
            assert!(agreed.insert(refs.merchant.unwrap(), schedule).is_none(), "one schedule each");
        }
    }
    assert!(agreed.len() > 5);
    let mut rules = Rules::default();
    for (id, schedule) in &agreed {
        let scope = Scope { merchant: Some(*id), ..Scope::default() };
        rules.commission.push(Commission { scope, category: None, rate: schedule.default_commission });
        let of = |c: &daybook_domain::merchant::events::CategoryRate| Commission {
            scope,
            category: Some(c.category),
            rate: c.rate,
        };
        rules.commission.extend(schedule.categories.iter().map(of));
        let none = PlatformFee { amount: yuan(0), period: SettlementCycle::Monthly };
        rules.platform_fee.push(Fee { scope, fee: schedule.platform_fee.clone().unwrap_or(none) });
        rules.deposit.push(Required { merchant: Some(*id), amount: schedule.deposit_required });
        let terms = &schedule.settlement;
        rules.settlement.push(Cycle { scope, cycle: terms.cycle, days: terms.days });
    }
    // categories that nobody sold cannot be asked about
    let sold: Vec<_> = events(stage)
        .into_iter()
        .filter_map(|(_, event, ..)| match event {
            Event::OrderPlaced(e) => Some(e.lines.into_iter().map(|l| l.category)),
            _ => None,
        })
        .flatten()
        .collect();
    rules.commission.retain(|rule| rule.category.is_none_or(|category| sold.contains(&category)));
    rules
}

#[tokio::test]
async fn rules_that_change_nothing_make_no_difference_at_any_cut() {
    let stage = Stage::simulated(14, 30).await;
    let head = stage.market.journal().head().unwrap();
    let half = AsOf::position(head / 2);
    let noon = AsOf::business(events(&stage)[head as usize / 2].3.0);
    let spelled = spelled_out(&stage);
    for rules in [&Rules::default(), &spelled] {
        for at in [AsOf::HEAD, half, noon] {
            let found = ask_at(&stage, rules, at);
            let changed: Vec<_> = found.changed_merchants().collect();
            assert!(found.is_empty(), "{changed:#?}");
            assert_eq!((found.orders, found.restated), (0, 0));
            assert!(found.merchants.len() > 5 && found.accounts.len() > 10);
        }
        keeps_books(&stage, &ask(&stage, rules));
    }
    assert_eq!(stage.market.journal().head().unwrap(), head);
    stage.keeps_invariants("what was asked");
}

#[tokio::test]
async fn every_event_of_an_order_restated_under_its_own_terms_is_itself() {
    let stage = Stage::simulated(14, 40).await;
    let (mut whole, mut part) = (BTreeMap::<String, Order>::new(), BTreeMap::<String, Order>::new());
    let mut restated: BTreeMap<&str, u64> = BTreeMap::new();
    for (stream, event, _, at) in events(&stage) {
        if !stream.starts_with("order-") {
            continue;
        }
        for (orders, takes) in [(&mut whole, true), (&mut part, RESTATED_FROM.contains(&event.kind()))] {
            let order = orders.entry(stream.clone()).or_default();
            if let Some(again) = order.restated(&event) {
                assert_eq!(again, event, "{stream}");
                *restated.entry(event.kind().as_str()).or_default() += 1;
            }
            if takes {
                order.evolve(&event, at);
            }
        }
    }
    for kind in ["CommissionCharged", "CommissionReversed"] {
        assert!(restated.get(kind).is_some_and(|n| *n > 20), "{restated:?}");
    }
}

#[tokio::test]
async fn under_another_commission_every_line_has_the_rounded_rate_of_what_is_left_of_its_base() {
    let stage = Stage::simulated(20, 40).await;
    let found = ask(&stage, &of_all("0.0333"));
    keeps_books(&stage, &found);
    // the bases as the journal has them, added up by nothing but addition
    let mut bases: BTreeMap<(String, String), (MerchantId, String, i64)> = BTreeMap::new();
    let mut vat_rates: BTreeMap<String, Rate> = BTreeMap::new();
    let mut vat: BTreeMap<String, i64> = BTreeMap::new();
    for (stream, event, refs, _) in events(&stage) {
        let (lines, sign) = match event {
            Event::OrderPlaced(e) => {
                vat_rates.insert(stream, e.vat_on_fees.unwrap_or_default());
                continue;
            }
            Event::CommissionCharged(e) => {
                *vat.entry(refs.merchant.unwrap().to_string()).or_default() -= e.vat.minor;
                (e.lines, 1)
            }
            Event::CommissionReversed(e) => {
                *vat.entry(refs.merchant.unwrap().to_string()).or_default() += e.vat.minor;
                (e.lines, -1)
            }
            _ => continue,
        };
        for line in lines {
            let key = (stream.clone(), line.line.to_string());
            let of = bases.entry(key).or_insert((refs.merchant.unwrap(), line.category.to_string(), 0));
            of.2 += sign * line.base.minor;
        }
    }
    let (mut by_merchant, mut by_category) = (BTreeMap::<String, i64>::new(), BTreeMap::<String, i64>::new());
    let mut by_order: BTreeMap<String, (MerchantId, i64)> = BTreeMap::new();
    for ((order, _), (merchant, category, base)) in &bases {
        let due = yuan(*base).at_rate(rate("0.0333")).unwrap().minor;
        *by_merchant.entry(merchant.to_string()).or_default() += due;
        *by_category.entry(category.clone()).or_default() += due;
        by_order.entry(order.clone()).or_insert((*merchant, 0)).1 += due;
    }
    for (order, (merchant, due)) in by_order {
        *vat.entry(merchant.to_string()).or_default() += yuan(due).at_rate(vat_rates[&order]).unwrap().minor;
    }
    for account in found.accounts.iter().filter(|account| account.name == "Commission") {
        assert_eq!(account.balance.what_if.minor, by_category[&account.dimension], "{account:?}");
    }
    let mut changed = 0;
    for of in found.merchants.iter().filter(|of| of.commission.what_if.minor != 0) {
        assert_eq!(of.commission.what_if.minor, by_merchant[of.merchant.as_str()], "{of:?}");
        assert_eq!(of.vat.difference().minor, vat[of.merchant.as_str()], "{of:?}");
        changed += u64::from(of.commission.differs());
    }
    assert!(changed > 5);
    let lost: i64 = found.results().unwrap().iter().map(|r| r.difference().minor).sum();
    let tax = found.accounts.iter().filter(|a| a.name == "OutputTax").map(|a| a.balance.difference().minor);
    let owed: i64 = found.merchants.iter().map(|m| m.owed.difference().minor).sum();
    let deposit = found.accounts.iter().filter(|a| a.name.starts_with("Deposit"));
    let deposit: i64 = deposit.map(|a| a.balance.difference().minor).sum();
    let all = lost - tax.sum::<i64>() + owed - deposit;
    assert_eq!(all, 0, "what is not the market's is the merchants' or the tax office's");
}

/// A sale of one piece, received.
async fn sale(stage: &mut Stage, n: u32, merchant: &str, price: &str) {
    let (order, checkout) = (format!("o{n}"), format!("c{n}"));
    stage.basket(&checkout, &[(&order, merchant, price)]).await;
    stage.pay(&checkout, &format!("p{n}"), price).await;
    stage.deliver(&order).await;
    stage.ask("order", &order, json!({"action": "confirm_receipt", "by": "buyer"})).await;
}

async fn refund(stage: &mut Stage, n: u32, amount: &str) {
    let refund = json!({"action": "issue_refund", "refund": format!("r{n}-{amount}"), "of": {"amount": cny(amount)},
        "borne_by": "merchant", "reason": "a scratch"});
    stage.ask("order", &format!("o{n}"), refund).await;
}

#[tokio::test]
async fn a_refund_gives_back_the_changed_commission_in_proportion_and_to_nothing_in_the_end() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    sale(&mut stage, 1, "m1", "100.00").await;
    refund(&mut stage, 1, "40.00").await;
    let found = ask(&stage, &of_all("0.03"));
    keeps_books(&stage, &found);
    let m1 = merchant(&found, "m1");
    // 10 % of the 60.00 that are left, and 3 %
    assert_eq!((m1.commission.actual, m1.commission.what_if), (yuan(600), yuan(180)));
    assert_eq!((m1.owed.actual, m1.owed.what_if), (yuan(5_400), yuan(5_820)));
    assert_eq!((found.orders, found.restated), (1, 2));
    let result = found.results().unwrap()[0];
    assert_eq!((result.actual, result.what_if, result.difference()), (yuan(600), yuan(180), yuan(-420)));

    // thirds of cents: every step is the difference of two roundings
    sale(&mut stage, 2, "m1", "33.35").await;
    refund(&mut stage, 2, "11.11").await;
    let at = |found: &Difference| merchant(found, "m1").commission.what_if.minor - 180;
    // 3 % of 22.24 is 0.6672
    assert_eq!(at(&ask(&stage, &of_all("0.03"))), 67);
    refund(&mut stage, 2, "22.24").await;
    assert_eq!(at(&ask(&stage, &of_all("0.03"))), 0, "nothing of nothing");
    stage.holds();
}

#[tokio::test]
async fn what_a_reversed_ruling_gives_back_is_net_of_the_changed_commission() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    sale(&mut stage, 1, "m1", "100.00").await;
    stage.settle_account("m1").await;
    for ask in [
        json!({"action": "open_dispute", "dispute": "d1", "by": "buyer", "category": "quality", "claim": cny("40.00")}),
        json!({"action": "answer_dispute", "dispute": "d1", "by": "merchant"}),
        json!({"action": "rule_dispute", "dispute": "d1", "for": "buyer", "refund": cny("40.00"),
            "penalty": cny("5.00"), "rule": {"version": 1, "clause": "7.2"}, "reason": "broken"}),
        json!({"action": "appeal_dispute", "dispute": "d1", "by": "merchant", "reason": "video"}),
        json!({"action": "reverse_ruling", "dispute": "d1", "reason": "the video shows it"}),
    ] {
        stage.ask("order", "o1", ask).await;
    }
    let found = ask(&stage, &of_all("0.03"));
    keeps_books(&stage, &found);
    let goodwill = found.accounts.iter().find(|account| account.name == "Goodwill").unwrap();
    // the 40.00 cost the merchant 36.00 after its commission of 10 %, 38.80 after one of 3 %
    assert_eq!((goodwill.balance.actual, goodwill.balance.what_if), (yuan(-3_600), yuan(-3_880)));
    let m1 = merchant(&found, "m1");
    assert_eq!((m1.owed.actual, m1.owed.what_if), (yuan(9_000), yuan(9_700)));
}

#[tokio::test]
async fn what_happens_to_an_order_after_it_was_completed_is_restated_too() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    sale(&mut stage, 1, "m1", "100.00").await;
    stage.days(40).await;
    assert!(stage.story("order-o1").iter().any(|kind| kind == "OrderCompleted"));
    let received = json!({"action": "receive_chargeback", "chargeback": "cb1", "payment": "p1",
        "amount": cny("50.00"), "reason": "fraud"});
    stage.ask("checkout", "c1", received).await;
    stage.ask("checkout", "c1", json!({"action": "lose_chargeback", "chargeback": "cb1"})).await;
    let story = stage.story("order-o1");
    let completed = story.iter().position(|kind| kind == "OrderCompleted").unwrap();
    assert!(story[completed..].iter().any(|kind| kind == "CommissionReversed"), "{story:?}");
    let found = ask(&stage, &of_all("0.03"));
    keeps_books(&stage, &found);
    let m1 = merchant(&found, "m1");
    assert_eq!((m1.commission.actual, m1.commission.what_if), (yuan(500), yuan(150)));
    let position = stage.market.journal().head().unwrap();
    let before = ask_at(&stage, &of_all("0.03"), AsOf::position(position - 3));
    assert_eq!(merchant(&before, "m1").commission.what_if, yuan(300));
}

#[tokio::test]
async fn the_most_particular_rule_holds_and_only_on_its_days() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.merchant("m2", "0.00").await;
    sale(&mut stage, 1, "m1", "100.00").await;
    sale(&mut stage, 2, "m2", "100.00").await;
    stage.days(10).await;
    sale(&mut stage, 3, "m1", "100.00").await;
    let of_m1 = |rules: Vec<Commission>| {
        let found = ask(&stage, &Rules { commission: rules, ..Rules::default() });
        let of = |id| merchant(&found, id).commission.what_if.minor;
        (of("m1"), of("m2"))
    };
    let all = commission(Scope::default(), None, "0.04");
    let toys = commission(Scope::default(), Some("toys"), "0.03");
    let m1 = commission(of("m1"), None, "0.02");
    let both = commission(of("m1"), Some("toys"), "0.01");
    assert_eq!(of_m1(vec![all]), (800, 400));
    assert_eq!(of_m1(vec![all, toys]), (600, 300));
    assert_eq!(of_m1(vec![m1, all, toys]), (400, 300));
    assert_eq!(of_m1(vec![m1, both, all, toys]), (200, 300));
    let through = commission(Scope { through: day("2026-03-05"), ..of("m1") }, None, "0.00");
    let from = commission(Scope { from: day("2026-03-06"), ..of("m1") }, None, "0.05");
    assert_eq!(of_m1(vec![through]), (1_000, 1_000));
    assert_eq!(of_m1(vec![through, from]), (500, 1_000));
}

#[tokio::test]
async fn rules_about_what_nobody_has_heard_of_are_refused_by_name() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    sale(&mut stage, 1, "m1", "100.00").await;
    let refused = |rules: Rules| {
        what_if(&**stage.market.journal(), &rules, AsOf::HEAD, &mut |_| {}).unwrap_err().to_string()
    };
    let one = |rule| Rules { commission: vec![rule], ..Rules::default() };
    let why = refused(one(commission(of("m9"), None, "0.01")));
    assert!(why.contains("commission 1") && why.contains("m9") && why.contains("daybook merchants"), "{why}");
    let why = refused(one(commission(Scope::default(), Some("boats"), "0.01")));
    assert!(why.contains("commission 1") && why.contains("boats") && why.contains("profit-loss"), "{why}");
    let why = refused(Rules {
        deposit: vec![Required { merchant: of("m8").merchant, amount: yuan(1) }],
        ..Rules::default()
    });
    assert!(why.contains("deposit 1") && why.contains("m8"), "{why}");
    let why = refused(one(commission(of("m1"), None, "1.01")));
    assert!(why.contains("between 0 and 1"), "{why}");
}

#[tokio::test]
async fn a_fee_that_was_charged_is_another_and_one_that_nobody_agreed_on_is_added_for_each_period() {
    let stage = Stage::simulated(40, 8).await;
    let charged = events(&stage).into_iter().filter(|(_, e, ..)| e.kind() == EventKind::PlatformFeeCharged);
    let charged = charged.count() as i64;
    assert!(charged > 5);
    let fee = |minor, period| Rules {
        platform_fee: vec![Fee { scope: Scope::default(), fee: PlatformFee { amount: yuan(minor), period } }],
        ..Rules::default()
    };
    let income = |found: &Difference| {
        let of = found.accounts.iter().find(|account| account.name == "PlatformFee").unwrap();
        (of.balance.actual.minor, of.balance.what_if.minor)
    };
    let agreed = events(&stage).into_iter().find_map(|(_, event, ..)| match event {
        Event::FeeScheduleAgreed(e) => e.platform_fee,
        _ => None,
    });
    let (agreed, period) = agreed.map(|fee| (fee.amount.minor, fee.period)).unwrap();
    let less = ask(&stage, &fee(12_345, period));
    keeps_books(&stage, &less);
    let (actual, what_if) = income(&less);
    assert_eq!(actual, charged * agreed);
    // whoever agreed on a fee was charged it; whoever did not is charged for the same periods
    assert!(what_if >= charged * 12_345 && what_if % 12_345 == 0, "{what_if}");
    let none = ask(&stage, &fee(0, period));
    keeps_books(&stage, &none);
    assert_eq!(income(&none), (actual, 0));
    let weekly = ask(&stage, &fee(1_000, SettlementCycle::Weekly));
    keeps_books(&stage, &weekly);
    assert!(income(&weekly).1 > 3 * 1_000 * 5, "weeks of several merchants: {:?}", income(&weekly));
}

#[tokio::test]
async fn a_deposit_that_is_raised_is_short_by_what_was_not_paid() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "30.00").await;
    stage.merchant("m2", "30.00").await;
    let required = |minor, merchant| Required { merchant, amount: yuan(minor) };
    let deposit = vec![required(10_000, None), required(2_000, of("m2").merchant)];
    let found = ask(&stage, &Rules { deposit, ..Rules::default() });
    let m1 = merchant(&found, "m1");
    let required = m1.deposit_required.unwrap();
    assert_eq!((required.actual, required.what_if), (yuan(3_000), yuan(10_000)));
    let missing = m1.deposit_missing.unwrap();
    assert_eq!((missing.actual, missing.what_if), (yuan(0), yuan(7_000)));
    let m2 = merchant(&found, "m2");
    assert_eq!(m2.deposit_missing.unwrap().what_if, yuan(0));
    assert!(found.changed_accounts().next().is_none(), "what is required moves no money");
}

#[tokio::test]
async fn another_cycle_moves_the_days_on_which_money_is_settled_and_paid_out() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    // Wednesday, 4 March 2026
    stage.days(3).await;
    sale(&mut stage, 1, "m1", "100.00").await;
    // Thursday of the week after
    stage.days(8).await;
    sale(&mut stage, 2, "m1", "20.00").await;
    let cycle = |cycle, days| Rules {
        settlement: vec![Cycle { scope: Scope::default(), cycle, days }],
        ..Rules::default()
    };
    let found = ask(&stage, &cycle(SettlementCycle::TPlusN, 3));
    let (weekly, t3) = merchant(&found, "m1").timing.unwrap();
    assert!(found.changed_accounts().next().is_none(), "the books stand as recorded");
    // weekly: booked on the 4th, paid on Monday the 9th, five nights; T+3: on the 7th, three nights; the second sale
    // stands one night under both
    assert_eq!((weekly.settlements, weekly.payouts, weekly.paid_out), (1, 1, yuan(9_000)));
    assert_eq!((t3.settlements, t3.payouts, t3.paid_out), (1, 1, yuan(9_000)));
    assert_eq!((weekly.waited, t3.waited), (9_000 * 5 + 1_800, 9_000 * 3 + 1_800));
    assert_eq!((weekly.booked, weekly.unsettled), (10_800, yuan(1_800)));
    let found = ask(&stage, &cycle(SettlementCycle::Monthly, 0));
    let (_, monthly) = merchant(&found, "m1").timing.unwrap();
    assert_eq!((monthly.settlements, monthly.unsettled), (0, yuan(10_800)));
    let found = ask(&stage, &cycle(SettlementCycle::Weekly, 0));
    assert!(found.is_empty(), "the cycle there is");
}
