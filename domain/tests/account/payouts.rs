//! Holds and payouts: what is available waits for a claim, or goes to the bank.

use crate::support::{cny, currency, id, noon, usd};
use crate::*;

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
fn what_becomes_available_fills_the_holds_of_open_claims_before_a_payout_can_take_it() {
    let claimed = new().and(hold("h1", 40_000)).and(hold("h2", 20_000));
    stands(&claimed, [0, 0, 0, 0, 0, 0]);
    let first = claimed.when(settle("s1", 0, 50_000, 10, 10)).then_kinds(&[
        "SettlementClosed",
        "BalanceHeld",
        "BalanceHeld",
    ]);
    stands(&first, [0, 50_000, 0, 0, 0, 0]);
    first.clone().when(pay("p1", cny(1_000))).refused("payout_exceeds_available");
    first.clone().when(hold("h1", 40_000)).nothing();
    let second = first.and(settle("s2", 0, 50_000, 20, 10));
    stands(&second, [40_000, 60_000, 0, 0, 0, 0]);
    let third = second.when(settle("s3", 0, 1_000, 30, 10)).then_kinds(&["SettlementClosed"]);
    stands(&third, [41_000, 60_000, 0, 0, 0, 0]);
}

#[test]
fn a_hold_that_was_lifted_empty_or_tops_a_deposit_up_is_not_filled() {
    let lift = || Ask::LiftHold { hold: id("h1"), amount: None };
    let empty = new().and(hold("h1", 40_000));
    let lifted = empty.when(lift()).then([BalanceHoldLifted { hold: id("h1"), amount: cny(0) }.into()]);
    lifted.clone().when(lift()).nothing();
    lifted.when(settle("s1", 0, 50_000, 10, 10)).then_kinds(&["SettlementClosed"]);
    new()
        .and(hold("top-up:1", 40_000))
        .when(settle("s1", 0, 50_000, 10, 10))
        .then_kinds(&["SettlementClosed"]);
}

#[test]
fn what_one_claim_no_longer_needs_is_held_for_another() {
    let two = settled().and(hold("h1", 90_000)).and(hold("h2", 30_000));
    stands(&two, [0, 100_000, 0, 0, 0, 0]);
    let one = two.and(Ask::LiftHold { hold: id("h1"), amount: None });
    stands(&one, [70_000, 30_000, 0, 0, 0, 0]);
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
fn what_the_merchant_came_to_owe_since_the_last_settlement_is_not_paid_out() {
    let knowing = |pending: i64| Facts { pending: Some(cny(pending)), ..Facts::default() };
    let owing = settled().knowing(knowing(-30_000));
    owing.clone().when(pay("p1", cny(70_001))).refused("payout_exceeds_available");
    owing.clone().importing().when(pay("p1", cny(70_001))).then_kinds(&["PayoutRequested"]);
    owing.when(pay("p1", cny(70_000))).then_kinds(&["PayoutRequested"]);
    settled().knowing(knowing(5_000)).when(pay("p1", cny(100_001))).refused("payout_exceeds_available");
}

#[test]
fn a_suspended_merchant_is_paid_when_it_is_reinstated() {
    let knowing = |suspended_for: Option<&str>| {
        let suspended_for = suspended_for.map(str::to_owned);
        let merchant = MerchantFacts { open: false, suspended_for, terminated_at: None, schedule: None };
        Facts { merchant: Some(merchant), ..Facts::default() }
    };
    let suspended = settled().knowing(knowing(Some("fraud suspected")));
    suspended.clone().when(pay("p1", cny(1_000))).refused("merchant_suspended");
    suspended.clone().importing().when(pay("p1", cny(1_000))).then_kinds(&["PayoutRequested"]);
    suspended.knowing(knowing(None)).when(pay("p1", cny(1_000))).then_kinds(&["PayoutRequested"]);
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
    assert_eq!(back.state.available(crate::support::currency("USD")), usd(10_661));
    assert_eq!(back.state.paid_out(crate::support::currency("USD")), usd(0));
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
