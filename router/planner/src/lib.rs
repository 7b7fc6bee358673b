//! Plans which subgraph is asked for what.
//!
//! 1. `Demands::of_selection_set` normalises the operation: fragments merged, impossible types dropped, `@skip` and
//!    `@include` turned into conditions on what is wanted.
//! 2. `Costs` says for every demand who can answer it from where, and how dearly: a memoised search over the demand tree
//!    and the table of hops between subgraphs (`Router::hops`), never an enumeration of paths.
//! 3. `Builder` places each demand where it is cheapest: at hand, or behind a hop by an entity's key, with what a field
//!    requires sent along.
//! 4. [`QueryPlan`] is the result: data with a notation to print it in, and [`request_text`] for what is sent.
//!
//! Pure: no runtime, clock, environment or I/O; the same operation gives the same plan.

mod build;
mod cost;
mod demand;
mod display;
mod error;
mod hop;
mod plan;
mod request_text;
mod selection;

use apollo_compiler::ast::OperationType;
use apollo_compiler::executable::{ExecutableDocument, Operation};
use apollo_compiler::validation::Valid;
use supergraph::Supergraph;

pub use display::QueryPlanDisplay;
pub use error::PlanError;
pub use plan::*;
pub use request_text::{RequestText, request_text};

use crate::build::Builder;
use crate::cost::Costs;
use crate::demand::Demands;

/// Plans one operation of a document that is valid against the API schema.
pub fn plan(
    supergraph: &Supergraph,
    document: &Valid<ExecutableDocument>,
    operation: &Operation,
) -> Result<QueryPlan, PlanError> {
    let mut demands = Demands::new(supergraph, document);
    let mut wanted = demands.of_selection_set(&operation.selection_set);
    wanted.retain(|demand| !demand.name.starts_with("__"));
    let root = operation.object_type();
    let mut builder = Builder::new(Costs::new(supergraph), demands);
    match operation.operation_type {
        OperationType::Mutation => builder.mutation(root, &wanted)?,
        operation_type => builder.query(operation_type, root, &wanted)?,
    }
    Ok(QueryPlan { operation_type: operation.operation_type, fetches: builder.finish() })
}
