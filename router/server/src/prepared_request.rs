//! A request with its operation, ready to be executed: for one answer, or for as many as there are.

use std::sync::Arc;
use std::time::Instant;

use apollo_compiler::ast::OperationType;
use bytes::Bytes;
use executor::{FetchFailure, FetchFailureReason, Response};

use crate::app::App;
use crate::error::RequestError;
use crate::event_source::{EventSource, Failure, SourceEvent};
use crate::graph::{Graph, Prepared};
use crate::graphql_request::GraphqlRequest;
use crate::listener::{Listener, Told};
use crate::request_context::RequestContext;

/// Ready to be executed.
pub(crate) struct PreparedRequest {
    graph: Arc<Graph>,
    prepared: Arc<Prepared>,
    request: GraphqlRequest,
    context: RequestContext,
}

impl PreparedRequest {
    /// Finds or makes the plan, in the graph that serves now.
    pub(crate) async fn prepare(
        app: &App,
        request: GraphqlRequest,
        context: RequestContext,
    ) -> Result<Self, RequestError> {
        let graph = app.graph.get()?;
        let prepared = graph.prepare(&request.operation).await?;
        // A GET must change nothing: browsers and caches repeat it at will.
        if request.by_get && prepared.executable.operation_type() == OperationType::Mutation {
            return Err(RequestError::NotByGet);
        }
        Ok(Self { graph, prepared, request, context })
    }

    /// What it is.
    pub(crate) fn operation_type(&self) -> OperationType {
        self.prepared.executable.operation_type()
    }

    /// Executes it for one answer, which no subscription has.
    pub(crate) async fn execute(&self, app: &App) -> Result<Bytes, RequestError> {
        let Self { graph, prepared, request, context } = self;
        let response = prepared
            .executable
            .execute(&request.variables, &graph.subgraphs, context, &app.execution)
            .await?;
        let body = self.logged(response);
        Ok(match &prepared.query_plan {
            Some(plan) if context.wants_query_plan => with_query_plan(&body, plan),
            _ => body,
        })
    }

    /// Executes it, and tells each answer until there is no other, or nobody listens any more.
    pub(crate) async fn tell_all(self, app: &App, listener: &Listener) {
        if self.operation_type() == OperationType::Subscription {
            return self.subscribe(app, listener).await;
        }
        let started = Instant::now();
        let answer = tokio::select! {
            answer = app.at_work(self.execute(app)) => answer,
            () = listener.gone() => return,
        };
        app.measures.record(started.elapsed(), answer.as_ref().err());
        let (told, last) = match answer {
            Ok(body) => (Told::Next(body), Some(Told::Complete)),
            Err(error) => (Told::Failed(error.body()), None),
        };
        if listener.tell(told).await.is_ok()
            && let Some(last) = last
        {
            // Whoever is gone need not be told.
            let _ = listener.tell(last).await;
        }
    }

    async fn subscribe(self, app: &App, listener: &Listener) {
        let _place = match app.subscriptions.take_place() {
            Ok(place) => place,
            Err(error) => return drop(listener.tell(Told::Failed(error.body())).await),
        };
        let opened = tokio::select! {
            opened = self.open(app) => opened,
            () = listener.gone() => return,
        };
        let mut source = match opened {
            Ok(source) => source,
            Err(body) => return drop(listener.tell(Told::Failed(body)).await),
        };
        loop {
            let told = tokio::select! {
                told = self.next(app, &mut source) => told,
                () = self.graph.retired.cancelled() => Told::GraphChanged,
                () = app.live.ending.cancelled() => Told::Ending,
                () = listener.gone() => break,
            };
            let is_last = !matches!(told, Told::Next(_));
            if listener.tell(told).await.is_err() || is_last {
                break;
            }
        }
        source.close().await;
    }

    /// Subscribes to the subgraph; or the answer that says why not.
    async fn open(&self, app: &App) -> Result<EventSource, Bytes> {
        let request =
            self.prepared.executable.source_request(&self.request.variables, &app.execution);
        let request = request.map_err(|error| RequestError::Execution(error).body())?;
        let subgraph = &self.graph.subgraphs.0[request.subgraph.index()];
        match subgraph.subscribe(request.body, &self.context).await {
            Ok(source) => Ok(source),
            Err(failure) => Err(self.respond(app, failure).await),
        }
    }

    async fn next(&self, app: &App, source: &mut EventSource) -> Told {
        match source.next().await {
            SourceEvent::Next(response) => Told::Next(self.respond(app, Ok(response)).await),
            SourceEvent::Failed(failure) => Told::Failed(self.respond(app, failure).await),
            SourceEvent::Complete => Told::Complete,
        }
    }

    /// The answer to an event. It has the time of a request.
    async fn respond(&self, app: &App, event: Failure) -> Bytes {
        let Self { graph, prepared, request, context } = self;
        let (variables, subgraphs) = (&request.variables, &graph.subgraphs);
        let response = prepared.executable.respond_to_event(
            event,
            variables,
            subgraphs,
            context,
            &app.execution,
        );
        match tokio::time::timeout(app.limits.request_timeout(), response).await {
            Ok(Ok(response)) => self.logged(response),
            Ok(Err(error)) => RequestError::Execution(error).body(),
            Err(_) => RequestError::Timeout.body(),
        }
    }

    /// The body, after operators have been told which subgraph failed.
    fn logged(&self, response: Response) -> Bytes {
        for failure in &response.failures {
            self.log(failure);
        }
        response.body
    }

    fn log(&self, failure: &FetchFailure) {
        let FetchFailure { subgraph, reason } = failure;
        // A subgraph that answered with errors alone did its work: it refused.
        if *reason == FetchFailureReason::NoData {
            return;
        }
        tracing::warn!(
            subgraph.name = self.graph.subgraphs.name(*subgraph),
            operation.name = self.request.operation.name.as_deref(),
            %reason,
            "a fetch failed"
        );
    }
}

/// Adds the plan to a response: `{…,"extensions":{"queryPlan":…}}`.
fn with_query_plan(body: &[u8], plan: &str) -> Bytes {
    let open = body.strip_suffix(b"}").expect("a response is an object");
    [open, b",\"extensions\":{\"queryPlan\":", plan.as_bytes(), b"}}"].concat().into()
}
