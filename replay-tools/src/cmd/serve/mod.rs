//! `daybook serve`

mod access;
mod log;
mod settings;

use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_api::access::Clerk;
use daybook_api::webhooks;
use daybook_api::{Connections, Deliveries, Gate, Served, Service, Serving, Settings, Tls, Traces};
use daybook_commands::{Clock as _, SystemClock};
use daybook_domain::Timestamp;
use daybook_market::proven::blinding::blinding_or_new;
use daybook_market::transparency::{Logging, folder};
use daybook_market::{Market, Options, Running};
use daybook_projections::Follower;
use daybook_projections::metrics::Sites;
use daybook_proofs::{Blinding, MarketKey};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::{Global, Url};
use crate::cmd::key;
use crate::cmd::log::{chance, market_key};
use crate::failure::Failure;
use crate::open::told;
use crate::output::{Output, say};
use crate::progress::Progress;
use crate::sites;
use crate::value::Table;
use settings::InForce;

pub use settings::Args;

const ABOUT: &str = "Run the market: reactors, deadlines, read models, HTTP";

const LONG_ABOUT: &str = "Run the market: reactors, deadlines, read models, HTTP.\n\n\
    GET /v1/openapi.json describes it; all but that and health needs a key: see `daybook key`. It listens at once and answers 503 until journal and read models are open \
    (/readyz). A setting is taken from its flag, else from its variable, else from the file of --config, else its \
    default. SIGHUP reads the certificates again. Stops on Ctrl-C or SIGTERM: takes no more connections, answers the \
    requests under way, stops reactors and read models, and closes the journal.";

/// How long stopping waits for receivers of webhooks.
const LAST_DELIVERIES: Duration = Duration::from_secs(2);
/// How long stopping waits for the collector of traces.
const LAST_TRACES: Duration = Duration::from_secs(2);
/// How long a stop waits for those who read the journal still.
const LAST_READERS: Duration = Duration::from_secs(5);

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let settings = InForce::of(args)?;
    let plan = Plan::of(&settings)?;
    if args.print {
        return print(global, &settings);
    }
    let mut global = global.clone();
    global.journal = settings.parsed("journal")?.unwrap_or(global.journal);
    global.read_models = settings.parsed("read_models")?.or(global.read_models);
    global.files = settings.parsed("files")?.or(global.files);
    let _log = log::Log::begin(&settings)?;
    let runtime = global.runtime()?;
    let served = runtime.block_on(plan.serve(&global));
    // what was still opening its stores when it was stopped is not waited for: it can be cut off anywhere
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

fn print(global: &Global, settings: &InForce) -> Result<(), Failure> {
    let mut table = Table::new(&["setting", "value", "from"]);
    if settings.text("journal").is_none() {
        table.push(vec!["journal".into(), global.journal.to_string().into(), "default".into()]);
    }
    for (name, value, origin) in settings.rows() {
        table.push(vec![name.into(), value.into(), origin.to_string().into()]);
    }
    let mut out = Output::new(global.format);
    out.table(&table)?;
    out.finish()
}

/// What is to be served, and how: settings that have been read and make sense.
struct Plan {
    listen: SocketAddr,
    metrics_listen: Option<SocketAddr>,
    serving: Serving,
    service: Settings,
    access: daybook_api::access::Settings,
    webhooks: webhooks::Options,
    /// Where traces go, and which share of them.
    traces: Option<(String, f64)>,
    /// What the journal's log is signed with, and how often.
    log: Option<(MarketKey, Duration)>,
    /// By which lists channels are told.
    sites: Sites,
    /// Whether what is owed is stated daily, where a log is kept.
    state_liabilities: bool,
}

/// What runs beside the server.
struct Stores {
    deliveries: Deliveries,
    running: Running,
    clerk: Clerk,
    logging: Option<Logging>,
    stating: Option<tokio::task::JoinHandle<()>>,
    follower: Follower,
    market: Arc<Market>,
}

impl Plan {
    fn of(settings: &InForce) -> Result<Self, Failure> {
        let tls = match (settings.text("tls_cert"), settings.text("tls_key")) {
            (Some(cert), Some(key)) => Some(
                Tls::open(Path::new(cert), Path::new(key))
                    .map_err(|why| Failure::Usage(format!("tls: {why}")))?,
            ),
            (None, None) => None,
            _ => return Err(Failure::Usage("tls_cert and tls_key go together: set both or none".to_owned())),
        };
        let cors = settings.text("cors").unwrap_or_default();
        let service = Settings {
            body_limit: settings.size("body_limit")?,
            body_memory: settings.size("body_memory")?,
            body_timeout: settings.time("body_timeout")?,
            request_timeout: settings.time("request_timeout")?,
            max_requests: settings.get("max_requests")?,
            max_queued: settings.get("max_queued_events")?,
            max_lag: settings.time("max_lag")?,
            cors: cors.split(',').map(str::trim).filter(|o| !o.is_empty()).map(str::to_owned).collect(),
            compression: settings.get("compression")?,
        };
        let serving = Serving {
            connections: settings.get("max_connections")?,
            head_timeout: settings.time("head_timeout")?,
            drain: settings.time("drain_timeout")?,
            tls,
            count: Connections::default(),
        };
        let (listen, metrics_listen) = (settings.get("listen")?, settings.parsed("metrics_listen")?);
        let webhooks = webhooks::Options {
            allow_http: settings.get("webhooks_allow_http")?,
            allow_private: settings.get("webhooks_allow_private")?,
            ..webhooks::Options::default()
        };
        let access = access::settings(settings)?;
        let share = settings.get("traces_share")?;
        let traces = settings.text("traces_endpoint").map(|endpoint| (endpoint.to_owned(), share));
        let log_interval = settings.time("log_interval")?;
        let log_key = settings.text("log_key").map(|path| market_key(Path::new(path))).transpose()?;
        let log = log_key.map(|key| (key, log_interval));
        let sites = settings.text("sites").map(|path| sites::read(Path::new(path)));
        let sites = sites.transpose().map_err(|why| settings.wrong("sites", &why))?.unwrap_or_default();
        let state_liabilities = settings.get("state_liabilities")?;
        Ok(Self {
            listen,
            metrics_listen,
            serving,
            service,
            access,
            webhooks,
            traces,
            log,
            sites,
            state_liabilities,
        })
    }

    async fn serve(self, global: &Global) -> Result<(), Failure> {
        let traces = self.traces.as_ref().map(|(endpoint, share)| Traces::to(endpoint, *share));
        let traces = traces.transpose().map_err(|why| Failure::Usage(format!("traces_endpoint: {why}")))?;
        let (stop, stopped) = watch::channel(false);
        let (gate, watching) = (Gate::default(), Gate::default());
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let listener = listen(self.listen, "--listen").await?;
        let scheme = if self.serving.tls.is_some() { "https" } else { "http" };
        let at = listener.local_addr()?;
        let mut servers = vec![start(listener, gate.clone(), self.serving.clone(), &stopped)];
        if let Some(address) = self.metrics_listen {
            let listener = listen(address, "--metrics-listen").await?;
            say!("metrics at http://{}/metrics", listener.local_addr()?);
            let serving = Serving { tls: None, count: Connections::default(), ..self.serving.clone() };
            servers.push(start(listener, watching.clone(), serving, &stopped));
        }
        say!("listening on {scheme}://{at}");
        if let Some(tls) = &self.serving.tls {
            reload_on_hangup(tls.clone())?;
        }
        let mut stopping = pin!(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
        let opened = tokio::select! {
            opened = self.open(global, traces.clone(), &gate, &watching) => Some(opened),
            () = &mut stopping => None,
        };
        if let Some(Ok(_)) = &opened {
            stopping.await;
        }
        stop.send_replace(true);
        for server in servers {
            let served =
                server.await.map_err(|error| Failure::Unavailable(format!("serving failed: {error}")))?;
            served.map_err(|error| Failure::Unavailable(format!("serving failed: {error}")))?;
        }
        if let Some(stores) = opened {
            drop((gate, watching));
            close(stores?).await;
        }
        if let Some(traces) = traces {
            let last = tokio::task::spawn_blocking(move || traces.stop(LAST_TRACES));
            let _ = last.await; // what is lost is told by itself
        }
        say!("stopped");
        Ok(())
    }

    /// Opens the stores and lets requests in.
    async fn open(
        &self,
        global: &Global,
        traces: Option<Traces>,
        gate: &Gate,
        watching: &Gate,
    ) -> Result<Stores, Failure> {
        let (of, keys, hooks, log) = (global.clone(), self.access.clone(), self.webhooks, self.log.clone());
        let sites = self.sites.clone();
        let states = self.state_liabilities && log.is_some();
        let opened = tokio::task::spawn_blocking(move || {
            let market = Arc::new(of.market_with(Options { sites: Some(sites), ..Options::default() })?);
            let progress = Progress::new(!of.no_progress, "catching up", 1);
            let url = of.read_models.as_ref().map(Url::to_open);
            let (models, follower) = market.follow(url.as_deref(), &mut told(&progress))?;
            let access = Arc::new(of.access(keys)?);
            let clerk = Clerk::start(Arc::clone(&access))?;
            let webhooks = of.webhooks(hooks)?;
            let tlog = folder(&of.file()?);
            let logging = log.map(|(key, every)| {
                let (journal, folder) = (Arc::clone(market.journal()), tlog.clone());
                Logging::start((journal, market.id()), folder, key, every, || Timestamp(SystemClock.now()))
            });
            let logging = logging.transpose()?;
            let blinding = states.then(|| stating_with(&market, &tlog));
            let blinding = blinding.transpose()?;
            Ok::<_, Failure>((market, models, follower, access, clerk, webhooks, logging, blinding))
        });
        let opened =
            opened.await.map_err(|error| Failure::Unavailable(format!("opening failed: {error}")))?;
        let (market, models, follower, access, clerk, webhooks, logging, blinding) = opened?;
        let stating = blinding.map(|blinding| {
            let (market, models) = (Arc::clone(&market), models.clone());
            tokio::spawn(async move { market.state_liabilities_daily(&models, &blinding).await })
        });
        if access.is_empty() {
            say!("nobody has a key yet; make the first with\n  {}", key::first(global));
        }
        let service = Service::new(Arc::clone(&market), models, access)
            .with_webhooks(webhooks)
            .with(self.service.clone())
            .traced(traces)
            .counting(self.serving.count.clone());
        let served = Served::of(service);
        gate.open(served.routes);
        watching.open(served.watching);
        // what runs by itself has time: whoever asked while the stores were opened comes first
        let running = market.spawn();
        tracing::info!(journal = %global.journal, "ready");
        Ok(Stores { deliveries: served.deliveries, running, clerk, logging, stating, follower, market })
    }
}

/// The secret with which what is owed is stated.
fn stating_with(market: &Market, folder: &Path) -> Result<Blinding, Failure> {
    let of = (market.journal().as_ref(), market.id());
    blinding_or_new(of, folder, &chance()?, false).map_err(|error| {
        let without = "`--state-liabilities=false` serves without";
        Failure::Refused(format!("what is owed cannot be stated, {without}: {error}"))
    })
}

/// In the order in which they rest on each other: what runs by itself, the read models, the journal.
async fn close(stores: Stores) {
    let Stores { deliveries, running, clerk, logging, stating, follower, market } = stores;
    if let Some(stating) = stating {
        stating.abort();
        let _ = stating.await; // it was stopped, or had died and said so
    }
    deliveries.stop(LAST_DELIVERIES).await;
    running.stop().await;
    let closed = tokio::task::spawn_blocking(move || {
        drop(clerk); // writes what the log of accesses still has to say
        logging.into_iter().for_each(Logging::stop);
        follower.stop();
        let journal = Arc::clone(market.journal());
        drop(market);
        // The last handle finishes what the journal has accepted, so it must be this one: whoever still waits for
        // the journal to grow, on a thread of its own, gives up within a second.
        let began = Instant::now();
        while Arc::strong_count(&journal) > 1 && began.elapsed() < LAST_READERS {
            std::thread::sleep(Duration::from_millis(5));
        }
        if Arc::strong_count(&journal) > 1 {
            tracing::warn!("the journal is still being read: its log is put in order when it is next opened");
        }
    });
    if let Err(error) = closed.await {
        tracing::error!(%error, "the stores were not closed in order");
    }
}

async fn listen(address: SocketAddr, flag: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::Unavailable(format!("cannot listen on {address}: {error}; name another with {flag}"))
    })
}

fn start(
    listener: TcpListener,
    gate: Gate,
    serving: Serving,
    stopped: &watch::Receiver<bool>,
) -> tokio::task::JoinHandle<std::io::Result<()>> {
    let mut stopped = stopped.clone();
    let stop = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await; // who could say so has gone: stop as well
    };
    tokio::spawn(daybook_api::serve_with(listener, gate, serving, stop))
}

fn reload_on_hangup(tls: Tls) -> Result<(), Failure> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match tls.reload() {
                Ok(()) => tracing::info!("the certificates were read again"),
                Err(why) => tracing::error!(why, "the certificates stay as they were"),
            }
        }
    });
    Ok(())
}
