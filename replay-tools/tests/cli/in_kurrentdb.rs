//! The command line over a journal in KurrentDB, played by the stand-in: the same history has the same digests, whatever it
//! lies in; and what a journal without dense positions cannot give is refused with the reason.

use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::place::Place;
use daybook_journal::kurrentdb::standin::Standin;

const MODELS: [&str; 2] = ["--read-models", "sqlite:kdb.views.db"];

/// Runs on a cluster; what it must answer in JSON.
fn json(place: &Place, url: &str, args: &[&str]) -> serde_json::Value {
    place.json(&[args, &["--journal", url], &MODELS].concat())
}

#[test]
fn a_demo_of_a_seed_has_the_same_digests_in_sqlite_and_in_kurrentdb() {
    let standin = Standin::start(3);
    standin.faults().system_events.store(true, Ordering::SeqCst);
    let (place, url) = (Place::empty(), standin.url());
    let demo = ["demo", "--days", "2", "--orders-per-day", "10", "--seed", "11"];
    json(&place, &url, &demo);
    place.json(&demo);
    let expected = place.digest("sqlite:daybook.db", "sqlite:daybook.views.db");
    assert!(expected.lines().count() > 10);
    assert_eq!(place.digest(&url, "sqlite:kdb.views.db"), expected);
    assert_eq!(json(&place, &url, &["verify"])["clean"], true);
    // events are counted, also where positions do not count them
    let clean = |args: &[&str]| {
        let ran = place.run(args);
        let told = ran.out.lines().find(|line| line.starts_with("clean: ")).map(str::to_owned);
        told.unwrap_or_else(|| panic!("{args:?}: {} {}", ran.code, ran.err))
    };
    let verify = ["verify", "--journal", &url];
    assert_eq!(clean(&[&verify[..], &MODELS].concat()), clean(&["verify"]));
    // another leader, and the models made again from it
    standin.lead(1);
    standin.crash(0);
    let rebuilt = place.run(&[&["rebuild", "--journal", &url][..], &MODELS].concat());
    assert!(rebuilt.code == 0 && rebuilt.err.contains(" positions in "), "{} {}", rebuilt.code, rebuilt.err);
    assert_eq!(place.digest(&url, "sqlite:kdb.views.db"), expected, "rebuilt");
    assert_eq!(json(&place, &url, &["status"])["lag"], 0);

    // into a file, whose positions count its events, and into another journal there
    let copied = place.json(&["journal", "copy", &url, "sqlite:copy.db"]);
    assert_eq!(place.digest("sqlite:copy.db", "sqlite:copy.views.db"), expected, "copied from there");
    let second = format!("{url}&journal=second");
    let there = place.json(&["journal", "copy", "sqlite:copy.db", &second]);
    assert_eq!((&there["digest"], &there["copied"]), (&copied["digest"], &copied["events"]));
    assert_eq!(place.json(&["journal", "copy", "sqlite:copy.db", &second])["copied"], 0);

    let other = ["--journal", "sqlite:else.db", "--read-models", "sqlite:else.views.db"];
    place.json(&[&["demo", "--days", "2", "--orders-per-day", "10", "--seed", "12"][..], &other].concat());
    for (args, told) in [
        (&["journal", "copy", "sqlite:else.db", &url][..], "not the first of"),
        (&["backup", "copy", "--journal", &url, "--read-models", "sqlite:kdb.views.db"], "is a database"),
        (&["demo", "--journal", &url], "--read-models sqlite:daybook.views.db"),
    ] {
        let ran = place.run(args);
        assert!(ran.code > 1 && ran.err.contains(told), "{args:?}: {} {}", ran.code, ran.err);
    }
    assert_eq!(place.run(&["log", "key", "demo.example/log", "--out", "log.key"]).code, 0);
    let signed = ["log", "checkpoint", "--key", "log.key", "--journal", &url];
    let ran = place.run(&[&signed[..], &MODELS].concat());
    assert!(ran.code > 1 && ran.err.contains("SQLite or PostgreSQL only"), "{}", ran.err);
}

#[test]
fn a_market_that_is_killed_goes_on_where_it_was() {
    let standin = Standin::start(1);
    let (place, url) = (Place::empty(), standin.url());
    let demo =
        ["demo", "--days", "60", "--orders-per-day", "40", "--seed", "5", "--journal", &url, "--no-progress"];
    let mut child = place.command(&[&demo[..], &MODELS].concat()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while standin.appends() < 300 {
        assert!(
            began.elapsed() < Duration::from_secs(120) && child.try_wait().unwrap().is_none(),
            "it ended"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // whole to who reads
    assert_eq!(json(&place, &url, &["verify"])["clean"], true);
    // the next writer waits until the lease of the dead one has run out, and writes
    let began = Instant::now();
    let ran = place.run(&[&["settle", "--journal", &url][..], &MODELS].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(began.elapsed() >= Duration::from_secs(8), "nobody waited for the lease");
    assert_eq!(json(&place, &url, &["verify"])["clean"], true);
}
