//! Fetches while they are being built, and the order they can run in.

use std::collections::BTreeSet;

use apollo_compiler::Name;
use apollo_compiler::ast::OperationType;
use supergraph::{SubgraphId, TypeId};

use crate::selection::SelectionId;
use crate::{PathElement, RepresentationSelection};

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
    Root { operation_type: OperationType, set: SelectionId },
    Entities(Vec<DraftBatch>),
}

/// One `_entities` field in the making.
#[derive(Debug)]
pub(crate) struct DraftBatch {
    pub(crate) path: Vec<PathElement>,
    pub(crate) representations: Vec<DraftRepresentation>,
    pub(crate) set: SelectionId,
}

/// How objects of a class are represented.
#[derive(Debug, Clone)]
pub(crate) struct DraftRepresentation {
    pub(crate) class: TypeId,
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

    /// A fetch of entities at this path that waits for all of these anyway, and whose representations can take these up.
    pub(crate) fn joinable(
        &self,
        subgraph: SubgraphId,
        path: &[PathElement],
        step: usize,
        depends_on: &BTreeSet<DraftId>,
        representations: &[DraftRepresentation],
    ) -> Option<DraftId> {
        (0..self.all.len()).find(|id| {
            let draft = &self.all[*id];
            let DraftRequest::Entities(batches) = &draft.request else { return false };
            draft.subgraph == subgraph
                && draft.step == step
                && batches[0].path == path
                && agree(&batches[0].representations, representations)
                && {
                    let before = self.ancestors(*id);
                    depends_on.iter().all(|needed| before.contains(needed))
                }
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

/// Adds representations to those of a batch.
pub(crate) fn represent(known: &mut Vec<DraftRepresentation>, more: Vec<DraftRepresentation>) {
    for representation in more {
        let same = known
            .iter_mut()
            .find(|k| k.class == representation.class && k.typename == representation.typename);
        let Some(same) = same else {
            known.push(representation);
            continue;
        };
        representation.fields.into_iter().for_each(|field| add_field(&mut same.fields, field));
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
pub(crate) fn agree(a: &[DraftRepresentation], b: &[DraftRepresentation]) -> bool {
    a.iter().all(|ours| {
        b.iter().filter(|theirs| theirs.class == ours.class).all(|theirs| {
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
