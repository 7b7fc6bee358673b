//! A client of subscriptions over a WebSocket, through the router: `graphql-transport-ws`.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::running::authority;
use crate::story::User;

/// A connection, on which several subscriptions may be open.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Connects to the router at this URL, as this user.
    pub(crate) async fn connect(url: &str, user: &User) -> Self {
        let address = authority(url);
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        let protocol = "graphql-transport-ws".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let connection = TcpStream::connect(&address).await.unwrap();
        let (stream, _) = tokio_tungstenite::client_async(request, connection).await.unwrap();
        let mut socket = Self(stream);
        let authorization = format!("Bearer {}", user.token);
        socket
            .send(&json!({ "type": "connection_init", "payload": { "authorization": authorization } }))
            .await;
        assert_eq!(socket.receive().await["type"], "connection_ack");
        socket
    }

    /// Subscribes, under an id of the client's choice.
    pub(crate) async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(&json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    /// The data of the next event of a subscription; none when it is complete.
    pub(crate) async fn next(&mut self, id: &str) -> Option<Value> {
        loop {
            let mut message = self.receive().await;
            if message["id"] != id {
                continue;
            }
            match message["type"].as_str() {
                Some("next") => {
                    assert_eq!(message["payload"].get("errors"), None, "{message}");
                    return Some(message["payload"]["data"].take());
                }
                Some("complete") => return None,
                _ => panic!("{message}"),
            }
        }
    }

    async fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn receive(&mut self) -> Value {
        loop {
            match self.0.next().await.expect("the router keeps the connection").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}
