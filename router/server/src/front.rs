//! Where a connection's requests go: a POST to `/graphql` straight to what answers it, all others through the routes.
//!
//! What routes do for a request, that one has no need of: its path is known, and `cors` concerns browsers' requests,
//! which tell their origin. What this saves is in `bench/README.md`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::app::{App, GRAPHQL_PATH};
use crate::request_context::Peer;
use crate::respond::answer;

/// What answers the requests of a connection.
pub(crate) struct Front {
    routes: Router,
    app: Option<Arc<App>>,
    peer: Peer,
    ending: CancellationToken,
}

impl Front {
    /// For a connection of `peer`. Without an app, all requests take the routes.
    pub(crate) fn new(
        routes: Router,
        app: Option<Arc<App>>,
        peer: SocketAddr,
        ending: CancellationToken,
    ) -> Self {
        Self { routes, app, peer: Peer::of(peer), ending }
    }

    /// Answers a request: for the last time on its connection, when the server is asked to end.
    pub(crate) async fn answer(self: Arc<Self>, mut request: Request<Incoming>) -> Response {
        let answered = match &self.app {
            Some(app) if is_plain(&request) => {
                answer(app, request.map(Body::new), Some(&self.peer)).await
            }
            _ => {
                request.extensions_mut().insert(self.peer.clone());
                match self.routes.clone().oneshot(request.map(Body::new)).await {
                    Ok(answered) => answered,
                    Err(infallible) => match infallible {},
                }
            }
        };
        if self.ending.is_cancelled() { last(answered) } else { answered }
    }
}

fn is_plain(request: &Request<Incoming>) -> bool {
    let says = |name| request.headers().contains_key(name);
    *request.method() == Method::POST
        && request.uri().path() == GRAPHQL_PATH
        && !says(header::ORIGIN)
        && !says(header::UPGRADE)
}

/// The last answer of a connection, if that is not to become a WebSocket. HTTP/2 knows no such header, and is not sent it.
fn last(mut answer: Response) -> Response {
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}
