//! What each subgraph makes of an element, for the few that have it.

use std::sync::Arc;

use crate::{SubgraphId, SubgraphSet};

/// What subgraphs make of a type or a field: one value a subgraph, or one value for all that have it.
#[derive(Debug, Clone)]
pub struct Presences<T>(Kept<T>);

#[derive(Debug, Clone)]
enum Kept<T> {
    /// Ascending by subgraph.
    Each(Box<[(SubgraphId, T)]>),
    Alike(SubgraphSet, Arc<T>),
}

impl<T> Presences<T> {
    /// The same in all of these subgraphs.
    pub fn alike(subgraphs: SubgraphSet, presence: T) -> Self {
        Self(Kept::Alike(subgraphs, Arc::new(presence)))
    }

    /// What a subgraph makes of the element; `None` where it does not have it.
    pub fn get(&self, subgraph: SubgraphId) -> Option<&T> {
        match &self.0 {
            Kept::Each(each) => {
                let place = each.binary_search_by_key(&subgraph, |(id, _)| *id).ok()?;
                Some(&each[place].1)
            }
            Kept::Alike(subgraphs, presence) => {
                subgraphs.contains(subgraph).then_some(presence.as_ref())
            }
        }
    }

    /// The subgraphs that have the element, ascending, with what each makes of it.
    pub fn iter(&self) -> impl Iterator<Item = (SubgraphId, &T)> {
        let (each, alike): (&[(SubgraphId, T)], _) = match &self.0 {
            Kept::Each(each) => (each, None),
            Kept::Alike(subgraphs, presence) => (&[], Some((*subgraphs, presence.as_ref()))),
        };
        let alike = alike.into_iter().flat_map(|(subgraphs, presence)| {
            subgraphs.iter().map(move |subgraph| (subgraph, presence))
        });
        each.iter().map(|(subgraph, presence)| (*subgraph, presence)).chain(alike)
    }

    /// The subgraphs that have the element.
    pub fn subgraphs(&self) -> SubgraphSet {
        self.iter().map(|(subgraph, _)| subgraph).collect()
    }
}

impl<T> Default for Presences<T> {
    fn default() -> Self {
        Self(Kept::Each(Box::default()))
    }
}

impl<T> FromIterator<(SubgraphId, T)> for Presences<T> {
    /// Of several values for one subgraph the last counts.
    fn from_iter<I: IntoIterator<Item = (SubgraphId, T)>>(presences: I) -> Self {
        let by_subgraph: std::collections::BTreeMap<_, _> = presences.into_iter().collect();
        Self(Kept::Each(by_subgraph.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_subgraph_makes_of_it() {
        let each: Presences<&str> =
            [(SubgraphId(7), "b"), (SubgraphId(2), "a")].into_iter().collect();
        assert_eq!((each.get(SubgraphId(2)), each.get(SubgraphId(3))), (Some(&"a"), None));
        assert_eq!(each.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [2, 7]);
        let alike = Presences::alike(each.subgraphs(), "c");
        assert_eq!((alike.get(SubgraphId(7)), alike.get(SubgraphId(3))), (Some(&"c"), None));
        assert_eq!(alike.subgraphs(), each.subgraphs());
    }
}
