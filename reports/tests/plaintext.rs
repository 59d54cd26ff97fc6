//! The books as other programs read them.
#![allow(clippy::unwrap_used)]

mod support;

use daybook_reports::Period;
use daybook_reports::plaintext::{Program, Written, write_books};
use serde_json::json;
use support::{Tale, cny};

/// Two sales, a payout in another currency, and a payment that is heard of after its month was closed.
fn tale() -> Tale {
    let tale = Tale::new();
    tale.sale("o:1", "2018-01-30T03:00:00Z", "2018-02-05T03:00:00Z");
    tale.account(
        "2018-02-20T01:00:00Z",
        "AdjustmentApproved",
        &json!({"adjustment": "a", "amount": cny("5.00"),
        "direction": "against_merchant", "reason": "freight", "by": "chen"}),
    );
    // half past midnight of 1 March in Shanghai
    tale.sale("X-2", "2018-02-28T16:30:00Z", "2018-03-09T03:00:00Z");
    let closed = json!({"period": "2018-02", "until": "2018-02-28T16:00:00Z", "digest": "00", "by": "chen"});
    tale.say("books-main", "2018-03-10T00:00:00Z", "PeriodClosed", &json!({}), &closed);
    let late = json!({"payment": "p", "method": "card", "provider": "\"pay\\", "provider_ref": "r", "amount": cny("7.00")});
    tale.say("checkout-c3", "2018-02-27T00:00:00Z", "PaymentCaptured", &json!({"checkout": "c3"}), &late);
    let settled = json!({"settlement": "s", "until": "2018-02-28T16:00:00Z", "through": 3, "currency": "CNY",
        "carried_in": cny("0.00"), "gross": cny("100.00"), "refunds": cny("0.00"), "commission": cny("10.00"),
        "fees": cny("0.00"), "rewards": cny("0.00"), "penalties": cny("0.00"), "chargebacks": cny("0.00"),
        "adjustments": cny("-5.00"), "total": cny("85.00"), "held_as_reserve": cny("0.00"),
        "taken_from_available": cny("0.00"), "carried_out": cny("0.00"), "orders": 1, "lines": 3, "digest": "00"});
    tale.account("2018-03-11T00:00:00Z", "SettlementClosed", &settled);
    tale.converted_payout("iban");
    tale
}

fn written(program: Program, period: Option<&str>) -> (String, Written) {
    let tale = tale();
    let models = tale.models();
    let period = period.map(|text| Period::parse(text, models.calendar().unwrap()).unwrap());
    let mut out = Vec::new();
    let written = write_books(&models, program, period, &mut out).unwrap();
    (String::from_utf8(out).unwrap(), written)
}

#[test]
fn beancount_reads_each_event_as_a_transaction_and_each_month_as_balances() {
    let (text, written) = written(Program::Beancount, None);
    insta::assert_snapshot!(text);
    assert_eq!((written.events, written.entries), (13, 31));
}

#[test]
fn hledger_reads_the_same_in_its_own_words() {
    insta::assert_snapshot!(written(Program::Hledger, None).0);
}

#[test]
fn ledger_is_told_no_totals_as_it_cannot_check_them() {
    insta::assert_snapshot!(written(Program::Ledger, None).0);
}

#[test]
fn a_period_begins_with_what_the_one_before_ended_with() {
    insta::assert_snapshot!(written(Program::Beancount, Some("2018-03")).0);
}

#[test]
fn the_periods_of_the_books_hold_every_event_once() {
    let (_, whole) = written(Program::Hledger, None);
    let months: Vec<Written> =
        ["2018-01", "2018-02", "2018-03"].map(|month| written(Program::Hledger, Some(month)).1).to_vec();
    assert_eq!(months.iter().map(|m| m.events).sum::<u64>(), whole.events);
    assert_eq!(months.iter().map(|m| m.assertions).sum::<u64>(), whole.assertions);
    assert_eq!(written(Program::Hledger, Some("2018")).1.entries, whole.entries);
}

#[test]
fn books_without_an_event_are_a_file_without_transactions() {
    let (tale, mut out) = (Tale::new(), Vec::new());
    let written = write_books(&tale.models(), Program::Beancount, None, &mut out).unwrap();
    assert_eq!(written, Written::default());
    assert!(!String::from_utf8(out).unwrap().contains('*'));
}
