//! Why an operation has no plan.

use apollo_compiler::Name;

/// What stands in the way of a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A field that no combination of subgraphs can answer from where it is asked.
    #[error("no subgraph can resolve `{type_name}.{field}` at `{path}`")]
    Unsatisfiable {
        /// The type of the object.
        type_name: Name,
        /// The field.
        field: Name,
        /// Where it is asked, in the response.
        path: String,
    },
    /// The operation would take more work than planning may.
    #[error("the operation is too complex to plan: more than {limit} steps")]
    TooComplex {
        /// The limit on steps.
        limit: usize,
    },
}
