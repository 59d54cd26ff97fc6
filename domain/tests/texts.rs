//! Free text: what people write is neither empty nor endless, what a bank or a provider said is a fact.

mod support;

use std::fmt::Debug;

use daybook_domain::checkout::Checkout;
use daybook_domain::checkout::commands::CheckoutCommand;
use daybook_domain::decider::passed_on;
use daybook_domain::deposit::Deposit;
use daybook_domain::{Aggregate, Event};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use support::sale::placed;
use support::{Scenario, given, noon};

/// Most bytes that are taken.
const MOST: usize = 2_000;

fn read<C: DeserializeOwned>(command: &Value) -> C {
    serde_json::from_value(command.clone()).unwrap_or_else(|e| panic!("{command}: {e}"))
}

/// Each of these commands is refused with nothing, with blanks and with too much in its `field`, naming it.
fn refused<A>(scenario: &Scenario<A>, field: &str, commands: &[Value])
where
    A: Aggregate<Command: DeserializeOwned> + Clone + Debug,
{
    for command in commands {
        let with = |text: String| {
            let mut command = command.clone();
            command[field] = json!(text);
            scenario.clone().when(read(&command)).result
        };
        for (text, code) in [
            (String::new(), "text_empty"),
            (" \t".to_owned(), "text_empty"),
            ("x".repeat(MOST + 1), "text_too_long"),
        ] {
            let Err(refused) = with(text) else { panic!("taken: {command}") };
            assert_eq!(refused.code, code, "{command}: {refused:?}");
            assert!(refused.message.starts_with(field), "{refused:?}");
        }
        let fits = with("x".repeat(MOST));
        assert!(fits.is_ok() || fits.as_ref().is_err_and(|e| !e.code.starts_with("text_")), "{fits:?}");
    }
}

fn cny(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "CNY" })
}

#[test]
fn people_say_why_in_a_few_words() {
    let order = placed();
    let ruling = json!({ "action": "rule_dispute", "dispute": "d1", "for": "merchant", "penalty": cny("0.00"),
        "rule": { "version": 1, "clause": "4.2" } });
    refused(
        &order,
        "reason",
        &[
            json!({ "action": "hold" }),
            json!({ "action": "cancel", "by": "buyer", "refund": "r1" }),
            json!({ "action": "refuse_receipt" }),
            json!({ "action": "refund_escrow", "refund": "r1", "of": { "amount": cny("1.00") } }),
            json!({ "action": "issue_refund", "refund": "r1", "of": { "amount": cny("1.00") },
                "borne_by": "merchant" }),
            json!({ "action": "reroute_refund", "refund": "r1", "to": "bank" }),
            json!({ "action": "request_return", "return": "t1" }),
            json!({ "action": "refuse_return", "return": "t1" }),
            json!({ "action": "request_exchange", "exchange": "t1" }),
            json!({ "action": "refuse_exchange", "exchange": "t1" }),
            ruling,
            json!({ "action": "appeal_dispute", "dispute": "d1", "by": "buyer" }),
            json!({ "action": "uphold_ruling", "dispute": "d1" }),
            json!({ "action": "reverse_ruling", "dispute": "d1" }),
        ],
    );
    refused(&order, "resolution", &[json!({ "action": "resolve_exception", "shipment": "s1" })]);
    refused(
        &order,
        "detail",
        &[
            json!({ "action": "report_exception", "shipment": "s1", "kind": "lost" }),
            json!({ "action": "open_dispute", "dispute": "d1", "by": "buyer", "category": "quality" }),
        ],
    );
    refused(&order, "answer", &[json!({ "action": "answer_dispute", "dispute": "d1", "by": "merchant" })]);

    let open = json!({ "action": "open", "buyer": "b1", "currency": "CNY", "orders": [
        { "order": "o1", "merchant": "m1", "buyer_pays": cny("9.00") } ] });
    let checkout = given::<Checkout>("c1", []).on(noon()).and(read::<CheckoutCommand>(&open));
    refused(
        &checkout,
        "reason",
        &[
            json!({ "action": "cancel" }),
            json!({ "action": "refund_unallocated" }),
            json!({ "action": "accept_shortfall", "by": "li", "amount": cny("1.00") }),
        ],
    );
    refused(
        &given::<Deposit>("m1", []),
        "reason",
        &[
            json!({ "action": "freeze", "hold": "h1", "amount": cny("1.00") }),
            json!({ "action": "deduct", "amount": cny("1.00"), "to": { "to": "penalty" } }),
            json!({ "action": "restore", "order": "o1", "dispute": "d1", "amount": cny("1.00") }),
        ],
    );
    // history is taken as it is
    let silent = json!({ "action": "hold", "reason": "" });
    placed().importing().when(read(&silent)).then_kinds(&["OrderHeld"]);
    // what fails is a fact, whatever the provider has to say of it
    let failed = json!({ "action": "fail_payment", "payment": "p1", "provider": "bank", "reason": "" });
    let events = checkout.when(read::<CheckoutCommand>(&failed)).result.expect("recorded");
    assert!(matches!(&events[..], [Event::PaymentFailed(e)] if e.reason.is_empty()), "{events:?}");
}

#[test]
fn what_is_passed_on_is_shortened_between_letters() {
    assert_eq!(passed_on("dispute d1 ruled: broken".to_owned()), "dispute d1 ruled: broken");
    assert_eq!(passed_on("x".repeat(MOST)).len(), MOST);
    assert_eq!(passed_on(" ".to_owned()), "no reason given");
    for letter in ["x", "é", "破", "🦀"] {
        let short = passed_on(format!("d: {}", letter.repeat(MOST)));
        assert!((MOST - 3..=MOST).contains(&short.len()), "{}", short.len());
        assert!(short.ends_with(&format!("{letter}…")), "{short}");
    }
}
