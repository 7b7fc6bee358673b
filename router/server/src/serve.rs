//! The life of a server: bind, serve, and on Ctrl-C or TERM let requests finish.

use std::net::SocketAddr;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::error::StartError;

/// Takes the address, or says why it cannot be had.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

/// Serves until `until` resolves; then takes no more connections, answers what was asked, and returns.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    until: impl Future<Output = ()> + Send + 'static,
) -> Result<(), StartError> {
    // Answers are written whole: waiting to fill a packet only delays them.
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(until).await.map_err(StartError::Serve)
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
