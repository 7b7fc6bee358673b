//! Fetches while they are being built, and the order they can run in.

use std::collections::BTreeSet;

use apollo_compiler::Name;
use apollo_compiler::ast::OperationType;
use indexmap::IndexMap;
use indexmap::map::Entry;
use supergraph::{SubgraphId, TypeId};

use crate::selection::SelectionId;
use crate::{ContextValue, PathElement, RepresentationSelection};

/// The place of a draft in [`Drafts`].
pub(crate) type DraftId = usize;

/// A fetch in the making.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) subgraph: SubgraphId,
    pub(crate) depends_on: BTreeSet<DraftId>,
    /// The step of a mutation it belongs to; fetches of different steps are never merged.
    pub(crate) step: usize,
    pub(crate) request: DraftRequest,
    /// Merged into another one.
    pub(crate) merged: bool,
}

#[derive(Debug)]
pub(crate) enum DraftRequest {
    /// Fields of a root type, for the objects at a path: the root, or a query within an answer.
    Root {
        operation_type: OperationType,
        path: Vec<PathElement>,
        set: SelectionId,
    },
    Entities(Vec<DraftBatch>),
}

/// One `_entities` field in the making.
#[derive(Debug)]
pub(crate) struct DraftBatch {
    pub(crate) path: Vec<PathElement>,
    pub(crate) representations: DraftRepresentations,
    pub(crate) context: Vec<ContextValue>,
    pub(crate) set: SelectionId,
}

impl DraftBatch {
    /// Adds values of contexts.
    pub(crate) fn add_context(&mut self, values: Vec<ContextValue>) {
        for value in values {
            if !self.context.contains(&value) {
                self.context.push(value);
            }
        }
    }
}

/// How objects are represented, by their class.
pub(crate) type DraftRepresentations = IndexMap<TypeId, DraftRepresentation>;

/// How objects of a class are represented.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct DraftRepresentation {
    /// Whether all objects at the path are of the class.
    pub(crate) any: bool,
    pub(crate) typename: Name,
    pub(crate) fields: Vec<RepresentationSelection>,
}

/// All fetches of a plan.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    pub(crate) all: Vec<Draft>,
}

impl Drafts {
    pub(crate) fn add(&mut self, draft: Draft) -> DraftId {
        self.all.push(draft);
        self.all.len() - 1
    }

    /// A fetch of entities at the same path that waits for all of these anyway, and that can take up the batch.
    pub(crate) fn joinable(
        &self,
        subgraph: SubgraphId,
        step: usize,
        batch: &DraftBatch,
        depends_on: &BTreeSet<DraftId>,
    ) -> Option<DraftId> {
        (0..self.all.len()).find(|id| {
            let draft = &self.all[*id];
            let DraftRequest::Entities(batches) = &draft.request else { return false };
            draft.subgraph == subgraph
                && draft.step == step
                && batches[0].path == batch.path
                && agree(&batches[0].representations, &batch.representations)
                && {
                    let before = self.ancestors(*id);
                    depends_on.iter().all(|needed| before.contains(needed))
                }
        })
    }

    /// Whether a fetch can wait for all of these, none of which waits for it.
    pub(crate) fn can_wait(&self, id: DraftId, ready: &BTreeSet<DraftId>) -> bool {
        ready.iter().all(|needed| *needed != id && !self.ancestors(*needed).contains(&id))
    }

    /// Adds values of contexts to a fetch of entities, which then waits for the fetches that bring them.
    pub(crate) fn add_context(
        &mut self,
        id: DraftId,
        values: Vec<ContextValue>,
        ready: &BTreeSet<DraftId>,
    ) {
        let draft = &mut self.all[id];
        if let DraftRequest::Entities(batches) = &mut draft.request {
            batches[0].add_context(values);
            draft.depends_on.extend(ready);
        }
    }

    /// The fetch that asks for fields of the query's root type at a path below the root, and its selection set.
    pub(crate) fn root_at(
        &self,
        subgraph: SubgraphId,
        at: &[PathElement],
        step: usize,
    ) -> Option<(DraftId, SelectionId)> {
        let drafts = self.all.iter().enumerate();
        let mut alike =
            drafts.filter(|(_, draft)| draft.subgraph == subgraph && draft.step == step);
        alike.find_map(|(id, draft)| match &draft.request {
            DraftRequest::Root { path, set, .. } if path == at => Some((id, *set)),
            _ => None,
        })
    }

    /// All that must have ended before a fetch starts.
    pub(crate) fn ancestors(&self, id: DraftId) -> BTreeSet<DraftId> {
        let mut found = BTreeSet::new();
        let mut open = vec![id];
        while let Some(next) = open.pop() {
            open.extend(self.all[next].depends_on.iter().filter(|id| found.insert(**id)));
        }
        found
    }

    /// The fetches, each after those it depends on; otherwise as they were made.
    pub(crate) fn order(&self) -> Vec<DraftId> {
        let mut order: Vec<DraftId> = Vec::new();
        let mut placed = vec![false; self.all.len()];
        let mut waiting: Vec<DraftId> =
            (0..self.all.len()).filter(|id| !self.all[*id].merged).collect();
        while !waiting.is_empty() {
            let (ready, rest): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .partition(|id| self.all[*id].depends_on.iter().all(|needed| placed[*needed]));
            debug_assert!(!ready.is_empty(), "fetches never wait for each other");
            if ready.is_empty() {
                break;
            }
            for id in &ready {
                placed[*id] = true;
            }
            order.extend(ready);
            waiting = rest;
        }
        order
    }

    /// Leaves out dependencies that follow from others.
    pub(crate) fn reduce(&mut self) {
        for id in 0..self.all.len() {
            let implied: BTreeSet<DraftId> =
                self.all[id].depends_on.iter().flat_map(|needed| self.ancestors(*needed)).collect();
            self.all[id].depends_on.retain(|needed| !implied.contains(needed));
        }
    }
}

/// Adds representations to those of a batch, with which they agree.
pub(crate) fn represent(known: &mut DraftRepresentations, more: DraftRepresentations) {
    for (class, representation) in more {
        match known.entry(class) {
            Entry::Vacant(free) => {
                free.insert(representation);
            }
            Entry::Occupied(mut same) => {
                let fields = &mut same.get_mut().fields;
                representation.fields.into_iter().for_each(|field| add_field(fields, field));
            }
        }
    }
}

/// Adds a field to a representation, or what is below it to the one that stands there.
fn add_field(fields: &mut Vec<RepresentationSelection>, field: RepresentationSelection) {
    let RepresentationSelection::Field { name, input, key, fields: below } = field else {
        if !fields.contains(&field) {
            fields.push(field);
        }
        return;
    };
    for known in fields.iter_mut() {
        if let RepresentationSelection::Field { name: n, input: i, key: k, fields: known } = known
            && *n == name
            && *i == input
        {
            *k |= key;
            for field in below {
                add_field(known, field);
            }
            return;
        }
    }
    fields.push(RepresentationSelection::Field { name, input, key, fields: below });
}

/// Whether the representations of two batches can be one: for a class the same type name and keys, and no field from two
/// entries.
pub(crate) fn agree(a: &DraftRepresentations, b: &DraftRepresentations) -> bool {
    a.iter().all(|(class, ours)| {
        b.get(class).is_none_or(|theirs| {
            ours.typename == theirs.typename
                && keys(ours).eq(keys(theirs))
                && inputs_agree(&ours.fields, &theirs.fields)
        })
    })
}

fn keys(of: &DraftRepresentation) -> impl Iterator<Item = &RepresentationSelection> {
    of.fields.iter().filter(|f| matches!(f, RepresentationSelection::Field { key: true, .. }))
}

/// Whether no field is taken from different entries.
fn inputs_agree(ours: &[RepresentationSelection], theirs: &[RepresentationSelection]) -> bool {
    use RepresentationSelection::{Field, InlineFragment};
    ours.iter().all(|our| {
        theirs.iter().all(|their| match (our, their) {
            (Field { name, .. }, Field { name: other, .. }) if name != other => true,
            (
                Field { input, fields, .. },
                Field { input: their_input, fields: their_fields, .. },
            ) => input == their_input && inputs_agree(fields, their_fields),
            (InlineFragment { fields, .. }, other) | (other, InlineFragment { fields, .. }) => {
                inputs_agree(fields, std::slice::from_ref(other))
            }
        })
    })
}
