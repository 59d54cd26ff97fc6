//! Commands as an API user writes them: what is written comes back, what is misspelt is refused.

use std::fmt::Debug;

use daybook_domain::account::commands::AccountCommand;
use daybook_domain::books::commands::{BooksCommand, MarketCommand};
use daybook_domain::lead::commands::LeadCommand;
use daybook_domain::merchant::commands::MerchantCommand;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Reads and writes it back; and refuses it with a field too much, wherever that stands.
fn round_trips<C: Serialize + DeserializeOwned + Debug>(written: Value) {
    let read: C = serde_json::from_value(written.clone()).unwrap_or_else(|e| panic!("{written}: {e}"));
    assert_eq!(serde_json::to_value(&read).expect("a command is plain data"), written);
    let text: C = serde_json::from_str(&written.to_string()).unwrap_or_else(|e| panic!("{written}: {e}"));
    assert_eq!(serde_json::to_value(&text).expect("a command is plain data"), written);
    let mut more = written;
    more["amout"] = json!("1.00");
    let refused = serde_json::from_value::<C>(more.clone()).expect_err(&more.to_string());
    assert!(refused.to_string().contains("amout"), "{refused}");
}

fn cny(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "CNY" })
}

#[test]
fn merchant_commands_are_written_as_actions() {
    for command in [
        json!({ "action": "approve" }),
        json!({ "action": "open_store" }),
        json!({ "action": "apply", "name": "润泽家居", "kind": "retailer", "country": "CN",
            "settlement_currency": "CNY" }),
        json!({ "action": "submit_qualification", "kind": "unified_licence", "document_ref": "vault:1",
            "valid_until": "2028-03-01T00:00:00Z" }),
        json!({ "action": "agree_fee_schedule", "effective_from": "2018-03-01T00:00:00Z",
            "default_commission": "0.05", "categories": [{ "category": "books", "rate": "0.01" }],
            "deposit_required": cny("10000.00"), "vat_on_fees": "0.06",
            "settlement": { "cycle": "t_plus_n", "days": 7, "minimum_payout": cny("100.00") },
            "platform_fee": { "amount": cny("299.00"), "period": "monthly" },
            "reserve": { "share": "0.05", "days": 30 } }),
        json!({ "action": "suspend_for_deposit", "due": "2018-03-08T12:00:00Z" }),
    ] {
        round_trips::<MerchantCommand>(command);
    }
}

#[test]
fn account_commands_are_written_as_actions() {
    for command in [
        json!({ "action": "close_settlement", "settlement": "s1", "until": "2018-03-01T00:00:00Z",
            "through": 18_446_744_073_709_551_615u64, "currency": "CNY", "carried_in": cny("-0.01"),
            "gross": cny("10.00"), "refunds": cny("0.00"), "commission": cny("0.50"), "fees": cny("0.00"),
            "rewards": cny("0.00"), "penalties": cny("0.00"), "chargebacks": cny("0.00"),
            "adjustments": cny("0.00"), "total": cny("9.49"), "orders": 1, "lines": 2, "digest": "9f86" }),
        json!({ "action": "hold", "hold": "h1", "claim": cny("5.00"), "reason": "dispute", "dispute": "d1" }),
        json!({ "action": "lift_hold", "hold": "h1" }),
        json!({ "action": "convert_payout", "payout": "p1", "currency": "JPY", "rate": "16.50",
            "rate_ref": "desk", "spread": cny("0.00") }),
        json!({ "action": "propose_adjustment", "adjustment": "a1", "amount": cny("12.00"),
            "direction": "against_merchant", "reason": "billed twice" }),
    ] {
        round_trips::<AccountCommand>(command);
    }
}

#[test]
fn market_books_and_lead_commands_are_written_as_actions() {
    round_trips::<MarketCommand>(json!({ "action": "open", "name": "Youtian", "time_zone": "Asia/Shanghai",
        "currencies": ["CNY", "KWD"] }));
    round_trips::<BooksCommand>(json!({ "action": "post_voucher", "voucher": "v1", "reason": "fees",
        "proposed_by": "li", "entries": [
            { "account": "Expenses:BankFee", "side": "debit", "amount": cny("15.00") },
            { "account": "Assets:Bank:icbc", "side": "credit", "amount": cny("15.00") } ] }));
    round_trips::<LeadCommand>(json!({ "action": "qualify" }));
    round_trips::<LeadCommand>(
        json!({ "action": "win", "merchant": "m1", "segment": "toys", "type": "reseller" }),
    );
}

#[test]
fn an_unknown_action_and_a_bad_amount_are_refused_with_what_would_do() {
    let why = |json: Value| serde_json::from_value::<AccountCommand>(json).expect_err("refused").to_string();
    assert!(why(json!({ "action": "pay_out" })).contains("request_payout"));
    let fine = json!({ "action": "charge_penalty", "amount": cny("1.005"), "reason": "late" });
    assert!(why(fine).contains("finer than the minor unit of CNY"));
}
