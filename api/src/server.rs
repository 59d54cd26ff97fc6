//! Listening, and stopping without cutting anyone off.

use std::future::Future;
use std::io;

use axum::Router;
use tokio::net::TcpListener;

/// Serves until `stop` resolves; requests under way are answered first.
///
/// # Errors
/// When the socket fails.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, routes).with_graceful_shutdown(stop).await
}
