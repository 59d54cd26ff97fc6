//! Settlements by the command line, on a simulated market.
#![allow(clippy::unwrap_used)] // a test may fail here

mod place;

use place::Place;
use serde_json::Value;

fn json(place: &Place, args: &[&str]) -> Value {
    let ran = place.run(&[args, &["--format", "json", "--no-progress"]].concat());
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn a_simulated_market_is_settled_each_settlement_explained_and_a_bent_one_found() {
    let place = Place::empty();
    let demo = place.run(&["demo", "--days", "4", "--orders-per-day", "30", "--no-progress"]);
    assert_eq!(demo.code, 0, "{}", demo.err);
    assert!(demo.out.contains("settlements by contract"), "{}", demo.out);

    let all = json(&place, &["settlement", "list", "--limit", "1000"]);
    let all = all.as_array().unwrap();
    assert!(all.len() > 40, "{} settlements", all.len());
    let mut cycles = std::collections::BTreeSet::new();
    for settlement in all.iter().take(12) {
        let id = settlement["settlement_id"].as_str().unwrap();
        let explained = json(&place, &["settlement", "explain", id]);
        assert_eq!(explained["complete"], true, "{id}");
        assert_eq!(explained["residual"]["total"]["amount"], "0.00", "{id}");
        assert_eq!(explained["settlement"]["digest"], settlement["digest"], "{id}");
        cycles.insert(settlement["merchant_id"].as_str().unwrap().to_owned());
    }
    assert!(cycles.len() > 2, "{cycles:?}");
    let id = all[0]["settlement_id"].as_str().unwrap();
    let csv = place.run(&["settlement", "explain", id, "--format", "csv"]);
    assert!(csv.out.starts_with("order,lines,gross,"), "{}", csv.out);
    assert!(place.run(&["settlement", "show", id]).out.contains("reserve "), "{id}");

    let audit = place.run(&["settlement", "audit", "--no-progress"]);
    assert_eq!(audit.code, 0, "{}", audit.err);
    assert!(audit.out.starts_with("nothing differs: "), "{}", audit.out);
    assert_eq!(place.run(&["settlement", "audit", id, "--no-progress"]).code, 0);

    place.with_a_settlement_of_nothing("x.2018-05-01", "12.34");
    for args in [&["settlement", "audit", "--all"][..], &["settlement", "audit", "x.2018-05-01"]] {
        let bent = place.run(&[args, &["--no-progress"]].concat());
        assert_eq!(bent.code, 1, "{args:?}: {}", bent.err);
        assert!(bent.out.contains("x.2018-05-01") && bent.out.contains("gross is 12.34 CNY, derived 0.00"));
    }
}

#[test]
fn what_cannot_be_settled_is_said_and_changes_nothing() {
    let place = Place::with_a_sale();
    let events = || place.run(&["events", "--no-progress"]).out;
    let before = events();
    for (args, code, says) in [
        (&["settle", "--until", "2999-01-01"][..], 3, "not open"),
        (&["settle", "--until", "2018-02-30"], 2, "invalid value"),
        (&["settle", "--every", "fortnight"], 2, "invalid value"),
        (&["settlement", "show", "nope"], 3, "is not known"),
        (&["settlement", "explain", "nope"], 3, "is not known"),
        (&["settlement", "audit", "nope"], 3, "is not known"),
        (&["settlement", "audit", "nope", "--all"], 2, "cannot be used with"),
        (&["settlement", "list", "--merchant", "nope"], 3, "merchant nope is not known"),
        (&["settlement", "list", "--after", "x"], 2, "cursor"),
    ] {
        let ran = place.run(&[args, &["--no-progress"]].concat());
        assert_eq!(ran.code, code, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(says), "{args:?}: {}", ran.err);
    }
    assert_eq!(events(), before);
    let none = Place::empty().run(&["settle"]);
    assert_eq!(none.code, 4, "{}", none.err);
}
