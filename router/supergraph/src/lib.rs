//! The supergraph: what the router knows of its subgraphs.
//!
//! 1. [`Supergraph::parse`] reads standard supergraph SDL (join v0.2 to v0.5), ours or another composition's.
//! 2. What the join directives say stands in [`CompositeType`] and [`Field`]: for each subgraph the keys, and whether it
//!    resolves a field, requires or provides others, or only knows it.
//! 3. [`QueryGraph`] has the same by number, as planning asks for it: classes of objects, keys that lead somewhere.
//! 4. [`Supergraph::api_schema`] is what clients may query: no join, nothing `@inaccessible`.
//!
//! Pure: no runtime, clock, environment or I/O; the same text gives the same supergraph.

mod api_schema;
mod error;
mod field_set;
mod join;
mod label;
mod presence;
mod query_graph;
mod spec;
mod subgraph;
mod type_reference;
mod type_set;
mod types;

pub use error::SupergraphError;
pub use field_set::{FieldSet, FieldSetError, FieldSetField, FieldSetSelection, arguments_text};
pub use label::{LabelId, Labels, Moving};
pub use presence::Presences;
pub use query_graph::{Entry, QueryGraph, Resolution};
pub use spec::{FEDERATION_SPEC, JOIN_SPEC, LINK_SPEC, LinkUrl};
pub use subgraph::{Subgraph, SubgraphId, SubgraphName, SubgraphSet};
pub use type_set::{TypeId, TypeSet};
pub use types::{
    CompositeType, ContextArgument, Field, FieldPresence, Key, Supergraph, TypeKind, TypePresence,
};
