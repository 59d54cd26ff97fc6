//! The fast reader of payloads gives what the general one gives, or leaves it to it.
#![allow(clippy::unwrap_used)]

use daybook_domain::{Event, EventKind, Refs};

fn fixtures() -> Vec<(EventKind, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut all = Vec::new();
    for kind in EventKind::ALL {
        for shape in ["complete", "minimal"] {
            let path = folder.join(format!("{}.v{}.{shape}.json", kind.as_str(), kind.schema()));
            all.push((*kind, std::fs::read_to_string(path).unwrap()));
        }
    }
    all
}

/// Reads with the general reader alone: white space at the end is never canonical.
fn generally(kind: EventKind, data: &str) -> Result<Event, String> {
    Event::decode_kind(kind, kind.schema(), &format!("{data} ")).map_err(|e| e.to_string())
}

fn decoded(kind: EventKind, data: &str) -> Result<Event, String> {
    Event::decode_kind(kind, kind.schema(), data).map_err(|e| e.to_string())
}

#[test]
fn every_payload_reads_the_same_as_written_and_with_white_space() {
    for (kind, data) in fixtures() {
        let event = generally(kind, data.trim()).unwrap();
        let written = event.encode();
        assert_eq!(decoded(kind, &written).unwrap(), event, "{written}");
        assert_eq!(decoded(kind, &written).unwrap().encode(), written);
    }
}

/// Cuts, doubles and changes one byte at places spread over all payloads: both readers accept the same and give
/// the same.
#[test]
fn a_disfigured_payload_reads_the_same_or_fails_the_same() {
    let mut accepted = 0_u32;
    for (kind, data) in fixtures() {
        let written = generally(kind, data.trim()).unwrap().encode();
        let places = (kind as usize % 5..written.len()).step_by(5);
        for at in places.filter(|at| written.is_char_boundary(*at) && written.is_char_boundary(at + 1)) {
            let (before, after) = (&written[..at], &written[at + 1..]);
            let one = &written[at..=at];
            let disfigured = ["", "\"", "\\", "0", "9", "-", ",", "}", "]", " ", "x", "\u{1}", "é"];
            let mut texts: Vec<_> = disfigured.iter().map(|new| format!("{before}{new}{after}")).collect();
            texts.push(format!("{before}{one}{one}{after}"));
            texts.push(before.to_owned());
            for text in texts {
                let (fast, general) = (decoded(kind, &text), generally(kind, &text));
                assert_eq!(fast.is_ok(), general.is_ok(), "{text}");
                if let (Ok(fast), Ok(general)) = (fast, general) {
                    assert_eq!(fast, general, "{text}");
                    accepted += 1;
                }
            }
        }
    }
    assert!(
        accepted > 3_000,
        "only {accepted} disfigured payloads were still payloads: the test says little"
    );
}

#[test]
fn fields_in_another_order_escapes_and_unknown_fields_read_as_ever() {
    let kind = EventKind::OrderDelivered;
    let canonical = r#"{"shipment":"s1","release_due":"2018-01-01T00:00:00Z"}"#;
    let event = decoded(kind, canonical).unwrap();
    for other in [
        r#"{"release_due":"2018-01-01T00:00:00Z","shipment":"s1"}"#,
        r#"{"shipment":"\u0073\u0031","release_due":"2018-01-01T00:00:00Z"}"#,
        r#"{"shipment":"s1","release_due":"2018-01-01T00:00:00Z","later":[{}]}"#,
        "{ \"shipment\": \"s1\",\n \"release_due\": \"2017-12-31T22:00:00-02:00\" }",
    ] {
        assert_eq!(decoded(kind, other).unwrap(), event, "{other}");
    }
}

#[test]
fn references_read_the_same_as_written_and_in_any_order() {
    let written = r#"{"merchant":"m","order":"o","buyer":"b"}"#;
    let refs = Refs::parse(written).unwrap();
    assert_eq!(serde_json::to_string(&refs).unwrap(), written);
    assert_eq!(Refs::parse(r#"{ "buyer":"b", "order":"o", "merchant":"m" }"#).unwrap(), refs);
    assert_eq!(Refs::parse("{}").unwrap(), Refs::default());
    assert!(Refs::parse(r#"{"merchant":""}"#).is_err());
}
