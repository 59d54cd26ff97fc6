//! Statements: what they say, that they join, and that what they are written as says the same.
#![allow(clippy::unwrap_used)]

mod support;

use daybook_projections::ReadModels;
use daybook_reports::{Period, Statement};
use proptest::prelude::*;
use serde_json::json;
use support::{Tale, cny, money};

fn drawn(models: &ReadModels, period: &str) -> Statement {
    let period = Period::parse(period, models.calendar().unwrap()).unwrap();
    Statement::draw(models, "m-1", period).unwrap().unwrap()
}

/// A merchant with a name, sales, a refund, a late fee, a settlement, a payout and its return.
fn tale() -> Tale {
    let tale = Tale::new();
    let applied =
        json!({"name": "茶 & <Tea>", "kind": "retailer", "country": "CN", "settlement_currency": "CNY"});
    tale.say(
        "merchant-m-1",
        "2018-01-02T00:00:00Z",
        "MerchantApplied",
        &json!({"merchant": "m-1"}),
        &applied,
    );
    let paid = json!({"amount": cny("500.00"), "provider": "alipay", "provider_ref": "d"});
    tale.say("deposit-m-1", "2018-01-03T00:00:00Z", "DepositPaid", &json!({"merchant": "m-1"}), &paid);
    tale.sale("o-1", "2018-01-30T03:00:00Z", "2018-02-05T03:00:00Z");
    tale.sale("o-2", "2018-02-06T03:00:00Z", "2018-02-16T03:00:00Z");
    // in Shanghai it is March already
    tale.sale("o-3", "2018-02-20T03:00:00Z", "2018-02-28T16:00:00Z");
    let settled = json!({"settlement": "m-1.2018-03-01", "until": "2018-02-28T16:00:00Z", "through": 4, "currency": "CNY",
        "carried_in": cny("0.00"), "gross": cny("200.00"), "refunds": cny("0.00"), "commission": cny("20.00"),
        "fees": cny("0.00"), "rewards": cny("0.00"), "penalties": cny("0.00"), "chargebacks": cny("0.00"),
        "adjustments": cny("0.00"), "total": cny("180.00"), "held_as_reserve": cny("18.00"),
        "taken_from_available": cny("0.00"), "carried_out": cny("0.00"), "orders": 2, "lines": 4, "digest": "00"});
    tale.account("2018-03-01T01:00:00Z", "SettlementClosed", &settled);
    let closed = json!({"period": "2018-02", "until": "2018-02-28T16:00:00Z", "digest": "00", "by": "chen"});
    tale.say("books-main", "2018-03-02T00:00:00Z", "PeriodClosed", &json!({}), &closed);
    let fee = json!({"period": "2018-02", "amount": cny("9.00"), "vat": cny("0.54")});
    tale.account("2018-02-28T10:00:00Z", "PlatformFeeCharged", &fee);
    tale.account(
        "2018-03-05T01:00:00Z",
        "PayoutRequested",
        &json!({"payout": "p-1", "amount": cny("162.00"), "destination_ref": "iban"}),
    );
    tale.account(
        "2018-03-06T01:00:00Z",
        "PayoutConfirmed",
        &json!({"payout": "p-1", "amount": cny("162.00"), "bank": "icbc"}),
    );
    tale.account(
        "2018-04-02T01:00:00Z",
        "PayoutReturned",
        &json!({"payout": "p-1", "amount": cny("162.00"),
        "bank": "icbc", "destination_ref": "iban", "reason": "closed"}),
    );
    tale
}

#[test]
fn a_statement_has_every_movement_and_shows_what_moves_within() {
    let tale = tale();
    insta::assert_json_snapshot!(drawn(&tale.models(), "2018-03"));
}

#[test]
fn what_is_booked_late_stands_in_the_open_period_and_says_when_it_happened() {
    let tale = tale();
    let march = drawn(&tale.models(), "2018-03");
    let late: Vec<_> =
        march.currencies[0].movements.iter().filter_map(|m| Some((m.what, m.late_of?.to_string()))).collect();
    assert_eq!(late, [("Platform fee", "2018-02-28".to_owned())]);
    assert_eq!(march.currencies[0].movements[0].day.to_string(), "2018-03-01");
}

#[test]
fn a_period_without_movements_closes_as_it_opened() {
    let tale = tale();
    let models = tale.models();
    let may = drawn(&models, "2018-05");
    let section = &may.currencies[0];
    assert!(section.movements.is_empty());
    assert_eq!(section.opening, section.closing);
    assert_eq!(
        section.opening.balance,
        section.opening.available.add(section.opening.pending).unwrap().add(section.opening.reserve).unwrap()
    );
    assert_eq!(drawn(&models, "2017").currencies[0].closing.balance.minor, 0);
}

#[test]
fn a_merchant_that_nobody_knows_has_no_statement() {
    let tale = tale();
    let models = tale.models();
    let period = Period::parse("2018-03", models.calendar().unwrap()).unwrap();
    assert!(Statement::draw(&models, "m-2", period).unwrap().is_none());
}

#[test]
fn the_page_to_print_is_one_file_in_which_names_are_text() {
    let tale = tale();
    let mut page = Vec::new();
    drawn(&tale.models(), "2018-03").write_html(&mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    insta::assert_snapshot!(page);
    assert!(!page.contains("<Tea>") && !page.contains("http"));
}

#[test]
fn the_same_statement_is_the_same_workbook() {
    let tale = tale();
    let statement = drawn(&tale.models(), "2018-03");
    let written = || {
        let mut out = Vec::new();
        statement.write_xlsx(&mut out).unwrap();
        out
    };
    assert_eq!(written(), written());
    assert!(written().starts_with(b"PK"));
}

/// An event of the merchant's account, on a day of the first four months of 2018.
fn happening() -> impl Strategy<Value = (u8, u32, i64)> {
    (0u8..8, 0u32..118, 1i64..100_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn statements_of_consecutive_periods_join_and_add_up(history in prop::collection::vec(happening(), 1..40)) {
        let tale = Tale::new();
        let applied = json!({"name": "x", "kind": "retailer", "country": "CN", "settlement_currency": "CNY"});
        tale.say("merchant-m-1", "2018-01-01T00:00:00Z", "MerchantApplied", &json!({"merchant": "m-1"}), &applied);
        for (n, (what, day, minor)) in history.iter().enumerate() {
            let at = daybook_domain::Timestamp::parse("2018-01-01T03:00:00Z").unwrap().plus_days(*day).to_string();
            let sum = cny(&format!("{}.{:02}", minor / 100, minor % 100));
            let id = format!("x-{n}");
            match what {
                0 => tale.sale(&id, &at, &at),
                1 => tale.account(&at, "PenaltyCharged", &json!({"amount": sum, "reason": "late"})),
                2 => tale.account(&at, "PayoutRequested", &json!({"payout": id, "amount": sum, "destination_ref": "d"})),
                3 => tale.account(&at, "PayoutConfirmed", &json!({"payout": id, "amount": sum, "bank": "b"})),
                4 => tale.account(&at, "BalanceHeld", &json!({"hold": id, "amount": sum, "reason": "case"})),
                5 => tale.account(&at, "PayoutConverted", &json!({"payout": id, "from": sum, "to": money("7", "JPY"),
                    "rate": "15", "rate_ref": "r", "spread": cny("0.00")})),
                6 => {
                    let by = json!({"amount": sum, "provider": "alipay", "provider_ref": id});
                    tale.say("deposit-m-1", &at, "DepositPaid", &json!({"merchant": "m-1"}), &by);
                }
                _ => {
                    // late facts of February and before are booked in March
                    let closed = json!({"period": "2018-02", "until": "2018-02-28T16:00:00Z", "digest": "0", "by": "c"});
                    tale.say("books-main", "2018-03-01T00:00:00Z", "PeriodClosed", &json!({}), &closed);
                }
            }
        }
        let models = tale.models();
        let months: Vec<Statement> =
            ["2018-01", "2018-02", "2018-03", "2018-04", "2018-05"].iter().map(|m| drawn(&models, m)).collect();
        for code in ["CNY", "JPY"] {
            let of = |s: &Statement| s.currencies.iter().find(|c| c.currency.as_str() == code).cloned();
            let sections: Vec<_> = months.iter().filter_map(of).collect();
            for pair in sections.windows(2) {
                prop_assert_eq!(pair[0].closing, pair[1].opening);
            }
            for section in &sections {
                let change = section.closing.balance.minor - section.opening.balance.minor;
                prop_assert_eq!(section.totals.sum().minor, change);
                let last = section.movements.last().map_or(section.opening.balance, |m| m.balance);
                prop_assert_eq!(last, section.closing.balance);
            }
            // the last of them ends where the balances stand now
            if let Some(section) = sections.last() {
                let found = models.merchant("m-1").unwrap().unwrap();
                let now = found.balances.iter().find(|b| b.currency == code);
                let owed = now.map_or(0, |b| b.owed);
                prop_assert_eq!(section.closing.balance.minor, owed);
                prop_assert_eq!(section.closing.escrow.minor, now.map_or(0, |b| b.escrow));
            }
        }
        let year = drawn(&models, "2018");
        for section in &year.currencies {
            let of_months: usize = months.iter().flat_map(|m| &m.currencies)
                .filter(|s| s.currency == section.currency).map(|s| s.movements.len()).sum();
            prop_assert_eq!(section.movements.len(), of_months);
        }
    }
}
