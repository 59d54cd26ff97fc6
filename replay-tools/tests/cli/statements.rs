//! Statements that prove themselves, and what is owed, on the command line: closed, signed, proved, checked elsewhere.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::place::{Place, Ran};

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
    by_script("verify_statement.py", place, args)
}

fn by_script(name: &str, place: &Place, args: &[&str]) -> Ran {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
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
    says(&prove("2018-04"), 3, "2018-04 was opened again since the last checkpoint");
    done(&place.run(&["log", "checkpoint", "--key", "secret"]));
    says(&prove("2018-04"), 3, "are not closed under the last checkpoint");
    done(&place.run(&["period", "close", "2018-04", "--by", "chen"]));
    done(&place.run(&["log", "checkpoint", "--key", "secret"]));
    done(&prove("2018-04"));
    done(&place.run(&[&asked[..1], &["m.zip", "--key", &public]].concat()));
    holds(&place);
}

#[test]
fn what_is_owed_is_stated_in_the_log_and_each_merchant_finds_its_part() {
    let (place, public) = market();
    says(&place.run(&["liabilities", "sum"]), 3, "`daybook log checkpoint` makes the log");
    // its providers hold less than it owes: that is stated as well, and said
    let signed = place.run(&["liabilities", "sign", "--key", "secret"]);
    says(&signed, 1, "the market's own funds are below zero");
    assert!(signed.err.contains("stated at position"), "{signed:?}");
    says(&place.run(&["liabilities", "sign", "--key", "secret"]), 1, "nothing came since");
    let shown = place.run(&["liabilities", "show", "--format", "csv"]);
    assert!(shown.out.contains("owed,escrow,,100.00"), "{shown:?}");
    holds(&place);
    done(&place.run(&["liabilities", "sum", "--out", "sum.proof"]));
    says(&place.run(&["liabilities", "prove", "m", "--currency", "USD"]), 3, "m has no account in USD");
    let elsewhere = Place::empty();
    // m owes 10.50: its leaf is zero, and its debt is not set off
    for (merchant, owed) in [("m", "0.00"), ("n", "5.00")] {
        done(&place.run(&["liabilities", "prove", merchant, "--out", "own.proof"]));
        for file in ["own.proof", "sum.proof"] {
            fs::copy(place.path(file), elsewhere.path(file)).unwrap();
        }
        let asked = ["liabilities", "check", "own.proof", "--sum", "sum.proof", "--key", &public];
        let found = elsewhere.json(&asked);
        assert_eq!(
            (found["owed"].as_str(), found["of_in_all"].as_str(), found["leaves"].as_u64()),
            (Some(owed), Some("105.00"), Some(4)),
            "{found}"
        );
        let with = |more: &[&str]| elsewhere.run(&[&asked[..], more].concat());
        done(&with(&["--merchant", merchant, "--currency", "CNY", "--owed", owed, "--events", "1"]));
        says(&with(&["--merchant", "x"]), 1, "\"merchant x\" was asked for");
        says(&with(&["--currency", "USD"]), 1, "\"USD\" was asked for");
        says(&with(&["--owed", "6.00"]), 1, "\"6.00\" was asked for");
        says(&with(&["--events", "999"]), 1, "at least 999 are known");
        // a later checkpoint has the sum of any day before it: when it was stated is said, and can be asked for
        let stated_at = found["stated_at"].as_str().unwrap().to_owned();
        assert!(
            stated_at.starts_with("20") && found["through"].as_u64() < found["position"].as_u64(),
            "{found}"
        );
        for (first, code) in
            [(stated_at.as_str(), 0), ("2018-01-01T08:00:00+08:00", 0), ("2999-01-01T00:00:00Z", 1)]
        {
            let by_binary = with(&["--not-before", first]);
            let of_script = by_script(
                "check_liabilities.py",
                &elsewhere,
                &[&asked[2..], &["--not-before", first]].concat(),
            );
            assert_eq!((by_binary.code, of_script.code), (code, code), "{by_binary:?} {of_script:?}");
            assert!(of_script.out.contains(&format!("stated at {stated_at}")), "{of_script:?}");
            assert_eq!(
                code == 1,
                by_binary.err.contains("stated before the time that was asked for"),
                "{by_binary:?}"
            );
        }
        says(&with(&["--not-before", "yesterday"]), 2, "not RFC 3339");
        assert_eq!(
            by_script(
                "check_liabilities.py",
                &elsewhere,
                &[&asked[2..], &["--not-before", "yesterday"]].concat()
            )
            .code,
            2
        );
        let by_script =
            by_script("check_liabilities.py", &elsewhere, &[&asked[2..], &["--merchant", merchant]].concat());
        assert!(
            by_script.code == 0 && by_script.out.contains("are counted in 105.00 owed to"),
            "{by_script:?}"
        );
    }
    let asked = ["liabilities", "check", "own.proof", "--sum", "sum.proof", "--key", &public];
    for (file, changes) in [
        ("own.proof", [("CNY 5.00", "CNY 6.00"), ("merchant n", "merchant m"), ("index ", "index 1")]),
        ("sum.proof", [("extra ZG", "extra ZH"), ("index ", "index 1"), ("time 2", "time 1")]),
    ] {
        let proof = fs::read_to_string(elsewhere.path(file)).unwrap();
        assert!(proof.len() < 2_000);
        for (from, to) in changes {
            assert!(proof.contains(from), "{file}: {proof}");
            fs::write(elsewhere.path(file), proof.replacen(from, to, 1)).unwrap();
            says(&elsewhere.run(&asked), 1, "it");
            let by_script = by_script("check_liabilities.py", &elsewhere, &asked[2..]);
            assert_eq!(by_script.code, 1, "{by_script:?}");
        }
        fs::write(elsewhere.path(file), &proof).unwrap();
    }
    // the sum is an event of the log like any other
    let event = elsewhere.json(&["log", "verify", "sum.proof", "--key", &public]);
    assert!(event.to_string().contains("LiabilitiesStated"), "{event}");
    // who is owed cannot be found out without the secret, and nothing is proved with another
    let secret = fs::read_to_string(place.path("daybook.db.tlog/liabilities.secret")).unwrap();
    fs::remove_file(place.path("daybook.db.tlog/liabilities.secret")).unwrap();
    says(
        &place.run(&["liabilities", "prove", "n"]),
        3,
        "the secret of what was stated is not beside the log",
    );
    says(&place.run(&["liabilities", "sign", "--key", "secret"]), 3, "put it back from a backup");
    for cut in [0, 30, secret.len() - 1] {
        fs::write(place.path("daybook.db.tlog/liabilities.secret"), &secret[..cut]).unwrap();
        for args in [&["liabilities", "prove", "n"][..], &["liabilities", "sign", "--key", "secret"]] {
            says(
                &place.run(args),
                3,
                &format!("liabilities.secret: the secret of liabilities: it has {cut} bytes of 72"),
            );
        }
    }
    fs::remove_file(place.path("daybook.db.tlog/liabilities.secret")).unwrap();
    assert!(place.run(&["verify"]).out.contains("their roots are not compared"));
    let other = secret.replace(&secret[27..31], "AAAA");
    fs::write(place.path("daybook.db.tlog/liabilities.secret"), other).unwrap();
    says(&place.run(&["liabilities", "prove", "n"]), 3, "is not what was stated at position");
    says(&place.run(&["verify"]), 1, "");
    fs::write(place.path("daybook.db.tlog/liabilities.secret"), secret).unwrap();
    holds(&place);
}

#[test]
fn the_secret_of_what_was_stated_goes_with_every_backup_and_states_the_same_leaves_again() {
    let (place, public) = market();
    says(&place.run(&["liabilities", "sign", "--key", "secret"]), 1, "stated at position");
    let proof = |more: &[&str]| {
        let ran = place.run(&[&["liabilities", "prove", "n"], more].concat());
        done(&ran);
        ran.out
    };
    let before = proof(&[]);
    // a log that is begun anew, as docs/log.md has it: the secret stays, the checkpoints do not
    fs::remove_dir_all(place.path("daybook.db.tlog/checkpoints")).unwrap();
    done(&place.run(&["backup", "copy"]));
    done(&place.run(&["restore", "copy", "sqlite:back.db"]));
    let (kept, back) = ("copy/liabilities.secret", "back.db.tlog/liabilities.secret");
    for file in [kept, back] {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(place.path(file)).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let there = ["--journal", "sqlite:back.db"];
    done(&place.run(&[&["log", "checkpoint", "--key", "secret"], &there[..]].concat()));
    assert_eq!(proof(&there), before, "nonce, place and way of the same leaf");
    done(&place.run(&[&["liabilities", "sum", "--out", "sum.proof"], &there[..]].concat()));
    fs::write(place.path("own.proof"), &before).unwrap();
    done(&place.run(&["liabilities", "check", "own.proof", "--sum", "sum.proof", "--key", &public]));
    // one that was changed, cut off or left out is no backup
    let secret = fs::read_to_string(place.path(kept)).unwrap();
    for (n, changed) in [Some(secret.replace(&secret[27..31], "AAAA")), Some(secret[..40].to_owned()), None]
        .into_iter()
        .enumerate()
    {
        match changed {
            Some(changed) => fs::write(place.path(kept), changed).unwrap(),
            None => fs::remove_file(place.path(kept)).unwrap(),
        }
        let again = format!("sqlite:again-{n}.db");
        says(&place.run(&["restore", "copy", &again]), 3, "its liabilities.secret");
        assert!(!place.path(&format!("again-{n}.db")).exists());
    }
    // a market that has lost it says so; told to, it goes on with another, and the old leaves can be shown to nobody
    fs::remove_file(place.path(back)).unwrap();
    let sign = [&["liabilities", "sign", "--key", "secret"], &there[..]].concat();
    says(&place.run(&sign), 3, "--lost-secret");
    assert!(!place.path(back).exists(), "nothing is made before it is told to");
    says(&place.run(&[&sign[..], &["--lost-secret"]].concat()), 1, "own funds are below zero");
    assert_ne!(proof(&there), before, "stated again with the new one");
    says(&place.run(&[&["verify"], &there[..]].concat()), 1, "");
}

#[test]
fn checkpoints_go_with_a_backup_and_come_back_with_it() {
    let (place, public) = market();
    done(&place.run(&["log", "checkpoint", "--key", "secret"]));
    done(&place.run(&["backup", "copy"]));
    done(&place.run(&["restore", "copy", "sqlite:back.db"]));
    let whole = place.json(&["log", "verify", "--key", &public, "--journal", "sqlite:back.db"]);
    assert_eq!(whole["checkpoints"].as_u64(), Some(1), "{whole}");
    // where another log lies nothing is put, and nothing is left of it
    fs::create_dir(place.path("third.db.tlog")).unwrap();
    says(&place.run(&["restore", "copy", "sqlite:third.db"]), 3, "third.db.tlog is there already");
    let named = |part: &str| {
        let all = fs::read_dir(place.path(".")).unwrap().map(|entry| entry.unwrap().file_name());
        all.filter(|name| name.to_string_lossy().contains(part)).count()
    };
    assert_eq!((named("third.db"), named(".restoring")), (1, 0));
    let note = fs::read_dir(place.path("copy/checkpoints")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&note).unwrap();
    fs::write(&note, text.replacen("time 2", "time 1", 1)).unwrap();
    says(&place.run(&["restore", "copy", "sqlite:again.db"]), 3, "its checkpoints are");
}
