//! OpenTelemetry traces: a span for each request, beneath its caller's where that is named (W3C `traceparent`), and
//! beneath it one for its command or its read. They go to a collector as OTLP over HTTP, a batch every few seconds; what
//! does not fit into the queue is dropped, so no request waits for the collector and none takes its memory.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{FutureExt, SpanKind, Status, TraceContextExt, TraceId, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HeaderExtractor, HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;

use crate::outgoing::{Outgoing, absolute};

/// Longest time to bring a batch to the collector.
const LONGEST_EXPORT: Duration = Duration::from_secs(10);
/// Longest answer of a collector that is read.
const LONGEST_ANSWER: usize = 64 << 10;
/// Where a collector takes traces.
const PATH: &str = "/v1/traces";

/// Where traces go. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// To the collector at this URL (`/v1/traces` is added where it is not there); of the traces that begin here this
    /// share, of those that others began as they say. Called within a runtime.
    ///
    /// # Errors
    /// Which of both cannot be, and why.
    pub fn to(endpoint: &str, share: f64) -> Result<Self, String> {
        absolute(endpoint)?;
        if !(0.0..=1.0).contains(&share) {
            return Err(format!("a share of {share} cannot be: write 0 to 1"));
        }
        let base = endpoint.trim_end_matches('/');
        let endpoint = if base.ends_with(PATH) { base.to_owned() } else { format!("{base}{PATH}") };
        let runtime = Handle::try_current().map_err(|error| error.to_string())?;
        let collector =
            Collector { outgoing: Arc::new(Outgoing::new()), runtime, failing: AtomicBool::new(false) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector)
            .with_endpoint(endpoint)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(LONGEST_EXPORT)
            .build()
            .map_err(|error| error.to_string())?;
        let resource = Resource::builder_empty()
            .with_service_name("daybook")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share))))
            .with_resource(resource)
            .build();
        Ok(Self { tracer: provider.tracer("daybook"), provider })
    }

    /// Brings the last spans to the collector, and takes no more. Waits; not for threads that serve.
    pub fn stop(&self, grace: Duration) {
        if let Err(error) = self.provider.shutdown_with_timeout(grace) {
            tracing::warn!(%error, "the last traces did not reach their collector");
        }
    }

    /// Begins the span of a request.
    pub(crate) fn begin(&self, method: &Method, route: &str, headers: &HeaderMap, id: &Arc<str>) -> Begun {
        let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
        let span = self
            .tracer
            .span_builder(format!("{method} {route}"))
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("http.request.method", method.to_string()),
                KeyValue::new("http.route", route.to_owned()),
                KeyValue::new("daybook.request_id", Arc::clone(id)),
            ])
            .start_with_context(&self.tracer, &parent);
        Begun(parent.with_span(span))
    }
}

/// The span of a request that is being answered.
pub(crate) struct Begun(Context);

impl Begun {
    /// What is done for the request.
    pub fn scope<F: Future>(&self, what: F) -> impl Future<Output = F::Output> + use<F> {
        what.with_context(self.0.clone())
    }

    /// The trace, as logs name it.
    pub fn id(&self) -> TraceId {
        self.0.span().span_context().trace_id()
    }

    /// Ends it with what was answered.
    pub fn end(self, status: u16, code: &'static str) {
        let span = self.0.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if !code.is_empty() {
            span.set_attribute(KeyValue::new("error.type", code));
        }
        if status >= 500 {
            span.set_status(Status::error(code));
        }
        span.end();
    }
}

/// Does something within a span beneath that of the request.
pub(crate) async fn within<F: Future>(
    traces: Option<&Traces>,
    name: impl FnOnce() -> String,
    what: F,
) -> F::Output {
    let Some(traces) = traces else { return what.await };
    let parent = Context::current();
    let span = traces.tracer.span_builder(name()).start_with_context(&traces.tracer, &parent);
    let context = parent.with_span(span);
    let answer = what.with_context(context.clone()).await;
    context.span().end();
    answer
}

/// Brings batches to the collector, by the runtime that serves.
struct Collector {
    outgoing: Arc<Outgoing>,
    runtime: Handle,
    failing: AtomicBool,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let outgoing = Arc::clone(&self.outgoing);
        let url = request.uri().to_string();
        let asked = self.runtime.spawn(async move {
            let asked = outgoing.ask(request.map(Full::new), |_| true, Some(LONGEST_ANSWER));
            tokio::time::timeout(LONGEST_EXPORT, asked)
                .await
                .unwrap_or_else(|_| Err("no answer in time".to_owned()))
        });
        let heard = asked.await.map_err(|error| error.to_string()).and_then(|heard| heard);
        let why = match &heard {
            Ok(heard) if heard.status < 300 => None,
            Ok(heard) => Some(format!("it answers {}", heard.status)),
            Err(why) => Some(why.clone()),
        };
        let failed = self.failing.swap(why.is_some(), Ordering::Relaxed);
        if let (Some(why), false) = (why, failed) {
            tracing::warn!(url, why, "traces do not reach their collector");
        }
        let heard = heard?;
        Ok(Response::builder().status(heard.status).body(heard.body)?)
    }
}
