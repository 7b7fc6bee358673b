//! Answers to a client as server-sent events: GraphQL over SSE in its distinct connections mode, a request for each
//! operation.
//!
//! Spec: <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>. A stream that ends without `complete` was
//! interrupted: clients subscribe again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, header};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::RequestError;
use crate::listener::{Listener, OperationId, Told, Word};
use crate::prepared_request::PreparedRequest;

const COMPLETE: &[u8] = b"event: complete\ndata: \n\n";
/// A comment.
const SIGN_OF_LIFE: &[u8] = b":\n\n";

/// Executes the operation, and answers with all that there is to tell.
pub(crate) fn stream(app: &Arc<App>, prepared: PreparedRequest) -> Response {
    let (words, told) = mpsc::channel(1);
    let listener = Listener {
        operation: OperationId::default(),
        words,
        left: CancellationToken::new(),
        patience: app.subscriptions.config.client_timeout(),
    };
    let keep_alive = app.subscriptions.config.keep_alive();
    let executing = Arc::clone(app);
    app.live.tasks.spawn(async move { prepared.tell_all(&executing, &listener).await });
    let pieces = stream::unfold(Some(told), move |told| async move {
        let (piece, told) = next_piece(told?, keep_alive).await?;
        Some((Ok::<_, Infallible>(piece), told))
    });
    response(Body::from_stream(pieces))
}

/// A request that was refused, told in the way that the client listens to.
pub(crate) fn refusal_stream(error: &RequestError) -> Response {
    response(Body::from(last(&error.body())))
}

/// What is written next, and who tells what follows.
async fn next_piece(
    mut told: mpsc::Receiver<Word>,
    keep_alive: Duration,
) -> Option<(Bytes, Option<mpsc::Receiver<Word>>)> {
    match tokio::time::timeout(keep_alive, told.recv()).await {
        Err(_) => Some((SIGN_OF_LIFE.into(), Some(told))),
        Ok(None | Some((_, Told::GraphChanged | Told::Ending))) => None,
        Ok(Some((_, Told::Next(body)))) => Some((next(&body).into(), Some(told))),
        Ok(Some((_, Told::Failed(body)))) => Some((last(&body), None)),
        Ok(Some((_, Told::Complete))) => Some((COMPLETE.into(), None)),
    }
}

/// `event: next`, with a line of data for each line of the body.
fn next(body: &[u8]) -> Vec<u8> {
    let mut event = Vec::with_capacity(body.len() + 32);
    event.extend_from_slice(b"event: next\n");
    for line in body.split(|byte| matches!(byte, b'\n' | b'\r')) {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.push(b'\n');
    }
    event.push(b'\n');
    event
}

fn last(body: &[u8]) -> Bytes {
    [&next(body), COMPLETE].concat().into()
}

fn response(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Proxies that collect an answer before they pass it on are asked not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_several_lines_stays_one_event() {
        assert_eq!(next(b"{\"a\":\n1}"), b"event: next\ndata: {\"a\":\ndata: 1}\n\n");
    }
}
