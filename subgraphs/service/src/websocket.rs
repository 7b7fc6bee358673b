//! Subscriptions over a WebSocket, many on one connection: the protocol `graphql-transport-ws`.
//!
//! The user is whom `authorization` names, in the payload of `connection_init` or else in the headers of the upgrade.
//! Close codes are the protocol's: 4400 a message that is none, 4401 not initialised, 4403 the token does not verify,
//! 4408 not initialised in time, 4409 an id in use, 4429 initialised twice; and 1001 when the service ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::http::ClientMessage;
use async_graphql::{Executor, Request, Response, Value};
use axum::body::Bytes;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use axum::response::IntoResponse;
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use futures::stream::{AbortHandle, Abortable, BoxStream, SelectAll};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::app::BODY_LIMIT_BYTES;
use crate::caller::Caller;
use crate::endpoint::{Endpoint, refused};
use crate::error::Code;
use crate::tasks::Stop;

const PROTOCOL: &str = "graphql-transport-ws";
/// So many operations may be open on one connection.
const OPERATION_LIMIT: usize = 100;
/// Within this the client says who it is.
const INIT_TIMEOUT: TimeDelta = TimeDelta::seconds(10);
/// The client is pinged this often; one that sent nothing since the last ping is gone.
const PING_INTERVAL: TimeDelta = TimeDelta::seconds(20);
/// A client that does not take what it is sent within this is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest reason that a close frame holds.
const REASON_LIMIT_BYTES: usize = 123;

/// Answers the upgrade, and serves the connection until it ends.
pub(crate) fn upgrade<E: Executor>(
    upgrade: WebSocketUpgrade,
    endpoint: Arc<Endpoint<E>>,
    caller: Caller,
    headers: HeaderMap,
    stop: Stop,
) -> axum::response::Response {
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(BODY_LIMIT_BYTES);
    if upgrade.selected_protocol().is_none() {
        let body = json!({"error": format!("The WebSocket must speak {PROTOCOL}")});
        return (StatusCode::BAD_REQUEST, axum::Json(body)).into_response();
    }
    upgrade.on_upgrade(move |socket| {
        let connection = Connection {
            socket,
            pinged_at: endpoint.parts.clock.now(),
            is_heard: true,
            opened_at: endpoint.parts.clock.now(),
            endpoint,
            caller,
            headers,
            stop,
            is_acknowledged: false,
            operations: SelectAll::new(),
            open: HashMap::new(),
        };
        connection.serve()
    })
}

struct Connection<E> {
    socket: WebSocket,
    endpoint: Arc<Endpoint<E>>,
    /// Without a user until the connection is initialised.
    caller: Caller,
    /// Those of the upgrade.
    headers: HeaderMap,
    stop: Stop,
    opened_at: DateTime<Utc>,
    pinged_at: DateTime<Utc>,
    /// Whether the client sent anything, if only a pong, since it was pinged.
    is_heard: bool,
    is_acknowledged: bool,
    operations: SelectAll<BoxStream<'static, Answer>>,
    open: HashMap<String, AbortHandle>,
}

/// What an operation sends: an answer, or nothing more.
struct Answer {
    id: String,
    response: Option<Response>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ServerMessage<'a> {
    ConnectionAck,
    Pong,
    Next { id: &'a str, payload: &'a Response },
    Error { id: &'a str, payload: &'a [async_graphql::ServerError] },
    Complete { id: &'a str },
}

/// Why the connection ends.
enum End {
    /// For a reason that the client is told.
    Close(u16, String),
    /// Nobody is there any more.
    Gone,
}

impl<E: Executor> Connection<E> {
    async fn serve(mut self) {
        let end = loop {
            if let Err(end) = self.step().await {
                break end;
            }
        };
        if let End::Close(code, mut reason) = end {
            reason.truncate(reason.floor_char_boundary(REASON_LIMIT_BYTES));
            let frame = CloseFrame { code, reason: Utf8Bytes::from(reason) };
            // Whoever is gone by now needs no farewell.
            let _ = self.send(Message::Close(Some(frame))).await;
        }
    }

    async fn step(&mut self) -> Result<(), End> {
        let clock = self.endpoint.parts.clock.clone();
        tokio::select! {
            // Answers first: when the service ends, each operation's last one still goes out.
            biased;
            Some(answer) = self.operations.next() => self.pass_on(answer).await,
            message = self.socket.recv() => match message {
                Some(Ok(message)) => self.receive(message).await,
                Some(Err(_)) | None => Err(End::Gone),
            },
            () = self.stop.requested(), if self.open.is_empty() => {
                Err(End::Close(1001, "the service is ending: connect again".to_owned()))
            }
            () = clock.reached(self.opened_at + INIT_TIMEOUT), if !self.is_acknowledged => {
                Err(End::Close(4408, "Connection initialisation timeout".to_owned()))
            }
            () = clock.reached(self.pinged_at + PING_INTERVAL) => self.ping().await,
        }
    }

    async fn receive(&mut self, message: Message) -> Result<(), End> {
        self.is_heard = true;
        let message = match message {
            Message::Text(text) => ClientMessage::from_bytes(text.as_str()),
            Message::Binary(bytes) => ClientMessage::from_bytes(bytes),
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Gone),
        };
        match message.map_err(|error| End::Close(4400, format!("Invalid message: {error}")))? {
            ClientMessage::ConnectionInit { payload } => self.initialise(payload).await,
            ClientMessage::Start { id, payload } => self.subscribe(id, payload).await,
            ClientMessage::Stop { id } => {
                if let Some(operation) = self.open.remove(&id) {
                    operation.abort();
                }
                Ok(())
            }
            ClientMessage::Ping { .. } => self.tell(&ServerMessage::Pong).await,
            ClientMessage::Pong { .. } => Ok(()),
            ClientMessage::ConnectionTerminate => Err(End::Gone),
        }
    }

    async fn initialise(&mut self, payload: Option<serde_json::Value>) -> Result<(), End> {
        if self.is_acknowledged {
            return Err(End::Close(4429, "Too many initialisation requests".to_owned()));
        }
        let stated =
            payload.as_ref().and_then(|payload| payload.as_object()?.iter().find_map(named));
        let authorization = match stated {
            Some(value) => Some(HeaderValue::from_str(value).map_err(|_| {
                End::Close(4400, "Invalid message: `authorization` is no header".to_owned())
            })?),
            None => self.headers.remove(AUTHORIZATION),
        };
        let signed_in = self.endpoint.signed_in(authorization.as_ref()).await;
        self.caller.user = signed_in.map_err(|error| End::Close(4403, error.message))?;
        self.is_acknowledged = true;
        self.tell(&ServerMessage::ConnectionAck).await
    }

    async fn subscribe(&mut self, id: String, request: Request) -> Result<(), End> {
        if !self.is_acknowledged {
            return Err(End::Close(4401, "Unauthorized".to_owned()));
        }
        if self.open.contains_key(&id) {
            return Err(End::Close(4409, format!("Subscriber for {id} already exists")));
        }
        if self.open.len() >= OPERATION_LIMIT {
            let error = Code::RateLimited.error(format!(
                "at most {OPERATION_LIMIT} operations may be open on one connection"
            ));
            let payload = &refused(&error).errors;
            return self.tell(&ServerMessage::Error { id: &id, payload }).await;
        }
        let (abort, registration) = AbortHandle::new_pair();
        let (caller, stop) = (self.caller.clone(), self.endpoint.parts.drain.enter());
        let endpoint = Arc::clone(&self.endpoint);
        let answers = endpoint.stream(caller, &self.headers, request, stop).map(Some);
        let answers = answers.chain(futures::stream::iter([None]));
        let tagged = id.clone();
        let answers = answers.map(move |response| Answer { id: tagged.clone(), response });
        self.operations.push(Abortable::new(answers, registration).boxed());
        self.open.insert(id, abort);
        Ok(())
    }

    async fn pass_on(&mut self, Answer { id, response }: Answer) -> Result<(), End> {
        let Some(response) = response else {
            self.open.remove(&id);
            return self.tell(&ServerMessage::Complete { id: &id }).await;
        };
        if !was_refused(&response) {
            return self.tell(&ServerMessage::Next { id: &id, payload: &response }).await;
        }
        if let Some(operation) = self.open.remove(&id) {
            operation.abort();
        }
        self.tell(&ServerMessage::Error { id: &id, payload: &response.errors }).await
    }

    /// Pings a client that answered the last ping, and gives up one that did not.
    async fn ping(&mut self) -> Result<(), End> {
        if !self.is_heard {
            return Err(End::Gone);
        }
        self.is_heard = false;
        self.pinged_at = self.endpoint.parts.clock.now();
        self.send(Message::Ping(Bytes::new())).await
    }

    async fn tell(&mut self, message: &ServerMessage<'_>) -> Result<(), End> {
        let text = serde_json::to_string(message).expect("a response is plain data");
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match tokio::time::timeout(SEND_TIMEOUT, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}

/// The text of `authorization`, whatever its case.
fn named<'a>((name, value): (&String, &'a serde_json::Value)) -> Option<&'a str> {
    if name.eq_ignore_ascii_case("authorization") { value.as_str() } else { None }
}

/// Whether nothing was executed, or nothing more will be: an error of the operation, not of a field.
fn was_refused(response: &Response) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}
