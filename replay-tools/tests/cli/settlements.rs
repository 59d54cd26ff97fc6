//! Settlements by the command line, on a simulated market.

use crate::place::Place;

#[test]
fn a_simulated_market_is_settled_each_settlement_explained_and_a_bent_one_found() {
    let place = Place::empty();
    let demo = place.run(&["demo", "--days", "4", "--orders-per-day", "30", "--no-progress"]);
    assert_eq!(demo.code, 0, "{}", demo.err);
    assert!(demo.out.contains("settlements by contract"), "{}", demo.out);

    let all = place.json(&["settlement", "list", "--limit", "1000"]);
    let all = all.as_array().unwrap();
    assert!(all.len() > 40, "{} settlements", all.len());
    let mut cycles = std::collections::BTreeSet::new();
    for settlement in all.iter().take(12) {
        let id = settlement["settlement_id"].as_str().unwrap();
        let explained = place.json(&["settlement", "explain", id]);
        assert_eq!(explained["complete"], true, "{id}");
        assert_eq!(explained["residual"]["total"]["amount"], "0.00", "{id}");
        assert_eq!(explained["carry_residual"]["amount"], "0.00", "{id}");
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

#[test]
fn a_store_that_has_sold_nothing_pays_its_fees_and_a_history_without_any_is_said() {
    // its one order, of another merchant, is still in escrow
    let place = Place::with_a_sale();
    let zero = r#"{"amount":"0.00","currency":"CNY"}"#;
    let fee = r#"{"amount":"50.00","currency":"CNY"}"#;
    let ask = |command: &str| {
        let command = format!(r#"{{"category":"merchant","id":"m1","command":{{{command}}}}}"#);
        let ran = place.run(&["command", "--by", "li", "--at", "2025-01-01T00:00:00+08:00", &command]);
        assert_eq!(ran.code, 0, "{command}: {}", ran.err);
    };
    let settle = || {
        place.run(&[
            "settle",
            "--every",
            "month",
            "--until",
            "2025-03-15",
            "--format",
            "csv",
            "--no-progress",
        ])
    };
    ask(r#""action":"apply","name":"m1","kind":"retailer","country":"CN","settlement_currency":"CNY""#);
    let nothing = settle();
    assert_eq!(nothing.code, 0, "{}", nothing.err);
    assert!(nothing.err.contains("nothing to settle: no line was booked"), "{}", nothing.err);
    ask(r#""action":"submit_qualification","kind":"unified_licence","document_ref":"doc-1""#);
    ask(r#""action":"verify_qualification","kind":"unified_licence""#);
    ask(r#""action":"sign_contract","document_ref":"doc-2","valid_until":"2036-01-01T00:00:00Z""#);
    ask(&format!(
        r#""action":"agree_fee_schedule","effective_from":"2025-01-01T00:00:00+08:00","default_commission":"0.10",
        "deposit_required":{zero},"platform_fee":{{"amount":{fee},"period":"monthly"}},
        "settlement":{{"cycle":"monthly","days":0,"minimum_payout":{zero}}}"#
    ));
    ask(r#""action":"approve""#);
    ask(r#""action":"open_store""#);
    let early = place.run(&["settle", "--every", "month", "--until", "2025-01-20", "--no-progress"]);
    assert!(early.err.contains("the first line or store is of 2025-01-01"), "{}", early.err);
    let ran = settle();
    assert_eq!(ran.code, 0, "{}", ran.err);
    let rows: Vec<&str> = ran.out.lines().skip(1).collect();
    assert_eq!(rows, ["2025-02-01,1,1,-50.00,CNY,0,1", "2025-03-01,1,1,-50.00,CNY,0,1"]);
}
