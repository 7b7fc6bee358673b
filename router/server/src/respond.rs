//! Life of a request: read, prepare, execute, answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use apollo_compiler::ast::OperationType;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use bytes::Bytes;
use executor::{FetchFailure, FetchFailureReason};
use http::Request;

use crate::app::App;
use crate::error::{RequestError, executed};
use crate::graph::Graph;
use crate::graphql_request::GraphqlRequest;
use crate::media_type::MediaType;
use crate::subgraphs::RequestContext;

/// `GET` and `POST /graphql`.
pub(crate) async fn graphql(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let Some(media_type) = MediaType::accepted(request.headers()) else {
        return RequestError::NotAcceptable.into_response(MediaType::Json);
    };
    let started = Instant::now();
    let answer = tokio::time::timeout(app.limits.request_timeout(), respond(&app, request)).await;
    let answer = answer.unwrap_or(Err(RequestError::Timeout));
    app.measures.record(started.elapsed(), answer.as_ref().err());
    match answer {
        Ok(body) => executed(media_type, body),
        Err(error) => error.into_response(media_type),
    }
}

async fn respond(app: &App, request: Request<Body>) -> Result<Bytes, RequestError> {
    let _place = app.places.try_acquire().map_err(|_| RequestError::Overloaded)?;
    let graph = app.graph.get()?;
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|peer| peer.0.ip().to_canonical());
    let context = RequestContext::new(request.headers(), peer, &app.forward);
    let request = GraphqlRequest::read(request, app.limits.body_bytes).await?;
    let executable = graph.prepare(&request.operation).await?;
    request.check_method(executable.operation_type())?;
    let response =
        executable.execute(&request.variables, &graph.subgraphs, &context, &app.execution).await?;
    for failure in &response.failures {
        log(failure, &graph, request.operation.name.as_deref());
    }
    Ok(response.body)
}

/// Says which subgraph failed, to operators. A subgraph that answered with errors alone did its work: it refused.
fn log(failure: &FetchFailure, graph: &Graph, operation_name: Option<&str>) {
    let FetchFailure { subgraph, reason } = failure;
    if *reason == FetchFailureReason::NoData {
        return;
    }
    tracing::warn!(
        subgraph.name = graph.subgraphs.name(*subgraph),
        operation.name = operation_name,
        %reason,
        "a fetch failed"
    );
}

impl GraphqlRequest {
    /// A GET must change nothing: browsers and caches repeat it at will.
    fn check_method(&self, operation_type: OperationType) -> Result<(), RequestError> {
        let changes = operation_type == OperationType::Mutation;
        if changes && self.by_get { Err(RequestError::NotByGet) } else { Ok(()) }
    }
}
