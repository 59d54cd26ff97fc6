//! The running service as who operates it meets it: settings, TLS, signals, backups while it works.

use std::time::{Duration, Instant};

use crate::place::Place;
use crate::server::Server;

fn market() -> Place {
    let place = Place::empty();
    let ran = place.run(&["demo", "--days", "5", "--orders-per-day", "10", "--no-progress"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    place
}

#[test]
fn a_flag_wins_over_the_environment_that_over_the_file_and_that_over_the_default() {
    let place = Place::empty();
    let file = "listen = \"127.0.0.1:1\"\nbody_limit = \"2MiB\"\nmax_requests = 7\ncors = [\"https://a\", \"https://b\"]\n\
                compression = false\njournal = \"sqlite:other.db\"\n[access]\nlog_entries = 9\nrates = {merchant = \"5/6\"}\n\
                [webhooks]\nallow_http = true\n";
    std::fs::write(place.path("daybook.toml"), file).unwrap();
    let args =
        ["serve", "--config", "daybook.toml", "--print-config", "--body-limit", "4MiB", "--format", "json"];
    let shown = |env: &[(&str, &str)]| -> serde_json::Value {
        let output = place.command(&args).envs(env.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let rows = shown(&[("DAYBOOK_LISTEN", "127.0.0.1:2"), ("DAYBOOK_BODY_LIMIT", "3MiB")]);
    let said = |name: &str| {
        let row = rows.as_array().unwrap().iter().find(|row| row["setting"] == name).unwrap();
        (row["value"].as_str().unwrap().to_owned(), row["from"].as_str().unwrap().to_owned())
    };
    let pair = |value: &str, from: &str| (value.to_owned(), from.to_owned());
    assert_eq!(said("body_limit"), pair("4MiB", "--body-limit"));
    assert_eq!(said("listen"), pair("127.0.0.1:2", "DAYBOOK_LISTEN"));
    assert_eq!(said("max_requests"), pair("7", "daybook.toml"));
    assert_eq!(said("cors"), pair("https://a,https://b", "daybook.toml"));
    assert_eq!(said("compression"), pair("false", "daybook.toml"));
    assert_eq!(said("journal"), pair("sqlite:other.db", "daybook.toml"));
    assert_eq!(said("request_timeout"), pair("30s", "default"));
    assert_eq!(said("access_log_entries"), pair("9", "daybook.toml"));
    assert_eq!(said("access_rates_merchant"), pair("5/6", "daybook.toml"));
    assert_eq!(said("access_rates_finance"), pair("200/400", "default"));
    assert_eq!(said("webhooks_allow_http"), pair("true", "daybook.toml"));
}

#[test]
fn a_setting_that_is_unknown_or_makes_no_sense_is_named() {
    let place = Place::empty();
    let table = [
        ("lissten = \"x\"", "no setting \"lissten\""),
        ("listen = \"here\"", "listen = \"here\" (from daybook.toml)"),
        ("body_limit = \"1MB\"", "body_limit = \"1MB\" (from daybook.toml): write bytes, or 512KiB"),
        ("request_timeout = \"0s\"", "request_timeout"),
        ("tls_cert = \"a.pem\"", "tls_cert and tls_key go together"),
        ("log_format = \"xml\"", "write text or json"),
        (
            "[access]\nrates = {finance = \"fast\"}",
            "access_rates_finance = \"fast\" (from daybook.toml): write",
        ),
        ("[access]\nrates = {king = \"1/1\"}", "no setting \"access_rates_king\""),
        (
            "[access]\nissuer = \"https://id.example\"",
            "access_issuer, access_audience and access_jwks go together",
        ),
        ("max_requests = 1.5", "max_requests: write text, a number"),
        ("listen", "daybook.toml"),
    ];
    for (file, says) in table {
        std::fs::write(place.path("daybook.toml"), file).unwrap();
        let ran = place.run(&["serve", "--config", "daybook.toml"]);
        assert_eq!(ran.code, 2, "{file}: {}", ran.err);
        assert!(ran.err.contains(says), "{file}: {}", ran.err);
    }
}

#[test]
fn it_listens_before_its_stores_are_open_logs_each_request_and_stops_in_order() {
    let place = market();
    let server = Server::start(&place, &["--log-format", "json"]);
    let listened = server.runs();
    assert!(listened < Duration::from_secs(30), "{listened:?}");
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200 "));
    server.ready();
    assert!(server.get("/v1/orders/o").starts_with("HTTP/1.1 401 "));
    let (code, said) = server.stop();
    assert_eq!(code, 0, "{said}");
    assert!(said.trim_end().ends_with("stopped"), "{said}");
    let lines: Vec<serde_json::Value> =
        said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let access = lines.iter().find(|line| line["route"] == "/v1/orders/{order}").unwrap();
    assert_eq!((&access["request_id"], &access["status"]), (&"r-1".into(), &401.into()));
    assert_eq!((&access["method"], &access["code"]), (&"GET".into(), &"unauthenticated".into()));
    assert!(access["micros"].is_u64(), "{access}");
    assert!(!place.path("daybook.db-wal").exists(), "the journal was closed in order");
    assert_eq!(place.run(&["verify", "--no-progress"]).code, 0);
}

#[test]
fn a_backup_of_a_running_market_is_a_prefix_of_its_journal_and_can_be_put_back() {
    let place = market();
    let server = Server::start(&place, &[]);
    server.ready();
    let journal = place.path("daybook.db");
    let before = place.json(&["status"])["head"].as_u64().unwrap();
    let made = place.json(&["backup", "copy"]);
    let events = made["events"].as_u64().unwrap();
    assert!(events >= before, "{made}");
    assert!(made["parts"].as_str().unwrap().ends_with("journal"), "{made}");
    assert!(made["parts"].as_str().unwrap().contains("market"), "{made}");
    let again = place.run(&["backup", "copy"]);
    assert_eq!(again.code, 3, "{}", again.err);
    assert!(again.err.contains("copy is there already"), "{}", again.err);
    server.stop();

    assert_eq!(place.json(&["restore", "copy"])["digest"], made["digest"], "checked only");
    let over = place.run(&["restore", "copy", "sqlite:daybook.db"]);
    assert_eq!(over.code, 3, "{}", over.err);
    assert!(journal.exists());
    let back = place.json(&["restore", "copy", "sqlite:back.db"]);
    assert_eq!((&back["events"], &back["digest"]), (&made["events"], &made["digest"]));
    assert!(place.path("back.market.db").exists());
    let events_of = |journal: &str| {
        let limit = events.to_string();
        let ran = place.run(&["events", "--limit", &limit, "--journal", journal]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    assert_eq!(events_of("sqlite:back.db"), events_of("sqlite:daybook.db"));
    assert_eq!(place.run(&["verify", "--no-progress", "--journal", "sqlite:back.db"]).code, 0);
}

#[test]
fn a_backup_that_was_changed_is_not_put_back() {
    let place = market();
    place.json(&["backup", "copy"]);
    let whole = std::fs::read(place.path("copy/journal.db")).unwrap();
    let manifest = std::fs::read_to_string(place.path("copy/manifest.json")).unwrap();
    let refused = |says: &str| {
        let ran = place.run(&["restore", "copy", "sqlite:back.db"]);
        assert_eq!(ran.code, 3, "{}", ran.err);
        assert!(ran.err.contains(says), "{}", ran.err);
        let left = |name: &str| place.path(name).exists();
        assert!(!left("back.db") && !left("back.market.db") && !left("back.db.restoring"));
    };
    let mut changed = whole.clone();
    let at = changed.len() / 2;
    changed[at] ^= 1;
    std::fs::write(place.path("copy/journal.db"), &changed).unwrap();
    refused("SHA-256");
    std::fs::write(place.path("copy/journal.db"), &whole[..whole.len() - 8192]).unwrap();
    refused("bytes");
    std::fs::write(place.path("copy/journal.db"), &whole).unwrap();
    std::fs::write(place.path("copy/manifest.json"), manifest.replace("\"count\": ", "\"count\": 1"))
        .unwrap();
    refused("events");
    std::fs::write(place.path("copy/manifest.json"), manifest.replace("\"market\"", "\"../x\"")).unwrap();
    refused("../x");
    std::fs::remove_file(place.path("copy/manifest.json")).unwrap();
    assert_eq!(place.run(&["restore", "copy", "sqlite:back.db"]).code, 4);
}

#[test]
fn keys_and_webhooks_are_in_a_backup_and_who_does_not_answer_holds_up_no_stop() {
    let place = market();
    let key = place.json(&["key", "create", "--role", "admin"])["key"].as_str().unwrap().to_owned();
    let server = Server::start(&place, &["--webhooks-allow-http", "--webhooks-allow-private"]);
    server.ready();
    // a receiver that takes the connection and says nothing
    let receiver = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", receiver.local_addr().unwrap());
    let (status, hook) =
        server.ask(&key, "POST", "/v1/webhooks", &format!("{{\"url\": \"{url}\", \"after\": 0}}"));
    assert_eq!(status, 201, "{hook}");
    let _held = receiver.accept().unwrap();
    let made = place.json(&["backup", "copy"]);
    assert_eq!(made["parts"], "access market webhooks journal", "{made}");
    let stopping = Instant::now();
    let (code, said) = server.stop();
    assert_eq!((code, said.trim_end().ends_with("stopped")), (0, true), "{said}");
    // the receiver would have had fifteen seconds since it was asked
    assert!(stopping.elapsed() < Duration::from_secs(12), "{:?}", stopping.elapsed());
    assert!(!place.path("daybook.db-wal").exists(), "the journal was closed in order");

    place.json(&["restore", "copy", "sqlite:back.db"]);
    let server = Server::start(&place, &["--journal", "sqlite:back.db"]);
    server.ready();
    let (status, hooks) = server.ask(&key, "GET", "/v1/webhooks", "");
    assert_eq!((status, &hooks["webhooks"][0]["url"]), (200, &url.into()), "the key is there, and {hooks}");
    server.stop();

    let file = place.path("daybook.webhooks.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let page = bytes.len() - 4096;
    bytes[page..].fill(0xff);
    std::fs::write(&file, bytes).unwrap();
    let refused = place.run(&["backup", "copy-2"]);
    assert!(refused.code >= 3 && refused.err.contains("daybook.webhooks.db"), "{refused:?}");
    assert!(!place.path("copy-2").exists());
}

#[test]
fn a_market_that_runs_signs_its_log_and_once_more_when_it_stops() {
    let place = Place::with_a_sale();
    let made = place.json(&["log", "key", "shop.example/ledger", "--out", "secret"]);
    let public = made["public_key"].as_str().unwrap();
    let signed = place.path("daybook.db.tlog/checkpoint");
    let server = Server::start(&place, &["--log-key", "secret", "--log-interval", "50ms"]);
    server.ready();
    while !signed.exists() {
        assert!(server.runs() < Duration::from_secs(30), "nothing was signed");
        std::thread::sleep(Duration::from_millis(5));
    }
    // it is not held while nothing is signed: others may add signatures
    done_soon(|| place.run(&["log", "checkpoint", "--key", "secret"]).code == 0);
    let (code, said) = server.stop();
    assert_eq!(code, 0, "{said}");
    // long before the next turn
    place.add_events(7);
    let server = Server::start(&place, &["--log-key", "secret", "--log-interval", "1h"]);
    server.ready();
    let (code, said) = server.stop();
    assert_eq!(code, 0, "{said}");
    let whole = place.json(&["log", "verify", "--key", public]);
    assert_eq!((&whole["events"], &whole["found"]), (&whole["logged"], &0.into()), "{whole}");
    assert_eq!(whole["events"], 12, "{whole}");
    // a key that is none stops it before it serves
    let ran = place.run(&["serve", "--listen", "127.0.0.1:0", "--log-key", "absent"]);
    assert!(ran.code == 4 && ran.err.contains("absent"), "{ran:?}");
}

fn done_soon(mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
