//! The life of a server: bind, serve, and on Ctrl-C or TERM let requests finish.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use futures::TryFutureExt;
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::config::Limits;
use crate::error::StartError;
use crate::workers::Workers;

/// How long accepting rests after it failed.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How long, when the server is asked to end, the next request of a connection is waited for.
const LAST_REQUESTS: Duration = Duration::from_secs(1);
/// How many requests a client may have on one connection of HTTP/2.
const HTTP2_STREAMS: u32 = 256;

/// Routes, how they are served, and what must end with them.
pub struct Serving {
    pub(crate) routes: Router,
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
    connections: TaskTracker,
}

impl From<Router> for Serving {
    /// Routes that leave nothing behind.
    fn from(routes: Router) -> Self {
        let (live, limits, workers) = Default::default();
        Self { routes, live, limits, workers }
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
    {
        let accept = accept(&listener, &serving, &connections);
        tokio::pin!(accept);
        tokio::select! {
            never = &mut accept => match never {},
            () = until => {}
        }
        live.ending.cancel();
        live.tasks.close();
        live.connections.close();
        tokio::select! {
            never = &mut accept => match never {},
            () = live.connections.wait() => {}
            () = tokio::time::sleep(LAST_REQUESTS) => {}
        }
    }
    drop(listener);
    let ended = futures::future::join(connections.shutdown(), live.tasks.wait());
    if tokio::time::timeout(limits.drain_timeout(), ended).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
    Ok(())
}

/// Takes connections as long as there is room, and serves each in a task of its own.
async fn accept(
    listener: &TcpListener,
    Serving { routes, live, limits, workers }: &Serving,
    connections: &GracefulShutdown,
) -> Infallible {
    let places = Arc::new(Semaphore::new(limits.connections));
    let server = http_server(limits);
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes it");
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // The process has too many files open, say: it may have fewer soon.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        // Answers are written whole: waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let (routes, ending) = (routes.clone(), live.ending.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let ending = ending.clone();
            let answer = routes.clone().oneshot(request.map(Body::new));
            answer.map_ok(move |answer| if ending.is_cancelled() { last(answer) } else { answer })
        });
        let seat = workers.seat();
        let (server, watcher, runtime) =
            (server.clone(), connections.watcher(), seat.runtime.clone());
        let life = async move {
            // From the runtime that took it to the one that serves it.
            let Ok(stream) = stream.into_std().and_then(TcpStream::from_std) else { return };
            let connection = server.serve_connection_with_upgrades(TokioIo::new(stream), service);
            // Broken connections are the clients' affair.
            let _ = watcher.watch(connection).await;
            drop((place, seat));
        };
        live.connections.spawn_on(life, &runtime);
    }
}

/// The last answer of a connection, if that is not to become a WebSocket. HTTP/2 knows no such header, and is not sent it.
fn last(mut answer: Response) -> Response {
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// HTTP/1.1 and HTTP/2, whichever a client begins with.
fn http_server(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(limits.head_timeout());
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.head_timeout())
        .max_concurrent_streams(HTTP2_STREAMS);
    server
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
