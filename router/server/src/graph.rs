//! A graph that serves: a supergraph, its subgraphs, and the operations prepared so far.

use std::sync::Arc;

use apollo_compiler::Name;
use apollo_compiler::ast::Document;
use apollo_compiler::executable::{ExecutableDocument, Operation};
use apollo_compiler::parser::Parser;
use apollo_compiler::response::GraphQLError;
use apollo_compiler::validation::{DiagnosticList, Valid};
use arc_swap::ArcSwapOption;
use executor::Executable;
use planner::{PlanError, QueryPlan};
use quick_cache::sync::Cache;
use supergraph::{Labels, Supergraph};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::config::{Config, Limits};
use crate::error::{RequestError, StartError};
use crate::graphql_request::OperationKey;
use crate::one_of::one_of_errors;
use crate::operation_size::OperationSize;
use crate::rollout::Rollout;
use crate::span;
use crate::subgraphs::{Connector, Subgraphs};

/// A supergraph that is ready to serve. Immutable, but for the operations that it remembers.
pub struct Graph {
    supergraph: Supergraph,
    /// The way to each subgraph.
    pub(crate) subgraphs: Subgraphs,
    prepared: Cache<OperationKey, Arc<Prepared>>,
    rollout: Rollout,
    exposes_query_plan: bool,
    /// Planning is hard work: as many at a time as there are processors.
    planning: Arc<Semaphore>,
    limits: Limits,
    introspection: bool,
    /// Cancelled when another graph takes its place.
    pub(crate) retired: CancellationToken,
}

/// An operation, ready to be executed.
pub(crate) struct Prepared {
    pub(crate) executable: Executable,
    /// Its name, where the document gives it one.
    pub(crate) name: Option<Box<str>>,
    /// Its plan as JSON, where clients may see it.
    pub(crate) query_plan: Option<Box<str>>,
}

impl Graph {
    /// Reads supergraph SDL and finds the way to each of its subgraphs.
    pub fn load(
        supergraph_sdl: &str,
        connector: &Connector,
        config: &Config,
    ) -> Result<Self, StartError> {
        let supergraph = Supergraph::parse(supergraph_sdl)
            .map_err(|error| StartError::Supergraph(error.to_string()))?;
        let subgraphs = supergraph
            .subgraphs()
            .iter()
            .map(|subgraph| connector.connect(subgraph.name.as_str(), &subgraph.url))
            .collect::<Result<_, _>>()?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            rollout: Rollout::new(&supergraph, &config.override_labels),
            exposes_query_plan: config.expose_query_plan,
            supergraph,
            subgraphs: Subgraphs(subgraphs),
            prepared: Cache::new(config.plan_cache.capacity.get()),
            planning: Arc::new(Semaphore::new(processors)),
            limits: config.limits.clone(),
            introspection: config.introspection,
            retired: CancellationToken::new(),
        })
    }

    /// The operation, ready to be executed: from the cache, or prepared now, once for all who wait for it.
    pub(crate) async fn prepare(
        self: &Arc<Self>,
        operation: &OperationKey,
        span: &Span,
    ) -> Result<Arc<Prepared>, RequestError> {
        let labelled;
        let operation = if self.rollout.is_empty() {
            operation
        } else {
            labelled = operation.labelled(self.rollout.on(|| rand::random_range(0.0..100.0)));
            &labelled
        };
        let prepare = async {
            let planning = Arc::clone(&self.planning);
            let span = span::plan(span);
            let turn = planning.acquire_owned().await.map_err(|_| RequestError::Internal)?;
            let (graph, operation) = (Arc::clone(self), operation.clone());
            let prepared = tokio::task::spawn_blocking(move || {
                // Held to the end of the work, even where the client does not wait for it.
                let _turn = turn;
                let prepared = graph.prepare_now(&operation);
                if prepared.is_err() {
                    span::failed(&span);
                }
                prepared
            });
            prepared.await.unwrap_or_else(|panic| {
                tracing::error!(%panic, "preparing an operation panicked");
                Err(RequestError::Internal)
            })
        };
        self.prepared.get_or_insert_async(operation, prepare).await
    }

    /// Parse, validate, plan, lower.
    fn prepare_now(&self, operation: &OperationKey) -> Result<Arc<Prepared>, RequestError> {
        let labels = Labels::on(operation.labels.iter().copied());
        let document = self.parse(operation.document()?)?;
        let document = self.validate(&document)?;
        let name = operation.name.as_deref();
        let operation = document.operations.get(name).map_err(|error| {
            executor::RequestError::UnknownOperation(error.message().to_string())
        })?;
        self.check(&document, operation)?;
        let plan = self.plan(&document, operation, &labels)?;
        let query_plan = self
            .exposes_query_plan
            .then(|| plan.json(&self.supergraph, &operation.variables).into());
        let own_name = operation.name.as_ref().map(|name| name.as_str().into());
        let document = Arc::new(document);
        let executable = Executable::lower(&self.supergraph, document, name, &plan)?;
        Ok(Arc::new(Prepared { executable, name: own_name, query_plan }))
    }

    fn parse(&self, document: String) -> Result<Document, RequestError> {
        let mut parser = Parser::new().token_limit(self.limits.tokens);
        let parsed = parser.parse_ast(document, "operation.graphql");
        if parser.tokens_reached() > self.limits.tokens {
            let limit = self.limits.tokens;
            return Err(RequestError::TooLarge(format!(
                "the document has more than {limit} tokens"
            )));
        }
        parsed.map_err(|broken| RequestError::Parse(graphql_errors(&broken.errors)))
    }

    fn validate(&self, document: &Document) -> Result<Valid<ExecutableDocument>, RequestError> {
        let schema = self.supergraph.api_schema();
        // In two steps: what remains of a document without its unknown fields has errors that nobody made.
        let known = document
            .to_executable(schema)
            .map_err(|broken| RequestError::Validation(graphql_errors(&broken.errors)))?;
        let valid = known
            .validate(schema)
            .map_err(|broken| RequestError::Validation(graphql_errors(&broken.errors)))?;
        let errors = one_of_errors(schema, &valid);
        if errors.is_empty() { Ok(valid) } else { Err(RequestError::Validation(errors)) }
    }

    fn plan(
        &self,
        document: &Valid<ExecutableDocument>,
        operation: &Operation,
        labels: &Labels,
    ) -> Result<QueryPlan, RequestError> {
        let planned = planner::plan_with(&self.supergraph, document, operation, labels);
        planned.map_err(|error| match error {
            PlanError::TooComplex { .. } => RequestError::TooLarge(error.to_string()),
            PlanError::Unsatisfiable { .. } => {
                let name = operation.name.as_ref().map(Name::as_str);
                tracing::error!(operation.name = name, %error, "an operation has no plan");
                RequestError::Internal
            }
        })
    }

    /// What is valid, but not served.
    fn check(
        &self,
        document: &Valid<ExecutableDocument>,
        operation: &Operation,
    ) -> Result<(), RequestError> {
        OperationSize::of(document, operation)
            .check(&self.limits)
            .map_err(RequestError::TooLarge)?;
        let mut root_fields = operation.root_fields(document);
        let asks_for_schema =
            root_fields.any(|field| matches!(field.name.as_str(), "__schema" | "__type"));
        if asks_for_schema && !self.introspection {
            return Err(RequestError::IntrospectionDisabled);
        }
        Ok(())
    }
}

/// Errors of a document, as clients see them: sentences and places, without excerpts.
fn graphql_errors(errors: &DiagnosticList) -> Vec<GraphQLError> {
    errors.iter().map(|diagnostic| diagnostic.to_json()).collect()
}

/// The graph that serves now. Cheap to clone; the clones share it.
#[derive(Clone, Default)]
pub struct CurrentGraph(Arc<ArcSwapOption<Graph>>);

impl CurrentGraph {
    /// A graph that is there from the start.
    pub fn holding(graph: Graph) -> Self {
        Self(Arc::new(ArcSwapOption::from_pointee(graph)))
    }

    /// From now on, requests are answered from this graph; those under way end with theirs, and subscriptions are
    /// ended so that their clients subscribe again.
    pub fn replace(&self, graph: Graph) {
        if let Some(replaced) = self.0.swap(Some(Arc::new(graph))) {
            replaced.retired.cancel();
        }
    }

    /// The graph, where one is loaded.
    pub(crate) fn get(&self) -> Result<Arc<Graph>, RequestError> {
        self.0.load_full().ok_or(RequestError::NotReady)
    }
}
