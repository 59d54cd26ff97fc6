//! The command line over a journal in PostgreSQL: the same history has the same digests, whatever it lies in.

#![allow(clippy::unwrap_used)]

mod place;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use daybook_journal::postgres::server::Server;
use place::Place;

const MODELS: [&str; 2] = ["--read-models", "sqlite:pg.views.db"];

/// Runs on a database; what it must answer in JSON.
fn json(place: &Place, url: &str, args: &[&str]) -> serde_json::Value {
    place.json(&[args, &["--journal", url], &MODELS].concat())
}

fn digest(place: &Place, journal: &str, models: &str) -> String {
    let of = ["digest", "--journal", journal, "--read-models", models, "--format", "csv", "--no-progress"];
    let ran = place.run(&of);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.out
}

#[test]
fn a_demo_of_a_seed_has_the_same_digests_in_sqlite_and_in_postgres() {
    let Some(server) = Server::shared() else { return };
    let (place, url) = (Place::empty(), server.database());
    let demo = ["demo", "--days", "3", "--orders-per-day", "25", "--seed", "11"];
    let there = json(&place, &url, &demo);
    let here = place.json(&demo);
    assert_eq!(there["head"], here["head"]);
    let expected = digest(&place, "sqlite:daybook.db", "sqlite:daybook.views.db");
    assert!(expected.lines().count() > 10);
    assert_eq!(digest(&place, &url, "sqlite:pg.views.db"), expected);
    assert_eq!(json(&place, &url, &["verify"])["clean"], true);
    assert_eq!(place.run(&[&["rebuild", "--journal", &url][..], &MODELS].concat()).code, 0);
    assert_eq!(digest(&place, &url, "sqlite:pg.views.db"), expected, "rebuilt");
    let status = json(&place, &url, &["status"]);
    assert_eq!((&status["lag"], &status["bytes"]), (&0.into(), &serde_json::Value::Null));
    assert!(!status.to_string().contains("daybook:daybook"), "a password was shown: {status}");
    let again = place.run(&[&demo[..], &["--journal", &url], &MODELS].concat());
    assert_eq!(again.code, 3, "a simulation is not mixed with another: {}", again.err);

    // There and back, each the same as the first; a copy that is whole is only compared.
    let (second, back) = (server.database(), "sqlite:back.db");
    for (from, to) in [("sqlite:daybook.db", second.as_str()), (&second, back), (&url, "sqlite:other.db")] {
        let copied = place.json(&["journal", "copy", from, to]);
        assert_eq!((&copied["kept"], &copied["copied"]), (&0.into(), &there["head"]), "{copied}");
        let again = place.json(&["journal", "copy", from, to]);
        assert_eq!((&again["kept"], &again["copied"]), (&there["head"], &0.into()));
        assert_eq!(again["digest"], copied["digest"]);
    }
    assert_eq!(digest(&place, back, "sqlite:back.views.db"), expected);
    assert_eq!(digest(&place, &second, "sqlite:second.views.db"), expected);
    // The signed log has the same leaves.
    assert_eq!(place.run(&["log", "key", "demo.example/log", "--out", "log.key"]).code, 0);
    let root = |journal: &str, models: &str| {
        let args = ["log", "checkpoint", "--key", "log.key", "--journal", journal, "--read-models", models];
        let signed = place.run(&args);
        assert_eq!(signed.code, 0, "{}", signed.err);
        signed.out.lines().take(3).map(str::to_owned).collect::<Vec<_>>()
    };
    let roots = [
        root("sqlite:daybook.db", "sqlite:daybook.views.db"),
        root(back, "sqlite:back.views.db"),
        root(&second, "sqlite:second.views.db"),
    ];
    assert!(roots[0].len() == 3 && roots[0] == roots[1] && roots[0] == roots[2], "{roots:?}");

    // What is something else is left alone.
    place.json(&[
        "demo",
        "--days",
        "1",
        "--orders-per-day",
        "5",
        "--seed",
        "12",
        "--journal",
        "sqlite:else.db",
    ]);
    for (from, to) in [("sqlite:else.db", second.as_str()), (&second, "sqlite:else.db")] {
        let refused = place.run(&["journal", "copy", from, to]);
        assert_eq!(refused.code, 3, "{}", refused.err);
        assert!(refused.err.contains("it is not a copy of it"), "{}", refused.err);
    }
    assert_eq!(digest(&place, &second, "sqlite:second.views.db"), expected);
}

#[test]
fn what_only_a_file_can_give_is_refused_with_the_cure() {
    let Some(server) = Server::shared() else { return };
    let (place, url) = (Place::empty(), server.database());
    for (args, told) in [
        (&["demo"][..], "--read-models sqlite:daybook.views.db"),
        (&["verify"], "there is no journal"),
        (&["backup", "copy", "--read-models", "sqlite:x.db"], "pg_dump"),
        (&["demo", "--read-models", "postgres://here/x"], "write sqlite:PATH"),
        (&["restore", "copy", "postgres://here/x"], "write sqlite:PATH"),
    ] {
        let mut all = vec!["--journal", &url];
        if args == ["verify"] {
            all.extend(MODELS);
        }
        all.extend(args);
        let ran = place.run(&all);
        assert!(ran.code > 1 && ran.err.contains(told), "{args:?}: {} {}", ran.code, ran.err);
        assert!(!ran.err.contains("daybook:daybook"), "a password was shown: {}", ran.err);
    }
    let ran = place.run(&["--journal", "mysql://here", "verify"]);
    assert!(ran.err.contains("write sqlite:PATH, postgres://"), "{}", ran.err);
}

#[test]
fn a_market_in_postgres_is_served_by_one_process_at_a_time() {
    let Some(server) = Server::shared() else { return };
    let (place, url) = (Place::empty(), server.database());
    json(&place, &url, &["demo", "--days", "1", "--orders-per-day", "5"]);
    let key = json(&place, &url, &["key", "create", "--role", "admin"]);
    let token = key["key"].as_str().unwrap().to_owned();
    let mut child = place
        .command(
            &[&["serve", "--listen", "127.0.0.1:0", "--no-progress", "--journal", &url][..], &MODELS]
                .concat(),
        )
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended before it listened");
        if let Some(rest) = line.trim().strip_prefix("listening on ") {
            break rest.split("://").nth(1).unwrap().to_owned();
        }
    };
    let get = |path: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let began = std::time::Instant::now();
    while !get("/readyz").starts_with("HTTP/1.1 200 ") {
        assert!(began.elapsed().as_secs() < 60, "{}", get("/readyz"));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let answer = get("/v1/orders/o-000001");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // Another market is told who is there; a reader is let in.
    let second =
        place.run(&[&["settle"][..], &["--journal", &url, "--read-models", "sqlite:else.views.db"]].concat());
    assert_eq!(second.code, 4, "{}", second.err);
    assert!(second.err.contains(&format!("daybook {}", child.id())), "{}", second.err);
    assert_eq!(json(&place, &url, &["verify"])["clean"], true);
    assert!(std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    json(&place, &url, &["verify"]);
}
