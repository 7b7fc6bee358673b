//! Serves the subgraphs of a federation over HTTP/1.1, each at a path of its name.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::http::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::federation::Federation;

/// Serves until the process ends. Each answer is held back for `latency`.
pub async fn serve(
    listener: TcpListener,
    federation: Federation,
    latency: Duration,
) -> anyhow::Result<Infallible> {
    let federation = Arc::new(federation);
    answer_all(listener, move |request| {
        let federation = Arc::clone(&federation);
        async move {
            let name = request.uri().path().trim_start_matches('/').to_owned();
            let body = request.into_body().collect().await?.to_bytes();
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            let answer = federation.subgraphs.get(&name).map(|subgraph| subgraph.answer(&body));
            Ok(answer)
        }
    })
    .await
}

/// Accepts connections, and answers each request with what `answer` says; none is a 404.
pub(crate) async fn answer_all<A, F>(listener: TcpListener, answer: A) -> anyhow::Result<Infallible>
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = anyhow::Result<Option<Bytes>>> + Send + 'static,
{
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (connection, _): (_, SocketAddr) = listener.accept().await?;
        connection.set_nodelay(true)?;
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answer = answer(request);
            async move { answer.await.map(response) }
        });
        connections
            .spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
        while connections.try_join_next().is_some() {}
    }
}

fn response(answer: Option<Bytes>) -> Response<Full<Bytes>> {
    let status = if answer.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let mut response = Response::new(Full::new(answer.unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
