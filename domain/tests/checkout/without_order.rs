//! Money that no order takes: always recorded, refunded or recognised, never both.

use daybook_domain::Aggregate;
use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::checkout::events::*;

use super::support::{cny, id, noon, usd};
use super::*;

use UnallocatedReason as Why;

#[test]
fn a_basket_without_orders_takes_money_that_stands_without_one() {
    let paid = basket(&[])
        .when(capture("p1", 10_00))
        .then([captured("p1", 10_00), unallocated("p1", 10_00, Why::NoOrderOpen)]);
    paid.when(cancel()).then([
        CheckoutCancelled { reason: "given up".to_owned() }.into(),
        unallocated("p1", -10_00, Why::NoOrderOpen),
        unallocated("p1", 10_00, Why::NoOrderCancelled),
    ]);
}

#[test]
fn a_second_payment_of_a_covered_basket_is_a_duplicate_when_it_is_the_same_amount_again() {
    let covered = basket(&[10_00]).and(capture("p1", 10_00));
    covered
        .clone()
        .when(capture("p2", 10_00))
        .then([captured("p2", 10_00), unallocated("p2", 10_00, Why::Duplicate)]);
    covered.when(capture("p2", 10_01)).then([captured("p2", 10_01), unallocated("p2", 10_01, Why::Overpaid)]);
    basket(&[20_00])
        .and(capture("p1", 10_00))
        .when(capture("p2", 10_00))
        .then_kinds(&["PaymentCaptured", "FundsAllocated"]);
}

#[test]
fn a_provider_reference_brings_its_money_once_whatever_payment_it_is_told_under() {
    let paid = basket(&[20_00]).and(capture("p1", 10_00));
    paid.clone().when(capture_money("p2", cny(10_00), "ref-p1")).nothing();
    paid.clone().when(capture_money("p2", cny(9_99), "ref-p1")).refused("provider_ref_used");
    paid.clone().when(capture_money("p2", usd(10_00), "ref-p1")).refused("provider_ref_used");
    let covered = paid.and(capture("p3", 10_00));
    covered.clone().when(capture_money("p2", cny(10_00), "ref-p1")).nothing();
    covered.and(capture_money("p2", cny(10_00), "ref-p1")).when(refund_all()).nothing();
}

#[test]
fn money_in_another_currency_is_recorded_and_covers_nothing() {
    let paid = basket(&[10_00]).and(capture_money("p1", usd(10_00), "r1"));
    assert_eq!(paid.state.status(), "open");
    let all: Vec<_> = paid.state.unallocated().collect();
    assert_eq!(all, [(id("p1"), Why::OtherCurrency, usd(10_00))]);
    let totals = paid.state.totals();
    assert!(totals.len() == 2 && totals.iter().all(|t| t.balanced()), "{totals:?}");
    paid.when(refund_all()).then_kinds(&["MoneyUnallocated", "UnallocatedRefunded"]);
}

#[test]
fn money_after_expiry_is_late_and_after_cancellation_has_no_order() {
    let due = noon().plus_days(1);
    let expired = basket(&[10_00]).on(due).and(CheckoutCommand::Expire { due });
    expired.when(capture("p1", 10_00)).then([captured("p1", 10_00), unallocated("p1", 10_00, Why::Late)]);
    basket(&[10_00])
        .and(cancel())
        .when(capture("p1", 10_00))
        .then([captured("p1", 10_00), unallocated("p1", 10_00, Why::NoOrderCancelled)]);
}

#[test]
fn cancelling_a_half_paid_basket_leaves_its_money_to_be_refunded() {
    let part_refund = RefundPart { provider: id("bank"), ..refund_part("p1", 4_00) };
    basket(&[10_00])
        .and(capture("p1", 4_00))
        .and(cancel())
        .when(refund_all())
        .then([
            unallocated("p1", -4_00, Why::NoOrderCancelled),
            UnallocatedRefunded { parts: vec![part_refund], reason: "no order".to_owned() }.into(),
        ])
        .when(refund_all())
        .nothing();
}

#[test]
fn a_covered_basket_is_not_cancelled_until_every_order_has_refused() {
    let covered = basket(&[6_00, 4_00]).and(capture("p1", 10_00));
    covered.clone().when(cancel()).refused("checkout_covered");
    let refused = covered.and(return_allocation("o1")).and(return_allocation("o2"));
    refused
        .clone()
        .when(capture("p2", 1_00))
        .then([captured("p2", 1_00), unallocated("p2", 1_00, Why::NoOrderCancelled)]);
    refused.when(cancel()).then_kinds(&["CheckoutCancelled"]);
}

#[test]
fn an_order_that_refuses_gives_its_money_back_to_the_checkout_once() {
    let covered = basket(&[6_00, 4_00]).and(capture("p1", 10_00));
    let back = covered.when(return_allocation("o1")).then([
        AllocationReturned {
            order: id("o1"),
            parts: vec![part("p1", 6_00)],
            shortfall: cny(0),
            reason: "cancelled".to_owned(),
        }
        .into(),
        MoneyUnallocated {
            amount: cny(6_00),
            reason: Why::OrderRefused,
            payment: Some(id("p1")),
            order: Some(id("o1")),
        }
        .into(),
    ]);
    assert_eq!(back.state.allocated(&id("o1")), None);
    back.clone().when(return_allocation("o1")).nothing();
    back.when(return_allocation("o9")).refused("order_unknown");
    basket(&[1]).when(return_allocation("o1")).refused("order_not_allocated");
}

#[test]
fn money_reserved_for_an_order_cannot_be_refunded_as_unallocated() {
    let over = basket(&[10_00]).and(capture("p1", 10_50));
    over.clone().when(refund("p1", 51)).refused("exceeds_unallocated");
    over.clone().when(refund("p1", 50)).then_kinds(&["MoneyUnallocated", "UnallocatedRefunded"]);
    let twice = vec![refund_part("p1", 30), refund_part("p1", 21)];
    let command = CheckoutCommand::RefundUnallocated { parts: Some(twice), reason: "x".to_owned() };
    over.when(command).refused("exceeds_unallocated");
}

#[test]
fn interest_on_instalments_is_recognised_from_what_was_overpaid() {
    let over = basket(&[100_00]).and(capture("p1", 104_00));
    over.clone().when(recognise(4_01)).refused("exceeds_overpaid");
    let done = over.when(recognise(4_00)).then([
        unallocated("p1", -4_00, Why::Overpaid),
        DifferenceRecognised {
            payment: id("p1"),
            amount: cny(4_00),
            r#as: DifferenceKind::InstalmentInterest,
            by: id("clerk"),
        }
        .into(),
    ]);
    assert_eq!(done.state.total().expect("opened").recognised, cny(4_00));
    done.when(refund("p1", 1)).refused("exceeds_unallocated");
}

#[test]
fn only_overpaid_money_is_recognised() {
    basket(&[]).and(capture("p1", 1_00)).when(recognise(1)).refused("exceeds_overpaid");
}
