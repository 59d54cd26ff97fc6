//! Opening, paying and covering a basket.

use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::checkout::events::*;
use daybook_domain::{Aggregate, Money};

use super::support::{at, cny, currency, id, noon, usd};
use super::*;

#[test]
fn a_basket_expires_when_the_settings_say_unless_told_otherwise() {
    let opened = basket(&[10_00]);
    assert_eq!(opened.state.expires(), Some(noon().plus_days(1)));
    assert_eq!(opened.state.due(), Some(cny(10_00)));
    assert_eq!(absent().importing().and(open(&[10_00])).state.expires(), None);
}

#[test]
fn a_basket_holds_an_order_once() {
    let twice = OrderDue { order: id("o1"), merchant: id("m1"), buyer_pays: cny(1) };
    let command = CheckoutCommand::Open {
        buyer: id("b1"),
        currency: currency("CNY"),
        orders: vec![twice.clone(), twice],
        expires: None,
    };
    absent().when(command).refused("order_twice");
}

#[test]
fn opening_the_same_basket_again_is_no_news_and_another_is_refused() {
    basket(&[10_00]).when(open(&[10_00])).nothing();
    basket(&[10_00]).when(open(&[10_01])).refused("checkout_exists");
}

#[test]
fn nothing_can_be_paid_into_a_checkout_that_was_never_opened() {
    absent().when(capture("p1", 1)).refused("checkout_unknown");
}

#[test]
fn money_that_covers_the_basket_is_reserved_for_its_orders_in_the_same_append() {
    basket(&[30_00, 70_00]).and(capture("p1", 40_00)).when(capture("p2", 60_00)).then([
        captured("p2", 60_00),
        allocated("o1", vec![part("p1", 30_00)], 0),
        allocated("o2", vec![part("p1", 10_00), part("p2", 60_00)], 0),
    ]);
}

#[test]
fn money_that_does_not_cover_the_basket_waits() {
    let waiting = basket(&[100_00]).when(capture("p1", 99_99)).then([captured("p1", 99_99)]);
    assert_eq!(waiting.state.total().expect("opened").waiting, cny(99_99));
    assert_eq!(waiting.state.status(), "open");
}

#[test]
fn what_comes_above_the_due_is_overpaid() {
    basket(&[100_00]).when(capture("p1", 100_50)).then([
        captured("p1", 100_50),
        allocated("o1", vec![part("p1", 100_00)], 0),
        unallocated("p1", 50, UnallocatedReason::Overpaid),
    ]);
}

#[test]
fn an_accepted_shortfall_is_spread_over_the_orders_by_what_they_ask() {
    let covered = basket(&[30_00, 70_00]).and(capture("p1", 99_00)).when(accept_shortfall(1_00)).then([
        ShortfallAccepted { amount: cny(1_00), by: id("clerk"), reason: "rounding".to_owned() }.into(),
        allocated("o1", vec![part("p1", 29_70)], 30),
        allocated("o2", vec![part("p1", 69_30)], 70),
    ]);
    assert_eq!(covered.state.allocated(&id("o2")), Some(cny(69_30)));
}

#[test]
fn a_shortfall_is_accepted_at_most_for_what_is_missing() {
    let waiting = basket(&[100_00]).and(capture("p1", 99_00));
    waiting.clone().when(accept_shortfall(1_01)).refused("shortfall_exceeds_missing");
    waiting.and(accept_shortfall(60)).when(accept_shortfall(41)).refused("shortfall_exceeds_missing");
}

#[test]
fn a_basket_that_asks_nothing_is_covered_at_once() {
    absent().when(open(&[0, 0])).then_kinds(&["CheckoutOpened", "FundsAllocated", "FundsAllocated"]);
}

#[test]
fn an_order_that_asks_nothing_gets_none_of_the_money() {
    basket(&[0, 10_00]).when(capture("p1", 10_00)).then([
        captured("p1", 10_00),
        allocated("o1", vec![], 0),
        allocated("o2", vec![part("p1", 10_00)], 0),
    ]);
}

#[test]
fn a_lower_due_can_cover_the_basket() {
    basket(&[60_00, 40_00])
        .and(capture("p1", 60_00))
        .when(change_due("o2", 0))
        .then([
            DueChanged { order: id("o2"), buyer_pays: cny(0), due: cny(60_00) }.into(),
            allocated("o1", vec![part("p1", 60_00)], 0),
            allocated("o2", vec![], 0),
        ])
        .when(change_due("o2", 5_00))
        .refused("checkout_covered");
}

#[test]
fn a_payment_told_twice_changes_nothing_and_a_reused_id_is_refused() {
    let paid = basket(&[100_00]).and(capture("p1", 40_00));
    paid.clone().when(capture("p1", 40_00)).nothing();
    paid.when(capture("p1", 41_00)).refused("payment_id_used");
}

#[test]
fn an_authorised_payment_is_no_money_until_it_is_captured() {
    let reserved = basket(&[100_00]).and(authorise("p1", 100_00));
    assert_eq!(reserved.state.total().expect("opened").captured, cny(0));
    reserved.clone().when(authorise("p1", 100_00)).nothing();
    reserved.clone().when(refund("p1", 1)).refused("payment_not_captured");
    reserved.clone().when(capture("p1", 100_00)).then_kinds(&["PaymentCaptured", "FundsAllocated"]);
    let voided = reserved.and(CheckoutCommand::Void { payment: id("p1"), reason: None });
    voided.when(capture("p1", 100_00)).then_kinds(&["PaymentCaptured", "FundsAllocated"]);
}

#[test]
fn a_captured_payment_can_neither_fail_nor_be_voided() {
    let paid = basket(&[100_00]).and(capture("p1", 40_00));
    paid.clone().when(CheckoutCommand::Void { payment: id("p1"), reason: None }).refused("payment_captured");
    let failed =
        CheckoutCommand::FailPayment { payment: id("p1"), provider: id("bank"), reason: "no".to_owned() };
    paid.when(failed).refused("payment_captured");
}

#[test]
fn stored_value_and_a_card_pay_together() {
    let mut gift = part("g1", 30_00);
    gift.provider = id("stored-value");
    gift.method = PaymentMethod::StoredValue;
    let covered = basket(&[100_00])
        .and(stored_value("g1", 30_00))
        .when(capture("p1", 70_00))
        .then([captured("p1", 70_00), allocated("o1", vec![gift, part("p1", 70_00)], 0)]);
    assert_eq!(covered.state.total().expect("opened").stored_value, cny(30_00));
}

#[test]
fn stored_value_is_drawn_at_most_for_what_is_due_and_never_through_a_capture() {
    basket(&[100_00]).when(stored_value("g1", 100_01)).refused("stored_value_exceeds_due");
    let as_capture = CheckoutCommand::Capture {
        payment: id("g1"),
        method: PaymentMethod::StoredValue,
        provider: id("bank"),
        provider_ref: id("r1"),
        amount: cny(1),
        fee: None,
        instalments: None,
    };
    basket(&[100_00]).when(as_capture).refused("payment_is_stored_value");
}

#[test]
fn a_reversal_takes_only_what_no_order_has() {
    let waiting = basket(&[100_00]).and(capture("p1", 40_00));
    let reversed = waiting.and(reverse("p1", 40_00));
    assert_eq!(reversed.state.total().expect("opened").reversed, cny(40_00));
    let covered = reversed.and(capture("p2", 100_00));
    covered.when(reverse("p2", 1)).refused("exceeds_unallocated");
}

#[test]
fn an_expiry_acts_once_at_its_time_and_never_for_another() {
    let due = noon().plus_days(1);
    let expire = |due| CheckoutCommand::Expire { due };
    let opened = basket(&[100_00]);
    opened.clone().when(expire(due)).refused("not_due_yet");
    opened.clone().on(due).when(expire(at("2018-03-01T13:00:00Z"))).nothing();
    let expired = opened.on(due).when(expire(due)).then([CheckoutExpired { due_at: due }.into()]);
    expired.clone().when(expire(due)).nothing();
    expired.when(stored_value("g1", 1)).refused("checkout_closed");
    basket(&[1]).and(capture("p1", 1)).on(due).when(expire(due)).nothing();
}

#[test]
fn amounts_must_be_above_zero_and_sums_within_64_bits() {
    basket(&[100_00]).when(capture("p1", 0)).refused("amount_not_positive");
    absent().when(open(&[-1])).refused("amount_negative");
    absent().when(open(&[i64::MAX, 1])).refused("amount_overflow");
    let full = basket(&[]).and(capture_money("p1", Money::new(i64::MAX, currency("CNY")), "r1"));
    full.clone().when(capture("p2", 1)).refused("amount_overflow");
    full.when(capture_money("p2", usd(1), "r2")).then_kinds(&["PaymentCaptured", "MoneyUnallocated"]);
}
