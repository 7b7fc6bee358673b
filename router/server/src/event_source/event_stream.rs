//! A subscription at a subgraph by server-sent events, as GraphQL over SSE has them in its distinct connections mode.
//!
//! Spec: <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>, and for the stream
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>.

use axum::body::Body;
use bytes::BytesMut;
use executor::SubgraphError;
use http::{Response, header};
use http_body_util::BodyExt;

use crate::event_source::{Failure, SourceEvent, response};
use crate::transport::read;

/// An open stream.
pub(crate) struct EventStream {
    body: Body,
    unread: Unread,
    /// The largest event.
    limit_bytes: usize,
}

/// What has arrived, and how far it has been looked through.
#[derive(Debug, Default)]
struct Unread {
    bytes: BytesMut,
    line_start: usize,
    searched: usize,
}

/// An event of the stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Event {
    name: String,
    data: String,
}

impl EventStream {
    /// Takes an answer for a stream; where it is none, it says why there are no events.
    pub(crate) async fn of(answer: Response<Body>, limit_bytes: usize) -> Result<Self, Failure> {
        let content_type = answer.headers().get(header::CONTENT_TYPE);
        let is_stream = content_type
            .is_some_and(|content_type| content_type.as_bytes().starts_with(b"text/event-stream"));
        if !is_stream {
            return Err(read(answer, limit_bytes).await);
        }
        Ok(Self { body: answer.into_body(), unread: Unread::default(), limit_bytes })
    }

    /// The next event. A stream that ends without saying so has broken.
    pub(crate) async fn next(&mut self) -> SourceEvent {
        loop {
            while let Some(event) = self.unread.take() {
                match event.name.as_str() {
                    "next" => return SourceEvent::Next(response(event.data)),
                    "complete" => return SourceEvent::Complete,
                    _ => {}
                }
            }
            if self.unread.bytes.len() > self.limit_bytes {
                return SourceEvent::Failed(Err(SubgraphError::TooLarge));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(piece) = frame.data_ref() {
                        self.unread.bytes.extend_from_slice(piece);
                    }
                }
                Some(Err(_)) | None => {
                    return SourceEvent::Failed(Err(SubgraphError::Unreachable));
                }
            }
        }
    }
}

impl Unread {
    /// The first event that has arrived whole: up to an empty line. No byte is looked at twice.
    fn take(&mut self) -> Option<Event> {
        loop {
            let Some(found) = memchr::memchr2(b'\r', b'\n', &self.bytes[self.searched..]) else {
                self.searched = self.bytes.len();
                return None;
            };
            let line_end = self.searched + found;
            let next = match &self.bytes[line_end..] {
                // Whether a line feed belongs to it is not known yet.
                [b'\r'] => {
                    self.searched = line_end;
                    return None;
                }
                [b'\r', b'\n', ..] => line_end + 2,
                _ => line_end + 1,
            };
            let is_empty = line_end == self.line_start;
            (self.line_start, self.searched) = (next, next);
            if is_empty {
                let event = self.bytes.split_to(next);
                (self.line_start, self.searched) = (0, 0);
                return Some(parse(&String::from_utf8_lossy(&event)));
            }
        }
    }
}

/// Reads the lines of an event; comments and unknown fields mean nothing.
fn parse(text: &str) -> Event {
    let mut event = Event::default();
    let mut data = Vec::new();
    for line in text.split(['\r', '\n']) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut event.name),
            "data" => data.push(value),
            _ => {}
        }
    }
    event.data = data.join("\n");
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of a text that arrives in two pieces.
    fn events(text: &str, cut: usize) -> Vec<Event> {
        let mut unread = Unread::default();
        let mut events = Vec::new();
        for piece in [&text[..cut], &text[cut..]] {
            unread.bytes.extend_from_slice(piece.as_bytes());
            events.extend(std::iter::from_fn(|| unread.take()));
        }
        events
    }

    #[test]
    fn events_end_with_an_empty_line_wherever_the_text_is_cut() {
        for text in [
            "event: next\ndata: 1\n\nevent: complete\n\nda",
            "event: next\r\ndata: 1\r\n\r\nevent: complete\r\n\r\nda",
            "event: next\rdata: 1\r\revent: complete\r\rda",
        ] {
            for cut in 0..text.len() {
                let names: Vec<_> = events(text, cut)
                    .into_iter()
                    .filter(|event| !event.name.is_empty())
                    .map(|event| (event.name, event.data))
                    .collect();
                let expected = [("next", "1"), ("complete", "")];
                let expected = expected.map(|(name, data)| (name.to_owned(), data.to_owned()));
                assert_eq!(names, expected, "{text:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn data_may_have_several_lines_and_comments_are_skipped() {
        let event = parse(":keep alive\nevent:next\ndata: {\ndata:}\nid: 7\nother\n\n");
        assert_eq!(event, Event { name: "next".to_owned(), data: "{\n}".to_owned() });
    }
}
