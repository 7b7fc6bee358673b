//! The life of a service process: bind, serve, and on Ctrl-C or TERM let requests and tasks finish.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

use crate::error::StartError;
use crate::tasks::{Drain, Tasks};

/// A service that is ready: its routes, and the tasks beside them.
#[derive(Debug)]
pub struct Running {
    /// The routes.
    pub app: Router,
    /// What runs beside, until [`Tasks::stop`].
    pub tasks: Tasks,
}

/// How long whoever reads a stream may take to read its end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves until Ctrl-C or TERM; then answers what was asked, ends the subscriptions and the tasks, and returns.
pub async fn serve(
    name: &str,
    listen: SocketAddr,
    running: Running,
    drain: Drain,
) -> Result<(), StartError> {
    let bound = TcpListener::bind(listen).await;
    let listener =
        bound.map_err(|source| StartError::Listen { address: listen.to_string(), source })?;
    let address = listener.local_addr().map_err(StartError::Serve)?;
    tracing::info!(service = name, %address, "listening");
    let ending = drain.clone();
    let served = axum::serve(listener, running.app)
        .with_graceful_shutdown(async move {
            asked_to_end().await;
            ending.begin();
        })
        .await;
    tracing::info!(service = name, "ending");
    if tokio::time::timeout(FAREWELL, drain.finished()).await.is_err() {
        tracing::warn!(open = drain.open(), "some subscriptions did not end in time");
    }
    running.tasks.stop().await;
    served.map_err(StartError::Serve)
}

/// Resolves when the process is asked to end.
pub async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
