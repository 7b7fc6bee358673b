//! Posts JSON over HTTP/1.1 and reads the whole answer, in the caller's own task.
//!
//! A general client has a task for each connection, and channels to it; buffers that stay with the connection; and a map
//! of headers for each request. An exchange between router and subgraph needs none of them: it writes once, and reads the
//! answer into a buffer of the announced size. What that saves is in `bench/README.md`.
//!
//! Spec: <https://www.rfc-editor.org/rfc/rfc9112>. Anything that is not by it is an unreachable subgraph.

mod answer;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use executor::{SubgraphError, SubgraphResponse};
use http::{HeaderMap, Uri};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::runtime::{self, Handle};

use crate::http1::answer::read_answer;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an unused connection is kept; less than what servers commonly allow, so that it is us who closes it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long after its last answer a connection may carry a request that cannot be sent again: no server closes one so soon.
const FRESH: Duration = Duration::from_secs(1);
/// How many unused connections are kept.
const IDLE_CONNECTIONS: usize = 1_000;

/// An address to post to, and the connections there that are not at work.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// `host:port`
    address: String,
    /// The request up to its first header.
    request_start: Box<[u8]>,
    idle: Mutex<Pools>,
}

/// The connections of each runtime: to another, news of them would have to be handed over.
type Pools = Vec<(runtime::Id, VecDeque<Idle>)>;

/// A connection that waits for work, and since when.
#[derive(Debug)]
struct Idle {
    stream: TcpStream,
    since: Instant,
}

/// What is posted.
#[derive(Debug)]
pub(crate) struct Posted<'h> {
    pub(crate) headers: Cow<'h, HeaderMap>,
    pub(crate) body: Bytes,
    /// Whether it may be sent again, where it is not known whether it arrived.
    pub(crate) repeatable: bool,
}

/// Why there is no answer.
#[derive(Debug)]
enum NoAnswer {
    /// The connection ended before the first byte: the peer may have closed it without seeing the request.
    Silent,
    Failed(SubgraphError),
}

impl From<NoAnswer> for SubgraphError {
    fn from(no_answer: NoAnswer) -> Self {
        match no_answer {
            NoAnswer::Silent => Self::Unreachable,
            NoAnswer::Failed(error) => error,
        }
    }
}

impl From<SubgraphError> for NoAnswer {
    fn from(error: SubgraphError) -> Self {
        Self::Failed(error)
    }
}

/// An answer, and whether its connection can carry another request.
struct Exchanged {
    answer: SubgraphResponse,
    reusable: bool,
}

impl Endpoint {
    /// An endpoint with the scheme `http`. Opens no connection yet.
    pub(crate) fn new(url: &Uri) -> Self {
        let host = url.host().unwrap_or_default();
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let (address, host) = match url.port_u16() {
            Some(port) => (format!("{host}:{port}"), format!("{host}:{port}")),
            None => (format!("{host}:80"), host.to_owned()),
        };
        let request_start = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\n");
        Self { address, request_start: request_start.into_bytes().into(), idle: Mutex::default() }
    }

    /// Posts a body and reads the answer, of at most `limit_bytes`. The caller keeps the time.
    pub(crate) async fn post(
        &self,
        posted: Posted<'_>,
        limit_bytes: usize,
    ) -> Result<SubgraphResponse, SubgraphError> {
        let Posted { headers, body, repeatable } = posted;
        let request = [Bytes::from(self.head(&headers, body.len())), body];
        // A server may close a connection at the moment in which it is used again.
        if let Some(stream) = self.take_idle(if repeatable { IDLE_TIMEOUT } else { FRESH }) {
            match self.exchange(stream, &request, limit_bytes).await {
                Err(NoAnswer::Silent) if repeatable => {}
                outcome => return outcome.map_err(Into::into),
            }
        }
        let stream = self.connect().await?;
        self.exchange(stream, &request, limit_bytes).await.map_err(Into::into)
    }

    async fn exchange(
        &self,
        mut stream: TcpStream,
        request: &[Bytes; 2],
        limit_bytes: usize,
    ) -> Result<SubgraphResponse, NoAnswer> {
        let Exchanged { answer, reusable } = exchange(&mut stream, request, limit_bytes).await?;
        if reusable {
            self.keep(stream);
        }
        Ok(answer)
    }

    fn head(&self, headers: &HeaderMap, body_bytes: usize) -> Vec<u8> {
        let mut head = Vec::with_capacity(512);
        head.extend_from_slice(&self.request_start);
        for (name, value) in headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        write!(head, "content-length: {body_bytes}\r\n\r\n").expect("a `Vec` takes all");
        head
    }

    async fn connect(&self) -> Result<TcpStream, SubgraphError> {
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(&self.address));
        let stream = connected.await.map_err(|_| SubgraphError::Unreachable)?;
        let stream = stream.map_err(|_| SubgraphError::Unreachable)?;
        // Requests are written whole: waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// The connection that was used last, if that is not longer ago and it is still open.
    fn take_idle(&self, longest: Duration) -> Option<TcpStream> {
        loop {
            let is_recent = |last: &mut Idle| last.since.elapsed() < longest;
            let Idle { stream, .. } = self.with_pool(|pool| pool.pop_back_if(is_recent))?;
            // What can be read is its end, or what nobody asked for.
            if stream.try_read(&mut [0]).is_err_and(|error| is_no_news(&error)) {
                return Some(stream);
            }
        }
    }

    fn keep(&self, stream: TcpStream) {
        let now = Instant::now();
        let is_old = |first: &mut Idle| now.duration_since(first.since) >= IDLE_TIMEOUT;
        self.with_pool(|pool| {
            while pool.pop_front_if(is_old).is_some() {}
            if pool.len() < IDLE_CONNECTIONS {
                pool.push_back(Idle { stream, since: now });
            }
        });
    }

    /// Does something with the connections of the runtime that it is called on.
    fn with_pool<T>(&self, then: impl FnOnce(&mut VecDeque<Idle>) -> T) -> T {
        let runtime = Handle::current().id();
        let mut pools = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let at = pools.iter().position(|(of, _)| *of == runtime).unwrap_or_else(|| {
            pools.push((runtime, VecDeque::new()));
            pools.len() - 1
        });
        then(&mut pools[at].1)
    }
}

fn is_no_news(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::WouldBlock
}

/// Writes a request and reads its answer, which may come before all of the request is written.
async fn exchange(
    stream: &mut TcpStream,
    [head, body]: &[Bytes; 2],
    limit_bytes: usize,
) -> Result<Exchanged, NoAnswer> {
    let (reading, mut writing) = stream.split();
    let mut request = head.clone().chain(body.clone());
    let write = writing.write_all_buf(&mut request);
    let read = async {
        // Until there is something to read, there need be no buffer to read it into.
        reading.readable().await.map_err(|_| NoAnswer::Silent)?;
        read_answer(reading, limit_bytes).await
    };
    tokio::pin!(write, read);
    tokio::select! {
        biased;
        // A peer that takes no more of the request may have said why.
        _ = &mut write => read.await,
        answered = &mut read => {
            answered.map(|exchanged| Exchanged { reusable: false, ..exchanged })
        }
    }
}
