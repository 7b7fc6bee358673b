//! The life of a server: bind, serve, and on Ctrl-C or TERM let requests finish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::acceptor::Acceptor;
use crate::app::App;
use crate::config::Limits;
use crate::error::StartError;
use crate::workers::Workers;

/// How long, when the server is asked to end, the next request of a connection is waited for.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// Routes, how they are served, and what must end with them.
pub struct Serving {
    pub(crate) routes: Router,
    /// What answers GraphQL without the routes, too.
    pub(crate) app: Option<Arc<App>>,
    pub(crate) live: Live,
    pub(crate) limits: Limits,
    pub(crate) workers: Workers,
}

impl Serving {
    /// Serves connections on threads of their own, rather than on the runtime that takes them.
    pub(crate) fn on(self, workers: Workers) -> Self {
        Self { workers, ..self }
    }

    /// The routes alone, to be called without a socket.
    pub fn into_routes(self) -> Router {
        self.routes
    }
}

/// What outlives the request that began it: subscriptions. Cheap to clone; the clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    /// Cancelled when the server is asked to end.
    pub(crate) ending: CancellationToken,
    /// What must have ended before the server has.
    pub(crate) tasks: TaskTracker,
    /// Connections: they are asked to end, and not waited for longer than that takes.
    pub(crate) connections: TaskTracker,
}

impl From<Router> for Serving {
    /// Routes that leave nothing behind.
    fn from(routes: Router) -> Self {
        let (live, limits, workers) = Default::default();
        Self { routes, app: None, live, limits, workers }
    }
}

/// Takes the address, or says why it cannot be had.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

/// Serves until `until` resolves; then ends subscriptions, answers what was asked, takes no more connections, and returns:
/// after some time also where a client does not take its answer.
///
/// A client may send its next request at any moment, on a connection that it has or on a new one. So connections are
/// first ended by their next answer, and only after a moment whether or not anything was asked.
pub async fn serve(
    listener: TcpListener,
    serving: impl Into<Serving>,
    until: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    let serving = serving.into();
    let Serving { live, limits, .. } = &serving;
    let connections = GracefulShutdown::new();
    let acceptor = Acceptor::new(&serving, &connections);
    tokio::select! {
        never = acceptor.take_all(&listener) => match never {},
        () = until => {}
    }
    live.ending.cancel();
    live.tasks.close();
    live.connections.close();
    tokio::select! {
        never = acceptor.take_all(&listener) => match never {},
        () = last_requests(live) => {}
    }
    if acceptor.take_last(listener) > 0 {
        last_requests(live).await;
    }
    drop(acceptor);
    let ended = futures::future::join(connections.shutdown(), live.tasks.wait());
    if tokio::time::timeout(limits.drain_timeout(), ended).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
    Ok(())
}

/// Resolves when no connection is left, or when there was time enough for each to ask once more.
async fn last_requests(live: &Live) {
    let _ = tokio::time::timeout(LAST_REQUESTS, live.connections.wait()).await;
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
