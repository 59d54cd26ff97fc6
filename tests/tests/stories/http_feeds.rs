//! The feed of events over HTTP: pages, server-sent events, and who sees what.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_api::access::{NewKey, Role};
use daybook_domain::{PartyId, Refs};
use daybook_journal::Filter;
use daybook_market::Market;
use daybook_tests::site::{Answer, Ask, Site, key};
use daybook_tests::stage::Stage;
use serde_json::{Value, json};

/// An event of a stream: its id and its data, where it has any.
type Told = (u64, Option<Value>);

/// A stream of server-sent events, read line by line.
struct Listening {
    lines: BufReader<TcpStream>,
    status: u16,
}

impl Listening {
    fn to(address: SocketAddr, who: &str, path: &str, last: Option<u64>) -> Self {
        Self::with(address, &key(who), path, last)
    }

    fn with(address: SocketAddr, bearer: &str, path: &str, last: Option<u64>) -> Self {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let last = last.map_or(String::new(), |last| format!("Last-Event-ID: {last}\r\n"));
        // 1.0: the body ends with the connection, and comes without chunks
        write!(
            socket,
            "GET {path} HTTP/1.0\r\nHost: test\r\nAccept: text/event-stream\r\nAuthorization: {bearer}\r\n{last}\r\n"
        )
        .unwrap();
        let mut lines = BufReader::new(socket);
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        while line.trim() != "" {
            line.clear();
            lines.read_line(&mut line).unwrap();
        }
        Self { lines, status }
    }

    /// The next event; `None`: the stream has ended.
    fn next(&mut self) -> Option<Told> {
        let (mut id, mut data) = (None, None);
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(':') {
                Some(("id", value)) => id = Some(value.trim().parse().unwrap()),
                Some(("data", value)) => data = Some(serde_json::from_str(value).unwrap()),
                Some(_) => {}
                None if id.is_some() => return Some((id.unwrap(), data)),
                None => {}
            }
        }
    }

    /// The next event with data.
    fn event(&mut self) -> Option<(u64, Value)> {
        loop {
            if let (id, Some(data)) = self.next()? {
                return Some((id, data));
            }
        }
    }
}

/// Every event of a feed, page by page.
async fn all(site: &Site, who: &str, query: &str, limit: usize) -> Vec<Value> {
    let (mut after, mut events) = (0, Vec::new());
    loop {
        let page = site.get(who, &format!("/v1/events?after={after}&limit={limit}{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let found = page.body["events"].as_array().unwrap();
        assert!(found.len() <= limit);
        events.extend(found.iter().cloned());
        assert_eq!(page.header("daybook-next"), page.body["next"].to_string());
        after = page.body["next"].as_u64().unwrap();
        if after >= page.body["head"].as_u64().unwrap() {
            return events;
        }
    }
}

fn positions(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["position"].as_str().unwrap().parse().unwrap()).collect()
}

/// The positions whose references are so, as the journal has them.
fn of_journal(market: &Market, so: impl Fn(&Refs) -> bool) -> Vec<u64> {
    let mut found = Vec::new();
    let mut visit = |event: daybook_journal::Recorded<'_>| {
        if so(&Refs::parse(event.refs).unwrap()) {
            found.push(event.position);
        }
        ControlFlow::Continue(())
    };
    market.journal().scan(0, None, &Filter::default(), &mut visit).unwrap();
    found
}

/// Two merchants, and a basket with an order at each.
async fn two_merchants() -> Stage {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.merchant("m2", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00"), ("o2", "m2", "40.00")]).await;
    stage.pay("c1", "p1", "100.00").await;
    stage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_any_size_hold_the_whole_journal_once_as_cloud_events() {
    let stage = two_merchants().await;
    let site = Site::of(&stage).await;
    let whole = of_journal(&stage.market, |_| true);
    for limit in [1, 7, 1_000] {
        assert_eq!(positions(&all(&site, "finance", "", limit).await), whole);
    }
    let events = all(&site, "finance", "&type=EscrowFunded,daybook.OrderPlaced&order=o1", 100).await;
    let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["daybook.OrderPlaced", "daybook.EscrowFunded"]);
    let one_by_one = "&type=EscrowFunded&type=daybook.OrderPlaced&order=o1";
    assert_eq!(all(&site, "finance", one_by_one, 100).await, events);
    let placed = &events[0];
    let folder = tempfile::tempdir().unwrap();
    let mut other = Stage::in_folder(folder.path(), Stage::start().plus(1));
    other.merchant("m1", "0.00").await;
    let elsewhere = Site::of(&other).await;
    let opened = all(&elsewhere, "finance", "", 100).await;
    elsewhere.stop().await;
    assert!(events.iter().all(|event| event["source"] == placed["source"]));
    assert_ne!(
        opened[0]["source"], placed["source"],
        "ids may be the same in two journals, not with the source"
    );
    assert_eq!((&placed["specversion"], &placed["subject"]), (&json!("1.0"), &json!("order-o1")));
    assert_eq!(placed["dataschema"], "urn:daybook:event:OrderPlaced:v1");
    assert_eq!((&placed["merchant"], &placed["order"]), (&json!("m1"), &json!("o1")));
    assert_eq!(placed["data"]["checkout"], "c1");
    for name in placed.as_object().unwrap().keys() {
        assert!(name.bytes().all(|b| b.is_ascii_lowercase()), "{name} is no name of CloudEvents");
    }
    let ask = Ask::new("GET", "/v1/events?limit=2").header("Authorization", key("admin"));
    let batch = site.ask(ask.header("Accept", "application/cloudevents-batch+json")).await;
    assert_eq!(batch.header("content-type"), "application/cloudevents-batch+json");
    assert_eq!(batch.body.as_array().unwrap().len(), 2);
    assert_eq!(batch.header("daybook-next"), "2");
    for (accept, kind) in [
        ("application/json;q=0.1, Application/CloudEvents-Batch+JSON", "application/cloudevents-batch+json"),
        ("text/html, */*;q=0.1", "application/json"),
    ] {
        let ask = Ask::new("GET", "/v1/events?limit=2").header("Authorization", key("admin"));
        assert_eq!(site.ask(ask.header("Accept", accept)).await.header("content-type"), kind, "{accept}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_finds_nothing_still_says_where_to_go_on() {
    let stage = two_merchants().await;
    let site = Site::of(&stage).await;
    let head = stage.market.journal().head().unwrap();
    let page = site.get("finance", "/v1/events?type=ReviewPosted").await;
    assert_eq!(page.body, json!({"events": [], "next": head, "head": head}));
    let page = site.get("finance", "/v1/events?after=head").await;
    assert_eq!(page.body, json!({"events": [], "next": head, "head": head}));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchants_feed_holds_its_own_events_and_no_other() {
    let stage = two_merchants().await;
    let site = Site::of(&stage).await;
    for own in ["m1", "m2"] {
        let who = format!("merchant-{own}");
        let ours = |refs: &Refs| refs.merchant.is_some_and(|m| m.as_str() == own);
        let wanted = of_journal(&stage.market, ours);
        assert!(!wanted.is_empty());
        let events = all(&site, &who, "", 10).await;
        assert_eq!(positions(&events), wanted);
        let other = if own == "m1" { "\"m2\"" } else { "\"m1\"" };
        assert!(events.iter().all(|event| event["merchant"] == own && !event.to_string().contains(other)));
        let (address, name) = (site.address, who.clone());
        let streamed = tokio::task::spawn_blocking(move || {
            let mut stream = Listening::to(address, &name, "/v1/events", None);
            wanted.iter().map(|_| stream.event().unwrap().0).collect::<Vec<_>>()
        });
        assert_eq!(streamed.await.unwrap(), positions(&events));
    }
    let foreign = site.get("merchant-m1", "/v1/events?merchant=m2").await;
    assert_eq!((foreign.status, &foreign.body["code"]), (404, &json!("not_found")));
    let foreign = all(&site, "merchant-m1", "&order=o2", 10).await;
    assert_eq!(foreign, Vec::<Value>::new());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traffic_comes_to_a_merchants_feed_where_it_is_named() {
    let stage = two_merchants().await;
    let site = Site::of(&stage).await;
    let hit = json!({"hits": [{"visitor": "v1", "page": "/p", "merchant": "m1"}]});
    let collected = Ask::new("POST", "/v1/collect").header("Authorization", key("collector")).json(&hit);
    assert_eq!(site.ask(collected).await.body["recorded"], 1);
    let unnamed = all(&site, "merchant-m1", "", 100).await;
    assert!(!unnamed.is_empty() && unnamed.iter().all(|event| event["type"] != "daybook.PageViewed"));
    let named = all(&site, "merchant-m1", "&type=PageViewed", 100).await;
    assert_eq!(named.len(), 1);
    assert_eq!(all(&site, "finance", "&type=PageViewed", 100).await.len(), 1);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_analysts_feed_names_no_party() {
    let stage = two_merchants().await;
    let site = Site::of(&stage).await;
    let full = all(&site, "finance", "", 100).await;
    let seen = all(&site, "analyst", "", 100).await;
    assert_eq!(positions(&full), positions(&seen), "it misses no event");
    let buyer = full.iter().find_map(|event| event["buyer"].as_str()).unwrap();
    for event in &seen {
        let text = event.to_string();
        for party in ["m1", "m2", buyer] {
            assert!(
                !text.contains(&format!("\"{party}\"")) && !text.contains(&format!("-{party}\"")),
                "{text}"
            );
        }
    }
    // an event's id is a hash of its command and its stream: shown, a guess at the party could be checked
    for (event, shown) in full.iter().zip(&seen) {
        for member in ["id", "correlationid"] {
            let own = event[member].as_str().unwrap();
            assert!(seen.iter().all(|other| !other.to_string().contains(own)), "{member} of {event}");
            assert_eq!(shown[member].as_str().unwrap().len(), own.len());
        }
    }
    let ids: std::collections::BTreeSet<_> = seen.iter().map(|event| event["id"].as_str()).collect();
    assert_eq!(ids.len(), seen.len(), "and stays one of its own");
    let related = |events: &[Value]| {
        let all = |a: &Value| events.iter().filter(|b| a["correlationid"] == b["correlationid"]).count();
        events.iter().map(all).collect::<Vec<_>>()
    };
    assert_eq!(related(&full), related(&seen), "what belongs together still does");
    let placed = seen.iter().find(|event| event["type"] == "daybook.OrderPlaced").unwrap();
    assert_eq!(placed["data"]["lines"][0]["quantity"], 1, "figures are there");
    let merchant_of = |events: &[Value], order: &str| {
        let of = |event: &&Value| event["order"] == order;
        events.iter().filter(of).map(|event| event["merchant"].clone()).collect::<Vec<_>>()
    };
    let (one, other) = (merchant_of(&seen, "o1"), merchant_of(&seen, "o2"));
    assert!(one[0].as_str().unwrap().starts_with("p-"));
    assert!(one.iter().all(|merchant| *merchant == one[0]), "one pseudonym for a party");
    assert_ne!(one[0], other[0]);
    for party in ["merchant=m1", "buyer=b1", "visitor=v1", "lead=l1"] {
        let refused = site.get("analyst", &format!("/v1/events?{party}")).await;
        assert_eq!((refused.status, &refused.body["code"]), (403, &json!("forbidden")), "{party}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_cut_again_and_again_while_commands_run_has_no_hole_and_no_double() {
    const MERCHANTS: usize = 400;
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let site = Site::of(&stage).await;
    let before = stage.market.journal().head().unwrap();
    let requests: Vec<_> = (0..MERCHANTS)
        .map(|n| {
            let apply = json!({"action": "apply", "name": "a shop", "kind": "retailer", "country": "CN",
                "settlement_currency": "CNY"});
            stage.request("merchant", &format!("n{n}"), &apply)
        })
        .collect();
    let address = site.address;
    let listening = tokio::task::spawn_blocking(move || {
        let mut told = Vec::new();
        let mut connections = 0;
        while told.len() < MERCHANTS {
            let last = told.last().copied().unwrap_or(before);
            let mut stream = Listening::to(address, "finance", "/v1/events/stream", Some(last));
            connections += 1;
            let until = (told.len() + 23).min(MERCHANTS);
            while told.len() < until {
                told.push(stream.event().unwrap().0);
            }
        }
        (told, connections)
    });
    let mut writing = tokio::task::JoinSet::new();
    for chunk in requests.chunks(MERCHANTS / 4) {
        let (market, chunk) = (Arc::clone(&stage.market), chunk.to_vec());
        writing.spawn(async move {
            for request in chunk {
                market.execute(request).await.unwrap();
            }
        });
    }
    writing.join_all().await;
    let (told, connections) = listening.await.unwrap();
    assert!(connections >= MERCHANTS / 23);
    let head = before + MERCHANTS as u64;
    assert_eq!(told, (before + 1..=head).collect::<Vec<_>>());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_when_the_service_stops() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let site = Site::of(&stage).await;
    let head = stage.market.journal().head().unwrap();
    let address = site.address;
    let (ready, begun) = tokio::sync::oneshot::channel();
    let listening = tokio::task::spawn_blocking(move || {
        let mut stream = Listening::to(address, "finance", "/v1/events/stream?after=head", None);
        assert_eq!(stream.next(), Some((head, None)), "where it begins");
        ready.send(()).unwrap();
        stream.next()
    });
    begun.await.unwrap();
    let asked = Instant::now();
    site.stop().await;
    assert_eq!(listening.await.unwrap(), None);
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_when_its_key_is_revoked() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let site = Site::of(&stage).await;
    let by = PartyId::new("test").unwrap();
    let new = NewKey { role: Role::Finance, merchant: None, name: String::new(), expires_at: None };
    let (made, text) = site.access.create(new, by).unwrap();
    let address = site.address;
    let (ready, begun) = tokio::sync::oneshot::channel();
    let listening = tokio::task::spawn_blocking(move || {
        let mut stream =
            Listening::with(address, &format!("Bearer {text}"), "/v1/events/stream?after=head", None);
        stream.next().unwrap();
        ready.send(()).unwrap();
        while stream.next().is_some() {}
    });
    begun.await.unwrap();
    let asked = Instant::now();
    site.access.revoke(&made.id, by).unwrap();
    listening.await.unwrap();
    // before the next heartbeat
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_data_a_feed_has_shown_is_in_the_log_of_accesses() {
    let stage = two_merchants().await;
    let site = Site::of(&stage).await;
    let logged = async |merchant: &str, endpoint: &str| {
        let log = site.get("admin", &format!("/v1/access-log?merchant={merchant}&actor=key:finance")).await;
        assert_eq!(log.status, 200, "{}", log.text);
        log.text.matches(&format!("{endpoint}\"")).count()
    };
    assert_eq!(logged("m1", "/v1/events").await, 0);
    assert_eq!(site.get("finance", "/v1/events?order=o1").await.status, 200);
    assert_eq!(site.get("analyst", "/v1/events").await.status, 200);
    assert_eq!((logged("m1", "/v1/events").await, logged("m2", "/v1/events").await), (1, 0));
    let address = site.address;
    let shown = of_journal(&stage.market, |_| true).len();
    let listening = tokio::task::spawn_blocking(move || {
        let mut stream = Listening::to(address, "finance", "/v1/events/stream", None);
        (0..shown).for_each(|_| drop(stream.event().unwrap()));
    });
    listening.await.unwrap();
    let stream = "/v1/events/stream";
    assert_eq!((logged("m1", stream).await, logged("m2", stream).await), (1, 1), "each once");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_cannot_take_all_streams() {
    let stage = two_merchants().await;
    let site = Site::of(&stage).await;
    let address = site.address;
    let open = move |who: &'static str| {
        tokio::task::spawn_blocking(move || Listening::to(address, who, "/v1/events/stream", None))
    };
    let mut held = Vec::new();
    let refused = loop {
        let stream = open("finance").await.unwrap();
        if stream.status != 200 {
            break stream.status;
        }
        held.push(stream);
    };
    assert_eq!((refused, held.len()), (503, 32));
    let mut others = Vec::new();
    for expected in [200, 200, 200, 200, 503] {
        let stream = open("merchant-m1").await.unwrap();
        assert_eq!(stream.status, expected, "another key has its own, a merchant's fewer");
        others.push(stream);
    }
    drop(held);
    let again = Instant::now();
    while open("finance").await.unwrap().status != 200 {
        assert!(again.elapsed() < Duration::from_secs(20), "a stream that is gone is given back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_that_cannot_be_answered_gets_a_problem_that_names_the_field() {
    let stage = Stage::in_memory();
    let site = Site::of(&stage).await;
    let get = |path: &str| Ask::new("GET", path).header("Authorization", key("admin"));
    let table = [
        (get("/v1/events?after=-1"), 400, "after"),
        (get("/v1/events?after=1&after=2"), 400, "after"),
        (get("/v1/events?after=999999"), 400, "after"),
        (get("/v1/events?limit=0"), 400, "limit"),
        (get("/v1/events?limit=100000"), 400, "limit"),
        (get("/v1/events?type=Shipped"), 400, "Shipped"),
        (get("/v1/events?order=o%20o"), 400, "order"),
        (get("/v1/events?colour=red"), 400, "colour"),
        (get("/v1/events").header("Accept", "text/csv"), 406, "Accept"),
        (get("/v1/events/stream").header("Last-Event-ID", "x"), 400, "Last-Event-ID"),
        (get("/v1/events/stream").header("Last-Event-ID", "999999"), 400, "Last-Event-ID"),
        (Ask::new("GET", "/v1/events").header("Authorization", key("storefront")), 403, "storefront"),
        (Ask::new("GET", "/v1/events").header("Authorization", key("operator")), 403, "operator"),
        (Ask::new("GET", "/v1/events"), 401, "Authorization"),
    ];
    for (ask, status, names) in table {
        let words = format!("{ask:?}");
        let answer: Answer = site.ask(ask).await;
        assert_eq!(answer.status, status, "{words}: {}", answer.text);
        assert!(answer.body["detail"].as_str().unwrap().contains(names), "{words}: {}", answer.text);
    }
    site.stop().await;
}
