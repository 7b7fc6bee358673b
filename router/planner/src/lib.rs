//! Plans which subgraph is asked for what.

mod plan;

pub use plan::*;
