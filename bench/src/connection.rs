//! A client's connection, kept alive: it posts JSON and reads answers.

use std::net::SocketAddr;

use bytes::Bytes;
use tokio::net::TcpStream;

use crate::http1;

/// A client's connection.
pub(crate) struct Connection {
    connection: http1::Connection,
    address: SocketAddr,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        Ok(Self { connection: http1::Connection::new(stream)?, address })
    }

    /// Posts a body and reads the whole answer; an error where its status is not 200.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        authorization: &str,
        body: Bytes,
    ) -> anyhow::Result<Bytes> {
        let start = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             accept: application/json\r\nauthorization: {authorization}\r\n",
            self.address
        );
        self.connection.write(start, body).await?;
        self.connection.answer().await
    }
}
