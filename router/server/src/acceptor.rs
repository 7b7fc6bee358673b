//! Takes connections as long as there is room, and serves each in a task of its own.

use std::convert::Infallible;
use std::net::{self, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Limits;
use crate::front::Front;
use crate::serve::Serving;

/// How long accepting rests after it failed.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How many requests a client may have on one connection of HTTP/2.
const HTTP2_STREAMS: u32 = 256;

/// What serves the connections that a listener has.
pub(crate) struct Acceptor<'s> {
    serving: &'s Serving,
    connections: &'s GracefulShutdown,
    server: auto::Builder<TokioExecutor>,
    /// A place for each connection.
    places: Arc<Semaphore>,
}

impl<'s> Acceptor<'s> {
    /// Has no connection yet. Those to come are asked to end when `connections` are.
    pub(crate) fn new(serving: &'s Serving, connections: &'s GracefulShutdown) -> Self {
        let Limits { connections: places, .. } = serving.limits;
        let server = http_server(&serving.limits);
        Self { serving, connections, server, places: Arc::new(Semaphore::new(places)) }
    }

    /// Takes every connection, one after the other.
    pub(crate) async fn take_all(&self, listener: &TcpListener) -> Infallible {
        loop {
            let place = Arc::clone(&self.places).acquire_owned().await.expect("nobody closes it");
            let accepted = listener.accept().await;
            match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
                Ok((stream, peer)) => self.serve(stream, peer, place),
                Err(error) => {
                    // The process has too many files open, say: it may have fewer soon.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    /// Takes the connections that clients have made by now, and then no more; how many those are.
    pub(crate) fn take_last(&self, listener: TcpListener) -> usize {
        let Ok(listener) = listener.into_std() else { return 0 };
        let mut taken = 0;
        while let Ok(place) = Arc::clone(&self.places).try_acquire_owned()
            && let Ok((stream, peer)) = listener.accept()
        {
            if stream.set_nonblocking(true).is_ok() {
                self.serve(stream, peer, place);
                taken += 1;
            }
        }
        taken
    }

    fn serve(&self, stream: net::TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        let Serving { routes, app, live, workers, .. } = self.serving;
        // Answers are written whole: waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let front = Front::new(routes.clone(), app.clone(), peer, live.ending.clone());
        let front = Arc::new(front);
        let service = service_fn(move |request| {
            let answer = Arc::clone(&front).answer(request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let seat = workers.seat();
        let runtime = seat.runtime.clone();
        let (server, watcher) = (self.server.clone(), self.connections.watcher());
        let life = async move {
            let Ok(stream) = TcpStream::from_std(stream) else { return };
            let connection = server.serve_connection_with_upgrades(TokioIo::new(stream), service);
            // Broken connections are the clients' affair.
            let _ = watcher.watch(connection).await;
            drop((place, seat));
        };
        live.connections.spawn_on(life, &runtime);
    }
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
