//! Plans which subgraph is asked for what.
//!
//! 1. `Normalizer::operation` turns the operation into a tree of demands: fragments merged, impossible types dropped,
//!    `@skip` and `@include` as conditions on what is wanted.
//! 2. `Search::solve` says for every object, by its class and the subgraph it stands in, how the demands on it are met: at
//!    hand, or by a hop to a subgraph that has one of its keys. It remembers by place and never enumerates paths; past its
//!    [`Budget`] it takes the first way it finds.
//! 3. `Builder` walks the demands from the root and puts each into the fetch that the search chose, with keys and required
//!    fields under entries of their own; `merge` joins requests that need not be apart.
//! 4. [`QueryPlan`] is the result: data with a notation to print it in, and [`request_text`] for what is sent.
//!
//! Pure: no runtime, clock, environment or I/O; the same operation gives the same plan.

mod alias;
mod budget;
mod build;
mod choice;
mod condition;
mod cost;
mod demand;
mod display;
mod draft;
mod entry_name;
mod error;
mod json;
mod merge;
mod normalize;
mod overlay;
mod plan;
mod request_text;
mod search;
mod selection;
#[cfg(test)]
mod tests;
mod tree;

use apollo_compiler::ast::OperationType;
use apollo_compiler::executable::{ExecutableDocument, Operation};
use apollo_compiler::validation::Valid;
use supergraph::{Labels, Supergraph};

pub use budget::Budget;
pub use display::QueryPlanDisplay;
pub use error::PlanError;
pub use plan::*;
pub use request_text::{RequestText, request_text};

use crate::build::Builder;
use crate::demand::Ids;
use crate::normalize::Normalizer;
use crate::search::Search;

/// Plans one operation of a document that is valid against the API schema, where no label of an override is on.
pub fn plan(
    supergraph: &Supergraph,
    document: &Valid<ExecutableDocument>,
    operation: &Operation,
) -> Result<QueryPlan, PlanError> {
    plan_with(supergraph, document, operation, &Labels::default())
}

/// Plans one operation where these labels of overrides are on. The plan holds for all requests that agree on
/// [`Labels::asked`].
pub fn plan_with(
    supergraph: &Supergraph,
    document: &Valid<ExecutableDocument>,
    operation: &Operation,
    labels: &Labels,
) -> Result<QueryPlan, PlanError> {
    plan_within(supergraph, document, operation, labels, Budget::default())
}

/// Plans one operation with no more work than this.
pub fn plan_within(
    supergraph: &Supergraph,
    document: &Valid<ExecutableDocument>,
    operation: &Operation,
    labels: &Labels,
    budget: Budget,
) -> Result<QueryPlan, PlanError> {
    plan_counted(supergraph, document, operation, labels, budget).map(|planned| planned.query_plan)
}

/// A plan, and what planning took.
struct Planned {
    query_plan: QueryPlan,
    #[cfg_attr(not(test), expect(dead_code, reason = "tests bound it"))]
    steps: usize,
}

fn plan_counted(
    supergraph: &Supergraph,
    document: &Valid<ExecutableDocument>,
    operation: &Operation,
    labels: &Labels,
    budget: Budget,
) -> Result<Planned, PlanError> {
    let ids = Ids::default();
    let operation_type = operation.operation_type;
    let mut query_plan = QueryPlan { operation_type, fetches: Vec::new() };
    let mut steps = 0;
    if let Some(root) = supergraph.type_id(operation.object_type()) {
        let normalizer = Normalizer { supergraph, document, labels, ids: &ids };
        let demands = match operation_type {
            OperationType::Mutation => normalizer.mutation(root, &operation.selection_set),
            _ => normalizer.operation(root, &operation.selection_set),
        };
        let search = Search::new(supergraph, labels, &ids, budget);
        let mut builder = Builder::new(search, &demands, &operation.variables);
        match operation_type {
            OperationType::Mutation => builder.mutation(root, &demands)?,
            _ => builder.query(operation_type, root, &demands)?,
        }
        steps = builder.steps();
        query_plan.fetches = builder.finish()?;
    }
    Ok(Planned { query_plan, steps })
}
