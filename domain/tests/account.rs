//! Accounts: settlements to the cent, holds, payouts, charges, and adjustments by two persons.

mod support;

use daybook_domain::account::MerchantAccount;
use daybook_domain::account::commands::AccountCommand as Ask;
use daybook_domain::account::commands::SettlementFigures;
use daybook_domain::account::events::*;
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
    let merchant = MerchantFacts { open: true, terminated_at: None, schedule };
    Facts { merchant: Some(merchant), ..Facts::default() }
}

fn new() -> Scenario<MerchantAccount> {
    given("m1", [])
}

/// A settlement of `gross` alone, up to line `through`.
fn figures(name: &str, carried_in: i64, gross: i64, through: u64, lines: u64) -> SettlementFigures {
    let zero = cny(0);
    SettlementFigures {
        settlement: id(name),
        until: at("2018-03-01T00:00:00Z"),
        through,
        currency: currency("CNY"),
        carried_in: cny(carried_in),
        gross: cny(gross),
        refunds: zero,
        commission: zero,
        fees: zero,
        rewards: zero,
        penalties: zero,
        chargebacks: zero,
        adjustments: zero,
        total: cny(carried_in + gross),
        orders: lines,
        lines,
        digest: id("9f86d081"),
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

    let zero = usd(0);
    let dollars = SettlementFigures {
        currency: currency("USD"),
        carried_in: zero,
        gross: usd(700),
        refunds: zero,
        commission: zero,
        fees: zero,
        rewards: zero,
        penalties: zero,
        chargebacks: zero,
        adjustments: zero,
        total: usd(700),
        ..figures("s2", 0, 0, 4, 4)
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
fn a_claim_holds_what_is_available_and_says_what_it_asked_for() {
    let reason = "dispute d1".to_owned();
    let (hold_id, dispute) = (id("h1"), Some(id("d1")));
    settled().when(hold("h1", 40_000)).then([BalanceHeld {
        hold: hold_id,
        amount: cny(40_000),
        reason: reason.clone(),
        claimed: None,
        dispute,
    }
    .into()]);
    let most = settled().and(hold("h0", 90_000)).when(hold("h1", 40_000));
    let all = most.then([BalanceHeld {
        hold: hold_id,
        amount: cny(10_000),
        reason: reason.clone(),
        claimed: Some(cny(40_000)),
        dispute,
    }
    .into()]);
    stands(&all, [0, 100_000, 0, 0, 0, 0]);
    new().when(hold("h1", 40_000)).then([BalanceHeld {
        hold: hold_id,
        amount: cny(0),
        reason,
        claimed: Some(cny(40_000)),
        dispute,
    }
    .into()]);
    all.clone().when(hold("h1", 40_000)).nothing();
    all.when(hold("h1", 1)).refused("hold_exists");
}

#[test]
fn a_hold_is_lifted_or_spent_in_parts_and_never_beyond_what_is_left() {
    let spend = |amount| Ask::SpendHold { hold: id("h1"), amount: cny(amount) };
    let lift = |amount: Option<i64>| Ask::LiftHold { hold: id("h1"), amount: amount.map(cny) };
    let held = settled().and(hold("h1", 40_000));
    held.clone().when(spend(40_001)).refused("hold_exceeded");
    let part = held.and(spend(25_000)).and(lift(Some(5_000)));
    stands(&part, [65_000, 10_000, 0, 0, 0, 0]);
    part.clone().when(lift(Some(10_001))).refused("hold_exceeded");
    let lifted = part.and(lift(None));
    stands(&lifted, [75_000, 0, 0, 0, 0, 0]);
    lifted.clone().when(lift(None)).nothing();
    lifted.when(spend(1)).refused("hold_exceeded");
}

#[test]
fn a_payout_never_exceeds_what_is_available_nor_is_below_the_minimum() {
    settled().when(pay("p1", cny(100_001))).refused("payout_exceeds_available");
    settled().and(hold("h1", 1)).when(pay("p1", cny(100_000))).refused("payout_exceeds_available");
    settled().when(pay("p1", cny(0))).refused("amount_not_positive");
    settled().when(pay("p1", usd(1))).refused("payout_exceeds_available");
    settled().knowing(knowing(Some(terms()))).when(pay("p1", cny(999))).refused("payout_below_minimum");
    let mut left = knowing(Some(terms()));
    left.merchant.as_mut().unwrap().terminated_at = Some(noon());
    settled().knowing(left).when(pay("p1", cny(999))).then_kinds(&["PayoutRequested"]);
    stands(&settled().and(pay("p1", cny(60_000))), [40_000, 0, 0, 60_000, 0, 0]);
}

#[test]
fn a_payout_that_fails_before_it_is_paid_is_available_again() {
    for before in
        [settled().and(pay("p1", cny(60_000))), settled().and(pay("p1", cny(60_000))).and(sent("p1"))]
    {
        let after = before.and(failed("p1"));
        stands(&after, [100_000, 0, 0, 0, 0, 0]);
        after.clone().when(failed("p1")).nothing();
        after.when(confirmed("p1")).refused("payout_failed");
    }
    let paid = settled().and(pay("p1", cny(60_000))).and(sent("p1")).and(confirmed("p1"));
    paid.when(failed("p1")).refused("payout_confirmed");
}

#[test]
fn a_payout_that_comes_back_blocks_its_destination_until_somebody_checked_it() {
    let paid = settled().and(pay("p1", cny(60_000))).and(sent("p1")).and(confirmed("p1"));
    stands(&paid, [40_000, 0, 0, 0, 60_000, 0]);
    let on_its_way = paid.and(pay("p2", cny(10_000)));
    let back = on_its_way.and(returned("p1"));
    stands(&back, [90_000, 0, 0, 10_000, 0, 0]);
    back.clone().when(pay("p3", cny(10_000))).refused("destination_blocked");
    back.clone().when(sent("p2")).refused("destination_blocked");
    let unblock = Ask::UnblockDestination { destination_ref: id("iban-1") };
    let checked = back.and(unblock.clone());
    checked.clone().when(unblock).nothing();
    checked.and(sent("p2")).when(pay("p3", cny(10_000))).then_kinds(&["PayoutRequested"]);
}

#[test]
fn a_payout_is_sent_before_it_is_confirmed_and_a_bank_reference_is_used_once() {
    let two = settled().and(pay("p1", cny(1_000))).and(pay("p2", cny(1_000)));
    two.clone().when(confirmed("p1")).refused("payout_not_sent");
    two.clone().importing().when(confirmed("p1")).then_kinds(&["PayoutConfirmed"]);
    let one = two.and(sent("p1"));
    one.clone().when(sent("p1")).nothing();
    let again = Ask::SendPayout { payout: id("p2"), provider_ref: id("bank-p1") };
    one.when(again).refused("reference_used");
}

#[test]
fn a_converted_payout_arrives_net_of_the_spread_at_the_rate_half_to_even() {
    let converting = settled().and(pay("p1", cny(67_966))).when(converted("p1", "0.15764", 340));
    let after = converting.then([PayoutConverted {
        payout: id("p1"),
        from: cny(67_966),
        to: usd(10_661), // 676.26 x 0.15764 = 106.6056...
        rate: "0.15764".parse().expect("a rate"),
        rate_ref: id("safe:2018-03-01"),
        spread: cny(340),
    }
    .into()]);
    assert_eq!(after.state.in_transit(currency("USD")), usd(10_661));
    assert_eq!(after.state.in_transit(currency("CNY")), cny(0));
    after.clone().when(converted("p1", "0.15764", 340)).nothing();
    let yen = Ask::ConvertPayout {
        payout: id("p1"),
        currency: currency("JPY"),
        rate: "16.5".parse().expect("a rate"),
        rate_ref: id("safe:2018-03-01"),
        spread: usd(0),
    };
    after.clone().when(yen.clone()).refused("payout_converted");

    // minor units of the two currencies differ
    let requested = settled().and(pay("p1", cny(1_001)));
    let Ask::ConvertPayout { payout, currency, rate, rate_ref, .. } = yen else { unreachable!() };
    let yen = Ask::ConvertPayout { payout, currency, rate, rate_ref, spread: cny(0) };
    let in_yen = requested.and(yen);
    assert_eq!(in_yen.state.in_transit(currency).minor, 165); // 10.01 x 16.5 = 165.165

    // it comes back as what it was converted to
    let back = after.and(sent("p1")).and(confirmed("p1")).and(returned("p1"));
    assert_eq!(back.state.available(support::currency("USD")), usd(10_661));
    assert_eq!(back.state.paid_out(support::currency("USD")), usd(0));
}

#[test]
fn a_conversion_to_nothing_or_below_is_refused() {
    let requested = settled().and(pay("p1", cny(1_000)));
    for (rate, spread, code) in [
        ("0", 0, "conversion_to_nothing"),
        ("-0.1", 0, "conversion_to_nothing"),
        ("0.15", 1_000, "conversion_to_nothing"),
        ("0.15", 2_000, "conversion_to_nothing"),
        ("0.15", -1, "amount_negative"),
    ] {
        requested.clone().when(converted("p1", rate, spread)).refused(code);
    }
    requested.and(sent("p1")).when(converted("p1", "0.15", 0)).refused("payout_sent");
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
        ("propose adjustment", proposed("a2")),
        ("propose it again", proposed("a1")),
        ("approve adjustment", approved("a1")),
        ("reject adjustment", Ask::RejectAdjustment { adjustment: id("a1"), reason: reason() }),
    ];
    insta::assert_snapshot!("account_states_and_commands", product(&states, &commands));
}
