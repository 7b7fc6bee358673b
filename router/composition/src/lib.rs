//! Composes subgraph schemas into a supergraph.
//!
//! 1. `Subgraph::parse` reads each SDL, resolves its `@link`s (Federation 1 needs none) and checks it as GraphQL.
//! 2. `validation::validate` checks what federation asks of one subgraph by itself.
//! 3. `merge::merge` merges type by type, and prints standard supergraph SDL.
//! 4. `accessibility::check` looks at what is left for clients without what is `@inaccessible`; `auth::check`, at who may
//!    read it.
//! 5. `satisfiability::check` walks the result: every field that clients see must be reachable, however they got there.
//!
//! All errors of a step are reported at once; a later step needs the earlier ones' success.
//!
//! Pure: equal input gives equal bytes, in whatever order the subgraphs come.

mod accessibility;
mod auth;
mod change;
mod code;
mod contract;
mod default;
mod error;
mod link;
mod merge;
mod satisfiability;
mod subgraph;
mod validation;

pub use change::{Change, Impact, Usage, changes};
pub use code::{CODES, Code, Severity};
pub use contract::Contract;
pub use error::{CompositionError, CompositionErrors, Hint, SubgraphLocation};

use crate::subgraph::Subgraph;

/// A subgraph as its owners publish it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubgraphSource {
    /// The name, unique in the supergraph.
    pub name: String,
    /// Where the router reaches it.
    pub url: String,
    /// Its schema, with or without the federation's own definitions.
    pub sdl: String,
}

/// A supergraph, and what its authors should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composition {
    /// Standard supergraph SDL.
    pub supergraph_sdl: String,
    /// What is legal but odd; ordered.
    pub hints: Vec<Hint>,
}

/// Composes the subgraphs, or says everything that stands in the way.
///
/// ```
/// use composition::{SubgraphSource, compose};
///
/// let subgraph = |name: &str, sdl: &str| SubgraphSource {
///     name: name.to_owned(),
///     url: format!("http://{name}.test/graphql"),
///     sdl: sdl.to_owned(),
/// };
/// let catalog = subgraph("catalog", "type Query { price: Int }");
/// let orders = subgraph("orders", "type Query { orders: Int }");
/// let billing = subgraph("billing", "type Query { price: Float }");
///
/// let composition = compose(&[catalog.clone(), orders])?;
/// assert!(composition.supergraph_sdl.contains("price: Int @join__field(graph: CATALOG)"));
///
/// let errors = compose(&[catalog, billing]).unwrap_err();
/// assert_eq!(errors.0[0].code, "FIELD_TYPE_MISMATCH");
/// # Ok::<(), composition::CompositionErrors>(())
/// ```
pub fn compose(sources: &[SubgraphSource]) -> Result<Composition, CompositionErrors> {
    let subgraphs = parse(sources)?;
    fail_if_any(validation::validate(&subgraphs))?;
    let (supergraph_sdl, mut hints) = merge::merge(&subgraphs).map_err(sorted)?;
    let mut errors = accessibility::check(&subgraphs, &supergraph_sdl);
    errors.extend(auth::check(&subgraphs, &supergraph_sdl));
    fail_if_any(errors)?;
    fail_if_any(satisfiability::check(&supergraph_sdl))?;
    hints.sort();
    hints.dedup();
    Ok(Composition { supergraph_sdl, hints })
}

fn parse(sources: &[SubgraphSource]) -> Result<Vec<Subgraph>, CompositionErrors> {
    let mut ordered: Vec<&SubgraphSource> = sources.iter().collect();
    ordered.sort_by(|a, b| a.name.cmp(&b.name));
    let mut errors = Vec::new();
    let mut subgraphs = Vec::new();
    for source in ordered {
        match Subgraph::parse(source) {
            Ok(subgraph) => subgraphs.push(subgraph),
            Err(more) => errors.extend(more),
        }
    }
    Subgraph::inherit_keys(&mut subgraphs);
    fail_if_any(errors).map(|()| subgraphs)
}

fn fail_if_any(errors: Vec<CompositionError>) -> Result<(), CompositionErrors> {
    if errors.is_empty() { Ok(()) } else { Err(sorted(errors)) }
}

fn sorted(mut errors: Vec<CompositionError>) -> CompositionErrors {
    errors.sort();
    errors.dedup();
    CompositionErrors(errors)
}
