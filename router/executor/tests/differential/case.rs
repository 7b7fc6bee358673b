//! One federation and its operations, tried: composed, planned, executed, and compared with the truth.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use apollo_compiler::ExecutableDocument;
use apollo_compiler::ast::OperationType;
use apollo_compiler::validation::Valid;
use composition::SubgraphSource;
use executor::{
    Executable, Options, RequestError, Response, SubgraphClient, SubgraphError, SubgraphRequest,
    SubgraphResponse,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use planner::{Budget, QueryPlan};
use serde_json::Value;
use supergraph::{Labels, Supergraph};

use crate::contextual::{Contextual, contextual_arguments};
use crate::data::{Data, Source};
use crate::detour::{self, Effort};
use crate::errors;
use crate::fake_subgraph::{FakeSubgraph, Request};
use crate::link;
use crate::operation::Operation;
use crate::project::Projection;
use crate::reference;

/// Subgraphs as they are published, and what is true of them.
#[derive(Debug, Clone)]
pub(crate) struct Federation {
    /// Name and SDL.
    pub(crate) subgraphs: Vec<(String, String)>,
    pub(crate) truth: Data,
    /// Entities and subgraphs that do not know them: `$id`, and the subgraph's name.
    pub(crate) unknown: Vec<(String, String)>,
    /// The subgraphs that have own names for the directives of federation.
    pub(crate) renaming: Vec<String>,
}

/// What went wrong.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The subgraphs do not compose.
    Composition,
    /// Some field cannot be reached from everywhere, says composition.
    Satisfiability,
    /// Our own supergraph is not understood.
    Supergraph,
    /// There is no plan for a valid operation.
    Plan,
    /// The data is not of the schema's types: a case made too small.
    Misfit,
    /// A subgraph was asked what it must not be asked.
    Refusal,
    /// A request error for a valid operation.
    Request,
    /// Other data than one server would give.
    Data,
    /// Errors where one server has none, or none where it has; or elsewhere.
    Errors,
    /// More requests than it could take.
    Detour,
    Panic,
}

impl Failure {
    /// Whether it is the same failure, as far as one can tell: of composition, by the code; of a request, by the reason.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let code = |it: &Self| it.reason.split(' ').next().map(ToOwned::to_owned);
        self.kind == other.kind
            && match self.kind {
                Kind::Composition => code(self) == code(other),
                Kind::Request => self.reason == other.reason,
                _ => true,
            }
    }

    fn new(kind: Kind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }
}

/// A federation that stands.
pub(crate) struct Composed {
    pub(crate) supergraph: Supergraph,
    pub(crate) supergraph_sdl: String,
    pub(crate) subgraphs: Arc<FakeSubgraphs>,
    pub(crate) truth: Source,
    contextual: Vec<Contextual>,
}

pub(crate) struct FakeSubgraphs {
    /// In the order of their ids.
    pub(crate) subgraphs: Vec<FakeSubgraph>,
    mutations: Arc<AtomicUsize>,
    pub(crate) requests: Mutex<Vec<String>>,
}

impl Federation {
    pub(crate) fn compose(&self) -> Result<Composed, Failure> {
        let source = |(name, sdl): &(String, String)| SubgraphSource {
            name: name.clone(),
            url: format!("http://{name}.test/graphql"),
            sdl: self.published(name, sdl),
        };
        let sources: Vec<_> = self.subgraphs.iter().map(source).collect();
        let composition = composition::compose(&sources).map_err(|errors| {
            let is_unsatisfiable = errors.0.iter().all(|it| it.code == "SATISFIABILITY_ERROR");
            let kind = if is_unsatisfiable { Kind::Satisfiability } else { Kind::Composition };
            Failure::new(kind, errors.to_string())
        })?;
        let supergraph = Supergraph::parse(&composition.supergraph_sdl)
            .map_err(|error| Failure::new(Kind::Supergraph, error.to_string()))?;
        let truth =
            Source::new(supergraph.api_schema().clone(), self.truth.clone(), Arc::default());
        let overridden = self.overridden();
        let mutations = Arc::<AtomicUsize>::default();
        let subgraph = |name: String| {
            let sdl =
                &self.subgraphs.iter().find(|(it, _)| *it == name).expect("it was composed").1;
            let mut subgraph = FakeSubgraph::new(&name, sdl, Data::default(), mutations.clone());
            let overridden: Vec<(String, String)> = overridden
                .iter()
                .filter(|(from, ..)| *from == name)
                .map(|(_, ty, field)| (ty.clone(), field.clone()))
                .collect();
            let schema = &subgraph.source.schema;
            let unknown = self.unknown.iter().filter(|(_, to)| *to == name);
            let unknown: Vec<String> = unknown.map(|(id, _)| id.clone()).collect();
            let (overridden, unknown) = (&overridden, &unknown);
            let data = Projection { truth: &truth, schema, overridden, unknown }.data();
            subgraph.source.data = data;
            subgraph
        };
        let subgraphs =
            supergraph.subgraphs().iter().map(|it| subgraph(it.name.to_string())).collect();
        let subgraphs =
            Arc::new(FakeSubgraphs { subgraphs, mutations, requests: Mutex::default() });
        let supergraph_sdl = composition.supergraph_sdl;
        let contextual = contextual_arguments(self.subgraphs.iter().map(|(_, sdl)| sdl.as_str()));
        Ok(Composed { supergraph, supergraph_sdl, subgraphs, truth, contextual })
    }

    /// The SDL as composition reads it.
    pub(crate) fn published(&self, name: &String, sdl: &str) -> String {
        if self.renaming.contains(name) { link::with_own_names(sdl) } else { sdl.to_owned() }
    }

    /// Subgraph, type and field of all that moved elsewhere.
    fn overridden(&self) -> Vec<(String, String, String)> {
        use apollo_compiler::ast::{Definition, Document};
        let mut overridden = Vec::new();
        for (name, sdl) in &self.subgraphs {
            let document = Document::parse(sdl, name).unwrap_or_else(|invalid| invalid.partial);
            for definition in &document.definitions {
                let Definition::ObjectTypeDefinition(object) = definition else { continue };
                for field in &object.fields {
                    let directive = field.directives.get("override");
                    // By a label it moves for some requests only: both have it.
                    let directive =
                        directive.filter(|it| it.specified_argument_by_name("label").is_none());
                    let from =
                        directive.and_then(|it| it.specified_argument_by_name("from")?.as_str());
                    if let Some(from) = from {
                        overridden.push((
                            from.to_owned(),
                            object.name.to_string(),
                            field.name.to_string(),
                        ));
                    }
                }
            }
        }
        overridden
    }
}

impl Composed {
    /// `None` where the operation is not valid.
    pub(crate) fn validate(&self, operation: &Operation) -> Option<Arc<Valid<ExecutableDocument>>> {
        let schema = self.supergraph.api_schema();
        ExecutableDocument::parse_and_validate(schema, &operation.text, "operation.graphql")
            .ok()
            .map(Arc::new)
    }

    /// Executes an operation in both ways.
    pub(crate) fn check(
        &self,
        document: &Arc<Valid<ExecutableDocument>>,
        operation: &Operation,
    ) -> Result<(), Failure> {
        catch_unwind(AssertUnwindSafe(|| self.compare(document, operation))).unwrap_or_else(
            |panic| {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                Err(Failure::new(Kind::Panic, text.unwrap_or("a panic without a text")))
            },
        )
    }

    fn compare(
        &self,
        document: &Arc<Valid<ExecutableDocument>>,
        operation: &Operation,
    ) -> Result<(), Failure> {
        let definition = document.operations.get(operation.name).expect("it was written");
        self.truth.mutations.store(0, Ordering::Relaxed);
        let variables = &operation.variables;
        let expected =
            reference::execute(&self.truth, &self.contextual, document, definition, variables);
        if !expected.misfits.is_empty() {
            return Err(Failure::new(Kind::Misfit, expected.misfits.join(", ")));
        }
        let plan = self.plan(document, operation, Budget::default())?;
        self.compare_answer(document, operation, &plan, &expected)?;
        // Past its budget the planner takes the first way it finds: what it comes to is the same.
        let hasty = Budget { thorough_steps: 0, ..Budget::default() };
        let hasty = self.plan(document, operation, hasty)?;
        if hasty != plan {
            self.compare_answer(document, operation, &hasty, &expected).map_err(|failure| {
                Failure::new(failure.kind, format!("planned in haste: {}", failure.reason))
            })?;
        }
        self.compare_efforts(operation, &plan, &hasty)
    }

    /// A plan for an operation of a document that is valid.
    pub(crate) fn plan(
        &self,
        document: &Valid<ExecutableDocument>,
        operation: &Operation,
        budget: Budget,
    ) -> Result<QueryPlan, Failure> {
        let definition = document.operations.get(operation.name).expect("it was written");
        let labels = operation.labels.iter().filter_map(|it| self.supergraph.label_id(it));
        planner::plan_within(&self.supergraph, document, definition, &Labels::on(labels), budget)
            .map_err(|error| Failure::new(Kind::Plan, error.to_string()))
    }

    /// A plan takes no more than one made in haste, and than one for all that and more.
    fn compare_efforts(
        &self,
        operation: &Operation,
        plan: &QueryPlan,
        hasty: &QueryPlan,
    ) -> Result<(), Failure> {
        // Mutations run one after the other: which may share a request depends on what stands between them.
        if plan.operation_type == OperationType::Mutation {
            return Ok(());
        }
        let effort = Effort::of(plan);
        let print = |plan: &QueryPlan| plan.display(&self.supergraph).to_string();
        if effort.is_beaten_by(Effort::of(hasty)) {
            let plans = format!("{}\ninstead of\n{}", print(hasty), print(plan));
            return Err(Failure::new(Kind::Detour, format!("haste is better: {plans}")));
        }
        if operation.has_conditions() {
            return Ok(());
        }
        for text in detour::easier(&operation.text) {
            let easier = Operation { text, ..operation.clone() };
            let Some(document) = self.validate(&easier) else { continue };
            let other = self.plan(&document, &easier, Budget::default())?;
            if Effort::of(&other).is_beaten_by(effort) {
                let plans = format!("{}\ninstead of a part of\n{}", print(&other), print(plan));
                let reason = format!("for {}it takes\n{plans}", easier.text);
                return Err(Failure::new(Kind::Detour, reason));
            }
        }
        Ok(())
    }

    /// The answer; of a subscription, the one to the only event that a fake subgraph has.
    fn execute(&self, executable: &Executable, variables: &str) -> Result<Response, RequestError> {
        let (subgraphs, options) = (&*self.subgraphs, Options::default());
        let execution = async {
            if executable.operation_type() != OperationType::Subscription {
                return executable.execute(variables, subgraphs, &(), &options).await;
            }
            let request = executable.source_request(variables, &options)?;
            let event = subgraphs.fetch(request, &()).await;
            executable.respond_to_event(event, variables, subgraphs, &(), &options).await
        };
        execution.now_or_never().expect("the fake subgraphs answer at once")
    }

    /// Executes a plan, and compares the answer with the one of a single server.
    fn compare_answer(
        &self,
        document: &Arc<Valid<ExecutableDocument>>,
        operation: &Operation,
        plan: &QueryPlan,
        expected: &reference::Answer,
    ) -> Result<(), Failure> {
        self.subgraphs.mutations.store(0, Ordering::Relaxed);
        self.subgraphs.requests.lock().expect("nobody panicked").clear();
        let variables = serde_json::to_string(&operation.variables).expect("variables are JSON");
        let response = Executable::lower(&self.supergraph, document.clone(), operation.name, plan)
            .and_then(|executable| self.execute(&executable, &variables))
            .map_err(|error| Failure::new(Kind::Request, error.to_string()))?;
        let refusals: Vec<String> =
            self.subgraphs.subgraphs.iter().flat_map(FakeSubgraph::take_refusals).collect();
        if !refusals.is_empty() {
            let is_misfit = refusals.iter().any(|it| it.starts_with("the data"));
            let kind = if is_misfit { Kind::Misfit } else { Kind::Refusal };
            return Err(Failure::new(kind, refusals.join("\n")));
        }
        let body = String::from_utf8_lossy(&response.body).into_owned();
        let rest =
            body.strip_prefix("{\"data\":").and_then(|it| it.strip_prefix(expected.data.as_str()));
        if !rest.is_some_and(|it| it == "}" || it.starts_with(",\"errors\":")) {
            let reason = format!("expected {{\"data\":{}}}\nanswered {body}", expected.data);
            return Err(Failure::new(Kind::Data, reason));
        }
        let answered: Value = serde_json::from_str(&body).expect("an answer is JSON");
        errors::compare(&answered, &expected.errors)
            .map_err(|reason| Failure::new(Kind::Errors, format!("{reason}\nanswered {body}")))
    }
}

impl SubgraphClient for FakeSubgraphs {
    type Context = ();

    fn fetch<'a>(
        &'a self,
        request: SubgraphRequest,
        (): &'a (),
    ) -> BoxFuture<'a, Result<SubgraphResponse, SubgraphError>> {
        let subgraph = &self.subgraphs[request.subgraph.index()];
        let body = String::from_utf8_lossy(&request.body);
        let mut requests = self.requests.lock().expect("nobody panicked");
        requests.push(format!("{}: {body}", request.subgraph.index()));
        let request: Request = serde_json::from_slice(&request.body).expect("a request is JSON");
        let answer = subgraph.answer(&request);
        async { answer }.boxed()
    }
}
