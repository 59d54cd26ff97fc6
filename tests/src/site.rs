//! A stage served over HTTP, asked as a client asks: over a socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use daybook_api::access::{Access, Caller, Role};
use daybook_api::{Service, Serving, router, serve_with};
use daybook_domain::{MerchantId, PartyId};
use daybook_projections::{Follower, ReadModels};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::stage::Stage;

/// A server over a stage's journal.
pub struct Site {
    /// Where it listens.
    pub address: SocketAddr,
    /// What its reads come from.
    pub models: ReadModels,
    /// Its keys.
    pub access: Arc<Access>,
    follower: Option<Follower>,
    _folder: tempfile::TempDir,
    stop: tokio::sync::oneshot::Sender<()>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as JSON; null when it is none.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// A header, empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
}

/// A request, built up.
#[derive(Clone, Debug)]
pub struct Ask {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Ask {
    /// Of this method and path.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: None }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.text(body.to_string()).header("Content-Type", "application/json")
    }

    /// With a body as it is.
    #[must_use]
    pub fn text(mut self, body: String) -> Self {
        self.body = Some(body);
        self
    }
}

/// The key of a role: `storefront`, ..., `merchant-m1`.
#[must_use]
pub fn key(name: &str) -> String {
    format!("Bearer key-of-{name}")
}

impl Site {
    /// Serves a stage, with a key for each role and for the merchants `m1` and `m2`.
    ///
    /// # Panics
    /// When it cannot be served.
    pub async fn of(stage: &Stage) -> Self {
        Self::with(stage, |service| service).await
    }

    /// The same, of a service that is changed before it is served.
    ///
    /// # Panics
    /// When it cannot be served.
    pub async fn with(stage: &Stage, change: impl FnOnce(Service) -> Service) -> Self {
        Self::serving(stage, Serving::default(), change).await
    }

    /// The same, with connections treated like this.
    ///
    /// # Panics
    /// When it cannot be served.
    pub async fn serving(stage: &Stage, serving: Serving, change: impl FnOnce(Service) -> Service) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = Arc::clone(stage.market.journal());
        let models =
            ReadModels::open(folder.path().join("views.db"), journal, &mut |_| {}).expect("models open");
        let follower = Follower::start(models.clone()).expect("models follow");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let access = Arc::new(Access::default());
        let caller = |name: &str, role, merchant: Option<&str>| Caller {
            actor: PartyId::new(&format!("key:{name}")).expect("an id"),
            role,
            merchant: merchant.map(|m| MerchantId::new(m).expect("an id")),
        };
        for role in Role::ALL.into_iter().filter(|role| *role != Role::Merchant) {
            access.admit(format!("key-of-{}", role.name()), caller(role.name(), role, None));
        }
        for merchant in ["m1", "m2"] {
            let name = format!("merchant-{merchant}");
            access.admit(format!("key-of-{name}"), caller(&name, Role::Merchant, Some(merchant)));
        }
        let service = Service::new(Arc::clone(&stage.market), models.clone(), Arc::clone(&access));
        let service = change(service).counting(serving.count.clone());
        let served = tokio::spawn(serve_with(listener, router(service).into(), serving, async {
            let _ = stopped.await;
        }));
        Self { address, models, access, follower: Some(follower), _folder: folder, stop, served }
    }

    /// Waits until reads have come to the journal's end.
    ///
    /// # Panics
    /// When they do not.
    pub async fn caught_up(&self, stage: &Stage) {
        let head = stage.market.journal().head().expect("a head");
        let models = self.models.clone();
        let wait =
            move || models.wait_at_least(head, std::time::Duration::from_secs(30)).expect("they follow");
        tokio::task::spawn_blocking(wait).await.expect("the waiting thread lives");
    }

    /// Sends a request and reads its answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn ask(&self, ask: Ask) -> Answer {
        let address = self.address;
        tokio::task::spawn_blocking(move || send(address, &ask)).await.expect("the asking thread lives")
    }

    /// Reads, with the key of `who`.
    pub async fn get(&self, who: &str, path: &str) -> Answer {
        self.ask(Ask::new("GET", path).header("Authorization", key(who))).await
    }

    /// Sends a command, with the key of `who` and this Idempotency-Key.
    pub async fn post(&self, who: &str, path: &str, idempotency: &str, body: &Value) -> Answer {
        let ask = Ask::new("POST", path).header("Authorization", key(who));
        self.ask(ask.header("Idempotency-Key", idempotency).json(body)).await
    }

    /// Its read models follow no more.
    pub fn stop_following(&mut self) {
        if let Some(follower) = self.follower.take() {
            follower.stop();
        }
    }

    /// Stops it, after what it has accepted.
    ///
    /// # Panics
    /// When it died.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.served.await.expect("the server lives").expect("it stops in order");
    }
}

fn send(address: SocketAddr, ask: &Ask) -> Answer {
    Client::to(address).ask(ask)
}

/// A connection that is kept.
pub struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        Self(BufReader::new(stream))
    }

    /// Sends a request and reads its answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn ask(&mut self, ask: &Ask) -> Answer {
        let Ask { method, path, headers, body } = ask;
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = body {
            request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
        } else {
            request += "\r\n";
        }
        self.0.get_mut().write_all(request.as_bytes()).expect("it reads");
        let mut line = || {
            let mut text = String::new();
            self.0.read_line(&mut text).expect("it answers");
            text.trim_end().to_owned()
        };
        let status = line().split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        let mut headers = Vec::new();
        loop {
            let text = line();
            let Some((name, value)) = text.split_once(": ") else { break };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let mut answer = Answer { status, headers, body: Value::Null, text: String::new() };
        let none = matches!(status, 204 | 304); // these have no body, and need not say so
        let length: usize = if none { 0 } else { answer.header("content-length").parse().expect("a length") };
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).expect("a body");
        answer.text = String::from_utf8_lossy(&bytes).into_owned();
        answer.body = serde_json::from_str(&answer.text).unwrap_or(Value::Null);
        answer
    }
}
