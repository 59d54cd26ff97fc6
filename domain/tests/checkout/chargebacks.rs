//! Banks taking payments back.

use daybook_domain::checkout::events::*;
use daybook_domain::{Aggregate, Event};

use super::support::{Outcome, cny, id};
use super::*;

fn on_order(order: &str, minor: i64) -> ChargebackPart {
    ChargebackPart { amount: cny(minor), order: Some(id(order)) }
}

fn on_none(minor: i64) -> ChargebackPart {
    ChargebackPart { amount: cny(minor), order: None }
}

/// The parts of the case that an outcome tells of.
fn parts<A: Aggregate>(outcome: Outcome<A>) -> Vec<ChargebackPart> {
    let events = outcome.result.expect("accepted");
    let parts = events.into_iter().find_map(|e| match e {
        Event::ChargebackReceived(e) => Some(e.parts),
        _ => None,
    });
    parts.expect("a case was received")
}

fn lost<A: Aggregate>(outcome: Outcome<A>) -> (i64, i64) {
    let events = outcome.result.expect("accepted");
    let lost = events.into_iter().find_map(|e| match e {
        Event::ChargebackLost(e) => Some((e.from_unallocated.minor, e.loss.minor)),
        _ => None,
    });
    lost.expect("a case was lost")
}

#[test]
fn a_case_falls_on_what_the_payment_went_to_in_proportion() {
    let covered = basket(&[30_00, 70_00]).and(capture("p1", 110_00));
    let whole = parts(covered.clone().when(chargeback("k1", "p1", 110_00, 1)));
    assert_eq!(whole, [on_order("o1", 30_00), on_order("o2", 70_00), on_none(10_00)]);
    let half = parts(covered.when(chargeback("k1", "p1", 55_00, 1)));
    assert_eq!(half, [on_order("o1", 15_00), on_order("o2", 35_00), on_none(5_00)]);
}

#[test]
fn a_second_case_falls_on_what_the_first_left() {
    let first = basket(&[30_00, 70_00]).and(capture("p1", 100_00)).and(chargeback("k1", "p1", 33_33, 1));
    let rest = parts(first.clone().when(chargeback("k2", "p1", 66_67, 1)));
    assert_eq!(rest, [on_order("o1", 20_00), on_order("o2", 46_67)]);
    let more = parts(first.clone().when(chargeback("k2", "p1", 80_00, 1)));
    assert_eq!(more, [on_order("o1", 20_00), on_order("o2", 46_67), on_none(13_33)]);
    let won = first.and(win("k1", 1));
    assert_eq!(
        parts(won.when(chargeback("k2", "p1", 100_00, 1))),
        [on_order("o1", 30_00), on_order("o2", 70_00)]
    );
}

#[test]
fn money_a_bank_asks_back_is_neither_refunded_nor_reserved() {
    let over = basket(&[10_00]).and(capture("p1", 15_00)).and(chargeback("k1", "p1", 15_00, 1));
    over.clone().when(refund_all()).nothing();
    over.clone().when(refund("p1", 1)).refused("exceeds_unallocated");
    over.and(win("k1", 1)).when(refund_all()).then_kinds(&["MoneyUnallocated", "UnallocatedRefunded"]);

    let waiting = basket(&[10_00]).and(capture("p1", 5_00)).and(chargeback("k1", "p1", 5_00, 1));
    let short = waiting.and(capture("p2", 5_00));
    assert_eq!(short.state.status(), "open");
    short.when(win("k1", 1)).then_kinds(&["ChargebackWon", "FundsAllocated"]);
}

#[test]
fn a_lost_case_takes_what_stands_and_what_was_refunded_before_is_a_loss() {
    let paid = basket(&[]).and(capture("p1", 10_00)).and(refund("p1", 6_00));
    let asked = paid.and(chargeback("k1", "p1", 10_00, 1));
    let outcome = asked.when(lose("k1", 1));
    let after = outcome.after.clone();
    assert_eq!(lost(outcome), (4_00, 6_00));
    assert_eq!(after.state.total().expect("opened").lost, cny(4_00));
    after.when(lose("k1", 1)).nothing();
}

#[test]
fn more_than_was_ever_paid_is_recorded_as_a_loss() {
    let paid = basket(&[]).and(capture("p1", 10_00)).and(chargeback("k1", "p1", 12_00, 1));
    assert_eq!(lost(paid.when(lose("k1", 1))), (10_00, 2_00));
}

#[test]
fn a_won_case_may_be_opened_again_as_the_next_round() {
    let covered = basket(&[10_00]).and(capture("p1", 10_00)).and(chargeback("k1", "p1", 10_00, 1));
    covered.clone().when(chargeback("k1", "p1", 10_00, 1)).nothing();
    covered.clone().when(chargeback("k1", "p1", 10_00, 2)).refused("chargeback_round");
    let won = covered.and(win("k1", 1));
    won.clone().when(lose("k1", 1)).refused("chargeback_decided");
    won.clone().when(chargeback("k1", "p1", 10_00, 1)).nothing();
    let again = won.and(chargeback("k1", "p1", 10_00, 2));
    let Ok(events) = again.when(lose("k1", 2)).result else { panic!("the second round can be lost") };
    assert!(matches!(&events[..], [Event::ChargebackLost(e)] if e.round == 2));
}

#[test]
fn a_decision_told_again_decides_no_later_round() {
    let covered = basket(&[10_00]).and(capture("p1", 10_00)).and(chargeback("k1", "p1", 10_00, 1));
    covered.clone().when(win("k1", 2)).refused("chargeback_round");
    let won = covered.and(win("k1", 1));
    won.clone().when(win("k1", 1)).nothing();
    won.clone().when(lose("k1", 2)).refused("chargeback_round");
    let again = won.and(chargeback("k1", "p1", 10_00, 2));
    again.clone().when(win("k1", 1)).nothing();
    again.clone().when(lose("k1", 1)).nothing();
    let kept = again.and(lose("k1", 2));
    kept.clone().when(win("k1", 1)).nothing();
    kept.clone().when(lose("k1", 2)).nothing();
    kept.when(win("k1", 2)).refused("chargeback_decided");
}

#[test]
fn a_case_on_an_order_that_refused_its_money_falls_on_money_without_an_order() {
    let asked = basket(&[10_00]).and(capture("p1", 10_00)).and(chargeback("k1", "p1", 10_00, 1));
    let refused = asked.and(return_allocation("o1"));
    refused.clone().when(refund_all()).nothing();
    assert_eq!(lost(refused.when(lose("k1", 1))), (10_00, 0));
}

#[test]
fn what_a_bank_keeps_of_an_order_does_not_come_back_to_the_checkout() {
    let kept =
        basket(&[10_00]).and(capture("p1", 10_00)).and(chargeback("k1", "p1", 10_00, 1)).and(lose("k1", 1));
    kept.when(return_allocation("o1")).refused("order_charged_back");
}

#[test]
fn no_bank_takes_stored_value_back() {
    basket(&[10_00])
        .and(stored_value("g1", 10_00))
        .when(chargeback("k1", "g1", 1, 1))
        .refused("payment_is_stored_value");
}
