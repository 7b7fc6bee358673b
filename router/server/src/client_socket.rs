//! A client's WebSocket: `graphql-transport-ws`, any number of operations on one connection.
//!
//! Spec: <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>. Beside the protocol's close codes there are
//! 1001 when the router ends and 1012 when the graph has changed: on both, clients connect and subscribe again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket};
use axum::extract::{FromRequestParts, WebSocketUpgrade};
use axum::response::Response;
use http::Request;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::RequestError;
use crate::graphql_request::GraphqlRequest;
use crate::graphql_transport_ws::{Message, MessageKind, PROTOCOL};
use crate::listener::{Listener, OperationId, Told, Word};
use crate::origin::may_open_socket;
use crate::prepared_request::PreparedRequest;
use crate::request_context::{Peer, RequestContext};

/// A close frame has room for so many bytes of reason.
const REASON_BYTES: usize = 123;

/// Opens the WebSocket, or says why not.
pub(crate) async fn upgrade(
    app: Arc<App>,
    request: Request<Body>,
) -> Result<Response, RequestError> {
    if !may_open_socket(request.headers(), &app.origins) {
        return Err(RequestError::ForeignOrigin);
    }
    let connections = Arc::clone(&app.subscriptions.connections);
    let place = connections.try_acquire_owned().map_err(|_| RequestError::Overloaded)?;
    let peer = request.extensions().get::<Peer>();
    let context = RequestContext::new(request.headers(), peer, &app.forward);
    let (mut head, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut head, &()).await;
    let upgrade = upgrade.map_err(|refused| RequestError::Malformed(refused.body_text()))?;
    let limit_bytes = app.limits.body_bytes;
    let upgrade =
        upgrade.protocols([PROTOCOL]).max_message_size(limit_bytes).max_frame_size(limit_bytes);
    if upgrade.selected_protocol().is_none() {
        return Err(RequestError::WebSocketProtocol);
    }
    let tasks = app.live.tasks.clone();
    Ok(upgrade.on_upgrade(move |socket| {
        tasks.track_future(Connection::new(app, context, socket, place).serve())
    }))
}

/// An open WebSocket.
struct Connection {
    app: Arc<App>,
    socket: WebSocket,
    /// What the client's headers and its `connection_init` say.
    context: RequestContext,
    opened: Instant,
    is_initialised: bool,
    /// When the client was last heard of, and when it was last asked for a sign of life.
    heard: Instant,
    pinged: Instant,
    /// The operations at work, by their ids.
    operations: HashMap<Arc<str>, Running>,
    started: u64,
    tasks: JoinSet<()>,
    words: mpsc::Sender<Word>,
    told: mpsc::Receiver<Word>,
    /// Why the connection ends as soon as no operation is at work.
    closing: Option<End>,
    _place: OwnedSemaphorePermit,
}

/// An operation at work.
struct Running {
    number: u64,
    left: CancellationToken,
}

/// Why a connection ends.
#[derive(Debug, Clone)]
enum End {
    /// For a reason that the client is told.
    Close(u16, String),
    /// The client is gone.
    Gone,
}

impl End {
    fn close(code: u16, reason: impl Into<String>) -> Self {
        Self::Close(code, reason.into())
    }
}

impl Connection {
    fn new(
        app: Arc<App>,
        context: RequestContext,
        socket: WebSocket,
        place: OwnedSemaphorePermit,
    ) -> Self {
        // One word at a time: who has more to tell waits, and so does its subgraph.
        let (words, told) = mpsc::channel(1);
        let now = Instant::now();
        Self {
            app,
            socket,
            context,
            opened: now,
            is_initialised: false,
            heard: now,
            pinged: now,
            operations: HashMap::new(),
            started: 0,
            tasks: JoinSet::new(),
            words,
            told,
            closing: None,
            _place: place,
        }
    }

    /// Serves until either side ends the connection; then every operation takes leave of its subgraph.
    async fn serve(mut self) {
        let end = loop {
            if let Err(end) = self.step().await {
                break end;
            }
        };
        if let End::Close(code, mut reason) = end {
            reason.truncate(reason.floor_char_boundary(REASON_BYTES));
            let frame = CloseFrame { code, reason: reason.into() };
            // Whoever is gone by now needs no farewell.
            let _ = self.send(Frame::Close(Some(frame))).await;
        }
        self.told.close();
        self.operations.values().for_each(|running| running.left.cancel());
        while self.tasks.join_next().await.is_some() {}
    }

    /// Waits for what happens next, and does what it asks for.
    async fn step(&mut self) -> Result<(), End> {
        if self.operations.is_empty()
            && let Some(end) = self.closing.take()
        {
            return Err(end);
        }
        let config = &self.app.subscriptions.config;
        let (init_timeout, keep_alive) = (config.init_timeout(), config.keep_alive());
        let ending = self.app.live.ending.clone();
        tokio::select! {
            Some((operation, told)) = self.told.recv() => self.pass_on(&operation, told).await,
            frame = self.socket.recv() => match frame {
                Some(Ok(frame)) => self.receive(frame).await,
                Some(Err(_)) | None => Err(End::Gone),
            },
            () = sleep_until(self.opened + init_timeout), if !self.is_initialised => {
                Err(End::close(4408, "Connection initialisation timeout"))
            }
            () = sleep_until(self.pinged.max(self.heard) + keep_alive) => self.ping(keep_alive).await,
            () = ending.cancelled(), if self.closing.is_none() => {
                self.closing = Some(End::close(1001, "the router ends; connect again"));
                Ok(())
            }
            Some(_) = self.tasks.join_next() => Ok(()),
        }
    }

    async fn receive(&mut self, frame: Frame) -> Result<(), End> {
        self.heard = Instant::now();
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Close(_) => return Err(End::Gone),
            Frame::Ping(_) | Frame::Pong(_) => return Ok(()),
            Frame::Binary(_) => return Err(End::close(4400, "Invalid message: it is binary")),
        };
        let message: Message<'_> = serde_json::from_str(&text)
            .map_err(|error| End::close(4400, format!("Invalid message: {error}")))?;
        match (message.kind, message.id) {
            (MessageKind::ConnectionInit, _) => self.initialise(message.payload).await,
            (MessageKind::Subscribe, Some(id)) => self.subscribe(&id, message.payload).await,
            (MessageKind::Complete, Some(id)) => {
                if let Some(running) = self.operations.remove(&*id) {
                    running.left.cancel();
                }
                Ok(())
            }
            (MessageKind::Ping, _) => self.write(MessageKind::Pong, None, None).await,
            (MessageKind::Pong, _) => Ok(()),
            _ => Err(End::close(4400, "Invalid message: not one that a client sends")),
        }
    }

    async fn initialise(&mut self, payload: Option<&RawValue>) -> Result<(), End> {
        if self.is_initialised {
            return Err(End::close(4429, "Too many initialisation requests"));
        }
        if let Some(payload) = payload.filter(|payload| payload.get() != "null") {
            let payload = serde_json::from_str(payload.get())
                .map_err(|_| End::close(4400, "Invalid message: the payload is no object"))?;
            self.context.read_connection_init(&payload, &self.app.forward);
        }
        self.is_initialised = true;
        self.write(MessageKind::ConnectionAck, None, None).await
    }

    async fn subscribe(&mut self, id: &str, payload: Option<&RawValue>) -> Result<(), End> {
        if !self.is_initialised {
            return Err(End::close(4401, "Unauthorized"));
        }
        if self.operations.contains_key(id) {
            return Err(End::close(4409, format!("Subscriber for {id} already exists")));
        }
        let payload = payload.map_or("", RawValue::get);
        let request = GraphqlRequest::from_json(payload.as_bytes())
            .map_err(|error| End::close(4400, format!("Invalid message: {error}")))?;
        if self.closing.is_some() {
            // The client asks again when it has connected again.
            return Ok(());
        }
        if self.operations.len() >= self.app.subscriptions.config.per_connection {
            return self.write_errors(id, &RequestError::TooManySubscriptions.body()).await;
        }
        self.start(id, request);
        Ok(())
    }

    fn start(&mut self, id: &str, request: GraphqlRequest) {
        self.started += 1;
        let operation = OperationId { id: id.into(), number: self.started };
        let left = CancellationToken::new();
        let running = Running { number: operation.number, left: left.clone() };
        self.operations.insert(Arc::clone(&operation.id), running);
        // It is this connection that gives up a client that takes nothing.
        let listener =
            Listener { operation, words: self.words.clone(), left, patience: Duration::MAX };
        let (app, context) = (Arc::clone(&self.app), self.context.clone());
        self.tasks.spawn(async move {
            let prepared = app.at_work(PreparedRequest::prepare(&app, request, context)).await;
            match prepared {
                Ok(prepared) => prepared.tell_all(&app, &listener).await,
                Err(error) => {
                    app.measures.record(Duration::ZERO, Some(&error));
                    // Whoever is gone need not be told.
                    let _ = listener.tell(Told::Failed(error.body())).await;
                }
            }
        });
    }

    /// Passes on what an operation tells, unless the client wants to hear no more of it.
    async fn pass_on(&mut self, operation: &OperationId, told: Told) -> Result<(), End> {
        let id = &*operation.id;
        if self.operations.get(id).is_none_or(|running| running.number != operation.number) {
            return Ok(());
        }
        if let Told::Next(body) = &told {
            return self.write(MessageKind::Next, Some(id), Some(utf_8(body))).await;
        }
        self.operations.remove(id);
        match told {
            Told::Next(_) | Told::Complete => {
                self.write(MessageKind::Complete, Some(id), None).await
            }
            Told::Failed(body) => self.write_errors(id, &body).await,
            Told::GraphChanged => {
                let end = End::close(1012, "the graph has changed; connect again");
                self.closing.get_or_insert(end);
                Ok(())
            }
            Told::Ending => Ok(()),
        }
    }

    /// The errors of a response, by which an operation ends.
    async fn write_errors(&mut self, id: &str, body: &[u8]) -> Result<(), End> {
        #[derive(Deserialize)]
        struct Refusal<'a> {
            #[serde(borrow)]
            errors: &'a RawValue,
        }
        let refusal: Refusal<'_> =
            serde_json::from_slice(body).expect("the router's own refusals have errors");
        self.write(MessageKind::Error, Some(id), Some(refusal.errors.get())).await
    }

    /// Asks a silent client for a sign of life, and gives up one that gave none.
    async fn ping(&mut self, keep_alive: Duration) -> Result<(), End> {
        if self.heard.elapsed() >= 2 * keep_alive {
            return Err(End::Gone);
        }
        self.pinged = Instant::now();
        self.send(Frame::Ping(bytes::Bytes::new())).await
    }

    async fn write(
        &mut self,
        kind: MessageKind,
        id: Option<&str>,
        payload: Option<&str>,
    ) -> Result<(), End> {
        self.send(Frame::Text(kind.text(id, payload).into())).await
    }

    /// Sends it whole; a client that does not take it in time is gone.
    async fn send(&mut self, frame: Frame) -> Result<(), End> {
        let patience = self.app.subscriptions.config.client_timeout();
        match timeout(patience, self.socket.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}

fn utf_8(body: &[u8]) -> &str {
    std::str::from_utf8(body).expect("the executor writes UTF-8")
}
