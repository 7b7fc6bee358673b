//! What a test's subgraph tells its subscribers, by `graphql-transport-ws` and as server-sent events.

use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use axum::response::Response;
use futures::stream;
use http::{HeaderMap, Version};
use serde_json::{Value, json};
use tokio::sync::{Mutex, broadcast, mpsc};

use crate::subgraph::Subgraph;

/// What is told to all who have subscribed.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// The root object of an event.
    Event(Value),
    /// GraphQL errors, the last word.
    Errors(Value),
    Complete,
    /// The connection breaks.
    Break,
    /// The connection is closed with this code.
    Close(u16),
    /// Events without end, until nobody takes one: then how many bytes were taken is noted.
    Flood(Value),
}

/// What tests say, and what they hear of.
pub(crate) struct Feed {
    said: broadcast::Sender<Said>,
    heard: mpsc::UnboundedSender<String>,
    notes: Mutex<mpsc::UnboundedReceiver<String>>,
}

impl Default for Feed {
    fn default() -> Self {
        let (heard, notes) = mpsc::unbounded_channel();
        Self { said: broadcast::Sender::new(16), heard, notes: Mutex::new(notes) }
    }
}

impl Feed {
    /// Tells all who have subscribed.
    pub(crate) fn say(&self, said: Said) {
        self.said.send(said).expect("somebody has subscribed");
    }

    /// What subscribers did: `subscribed`, and how each ended.
    pub(crate) async fn heard(&self) -> String {
        self.notes.lock().await.recv().await.unwrap()
    }

    fn note(&self, note: impl Into<String>) {
        let _ = self.heard.send(note.into());
    }
}

/// Notes that a stream was left, when it is dropped.
struct Left(Subgraph);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.feed().note("left");
    }
}

/// Speaks with one client by `graphql-transport-ws`.
pub(crate) async fn speak(subgraph: Subgraph, headers: HeaderMap, mut socket: WebSocket) {
    let init = read(&mut socket).await.unwrap();
    assert_eq!(init["type"], "connection_init");
    write(&mut socket, &json!({ "type": "ping" })).await;
    assert_eq!(read(&mut socket).await.unwrap()["type"], "pong");
    write(&mut socket, &json!({ "type": "connection_ack" })).await;
    let subscribe = read(&mut socket).await.unwrap();
    assert_eq!(subscribe["type"], "subscribe");
    let (id, body) = (&subscribe["id"], subscribe["payload"].clone());
    subgraph.note(Version::HTTP_11, headers, body.clone(), init["payload"].clone());
    let mut said = subgraph.feed().said.subscribe();
    subgraph.feed().note("subscribed");
    loop {
        tokio::select! {
            said = said.recv() => match said.unwrap() {
                Said::Event(event) => {
                    let payload = subgraph.execute_event(&body, &event);
                    let next = json!({ "type": "next", "id": id, "payload": payload });
                    write(&mut socket, &next).await;
                }
                Said::Errors(errors) => {
                    let error = json!({ "type": "error", "id": id, "payload": errors });
                    write(&mut socket, &error).await;
                }
                Said::Complete => {
                    write(&mut socket, &json!({ "type": "complete", "id": id })).await;
                }
                Said::Break => return,
                Said::Close(code) => {
                    let frame = CloseFrame { code, reason: "".into() };
                    socket.send(Message::Close(Some(frame))).await.unwrap();
                }
                Said::Flood(event) => {
                    let payload = subgraph.execute_event(&body, &event);
                    let next = json!({ "type": "next", "id": id, "payload": payload });
                    flood(&subgraph, &mut socket, &next.to_string()).await;
                }
            },
            message = read(&mut socket) => match message {
                Some(message) => subgraph.feed().note(message["type"].as_str().unwrap()),
                None => return subgraph.feed().note("closed"),
            },
        }
    }
}

/// Sends until nothing is taken for a second.
async fn flood(subgraph: &Subgraph, socket: &mut WebSocket, text: &str) {
    let mut taken = 0;
    loop {
        let sent = socket.send(Message::Text(text.into()));
        match tokio::time::timeout(std::time::Duration::from_secs(1), sent).await {
            Ok(sent) => sent.unwrap(),
            Err(_) => return subgraph.feed().note(format!("{taken}")),
        }
        taken += text.len();
        assert!(taken < 1 << 30, "everything is taken");
    }
}

/// The next message; none where the client has closed the connection.
async fn read(socket: &mut WebSocket) -> Option<Value> {
    loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

async fn write(socket: &mut WebSocket, message: &Value) {
    // A client that has gone is noted where it is read.
    let _ = socket.send(Message::Text(message.to_string().into())).await;
}

/// Answers one client with server-sent events.
pub(crate) fn event_stream(subgraph: Subgraph, body: Value) -> Response {
    let said = subgraph.feed().said.subscribe();
    subgraph.feed().note("subscribed");
    let state = (Left(subgraph), said);
    let pieces = stream::unfold(state, move |(left, mut said)| {
        let body = body.clone();
        async move {
            let piece = match said.recv().await.unwrap() {
                Said::Event(event) => {
                    let payload = left.0.execute_event(&body, &event);
                    format!("event: next\ndata: {payload}\n\n")
                }
                Said::Errors(errors) => {
                    format!("event: next\ndata: {}\n\n", json!({ "errors": errors }))
                }
                Said::Complete => "event: complete\ndata:\n\n".to_owned(),
                _ => return None,
            };
            Some((Ok::<_, std::convert::Infallible>(piece), (left, said)))
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    response.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
    response
}
