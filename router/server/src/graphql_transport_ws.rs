//! `graphql-transport-ws`: the messages that clients, the router and subgraphs exchange over a WebSocket.
//!
//! Spec: <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The name of the protocol, as the two sides agree on it while they open the WebSocket.
pub(crate) const PROTOCOL: &str = "graphql-transport-ws";

/// A message, its payload as it was written.
#[derive(Debug, Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: MessageKind,
    #[serde(borrow)]
    pub(crate) id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) payload: Option<&'a RawValue>,
}

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MessageKind {
    /// The client begins, and may say who it is.
    ConnectionInit,
    /// The server is ready for operations.
    ConnectionAck,
    /// Are you there?
    Ping,
    /// I am.
    Pong,
    /// The client asks for an operation.
    Subscribe,
    /// An answer.
    Next,
    /// The operation was refused, or cannot go on: there is no further answer.
    Error,
    /// There is no further answer; or, from a client, none is wanted.
    Complete,
}

impl MessageKind {
    fn name(self) -> &'static str {
        match self {
            Self::ConnectionInit => "connection_init",
            Self::ConnectionAck => "connection_ack",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Subscribe => "subscribe",
            Self::Next => "next",
            Self::Error => "error",
            Self::Complete => "complete",
        }
    }

    /// The message's text. The payload is JSON.
    pub(crate) fn text(self, id: Option<&str>, payload: Option<&str>) -> String {
        let name = self.name();
        let mut text = String::with_capacity(64 + payload.map_or(0, str::len));
        text.push_str("{\"type\":\"");
        text.push_str(name);
        text.push('"');
        if let Some(id) = id {
            text.push_str(",\"id\":");
            text.push_str(&serde_json::Value::from(id).to_string());
        }
        if let Some(payload) = payload {
            text.push_str(",\"payload\":");
            text.push_str(payload);
        }
        text.push('}');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = MessageKind::Next.text(Some("a\"b"), Some(r#"{"data":{"a":1.50}}"#));
        assert_eq!(text, r#"{"type":"next","id":"a\"b","payload":{"data":{"a":1.50}}}"#);
        let message: Message<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!((message.kind, message.id.as_deref()), (MessageKind::Next, Some("a\"b")));
        assert_eq!(message.payload.unwrap().get(), r#"{"data":{"a":1.50}}"#);
        assert_eq!(MessageKind::Pong.text(None, None), r#"{"type":"pong"}"#);
    }
}
