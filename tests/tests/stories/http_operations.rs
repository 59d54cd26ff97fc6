//! What keeps a service running: its limits, its health, its figures, and how it stops.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use daybook_api::{Serving, Settings, Tls};
use daybook_journal::{Filter, Journal};
use daybook_market::backup::{back_up, restore};
use daybook_market::{Market, Options};
use daybook_tests::site::{Answer, Ask, Client, Site, key};
use daybook_tests::stage::Stage;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

async fn site(stage: &Stage, settings: Settings, serving: Serving) -> Site {
    Site::serving(stage, serving, |service| service.with(settings)).await
}

fn post(body: String) -> Ask {
    let ask = Ask::new("POST", "/v1/orders/o1/ship").header("Authorization", key("operator"));
    ask.header("Idempotency-Key", "k").header("Content-Type", "application/json").text(body)
}

fn problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.body["request_id"], answer.header("x-request-id"));
}

/// Says something to a server and reads what it answers until it closes.
fn converse(site: &Site, say: Vec<&'static [u8]>, pause: Duration) -> String {
    let mut stream = TcpStream::connect(site.address).unwrap();
    for part in say {
        stream.write_all(part).unwrap();
        std::thread::sleep(pause);
    }
    let mut text = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Whether a server answers that it lives.
fn answers(address: std::net::SocketAddr) -> bool {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut text = String::new();
    let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    asked.is_ok() && stream.read_to_string(&mut text).is_ok() && text.starts_with("HTTP/1.1 200 ")
}

/// The head of an answer in this coding, and how many bytes followed it.
fn fetch(site: &Site, path: &str, coding: &str) -> (String, usize) {
    let mut stream = TcpStream::connect(site.address).unwrap();
    let ask =
        format!("GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nAccept-Encoding: {coding}\r\n\r\n");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    (String::from_utf8(bytes[..end].to_vec()).unwrap(), bytes.len() - end)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_too_large_too_deep_or_breaks_off_is_refused_and_nothing_changes() {
    let stage = Stage::in_memory();
    let site = site(&stage, Settings::default(), Serving::default()).await;
    let head = stage.market.journal().head().unwrap();
    let large = format!("{{\"x\": \"{}\"}}", "a".repeat(1 << 20));
    problem(&site.ask(post(large)).await, 413, "too_large");
    let deep = format!("{{\"x\": {}{}}}", "[".repeat(1_000), "]".repeat(1_000));
    let answer = site.ask(post(deep)).await;
    problem(&answer, 400, "bad_request");
    assert!(answer.body["detail"].as_str().unwrap().contains("recursion limit"), "{}", answer.text);
    assert_eq!(stage.market.journal().head().unwrap(), head);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_a_length_is_held_to_the_limit_too() {
    let stage = Stage::in_memory();
    let settings = Settings { body_limit: 10, ..Settings::default() };
    let site = site(&stage, settings, Serving::default()).await;
    let text = tokio::task::spawn_blocking(move || {
        let head = b"POST /v1/orders/o/ship HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer key-of-operator\r\n\
            Content-Type: application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        converse(&site, vec![head, b"b\r\n{\"abcdefgh\"\r\n", b"0\r\n\r\n"], Duration::ZERO)
    });
    let text = text.await.unwrap();
    assert!(text.starts_with("HTTP/1.1 413 ") && text.contains("\"too_large\""), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_slow_with_head_or_body_is_told_so() {
    let stage = Stage::in_memory();
    let settings = Settings { body_timeout: Duration::from_millis(200), ..Settings::default() };
    let serving = Serving { head_timeout: Duration::from_millis(400), ..Serving::default() };
    let site = site(&stage, settings, serving).await;
    let begun = Instant::now();
    let (slow_body, slow_head) = tokio::task::spawn_blocking(move || {
        let head = b"POST /v1/orders/o/ship HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer key-of-operator\r\n\
            Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
        let body = converse(&site, vec![head], Duration::ZERO);
        (body, converse(&site, vec![b"GET /healthz HTTP/1.1\r\nHo"], Duration::ZERO))
    })
    .await
    .unwrap();
    assert!(slow_body.starts_with("HTTP/1.1 408 ") && slow_body.contains("\"timed_out\""), "{slow_body}");
    assert!(slow_head.starts_with("HTTP/1.1 408 ") && slow_head.contains("\"timed_out\""), "{slow_head}");
    // sooner than where nothing is set
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_too_many_is_told_to_come_again() {
    let stage = Stage::in_memory();
    let site = site(&stage, Settings::default(), Serving { connections: 1, ..Serving::default() }).await;
    let held = TcpStream::connect(site.address).unwrap();
    let address = site.address;
    let again = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    let text = again.await.unwrap();
    assert!(text.starts_with("HTTP/1.1 503 ") && text.contains("retry-after: 1"), "{text}");
    assert!(text.contains("\"overloaded\""), "{text}");
    drop(held);
    let mut asked = 0;
    // the place is free again once the server has seen that the first has gone
    while !tokio::task::spawn_blocking(move || answers(address)).await.unwrap() {
        asked += 1;
        assert!(asked < 200, "the slot is given back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_beyond_the_bound_are_turned_away_but_not_who_watches() {
    let stage = Stage::in_memory();
    let site = site(&stage, Settings { max_requests: 1, ..Settings::default() }, Serving::default()).await;
    // a request whose body does not come holds the one place, once it has found it free
    let (held, full) = loop {
        let mut held = TcpStream::connect(site.address).unwrap();
        held.write_all(
            b"POST /v1/orders/o/ship HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer key-of-operator\r\n\
                Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
        )
        .unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let answer = site.get("operator", "/v1/orders/o1").await;
        if answer.status == 503 {
            break (held, answer);
        }
    };
    problem(&full, 503, "overloaded");
    assert_eq!(full.header("retry-after"), "1");
    assert_eq!(site.ask(Ask::new("GET", "/healthz")).await.status, 200);
    assert_eq!(site.ask(Ask::new("GET", "/readyz")).await.status, 200);
    drop(held);
    while site.get("operator", "/v1/orders/o1").await.status == 503 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_names_its_request_by_the_callers_name_where_that_is_sane() {
    let stage = Stage::in_memory();
    let site = Site::of(&stage).await;
    let named = site.ask(Ask::new("GET", "/v1/orders/o").header("X-Request-Id", "shop-17")).await;
    assert_eq!((named.status, named.header("x-request-id")), (401, "shop-17"));
    assert_eq!(named.body["request_id"], "shop-17");
    let odd = site.ask(Ask::new("GET", "/nowhere").header("X-Request-Id", "a b\"c")).await;
    problem(&odd, 404, "not_found");
    assert_eq!(odd.header("x-request-id").len(), 36, "one was made");
    let made = site.ask(Ask::new("GET", "/healthz")).await;
    assert_ne!(made.header("x-request-id"), odd.header("x-request-id"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_compressed_and_browsers_let_in_as_the_settings_say() {
    let stage = Stage::in_memory();
    let settings = Settings { cors: vec!["https://shop.example".to_owned()], ..Settings::default() };
    let site = site(&stage, settings, Serving::default()).await;
    let plain = site.ask(Ask::new("GET", "/v1/openapi.json")).await;
    assert_eq!(plain.header("content-encoding"), "");
    for coding in ["gzip", "br"] {
        let (head, body) = fetch(&site, "/v1/openapi.json", coding);
        assert!(head.contains(&format!("content-encoding: {coding}")), "{head}");
        assert!(body * 3 < plain.text.len(), "{coding}: {body} of {}", plain.text.len());
    }
    let from = |origin: &str| {
        let ask = Ask::new("OPTIONS", "/v1/orders/o1/ship").header("Origin", origin);
        let ask = ask.header("Access-Control-Request-Method", "POST");
        ask.header("Access-Control-Request-Headers", "authorization,idempotency-key")
    };
    let shop = site.ask(from("https://shop.example")).await;
    assert_eq!((shop.status, shop.header("access-control-allow-origin")), (200, "https://shop.example"));
    // browsers do not count Authorization among `*`
    assert_eq!(shop.header("access-control-allow-headers"), "authorization,idempotency-key");
    let other = site.ask(from("https://other.example")).await;
    assert_eq!(other.header("access-control-allow-origin"), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_says_what_is_missing() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let mut site = Site::of(&stage).await;
    let head = stage.market.journal().head().unwrap();
    site.models.wait_at_least(head, Duration::from_secs(30)).unwrap();
    let ready = site.ask(Ask::new("GET", "/readyz")).await;
    assert_eq!((ready.status, &ready.body["ready"]), (200, &json!(true)), "{}", ready.text);
    assert_eq!((&ready.body["waits_for"], &ready.body["lag_positions"]), (&json!([]), &json!(0)));

    site.stop_following();
    stage.merchant("m2", "0.00").await;
    stage.days(1).await;
    let late = site.ask(Ask::new("GET", "/readyz")).await;
    assert_eq!((late.status, &late.body["ready"]), (503, &json!(false)), "{}", late.text);
    assert!(late.body["waits_for"][0].as_str().unwrap().starts_with("the read models, "), "{}", late.text);
    assert!(late.body["lag_seconds"].as_f64().unwrap() > 86_000.0, "{}", late.text);
    assert_eq!(site.ask(Ask::new("GET", "/healthz")).await.status, 200, "late is not dead");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_count_commands_by_outcome_requests_by_route_and_say_how_far_each_model_is() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    stage.pay("c1", "p1", "60.00").await;
    let site = Site::of(&stage).await;
    assert_eq!(site.get("operator", "/metrics").await.status, 403);
    assert_eq!(site.ask(Ask::new("GET", "/metrics")).await.status, 401);
    let ship = json!({"shipment": "s1", "mode": "parcel"});
    for key in ["a", "a", "b"] {
        site.post("merchant-m1", "/v1/orders/o1/ship", key, &ship).await;
    }
    let head = stage.market.journal().head().unwrap();
    site.models.wait_at_least(head, Duration::from_secs(30)).unwrap();
    let mut metrics = site.get("admin", "/metrics").await;
    // connections of requests before count until the service has seen that they are closed
    let asked = Instant::now();
    while !metrics.text.contains("\ndaybook_connections 1.0\n") && asked.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        metrics = site.get("admin", "/metrics").await;
    }
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"), "{metrics:?}");
    let says = |line: &str| assert!(metrics.text.lines().any(|l| l == line), "{line}\n{}", metrics.text);
    says("daybook_commands_total{category=\"order\",action=\"ship\",outcome=\"done\"} 1");
    says("daybook_commands_total{category=\"order\",action=\"ship\",outcome=\"replayed\"} 1");
    says("daybook_commands_total{category=\"order\",action=\"ship\",outcome=\"refused\"} 1");
    says("daybook_requests_total{method=\"GET\",route=\"/metrics\",status=\"403\"} 1");
    says("daybook_request_seconds_count{method=\"POST\",route=\"/v1/orders/{order}/ship\"} 3");
    says(&format!("daybook_journal_head {head}.0"));
    says("daybook_read_model_lag_positions{model=\"orders\"} 0.0");
    says("daybook_read_model_lag_seconds{model=\"orders\"} 0.0");
    says("daybook_journal_queue_events 0.0");
    says("daybook_connections 1.0");
    says("# EOF");
    assert!(
        metrics.text.contains("daybook_refused_commands_total{category=\"order\",code="),
        "{}",
        metrics.text
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_in_a_file_says_how_large_its_batches_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::in_folder(folder.path(), Stage::start());
    stage.merchant("m1", "0.00").await;
    let site = Site::of(&stage).await;
    let metrics = site.get("admin", "/metrics").await;
    let value = |name: &str| -> f64 {
        let line =
            metrics.text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert_eq!(value("daybook_journal_batch_events_sum"), stage.market.journal().head().unwrap() as f64);
    assert!(value("daybook_journal_batch_events_count") >= 1.0);
    assert_eq!(value("daybook_journal_writable"), 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_being_answered_when_it_stops_gets_the_answer() {
    let mut stage = Stage::in_memory();
    let settings = Settings { max_requests: 1, ..Settings::default() };
    let mut site = site(&stage, settings, Serving::default()).await;
    let address = site.address;
    // a read that waits for a position that is to come
    let head = stage.market.journal().head().unwrap();
    site.stop_following();
    stage.merchant("m1", "0.00").await;
    let ask = Ask::new("GET", "/v1/orders/o").header("Authorization", key("admin"));
    let ask = ask.header("Daybook-At-Least", (head + 1).to_string());
    let asked = tokio::task::spawn_blocking(move || {
        let mut client = Client::to(address);
        loop {
            let answer = client.ask(&ask);
            // the one place was taken by who looks whether it is
            if answer.body["code"] != "overloaded" {
                return answer;
            }
        }
    });
    // it is being answered once it holds the one place
    while !asked.is_finished() && site.get("admin", "/v1/orders/o").await.status != 503 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    site.stop().await;
    problem(&asked.await.unwrap(), 503, "read_models_behind");
    assert!(TcpStream::connect(address).is_err(), "it takes no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_commands_are_written_holds_all_that_was_acknowledged_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::in_folder(folder.path(), Stage::start());
    stage.merchant("m1", "0.00").await;
    let site = Site::of(&stage).await;
    let address = site.address;
    let (stop, stopped) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (seen, last) = (Arc::clone(&stop), Arc::new(AtomicU64::new(0)));
    let (acknowledged, ended) = (Arc::clone(&last), Arc::clone(&stopped));
    let writing = std::thread::spawn(move || {
        let mut client = Client::to(address);
        let mut sent = 0;
        while !seen.load(Ordering::Relaxed) {
            sent += 1;
            let lead = json!({"origin": "organic_search", "first_contact": "2026-02-01T00:00:00Z"});
            let ask = Ask::new("POST", &format!("/v1/leads/l{sent}/capture"))
                .header("Authorization", key("operator"))
                .header("Idempotency-Key", format!("k{sent}"))
                .json(&lead);
            let answer = client.ask(&ask);
            assert!(answer.status < 300, "{}", answer.text);
            acknowledged.store(answer.body["position"].as_u64().unwrap(), Ordering::Release);
        }
        ended.store(true, Ordering::Release);
        sent
    });
    let journal = folder.path().join("story.db");
    let begun = stage.market.journal().head().unwrap();
    for round in 0..5 {
        while last.load(Ordering::Acquire) < begun + (round + 1) * 20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let before = last.load(Ordering::Acquire);
        let (from, to) = (journal.clone(), folder.path().join(format!("copy-{round}")));
        let made = tokio::task::spawn_blocking(move || back_up(&from, &to)).await.unwrap().unwrap();
        assert!(made.events.count >= before, "{made:?} holds what was acknowledged up to {before}");
        assert!(!stopped.load(Ordering::Acquire), "commands went on being taken");
    }
    stop.store(true, Ordering::Relaxed);
    assert!(tokio::task::spawn_blocking(move || writing.join().unwrap()).await.unwrap() >= 50);
    let head = stage.market.journal().head().unwrap();
    for round in 0..5 {
        let copy = folder.path().join(format!("copy-{round}"));
        let back = folder.path().join(format!("back-{round}.db"));
        let manifest = restore(&copy, &back).unwrap();
        assert!(manifest.events.count <= head);
        let back = Market::open(&format!("sqlite:{}", back.display()), Options::default()).unwrap();
        assert_eq!(
            events(&**back.journal(), manifest.events.count),
            events(&**stage.market.journal(), manifest.events.count)
        );
    }
}

/// Everything that a journal says of its events up to a position.
fn events(journal: &dyn Journal, upto: u64) -> Vec<String> {
    let mut found = Vec::new();
    let scanned = journal.scan(0, Some(upto), &Filter::default(), &mut |event| {
        found.push(format!("{event:?}"));
        ControlFlow::Continue(())
    });
    scanned.unwrap();
    assert_eq!(found.len() as u64, upto);
    found
}

/// Asks over TLS, trusting this certificate alone.
async fn ask_tls(address: std::net::SocketAddr, trusted: &Path) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream =
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|e| e.to_string())?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.map_err(|e| e.to_string())?;
    Ok(text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_spoken_and_its_certificate_can_be_changed_without_a_stop() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls");
    let folder = tempfile::tempdir().unwrap();
    let (cert, private) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let put = |name: &str| {
        std::fs::copy(fixtures.join(format!("{name}.pem")), &cert).unwrap();
        std::fs::copy(fixtures.join(format!("{name}.key")), &private).unwrap();
    };
    put("first");
    let tls = Tls::open(&cert, &private).unwrap();
    let serving = Serving { tls: Some(tls.clone()), ..Serving::default() };
    let stage = Stage::in_memory();
    let site = site(&stage, Settings::default(), serving).await;
    let (first, second) = (fixtures.join("first.pem"), fixtures.join("second.pem"));
    assert!(ask_tls(site.address, &first).await.unwrap().starts_with("HTTP/1.1 200 "));
    assert!(ask_tls(site.address, &second).await.unwrap_err().contains("certificate"));
    put("second");
    tls.reload().unwrap();
    assert!(ask_tls(site.address, &second).await.unwrap().starts_with("HTTP/1.1 200 "));
    std::fs::write(&cert, "nothing").unwrap();
    assert!(tls.reload().unwrap_err().contains("holds no certificate"));
    assert!(ask_tls(site.address, &second).await.is_ok(), "what was read before stays");
    std::fs::copy(&first, &cert).unwrap();
    assert!(Tls::open(&cert, &private).is_err(), "a certificate with the key of another");
    site.stop().await;
}
