//! Listening, and stopping without cutting anyone off.
//!
//! Connections are ours, not axum's: their number is bounded, a head that does not come is not waited for, TLS is
//! spoken where it is set, and stopping has a deadline. Until [`Gate::open`] a server answers that it is starting:
//! so a service listens at once, however long its stores take to open.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::future::RouteFuture;
use futures_util::future::{Either, Ready, ready};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::Service;

use crate::health;
use crate::metrics::Connections;
use crate::patience::{Patience, Patient};
use crate::problem::{OVERLOADED, Problem, STARTING, TIMED_OUT};
use crate::tls::Tls;

/// Largest head of a request.
const HEAD_BYTES: usize = 64 << 10;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Pause when the system gives no connection (no file descriptors, no memory).
const NO_CONNECTION: Duration = Duration::from_millis(100);

/// How a server treats its connections.
#[derive(Clone)]
pub struct Serving {
    /// Most connections at once; who comes later is told to come again.
    pub connections: usize,
    /// How long the head of a request may take; also how long a connection may lie idle.
    pub head_timeout: Duration,
    /// How long stopping waits for requests under way.
    pub drain: Duration,
    /// TLS, where it is spoken.
    pub tls: Option<Tls>,
    /// Counts the connections.
    pub count: Connections,
}

impl Default for Serving {
    fn default() -> Self {
        Self {
            connections: 8_192,
            head_timeout: Duration::from_secs(60),
            drain: Duration::from_secs(30),
            tls: None,
            count: Connections::default(),
        }
    }
}

/// Tells answers without an end of their own that the service stops.
#[derive(Clone)]
pub(crate) struct Closing(watch::Receiver<bool>);

impl Closing {
    /// Whether it has begun to stop.
    pub fn now(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Resolves when it begins to stop.
    pub async fn begun(&mut self) {
        let _ = self.0.wait_for(|closing| *closing).await;
    }
}

/// The routes, once there are any.
#[derive(Clone, Default)]
pub struct Gate(Arc<OnceLock<Router>>);

impl Gate {
    /// Lets requests in to these routes; the first call counts.
    pub fn open(&self, routes: Router) {
        let _ = self.0.set(routes);
    }
}

impl From<Router> for Gate {
    fn from(routes: Router) -> Self {
        let gate = Self::default();
        gate.open(routes);
        gate
    }
}

/// What answers the requests of one connection.
#[derive(Clone)]
struct Answering {
    gate: Gate,
    closing: Closing,
}

impl Service<Request<Incoming>> for Answering {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<RouteFuture<Infallible>, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        match self.gate.0.get() {
            Some(routes) => {
                request.extensions_mut().insert(self.closing.clone());
                Either::Left(routes.clone().call(request.map(Body::new)))
            }
            None => Either::Right(ready(Ok(starting(request.uri().path())))),
        }
    }
}

/// What is answered before the stores are open.
fn starting(path: &str) -> Response {
    match path {
        "/healthz" => health::alive("starting"),
        _ => Problem::new(STARTING, "journal and read models are being opened").into_response(),
    }
}

/// Serves until `stop` resolves; requests under way are answered first.
///
/// # Errors
/// When the socket fails.
pub async fn serve(
    listener: TcpListener,
    routes: impl Into<Gate>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_with(listener, routes.into(), Serving::default(), stop).await
}

/// As [`serve`], with connections treated as `serving` says.
///
/// # Errors
/// When the socket fails.
pub async fn serve_with(
    listener: TcpListener,
    gate: Gate,
    serving: Serving,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(serving.connections.clamp(1, Semaphore::MAX_PERMITS)));
    // every connection holds a receiver: the sender sees when the last has gone
    let (stopping, seen) = watch::channel(false);
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "no connection was accepted");
                tokio::time::sleep(NO_CONNECTION).await;
                continue;
            }
        };
        match Arc::clone(&slots).try_acquire_owned() {
            Ok(slot) => {
                let connection = connection(stream, gate.clone(), serving.clone(), slot, seen.clone());
                tokio::spawn(connection);
            }
            Err(_) => turn_away(stream, &serving),
        }
    }
    drop((listener, seen));
    stopping.send_replace(true);
    if tokio::time::timeout(serving.drain, stopping.closed()).await.is_err() {
        let left = stopping.receiver_count();
        tracing::warn!(connections = left, "stopped before all requests were answered");
    }
    Ok(())
}

/// Says that there is no room, without waiting for a request.
fn turn_away(mut stream: TcpStream, serving: &Serving) {
    if serving.tls.is_some() {
        return; // it would not understand
    }
    let text = Problem::new(OVERLOADED, "as many connections are open as may be").as_text();
    // what does not go into the socket's buffer at once is not worth waiting for
    if let Ok(written) = stream.try_write(text.as_bytes()) {
        tracing::debug!(written, "a connection was turned away");
    }
    tokio::spawn(async move { stream.shutdown().await });
}

async fn connection(
    stream: TcpStream,
    gate: Gate,
    serving: Serving,
    slot: OwnedSemaphorePermit,
    stopping: watch::Receiver<bool>,
) {
    let _open = serving.count.opened();
    let _slot = slot;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection may wait for its packets");
    }
    let Some(tls) = &serving.tls else {
        return converse(stream, gate, serving.head_timeout, stopping).await;
    };
    match tokio::time::timeout(HANDSHAKE, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => converse(stream, gate, serving.head_timeout, stopping).await,
        Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

/// Answers the requests of one connection.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    gate: Gate,
    head_timeout: Duration,
    stopping: watch::Receiver<bool>,
) {
    let closing = Closing(stopping.clone());
    let service = TowerToHyperService::new(Answering { gate, closing });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream, Patience::default())), service);
    let mut stopping = Closing(stopping);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopping.begun() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    let Err(error) = ended else { return };
    tracing::debug!(%error, "a connection broke off");
    let parts = connection.into_parts();
    if error.is_timeout() && !parts.read_buf.is_empty() {
        let text =
            Problem::new(TIMED_OUT, format!("the head of the request did not come within {head_timeout:?}"))
                .as_text();
        let mut stream = parts.io.into_inner();
        if stream.write_all(text.as_bytes()).await.is_ok() {
            let _ = stream.shutdown().await; // gone either way
        }
    }
}
