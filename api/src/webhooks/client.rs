//! One POST to a receiver: to an address that was looked at, within a time, without following where it points.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, Uri, header};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use super::{Options, address};

/// Longest wait for a connection, with its TLS.
const CONNECT: Duration = Duration::from_secs(5);
/// Largest head of an answer; its body is not read.
const LARGEST_HEAD: usize = 16 << 10;

/// What a receiver said, or why it could not be asked; the text is for whoever manages the webhook.
pub(super) type Heard = Result<u16, String>;

/// What is sent.
pub(super) struct Message<'a> {
    pub id: &'a str,
    pub timestamp: i64,
    pub signatures: String,
    pub kind: &'static str,
    pub body: Bytes,
}

/// Asks receivers.
pub(super) struct Client {
    tls: TlsConnector,
}

impl Client {
    /// With the public certificate authorities.
    pub fn new() -> Self {
        let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("invariant: the provider has the versions of TLS that are built in")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { tls: TlsConnector::from(Arc::new(config)) }
    }

    /// Sends a message and hears the status of the answer.
    pub async fn post(&self, url: &str, message: Message<'_>, options: &Options) -> Heard {
        let uri = check(url, options)?;
        let asked = timeout(options.timeout, self.ask(&uri, message, options)).await;
        asked.unwrap_or_else(|_| Err(format!("no answer within {} seconds", options.timeout.as_secs_f32())))
    }

    async fn ask(&self, uri: &Uri, message: Message<'_>, options: &Options) -> Heard {
        let host = uri.host().unwrap_or_default();
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let socket = timeout(CONNECT, connect(name, port, options));
        let socket =
            socket.await.map_err(|_| format!("no connection within {} seconds", CONNECT.as_secs()))??;
        let request = Request::post(uri.path_and_query().map_or("/", |path| path.as_str()))
            .header(header::HOST, uri.authority().map_or(host, |authority| authority.as_str()))
            .header(header::USER_AGENT, concat!("daybook/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_TYPE, message.kind)
            .header(header::CONNECTION, "close")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", message.signatures)
            .body(Full::new(message.body))
            .map_err(|error| error.to_string())?;
        if secure {
            let server = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
            let secured = timeout(CONNECT, self.tls.connect(server, socket)).await;
            let secured = secured.map_err(|_| "no TLS in time".to_owned())?;
            exchange(secured.map_err(|error| format!("TLS: {error}"))?, request).await
        } else {
            exchange(socket, request).await
        }
    }
}

/// A URL that may be called, as far as its text says.
pub(super) fn check(url: &str, options: &Options) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url:?} is no URL: {error}"))?;
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if options.allow_http => {}
        Some("http") => return Err("http is not allowed here: use https".to_owned()),
        _ => return Err("write an absolute URL, https://...".to_owned()),
    }
    let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    if uri.host().unwrap_or_default().is_empty() || authority.contains('@') {
        return Err("name a host, without user and password".to_owned());
    }
    Ok(uri)
}

/// Connects to an address that may be called. The name is resolved here, once, and what was looked at is what is
/// connected to: so a name that answers differently the next time changes nothing.
async fn connect(host: &str, port: u16, options: &Options) -> Result<TcpStream, String> {
    let found: Vec<SocketAddr> = lookup_host((host, port))
        .await
        .map_err(|error| format!("{host} cannot be resolved: {error}"))?
        .collect();
    let mut why = format!("{host} has no address");
    for at in found {
        if !options.allow_private && !address::is_public(at.ip()) {
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

async fn exchange(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Heard {
    let mut http = hyper::client::conn::http1::Builder::new();
    let handshake = http.max_buf_size(LARGEST_HEAD).handshake(TokioIo::new(io));
    let (mut sender, connection) = handshake.await.map_err(|error| error.to_string())?;
    let asked = async {
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        Ok(answer.status().as_u16())
    };
    // what the connection meets the request is told: its end alone says nothing
    let driven = async {
        let _ = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        heard = asked => heard,
        heard = driven => heard,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_urls_of_a_host_are_taken_unless_more_is_allowed() {
        let strict = Options::default();
        for url in
            ["http://a.example/x", "ftp://a.example", "/x", "https://", "https://u:p@a.example/", "nonsense"]
        {
            assert!(check(url, &strict).is_err(), "{url}");
        }
        check("https://a.example/hook?x=1", &strict).unwrap();
        check("http://a.example/", &Options { allow_http: true, ..strict }).unwrap();
    }

    #[tokio::test]
    async fn a_name_that_stands_for_this_machine_is_not_called() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["localhost", "127.0.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1"] {
            let error = connect(host, port, &Options::default()).await.unwrap_err();
            assert!(error.contains("not a public address"), "{host}: {error}");
        }
        let open = Options { allow_private: true, ..Options::default() };
        connect("127.0.0.1", port, &open).await.unwrap();
    }
}
