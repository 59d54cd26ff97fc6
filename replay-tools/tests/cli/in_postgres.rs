//! The command line over a journal in PostgreSQL: the same history has the same digests, whatever it lies in.

use crate::place::Place;
use crate::server::Server as Service;
use daybook_journal::postgres::server::{Server, sql};

const MODELS: [&str; 2] = ["--read-models", "sqlite:pg.views.db"];

/// Runs on a database; what it must answer in JSON.
fn json(place: &Place, url: &str, args: &[&str]) -> serde_json::Value {
    place.json(&[args, &["--journal", url], &MODELS].concat())
}

#[test]
fn a_demo_of_a_seed_has_the_same_digests_in_sqlite_and_in_postgres() {
    let Some(server) = Server::shared() else { return };
    let (place, url) = (Place::empty(), server.database());
    let demo = ["demo", "--days", "3", "--orders-per-day", "25", "--seed", "11"];
    let there = json(&place, &url, &demo);
    let here = place.json(&demo);
    assert_eq!(there["head"], here["head"]);
    let expected = place.digest("sqlite:daybook.db", "sqlite:daybook.views.db");
    assert!(expected.lines().count() > 10);
    assert_eq!(place.digest(&url, "sqlite:pg.views.db"), expected);
    assert_eq!(json(&place, &url, &["verify"])["clean"], true);
    assert_eq!(place.run(&[&["rebuild", "--journal", &url][..], &MODELS].concat()).code, 0);
    assert_eq!(place.digest(&url, "sqlite:pg.views.db"), expected, "rebuilt");
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
    assert_eq!(place.digest(back, "sqlite:back.views.db"), expected);
    assert_eq!(place.digest(&second, "sqlite:second.views.db"), expected);
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
    assert_eq!(place.digest(&second, "sqlite:second.views.db"), expected);
}

/// Rows that say where something lies, how long it took or when.
fn answer(place: &Place, models: &str, args: &[&str]) -> String {
    let ran = place.run(&[args, &["--read-models", models, "--no-progress"]].concat());
    assert_eq!(ran.code, 0, "{args:?} in {models}: {}", ran.err);
    ran.out
}

#[test]
fn read_models_in_postgres_answer_as_those_in_a_file() {
    let Some(server) = Server::shared() else { return };
    let (place, url) = (Place::empty(), server.database());
    let demo = ["demo", "--days", "8", "--orders-per-day", "30", "--seed", "5"];
    assert_eq!(place.run(&[&demo[..], &["--no-progress"]].concat()).code, 0);
    let models = ["sqlite:daybook.views.db", url.as_str()];
    for args in [
        &["digest", "--format", "csv"][..],
        &["order", "o-000001", "--format", "json"],
        &["order", "o-000007", "--as-of", "2026-01-05", "--format", "json"],
        &["merchant", "m-001", "--format", "json"],
        &["merchant", "m-001", "--owed", "--format", "json"],
        &["merchant", "m-001", "--owed", "--at-position", "900", "--format", "json"],
        &["merchants", "--format", "json"],
        &["trial-balance", "--format", "json"],
        &["trial-balance", "--at-position", "700", "--format", "json"],
        &["balance-sheet", "--format", "json"],
        &["profit-loss", "--format", "json"],
        &["ledger", "Liabilities:MerchantPending:m-001", "--format", "json"],
        &["payout", "list", "--format", "json"],
        &["settlement", "list", "--format", "json"],
        &["breaks", "list", "--format", "json"],
        &["campaign", "list", "--format", "json"],
        &["leads", "--format", "json"],
        &["events", "--merchant", "m-002", "--limit", "50"],
        &["export", "hledger"],
    ] {
        assert_eq!(answer(&place, models[0], args), answer(&place, models[1], args), "{args:?}");
    }
    // killed while they are made anew, and made anew, they are the same
    for pause in [20, 150, 400] {
        let mut killed = place.command(&["rebuild", "--read-models", &url, "--no-progress"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(pause));
        killed.kill().unwrap();
        killed.wait().unwrap();
        let digest = ["digest", "--format", "csv"];
        assert_eq!(
            answer(&place, models[0], &digest),
            answer(&place, models[1], &digest),
            "after {pause} ms"
        );
    }
    assert_eq!(place.run(&["rebuild", "--read-models", &url, "--no-progress"]).code, 0);
    let digest = ["digest", "--format", "csv"];
    assert_eq!(answer(&place, models[0], &digest), answer(&place, models[1], &digest));
    assert_eq!(place.run(&["verify", "--read-models", &url, "--no-progress"]).code, 0);
    let status = place.json(&["status", "--read-models", &url]);
    assert_eq!(status["lag"], 0);
    assert!(!status.to_string().contains("daybook:daybook"), "a password was shown: {status}");
}

#[test]
fn a_market_lies_in_one_database_with_its_read_models_and_its_files_in_a_folder() {
    let Some(server) = Server::shared() else { return };
    let (place, url) = (Place::empty(), server.database());
    assert_eq!(place.run(&["demo", "--days", "2", "--orders-per-day", "10", "--seed", "3"]).code, 0);
    let demo = ["demo", "--days", "2", "--orders-per-day", "10", "--seed", "3"];
    std::fs::create_dir(place.path("own")).unwrap();
    let all = ["--journal", &url, "--read-models", &url, "--files", "own", "--no-progress"];
    let ran = place.run(&[&demo[..], &all].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(place.path("own/daybook.market.db").exists());
    let of = ["digest", "--format", "csv", "--no-progress"];
    let here = place.run(&of);
    let there = place.run(&[&of[..], &all[..6]].concat());
    assert_eq!((there.code, there.out), (0, here.out), "{}", there.err);
    let ran = place.run(&["status", "--files", "own"]);
    assert!(ran.code == 2 && ran.err.contains("--files is for a journal in a database"), "{}", ran.err);
}

#[test]
fn what_only_a_file_can_give_is_refused_with_the_cure() {
    let Some(server) = Server::shared() else { return };
    let (place, url) = (Place::empty(), server.database());
    for (args, told) in [
        (&["demo"][..], "--read-models sqlite:daybook.views.db"),
        (&["verify"], "there is no journal"),
        (&["backup", "copy", "--read-models", "sqlite:x.db"], "pg_dump"),
        (&["demo", "--read-models", "esdb://here/x"], "write sqlite:PATH or postgres://"),
        (&["demo", "--read-models", "sqlite:x.db", "--files", "nowhere"], "there is no such folder"),
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
    is_served(&Place::empty(), &server.database(), &MODELS);
}

#[test]
fn a_market_with_all_in_postgres_is_served_while_others_read() {
    let Some(server) = Server::shared() else { return };
    let (place, url) = (Place::empty(), server.database());
    is_served(&place, &url, &["--read-models", &url, "--files", "."]);
}

fn is_served(place: &Place, url: &str, models: &[&str]) {
    let json = |args: &[&str]| place.json(&[args, &["--journal", url], models].concat());
    json(&["demo", "--days", "1", "--orders-per-day", "5"]);
    let key = json(&["key", "create", "--role", "admin"]);
    let token = key["key"].as_str().unwrap().to_owned();
    let served = Service::start(place, &[&["--journal", url][..], models].concat());
    served.ready();
    let (status, order) = served.ask(&token, "GET", "/v1/orders/o-000001", "");
    assert_eq!(status, 200, "{order}");
    // Another market is told who is there; a reader is let in.
    let second =
        place.run(&[&["settle"][..], &["--journal", url, "--read-models", "sqlite:else.views.db"]].concat());
    assert_eq!(second.code, 4, "{}", second.err);
    assert!(second.err.contains(&format!("daybook {}", served.id())), "{}", second.err);
    assert_eq!(json(&["verify"])["clean"], true);
    assert!(json(&["digest"]).as_array().is_some_and(|tables| tables.len() > 10));
    let (code, said) = served.stop();
    assert_eq!(code, 0, "{said}");
    json(&["verify"]);
}

#[test]
fn what_a_superuser_changes_past_the_triggers_is_found_with_its_place() {
    let Some(server) = Server::shared() else { return };
    let (place, url) = (Place::empty(), server.database());
    let head =
        json(&place, &url, &["demo", "--days", "2", "--orders-per-day", "10"])["head"].as_u64().unwrap();
    let made = place.json(&["log", "key", "shop.example/ledger", "--out", "secret"]);
    let public = made["public_key"].as_str().unwrap().to_owned();
    let on = |args: &[&str]| place.run(&[args, &["--journal", &url], &MODELS].concat());
    assert_eq!(on(&["log", "checkpoint", "--key", "secret"]).code, 0);
    let verify = || on(&["log", "verify", "--key", &public]);
    assert_eq!(verify().code, 0);
    let row = |position: u64, set: &str| {
        format!("UPDATE daybook_journal.events SET {set} WHERE position = {position};")
    };
    for before in ["", "SET session_replication_role = replica;"] {
        let refused = sql(&url, &format!("{before} {}", row(7, "actor = 'x'"))).unwrap_err();
        assert!(refused.contains("append-only"), "{refused}");
    }
    let guards = [("events", "events_never_change"), ("head", "head_never_goes"), ("head", "head_advances")];
    let all = |what: &str| {
        let one = |(of, guard)| format!("ALTER TABLE daybook_journal.{of} {what} TRIGGER {guard};");
        guards.map(one).concat()
    };
    // who leaves them off is told at once
    sql(&url, &all("DISABLE")).unwrap();
    let ran = verify();
    assert!(ran.code == 4 && ran.err.contains("of the triggers that keep it append-only"), "{ran:?}");
    let touched = |statements: &str| {
        sql(&url, &format!("{} {statements}; {}", all("DISABLE"), all("ENABLE ALWAYS"))).unwrap()
    };
    touched("CREATE TABLE kept AS SELECT * FROM daybook_journal.events");
    let columns = "(stream, version, kind, schema, occurred_at, recorded_at, actor, id, command, fingerprint, correlation, refs, data)";
    let back = |position: u64| {
        touched(&format!(
            "UPDATE daybook_journal.events e SET {columns} = (SELECT {} FROM kept k WHERE k.position = e.position)
             WHERE position = {position}",
            &columns[1..columns.len() - 1]
        ));
    };
    for (n, set) in [
        "data = replace(data, '\"', '\" ')",
        "refs = refs || ' '",
        "occurred_at = occurred_at + 1",
        "recorded_at = recorded_at - 1",
        "actor = actor || 'x'",
        "kind = kind || 'x'",
        "schema = schema + 1",
        "stream = stream || 'x'",
        "version = version + 1000000",
        "id = gen_random_uuid()",
        "command = gen_random_uuid()",
        "fingerprint = gen_random_uuid()",
        "correlation = gen_random_uuid()",
    ]
    .into_iter()
    .enumerate()
    {
        let position = 1 + (n as u64 * 37) % head;
        touched(&row(position, set));
        let ran = verify();
        assert!(ran.code == 1 && ran.err.contains(&format!("position {position} ")), "{set}: {ran:?}");
        back(position);
    }
    assert_eq!(verify().code, 0, "all was put back");
    // two rows that change their places
    let swap = [(20, 0), (21, 20), (0, 21)].map(|(from, to)| row(from, &format!("position = {to}"))).concat();
    touched(&swap);
    let ran = verify();
    assert!(ran.code == 1 && ran.err.contains("position 20 "), "{ran:?}");
    touched(&swap);
    assert_eq!(verify().code, 0, "swapped back");
    // the tail is gone, and the head says that it was never there
    touched(&format!(
        "DELETE FROM daybook_journal.events WHERE position > {0}; UPDATE daybook_journal.head SET last = {0}",
        head - 3
    ));
    let ran = verify();
    assert!(ran.code == 1 && ran.err.contains(&(head - 3).to_string()), "{ran:?}");
    let ran = on(&["log", "checkpoint", "--key", "secret"]);
    assert!(ran.code == 3 && ran.err.contains("is not the one that was logged"), "{ran:?}");
}
