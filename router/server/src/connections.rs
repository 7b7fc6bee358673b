//! Connections to subgraphs for all that is not plain HTTP/1.1 with one answer: TLS, HTTP/2, streams, WebSockets.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use executor::SubgraphError;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tower::ServiceExt;

use crate::error::StartError;
use crate::event_source::Connection;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often the system asks whether a silent peer is still there.
const KEEP_ALIVE: Duration = Duration::from_mins(1);
/// How long an unused connection is kept; less than what servers commonly allow, so that it is us who closes it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections, kept alive and shared by all subgraphs.
#[derive(Debug)]
pub(crate) struct Connections {
    pool: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// The same without TLS, speaking HTTP/2 from the first byte.
    http2_pool: Client<HttpConnector, Full<Bytes>>,
    /// For what takes a connection of its own.
    connector: HttpsConnector<HttpConnector>,
}

impl Connections {
    /// Opens none yet. Without roots, there is none with TLS.
    pub(crate) fn new(roots: RootCertStore) -> Self {
        let config = tls_config(roots);
        let http = http_connector();
        let connector = |config: ClientConfig| HttpsConnectorBuilder::new().with_tls_config(config);
        let pooled = connector(config.clone()).https_or_http().enable_all_versions();
        // A WebSocket opens over HTTP/1.1.
        let alone = connector(config).https_or_http().enable_http1();
        let mut pool = Client::builder(TokioExecutor::new());
        pool.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT);
        Self {
            http2_pool: pool.clone().http2_only(true).build(http.clone()),
            pool: pool.build(pooled.wrap_connector(http.clone())),
            connector: alone.wrap_connector(http),
        }
    }

    /// Sends a request; HTTP/2 where TLS says that the subgraph speaks it.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Body>, SubgraphError> {
        let answer = self.pool.request(request).await;
        answer.map(|answer| answer.map(Body::new)).map_err(|error| unreachable(&error))
    }

    /// Sends a request by HTTP/2, without TLS: the subgraph must speak it.
    pub(crate) async fn send_http2(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Body>, SubgraphError> {
        let answer = self.http2_pool.request(request).await;
        answer.map(|answer| answer.map(Body::new)).map_err(|error| unreachable(&error))
    }

    /// A connection that is the caller's alone.
    pub(crate) async fn open(&self, url: Uri) -> Result<Box<dyn Connection>, SubgraphError> {
        match self.connector.clone().oneshot(url).await {
            Ok(connection) => Ok(Box::new(TokioIo::new(connection))),
            Err(error) => {
                tracing::debug!(%error, "no connection to a subgraph");
                Err(SubgraphError::Unreachable)
            }
        }
    }
}

/// What clients are told names no cause, so operators are.
fn unreachable(error: &hyper_util::client::legacy::Error) -> SubgraphError {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::debug!(%error, cause, "a request to a subgraph failed");
    SubgraphError::Unreachable
}

fn http_connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_keepalive(Some(KEEP_ALIVE));
    connector
}

/// The certificates that the system trusts, and those in `ca_file`.
pub(crate) fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, StartError> {
    let mut roots = RootCertStore::empty();
    // A system without certificates is one that talks to none but its own authority's, or without TLS.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        for certificate in read_certificates(path)? {
            let added = roots.add(certificate);
            added.map_err(|error| unusable(path.to_owned(), &error))?;
        }
    }
    Ok(roots)
}

fn tls_config(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks the default versions of TLS");
    config.with_root_certificates(roots).with_no_client_auth()
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let pem =
        std::fs::read(path).map_err(|source| StartError::Read { path: path.to_owned(), source })?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| unusable(path.to_owned(), &error))?;
    if certificates.is_empty() {
        return Err(unusable(path.to_owned(), &"it has no certificate"));
    }
    Ok(certificates)
}

fn unusable(path: PathBuf, reason: &dyn std::fmt::Display) -> StartError {
    StartError::Config { path, reason: reason.to_string() }
}
