//! The supergraph: what the router knows of its subgraphs.

/// The place of a subgraph in `Supergraph::subgraphs`, in the order of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubgraphId(pub u16);
