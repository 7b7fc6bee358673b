//! How a request reaches a peer: over HTTP, or in the same process.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use tower::ServiceExt;
use url::Url;

/// The largest answer that is read.
const ANSWER_LIMIT_BYTES: usize = 16 << 20;

/// The way to a peer. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Over HTTP, at this address (without the path).
    Http(HttpPeer),
    /// In the same process.
    InProcess(InProcessPeer),
}

/// A peer behind an address.
#[derive(Debug, Clone)]
pub struct HttpPeer {
    base: Url,
    client: reqwest::Client,
}

/// A peer in the same process, which may start later than whoever asks it: see [`InProcessPeer::bind`].
#[derive(Debug, Clone, Default)]
pub struct InProcessPeer(Arc<OnceLock<Router>>);

impl InProcessPeer {
    /// A peer that is not there yet; until bound it cannot be reached.
    pub fn unbound() -> Self {
        Self::default()
    }

    /// From now on, and for all clones, requests go to this app. Only the first call counts.
    pub fn bind(&self, app: Router) {
        let _ = self.0.set(app);
    }
}

/// Chooses the process's TLS provider. A second call changes nothing.
pub fn install_tls() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The deadline passed before the whole answer was there.
    #[error("no answer in time")]
    Timeout,
    /// The connection could not be made, or broke.
    #[error("cannot be reached")]
    Unreachable,
}

impl Transport {
    /// Over HTTP: `base` is the peer's address without a path, as in `http://auth:4001`.
    ///
    /// Needs the process's TLS provider; [`install_tls`] sets it.
    pub fn http(base: &Url) -> Self {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .pool_idle_timeout(Duration::from_mins(1))
            .build()
            .expect("a client without certificates or proxies of its own builds");
        Self::Http(HttpPeer { base: base.clone(), client })
    }

    /// In the same process.
    pub fn in_process(peer: &InProcessPeer) -> Self {
        Self::InProcess(peer.clone())
    }

    /// Sends one request, whose URI is a path, and reads the whole answer before the deadline.
    pub async fn send(
        &self,
        request: Request<Bytes>,
        timeout: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let answer = async {
            match self {
                Self::Http(peer) => peer.send(request).await,
                Self::InProcess(peer) => peer.send(request).await,
            }
        };
        tokio::time::timeout(timeout, answer).await.unwrap_or(Err(TransportError::Timeout))
    }
}

impl HttpPeer {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let (parts, body) = request.into_parts();
        let url = self.base.join(parts.uri.path()).map_err(|_| TransportError::Unreachable)?;
        let sent =
            self.client.request(parts.method, url).headers(parts.headers).body(body).send().await;
        let answer = sent.map_err(|_| TransportError::Unreachable)?;
        let status = answer.status();
        if answer.content_length().is_some_and(|length| length > ANSWER_LIMIT_BYTES as u64) {
            return Err(TransportError::Unreachable);
        }
        let body = answer.bytes().await.map_err(|_| TransportError::Unreachable)?;
        let mut response = Response::new(body);
        *response.status_mut() = status;
        Ok(response)
    }
}

impl InProcessPeer {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let app = self.0.get().ok_or(TransportError::Unreachable)?.clone();
        let answer = match app.oneshot(request.map(Body::from)).await {
            Ok(answer) => answer,
            Err(infallible) => match infallible {},
        };
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT_BYTES)
            .collect()
            .await
            .map_err(|_| TransportError::Unreachable)?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}
