//! What is counted, in the text format of Prometheus (OpenMetrics).
//!
//! Requests and commands are counted here as they pass; journal and read models are asked when somebody looks
//! ([`state`]).

mod state;

pub(crate) use state::lag_seconds;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use parking_lot::RwLock;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use serde_json::json;

use crate::Shared;
use crate::access::Permission;
use crate::endpoint::{Doc, Endpoint};
use crate::problem::{INTERNAL, Problem, Said, blocking};

pub(crate) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the latencies, seconds.
const LATENCIES: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.0, 4.0, 16.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AnswerLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CommandLabels {
    category: &'static str,
    action: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusalLabels {
    category: &'static str,
    code: &'static str,
}

/// What is counted as requests pass.
#[derive(Clone)]
pub(crate) struct Metrics {
    answers: Family<AnswerLabels, Counter>,
    latencies: Family<RequestLabels, Histogram, fn() -> Histogram>,
    commands: Family<CommandLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            answers: Family::default(),
            latencies: Family::new_with_constructor(|| Histogram::new(LATENCIES)),
            commands: Family::default(),
            refusals: Family::default(),
        }
    }
}

impl Metrics {
    /// A request was answered.
    pub fn request(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let (latency, answers) = self.of(method, route, status);
        latency.observe(took.as_secs_f64());
        answers.inc();
    }

    fn of(&self, method: &Method, route: &str, status: u16) -> (Histogram, Counter) {
        let (method, route) = (known(method).to_owned(), route.to_owned());
        let latency = RequestLabels { method: method.clone(), route: route.clone() };
        let answers = AnswerLabels { method, route, status };
        (self.latencies.get_or_create_owned(&latency), self.answers.get_or_create_owned(&answers))
    }

    /// A command was answered: `replayed` when an earlier one had taken its effect.
    pub fn command(&self, category: &'static str, action: &'static str, done: Result<bool, &Problem>) {
        let outcome = match done {
            Ok(false) => "done",
            Ok(true) => "replayed",
            Err(problem) => {
                let Said { code, refusal } = problem.said();
                self.refusals.get_or_create(&RefusalLabels { category, code: refusal.unwrap_or(code) }).inc();
                code
            }
        };
        self.commands.get_or_create(&CommandLabels { category, action, outcome }).inc();
    }

    fn registry(&self, shared: &Shared) -> Registry {
        let mut registry = Registry::with_prefix("daybook");
        registry.register("requests", "Requests answered", self.answers.clone());
        registry.register("request_seconds", "Time until an answer began", self.latencies.clone());
        registry.register("commands", "Commands answered, by outcome", self.commands.clone());
        registry.register("refused_commands", "Commands refused, by code", self.refusals.clone());
        registry.register_collector(Box::new(state::State::of(shared)));
        registry
    }
}

/// What is counted of one route: it has its counters at hand.
pub(crate) struct Counted {
    metrics: Metrics,
    method: Method,
    route: String,
    latency: OnceLock<Histogram>,
    answers: RwLock<Vec<(u16, Counter)>>,
}

impl Counted {
    /// Of this route; nothing is shown of it until a request was answered.
    pub fn new(metrics: &Metrics, method: Method, route: &str) -> Self {
        let route = route.to_owned();
        Self { metrics: metrics.clone(), method, route, latency: OnceLock::new(), answers: RwLock::default() }
    }

    /// A request was answered.
    pub fn request(&self, status: u16, took: Duration) {
        let answers = self.answers.read();
        if let (Some(latency), Some((_, count))) =
            (self.latency.get(), answers.iter().find(|(seen, _)| *seen == status))
        {
            latency.observe(took.as_secs_f64());
            count.inc();
            return;
        }
        drop(answers);
        self.metrics.request(&self.method, &self.route, status, took);
        let (latency, count) = self.metrics.of(&self.method, &self.route, status);
        let _ = self.latency.set(latency);
        self.answers.write().push((status, count));
    }
}

/// The methods that are counted apart: others are a caller's to make up.
fn known(method: &Method) -> &str {
    match method.as_str() {
        name @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => name,
        _ => "other",
    }
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let doc = Doc {
        id: "metrics".to_owned(),
        tag: "Operations",
        summary: "Counters and gauges for Prometheus".to_owned(),
        answers: vec![(200, "OpenMetrics text", vec![(OPENMETRICS, json!({"type": "string"}))])],
        ..Doc::default()
    };
    vec![Endpoint {
        method: Method::GET,
        path: "/metrics".to_owned(),
        permission: Permission::Administer,
        doc,
        serve: get(metrics),
    }]
}

/// All of it, as text.
pub(crate) async fn metrics(State(shared): State<Shared>) -> Result<Response, Problem> {
    let text = blocking(move || {
        let mut text = String::with_capacity(16 << 10);
        let registry = shared.metrics.registry(&shared);
        encode(&mut text, &registry).map_err(|error| Problem::new(INTERNAL, error.to_string()))?;
        Ok::<_, Problem>(text)
    });
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text.await?).into_response())
}

/// Counts connections; the server and the service hold the same one.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<std::sync::atomic::AtomicUsize>);

impl Connections {
    /// One more, until what is returned is dropped.
    pub(crate) fn opened(&self) -> Open {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Open(self.clone())
    }

    /// How many there are.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// An open connection.
pub(crate) struct Open(Connections);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}
