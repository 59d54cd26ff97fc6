//! History replayed by the command line: nothing is written but what is asked for.
#![allow(clippy::unwrap_used)] // a test may fail here

mod place;

use std::collections::BTreeMap;

use place::Place;

/// A simulated market of some days.
fn market() -> Place {
    let place = Place::empty();
    let ran = place.run(&["demo", "--days", "12", "--orders-per-day", "25", "--no-progress"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    place
}

/// The files of a place and what is in them.
fn files(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let all = std::fs::read_dir(place.path(".")).unwrap().map(|entry| entry.unwrap());
    all.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

#[test]
fn the_example_runs_and_leaves_journal_and_read_models_as_they_are() {
    let place = market();
    let example = include_str!("../../docs/what-if.toml");
    std::fs::write(place.path("what-if.toml"), example).unwrap();
    let digest = || place.run(&["digest", "--format", "csv"]).out;
    let (before, digests) = (files(&place), digest());
    let ran = place.run(&["replay", "--what-if", "what-if.toml", "--no-progress"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for says in [
        "everybody did what they did",
        "Income:Commission:books",
        "Income:PlatformFee",
        "Result",
        "deposit_missing",
        "days_until_paid_out",
        "Settlements and payouts stand as recorded",
    ] {
        assert!(ran.out.contains(says), "{says:?} is not said in {}", ran.out);
    }
    assert_eq!(before, files(&place), "every file is the same");
    assert_eq!(digests, digest());
    // the live models are not looked at: there is an answer without them
    for name in files(&place).into_keys().filter(|name| name.starts_with("daybook.views")) {
        std::fs::remove_file(place.path(&name)).unwrap();
    }
    let again = place.run(&["replay", "--what-if", "what-if.toml", "--no-progress"]);
    assert_eq!(again.out, ran.out);
    assert!(!place.path("daybook.views.db").exists());
}

#[test]
fn an_empty_file_of_rules_changes_nothing_and_says_so() {
    let place = market();
    std::fs::write(place.path("none.toml"), "").unwrap();
    let ran = place.run(&["replay", "--what-if", "none.toml", "--no-progress"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("Nothing would be different."), "{ran:?}");
    let rows = place.json(&["replay", "--what-if", "none.toml"]);
    assert_eq!(rows.as_array().unwrap().len(), 0, "{rows}");
}

#[test]
fn the_difference_is_written_as_csv_and_parquet_and_is_the_same_in_all() {
    let place = market();
    std::fs::write(place.path("r.toml"), "[[commission]]\nrate = \"0.01\"\n").unwrap();
    let asked = ["replay", "--what-if", "r.toml", "--format", "csv", "--out", "found", "--csv", "one.csv"];
    let ran = place.run(&asked);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("everybody did what they did"), "{ran:?}");
    let written = std::fs::read_to_string(place.path("one.csv")).unwrap();
    assert_eq!(written, ran.out);
    assert_eq!(written, std::fs::read_to_string(place.path("found/what_if.csv")).unwrap());
    assert!(written.starts_with("part,by,subject,figure,currency,actual,what_if,difference\n"), "{written}");
    let parquet = std::fs::read(place.path("found/what_if.parquet")).unwrap();
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    // actual + difference = what if, in every row
    for line in written.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let n = |at: usize| cells[at].parse::<rust_decimal::Decimal>().unwrap();
        assert_eq!(n(5) + n(7), n(6), "{line}");
    }
}

#[test]
fn a_read_model_replayed_at_the_head_is_the_live_one_and_earlier_it_is_what_it_was() {
    let place = market();
    let live = place.run(&["digest", "--format", "csv"]).out;
    let all = place.run(&["replay", "--format", "csv", "--no-progress"]);
    assert_eq!((all.code, &all.out), (0, &live), "{}", all.err);
    let one = place.run(&["replay", "merchants", "--format", "csv", "--no-progress"]);
    assert!(live.contains(one.out.lines().nth(1).unwrap()), "{one:?}");
    let early =
        place.run(&["replay", "merchants", "--at-position", "40", "--format", "csv", "--no-progress"]);
    assert_ne!(early.out, one.out);
    let exported = place.run(&["export", "csv", "--out", "exported", "--table", "orders"]);
    assert_eq!(exported.code, 0, "{exported:?}");
    let rows = place.run(&["replay", "orders", "--rows", "--no-progress"]);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(
        sorted(&rows.out),
        sorted(&std::fs::read_to_string(place.path("exported/orders.csv")).unwrap())
    );
    let folder = place.run(&["replay", "merchant_accounts", "--out", "rows", "--no-progress"]);
    assert_eq!(folder.code, 0, "{folder:?}");
    let lines = place.run(&["export", "csv", "--out", "exported", "--table", "merchant_lines"]);
    assert_eq!(lines.code, 0, "{lines:?}");
    let read = |path: &str| sorted(&std::fs::read_to_string(place.path(path)).unwrap());
    assert_eq!(
        read("rows/merchant_lines.csv"),
        read("exported/merchant_lines.csv"),
        "children after their parents' keys"
    );
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_cure() {
    let place = market();
    let write = |text: &str| std::fs::write(place.path("r.toml"), text).unwrap();
    for (text, code, says) in [
        ("[[commission]]\nrate = 0.03\n", 3, "as text in quotes"),
        ("[[commission]]\nrate = \"0.03\"\nmerchant = \"m-999\"\n", 3, "m-999"),
        ("[[commission]]\nrate = \"0.03\"\ncategory = \"boats\"\n", 3, "boats"),
        ("[[commissions]]\n", 3, "unknown field"),
    ] {
        write(text);
        let ran = place.run(&["replay", "--what-if", "r.toml", "--no-progress"]);
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.err.contains(says) && ran.out.is_empty(), "{ran:?}");
    }
    for (args, says) in [
        (&["replay", "--what-if", "nowhere.toml"][..], "nowhere.toml"),
        (&["replay", "nothing"], "no read model is called"),
        (&["replay", "--rows"], "name one"),
        (&["replay", "orders", "--what-if", "r.toml"], "cannot be used with"),
    ] {
        let ran = place.run(args);
        assert_eq!(ran.code, 2, "{args:?} {ran:?}");
        assert!(ran.err.contains(says), "{ran:?}");
    }
    write("");
    let ran = place.run(&["replay", "--what-if", "r.toml", "--at-position", "99999999"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("beyond the journal's head"), "{ran:?}");
}
