//! Clients that send what no client should: told by a problem what is wrong, and nothing is changed.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use daybook_api::access::{NewKey, Role};
use daybook_api::{Serving, Settings};
use daybook_domain::{PartyId, Timestamp};
use daybook_tests::site::{Site, key};
use daybook_tests::stage::Stage;
use serde_json::{Value, json};

/// What was answered to bytes.
#[derive(Debug)]
struct Heard {
    status: u16,
    head: String,
    text: String,
}

impl Heard {
    fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

/// Says it all and hears until the other side closes.
fn say(address: SocketAddr, bytes: &[u8]) -> Heard {
    say_and(address, bytes, |_| {})
}

/// Says it all, then that it says no more, and hears until the other side closes.
fn break_off(address: SocketAddr, bytes: &[u8]) -> Heard {
    say_and(address, bytes, |stream| drop(stream.shutdown(Shutdown::Write)))
}

fn say_and(address: SocketAddr, bytes: &[u8], end: impl FnOnce(&TcpStream)) -> Heard {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _ = stream.write_all(bytes); // it may have heard enough
    end(&stream);
    hear(stream)
}

fn hear(mut stream: TcpStream) -> Heard {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes); // a reset after the answer is no matter
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Heard { status, head: head.to_lowercase(), text: body.to_owned() }
}

/// A request of an operator, with these headers beside the usual ones.
fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n");
    for (name, value) in [
        ("Authorization", key("operator")),
        ("Idempotency-Key", "k".to_owned()),
        ("Content-Type", "application/json".to_owned()),
        ("Content-Length", body.len().to_string()),
    ] {
        if !headers.to_lowercase().contains(&name.to_lowercase()) {
            text += &format!("{name}: {value}\r\n");
        }
    }
    let mut bytes = format!("{text}{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn ship(body: &str) -> Vec<u8> {
    request("POST", "/v1/orders/o1/ship", "", body.as_bytes())
}

/// What is not as it should be in an answer that should be a problem.
fn amiss(heard: &Heard, status: u16, code: &str, names: &str) -> bool {
    let body = heard.body();
    (heard.status, body["code"].as_str()) != (status, Some(code))
        || !heard.head.contains("content-type: application/problem+json")
        || !body["detail"].as_str().is_some_and(|detail| detail.contains(names))
}

fn problem(heard: &Heard, status: u16, code: &str, names: &str, said: &str) {
    assert!(
        !amiss(heard, status, code, names),
        "{said}: {heard:?} is not {status} {code} that names {names:?}"
    );
}

async fn market() -> (Stage, Site) {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    stage.pay("c1", "p1", "60.00").await;
    let site = Site::of(&stage).await;
    (stage, site)
}

/// Says each of these and holds the answers to what they should be; the journal ends where it did, and a good
/// command is still taken.
async fn each(cases: Vec<(&'static str, Vec<u8>, u16, &'static str, &'static str)>) {
    let (stage, site) = market().await;
    let head = stage.market.journal().head().unwrap();
    let address = site.address;
    let amiss = tokio::task::spawn_blocking(move || {
        let answered = cases.into_iter().map(|(said, bytes, status, code, names)| {
            let heard = say(address, &bytes);
            amiss(&heard, status, code, names)
                .then(|| format!("{said}: not {status} {code} {names:?}: {heard:?}"))
        });
        answered.flatten().collect::<Vec<_>>()
    });
    let amiss = amiss.await.unwrap();
    assert!(amiss.is_empty(), "{}", amiss.join("\n"));
    assert_eq!(stage.market.journal().head().unwrap(), head, "nothing was changed");
    let good = site
        .post("operator", "/v1/orders/o1/ship", "good", &json!({"shipment": "s1", "mode": "parcel"}))
        .await;
    assert_eq!(good.status, 200, "{}", good.text);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_command_are_refused_by_name() {
    let deep = |open: &str, close: &str| {
        ship(&format!("{{\"x\": {}{}}}", open.repeat(10_000), close.repeat(10_000)))
    };
    let field = |text: &str| ship(&format!("{{\"mode\": \"parcel\", {text}}}"));
    let invalid = request("POST", "/v1/orders/o1/ship", "", b"{\"shipment\": \"\xff\xfe\"}");
    let bad = "bad_request";
    each(vec![
        ("10,000 lists", deep("[", "]"), 400, bad, "recursion limit"),
        ("10,000 objects", deep("{\"a\":", "}"), 400, bad, "recursion limit"),
        ("no end", ship(&"[".repeat(10_000)), 400, bad, "JSON object"),
        ("nothing", ship(""), 400, bad, "JSON object"),
        ("a list", ship("[]"), 400, bad, "JSON object"),
        ("text", ship("\"ship\""), 400, bad, "JSON object"),
        ("two objects", ship("{}{}"), 400, bad, "trailing"),
        ("no number", field("\"shipment\": NaN"), 400, bad, "JSON object"),
        ("a number beyond all", field("\"shipment\": 1e999"), 400, bad, "number out of range"),
        ("no UTF-8", invalid, 400, bad, "JSON object"),
        ("half a surrogate", field("\"shipment\": \"\\ud800\""), 400, bad, "JSON object"),
        ("a byte order mark", ship("\u{feff}{}"), 400, bad, "JSON object"),
        ("a wrong type", field("\"shipment\": 5"), 400, bad, "shipment: invalid type: integer `5`"),
        ("nothing in place of text", field("\"shipment\": null"), 400, bad, "shipment: "),
        ("a missing field", ship("{\"mode\": \"parcel\"}"), 400, bad, "shipment"),
        ("an unknown field", field("\"shipment\": \"s\", \"shimpent\": 1"), 400, bad, "shimpent"),
        ("an unknown mode", ship("{\"shipment\": \"s\", \"mode\": \"teleport\"}"), 400, bad, "teleport"),
        ("the action", field("\"shipment\": \"s\", \"action\": \"cancel\""), 400, bad, "action"),
        ("an odd id", field("\"shipment\": \"a b\""), 400, bad, "visible ASCII"),
        ("an id with NUL", field("\"shipment\": \"a\\u0000\""), 400, bad, "visible ASCII"),
        ("a long id", field(&format!("\"shipment\": \"{}\"", "s".repeat(100))), 400, bad, "64"),
        ("an endless id", field(&format!("\"shipment\": \"{}\"", "s".repeat(10_000))), 400, bad, "2000"),
        (
            "no time",
            field("\"shipment\": \"s\", \"occurred_at\": \"2026-13-01T00:00:00Z\""),
            400,
            bad,
            "occurred_at",
        ),
        (
            "a time as a number",
            field("\"shipment\": \"s\", \"occurred_at\": 1767225600"),
            400,
            bad,
            "occurred_at",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amounts_that_are_no_money_are_refused_by_name() {
    let pay = |amount: &str, currency: &str| {
        let body = format!(
            "{{\"payment\": \"p9\", \"method\": \"card\", \"provider\": \"card\", \"provider_ref\": \"r\", \
             \"amount\": {{\"amount\": {amount}, \"currency\": {currency}}}}}"
        );
        request("POST", "/v1/checkouts/c1/capture", "", body.as_bytes())
    };
    let digits = format!("\"{}\"", "9".repeat(1_000));
    let bad = "bad_request";
    let mut cases = Vec::new();
    for amount in
        ["60.0", "60", "\"1e3\"", "\"1.234\"", "\"0x10\"", "\" 1.00\"", "\"\"", "\"-\"", "\"NaN\"", &digits]
    {
        cases.push(("an amount", pay(amount, "\"CNY\""), 400, bad, "amount"));
    }
    for currency in ["\"XXQ\"", "\"cny\"", "\"\"", "7", "\"CN\\u0000Y\""] {
        cases.push(("a currency", pay("\"1.00\"", currency), 400, bad, "amount/currency: "));
    }
    each(cases).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_and_headers_with_odd_characters_are_refused_by_name() {
    let at = |id: &str| {
        request("POST", &format!("/v1/orders/{id}/ship"), "", b"{\"shipment\":\"s\",\"mode\":\"parcel\"}")
    };
    let read = |path: &str| request("GET", path, &format!("Authorization: {}\r\n", key("admin")), b"");
    let with = |header: &str| {
        request("POST", "/v1/orders/o1/ship", header, b"{\"shipment\":\"s\",\"mode\":\"parcel\"}")
    };
    let bad = "bad_request";
    let long = "x".repeat(10_000);
    each(vec![
        ("a NUL", at("a%00b"), 400, bad, "visible ASCII"),
        ("a space", at("a%20b"), 400, bad, "visible ASCII"),
        ("a line break", at("a%0d%0ab"), 400, bad, "visible ASCII"),
        ("a letter beyond ASCII", at("caf%C3%A9"), 400, bad, "visible ASCII"),
        ("an emoji", at("%F0%9F%92%A3"), 400, bad, "visible ASCII"),
        ("no UTF-8", at("%ff%fe"), 400, bad, "UTF-8"),
        ("10 kB", at(&long), 400, bad, "64"),
        ("10 kB of escapes", at(&"%41".repeat(3_400)), 400, bad, "64"),
        ("up and away", at("..%2f..%2fetc"), 422, "refused", ""),
        ("a slash", at("a%2Fb"), 422, "refused", ""),
        ("a percent sign", at("a%25b"), 422, "refused", ""),
        ("half an escape", at("a%2"), 422, "refused", ""),
        ("a read of a NUL", read("/v1/orders/a%00b"), 400, bad, "visible ASCII"),
        ("a read of no UTF-8", read("/v1/orders/%ff"), 400, bad, "UTF-8"),
        ("a read of 10 kB", read(&format!("/v1/orders/{long}")), 400, bad, "64"),
        ("a read of an unknown slash", read("/v1/orders/a%2Fb"), 404, "not_found", "a/b"),
        ("a merchant of a NUL", read("/v1/merchants/a%00b/balances"), 400, bad, "visible ASCII"),
        ("a question of no UTF-8", read("/v1/disputes?merchant=%ff"), 400, bad, ""),
        ("a question that is not asked here", read("/v1/disputes?merchnat=m1"), 400, bad, "merchnat"),
        ("too many", read("/v1/deposits?limit=1000000000000"), 400, bad, "limit"),
        ("fewer than none", read("/v1/deposits?limit=-1"), 400, bad, "limit"),
        ("somebody's cursor", read("/v1/deposits?cursor=AAAA%00"), 400, bad, "cursor"),
        ("a position that is none", read("/v1/events?after=-1"), 400, bad, "after"),
        ("a wait for nothing", with_at_least("-1"), 400, bad, "Daybook-At-Least"),
        ("no key", with("Idempotency-Key: \r\n"), 400, "idempotency_key_missing", "Idempotency-Key"),
        (
            "a key of 10 kB",
            with(&format!("Idempotency-Key: {long}\r\n")),
            400,
            "idempotency_key_missing",
            "Idempotency-Key",
        ),
        ("a version that is none", with("If-Match: W/\"x\"\r\n"), 400, bad, "If-Match"),
        (
            "another kind of body",
            with("Content-Type: text/xml\r\n"),
            415,
            "unsupported_media_type",
            "text/xml",
        ),
        ("no bearer", with("Authorization: Basic a2V5\r\n"), 401, "unauthenticated", "Bearer"),
        (
            "a bearer of 30 kB",
            with(&format!("Authorization: Bearer {}\r\n", "k".repeat(30_000))),
            401,
            "unauthenticated",
            "",
        ),
        (
            "a bearer with odd bytes",
            with("Authorization: Bearer caf\u{e9}\r\n"),
            401,
            "unauthenticated",
            "Bearer",
        ),
        ("an odd method", request("BREW", "/v1/orders/o1/ship", "", b""), 405, "method_not_allowed", "BREW"),
        ("no such page", request("GET", "/v1/../../etc/passwd", "", b""), 404, "not_found", ""),
    ])
    .await;
}

fn with_at_least(position: &str) -> Vec<u8> {
    request("GET", "/v1/orders/o1", &format!("Daybook-At-Least: {position}\r\n"), b"")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_do_not_come_as_announced_are_refused_by_name() {
    let with = |header: &str, body: &[u8]| request("POST", "/v1/orders/o1/ship", header, body);
    let bad = "bad_request";
    let huge = "Content-Length: 9000000000000000000\r\n";
    each(vec![
        ("huge", with(huge, b"{"), 413, "too_large", "bytes"),
        (
            "huge, after asking",
            with(&format!("Expect: 100-continue\r\n{huge}"), b""),
            413,
            "too_large",
            "bytes",
        ),
        (
            "no chunks",
            with("Transfer-Encoding: chunked\r\nX-Content-Length: \r\n", b"zz\r\n{}\r\n0\r\n\r\n"),
            400,
            bad,
            "breaks off",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_breaks_off_is_refused_by_name() {
    let (stage, site) = market().await;
    let head = stage.market.journal().head().unwrap();
    let address = site.address;
    tokio::task::spawn_blocking(move || {
        for (header, body) in [
            ("Content-Length: 100\r\n", "{\"shipment\": \"s\", \"mode\": \"parcel\"}"),
            ("Transfer-Encoding: chunked\r\nX-Content-Length: \r\n", "5\r\n{\"shi"),
        ] {
            let heard = break_off(address, &request("POST", "/v1/orders/o1/ship", header, body.as_bytes()));
            problem(&heard, 400, "bad_request", "breaks off", header);
        }
    })
    .await
    .unwrap();
    assert_eq!(stage.market.journal().head().unwrap(), head);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_no_longer_in_force_are_refused_by_name() {
    let (stage, site) = market().await;
    let head = stage.market.journal().head().unwrap();
    let by = PartyId::new("test").unwrap();
    let new = |expires_at| NewKey { role: Role::Operator, merchant: None, name: String::new(), expires_at };
    let (revoked, gone) = site.access.create(new(None), by).unwrap();
    site.access.revoke(&revoked.id, by).unwrap();
    let now = Timestamp::parse(&site.access.key(&revoked.id).unwrap().created_at.to_string()).unwrap();
    let (_, late) = site.access.create(new(Some(now.plus(1_000_000))), by).unwrap();
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    let address = site.address;
    tokio::task::spawn_blocking(move || {
        for (text, names) in
            [(gone, "was revoked"), (late, "has expired"), ("dbk_0_0".to_owned(), "not known")]
        {
            let header = format!("Authorization: Bearer {text}\r\n");
            let body = b"{\"shipment\": \"s\", \"mode\": \"parcel\"}";
            let heard = say(address, &request("POST", "/v1/orders/o1/ship", &header, body));
            problem(&heard, 401, "unauthenticated", names, names);
            assert!(!heard.text.contains(&text), "a key is not shown again");
        }
    })
    .await
    .unwrap();
    assert_eq!(stage.market.journal().head().unwrap(), head);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_http_is_closed_with_a_status_and_harms_nobody() {
    let (stage, site) = market().await;
    let head = stage.market.journal().head().unwrap();
    let address = site.address;
    tokio::task::spawn_blocking(move || {
        let long = format!("GET /{} HTTP/1.1\r\nHost: t\r\n\r\n", "x".repeat(70_000));
        let wide = format!("GET / HTTP/1.1\r\nHost: t\r\n{}\r\n", "A: b\r\n".repeat(200));
        let fat = format!("GET / HTTP/1.1\r\nHost: t\r\nA: {}\r\n\r\n", "b".repeat(300_000));
        let smuggled = "POST /v1/orders/o1/ship HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}{}{}";
        let negative = "POST /v1/orders/o1/ship HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n{}";
        for (bytes, statuses) in [
            (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &[400, 0][..]),
            (b"\x00\x00\x00\x00\r\n\r\n", &[400]),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[400, 505, 0]),
            (b"GET / HTTP/9.9\r\n\r\n", &[400, 505]),
            (smuggled.as_bytes(), &[400]),
            (negative.as_bytes(), &[400]),
            (long.as_bytes(), &[414, 431]),
            (wide.as_bytes(), &[431, 400]),
            (fat.as_bytes(), &[431, 400]),
        ] {
            let heard = break_off(address, bytes);
            let begins = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]);
            assert!(statuses.contains(&heard.status), "{begins}: {heard:?}");
        }
    })
    .await
    .unwrap();
    assert_eq!(stage.market.journal().head().unwrap(), head);
    assert_eq!(site.get("operator", "/v1/orders/o1").await.status, 200);
    site.stop().await;
}

/// Says these bytes, then one more every now and then, until it is answered or cut off; how long that took.
fn drip(address: SocketAddr, first: &[u8]) -> (Heard, Duration) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(first).unwrap();
    let hearing = stream.try_clone().unwrap();
    hearing.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
    let mut seen = [0];
    while begun.elapsed() < Duration::from_secs(10) && hearing.peek(&mut seen).is_err() {
        if stream.write_all(b" ").is_err() {
            break;
        }
    }
    // the time set above is the socket's, and an answer may come in parts
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    (hear(stream), begun.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_byte_by_byte_has_no_more_time_than_who_sends_nothing_and_holds_up_nobody() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let serving = Serving { head_timeout: Duration::from_millis(500), ..Serving::default() };
    let settings = Settings { body_timeout: Duration::from_millis(500), ..Settings::default() };
    let site = Site::serving(&stage, serving, |service| service.with(settings)).await;
    let head = stage.market.journal().head().unwrap();
    let address = site.address;
    let crowd = tokio::task::spawn_blocking(move || {
        let crowd: Vec<TcpStream> = (0..200)
            .map(|_| {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.write_all(b"POST /v1/orders/o1/ship HTTP/1.1\r\nHo").unwrap();
                stream
            })
            .collect();
        let (slow_head, took_head) = drip(address, b"GET /v1/orders/o1 HTTP/1.1\r\nHost: t\r\nX:");
        let body = request("POST", "/v1/orders/o1/ship", "Content-Length: 5000\r\n", b"{");
        let (slow_body, took_body) = drip(address, &body);
        for (heard, took, said) in [(slow_head, took_head, "head"), (slow_body, took_body, "body")] {
            problem(&heard, 408, "timed_out", said, said);
            // less than it would drip, and than a body may take that is told nothing
            assert!(took < Duration::from_secs(8), "{said}: {took:?}");
        }
        crowd.into_iter().map(hear).collect::<Vec<_>>()
    });
    let asked = Instant::now();
    assert_eq!(site.get("operator", "/v1/orders/none").await.status, 404, "others are answered meanwhile");
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    for heard in crowd.await.unwrap() {
        problem(&heard, 408, "timed_out", "head", "one of a crowd");
    }
    assert_eq!(stage.market.journal().head().unwrap(), head);
    site.stop().await;
}
