//! How bytes reach a subgraph: over HTTP, or in the same process.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use executor::{SubgraphError, SubgraphResponse};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use tower::ServiceExt;

use crate::connections::Connections;
use crate::http1::{Endpoint, Posted};

/// The way to a subgraph. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Transport {
    /// Over HTTP.
    Http {
        /// Its endpoint, and the connections there.
        endpoint: Arc<Endpoint>,
    },
    /// Over HTTP with TLS, or HTTP/2.
    Shared {
        /// The address of its endpoint.
        url: Uri,
        /// The connections, which are not to this subgraph alone.
        connections: Arc<Connections>,
    },
    /// In the same process: no sockets.
    InProcess {
        /// What answers. It is asked as over HTTP, at `/graphql`.
        service: Router,
    },
}

impl Transport {
    /// Over HTTP/1.1.
    pub(crate) fn http(url: &Uri) -> Self {
        Self::Http { endpoint: Arc::new(Endpoint::new(url)) }
    }

    /// Posts a body and reads the whole answer, of at most `limit_bytes`. The caller keeps the time.
    pub(crate) async fn post(
        &self,
        posted: Posted<'_>,
        limit_bytes: usize,
    ) -> Result<SubgraphResponse, SubgraphError> {
        match self {
            Self::Http { endpoint } => endpoint.post(posted, limit_bytes).await,
            Self::Shared { url, connections } => {
                let Posted { headers, body, .. } = posted;
                let request = post(url.clone(), headers.into_owned(), Full::new(body));
                // Over TLS, the two sides agree on the version.
                let answer = match url.scheme_str() {
                    Some("https") => connections.send(request).await,
                    _ => connections.send_http2(request).await,
                };
                read(answer?, limit_bytes).await
            }
            Self::InProcess { service } => {
                let Posted { headers, body, .. } = posted;
                read(call(service, headers.into_owned(), body).await, limit_bytes).await
            }
        }
    }
}

/// Asks a subgraph in the same process.
pub(crate) async fn call(service: &Router, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let request = post(Uri::from_static("/graphql"), headers, Body::from(body));
    match service.clone().oneshot(request).await {
        Ok(response) => response,
        Err(infallible) => match infallible {},
    }
}

pub(crate) fn post<B>(uri: Uri, headers: HeaderMap, body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

/// The whole body: without a copy where it comes in one piece, else in one buffer of the announced size.
pub(crate) async fn read<B>(
    response: Response<B>,
    limit_bytes: usize,
) -> Result<SubgraphResponse, SubgraphError>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit_bytes {
        return Err(SubgraphError::TooLarge);
    }
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| SubgraphError::Unreachable)?;
        let Ok(piece) = frame.into_data() else { continue };
        if first.len() + whole.len() + piece.len() > limit_bytes {
            return Err(SubgraphError::TooLarge);
        }
        if whole.is_empty() && first.is_empty() {
            first = piece;
            continue;
        }
        if whole.is_empty() {
            whole.reserve(announced.max(first.len() + piece.len()));
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        whole.extend_from_slice(&piece);
    }
    let body = if whole.is_empty() { first } else { whole.freeze() };
    Ok(SubgraphResponse { status, body })
}
