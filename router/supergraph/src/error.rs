//! Why a text is not a supergraph.

use crate::FieldSetError;

/// What is wrong with a supergraph's SDL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SupergraphError {
    /// The text is not a valid GraphQL schema.
    #[error("the supergraph is not valid GraphQL: {0}")]
    InvalidGraphql(String),
    /// `enum join__Graph` is absent: this is no supergraph, or one of Federation 1.
    #[error(
        "the schema has no `enum join__Graph`: it is not a supergraph of Federation 2 (`router compose` makes one from \
         subgraphs)"
    )]
    NoSubgraphs,
    /// More subgraphs than the planner can number.
    #[error("the supergraph has {0} subgraphs; at most {max} are supported", max = crate::SubgraphSet::CAPACITY)]
    TooManySubgraphs(usize),
    /// A version of a spec that this router does not know.
    #[error("the supergraph needs `{0}`, which this router does not know")]
    UnknownFeature(String),
    /// A join directive misses an argument, or names a subgraph that does not exist.
    #[error("{place}: {reason}")]
    InvalidJoin {
        /// The type or field that carries the directive: `User.name`.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// A key, requirement or provision does not parse.
    #[error("{place}: {error}")]
    InvalidFieldSet {
        /// The type or field that carries the directive.
        place: String,
        /// What is wrong.
        error: FieldSetError,
    },
    /// Nothing is left, or something refers to what is hidden, once `@inaccessible` elements are removed.
    #[error("without its inaccessible elements the schema is not valid: {0}")]
    InvalidApiSchema(String),
}
