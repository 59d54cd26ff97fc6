//! Campaigns: planned, paid for, ended; what partners are owed.

mod support;

use daybook_domain::campaign::commands::CampaignCommand as Ask;
use daybook_domain::campaign::events::{CampaignKind, FundedBy, Holdout, SpendKind};
use daybook_domain::campaign::{Campaign, CampaignStage};
use daybook_domain::{Aggregate, Money, Rate, VisitorId};
use support::{Scenario, cny, given, id, noon, product, usd};

fn plan() -> Ask {
    Ask::Plan {
        name: "Double 11".to_owned(),
        kind: CampaignKind::PaidAds,
        starts: noon(),
        ends: noon().plus_days(1),
        budget: cny(5_000_000),
        daily_cap: None,
        discount_floor: None,
        channels: vec![id("baidu")],
        pages: vec!["/1111".to_owned()],
        targets: Vec::new(),
        holdout: None,
        merchant: None,
    }
}

/// The plan with one thing in it changed.
fn planned(change: impl FnOnce(&mut Ask)) -> Ask {
    let mut plan = plan();
    change(&mut plan);
    plan
}

fn spend(number: &str, amount: Money) -> Ask {
    Ask::RecordSpend {
        spend: id(number),
        channel: id("baidu"),
        day: id("2018-03-01"),
        kind: SpendKind::Media,
        amount,
        impressions: 1_000,
        clicks: 9,
        funded_by: FundedBy::Market,
        keyword: None,
    }
}

fn accrue(number: &str, base: Money, rate: Rate) -> Ask {
    let (accrual, order, partner) = (id(number), id("o1"), id("blog"));
    Ask::AccrueCommission { accrual, order, partner, base, rate, funded_by: FundedBy::Market }
}

fn reverse(number: &str, amount: Option<Money>) -> Ask {
    Ask::ReverseCommission { accrual: id(number), amount, reason: "returned".to_owned() }
}

fn pay(amount: Money, reference: &str) -> Ask {
    Ask::PayCommission { partner: id("blog"), amount, bank: id("main"), reference: id(reference) }
}

fn coupons() -> Ask {
    Ask::IssueCoupons { batch: id("b1"), count: 100, value: cny(500), minimum: None, valid_until: None }
}

fn end() -> Ask {
    Ask::End { reason: None }
}

fn new() -> Scenario<Campaign> {
    given("k1", [])
}

#[test]
fn a_campaign_is_planned_once_and_costs_in_the_currency_of_its_budget() {
    new().when(spend("s1", cny(100))).refused("campaign_unknown");
    let known = new().and(plan());
    known.clone().when(plan()).nothing();
    known
        .clone()
        .when(planned(|p| {
            if let Ask::Plan { name, .. } = p {
                *name = "618".to_owned()
            }
        }))
        .refused("campaign_known");
    known.clone().when(spend("s1", usd(100))).refused("currency_mismatch");
    known.clone().when(spend("s1", cny(-1))).refused("amount_negative");
    let spent =
        known.and(spend("s1", cny(100))).and(spend("s2", cny(0))).and(end()).and(spend("late", cny(50)));
    assert_eq!((spent.state.stage(), spent.state.spent()), (CampaignStage::Ended, Some(cny(150))));
    assert_eq!(spent.state.refs().campaign, Some(id("k1")));
    spent.clone().when(spend("s1", cny(100))).nothing();
    spent.when(spend("s1", cny(200))).refused("number_used");
    let issued = new().and(plan()).and(coupons());
    issued.clone().when(coupons()).nothing();
    let more =
        Ask::IssueCoupons { batch: id("b1"), count: 101, value: cny(500), minimum: None, valid_until: None };
    issued.when(more).refused("number_used");
}

#[test]
fn a_plan_that_cannot_be_is_refused_with_its_field() {
    let refused = |code, change: fn(&mut Ask)| new().when(planned(change)).refused(code);
    refused("text_empty", |p| {
        if let Ask::Plan { name, .. } = p {
            *name = " ".to_owned()
        }
    });
    refused("period_backwards", |p| {
        if let Ask::Plan { ends, .. } = p {
            *ends = noon()
        }
    });
    refused("amount_negative", |p| {
        if let Ask::Plan { budget, .. } = p {
            *budget = cny(-1)
        }
    });
    refused("currency_mismatch", |p| {
        if let Ask::Plan { daily_cap, .. } = p {
            *daily_cap = Some(usd(1))
        }
    });
    refused("rate_out_of_range", |p| {
        if let Ask::Plan { discount_floor, .. } = p {
            *discount_floor = Some(Rate::TWO)
        }
    });
    refused("rate_out_of_range", |p| {
        if let Ask::Plan { holdout, .. } = p {
            *holdout = Some(Holdout { share: Rate::ONE, salt: id("x") });
        }
    });
    refused("too_many", |p| {
        if let Ask::Plan { pages, .. } = p {
            *pages = vec!["/".to_owned(); 101]
        }
    });
}

#[test]
fn a_day_is_one_of_the_calendar_and_a_merchant_bears_only_what_is_its_own() {
    let on = |text: &str| {
        let mut ask = spend("s1", cny(1));
        if let Ask::RecordSpend { day, .. } = &mut ask {
            *day = id(text);
        }
        ask
    };
    for bad in ["2018-02-30", "2018-3-1", "20180301", "yesterday"] {
        new().and(plan()).when(on(bad)).refused("not_a_day");
    }
    let of_merchant = || {
        let mut ask = spend("s1", cny(1));
        if let Ask::RecordSpend { funded_by, .. } = &mut ask {
            *funded_by = FundedBy::Merchant;
        }
        ask
    };
    new().and(plan()).when(of_merchant()).refused("no_merchant");
    let own = planned(|p| {
        if let Ask::Plan { merchant, .. } = p {
            *merchant = Some(id("m1"))
        }
    });
    new().and(own).when(of_merchant()).then_kinds(&["CampaignSpendRecorded"]);
}

#[test]
fn a_partner_is_owed_its_commission_less_what_came_back_and_paid_no_more_than_that() {
    let five = Rate::new(5, 2);
    let known = new().and(plan());
    known.clone().when(accrue("a1", cny(0), five)).refused("amount_not_positive");
    known.clone().when(accrue("a1", cny(20_000), Rate::from(5))).refused("rate_out_of_range");
    known.clone().when(reverse("a1", None)).refused("accrual_unknown");
    let accrued = known.and(accrue("a1", cny(20_000), five)).and(accrue("a2", cny(50), five));
    // 2.5 cents round half to even
    assert_eq!(accrued.state.owed(id("blog")), Some(cny(1_002)));
    accrued.clone().when(accrue("a1", cny(20_000), five)).nothing();
    accrued.clone().when(accrue("a1", cny(30_000), five)).refused("number_used");
    accrued.clone().when(reverse("a1", Some(cny(1_001)))).refused("more_than_accrued");
    accrued.clone().when(pay(cny(1_003), "x")).refused("more_than_owed");
    accrued.clone().when(pay(usd(1), "x")).refused("currency_mismatch");
    let left = accrued.and(reverse("a1", Some(cny(400)))).and(pay(cny(600), "x"));
    assert_eq!(left.state.owed(id("blog")), Some(cny(2)));
    left.clone().when(pay(cny(600), "x")).nothing();
    left.clone().when(pay(cny(1), "x")).refused("number_used");
    left.clone().when(pay(cny(3), "y")).refused("more_than_owed");
    // what comes back after it was paid is owed by the partner
    let all = left.and(reverse("a1", None));
    assert_eq!(all.state.owed(id("blog")), Some(cny(-598)));
    all.when(reverse("a1", None)).nothing();
}

#[test]
fn a_holdout_keeps_the_same_share_of_visitors_for_ever() {
    let holdout = Holdout { share: Rate::new(1, 1), salt: id("d11") };
    let held = |salt: &str| {
        let holdout = Holdout { salt: id(salt), ..holdout.clone() };
        (0..10_000).filter(|n| holdout.holds(&VisitorId::new(&format!("v{n}")).unwrap())).collect::<Vec<_>>()
    };
    assert!((900..1_100).contains(&held("d11").len()), "{}", held("d11").len());
    assert_eq!(held("d11"), held("d11"));
    assert_ne!(held("d11"), held("d12"));
}

#[test]
fn every_state_answers_every_command() {
    let five = Rate::new(5, 2);
    let known = || new().and(plan());
    let states = [
        ("unknown", new()),
        ("planned", known()),
        ("started", known().and(Ask::Start {})),
        ("with costs", known().and(spend("s1", cny(100))).and(accrue("a1", cny(100), five)).and(coupons())),
        ("ended", known().and(end())),
    ];
    let commands = [
        ("plan", plan()),
        ("start", Ask::Start {}),
        ("record_spend", spend("s1", cny(100))),
        ("accrue_commission", accrue("a1", cny(100), five)),
        ("reverse_commission", reverse("a1", None)),
        ("pay_commission", pay(cny(5), "x")),
        ("issue_coupons", coupons()),
        ("end", end()),
    ];
    insta::assert_snapshot!("campaign_states_and_commands", product(&states, &commands));
}
