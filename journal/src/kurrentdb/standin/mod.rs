//! A stand-in for a cluster of KurrentDB, for tests: it speaks the real protocol (gRPC over HTTP/2, version 1 of the streams'
//! service with gossip and server features) on real sockets, and does on demand what a cluster does at the worst moment.
//!
//! It is **not** KurrentDB. It keeps what a journal rests on: one log for all streams with positions that are places in a
//! file, exact conditions, repeats recognised by the ids of their events, reads from the log only where an event stands,
//! filters by prefix, events of the system between ours, one leader. It has no projections, no subscriptions, no links, no
//! access control, no scavenging, and its nodes share one log, so nothing is ever replicated late. What it was made from is
//! the published protocol and the descriptions of the database, never the database: `docs/kurrentdb.md`.

mod log;
mod quick;
mod serve;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::runtime::Runtime;

use self::log::Log;

/// What goes wrong, how often: each counts down with the appends it happens to.
#[derive(Debug, Default)]
pub struct Faults {
    /// Written, and then the call is broken off.
    pub broken_after_write: AtomicU32,
    /// Broken off before anything is written.
    pub broken_before_write: AtomicU32,
    /// Written, and never answered.
    pub silent_after_write: AtomicU32,
    /// Answered with a timeout of the cluster, and written behind the append after it, or a while later.
    pub late: AtomicU32,
    /// Only appends to streams that hold this in their names; empty: all.
    pub only: Mutex<String>,
    /// Whether an event of the system follows every append.
    pub system_events: AtomicBool,
    /// Most bytes of one append.
    pub max_append: AtomicUsize,
    /// Whether whoever asks is refused.
    pub closed: AtomicBool,
}

/// What the nodes have in common.
struct Shared {
    log: Mutex<Log>,
    nodes: Mutex<Vec<Node>>,
    leader: AtomicUsize,
    faults: Faults,
    appends: AtomicU64,
    reads: AtomicU64,
}

struct Node {
    port: u16,
    /// None while it is down.
    runtime: Option<Runtime>,
}

/// A cluster of one node or several. Dropped, it is gone.
pub struct Standin(Arc<Shared>);

impl Standin {
    /// So many nodes on ports of their own, the first one leading, with an empty database in memory.
    ///
    /// # Panics
    /// When the machine gives no port or thread.
    #[must_use]
    pub fn start(nodes: usize) -> Self {
        Self::with(Log::new(), nodes)
    }

    /// One node whose database is in a file, which may be there already.
    ///
    /// # Panics
    /// As [`Standin::start`], and when the file cannot be used.
    #[must_use]
    pub fn on(file: &Path) -> Self {
        Self::with(Log::on(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())), 1)
    }

    fn with(log: Log, nodes: usize) -> Self {
        let faults = Faults::default();
        // as a node is set up for a journal: see docs/kurrentdb.md
        faults.max_append.store((16 << 20) - 10_000, Ordering::SeqCst);
        let shared = Shared {
            log: Mutex::new(log),
            nodes: Mutex::default(),
            leader: AtomicUsize::new(0),
            faults,
            appends: AtomicU64::new(0),
            reads: AtomicU64::new(0),
        };
        let standin = Self(Arc::new(shared));
        for node in 0..nodes {
            standin.0.nodes.lock().push(Node { port: 0, runtime: None });
            standin.restart(node);
        }
        standin
    }

    /// Its URL, without the name of a journal: times are short, so that tests are.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<_> =
            self.0.nodes.lock().iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("esdb://{}?tls=false&discoveryInterval=20&gossipTimeout=500", hosts.join(","))
    }

    /// What is to go wrong.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Appends that were written.
    #[must_use]
    pub fn appends(&self) -> u64 {
        self.0.appends.load(Ordering::SeqCst)
    }

    /// Reads that were asked for.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::SeqCst)
    }

    /// Ends a node at once: its connections break, whatever is on them.
    pub fn crash(&self, node: usize) {
        if let Some(runtime) = self.0.nodes.lock()[node].runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Starts a node again, on the port it had.
    ///
    /// # Panics
    /// As [`Standin::start`].
    pub fn restart(&self, node: usize) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("kurrentdb-standin")
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("the machine gives no thread: {error}"));
        let port = self.0.nodes.lock()[node].port;
        let began = std::time::Instant::now();
        // the port may be held for a moment by what breaks off
        let listener = loop {
            match runtime
                .block_on(tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
            {
                Ok(listener) => break listener,
                Err(error) if began.elapsed().as_secs() > 10 => panic!("port {port}: {error}"),
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(20)),
            }
        };
        let port = listener.local_addr().expect("invariant: a bound socket has an address").port();
        runtime.spawn(serve::serve(listener, serve::Served { shared: Arc::clone(&self.0), node }));
        self.0.nodes.lock()[node] = Node { port, runtime: Some(runtime) };
    }

    /// Makes another node the leader: the others send who writes there.
    pub fn lead(&self, node: usize) {
        self.0.leader.store(node, Ordering::SeqCst);
    }

    /// Writes an event into a stream behind the journal's back.
    pub fn intrude(&self, stream: &str, kind: &str) {
        self.0.log.lock().system(stream, kind);
    }

    /// Loses the end of the log, as a database does that was restored from an old backup.
    pub fn set_back(&self, keep: usize) {
        self.0.log.lock().cut(keep);
    }

    /// Events of the whole log, the system's among them.
    #[must_use]
    pub fn events(&self) -> usize {
        self.0.log.lock().events().len()
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        let nodes = self.0.nodes.lock().len();
        (0..nodes).for_each(|node| self.crash(node));
    }
}
