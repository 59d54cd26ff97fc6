//! What is a hit and what is not, and which hits are the same.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use daybook_domain::traffic::events::Act;
use daybook_domain::traffic::{EARLIEST, FaultKind, Incoming, MAX_PAGE, MAX_TEXT, MAX_URL, RawHit};
use daybook_domain::{Event, Timestamp};
use serde_json::json;

const AT: &str = "2026-11-22T10:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn incoming() -> Incoming {
    Incoming { earliest: EARLIEST, latest: at("2026-11-22T12:00:00Z"), arrived: None, number: None }
}

fn view() -> RawHit<'static> {
    RawHit { at: AT.into(), visitor: "v1".into(), page: "/".into(), ..RawHit::default() }
}

#[test]
fn a_hit_with_an_act_is_an_act_and_one_without_is_a_view() {
    for (act, kind) in [("", "PageViewed"), ("view", "PageViewed"), ("search", "VisitorActed")] {
        let hit = RawHit { act: act.into(), ..view() }.check(&incoming()).unwrap();
        assert_eq!(hit.kind.as_str(), kind);
        assert_eq!(hit.occurred_at, at(AT));
        assert_eq!(hit.stream.to_string(), "traffic-2026-11-22-2");
        assert!(Event::decode(kind, hit.kind.schema(), &hit.data).is_ok(), "{}", hit.data);
    }
    for act in Act::ALL {
        assert!(RawHit { act: act.as_str().into(), ..view() }.check(&incoming()).is_ok());
    }
}

/// Whether a free text of a field comes to stand in the event's payload.
fn stands_in_the_payload(field: &str, act: &str) -> bool {
    match field {
        "id" | "at" | "visitor" | "act" => false,
        "buyer" | "query" | "target" => !act.is_empty(),
        _ => true,
    }
}

#[test]
fn every_field_of_a_hit_comes_to_stand_in_its_event() {
    for act in ["", "click"] {
        let mut raw = view();
        raw.act = act.into();
        for (place, field) in RawHit::FIELDS.iter().enumerate() {
            if stands_in_the_payload(field, act) {
                raw.set(place, Cow::Owned(format!("the-{field}")));
            }
        }
        let hit = raw.check(&incoming()).unwrap();
        for field in RawHit::FIELDS {
            let there = hit.data.contains(&format!("\"the-{field}\""));
            assert_eq!(there, stands_in_the_payload(field, act), "{field} in {}", hit.data);
        }
        assert_eq!(hit.refs, r#"{"merchant":"the-merchant","order":"the-order"}"#);
    }
}

#[test]
fn a_field_set_by_its_place_is_the_member_of_its_name() {
    for (place, field) in RawHit::FIELDS.iter().enumerate() {
        let mut set = RawHit::default();
        set.set(place, "x".into());
        let json = json!({ *field: "x" }).to_string();
        assert_eq!(RawHit::parse(&json), Ok(set), "{field}");
    }
}

#[test]
fn what_is_wrong_with_a_hit_is_told_with_its_field() {
    let long = |n: usize| -> Cow<'static, str> { "x".repeat(n).into() };
    let cases: Vec<(RawHit<'static>, FaultKind, &str)> = vec![
        (RawHit { at: "".into(), ..view() }, FaultKind::NotATime, "at"),
        (RawHit { at: "yesterday".into(), ..view() }, FaultKind::NotATime, "at"),
        (RawHit { at: "2026-11-22 10:00:00".into(), ..view() }, FaultKind::NotATime, "at"),
        (RawHit { at: "2026-11-22T12:00:00.000001Z".into(), ..view() }, FaultKind::FromTheFuture, "at"),
        (RawHit { at: "1970-01-01T00:00:00Z".into(), ..view() }, FaultKind::TooOld, "at"),
        (RawHit { visitor: "".into(), ..view() }, FaultKind::NoVisitor, "visitor"),
        (RawHit { visitor: long(10_240), ..view() }, FaultKind::BadId, "visitor"),
        (RawHit { visitor: "two words".into(), ..view() }, FaultKind::BadId, "visitor"),
        (RawHit { visitor: "203.0.113.7".into(), ..view() }, FaultKind::Personal, "visitor"),
        (RawHit { visitor: "2001:db8::1".into(), ..view() }, FaultKind::Personal, "visitor"),
        (RawHit { visitor: "li@mail.cn".into(), ..view() }, FaultKind::Personal, "visitor"),
        (RawHit { page: "".into(), ..view() }, FaultKind::NoPage, "page"),
        (RawHit { page: long(MAX_PAGE + 1), ..view() }, FaultKind::TooLong, "page"),
        (RawHit { referrer: long(MAX_URL + 1), ..view() }, FaultKind::TooLong, "referrer"),
        (RawHit { utm_term: long(MAX_TEXT + 1), ..view() }, FaultKind::TooLong, "utm_term"),
        (RawHit { product: "二".into(), ..view() }, FaultKind::BadId, "product"),
        (RawHit { id: long(65), ..view() }, FaultKind::BadId, "id"),
        (RawHit { act: "teleport".into(), ..view() }, FaultKind::UnknownAct, "act"),
        (RawHit { query: "shoes".into(), ..view() }, FaultKind::OnlyOfActs, "query"),
    ];
    for (raw, kind, field) in cases {
        let fault = raw.check(&incoming()).unwrap_err();
        assert_eq!((fault.kind, fault.field), (kind, field), "{fault}");
        assert!(fault.to_string().len() < 160, "bounded: {fault}");
    }
    let longest = RawHit { page: long(MAX_PAGE), referrer: long(MAX_URL), device: long(MAX_TEXT), ..view() };
    assert!(longest.check(&incoming()).is_ok());
}

#[test]
fn what_addresses_tell_of_a_person_is_not_recorded_and_the_hit_is_known_again() {
    let raw = RawHit {
        act: "click".into(),
        page: "/reset?token=t1&step=2".into(),
        referrer: "https://u:pw@shop.example/".into(),
        target: "mailto:li@mail.cn".into(),
        ..view()
    };
    let hit = raw.check(&incoming()).unwrap();
    for (there, text) in [
        (true, "/reset?step=2"),
        (true, "https://shop.example/"),
        (false, "t1"),
        (false, "pw"),
        (false, "li@"),
    ] {
        assert_eq!(hit.data.contains(text), there, "{text} in {}", hit.data);
    }
    let other = RawHit { page: "/reset?token=t2&step=2".into(), ..raw.clone() };
    assert_ne!(other.check(&incoming()).unwrap().id, hit.id, "two hits, whatever is kept of them");
}

#[test]
fn a_hit_without_a_time_takes_that_of_its_arrival_where_there_is_one() {
    let arrived = at("2026-11-22T11:59:00Z");
    let raw = RawHit { at: "".into(), ..view() };
    let hit = raw.check(&Incoming { arrived: Some(arrived), ..incoming() }).unwrap();
    assert_eq!(hit.occurred_at, arrived);
}

#[test]
fn the_same_hit_has_the_same_id_and_another_has_another() {
    let id = |raw: &RawHit<'_>, number| raw.check(&Incoming { number, ..incoming() }).unwrap().id;
    let other = RawHit { page: "/b".into(), ..view() };
    assert_eq!(id(&view(), None), id(&view(), None));
    assert_ne!(id(&view(), None), id(&other, None));
    // two rows of a file are two hits, whatever they say
    assert_eq!(id(&view(), Some(7)), id(&view(), Some(7)));
    assert_ne!(id(&view(), Some(7)), id(&view(), Some(8)));
    // the caller's own id stands for the hit, whatever it says
    let named = |raw: RawHit<'static>| RawHit { id: "h-1".into(), ..raw };
    assert_eq!(id(&named(view()), Some(7)), id(&named(other), Some(8)));
    // but within its visitor
    let visitor = |v: &'static str| RawHit { visitor: v.into(), ..named(view()) };
    assert_ne!(id(&visitor("v1"), None), id(&visitor("v2"), None));
    // and within its day
    let on = |day: &'static str| RawHit { at: day.into(), ..named(view()) };
    assert_eq!(id(&on("2026-11-20T00:00:00Z"), None), id(&on("2026-11-20T23:59:59Z"), None));
    assert_ne!(id(&on("2026-11-20T23:59:59Z"), None), id(&on("2026-11-21T00:00:00Z"), None));
}

#[test]
fn the_ids_of_hits_are_those_of_every_version() {
    let id = |raw: &RawHit<'_>| raw.check(&incoming()).unwrap().id.to_string();
    let full =
        RawHit { act: "search".into(), query: "tea".into(), referrer: "https://a.example/".into(), ..view() };
    let ids = [id(&view()), id(&full), id(&RawHit { id: "h-1".into(), ..view() })];
    assert_eq!(
        ids,
        [
            "1b669d80-55ae-82ec-ba46-c1061ce74614",
            "ce9f8433-8d79-8000-a57b-2ab057a2b6c0",
            "8447108f-9c3f-89ea-b687-01b6beaac0e6"
        ]
    );
}

#[test]
fn json_that_is_no_hit_is_told_with_the_member() {
    let cases = [
        (r#"{"at":"x","pgae":"/"}"#, "pgae", "unknown field `pgae`"),
        (r#"{"visitor":5}"#, "visitor", "integer `5`"),
        (r#"{"page":null}"#, "page", "null"),
        (r"[]", "", "expected"),
        (r#"{"at":"x""#, "at", "EOF"),
    ];
    for (json, field, why) in cases {
        let (found, says) = RawHit::parse(json).unwrap_err();
        assert!(found == field && says.contains(why), "{json}: {found}: {says}");
    }
}
