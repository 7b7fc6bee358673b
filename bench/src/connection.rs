//! A connection that posts JSON and reads answers, as thin as hyper has it.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::http::HeaderValue;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A connection that is kept alive.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    driver: JoinHandle<hyper::Result<()>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        #[expect(clippy::disallowed_methods, reason = "ended with the connection")]
        let driver = tokio::spawn(connection);
        Ok(Self { sender, host: HeaderValue::try_from(address.to_string())?, driver })
    }

    /// Posts a body and reads the whole answer; an error where its status is not 200.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        authorization: HeaderValue,
        body: Bytes,
    ) -> anyhow::Result<Bytes> {
        let request = Request::post(path)
            .header(HOST, &self.host)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, authorization)
            .body(Full::new(body))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        anyhow::ensure!(response.status() == 200, "status {}", response.status());
        let mut body = response.into_body();
        let (mut first, mut whole) = (Bytes::new(), BytesMut::new());
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame?.into_data() else { continue };
            if first.is_empty() {
                first = piece;
            } else {
                whole.extend_from_slice(&piece);
            }
        }
        if whole.is_empty() {
            return Ok(first);
        }
        Ok([first, whole.freeze()].concat().into())
    }
}
