//! A request with its operation, ready to be executed: for one answer, or for as many as there are.

use std::sync::Arc;
use std::time::Instant;

use apollo_compiler::ast::OperationType;
use bytes::Bytes;
use executor::{FetchFailure, FetchFailureReason, Response};
use tracing::Span;

use crate::app::App;
use crate::error::RequestError;
use crate::event_source::{EventSource, Failure, SourceEvent};
use crate::graph::{Graph, Prepared};
use crate::graphql_request::GraphqlRequest;
use crate::listener::{Listener, Told};
use crate::request_context::RequestContext;
use crate::span;

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
        let prepared = graph.prepare(&request.operation, &context.span).await?;
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

    /// Names the span that it belongs to.
    pub(crate) fn name_span(&self) {
        span::name(&self.context.span, self.operation_type(), self.operation_name());
    }

    /// Its name, where the client gave it one.
    fn operation_name(&self) -> Option<&str> {
        self.prepared.name.as_deref()
    }

    /// Executes it for one answer, which no subscription has.
    pub(crate) async fn execute(&self, app: &App) -> Result<Bytes, RequestError> {
        let Self { graph, prepared, request, context } = self;
        let response = prepared
            .executable
            .execute(&request.variables, &graph.subgraphs, context, &app.execution)
            .await?;
        let body = self.logged(response, &context.span);
        Ok(match &prepared.query_plan {
            Some(plan) if context.wants_query_plan => with_query_plan(&body, plan),
            _ => body,
        })
    }

    /// Executes it, and tells each answer until there is no other, or nobody listens any more.
    pub(crate) async fn tell_all(mut self, app: &App, listener: &Listener) {
        self.context.span = span::operation(&self.context.headers, app.continue_clients);
        self.name_span();
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

    async fn subscribe(mut self, app: &App, listener: &Listener) {
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
        // A subscription may last for days: its span ends here, and each event has its own.
        self.context.span = Span::none();
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
            Err(failure) => Err(self.respond(app, failure, &self.context).await),
        }
    }

    async fn next(&self, app: &App, source: &mut EventSource) -> Told {
        match source.next().await {
            SourceEvent::Next(response) => {
                let context = self.context.clone().within(span::event());
                span::name(&context.span, self.operation_type(), self.operation_name());
                Told::Next(self.respond(app, Ok(response), &context).await)
            }
            SourceEvent::Failed(failure) => {
                Told::Failed(self.respond(app, failure, &self.context).await)
            }
            SourceEvent::Complete => Told::Complete,
        }
    }

    /// The answer to an event. It has the time of a request.
    async fn respond(&self, app: &App, event: Failure, context: &RequestContext) -> Bytes {
        let Self { graph, prepared, request, .. } = self;
        let (variables, subgraphs) = (&request.variables, &graph.subgraphs);
        let response = prepared.executable.respond_to_event(
            event,
            variables,
            subgraphs,
            context,
            &app.execution,
        );
        match tokio::time::timeout(app.limits.request_timeout(), response).await {
            Ok(Ok(response)) => self.logged(response, &context.span),
            Ok(Err(error)) => RequestError::Execution(error).body(),
            Err(_) => RequestError::Timeout.body(),
        }
    }

    /// The body, after operators have been told which subgraph failed.
    fn logged(&self, response: Response, span: &Span) -> Bytes {
        for failure in &response.failures {
            self.log(failure);
            span::failed(span);
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
            operation.name = self.operation_name(),
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
