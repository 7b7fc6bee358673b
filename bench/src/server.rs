//! Serves the subgraphs of a federation over HTTP/1.1, each at a path of its name.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::federation::Federation;
use crate::http1::{Asked, Connection};

/// Serves until the process ends. Each answer is held back for `latency`.
pub async fn serve(
    listener: TcpListener,
    federation: Federation,
    latency: Duration,
) -> anyhow::Result<Infallible> {
    let federation = Arc::new(federation);
    answer_all(listener, move |asked| {
        let federation = Arc::clone(&federation);
        async move {
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            let subgraph = federation.subgraphs.get(asked.path.trim_start_matches('/'));
            Ok(subgraph.map(|subgraph| subgraph.answer(&asked.body)))
        }
    })
    .await
}

/// Accepts connections, and answers each request with what `answer` says; none is a 404.
pub(crate) async fn answer_all<A, F>(listener: TcpListener, answer: A) -> anyhow::Result<Infallible>
where
    A: Fn(Asked) -> F + Clone + Send + 'static,
    F: Future<Output = anyhow::Result<Option<Bytes>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let (stream, _): (_, SocketAddr) = listener.accept().await?;
        connections.spawn(answer_each(Connection::new(stream)?, answer.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn answer_each<F>(
    mut connection: Connection,
    answer: impl Fn(Asked) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<Option<Bytes>>>,
{
    while let Some(asked) = connection.asked().await? {
        let answer = answer(asked).await?;
        let status = if answer.is_some() { "200 OK" } else { "404 Not Found" };
        let start = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n");
        connection.write(start, answer.unwrap_or_default()).await?;
    }
    Ok(())
}
