//! The patterns of words agree with their parsers.

use std::collections::BTreeSet;

use daybook_domain::schema::{JsonSchema, Schemas};
use daybook_domain::*;
use serde_json::{Value, json};

use crate::check::Checker;

/// Checks words of one type against its schema.
struct Words {
    schema: Value,
    checker: Checker,
}

impl Words {
    fn of<T: JsonSchema>() -> Self {
        let mut schemas = Schemas::new();
        Self { schema: schemas.of::<T>(), checker: Checker::new(schemas.components()) }
    }
    fn fits(&self, value: &Value) -> bool {
        self.checker.check(&self.schema, value).is_ok()
    }
}

macro_rules! ids {
    ($($name:ident),* $(,)?) => {
        /// Each type of identifier: its name, its schema, its parser.
        fn ids() -> Vec<(&'static str, Words, fn(&str) -> bool)> {
            vec![$((stringify!($name), Words::of::<$name>(), |text| $name::new(text).is_ok())),*]
        }
    };
}

ids! {
    MerchantId, BuyerId, CheckoutId, OrderId, LineId, ProductId, Category, PaymentId, ProviderId, InstrumentId,
    BankAccountId, CampaignId, ShipmentId, RefundId, ReturnId, DisputeId, ChargebackId, ReviewId, HoldId,
    SettlementId, PayoutId, AdjustmentId, VoucherId, LeadId, PartyId, Reference, Code, VisitorId, CartId,
}

#[test]
fn an_id_fits_its_schema_exactly_when_its_parser_takes_it() {
    let (longest, too_long) = ("x".repeat(64), "x".repeat(65));
    let good = ["a", "0", "m-10086", "o:1/2", "!", "~", "\"", "\\", "a.b_c@d#e", longest.as_str()];
    let bad = ["", " ", "a b", "a ", "a\n", "a\tb", "\u{7f}", "\u{0}", "é", "订单", too_long.as_str()];
    for (name, words, parses) in ids() {
        for word in good {
            assert!(parses(word) && words.fits(&json!(word)), "{name} {word:?}");
        }
        for word in bad {
            assert!(!parses(word) && !words.fits(&json!(word)), "{name} {word:?}");
        }
        assert!(!words.fits(&json!(1)) && !words.fits(&Value::Null), "{name}");
    }
}

#[test]
fn every_id_in_a_schema_is_in_the_table_above() {
    let mut schemas = Schemas::new();
    crate::commands(&mut schemas);
    schemas.events();
    schemas.of::<Refs>();
    let patterned: BTreeSet<String> = schemas
        .components()
        .into_iter()
        .filter(|(_, schema)| schema.get("pattern").is_some_and(|pattern| pattern == "^[!-~]+$"))
        .map(|(name, _)| name)
        .collect();
    let table: BTreeSet<String> = ids().iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(patterned, table);
}

#[test]
fn the_currencies_of_the_schema_are_those_that_are_known() {
    let words = Words::of::<Currency>();
    let listed = words.checker.components()["Currency"]["enum"].as_array().unwrap().clone();
    let letters = || b'A'..=b'Z';
    let mut known = Vec::new();
    for first in letters() {
        for second in letters() {
            known.extend(letters().map(|third| String::from_utf8(vec![first, second, third]).unwrap()));
        }
    }
    known.retain(|code| Currency::new(code).is_ok());
    assert_eq!(listed, known.iter().map(|code| json!(code)).collect::<Vec<_>>());
    assert!(known.len() > 150);
    for bad in ["", "cny", "CN", "CNYY", "XXX", "C Y"] {
        assert!(Currency::new(bad).is_err() && !words.fits(&json!(bad)), "{bad}");
    }
}

#[test]
fn an_amount_fits_its_schema_exactly_when_it_is_read_in_the_finest_currency() {
    let words = Words::of::<Money>();
    let cases = [
        ("0", true),
        ("-0", true),
        ("12.3", true),
        ("-12.3456", true),
        ("007.10", true),
        ("922337203685477.5807", true),
        ("12.34567", false),
        ("", false),
        ("-", false),
        ("--1", false),
        ("+1", false),
        (".5", false),
        ("5.", false),
        ("1e3", false),
        ("1,000", false),
        ("1_000", false),
        (" 1", false),
        ("1 ", false),
        ("一", false),
        ("NaN", false),
    ];
    for (text, good) in cases {
        let value = json!({ "amount": text, "currency": "CLF" });
        assert_eq!(serde_json::from_value::<Money>(value.clone()).is_ok(), good, "{text:?}");
        assert_eq!(words.fits(&value), good, "{text:?}");
    }
}

#[test]
fn a_time_fits_its_schema_exactly_when_its_parser_takes_it() {
    let words = Words::of::<Timestamp>();
    assert_eq!(words.checker.components()["Timestamp"]["format"], "date-time");
    for (text, good) in [
        ("2018-03-01T12:00:00Z", true),
        ("2018-03-01T12:00:00.123456Z", true),
        ("2018-03-01T12:00:00+08:00", true),
        ("2018-03-01T12:00:00", false),
        ("2018-03-01", false),
        ("2018-02-30T12:00:00Z", false),
        ("", false),
    ] {
        assert_eq!(serde_json::from_value::<Timestamp>(json!(text)).is_ok(), good, "{text:?}");
        assert_eq!(words.fits(&json!(text)), good, "{text:?}");
    }
}

#[test]
fn a_rate_that_fits_its_schema_is_read_and_a_number_is_none() {
    let component = {
        let mut schemas = Schemas::new();
        schemas.events();
        schemas.components()["Rate"].clone()
    };
    let checker = Checker::new(Default::default());
    let longest = format!("0.{}", "9".repeat(26));
    for good in ["0", "0.05", "-1.5", "16.50", "007", longest.as_str(), &"9".repeat(28)] {
        assert!(checker.check(&component, &json!(good)).is_ok(), "{good}");
        assert!(serde_json::from_value::<Rate>(json!(good)).is_ok(), "{good}");
    }
    for bad in [json!(""), json!("5%"), json!("0,05"), json!("one"), json!(0.05), json!(1), json!(null)] {
        assert!(checker.check(&component, &bad).is_err(), "{bad}");
        assert!(serde_json::from_value::<Rate>(bad.clone()).is_err(), "{bad}");
    }
}
