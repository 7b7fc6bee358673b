//! A subscription at a subgraph by `graphql-transport-ws`: a WebSocket of its own.

use std::time::Duration;

use bytes::Bytes;
use executor::{SubgraphError, SubgraphResponse};
use futures::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};

use crate::event_source::{Failure, SourceEvent, response};
use crate::graphql_transport_ws::{Message, MessageKind, PROTOCOL};

/// The only operation of the connection.
const ID: &str = "1";
/// Close codes by which a subgraph says that it does not take the caller.
const NOT_ACCEPTED: [u16; 2] = [4401, 4403];
/// A subgraph that does not take a farewell is left without.
const FAREWELL: Duration = Duration::from_secs(1);

/// What carries the bytes.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<C: AsyncRead + AsyncWrite + Unpin + Send> Connection for C {}

/// The open connection.
pub(crate) struct WebSocket {
    socket: WebSocketStream<Box<dyn Connection>>,
    keep_alive: Duration,
    /// When the subgraph was last heard of.
    heard: Instant,
}

/// How a connection is opened and kept.
pub(crate) struct WebSocketOptions {
    /// Where.
    pub(crate) url: Uri,
    /// The caller's and the router's: they go with the upgrade, and, but for the service token, with `connection_init`.
    pub(crate) headers: HeaderMap,
    /// The largest message.
    pub(crate) limit_bytes: usize,
    /// How often a silent subgraph is asked for a sign of life.
    pub(crate) keep_alive: Duration,
}

impl WebSocket {
    /// Opens the WebSocket and subscribes. The caller keeps the time.
    pub(crate) async fn subscribe(
        connection: Box<dyn Connection>,
        options: WebSocketOptions,
        init: &serde_json::Map<String, serde_json::Value>,
        body: &Bytes,
    ) -> Result<Self, Failure> {
        let keep_alive = options.keep_alive;
        let config = WebSocketConfig::default()
            .max_message_size(Some(options.limit_bytes))
            .max_frame_size(Some(options.limit_bytes));
        let request = upgrade(options).ok_or(Err(SubgraphError::Unreachable))?;
        let opened =
            tokio_tungstenite::client_async_with_config(request, connection, Some(config)).await;
        let (socket, answer) = opened.map_err(refusal)?;
        let agreed = answer.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
        if agreed.is_none_or(|agreed| agreed != PROTOCOL) {
            tracing::warn!("the subgraph does not speak {PROTOCOL}");
            return Err(Err(SubgraphError::Unreachable));
        }
        let mut socket = Self { socket, keep_alive, heard: Instant::now() };
        let begin = MessageKind::ConnectionInit.text(None, Some(&json!(init).to_string()));
        socket.send(begin).await.map_err(Err)?;
        socket.acknowledged().await?;
        let body = std::str::from_utf8(body).expect("the executor writes UTF-8");
        let subscribe = MessageKind::Subscribe.text(Some(ID), Some(body));
        socket.send(subscribe).await.map_err(Err)?;
        Ok(socket)
    }

    async fn acknowledged(&mut self) -> Result<(), Failure> {
        loop {
            let text = self.text().await?;
            let message: Message<'_> = serde_json::from_str(&text)
                .map_err(|_| Ok(response("the subgraph sent what is no message")))?;
            match message.kind {
                MessageKind::ConnectionAck => return Ok(()),
                MessageKind::Ping => {
                    self.send(MessageKind::Pong.text(None, None)).await.map_err(Err)?;
                }
                _ => {}
            }
        }
    }

    /// The next event. Pings are answered in between.
    pub(crate) async fn next(&mut self) -> SourceEvent {
        loop {
            let text = match self.text().await {
                Ok(text) => text,
                Err(failure) => return SourceEvent::Failed(failure),
            };
            let Ok(message) = serde_json::from_str::<Message<'_>>(&text) else {
                // What follows says it: this is no GraphQL.
                return SourceEvent::Failed(Ok(response(text)));
            };
            let payload = message.payload.map_or("", |payload| payload.get());
            match message.kind {
                MessageKind::Next => return SourceEvent::Next(response(payload.to_owned())),
                MessageKind::Error => {
                    let body = format!("{{\"errors\":{payload}}}");
                    return SourceEvent::Failed(Ok(response(body)));
                }
                MessageKind::Complete => return SourceEvent::Complete,
                MessageKind::Ping => {
                    if let Err(error) = self.send(MessageKind::Pong.text(None, None)).await {
                        return SourceEvent::Failed(Err(error));
                    }
                }
                _ => {}
            }
        }
    }

    /// The next text. A subgraph that is silent is asked for a sign of life, and given up where it gives none.
    async fn text(&mut self) -> Result<String, Failure> {
        loop {
            let Ok(frame) = tokio::time::timeout(self.keep_alive, self.socket.next()).await else {
                if self.heard.elapsed() > 2 * self.keep_alive {
                    return Err(Err(SubgraphError::Unreachable));
                }
                let ping = self.socket.send(Frame::Ping(Bytes::new())).await;
                ping.map_err(|_| Err(SubgraphError::Unreachable))?;
                continue;
            };
            self.heard = Instant::now();
            match frame {
                Some(Ok(Frame::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Frame::Binary(bytes))) => {
                    return Ok(String::from_utf8_lossy(&bytes).into_owned());
                }
                Some(Ok(Frame::Close(frame))) => {
                    return Err(closed(frame.map(|frame| u16::from(frame.code))));
                }
                Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => {}
                Some(Err(error)) => return Err(refusal(error)),
                None => return Err(Err(SubgraphError::Unreachable)),
            }
        }
    }

    async fn send(&mut self, text: String) -> Result<(), SubgraphError> {
        let sent = self.socket.send(Frame::Text(text.into())).await;
        sent.map_err(|_| SubgraphError::Unreachable)
    }

    /// Says that nothing more is wanted, and closes the connection.
    pub(crate) async fn close(mut self) {
        let farewell = async {
            self.send(MessageKind::Complete.text(Some(ID), None)).await?;
            self.socket.close(None).await.map_err(|_| SubgraphError::Unreachable)
        };
        // Whoever is gone by now needs none.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }
}

/// The request that opens a WebSocket.
fn upgrade(options: WebSocketOptions) -> Option<Request<()>> {
    let mut parts = options.url.into_parts();
    parts.scheme = Some("ws".parse().ok()?);
    let mut request = Uri::from_parts(parts).ok()?.into_client_request().ok()?;
    let headers = request.headers_mut();
    for (name, value) in &options.headers {
        headers.append(name, value.clone());
    }
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    Some(request)
}

/// Why a WebSocket did not open, or broke.
fn refusal(error: Error) -> Failure {
    match error {
        Error::Http(answer) => Ok(SubgraphResponse {
            status: answer.status().as_u16(),
            body: answer.into_body().unwrap_or_default().into(),
        }),
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Err(SubgraphError::TooLarge),
        error => {
            tracing::debug!(%error, "a subgraph's WebSocket broke");
            Err(SubgraphError::Unreachable)
        }
    }
}

/// Why a subgraph closed the connection.
fn closed(code: Option<u16>) -> Failure {
    match code {
        Some(code) if NOT_ACCEPTED.contains(&code) => {
            let error = json!({
                "message": "the subgraph does not accept the caller",
                "extensions": { "code": "UNAUTHENTICATED" },
            });
            Ok(response(json!({ "errors": [error] }).to_string()))
        }
        _ => Err(SubgraphError::Unreachable),
    }
}
