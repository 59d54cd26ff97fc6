//! `daybook serve`

use std::net::SocketAddr;
use std::sync::Arc;

use daybook_api::access::{Clerk, Settings};
use daybook_api::webhooks;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Global;
use crate::cmd::key;
use crate::failure::Failure;
use crate::open::told;
use crate::output::say;
use crate::progress::Progress;

/// Run the market: reactors, deadlines, read models, HTTP
#[derive(Debug, clap::Args)]
#[command(long_about = "Run the market: reactors, deadlines, read models, HTTP.\n\n\
    Every request but those for health and for the description of the API needs a key: see `daybook key`. Stops on \
    Ctrl-C or SIGTERM, after the requests under way.")]
pub struct Args {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Let webhooks call receivers without TLS
    #[arg(long, env = "DAYBOOK_WEBHOOKS_ALLOW_HTTP")]
    webhooks_allow_http: bool,
    /// Let webhooks call receivers in private networks and on this machine
    #[arg(long, env = "DAYBOOK_WEBHOOKS_ALLOW_PRIVATE")]
    webhooks_allow_private: bool,
}

pub fn run(global: &Global, args: &Args) -> Result<(), Failure> {
    let market = Arc::new(global.market()?);
    let access = Arc::new(global.access(Settings::default())?);
    let webhooks = global.webhooks(webhooks::Options {
        allow_http: args.webhooks_allow_http,
        allow_private: args.webhooks_allow_private,
        ..webhooks::Options::default()
    })?;
    let clerk = Clerk::start(Arc::clone(&access))?;
    let progress = Progress::new(!global.no_progress, "catching up", 1);
    let url = global.read_models.as_ref().map(ToString::to_string);
    let (models, follower) = market.follow(url.as_deref(), &mut told(&progress))?;
    drop(progress);
    let served = global.runtime()?.block_on(async {
        let listener = TcpListener::bind(args.listen).await.map_err(|error| {
            Failure::Unavailable(format!(
                "cannot listen on {}: {error}; name another with --listen",
                args.listen
            ))
        })?;
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        };
        let address = listener.local_addr()?;
        let running = market.spawn();
        let service = daybook_api::Service::new(Arc::clone(&market), models, Arc::clone(&access))
            .with_webhooks(webhooks);
        say!("listening on http://{address}");
        if access.is_empty() {
            say!("nobody has a key yet; make the first with\n  {}", key::first(global));
        }
        let served = daybook_api::serve(listener, daybook_api::router(service), stop).await;
        running.stop().await;
        served.map_err(|error| Failure::Unavailable(format!("serving failed: {error}")))
    });
    drop(clerk);
    follower.stop();
    say!("stopped");
    served
}
