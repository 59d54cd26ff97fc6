//! Traces, as a collector hears them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use daybook_api::Traces;
use daybook_tests::site::{Ask, Site, key};
use daybook_tests::stage::Stage;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

/// A collector on a port of this machine, and what it was brought.
#[derive(Clone, Default)]
struct Collector {
    brought: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let this = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                this.take(stream.unwrap());
            }
        });
        url
    }

    fn take(&self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        let (head, length) = loop {
            let mut part = [0; 4096];
            let read = stream.read(&mut part).unwrap();
            assert!(read > 0, "it breaks off");
            bytes.extend_from_slice(&part[..read]);
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
                let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
                break (head.clone(), end + 4 + length.trim().parse::<usize>().unwrap());
            }
        };
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/x-protobuf"), "{head}");
        let mut rest = vec![0; length - bytes.len()];
        stream.read_exact(&mut rest).unwrap();
        bytes.extend_from_slice(&rest);
        let body = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        self.brought.lock().unwrap().push(ExportTraceServiceRequest::decode(&bytes[body..]).unwrap());
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }

    fn spans(&self) -> Vec<Span> {
        let brought = self.brought.lock().unwrap();
        let scopes = brought.iter().flat_map(|request| &request.resource_spans).flat_map(|r| &r.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn said(span: &Span, name: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == name);
    let value = found.and_then(|attribute| attribute.value.clone()).and_then(|value| value.value);
    value.map_or_else(String::new, |value| format!("{value:?}"))
}

/// Stops where it may wait.
async fn stop(traces: Traces) {
    tokio::task::spawn_blocking(move || traces.stop(Duration::from_secs(10))).await.unwrap();
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_hears_of_a_command_beneath_the_span_of_its_caller() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    stage.basket("c1", &[("o1", "m1", "60.00")]).await;
    stage.pay("c1", "p1", "60.00").await;
    let collector = Collector::default();
    let traces = Traces::to(&collector.start(), 1.0).unwrap();
    let traced = traces.clone();
    let site = Site::with(&stage, |service| service.traced(Some(traced))).await;
    let ship = |parent: String| {
        Ask::new("POST", "/v1/orders/o1/ship")
            .header("Authorization", key("operator"))
            .header("Idempotency-Key", "a")
            .header("X-Request-Id", "r-1")
            .header("traceparent", parent)
            .json(&json!({"shipment": "s1", "mode": "parcel"}))
    };
    assert_eq!(site.ask(ship(format!("00-{TRACE}-{CALLER}-01"))).await.status, 200);
    let unwanted = "5bf92f3577b34da6a3ce929d0e0e4736";
    assert_eq!(site.ask(ship(format!("00-{unwanted}-{CALLER}-00"))).await.status, 200);
    assert_eq!(site.ask(ship("nonsense".to_owned())).await.status, 200);
    assert_eq!(site.get("operator", "/v1/orders/none").await.status, 404);
    site.stop().await;
    stop(traces).await;

    let spans = collector.spans();
    let of = |name: &str, trace: &str| {
        let found = spans.iter().find(|span| span.name == name && hex(&span.trace_id) == trace);
        found.unwrap_or_else(|| panic!("{name} of {trace}: {spans:?}")).clone()
    };
    let request = of("POST /v1/orders/{order}/ship", TRACE);
    assert_eq!((hex(&request.parent_span_id).as_str(), request.kind), (CALLER, 2), "a server's span");
    assert!(said(&request, "http.response.status_code").contains("200"), "{request:?}");
    assert!(said(&request, "daybook.request_id").contains("r-1"), "{request:?}");
    let command = of("order ship", TRACE);
    assert_eq!(command.parent_span_id, request.span_id);
    assert!(request.start_time_unix_nano <= command.start_time_unix_nano);
    assert!(command.end_time_unix_nano <= request.end_time_unix_nano);
    assert!(spans.iter().all(|span| hex(&span.trace_id) != unwanted), "its caller wants none of it");
    let begun: Vec<&Span> = spans
        .iter()
        .filter(|s| s.name == "POST /v1/orders/{order}/ship" && s.parent_span_id.is_empty())
        .collect();
    assert_eq!(begun.len(), 1, "what names no caller begins a trace of its own");
    let read = spans.iter().find(|span| span.name == "GET /v1/orders/{order}").unwrap();
    assert!(said(read, "error.type").contains("not_found"), "{read:?}");
    assert!(spans.iter().any(|span| span.parent_span_id == read.span_id), "its read");
    let brought = collector.brought.lock().unwrap();
    let resource = brought[0].resource_spans[0].resource.as_ref().unwrap();
    assert!(resource.attributes.iter().any(|a| a.key == "service.name"), "{resource:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_not_there_disturbs_nobody() {
    let mut stage = Stage::in_memory();
    stage.merchant("m1", "0.00").await;
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let traces = Traces::to(&format!("http://{gone}/"), 1.0).unwrap();
    let traced = traces.clone();
    let site = Site::with(&stage, |service| service.traced(Some(traced))).await;
    for _ in 0..20 {
        assert_eq!(site.get("operator", "/v1/orders/none").await.status, 404);
    }
    site.stop().await;
    stop(traces).await;
    for (endpoint, share) in [("collector", 1.0), ("ftp://c.example", 1.0), ("http://c.example", 1.5)] {
        assert!(Traces::to(endpoint, share).is_err(), "{endpoint} {share}");
    }
}
