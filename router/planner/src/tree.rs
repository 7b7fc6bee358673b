//! The plan as a tree of sequences and parallels, to be shown: what depends on nothing in common stands side by side.

use std::collections::BTreeSet;

use apollo_compiler::ast::OperationType;

use crate::{Fetch, FetchId, QueryPlan};

/// A part of a plan.
pub(crate) enum Tree<'a> {
    Sequence(Vec<Tree<'a>>),
    Parallel(Vec<Tree<'a>>),
    Fetch(&'a Fetch),
    /// The fetch that is subscribed to, and what is fetched for each of its events.
    Subscription {
        primary: &'a Fetch,
        rest: Option<Box<Tree<'a>>>,
    },
}

impl QueryPlan {
    /// The plan as a tree; `None` where nothing is fetched.
    pub(crate) fn tree(&self) -> Option<Tree<'_>> {
        let mut all: BTreeSet<FetchId> = self.fetches.iter().map(|fetch| fetch.id).collect();
        if self.operation_type == OperationType::Subscription {
            let primary = self.fetch(all.pop_first()?);
            let rest = (!all.is_empty()).then(|| Box::new(self.tree_of(&all)));
            return Some(Tree::Subscription { primary, rest });
        }
        (!all.is_empty()).then(|| self.tree_of(&all))
    }

    fn tree_of(&self, ids: &BTreeSet<FetchId>) -> Tree<'_> {
        let mut groups: Vec<Tree<'_>> =
            self.connected(ids).iter().map(|group| self.sequence(group)).collect();
        if groups.len() == 1 { groups.swap_remove(0) } else { Tree::Parallel(groups) }
    }

    /// Fetches that hang together: those that can start at once, and then the rest.
    fn sequence(&self, ids: &BTreeSet<FetchId>) -> Tree<'_> {
        let (first, rest): (BTreeSet<FetchId>, BTreeSet<FetchId>) =
            ids.iter().partition(|id| self.fetch(**id).depends_on.iter().all(|d| !ids.contains(d)));
        let mut fetches: Vec<Tree<'_>> =
            first.iter().map(|id| Tree::Fetch(self.fetch(*id))).collect();
        let first =
            if fetches.len() == 1 { fetches.swap_remove(0) } else { Tree::Parallel(fetches) };
        if rest.is_empty() {
            return first;
        }
        let mut steps = vec![first];
        match self.tree_of(&rest) {
            Tree::Sequence(then) => steps.extend(then),
            then => steps.push(then),
        }
        Tree::Sequence(steps)
    }

    /// The fetches in groups that depend on nothing of each other's.
    fn connected(&self, ids: &BTreeSet<FetchId>) -> Vec<BTreeSet<FetchId>> {
        let mut groups: Vec<BTreeSet<FetchId>> = Vec::new();
        for id in ids {
            let mut joined = BTreeSet::from([*id]);
            let depends_on = &self.fetch(*id).depends_on;
            groups.retain(|group| {
                let apart = depends_on.iter().all(|d| !group.contains(d));
                if !apart {
                    joined.extend(group);
                }
                apart
            });
            groups.push(joined);
        }
        groups.sort_by_key(|group| group.first().copied());
        groups
    }

    fn fetch(&self, id: FetchId) -> &Fetch {
        &self.fetches[id.0 as usize]
    }
}
