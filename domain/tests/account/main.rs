//! Accounts: settlements to the cent, holds, payouts, charges, and adjustments by two persons.

mod draws;
mod lines;
mod payouts;
#[path = "../support/mod.rs"]
mod support;

use daybook_domain::account::MerchantAccount;
use daybook_domain::account::commands::AccountCommand as Ask;
use daybook_domain::account::commands::SettlementFigures;
use daybook_domain::account::events::*;
use daybook_domain::account::lines::{Bounds, figures as of_lines};
use daybook_domain::merchant::events::SettlementCycle;
use daybook_domain::merchant::events::{FeeScheduleAgreed, PlatformFee, ReserveTerms, SettlementTerms};
use daybook_domain::{Aggregate, Facts, MerchantFacts, Money};
use support::{Scenario, at, cny, currency, given, id, noon, product, usd};

/// Fees of 299.00 a month, VAT of 6 percent, a reserve of 5 percent for 30 days, payouts from 10.00.
fn terms() -> FeeScheduleAgreed {
    FeeScheduleAgreed {
        version: 1,
        effective_from: at("2018-01-01T00:00:00Z"),
        default_commission: "0.05".parse().expect("a rate"),
        categories: Vec::new(),
        deposit_required: cny(0),
        settlement: SettlementTerms { cycle: SettlementCycle::Weekly, days: 0, minimum_payout: cny(1000) },
        vat_on_fees: "0.06".parse().ok(),
        platform_fee: Some(PlatformFee { amount: cny(29900), period: SettlementCycle::Monthly }),
        reserve: Some(ReserveTerms { share: "0.05".parse().expect("a rate"), days: 30 }),
    }
}

fn knowing(schedule: Option<FeeScheduleAgreed>) -> Facts {
    let merchant = MerchantFacts { open: true, suspended_for: None, terminated_at: None, schedule };
    Facts { merchant: Some(merchant), ..Facts::default() }
}

/// Of a merchant that has sold something for yuan.
fn new() -> Scenario<MerchantAccount> {
    given("m1", []).knowing(Facts { pending: Some(cny(1)), ..Facts::default() })
}

/// A settlement of `gross` alone, up to line `through`.
fn figures(name: &str, carried_in: i64, gross: i64, through: u64, lines: u64) -> SettlementFigures {
    let bounds = Bounds { until: at("2018-03-01T00:00:00Z"), through };
    SettlementFigures {
        gross: cny(gross),
        total: cny(carried_in + gross),
        orders: lines,
        lines,
        digest: id("9f86d081"),
        ..of_lines(id(name), bounds, cny(carried_in), &[]).expect("figures")
    }
}

fn settle(name: &str, carried_in: i64, gross: i64, through: u64, lines: u64) -> Ask {
    Ask::CloseSettlement(figures(name, carried_in, gross, through, lines))
}

fn hold(name: &str, claim: i64) -> Ask {
    Ask::Hold { hold: id(name), claim: cny(claim), reason: "dispute d1".to_owned(), dispute: Some(id("d1")) }
}

fn pay(name: &str, amount: Money) -> Ask {
    Ask::RequestPayout { payout: id(name), amount, destination_ref: id("iban-1") }
}

fn sent(name: &str) -> Ask {
    Ask::SendPayout { payout: id(name), provider_ref: id(&format!("bank-{name}")) }
}

fn confirmed(name: &str) -> Ask {
    Ask::ConfirmPayout { payout: id(name), bank: id("icbc"), fee: None }
}

fn failed(name: &str) -> Ask {
    Ask::FailPayout { payout: id(name), reason: "unknown account".to_owned() }
}

fn returned(name: &str) -> Ask {
    Ask::ReturnPayout { payout: id(name), bank: id("icbc"), reason: "name differs".to_owned() }
}

fn converted(name: &str, rate: &str, spread: i64) -> Ask {
    Ask::ConvertPayout {
        payout: id(name),
        currency: currency("USD"),
        rate: rate.parse().expect("a rate"),
        rate_ref: id("safe:2018-03-01"),
        spread: cny(spread),
    }
}

fn proposed(name: &str) -> Ask {
    Ask::ProposeAdjustment {
        adjustment: id(name),
        amount: cny(1200),
        direction: Direction::AgainstMerchant,
        reason: "freight billed twice".to_owned(),
        document_ref: None,
    }
}

fn approved(name: &str) -> Ask {
    Ask::ApproveAdjustment { adjustment: id(name) }
}

/// 1000.00 available.
fn settled() -> Scenario<MerchantAccount> {
    new().and(settle("s1", 0, 100_000, 10, 10))
}

/// available, held, reserve, in transit, paid out, carried.
#[track_caller]
fn stands(scenario: &Scenario<MerchantAccount>, expected: [i64; 6]) {
    let (a, c) = (&scenario.state, currency("CNY"));
    let found = [a.available(c), a.held(c), a.reserve(c), a.in_transit(c), a.paid_out(c), a.carried(c)];
    assert_eq!(found.map(|m| m.minor), expected);
}

#[test]
fn what_is_given_by_hand_is_in_a_currency_that_the_account_is_kept_in() {
    let reward = |amount| Ask::GrantReward { amount, period: id("2018-Q1"), kind: id("growth") };
    let adjustment = |amount| Ask::ProposeAdjustment {
        adjustment: id("a1"),
        amount,
        direction: Direction::ForMerchant,
        reason: "goodwill".to_owned(),
        document_ref: None,
    };
    let unknown = || given::<MerchantAccount>("m1", []);
    for ask in [reward, adjustment] as [fn(Money) -> Ask; 2] {
        let kind = if matches!(ask(cny(1)), Ask::GrantReward { .. }) {
            "RewardGranted"
        } else {
            "AdjustmentProposed"
        };
        unknown().when(ask(cny(100))).refused("currency_not_kept");
        unknown().importing().when(ask(usd(100))).then_kinds(&[kind]);
        // its contract's, one in which it has sold, one in which it was settled
        let contracted = unknown().knowing(knowing(Some(terms())));
        contracted.clone().when(ask(cny(100))).then_kinds(&[kind]);
        contracted.when(ask(usd(100))).refused("currency_not_kept");
        new().when(ask(cny(100))).then_kinds(&[kind]);
        let settled = settled().knowing(Facts::default());
        settled.clone().when(ask(cny(100))).then_kinds(&[kind]);
        settled.when(ask(usd(100))).refused("currency_not_kept");
    }
}

#[test]
fn a_settlement_adds_its_figures_up_and_keeps_the_agreed_share_in_reserve() {
    let figures = SettlementFigures {
        gross: cny(820_000),
        refunds: cny(32_040),
        commission: cny(39_114),
        fees: cny(31_694),
        rewards: cny(5_000),
        penalties: cny(2_000),
        chargebacks: cny(10_000),
        adjustments: cny(-1_200),
        total: cny(708_952),
        ..figures("s1", 0, 0, 208, 208)
    };
    let after = new().knowing(knowing(Some(terms()))).and(Ask::CloseSettlement(figures.clone()));
    let reserve = 35_448; // 5 percent of 7,089.52 is 354.476
    stands(&after, [708_952 - reserve, 0, reserve, 0, 0, 0]);
    let due = after.state.settlement(id("s1")).unwrap().closed.reserve_until;
    assert_eq!(due, Some(noon().plus_days(30)));

    let off = SettlementFigures { total: cny(708_953), ..figures };
    new().when(Ask::CloseSettlement(off)).refused("settlement_sum_differs");
}

#[test]
fn a_debt_is_taken_from_what_is_available_and_the_rest_carried_to_the_next_settlement() {
    let owing = settled().and(settle("s2", 0, -130_000, 12, 2));
    stands(&owing, [0, 0, 0, 0, 0, -30_000]);
    assert_eq!(owing.state.status(), "owing");
    assert_eq!(owing.state.can_bear(currency("CNY")), cny(0));

    owing.clone().when(settle("s3", 0, 50_000, 20, 8)).refused("settlement_carry_differs");
    let clear = owing.and(settle("s3", -30_000, 50_000, 20, 8));
    stands(&clear, [20_000, 0, 0, 0, 0, 0]);
}

#[test]
fn a_debt_is_also_taken_when_money_became_available_and_no_line_came() {
    let owing = settled().and(pay("p1", cny(100_000))).and(settle("s2", 0, -30_000, 12, 2));
    stands(&owing, [0, 0, 0, 100_000, 0, -30_000]);
    owing.clone().when(settle("s3", -30_000, 0, 12, 0)).nothing();
    let failed = owing.and(failed("p1"));
    failed.clone().when(pay("p2", cny(70_001))).refused("payout_exceeds_available");
    let back = failed.and(settle("s3", -30_000, 0, 12, 0));
    stands(&back, [70_000, 0, 0, 0, 0, 0]);
}

#[test]
fn a_cut_never_goes_back_lies_ahead_or_counts_a_line_twice() {
    settled().when(settle("s2", 0, 100, 9, 0)).refused("settlement_cut_backwards");
    settled().when(settle("s2", 0, 100, 12, 3)).refused("settlement_lines_twice");
    settled().when(settle("s2", 0, 100, 12, 0)).refused("settlement_sum_differs");
    let until = |text: &str| {
        Ask::CloseSettlement(SettlementFigures { until: at(text), ..figures("s2", 0, 100, 12, 2) })
    };
    settled().when(until("2018-02-28T23:59:59Z")).refused("settlement_cut_backwards");
    settled().when(until("2018-03-02T00:00:00Z")).refused("settlement_cut_ahead");
    settled().importing().when(until("2018-03-02T00:00:00Z")).then_kinds(&["SettlementClosed"]);
}

#[test]
fn the_same_settlement_is_closed_once_and_another_needs_its_own_id() {
    settled().when(settle("s1", 0, 100_000, 10, 10)).nothing();
    settled().when(settle("s1", 0, 100_001, 11, 11)).refused("settlement_exists");
}

#[test]
fn two_currencies_never_meet_in_a_settlement_and_each_has_its_own_cut() {
    let mixed = SettlementFigures { fees: usd(1), ..figures("s1", 0, 100, 1, 1) };
    new().when(Ask::CloseSettlement(mixed)).refused("currency_mismatch");

    let bounds = Bounds { until: at("2018-03-01T00:00:00Z"), through: 4 };
    let dollars = SettlementFigures {
        gross: usd(700),
        total: usd(700),
        orders: 4,
        lines: 4,
        ..of_lines(id("s2"), bounds, usd(0), &[]).unwrap()
    };
    let both = settled().and(Ask::CloseSettlement(dollars));
    assert_eq!(both.state.available(currency("USD")), usd(700));
    assert_eq!(both.state.available(currency("CNY")), cny(100_000));
    assert_eq!(both.state.cut(currency("USD")).unwrap().through, 4);
}

#[test]
fn a_reserve_is_released_when_it_is_due_and_once() {
    let reserved = new().knowing(knowing(Some(terms()))).and(settle("s1", 0, 100_000, 10, 10));
    stands(&reserved, [95_000, 0, 5_000, 0, 0, 0]);
    let release = Ask::ReleaseReserve { settlement: id("s1") };
    reserved.clone().when(release.clone()).refused("reserve_not_due");
    let due = reserved.on(noon().plus_days(30)).and(release.clone());
    stands(&due, [100_000, 0, 0, 0, 0, 0]);
    due.when(release).nothing();
    new().when(Ask::ReleaseReserve { settlement: id("s9") }).refused("settlement_unknown");
}

#[test]
fn the_platform_fee_is_charged_once_a_period_as_agreed_with_its_vat() {
    let charge = |amount| Ask::ChargePlatformFee { period: id("2018-03"), amount };
    let agreed = new().knowing(knowing(Some(terms())));
    let event = PlatformFeeCharged { period: id("2018-03"), amount: cny(29_900), vat: cny(1_794) };
    let charged = agreed.when(charge(None)).then([event.into()]);
    charged.when(charge(None)).nothing();
    new().knowing(knowing(None)).when(charge(None)).refused("no_platform_fee");
    new().when(charge(Some(cny(500)))).then_kinds(&["PlatformFeeCharged"]);
}

#[test]
fn no_more_is_waived_than_was_charged() {
    let waive = |amount| Ask::WaiveFee { amount: cny(amount), reason: "site was down".to_owned() };
    let fee = Ask::ChargeAdvertisingFee { campaign: id("spring"), amount: cny(10_000) };
    let charged = new().knowing(knowing(Some(terms()))).and(fee);
    charged.clone().when(waive(10_601)).refused("waiver_exceeds_fees");
    let waived = charged.and(waive(10_600));
    waived.when(waive(1)).refused("waiver_exceeds_fees");
}

#[test]
fn an_adjustment_takes_two_persons() {
    let asked = new().by("li").and(proposed("a1"));
    asked.clone().when(approved("a1")).refused("same_person");
    asked.clone().importing().when(approved("a1")).refused("same_person");
    asked.clone().by("chen").when(proposed("a1")).refused("adjustment_exists");
    let agreed = asked.clone().by("chen").when(approved("a1")).then([AdjustmentApproved {
        adjustment: id("a1"),
        amount: cny(1_200),
        direction: Direction::AgainstMerchant,
        reason: "freight billed twice".to_owned(),
        by: id("chen"),
    }
    .into()]);
    assert_eq!(agreed.state.charged(currency("CNY")).adjustments, -1_200);
    let reject = Ask::RejectAdjustment { adjustment: id("a1"), reason: "billed once".to_owned() };
    agreed.when(reject.clone()).refused("adjustment_approved");
    asked.and(reject).by("chen").when(approved("a1")).refused("adjustment_rejected");
    new().when(approved("a9")).refused("adjustment_unknown");
}

#[test]
fn every_state_answers_every_command() {
    let requested = || settled().and(pay("p1", cny(60_000)));
    let states = [
        ("new", new()),
        ("settled", settled()),
        ("reserve kept", new().knowing(knowing(Some(terms()))).and(settle("s1", 0, 100_000, 10, 10))),
        ("owing", settled().and(settle("s2", 0, -130_000, 12, 2))),
        ("held", settled().and(hold("h1", 40_000))),
        ("hold used", settled().and(hold("h1", 40_000)).and(Ask::LiftHold { hold: id("h1"), amount: None })),
        ("payout requested", requested()),
        ("payout converted", requested().and(converted("p1", "0.15764", 0))),
        ("payout sent", requested().and(sent("p1"))),
        ("payout confirmed", requested().and(sent("p1")).and(confirmed("p1"))),
        ("payout failed", requested().and(failed("p1"))),
        ("payout returned", requested().and(sent("p1")).and(confirmed("p1")).and(returned("p1"))),
        ("adjustment proposed", new().by("li").and(proposed("a1")).by("chen")),
        ("adjustment approved", new().by("li").and(proposed("a1")).by("chen").and(approved("a1"))),
        ("fees charged", new().and(Ask::ChargePlatformFee { period: id("2018-03"), amount: Some(cny(500)) })),
    ];
    let reason = || "by rule".to_owned();
    let commands = [
        ("settle", settle("s9", 0, 50_000, 20, 8)),
        ("settle again", settle("s1", 0, 100_000, 10, 10)),
        ("release reserve", Ask::ReleaseReserve { settlement: id("s1") }),
        ("hold", hold("h2", 10_000)),
        ("hold again", hold("h1", 40_000)),
        ("lift hold", Ask::LiftHold { hold: id("h1"), amount: None }),
        ("spend hold", Ask::SpendHold { hold: id("h1"), amount: cny(1) }),
        ("request payout", pay("p2", cny(20_000))),
        ("request payout again", pay("p1", cny(60_000))),
        ("convert payout", converted("p1", "0.15764", 0)),
        ("send payout", sent("p1")),
        ("confirm payout", confirmed("p1")),
        ("fail payout", failed("p1")),
        ("return payout", returned("p1")),
        ("unblock destination", Ask::UnblockDestination { destination_ref: id("iban-1") }),
        ("charge platform fee", Ask::ChargePlatformFee { period: id("2018-03"), amount: Some(cny(500)) }),
        ("charge advertising", Ask::ChargeAdvertisingFee { campaign: id("spring"), amount: cny(100) }),
        ("charge penalty", Ask::ChargePenalty { amount: cny(100), reason: reason(), dispute: None }),
        ("waive fee", Ask::WaiveFee { amount: cny(100), reason: reason() }),
        ("grant reward", Ask::GrantReward { amount: cny(100), period: id("2018-Q1"), kind: id("growth") }),
        ("reward tier", Ask::RewardTier { period: id("2018-Q1"), tier: id("gold") }),
        ("propose adjustment", proposed("a2")),
        ("propose it again", proposed("a1")),
        ("approve adjustment", approved("a1")),
        ("reject adjustment", Ask::RejectAdjustment { adjustment: id("a1"), reason: reason() }),
    ];
    insta::assert_snapshot!("account_states_and_commands", product(&states, &commands));
}
