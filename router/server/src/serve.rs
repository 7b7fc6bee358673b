//! The life of a server: bind, serve, and on Ctrl-C or TERM let requests finish.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::StartError;

/// How long requests at work may take to end, where nothing else is said.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Routes, and what must end with them.
pub struct Serving {
    pub(crate) routes: Router,
    pub(crate) live: Live,
    pub(crate) drain_timeout: Duration,
}

impl Serving {
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
}

impl From<Router> for Serving {
    /// Routes that leave nothing behind.
    fn from(routes: Router) -> Self {
        Self { routes, live: Live::default(), drain_timeout: DRAIN_TIMEOUT }
    }
}

/// Takes the address, or says why it cannot be had.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

/// Serves until `until` resolves; then takes no more connections, answers what was asked, ends subscriptions, and returns:
/// after some time also where a client does not take its answer.
pub async fn serve(
    listener: TcpListener,
    serving: impl Into<Serving>,
    until: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    let Serving { routes, live, drain_timeout } = serving.into();
    // Answers are written whole: waiting to fill a packet only delays them.
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    let ending = live.ending.clone();
    let asked = async move {
        until.await;
        ending.cancel();
    };
    let app = routes.into_make_service_with_connect_info::<SocketAddr>();
    let serving = async {
        axum::serve(listener, app).with_graceful_shutdown(asked).await?;
        live.tasks.close();
        live.tasks.wait().await;
        Ok(())
    };
    let too_late = async {
        live.ending.cancelled().await;
        tokio::time::sleep(drain_timeout).await;
    };
    tokio::select! {
        served = serving => served.map_err(StartError::Serve),
        () = too_late => {
            tracing::warn!("some requests did not end in time");
            Ok(())
        }
    }
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
