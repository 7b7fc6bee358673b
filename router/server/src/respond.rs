//! Life of a request: read, prepare, execute, answer.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures::future::join_all;
use http::{Request, header};

use crate::app::App;
use crate::client_socket::upgrade;
use crate::client_stream::{refusal_stream, stream};
use crate::config::Limits;
use crate::error::{RequestError, executed};
use crate::graphql_request::{Asked, GraphqlRequest};
use crate::media_type::{Accepted, MediaType};
use crate::origin::may_ask;
use crate::prepared_request::PreparedRequest;
use crate::request_context::{Peer, RequestContext};
use crate::span;

/// `GET` and `POST /graphql`, and WebSockets there.
pub(crate) async fn graphql(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    if request.headers().contains_key(header::UPGRADE) {
        let refused = |error: RequestError| error.into_response(MediaType::Json);
        return upgrade(app, request).await.unwrap_or_else(refused);
    }
    let peer = request.extensions().get::<Peer>().cloned();
    answer(&app, request, peer.as_ref()).await
}

/// Answers a request of the client at `peer`.
pub(crate) async fn answer(
    app: &Arc<App>,
    request: Request<Body>,
    peer: Option<&Peer>,
) -> Response {
    let Some(accepted) = Accepted::of(request.headers()) else {
        return RequestError::NotAcceptable.into_response(MediaType::Json);
    };
    let started = Instant::now();
    let span = span::request(request.method(), request.headers(), app.continue_clients);
    let context = RequestContext::new(request.headers(), peer, &app.forward);
    let context = context.within(span.clone());
    let answer = app.at_work(respond(app, request, accepted, context)).await;
    app.measures.record(started.elapsed(), answer.as_ref().err());
    let response = match answer {
        Ok(response) => response,
        Err(error) if accepted.prefers_stream() && error.is_of_graphql() => refusal_stream(&error),
        Err(error) => error.into_response(accepted.single()),
    };
    span::answered(&span, response.status());
    response
}

async fn respond(
    app: &Arc<App>,
    request: Request<Body>,
    accepted: Accepted,
    context: RequestContext,
) -> Result<Response, RequestError> {
    if !may_ask(request.method(), request.headers(), &app.origins) {
        return Err(RequestError::ForeignOrigin);
    }
    let Limits { body_bytes, batch_requests, .. } = app.limits;
    let request = match GraphqlRequest::read(request, body_bytes, batch_requests).await? {
        Asked::One(request) => request,
        Asked::List(requests) => {
            let body = answer_all(app, requests, &context).await;
            return Ok(executed(accepted.single(), body));
        }
    };
    let prepared = PreparedRequest::prepare(app, request, context).await?;
    prepared.name_span();
    if accepted.is_stream(prepared.operation_type()) {
        return Ok(stream(app, prepared));
    }
    Ok(executed(accepted.single(), prepared.execute(app).await?))
}

/// The answers to several requests, executed side by side: a list in their order.
async fn answer_all(app: &App, requests: Vec<GraphqlRequest>, context: &RequestContext) -> Bytes {
    let answers = requests.into_iter().map(|request| async {
        match PreparedRequest::prepare(app, request, context.clone()).await {
            Ok(prepared) => prepared.execute(app).await.unwrap_or_else(|error| error.body()),
            Err(error) => error.body(),
        }
    });
    let mut list = Vec::from(b"[");
    for (index, answer) in join_all(answers).await.into_iter().enumerate() {
        if index > 0 {
            list.push(b',');
        }
        list.extend_from_slice(&answer);
    }
    list.push(b']');
    list.into()
}
