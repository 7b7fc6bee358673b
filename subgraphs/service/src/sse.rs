//! Subscriptions over Server-Sent Events, a connection each: the distinct-connections mode of GraphQL over SSE.
//!
//! Each answer is an event `next`; `complete` follows the last. A comment keeps the connection alive.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Executor, Response};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::StreamExt;
use http::{HeaderMap, header};

use crate::caller::Caller;
use crate::endpoint::{Endpoint, refused};
use crate::tasks::Stop;

/// Proxies close connections that are silent for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(12);

/// Whether the client wants a stream.
pub(crate) fn is_accepted(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/event-stream")))
}

/// Answers one operation.
pub(crate) async fn respond<E: Executor>(
    endpoint: Arc<Endpoint<E>>,
    caller: Caller,
    headers: &HeaderMap,
    body: &[u8],
    stop: Stop,
) -> axum::response::Response {
    let answers = match endpoint.read(caller, headers, body).await {
        Ok((caller, request)) => endpoint.stream(caller, headers, request, stop).boxed(),
        Err(error) => futures::stream::iter([refused(&error)]).boxed(),
    };
    let complete = futures::stream::iter([Event::default().event("complete").data("")]);
    let events = answers.map(|answer| next(&answer)).chain(complete).map(Ok::<_, Infallible>);
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

fn next(answer: &Response) -> Event {
    Event::default().event("next").json_data(answer).expect("a response is plain data")
}
