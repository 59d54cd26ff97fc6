//! Asking others over HTTP: receivers of webhooks, the issuer of tokens, the collector of traces. To an address that was
//! looked at, over a connection that is kept for a while, without following where an answer points.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// Longest wait for a connection, and for its TLS.
const CONNECT: Duration = Duration::from_secs(5);
/// Largest head of an answer.
const LARGEST_HEAD: usize = 16 << 10;

/// Longest body that is read though nobody wants it, so that its connection can be kept; and how long that may take.
const LARGEST_REST: usize = 64 << 10;
const REST: Duration = Duration::from_millis(250);
/// How long a connection is kept that nothing is sent over.
const IDLE: Duration = Duration::from_secs(30);
/// Most connections that are kept.
const MOST_KEPT: usize = 100;

type Sender = SendRequest<Full<Bytes>>;

/// What was answered.
pub(crate) struct Heard {
    /// HTTP status.
    pub status: u16,
    /// When to ask again, as it was said.
    pub retry_after: Option<String>,
    /// The body, where it was wanted.
    pub body: Bytes,
}

/// Asks.
pub(crate) struct Outgoing {
    tls: TlsConnector,
    /// Connections that nothing is sent over now, by scheme and authority, since when.
    idle: Mutex<HashMap<String, (Sender, Instant)>>,
}

impl Outgoing {
    /// With the public certificate authorities.
    pub fn new() -> Self {
        Self::holding_to(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }

    /// With the certificates of a PEM file, and no others.
    pub fn trusting(file: &Path) -> Result<Self, String> {
        let unusable = |why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
        let mut roots = RootCertStore::empty();
        for cert in CertificateDer::pem_file_iter(file).map_err(|error| unusable(&error))? {
            let cert = cert.map_err(|error| unusable(&error))?;
            roots.add(cert).map_err(|error| unusable(&error))?;
        }
        if roots.is_empty() {
            return Err(unusable(&"holds no certificate"));
        }
        Ok(Self::holding_to(roots))
    }

    fn holding_to(roots: RootCertStore) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("invariant: the provider has the versions of TLS that are built in")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { tls: TlsConnector::from(Arc::new(config)), idle: Mutex::default() }
    }

    /// Sends a request with an absolute URI to an address of its host that may be called, and hears status and body;
    /// of the body no more than `largest` bytes, and nothing where there is no such bound.
    ///
    /// Takes as long as it takes: the caller bounds that.
    pub async fn ask(
        &self,
        mut request: Request<Full<Bytes>>,
        may_call: impl Fn(IpAddr) -> bool,
        largest: Option<usize>,
    ) -> Result<Heard, String> {
        let uri = request.uri().clone();
        let host = uri.host().unwrap_or_default();
        let authority = uri.authority().map_or(host, |authority| authority.as_str());
        let headers = request.headers_mut();
        headers.insert(header::HOST, HeaderValue::from_str(authority).map_err(|error| error.to_string())?);
        headers.insert(header::USER_AGENT, const { HeaderValue::from_static(AGENT) });
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse().map_err(|error| format!("{path:?}: {error}"))?;
        let place = format!("{}://{authority}", uri.scheme_str().unwrap_or_default());
        if let Some(sender) = self.kept(&place) {
            // the other side may have closed it just now: then it is as if there was none
            if let Ok(heard) = self.exchange(&place, sender, request.clone(), largest).await {
                return Ok(heard);
            }
        }
        let sender = self.connect(&uri, may_call).await?;
        self.exchange(&place, sender, request, largest).await
    }

    async fn connect(&self, uri: &Uri, may_call: impl Fn(IpAddr) -> bool) -> Result<Sender, String> {
        let host = uri.host().unwrap_or_default();
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let socket = timeout(CONNECT, connect(name, port, may_call));
        let socket =
            socket.await.map_err(|_| format!("no connection within {} seconds", CONNECT.as_secs()))??;
        if !secure {
            return opened(socket).await;
        }
        let server = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
        let secured = timeout(CONNECT, self.tls.connect(server, socket)).await;
        let secured = secured.map_err(|_| "no TLS in time".to_owned())?;
        opened(secured.map_err(|error| format!("TLS: {error}"))?).await
    }

    /// A connection to there that is open still.
    fn kept(&self, place: &str) -> Option<Sender> {
        let (sender, since) = self.idle.lock().remove(place)?;
        (sender.is_ready() && since.elapsed() < IDLE).then_some(sender)
    }

    async fn exchange(
        &self,
        place: &str,
        mut sender: Sender,
        request: Request<Full<Bytes>>,
        largest: Option<usize>,
    ) -> Result<Heard, String> {
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        let body = Limited::new(answer.into_body(), largest.unwrap_or(LARGEST_REST)).collect();
        let body = match largest {
            Some(_) => body.await.map_err(|error| format!("its answer: {error}"))?.to_bytes(),
            // of no interest, but in the way of the next answer
            None if matches!(timeout(REST, body).await, Ok(Ok(_))) => Bytes::new(),
            None => return Ok(Heard { status, retry_after, body: Bytes::new() }),
        };
        if matches!(timeout(REST, sender.ready()).await, Ok(Ok(()))) {
            let mut idle = self.idle.lock();
            idle.retain(|_, (sender, since)| !sender.is_closed() && since.elapsed() < IDLE);
            if idle.len() < MOST_KEPT {
                idle.insert(place.to_owned(), (sender, Instant::now()));
            }
        }
        Ok(Heard { status, retry_after, body })
    }
}

const AGENT: &str = concat!("daybook/", env!("CARGO_PKG_VERSION"));

/// An absolute URL of http or https that names a host and nobody's password.
pub(crate) fn absolute(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url:?} is no URL: {error}"))?;
    if !matches!(uri.scheme_str(), Some("https" | "http")) {
        return Err("write an absolute URL, https://...".to_owned());
    }
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    if uri.host().unwrap_or_default().is_empty() || authority.contains('@') {
        return Err("name a host, without user and password".to_owned());
    }
    Ok(uri)
}

/// Connects to an address that may be called. The name is resolved here, once, and what was looked at is what is
/// connected to: so a name that answers differently the next time changes nothing.
pub(crate) async fn connect(
    host: &str,
    port: u16,
    may_call: impl Fn(IpAddr) -> bool,
) -> Result<TcpStream, String> {
    let found: Vec<SocketAddr> = lookup_host((host, port))
        .await
        .map_err(|error| format!("{host} cannot be resolved: {error}"))?
        .collect();
    let mut why = format!("{host} has no address");
    for at in found {
        if !may_call(at.ip()) {
            why = format!("{host} is at {}, which is not a public address", at.ip());
            continue;
        }
        match TcpStream::connect(at).await {
            Ok(socket) => return Ok(socket),
            Err(error) => why = format!("{at} does not answer: {error}"),
        }
    }
    Err(why)
}

/// A connection over which requests go; it lives as long as its sender.
async fn opened(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Sender, String> {
    let mut http = hyper::client::conn::http1::Builder::new();
    let handshake = http.max_buf_size(LARGEST_HEAD).handshake(TokioIo::new(io));
    let (sender, connection) = handshake.await.map_err(|error| error.to_string())?;
    // what the connection meets the request is told: its end alone says nothing
    tokio::spawn(connection);
    Ok(sender)
}
