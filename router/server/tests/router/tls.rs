//! Subgraphs behind TLS and HTTP/2. The certificate beside this file is for `localhost`, signed by itself, and good for a
//! hundred years.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::serve::Listener;
use composition::SubgraphSource;
use http::Version;
use serde_json::{Value, json};
use server::{Config, Connector, CurrentGraph, Graph, compose, system_clock};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

use crate::http_client::post;
use crate::socket::review_by;
use crate::socket_client::SocketClient;
use crate::subgraph::Subgraph;
use crate::world::{World, app_of, reviews, source};

/// A listener that speaks TLS, and offers both versions of HTTP.
struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            // Who does not trust us hangs up.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// Serves a subgraph behind TLS.
async fn serve_tls(world: &mut World, subgraph: &Subgraph) -> SocketAddr {
    let certificate =
        CertificateDer::from_pem_slice(include_bytes!("tls/certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    let mut config = config.unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let listener = TlsListener { tcp, acceptor: TlsAcceptor::from(Arc::new(config)) };
    let serving = axum::serve(listener, subgraph.app()).into_future();
    drop(world.spawn(serving));
    address
}

/// A router before one subgraph.
async fn route(world: &mut World, reviews: &Subgraph, url: &str, config: &Config) -> SocketAddr {
    let sources: [SubgraphSource; 1] = [source("reviews", url, reviews)];
    let sdl = compose(&sources).unwrap().supergraph_sdl;
    let connector = Connector::http(config, &|_| None, system_clock).unwrap();
    let graph = Graph::load(&sdl, &connector, config).unwrap();
    world.serve(app_of(CurrentGraph::holding(graph), config)).await
}

#[tokio::test]
async fn a_subgraph_behind_tls_is_asked_by_http_2_and_subscribed_to() {
    let ca_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/router/tls/certificate.pem");
    let (mut world, reviews) = (World::default(), reviews());
    let port = serve_tls(&mut world, &reviews).await.port();
    let url = format!("https://localhost:{port}/graphql");
    let mut config = Config::default();
    config.subgraphs.ca_file = Some(ca_file);
    let router = route(&mut world, &reviews, &url, &config).await;
    let answer = post(router, &[], &json!({ "query": "{ latestReview { text } }" })).await;
    assert_eq!(answer.text, r#"{"data":{"latestReview":{"text":"Good"}}}"#);
    assert_eq!(reviews.requests()[0].version, Version::HTTP_2);

    let mut client = SocketClient::begin(router, Value::Null).await;
    client.subscribe("a", "subscription { reviewAdded { text } }").await;
    assert_eq!(reviews.feed().heard().await, "subscribed");
    reviews.feed().say(review_by("1"));
    assert_eq!(client.receive().await["payload"]["data"]["reviewAdded"]["text"], "New");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_trusted() {
    let (mut world, reviews) = (World::default(), reviews());
    let port = serve_tls(&mut world, &reviews).await.port();
    let url = format!("https://localhost:{port}/graphql");
    let router = route(&mut world, &reviews, &url, &Config::default()).await;
    let answer = post(router, &[], &json!({ "query": "{ latestReview { text } }" })).await;
    assert_eq!(answer.code(), "SUBGRAPH_UNREACHABLE");
    assert!(reviews.requests().is_empty());
}

#[tokio::test]
async fn http_2_without_tls_is_spoken_where_the_settings_say_so() {
    let (mut world, reviews) = (World::default(), reviews());
    let url = format!("http://{}/graphql", world.serve(reviews.app()).await);
    let config = Config::parse("subgraphs: { reviews: { http2: true } }").unwrap();
    let router = route(&mut world, &reviews, &url, &config).await;
    let answer = post(router, &[], &json!({ "query": "{ latestReview { text } }" })).await;
    assert_eq!(answer.text, r#"{"data":{"latestReview":{"text":"Good"}}}"#);
    assert_eq!(reviews.requests()[0].version, Version::HTTP_2);
}

#[test]
fn a_file_without_certificates_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("authority.pem");
    std::fs::write(&ca_file, "no certificate").unwrap();
    let mut config = Config::default();
    config.subgraphs.ca_file = Some(ca_file);
    let connector = Connector::http(&config, &|_| None, system_clock).unwrap();
    let sdl = compose(&[source("reviews", "https://localhost/graphql", &reviews())]);
    let error = Graph::load(&sdl.unwrap().supergraph_sdl, &connector, &config).err().unwrap();
    assert!(error.to_string().contains("authority.pem` is not valid"), "{error}");
}
