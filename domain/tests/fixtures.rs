//! Every event type, as JSON, for ever: a complete and a minimal fixture for each schema version.
//!
//! A fixture is never edited once a release has written its version: an optional field added later is absent from
//! it and must stay readable. A payload that changes shape gets the next version, its upcaster and two new files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use daybook_domain::codec::{UPCASTERS, Upcaster, upcast};
use daybook_domain::posting::{Entry, post};
use daybook_domain::{Currency, DecodeError, Event, EventKind, Refs};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn fixture(kind: EventKind, schema: u16, form: &str) -> String {
    let path = folder().join(format!("{}.v{schema}.{form}.json", kind.as_str()));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn decoded(kind: EventKind, schema: u16, form: &str) -> Event {
    let text = fixture(kind, schema, form);
    Event::decode(kind.as_str(), schema, &text).unwrap_or_else(|e| panic!("{form} {e}"))
}

fn current(form: &str) -> impl Iterator<Item = (EventKind, Event)> {
    EventKind::ALL.iter().map(move |kind| (*kind, decoded(*kind, kind.schema(), form)))
}

/// References as a handler would set them.
fn refs() -> Refs {
    serde_json::from_value(json!({
        "merchant": "m-10086", "order": "o-20180304-0017-1", "checkout": "c-20180304-0017", "buyer": "b-7f3a",
    }))
    .expect("these are references")
}

#[test]
fn every_type_and_version_has_a_complete_and_a_minimal_fixture_and_there_are_no_others() {
    let wanted: BTreeSet<String> = EventKind::ALL
        .iter()
        .flat_map(|kind| (1..=kind.schema()).map(move |schema| (kind.as_str(), schema)))
        .flat_map(|(kind, schema)| {
            ["complete", "minimal"].map(|form| format!("{kind}.v{schema}.{form}.json"))
        })
        .collect();
    let found: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let missing: Vec<_> = wanted.difference(&found).collect();
    let stray: Vec<_> = found.difference(&wanted).collect();
    assert!(missing.is_empty() && stray.is_empty(), "missing {missing:?}, stray {stray:?}");
}

#[test]
fn every_fixture_of_every_version_decodes() {
    for kind in EventKind::ALL {
        for schema in 1..=kind.schema() {
            for form in ["complete", "minimal"] {
                assert_eq!(decoded(*kind, schema, form).kind(), *kind);
            }
        }
    }
}

#[test]
fn encoding_a_decoded_fixture_gives_the_same_json() {
    for form in ["complete", "minimal"] {
        for (kind, event) in current(form) {
            let written: Value = serde_json::from_str(&event.encode()).unwrap();
            let read: Value = serde_json::from_str(&fixture(kind, kind.schema(), form)).unwrap();
            assert_eq!(written, read, "{form} {}", kind.as_str());
            let again = Event::decode(kind.as_str(), kind.schema(), &event.encode()).unwrap();
            assert_eq!(again, event, "{form} {}", kind.as_str());
        }
    }
}

#[test]
fn a_complete_fixture_has_every_optional_field_and_a_minimal_one_has_none() {
    for (kind, event) in current("complete") {
        // in a list, one item that has the field is enough
        let text = format!("{event:?}");
        for (at, _) in text.match_indices(": None") {
            let name = text[..at].rsplit([' ', '{']).next().unwrap();
            assert!(
                text.contains(&format!(" {name}: Some(")),
                "complete {} lacks {name}: {text}",
                kind.as_str()
            );
        }
    }
    for (kind, event) in current("minimal") {
        assert!(!format!("{event:?}").contains("Some("), "minimal {}: {event:?}", kind.as_str());
    }
}

#[test]
fn every_money_event_posts_from_itself_alone_and_balances() {
    let refs = refs();
    for form in ["complete", "minimal"] {
        for (kind, event) in current(form) {
            let mut entries: Vec<Entry<'_>> = Vec::new();
            post(&event, &refs, &mut entries);
            assert_eq!(!entries.is_empty(), kind.posts(), "{form} {}: {entries:?}", kind.as_str());
            let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
            for entry in &entries {
                *sums.entry(entry.amount.currency).or_default() += entry.amount.minor;
            }
            let even = sums.values().all(|sum| *sum == 0);
            assert!(even, "{form} {} is off by {sums:?}: {entries:?}", kind.as_str());
        }
    }
}

#[test]
fn an_unknown_type_and_a_newer_version_are_errors_that_say_to_upgrade() {
    let unknown = Event::decode("OrderTeleported", 1, "{}").unwrap_err();
    assert_eq!(unknown, DecodeError::UnknownKind { kind: "OrderTeleported".to_owned() });
    assert!(unknown.to_string().contains("OrderTeleported") && unknown.to_string().contains("upgrade"));

    for kind in EventKind::ALL {
        for schema in [0, kind.schema() + 1] {
            let found = Event::decode(kind.as_str(), schema, "{}").unwrap_err();
            assert_eq!(found, DecodeError::UnknownSchema { kind: *kind, schema });
            assert!(found.to_string().contains(kind.as_str()), "{found}");
        }
    }
}

/// What is said of the complete fixture with one value, found by its pointer, spoilt.
fn spoilt(kind: EventKind, pointer: &str, value: Value) -> String {
    let mut data: Value =
        serde_json::from_str(&fixture(kind, kind.schema(), "complete")).expect("a fixture is JSON");
    *data.pointer_mut(pointer).unwrap_or_else(|| panic!("{} has {pointer}", kind.as_str())) = value;
    Event::decode(kind.as_str(), kind.schema(), &data.to_string()).expect_err("it is spoilt").to_string()
}

#[test]
fn a_bad_field_is_named_with_its_type_its_path_and_what_is_wrong() {
    use EventKind::*;
    let cases = [
        (DepositPaid, "/amount/amount", json!("12.345"), "amount", "finer than the minor unit of CNY"),
        (DepositPaid, "/amount/currency", json!("XXX"), "amount.currency", "unknown currency"),
        (DepositPaid, "/amount/amount", json!(12.3), "amount.amount", "string"),
        (DepositPaid, "/amount", json!("12.30"), "amount", "money such as"),
        (DepositPaid, "/provider", json!("zwei Worte"), "provider", "not visible ASCII"),
        (OrderPlaced, "/lines/0/unit_price/amount", json!("1e3"), "lines[0].unit_price", "decimal number"),
        (OrderPlaced, "/lines/0/quantity", json!(-1), "lines[0].quantity", "u32"),
        (OrderDelivered, "/release_due", json!("2018-02-30T00:00:00Z"), "release_due", "RFC 3339"),
        (DisputeOpened, "/category", json!("unfair"), "category", "unknown variant"),
        (SettlementClosed, "/digest", json!(""), "digest", "is empty"),
        (FeeScheduleAgreed, "/default_commission", json!(0.05), "default_commission", "floating point"),
    ];
    for (kind, pointer, value, path, why) in cases {
        let message = spoilt(kind, pointer, value);
        let expected = format!("{} cannot be read: {path}: ", kind.as_str());
        assert!(message.starts_with(&expected) && message.contains(why), "{message}");
    }
}

#[test]
fn a_missing_field_is_named_for_every_type() {
    for kind in EventKind::ALL {
        let minimal: Value = serde_json::from_str(&fixture(*kind, kind.schema(), "minimal")).unwrap();
        for field in minimal.as_object().unwrap().keys() {
            let mut without = minimal.clone();
            without.as_object_mut().unwrap().remove(field);
            let refused = Event::decode(kind.as_str(), kind.schema(), &without.to_string()).unwrap_err();
            let expected = format!("{} cannot be read: missing field `{field}`", kind.as_str());
            assert!(refused.to_string().starts_with(&expected), "{refused}");
        }
    }
}

#[test]
fn an_old_payload_is_lifted_one_version_at_a_time() {
    // version 1 kept fen in a number, version 2 an amount without a currency, version 3 is as now
    fn to_text(mut data: Value) -> Value {
        let fen = data["fen"].as_i64().unwrap();
        data["amount"] = json!(format!("{}.{:02}", fen / 100, fen % 100));
        data.as_object_mut().unwrap().remove("fen");
        data
    }
    fn with_currency(mut data: Value) -> Value {
        data["amount"] = json!({ "amount": data["amount"], "currency": "CNY" });
        data
    }
    let kind = EventKind::PenaltyCharged;
    let others: Upcaster = |_| panic!("this is another type's step");
    let table = [(kind, 2, with_currency as Upcaster), (EventKind::FeeWaived, 1, others), (kind, 1, to_text)];
    let lift = |from, to, data| upcast(&table, kind, (from, to), data);

    let now = json!({ "amount": { "amount": "20.05", "currency": "CNY" }, "reason": "late" });
    assert_eq!(lift(1, 3, json!({ "fen": 2005, "reason": "late" })).unwrap(), now);
    assert_eq!(lift(2, 3, json!({ "amount": "20.05", "reason": "late" })).unwrap(), now);
    assert_eq!(lift(3, 3, now.clone()).unwrap(), now);
    assert_eq!(lift(4, 3, now.clone()), Err(DecodeError::UnknownSchema { kind, schema: 4 }));
    assert_eq!(lift(0, 3, now), Err(DecodeError::UnknownSchema { kind, schema: 0 }));
}

#[test]
fn every_older_version_of_every_type_has_its_upcaster() {
    for kind in EventKind::ALL {
        for from in 1..kind.schema() {
            let steps = UPCASTERS.iter().filter(|(k, v, _)| k == kind && *v == from).count();
            assert_eq!(steps, 1, "{} from version {from}", kind.as_str());
        }
    }
    assert!(UPCASTERS.iter().all(|(kind, from, _)| *from < kind.schema()), "a step from a current version");
}

#[test]
fn a_type_is_found_by_its_name_and_by_no_other() {
    for kind in EventKind::ALL {
        let name = kind.as_str();
        assert_eq!(EventKind::parse(name), Some(*kind));
        for at in 0..name.len() {
            let other = format!("{}_{}", &name[..at], &name[at + 1..]);
            assert_eq!(EventKind::parse(&other), None, "{other}");
            let cut = EventKind::parse(&name[..at]);
            assert_eq!(
                cut.map_or(&name[..at], EventKind::as_str),
                &name[..at],
                "the first {at} letters of {name}"
            );
        }
    }
    for other in ["", "é", "中文", "OrderPlacedX", "a name longer than any that there is, and then some"] {
        assert_eq!(EventKind::parse(other), None, "{other}");
    }
}
