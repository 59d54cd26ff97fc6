use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::access::Access;

/// Every event fixture: file name and content.
fn fixtures() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/fixtures");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            all.push((name, serde_json::from_str(&text).unwrap()));
        }
    }
    assert!(all.len() > 200, "the fixtures are there");
    all
}

fn members(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                into.insert(name.clone());
                members(value, into);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, into)),
        _ => {}
    }
}

fn texts(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            into.insert(text.clone());
        }
        Value::Object(object) => object.values().for_each(|value| texts(value, into)),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        _ => {}
    }
}

#[test]
fn of_every_member_of_every_event_it_is_decided_whether_analysts_see_it() {
    let mut all = BTreeSet::new();
    fixtures().iter().for_each(|(_, data)| members(data, &mut all));
    let undecided: Vec<_> = all
        .iter()
        .filter(|name| {
            [SHOWN, NAMED, LEFT_OUT].iter().filter(|list| list.contains(&name.as_str())).count() != 1
        })
        .collect();
    assert!(undecided.is_empty(), "put each into one of SHOWN, NAMED and LEFT_OUT: {undecided:?}");
    let known: BTreeSet<&str> = SHOWN.iter().chain(NAMED).chain(LEFT_OUT).copied().collect();
    let gone: Vec<_> = known.iter().filter(|name| !all.contains(**name)).collect();
    assert!(gone.is_empty(), "no event has {gone:?}");
}

#[test]
fn no_event_tells_an_analyst_who_is_concerned() {
    // how ids of parties look in the fixtures, and what else stands for a party
    let telling =
        ["m-1", "b-7f3a", "v-3c9e", "ops-", "agent-", "vault:", "iban-", "giftcard-", "icbc", "lead-"];
    let access = Access::in_memory().unwrap();
    for (file, event) in fixtures() {
        let mut left = BTreeSet::new();
        texts(&data(event, access.pseudonyms()), &mut left);
        for text in left {
            let id = text.split_once('/').and_then(|(id, _)| uuid::Uuid::parse_str(id).ok());
            assert_eq!(id, None, "{file}: {text} may be the id of an event");
            let told = telling.iter().find(|part| text.contains(**part));
            assert_eq!(told, None, "{file}: {text}");
        }
    }
}

#[test]
fn a_member_that_nobody_has_looked_at_is_left_out() {
    let event = serde_json::json!({"amount": "1.00", "new": "x", "lines": [{"line": "1", "new": 7}]});
    let access = Access::in_memory().unwrap();
    assert_eq!(
        data(event, access.pseudonyms()),
        serde_json::json!({"amount": "1.00", "lines": [{"line": "1"}]})
    );
}

#[test]
fn a_party_has_one_pseudonym_wherever_it_is_named() {
    let access = Access::in_memory().unwrap();
    let names = access.pseudonyms();
    let m1 = names.of("m1");
    let event =
        serde_json::json!({"orders": [{"order": "o1", "merchant": "m1"}], "by": "ops-1", "buyer": "b1"});
    let seen = data(event, names);
    assert_eq!(seen["orders"][0], serde_json::json!({"order": "o1", "merchant": m1}));
    assert_eq!((&seen["by"], &seen["buyer"]), (&names.of("ops-1").into(), &names.of("b1").into()));
    let refs =
        self::refs(Refs { merchant: "m1".parse().ok(), order: "o1".parse().ok(), ..Refs::default() }, names);
    assert_eq!(refs.merchant.unwrap().as_str(), m1);
    assert_eq!(refs.order.unwrap().as_str(), "o1");
    assert_eq!(subject("account-m1", names), format!("account-{m1}"));
    assert_eq!(subject("order-o1", names), "order-o1");
    assert_eq!(
        data(serde_json::json!({"by": "timeout"}), names)["by"],
        "timeout",
        "a kind of party is no party"
    );
}

#[test]
fn a_merchant_is_not_told_by_which_instrument_its_buyer_is_paid_back() {
    // its own money, or events that name no merchant
    let others = [
        "DepositPaid",
        "DepositRefunded",
        "PayoutSent",
        "PaymentAuthorised",
        "PaymentCaptured",
        "UnallocatedRefunded",
        "StoredValueUsed",
    ];
    for (file, event) in fixtures() {
        let kind = file.split('.').next().unwrap();
        let seen = to_merchant(kind, &event.to_string()).unwrap().unwrap_or(event);
        let mut names = BTreeSet::new();
        members(&seen, &mut names);
        let told = ["provider_ref", "instrument"].iter().find(|name| names.contains(**name));
        assert!(told.is_none() || others.contains(&kind), "{file}: decide whether merchants see {told:?}");
    }
}
