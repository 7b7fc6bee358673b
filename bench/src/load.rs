//! Clients that ask a router one request after the other, each request with an `authorization` of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::connection::Connection;

/// What was seen of a router.
#[derive(Debug, Default)]
pub struct Load {
    /// How long each request took, sorted.
    pub latencies: Vec<Duration>,
    /// Requests without an answer, or with another answer than the first.
    pub wrong: usize,
    /// How long it took altogether.
    pub elapsed: Duration,
}

impl Load {
    /// The latency below which so many of a hundred requests were.
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = self.latencies.len() * percent / 100;
        self.latencies
            .get(at.min(self.latencies.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }

    /// How many requests.
    pub fn requests(&self) -> f64 {
        u32::try_from(self.latencies.len()).map_or(f64::INFINITY, f64::from)
    }

    /// Requests in a second.
    pub fn throughput(&self) -> f64 {
        self.requests() / self.elapsed.as_secs_f64()
    }
}

/// Asks once.
pub async fn ask(router: SocketAddr, body: &Bytes) -> anyhow::Result<Bytes> {
    let mut connection = Connection::open(router).await?;
    connection.post("/graphql", &authorization(), body.clone()).await
}

/// Asks for some time. `expected` is the answer, to the byte.
pub async fn run(
    router: SocketAddr,
    body: &Bytes,
    expected: &Bytes,
    clients: usize,
    time: Duration,
) -> anyhow::Result<Load> {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        tasks.spawn(client(router, body.clone(), expected.clone(), started + time));
    }
    let mut load = Load::default();
    while let Some(client) = tasks.join_next().await {
        let (latencies, wrong) = client.context("a client panicked")??;
        load.latencies.extend(latencies);
        load.wrong += wrong;
    }
    load.elapsed = started.elapsed();
    load.latencies.sort_unstable();
    Ok(load)
}

async fn client(
    router: SocketAddr,
    body: Bytes,
    expected: Bytes,
    end: Instant,
) -> anyhow::Result<(Vec<Duration>, usize)> {
    let mut connection = Connection::open(router).await?;
    let (mut latencies, mut wrong) = (Vec::new(), 0);
    while Instant::now() < end {
        let started = Instant::now();
        let answer = connection.post("/graphql", &authorization(), body.clone()).await;
        if answer.is_err() {
            connection = Connection::open(router).await?;
        }
        wrong += usize::from(!answer.is_ok_and(|answer| answer == expected));
        latencies.push(started.elapsed());
    }
    Ok((latencies, wrong))
}

/// One that no other request has: no router can answer two requests by one execution.
fn authorization() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("Bearer bench-{}-{number}", std::process::id())
}
