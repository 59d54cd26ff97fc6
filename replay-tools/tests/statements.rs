//! Statements that prove themselves, and what is owed, on the command line: closed, signed, proved, checked elsewhere.
#![allow(clippy::unwrap_used)]

mod place;

use std::fs;
use std::path::Path;
use std::process::Command;

use place::{Place, Ran};

fn done(ran: &Ran) {
    assert_eq!(ran.code, 0, "{ran:?}");
}

fn says(ran: &Ran, code: i32, text: &str) {
    assert_eq!(ran.code, code, "{ran:?}");
    assert!(ran.err.contains(text), "{ran:?}");
}

/// `verify` finds nothing, and has looked at seals. That the reward is not covered, it says too.
fn holds(place: &Place) {
    let ran = place.run(&["verify"]);
    let sealed = ran.out.contains("what every close sealed of merchants' statements derives again");
    assert!(sealed && ran.out.contains("clean: "), "{ran:?}");
}

/// A merchant that was charged two fees and granted a reward in April 2018, and a key.
fn market() -> (Place, String) {
    let place = Place::with_a_sale();
    place.add_account_events();
    let made = place.json(&["log", "key", "shop.example/ledger", "--out", "secret"]);
    let public = made["public_key"].as_str().unwrap().to_owned();
    (place, public)
}

fn script(place: &Place, args: &[&str]) -> Ran {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify_statement.py");
    Command::new("python3").arg(script).args(args).current_dir(place.path(".")).output().unwrap().into()
}

#[test]
fn a_statement_is_closed_signed_proved_and_checked_without_the_journal() {
    let (place, public) = market();
    let prove =
        |period: &str| place.run(&["statement", "merchant", "m", "--period", period, "--prove", "m.zip"]);
    says(&prove("2018-04"), 3, "`daybook log checkpoint` makes the log");
    done(&place.run(&["log", "checkpoint", "--key", "secret"]));
    says(&prove("2018-04"), 3, "`daybook period close` closes");
    done(&place.run(&["period", "close", "2018-04", "--by", "chen"]));
    says(&prove("2018-04"), 3, "`daybook period close` closes");
    done(&place.run(&["log", "checkpoint", "--key", "secret"]));
    done(&prove("2018-04"));
    holds(&place);

    let elsewhere = Place::empty();
    fs::copy(place.path("m.zip"), elsewhere.path("m.zip")).unwrap();
    let asked = ["verify-statement", "m.zip", "--key", &public, "--merchant", "m", "--period", "2018-04"];
    let sums = elsewhere.json(&asked);
    let sums = if sums.is_array() { sums[0].clone() } else { sums };
    assert_eq!(
        (sums["opening"].as_str(), sums["lines"].as_u64(), sums["closing"].as_str()),
        (Some("0.00"), Some(3), Some("-10.50")),
        "{sums}"
    );
    let lines = elsewhere.run(&[&asked[..], &["--lines", "--format", "csv"]].concat());
    assert!(lines.out.contains("PlatformFeeCharged") && lines.out.contains("-10.50"), "{lines:?}");
    let by_script = script(&elsewhere, &["m.zip", "--key", &public, "--merchant", "m", "--from", "2018-04"]);
    assert!(by_script.code == 0 && by_script.out.contains("CNY 0.00 -> -10.50 in 3 lines"), "{by_script:?}");

    let other = [&asked[..4], &["--merchant", "n"]].concat();
    says(&elsewhere.run(&other), 1, "\"n\" was asked for");
    says(&elsewhere.run(&["verify-statement", "m.zip"]), 2, "--key");
    says(&elsewhere.run(&["verify-statement", "none.zip", "--key", &public]), 4, "none.zip");
    fs::write(elsewhere.path("no.zip"), "nothing").unwrap();
    says(&elsewhere.run(&["verify-statement", "no.zip", "--key", &public]), 1, "it is no statement");
    let mut bytes = fs::read(elsewhere.path("m.zip")).unwrap();
    let at = bytes.windows(6).position(|six| six == b"-12.72").unwrap();
    bytes[at + 1] = b'9';
    fs::write(elsewhere.path("m.zip"), &bytes).unwrap();
    assert_eq!(elsewhere.run(&asked).code, 1);
    assert_eq!(script(&elsewhere, &["m.zip", "--key", &public]).code, 1);

    // opened again, the seal does not pass any more once that is signed
    let reopen =
        ["period", "reopen", "2018-04", "--by", "chen", "--approved-by", "li", "--reason", "a late invoice"];
    done(&place.run(&reopen));
    done(&prove("2018-04"));
    done(&place.run(&["log", "checkpoint", "--key", "secret"]));
    says(&prove("2018-04"), 3, "are not closed under the last checkpoint");
    done(&place.run(&["period", "close", "2018-04", "--by", "chen"]));
    done(&place.run(&["log", "checkpoint", "--key", "secret"]));
    done(&prove("2018-04"));
    done(&place.run(&[&asked[..1], &["m.zip", "--key", &public]].concat()));
    holds(&place);
}

#[test]
fn what_is_owed_is_signed_and_each_merchant_finds_its_part() {
    let (place, public) = market();
    says(&place.run(&["liabilities", "prove", "m"]), 3, "`daybook log checkpoint` makes the log");
    done(&place.run(&["liabilities", "sign", "--key", "secret"]));
    let shown = place.run(&["liabilities", "show", "--format", "csv"]);
    assert!(shown.out.contains("escrow,,100.00") || shown.out.contains("escrow"), "{shown:?}");
    // m owes 10.50: its leaf is none, and its debt is not set off
    says(&place.run(&["liabilities", "prove", "m"]), 3, "or owes there");
    done(&place.run(&["liabilities", "prove", "n", "--out", "n.proof"]));
    let elsewhere = Place::empty();
    fs::copy(place.path("n.proof"), elsewhere.path("n.proof")).unwrap();
    let found = elsewhere.json(&["liabilities", "check", "n.proof", "--key", &public]);
    assert_eq!(
        (found["owed"].as_str(), found["of_in_all"].as_str()),
        (Some("5.00"), Some("105.00")),
        "{found}"
    );
    let proof = fs::read_to_string(elsewhere.path("n.proof")).unwrap();
    assert!(proof.len() < 2_000);
    for (from, to) in [("CNY 5.00", "CNY 6.00"), ("merchant n", "merchant m"), ("index ", "index 1")] {
        fs::write(elsewhere.path("n.proof"), proof.replacen(from, to, 1)).unwrap();
        says(&elsewhere.run(&["liabilities", "check", "n.proof", "--key", &public]), 1, "it");
    }
}

#[test]
fn checkpoints_go_with_a_backup_and_come_back_with_it() {
    let (place, public) = market();
    done(&place.run(&["log", "checkpoint", "--key", "secret"]));
    done(&place.run(&["backup", "copy"]));
    done(&place.run(&["restore", "copy", "sqlite:back.db"]));
    let whole = place.json(&["log", "verify", "--key", &public, "--journal", "sqlite:back.db"]);
    assert_eq!(whole["checkpoints"].as_u64(), Some(1), "{whole}");
    let note = fs::read_dir(place.path("copy/checkpoints")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&note).unwrap();
    fs::write(&note, text.replacen("time 2", "time 1", 1)).unwrap();
    says(&place.run(&["restore", "copy", "sqlite:again.db"]), 3, "its checkpoints are");
}
