//! A client that speaks `graphql-transport-ws`, message by message.

use std::net::SocketAddr;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

/// An open WebSocket.
pub(crate) struct SocketClient(pub(crate) WebSocketStream<TcpStream>);

impl SocketClient {
    /// Opens a WebSocket with these headers; or the status of the refusal.
    pub(crate) async fn open(
        address: SocketAddr,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
        for (name, value) in [&[protocol], headers].concat() {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let connection = TcpStream::connect(address).await.unwrap();
        match tokio_tungstenite::client_async(request, connection).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Opens a WebSocket, and begins with this payload.
    pub(crate) async fn begin(address: SocketAddr, payload: Value) -> Self {
        let mut client = Self::open(address, &[]).await.unwrap();
        client.send(&json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(client.receive().await, json!({ "type": "connection_ack" }));
        client
    }

    /// Asks for an operation.
    pub(crate) async fn subscribe(&mut self, id: &str, query: &str) {
        let payload = json!({ "query": query });
        self.send(&json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.0.send(Message::Text(message.to_string().into())).await.unwrap();
    }

    /// The next message.
    pub(crate) async fn receive(&mut self) -> Value {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The code with which the router closes the connection; what it says before is skipped.
    pub(crate) async fn closed(mut self) -> u16 {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Close(Some(frame)) => return frame.code.into(),
                Message::Close(None) => return 0,
                _ => {}
            }
        }
    }
}
