//! Listening, and stopping without cutting anyone off.

use std::future::Future;
use std::io;

use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::sync::watch;

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

/// Serves until `stop` resolves; requests under way are answered first.
///
/// # Errors
/// When the socket fails.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (closing, begun) = watch::channel(false);
    let stop = async move {
        stop.await;
        closing.send_replace(true);
    };
    axum::serve(listener, routes.layer(Extension(Closing(begun)))).with_graceful_shutdown(stop).await
}
