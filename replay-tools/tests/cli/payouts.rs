//! Payouts, adjustments and charges by the command line, on a simulated market.

use crate::place::Place;
use serde_json::Value;

#[test]
fn the_payouts_of_a_simulated_market_are_explained_to_the_last_cent() {
    let place = Place::empty();
    let demo = place.run(&["demo", "--days", "4", "--orders-per-day", "30", "--no-progress"]);
    assert_eq!(demo.code, 0, "{}", demo.err);
    assert!(demo.out.contains(" payouts of "), "{}", demo.out);

    let audit = place.json(&["payout", "explain", "--all"]);
    assert_eq!(audit["unexplained"], 0, "{audit}");
    assert_eq!(audit["residuals"][0]["amount"], "0.00", "{audit}");
    let all = place.json(&["payout", "list", "--limit", "1000"]);
    let all = all.as_array().unwrap();
    assert_eq!(all.len() as u64, audit["payouts"].as_u64().unwrap());
    for state in ["confirmed", "failed", "returned"] {
        let some = place.json(&["payout", "list", "--state", state]);
        assert!(!some.as_array().unwrap().is_empty(), "{state}");
    }
    let returned = place.json(&["payout", "list", "--state", "returned", "--limit", "1"]);
    assert_eq!(returned[0]["paid_amount"]["amount"], "0.00", "what came back is not paid");

    let id = all[0]["payout_id"].as_str().unwrap();
    let explained = place.json(&["payout", "explain", id]);
    assert_eq!(explained["residuals"][0]["amount"], "0.00");
    let sum = |list: &Value, field: &str| -> i64 {
        let minor =
            |row: &Value| row[field]["amount"].as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
        list.as_array().unwrap().iter().map(minor).sum()
    };
    assert_eq!(sum(&explained["parts"], "amount"), sum(&Value::from(vec![explained.clone()]), "amount"));
    assert_eq!(sum(&explained["lines"], "amount"), sum(&explained["settlements"], "lines_sum"));
    assert_eq!(sum(&explained["orders"], "funded"), sum(&explained["payments"], "amount"));
    assert!(!explained["payments"].as_array().unwrap().is_empty());
    let csv = place.run(&["payout", "explain", id, "--format", "csv"]);
    assert!(csv.out.starts_with("level,settlement,order,"), "{}", csv.out);
    assert!(place.run(&["payout", "explain", id]).out.contains("Residual 0.00 CNY"));

    let again = place.json(&["payout", "run", "--on", &all[0]["requested_at"].as_str().unwrap()[..10]]);
    assert_eq!((&again["requested"], &again["confirmed"]), (&0.into(), &0.into()), "{again}");
}

#[test]
fn what_cannot_be_paid_or_adjusted_is_said_and_changes_nothing() {
    let place = Place::with_a_sale();
    let by = ["--by", "li"];
    let merchant = place.json(&["merchants"])[0]["merchant_id"].as_str().unwrap().to_owned();
    let charge = ["charge", "penalty", &merchant, "5.00 CNY", "--reason", "late", "--rule", "3:7.2"];
    assert_eq!(place.run(&[&charge[..], &by].concat()).code, 0);
    let propose =
        ["adjustment", "propose", &merchant, "a-1", "5.00 CNY", "for_merchant", "--reason", "it was not"];
    assert_eq!(place.run(&[&propose[..], &by].concat()).code, 0);
    let events = || place.run(&["events", "--no-progress", "--limit", "10000"]).out;
    let before = events();
    for (args, code, says) in [
        (&["adjustment", "approve", &merchant, "a-1"][..], 3, "another person has to approve it"),
        (&["adjustment", "approve", &merchant, "a-2"], 3, "propose it first"),
        (&["adjustment", "approve", "nobody", "a-1"], 3, "there is no merchant nobody"),
        (&["payout", "request", &merchant, "1000000.00 CNY"], 3, "payout_exceeds_available"),
        (&["payout", "request", "nobody", "1.00 CNY"], 3, "has no account"),
        (&["payout", "request", &merchant, "1.00"], 2, "write it with its currency"),
        (&["payout", "confirm", "nope", "--bank", "icbc"], 3, "there is no payout nope"),
        (&["charge", "penalty", "nobody", "5.00 CNY", "--reason", "late"], 3, "there is no merchant nobody"),
        (&["charge", "waive", &merchant, "50.00 CNY", "--reason", "kind"], 3, "waiver_exceeds_fees"),
    ] {
        let ran = place.run(&[args, &by].concat());
        assert_eq!(ran.code, code, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(says), "{args:?}: {}", ran.err);
    }
    for (args, code, says) in [
        (&["payout", "run", "--on", "2999-01-01"][..], 3, "has not come"),
        (&["payout", "explain", "nope"], 3, "there is no payout nope"),
        (&["payout", "explain"], 2, "required"),
        (&["payout", "explain", "nope", "--all"], 2, "cannot be used with"),
    ] {
        let ran = place.run(args);
        assert_eq!(ran.code, code, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(says), "{args:?}: {}", ran.err);
    }
    assert_eq!(events(), before);
    let approve = ["adjustment", "approve", &merchant, "a-1", "--by", "chen"];
    assert_eq!(place.run(&approve).code, 0);
    let listed = place.json(&["adjustment", "list", &merchant]);
    assert_eq!((&listed[0]["proposed_by"], &listed[0]["decided_by"]), (&"li".into(), &"chen".into()));
}
