//! An operation with its plan, ready to be executed any number of times.

use std::sync::Arc;

use apollo_compiler::Name;
use apollo_compiler::ast::OperationType;
use apollo_compiler::executable::ExecutableDocument;
use apollo_compiler::validation::Valid;
use bytes::Bytes;
use planner::QueryPlan;
use supergraph::Supergraph;

use crate::error::FetchFailure;
use crate::introspection::Introspection;
use crate::lower::{lower, variable_types};
use crate::program::{Program, ShapeId, SlotId};
use crate::run::Run;
use crate::run::emit::emit;
use crate::run::rows::{Slice, Slot};
use crate::variables::{VariableTypes, Variables};
use crate::{
    Options, RequestError, SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse,
};

/// An operation, lowered. Immutable; share it in an [`Arc`].
#[derive(Debug)]
pub struct Executable {
    operation_type: OperationType,
    operation_name: Option<Name>,
    program: Program,
    variable_types: VariableTypes,
    introspection: Option<Introspection>,
    subgraph_names: Vec<String>,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The JSON for the client: `{"data":…}` or `{"data":…,"errors":[…]}`.
    pub body: Bytes,
    /// Whether it has errors.
    pub has_errors: bool,
    /// The fetches that gave nothing.
    pub failures: Vec<FetchFailure>,
    /// How many requests were sent to subgraphs.
    pub subgraph_requests: usize,
}

impl Executable {
    /// Lowers the plan of an operation. The document is valid against the supergraph's API schema, and the plan is the
    /// operation's.
    pub fn lower(
        supergraph: &Supergraph,
        document: Arc<Valid<ExecutableDocument>>,
        operation_name: Option<&str>,
        query_plan: &QueryPlan,
    ) -> Result<Self, RequestError> {
        let operation = document
            .operations
            .get(operation_name)
            .map_err(|error| RequestError::UnknownOperation(error.message().to_string()))?;
        let schema = supergraph.api_schema();
        let operation_name = operation.name.clone();
        Ok(Self {
            operation_type: operation.operation_type,
            operation_name: operation_name.clone(),
            program: lower(supergraph, &document, operation, query_plan),
            variable_types: variable_types(schema, operation),
            introspection: Introspection::of(schema, document, operation_name)?,
            subgraph_names: supergraph.subgraphs().iter().map(|s| s.name.to_string()).collect(),
        })
    }

    /// What it is: a query, a mutation or a subscription.
    pub fn operation_type(&self) -> OperationType {
        self.operation_type
    }

    /// Its name, where the client gave it one.
    pub fn operation_name(&self) -> Option<&str> {
        self.operation_name.as_deref()
    }

    /// Whether it asks for the schema (`__schema`, `__type`).
    pub fn asks_for_schema(&self) -> bool {
        self.introspection.is_some()
    }

    /// Executes a query or mutation. `variables` is the JSON object that the client sent, as text so that numbers keep their digits;
    /// empty or `null` for none. Whatever goes wrong after the variables were coerced is in the response.
    pub async fn execute<C: SubgraphClient>(
        &self,
        variables: &str,
        client: &C,
        context: &C::Context,
        options: &Options,
    ) -> Result<Response, RequestError> {
        if self.operation_type == OperationType::Subscription {
            return Err(RequestError::Subscription);
        }
        let variables = self.variable_types.coerce(variables, options.limits.nesting)?;
        let guards = self.guards(&variables)?;
        let mut run = Run::new(&self.program, options, &variables, guards);
        self.introspect(&mut run, &variables);
        run.fetch_all(client, context).await;
        Ok(self.respond(run))
    }

    /// What is sent to the subgraph that is subscribed to.
    pub fn source_request(
        &self,
        variables: &str,
        options: &Options,
    ) -> Result<SubgraphRequest, RequestError> {
        let variables = self.variable_types.coerce(variables, options.limits.nesting)?;
        let guards = self.guards(&variables)?;
        let run = Run::new(&self.program, options, &variables, guards);
        run.source_request().ok_or(RequestError::Subscription)
    }

    /// What the client is told of an event of the subgraph that is subscribed to: the rest of the plan is executed for
    /// it. An event that is an error means that there will be no other.
    pub async fn respond_to_event<C: SubgraphClient>(
        &self,
        event: Result<SubgraphResponse, SubgraphError>,
        variables: &str,
        client: &C,
        context: &C::Context,
        options: &Options,
    ) -> Result<Response, RequestError> {
        let variables = self.variable_types.coerce(variables, options.limits.nesting)?;
        let guards = self.guards(&variables)?;
        let mut run = Run::new(&self.program, options, &variables, guards);
        run.fetch_rest(event, client, context).await;
        Ok(self.respond(run))
    }

    /// For each guard, whether it holds.
    fn guards(&self, variables: &Variables<'_>) -> Result<Vec<bool>, RequestError> {
        let literals = |guard: &crate::program::Guard| -> Vec<Name> {
            guard.any.iter().chain(&guard.unless).flatten().map(|(name, _)| name.clone()).collect()
        };
        for name in self.program.guards.iter().flat_map(literals) {
            if !matches!(variables.json(&name), Some(b"true" | b"false")) {
                let reason = "`@skip` and `@include` need true or false".to_owned();
                return Err(RequestError::Variable { variable: name, reason });
            }
        }
        let value_of = |name: &Name| variables.json(name) == Some(b"true");
        Ok(self.program.guards.iter().map(|guard| guard.holds(value_of)).collect())
    }

    fn introspect(&self, run: &mut Run<'_>, variables: &Variables<'_>) {
        let Some(introspection) = &self.introspection else { return };
        for (key, json) in introspection.answer(variables) {
            let entries = &self.program.shapes[ShapeId(0).index()].entries;
            let Some(slot) = entries.iter().position(|entry| entry.name == key) else { continue };
            let slot = SlotId(u32::try_from(slot).expect("slots are numbered by u32"));
            let end = u32::try_from(json.len()).expect("a schema has less than 4 GiB");
            let value = if &json[..] == b"null" {
                Slot::Null
            } else {
                Slot::Leaf(Slice { source: run.rows.add_source(json), start: 0, end })
            };
            run.rows.set_slot(run.root, slot, value);
        }
    }

    fn respond(&self, mut run: Run<'_>) -> Response {
        let verbatim = run.verbatim.take();
        let body = verbatim.unwrap_or_else(|| self.emit(&mut run));
        run.rows.note_size(&self.program.usual_size);
        Response {
            body,
            has_errors: !run.errors.is_empty(),
            failures: run.failures,
            subgraph_requests: run.subgraph_requests,
        }
    }

    fn emit(&self, run: &mut Run<'_>) -> Bytes {
        let mut body = emit(run);
        if !run.errors.is_empty() {
            body.extend_from_slice(b",\"errors\":");
            run.errors.write(|subgraph| self.subgraph_names[subgraph.index()].clone(), &mut body);
        }
        body.push(b'}');
        self.program.usual_size.note_answer(body.len());
        Bytes::from(body)
    }
}
