//! Stories over HTTP: what a shop's own systems see while an order goes its way.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;

use daybook_projections::{Follower, ReadModels};
use daybook_tests::stage::Stage;
use serde_json::{Value, json};

use tokio::net::TcpListener;

/// A server over a stage's journal.
struct Site {
    address: std::net::SocketAddr,
    models: ReadModels,
    _follower: Follower,
    _folder: tempfile::TempDir,
    stop: tokio::sync::oneshot::Sender<()>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// An answer: status, content type, body.
struct Answer(u16, String, Value);

impl Site {
    async fn of(stage: &Stage) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = std::sync::Arc::clone(stage.market.journal());
        let models = ReadModels::open(folder.path().join("views.db"), journal, &mut |_| {}).unwrap();
        let follower = Follower::start(models.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let routes = daybook_api::router(models.clone());
        let served = tokio::spawn(daybook_api::serve(listener, routes, async {
            let _ = stopped.await;
        }));
        Self { address, models, _follower: follower, _folder: folder, stop, served }
    }

    async fn ask(&self, method: &str, path: &str) -> Answer {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        let address = self.address;
        let asked = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        });
        let text = asked.await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let kind = head.lines().find_map(|l| l.strip_prefix("content-type: ")).unwrap_or_default();
        Answer(status, kind.to_owned(), serde_json::from_str(body).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_followed_from_payment_to_release() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let site = Site::of(&stage).await;
    let Answer(status, kind, problem) = site.get("/v1/orders/o1").await;
    assert_eq!((status, kind.as_str()), (404, "application/problem+json"));
    assert_eq!(problem["code"], "no_such_order");

    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    stage.pay("c1", "p1", "60.00").await;
    let written = stage.market.journal().head().unwrap();
    let Answer(status, _, answer) = site.get(&format!("/v1/orders/o1?at_least={written}")).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["order"]["status"], "funded");
    assert_eq!(answer["order"]["escrow"], json!({"amount": "60.00", "currency": "CNY"}));
    assert_eq!(answer["lines"].as_array().unwrap().len(), 1);
    let paid_at = stage.now();

    stage.days(1).await;
    stage.deliver("o1").await;
    stage.ask("order", "o1", json!({"action": "confirm_receipt", "by": "buyer"})).await;
    let written = stage.market.journal().head().unwrap();
    let Answer(_, _, answer) = site.get(&format!("/v1/orders/o1?at_least={written}")).await;
    assert_eq!(answer["order"]["escrow"]["amount"], "0.00");
    assert_eq!(answer["order"]["shipped"], true);
    assert_eq!(answer["order"]["commission"]["amount"], "6.00");
    let Answer(_, _, then) = site.get(&format!("/v1/orders/o1?as_of={paid_at}")).await;
    assert_eq!(then["order"]["status"], "funded", "as it was when it was paid");

    site.stop.send(()).unwrap();
    site.served.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_cannot_be_answered_gets_a_problem_that_names_the_field() {
    let stage = Stage::in_memory();
    let site = Site::of(&stage).await;
    let table = [
        ("/v1/orders/o%20o", 400, "bad_request", "id"),
        ("/v1/orders/o?as_of=yesterday", 400, "bad_request", "as_of"),
        ("/v1/orders/o?colour=red", 400, "bad_request", "colour"),
        ("/v1/orders/o?at_least=999999", 503, "read_models_behind", "999999"),
        ("/v2/orders/o", 404, "no_such_resource", "/v2/orders/o"),
    ];
    for (path, status, code, names) in table {
        let Answer(found, kind, problem) = site.get(path).await;
        assert_eq!((found, kind.as_str()), (status, "application/problem+json"), "{path}: {problem}");
        assert_eq!(problem["code"], code, "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(names), "{path}: {problem}");
    }
    let Answer(status, _, problem) = site.ask("DELETE", "/v1/orders/o").await;
    assert_eq!((status, &problem["code"]), (405, &json!("method_not_allowed")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_that_the_journal_has_not_reached_is_not_waited_for() {
    let stage = Stage::in_memory();
    let site = Site::of(&stage).await;
    let asked = std::time::Instant::now();
    let Answer(status, _, problem) = site.get("/v1/orders/o?at_least=999999").await;
    assert_eq!((status, &problem["code"]), (503, &json!("read_models_behind")));
    assert!(asked.elapsed() < std::time::Duration::from_millis(1_900), "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_says_how_fresh_the_answers_are() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let site = Site::of(&stage).await;
    let head = stage.market.journal().head().unwrap();
    site.models.wait_at_least(head, std::time::Duration::from_secs(5)).unwrap();
    let Answer(status, kind, health) = site.get("/healthz").await;
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    assert_eq!(health, json!({"status": "ok", "applied": head, "head": head, "lag_positions": 0}));
}
