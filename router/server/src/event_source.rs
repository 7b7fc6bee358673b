//! What the router is subscribed to at a subgraph: events, one at a time and only when the next is asked for, so that a
//! subgraph is never read faster than the client.

mod event_stream;
mod web_socket;

use bytes::Bytes;
use executor::{SubgraphError, SubgraphResponse};

pub(crate) use event_stream::EventStream;
pub(crate) use web_socket::{Connection, WebSocket, WebSocketOptions};

/// What a subgraph says next.
#[derive(Debug)]
pub(crate) enum SourceEvent {
    /// An event: a GraphQL response.
    Next(SubgraphResponse),
    /// There will be no event any more: why, as the subgraph tells or as the router found.
    Failed(Failure),
    /// There will be no event any more.
    Complete,
}

/// Why there are no events: an answer of the subgraph that says so, or none.
pub(crate) type Failure = Result<SubgraphResponse, SubgraphError>;

/// A subscription at a subgraph.
pub(crate) enum EventSource {
    WebSocket(Box<WebSocket>),
    EventStream(EventStream),
}

impl EventSource {
    /// The next event. After one that is not `Next`, there is no other.
    pub(crate) async fn next(&mut self) -> SourceEvent {
        match self {
            Self::WebSocket(socket) => socket.next().await,
            Self::EventStream(stream) => stream.next().await,
        }
    }

    /// Tells the subgraph that nothing more is wanted.
    pub(crate) async fn close(self) {
        match self {
            Self::WebSocket(socket) => socket.close().await,
            // The end of the connection says it.
            Self::EventStream(_) => {}
        }
    }
}

/// A response without a status of its own.
fn response(body: impl Into<Bytes>) -> SubgraphResponse {
    SubgraphResponse { status: 200, body: body.into() }
}
