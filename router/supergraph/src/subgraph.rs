//! Subgraphs and sets of them.

use std::fmt;

/// A subgraph's name as its owners wrote it, e.g. `logistics`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubgraphName(pub String);

impl SubgraphName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SubgraphName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One contributing schema and its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subgraph {
    /// The name, as `@join__graph` says it.
    pub name: SubgraphName,
    /// Where it is served; empty where the supergraph does not say.
    pub url: String,
}

/// The place of a subgraph in `Supergraph::subgraphs`, in the order of `enum join__Graph`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubgraphId(pub u16);

impl SubgraphId {
    /// The place as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A set of subgraphs of one supergraph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubgraphSet([u64; 4]);

impl SubgraphSet {
    /// How many subgraphs a supergraph can have.
    pub const CAPACITY: usize = 256;

    /// Adds a subgraph.
    pub fn insert(&mut self, subgraph: SubgraphId) {
        self.0[subgraph.index() / 64] |= 1 << (subgraph.index() % 64);
    }

    /// Whether the subgraph is in the set.
    pub fn contains(self, subgraph: SubgraphId) -> bool {
        self.0[subgraph.index() / 64] & (1 << (subgraph.index() % 64)) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == [0; 4]
    }

    /// Whether all of these are in the other set.
    pub fn is_subset(self, of: Self) -> bool {
        self.0.iter().zip(of.0).all(|(a, b)| a & !b == 0)
    }

    /// The subgraphs, ascending.
    pub fn iter(self) -> impl Iterator<Item = SubgraphId> {
        (0..Self::CAPACITY).filter_map(move |index| {
            let id = SubgraphId(u16::try_from(index).ok()?);
            self.contains(id).then_some(id)
        })
    }
}

impl FromIterator<SubgraphId> for SubgraphSet {
    fn from_iter<I: IntoIterator<Item = SubgraphId>>(ids: I) -> Self {
        let mut set = Self::default();
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }
}
