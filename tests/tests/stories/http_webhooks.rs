//! Webhooks over HTTP: signed, tried again, given up, tried once more; and never to where they may not go.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use daybook_api::webhooks::{Options, Webhooks};
use daybook_tests::site::{Answer, Ask, Site, key};
use daybook_tests::stage::Stage;
use serde_json::{Value, json};

/// What a receiver was sent.
#[derive(Clone, Debug)]
struct Got {
    id: String,
    timestamp: i64,
    signature: String,
    body: String,
}

/// A receiver on this machine that answers what it is told to.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
    status: Arc<AtomicU16>,
    /// How often it was connected to.
    connections: Arc<AtomicUsize>,
}

impl Receiver {
    /// Answers `status`; the first `failing` requests with 500.
    fn new(status: u16, failing: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook?x=1", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let status = Arc::new(AtomicU16::new(status));
        let connections = Arc::new(AtomicUsize::new(0));
        let (all, says, count) = (Arc::clone(&got), Arc::clone(&status), Arc::clone(&connections));
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
                let (all, says) = (Arc::clone(&all), Arc::clone(&says));
                std::thread::spawn(move || take(&socket.unwrap(), failing, &all, &says));
            }
        });
        Self { url, got, status, connections }
    }

    /// What it was sent, once it is so many.
    async fn sent(&self, least: usize) -> Vec<Got> {
        let since = Instant::now();
        loop {
            let got = self.got.lock().unwrap().clone();
            if got.len() >= least {
                return got;
            }
            assert!(since.elapsed() < Duration::from_secs(30), "{} of {least} came", got.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Answers request after request of a connection.
fn take(socket: &TcpStream, failing: usize, all: &Mutex<Vec<Got>>, says: &AtomicU16) {
    let mut lines = BufReader::new(socket);
    loop {
        let (mut head, mut line) = (Vec::new(), String::new());
        while lines.read_line(&mut line).unwrap_or(0) > 2 {
            head.push(line.trim_end().to_owned());
            line.clear();
        }
        if head.is_empty() {
            return;
        }
        assert_eq!(head[0], "POST /hook?x=1 HTTP/1.1");
        let value = |name: &str| {
            let of = |line: &String| line.split_once(": ").map(|(n, v)| (n.to_lowercase(), v.to_owned()));
            head.iter().filter_map(of).find(|(n, _)| n == name).unwrap().1
        };
        assert_eq!(value("content-type"), "application/cloudevents+json");
        let mut body = vec![0; value("content-length").parse().unwrap()];
        lines.read_exact(&mut body).unwrap();
        let mut all = all.lock().unwrap();
        all.push(Got {
            id: value("webhook-id"),
            timestamp: value("webhook-timestamp").parse().unwrap(),
            signature: value("webhook-signature"),
            body: String::from_utf8(body).unwrap(),
        });
        let status = if all.len() <= failing { 500 } else { says.load(Ordering::SeqCst) };
        let more = match status {
            302 => "Location: /elsewhere\r\n",
            500.. => "Retry-After: 1\r\n",
            _ => "",
        };
        let mut socket = socket;
        let _ = write!(socket, "HTTP/1.1 {status} X\r\n{more}Content-Length: 4\r\n\r\nbody");
    }
}

/// The receivers of these tests are on this machine, and have little time.
fn quick(attempts: u32) -> Options {
    let pause = Duration::from_millis(10);
    Options {
        allow_http: true,
        allow_private: true,
        attempts,
        pause,
        longest_pause: pause,
        ..Options::default()
    }
}

async fn site(stage: &Stage, file: Option<&Path>, options: Options) -> Site {
    let webhooks = Webhooks::open(file, options).unwrap();
    Site::with(stage, |service| service.with_webhooks(webhooks)).await
}

async fn stage() -> Stage {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.merchant("m2", "0.00").await;
    stage
}

/// A webhook for the orders of `m1`: its id and its secret.
async fn hook(site: &Site, url: &str) -> (String, String) {
    let new = json!({"url": url, "types": ["OrderPlaced"], "filter": {"merchant": "m1"}});
    let made = site.post("admin", "/v1/webhooks", &fresh(), &new).await;
    assert_eq!(made.status, 201, "{}", made.text);
    (made.body["id"].as_str().unwrap().to_owned(), made.body["secret"].as_str().unwrap().to_owned())
}

/// Asks a webhook until it is so.
async fn until(site: &Site, id: &str, so: impl Fn(&Value) -> bool) -> Value {
    let since = Instant::now();
    loop {
        let shown = site.get("admin", &format!("/v1/webhooks/{id}")).await;
        if so(&shown.body) {
            return shown.body;
        }
        assert!(since.elapsed() < Duration::from_secs(30), "{}", shown.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn act(site: &Site, path: &str) -> Answer {
    site.post("admin", &format!("/v1/webhooks/{path}"), &fresh(), &json!({})).await
}

/// An Idempotency-Key that was not used yet.
fn fresh() -> String {
    static USED: AtomicUsize = AtomicUsize::new(0);
    format!("k-{}", USED.fetch_add(1, Ordering::SeqCst))
}

/// What the verifier in the documentation says of a message, so many seconds after it was sent.
fn genuine(secret: &str, got: &Got, body: &str, later: i64) -> bool {
    let document = daybook_api::openapi_document();
    let words = document["paths"]["/v1/webhooks"]["post"]["description"].as_str().unwrap();
    let code = words.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let headers = json!({"webhook-id": got.id, "webhook-timestamp": got.timestamp.to_string(),
        "webhook-signature": got.signature});
    let call = format!(
        "{code}\nimport json, sys\nheaders = json.loads(sys.argv[2])\n\
         print(genuine(sys.argv[1], headers, sys.stdin.buffer.read(), int(sys.argv[3])))\n"
    );
    let now = (got.timestamp + later).to_string();
    let mut python = Command::new("python3")
        .args(["-c", &call, secret, &headers.to_string(), &now])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let said = python.wait_with_output().unwrap();
    match String::from_utf8(said.stdout).unwrap().trim() {
        "True" => true,
        "False" => false,
        other => panic!("the verifier said {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_fails_at_first_gets_every_event_in_order_and_signed() {
    let mut stage = stage().await;
    let site = site(&stage, None, quick(10)).await;
    let receiver = Receiver::new(204, 3);
    let (id, secret) = hook(&site, &receiver.url).await;
    stage.basket("c1", &[("o1", "m1", "60.00"), ("o2", "m2", "40.00")]).await;
    stage.basket("c2", &[("o3", "m1", "70.00")]).await;
    let got = receiver.sent(5).await;
    let shown = until(&site, &id, |hook| hook["delivered"] == 2).await;
    assert_eq!((&shown["attempts"], &shown["dead_letters"]), (&json!(0), &json!(0)));
    let bodies: Vec<Value> = got.iter().map(|got| serde_json::from_str(&got.body).unwrap()).collect();
    let orders: Vec<&str> = bodies.iter().map(|body| body["order"].as_str().unwrap()).collect();
    assert_eq!(orders, ["o1", "o1", "o1", "o1", "o3"], "each until it is taken, then the next; none of m2");
    for (got, body) in got.iter().zip(&bodies) {
        assert_eq!(body["id"], *got.id, "the same id each time");
        assert!(genuine(&secret, got, &got.body, 0));
    }
    let one = &got[0];
    assert!(genuine(&secret, one, &one.body, 299) && genuine(&secret, one, &one.body, -299));
    assert!(!genuine(&secret, one, &one.body, 301), "too old");
    assert!(!genuine(&secret, one, &one.body, -301), "from the future");
    assert!(!genuine(&secret, one, &one.body.replace("60.00", "61.00"), 0), "another body");
    assert!(!genuine(&secret, &Got { id: "other".into(), ..one.clone() }, &one.body, 0), "another id");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_never_taken_becomes_a_dead_letter_that_can_be_replayed() {
    let mut stage = stage().await;
    let site = site(&stage, None, quick(2)).await;
    let receiver = Receiver::new(500, 0);
    let (id, secret) = hook(&site, &receiver.url).await;
    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    until(&site, &id, |hook| hook["dead_letters"] == 1).await;
    let letters = site.get("admin", &format!("/v1/webhooks/{id}/dead-letters")).await;
    let letter = &letters.body["dead_letters"][0];
    assert_eq!((&letter["attempts"], &letter["error"]), (&json!(2), &json!("the receiver answered 500")));
    let replay = format!("{id}/dead-letters/{}/replay", letter["id"]);
    let failed = act(&site, &replay).await;
    assert_eq!(failed.body, json!({"delivered": false, "error": "the receiver answered 500"}));

    receiver.status.store(200, Ordering::SeqCst);
    stage.basket("c2", &[("o3", "m1", "70.00")]).await;
    until(&site, &id, |hook| hook["delivered"] == 1).await;
    assert_eq!(act(&site, &replay).await.body, json!({"delivered": true}));
    let shown = until(&site, &id, |hook| hook["dead_letters"] == 0).await;
    assert_eq!(shown["delivered"], 2);
    assert_eq!(act(&site, &replay).await.status, 404, "it is no dead letter any more");
    let got = receiver.sent(5).await;
    assert_eq!(got[4].id, got[0].id, "the replay bears the id of the event");
    assert!(genuine(&secret, &got[4], &got[4].body, 0));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_delivers_nothing_at_all_is_disabled_and_goes_on_where_it_stood() {
    let mut stage = stage().await;
    let site = site(&stage, None, quick(1)).await;
    let receiver = Receiver::new(500, 0);
    let (id, _) = hook(&site, &receiver.url).await;
    for n in 0..12 {
        stage.basket(&format!("c{n}"), &[(&format!("o{n}"), "m1", "60.00")]).await;
    }
    let shown = until(&site, &id, |hook| hook["disabled"].is_string()).await;
    assert_eq!((&shown["dead_letters"], receiver.sent(10).await.len()), (&json!(10), 10));
    receiver.status.store(200, Ordering::SeqCst);
    assert_eq!(act(&site, &format!("{id}/enable")).await.body["disabled"], Value::Null);
    until(&site, &id, |hook| hook["delivered"] == 2).await;

    receiver.status.store(410, Ordering::SeqCst);
    stage.basket("c12", &[("o12", "m1", "60.00")]).await;
    let shown = until(&site, &id, |hook| hook["disabled"].is_string()).await;
    assert_eq!(shown["disabled"], "the receiver wants no more (410)");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_is_asked_over_one_connection_and_no_sooner_than_it_wants() {
    let mut stage = stage().await;
    let options = Options { longest_pause: Duration::from_secs(5), ..quick(3) };
    let site = site(&stage, None, options).await;
    let receiver = Receiver::new(200, 1);
    let (id, _) = hook(&site, &receiver.url).await;
    let begun = Instant::now();
    for n in 0..5 {
        stage.basket(&format!("c{n}"), &[(&format!("o{n}"), "m1", "60.00")]).await;
    }
    until(&site, &id, |hook| hook["delivered"] == 5).await;
    assert!(begun.elapsed() >= Duration::from_secs(1), "it was refused once, for a second");
    assert_eq!(receiver.sent(6).await.len(), 6);
    // one for each that was sent would be six; one that lay too long between two is made anew
    let connections = receiver.connections.load(Ordering::SeqCst);
    assert!(connections <= 2, "{connections}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_for_all_types_is_not_sent_traffic() {
    let mut stage = stage().await;
    let site = site(&stage, None, quick(3)).await;
    let receiver = Receiver::new(200, 0);
    let after = json!({"url": receiver.url, "types": [], "filter": {}});
    let made = site.post("admin", "/v1/webhooks", &fresh(), &after).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let hit = json!({"hits": [{"visitor": "v1", "page": "/p", "merchant": "m1"}]});
    let collected = Ask::new("POST", "/v1/collect").header("Authorization", key("collector")).json(&hit);
    assert_eq!(site.ask(collected).await.body["recorded"], 1);
    stage.merchant("m3", "0.00").await;
    let got = receiver.sent(1).await;
    assert!(got[0].body.contains("\"m3\""), "{}", got[0].body);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_is_asked_for_twice_is_made_once() {
    let stage = stage().await;
    let site = site(&stage, None, Options::default()).await;
    let new = json!({"url": "https://receiver.example/"});
    let first = site.post("admin", "/v1/webhooks", "k", &new).await;
    let again = site.post("admin", "/v1/webhooks", "k", &new).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), ("", "true"));
    let other = site.post("admin", "/v1/webhooks", "k", &json!({"url": "https://other.example/"})).await;
    assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_key_reused")));
    let rotate = format!("/v1/webhooks/{}/rotate-secret", first.body["id"].as_str().unwrap());
    let rotated = site.post("admin", &rotate, "k", &json!({})).await;
    assert_ne!(rotated.body["secret"], first.body["secret"]);
    assert_eq!(site.post("admin", &rotate, "k", &json!({})).await.text, rotated.text);
    let none =
        site.ask(Ask::new("POST", "/v1/webhooks").header("Authorization", key("admin")).json(&new)).await;
    assert_eq!((none.status, &none.body["code"]), (400, &json!("idempotency_key_missing")));
    assert_eq!(site.get("admin", "/v1/webhooks").await.body["webhooks"].as_array().unwrap().len(), 1);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_goes_on_from_the_cursor() {
    let mut stage = stage().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("webhooks.db");
    let receiver = Receiver::new(200, 0);
    let first = site(&stage, Some(&file), quick(3)).await;
    let (id, _) = hook(&first, &receiver.url).await;
    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    until(&first, &id, |hook| hook["delivered"] == 1).await;
    first.stop().await;
    stage.basket("c2", &[("o2", "m1", "60.00")]).await;
    let second = site(&stage, Some(&file), quick(3)).await;
    until(&second, &id, |hook| hook["delivered"] == 2).await;
    let got = receiver.sent(2).await;
    assert_eq!(got.len(), 2);
    assert!(got[0].body.contains("\"o1\"") && got[1].body.contains("\"o2\""));
    second.stop().await;
}

/// The journal is another behind the cursor: nothing is passed over in silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_journal_that_was_put_back_a_webhook_is_disabled_until_somebody_says_where_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hooks.db");
    let receiver = Receiver::new(200, 0);
    let mut before = stage().await;
    let first = site(&before, Some(&file), quick(3)).await;
    let (id, _) = hook(&first, &receiver.url).await;
    before.basket("c1", &[("o1", "m1", "60.00")]).await;
    receiver.sent(1).await;
    let head = before.market.journal().head().unwrap();
    until(&first, &id, |hook| hook["position"] == head).await;
    first.stop().await;
    // the same beginning, then other events, and more of them
    let mut back = stage().await;
    let earlier = back.market.journal().head().unwrap();
    for n in 2..6 {
        back.basket(&format!("c{n}"), &[(&format!("o{n}"), "m1", "60.00")]).await;
    }
    assert!(back.market.journal().head().unwrap() > head);
    let second = site(&back, Some(&file), quick(3)).await;
    let shown = until(&second, &id, |hook| hook["disabled"].is_string()).await;
    assert!(shown["disabled"].as_str().unwrap().contains("not the one"), "{shown}");
    assert_eq!(act(&second, &format!("{id}/enable?after=999999")).await.status, 400);
    let again = act(&second, &format!("{id}/enable")).await;
    assert_eq!(again.status, 200);
    until(&second, &id, |hook| hook["disabled"].is_string()).await;
    let enabled = act(&second, &format!("{id}/enable?after={earlier}")).await;
    assert_eq!(enabled.status, 200, "{}", enabled.text);
    let got = receiver.sent(5).await;
    let orders: Vec<_> = got
        .iter()
        .map(|got| serde_json::from_str::<Value>(&got.body).unwrap()["order"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(orders, ["o1", "o2", "o3", "o4", "o5"]);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn during_a_rotation_both_secrets_hold() {
    let stage = stage().await;
    let site = site(&stage, None, quick(3)).await;
    let receiver = Receiver::new(200, 0);
    let (id, old) = hook(&site, &receiver.url).await;
    let rotated = act(&site, &format!("{id}/rotate-secret")).await;
    let new = rotated.body["secret"].as_str().unwrap().to_owned();
    assert_ne!(old, new);
    assert_eq!(act(&site, &format!("{id}/ping")).await.body, json!({"delivered": true}));
    let got = receiver.sent(1).await;
    assert!(got[0].body.contains("daybook.Ping"));
    assert!(genuine(&old, &got[0], &got[0].body, 0) && genuine(&new, &got[0], &got[0].body, 0));
    let last = act(&site, &format!("{id}/rotate-secret?overlap_hours=0")).await;
    let last = last.body["secret"].as_str().unwrap().to_owned();
    act(&site, &format!("{id}/ping")).await;
    let got = receiver.sent(2).await;
    assert!(genuine(&last, &got[1], &got[1].body, 0));
    assert!(!genuine(&new, &got[1], &got[1].body, 0) && !genuine(&old, &got[1], &got[1].body, 0));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_addresses_plain_http_and_redirects_are_refused() {
    let stage = stage().await;
    let receiver = Receiver::new(200, 0);
    let strict = site(&stage, None, Options::default()).await;
    let refused = strict.post("admin", "/v1/webhooks", "k", &json!({"url": receiver.url})).await;
    assert_eq!((refused.status, &refused.body["pointer"]), (400, &json!("/url")), "{}", refused.text);
    let port = receiver.url.rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    for host in
        ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0x7f.1", "169.254.169.254", "10.0.0.1"]
    {
        let (id, _) = hook(&strict, &format!("https://{host}:{port}/hook?x=1")).await;
        let pinged = act(&strict, &format!("{id}/ping")).await;
        assert_eq!(pinged.body["delivered"], false, "{host}");
        let error = pinged.body["error"].as_str().unwrap();
        // a name that no resolver knows is not reached either
        assert!(error.contains("not a public address") || error.contains("resolved"), "{host}: {error}");
    }
    assert_eq!(receiver.sent(0).await.len(), 0, "nobody has called");
    strict.stop().await;

    let open = site(&stage, None, quick(3)).await;
    receiver.status.store(302, Ordering::SeqCst);
    let (id, _) = hook(&open, &receiver.url).await;
    let pinged = act(&open, &format!("{id}/ping")).await;
    assert_eq!(pinged.body["error"], "302: redirects are not followed");
    assert_eq!(receiver.sent(1).await.len(), 1);
    open.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_are_for_admins_and_say_what_is_wrong_with_a_question() {
    let stage = stage().await;
    let site = site(&stage, None, Options::default()).await;
    let good = "https://receiver.example/";
    for who in ["finance", "analyst", "operator", "storefront", "merchant-m1"] {
        assert_eq!(site.post(who, "/v1/webhooks", "k", &json!({"url": good})).await.status, 403);
        assert_eq!(site.get(who, "/v1/webhooks").await.status, 403);
    }
    let table = [
        (json!({}), "url"),
        (json!({"url": "receiver.example"}), "https://"),
        (json!({"url": "https://u:p@receiver.example/"}), "password"),
        (json!({"url": good, "types": ["Shipped"]}), "Shipped"),
        (json!({"url": good, "filter": {"colour": "red"}}), "colour"),
        (json!({"url": good, "filter": {"order": "o o"}}), "order"),
        (json!({"url": good, "after": 999_999}), "after"),
        (json!({"url": good, "after": null}), "after"),
        (json!({"url": good, "colour": "red"}), "colour"),
    ];
    for (body, names) in table {
        let answer = site.post("admin", "/v1/webhooks", "k", &body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        assert!(answer.body["detail"].as_str().unwrap().contains(names), "{body}: {}", answer.text);
    }
    assert_eq!(site.get("admin", "/v1/webhooks").await.body, json!({"webhooks": []}));
    for path in ["x/ping", "x/enable", "x/disable", "x/rotate-secret", "x/dead-letters/1/replay"] {
        assert_eq!(act(&site, path).await.status, 404, "{path}");
    }
    assert_eq!(site.get("admin", "/v1/webhooks/x/dead-letters").await.status, 404);
    let (id, _) = hook(&site, good).await;
    for letter in ["7", "-1", "x", "99999999999999999999"] {
        assert_eq!(act(&site, &format!("{id}/dead-letters/{letter}/replay")).await.status, 404);
    }
    let listed = site.get("admin", "/v1/webhooks").await;
    assert!(!listed.text.contains("whsec_"), "secrets are shown once");
    site.stop().await;
}
