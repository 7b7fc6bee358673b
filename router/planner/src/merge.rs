//! Merges requests that need not be apart.
//!
//! Two fetches to one subgraph become one where neither waits for the other and nothing ends later for it, counted in
//! rounds: into one batch where they are for the same objects, or ask for the same of objects of different types, else
//! into one request with several batches.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use apollo_compiler::Name;
use supergraph::SubgraphId;

use crate::PathElement;
use crate::draft::{Draft, DraftBatch, DraftId, DraftRequest, Drafts, agree, represent};
use crate::selection::Selections;

/// What two fetches must have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    subgraph: SubgraphId,
    step: usize,
}

/// Merges the fetches of entities.
pub(crate) fn merge(drafts: &mut Drafts, selections: &mut Selections) {
    merge_rounds(drafts, selections);
    while let Some((early, late)) = mergeable(drafts) {
        join(drafts, early, late, selections);
    }
    while let Some((from, into)) = unitable(drafts, selections) {
        join(drafts, from, into, selections);
    }
}

/// Two fetches in context that ask for the same of objects of different types.
fn unitable(drafts: &Drafts, selections: &Selections) -> Option<(DraftId, DraftId)> {
    let in_context: Vec<(DraftId, &Draft, &DraftBatch)> = drafts
        .order()
        .into_iter()
        .filter_map(|id| match &drafts.all[id].request {
            DraftRequest::Entities(batches) => Some((id, &drafts.all[id], batches.first()?)),
            DraftRequest::Root { .. } => None,
        })
        .filter(|(_, _, batch)| !batch.context.is_empty())
        .collect();
    in_context.iter().enumerate().find_map(|(index, (into, draft, batch))| {
        let mut others = in_context[index + 1..].iter();
        let (from, ..) = others.find(|(from, other, more)| {
            (draft.subgraph, draft.step) == (other.subgraph, other.step)
                && batch.context == more.context
                && unite(batch, more, selections).is_some()
                && !drafts.ancestors(*from).contains(into)
        })?;
        Some((*from, *into))
    })
}

/// The path to the objects of both batches, where these ask for the same.
fn unite(a: &DraftBatch, b: &DraftBatch, selections: &Selections) -> Option<Vec<PathElement>> {
    let asked = |batch: &DraftBatch| {
        let condition = selections.condition(batch.set);
        (selections.finish(batch.set, &condition), condition)
    };
    let path = united_path(&a.path, &b.path)?;
    let is_same = agree(&a.representations, &b.representations) && asked(a) == asked(b);
    is_same.then_some(path)
}

/// The path that leads where either leads: they differ in the types of objects at one step.
fn united_path(a: &[PathElement], b: &[PathElement]) -> Option<Vec<PathElement>> {
    let differs = a.iter().zip(b).position(|(a, b)| a != b)?;
    let (PathElement::TypeCondition(ours), PathElement::TypeCondition(theirs)) =
        (&a[differs], &b[differs])
    else {
        return None;
    };
    if a[differs + 1..] != b[differs + 1..] {
        return None;
    }
    let types: BTreeSet<Name> = ours.iter().chain(theirs.iter()).cloned().collect();
    let mut path = a.to_vec();
    path[differs] = PathElement::TypeCondition(types.into_iter().collect());
    Some(path)
}

/// Merges those that start in the same round: they never wait for each other.
fn merge_rounds(drafts: &mut Drafts, selections: &mut Selections) {
    let rounds = rounds(drafts, None);
    let mut first: HashMap<(usize, Kind), DraftId> = HashMap::new();
    for id in drafts.order() {
        let Some(kind) = kind(drafts, id) else { continue };
        match first.entry((rounds[id], kind)) {
            Entry::Vacant(free) => {
                free.insert(id);
            }
            Entry::Occupied(known) => join(drafts, id, *known.get(), selections),
        }
    }
}

/// A fetch that can wait for a later one.
fn mergeable(drafts: &Drafts) -> Option<(DraftId, DraftId)> {
    let now = rounds(drafts, None);
    let count = now.iter().max().copied();
    let kinds: Vec<(DraftId, Kind)> =
        drafts.order().into_iter().filter_map(|id| Some((id, kind(drafts, id)?))).collect();
    kinds.iter().enumerate().find_map(|(index, (early, kind))| {
        let later = kinds[index + 1..].iter().filter(|(_, other)| other == kind);
        let late = later.map(|(late, _)| *late).find(|late| {
            now[*late] > now[*early]
                && !drafts.ancestors(*late).contains(early)
                && rounds(drafts, Some((*early, now[*late]))).iter().max().copied() <= count
        })?;
        Some((*early, late))
    })
}

/// What has to be alike; `None` for what is never merged.
fn kind(drafts: &Drafts, id: DraftId) -> Option<Kind> {
    let draft = &drafts.all[id];
    let DraftRequest::Entities(batches) = &draft.request else { return None };
    if batches.iter().any(|batch| !batch.context.is_empty()) {
        return None;
    }
    Some(Kind { subgraph: draft.subgraph, step: draft.step })
}

/// The round in which each fetch can start, where one is held back to a certain round.
fn rounds(drafts: &Drafts, held_back: Option<(DraftId, usize)>) -> Vec<usize> {
    let mut rounds = vec![0; drafts.all.len()];
    for id in drafts.order() {
        let after = drafts.all[id].depends_on.iter().map(|needed| rounds[*needed] + 1).max();
        let held = held_back.filter(|(held, _)| *held == id).map(|(_, round)| round);
        rounds[id] = after.max(held).unwrap_or(0);
    }
    rounds
}

fn join(drafts: &mut Drafts, from: DraftId, into: DraftId, selections: &mut Selections) {
    let depends_on = std::mem::take(&mut drafts.all[from].depends_on);
    let empty = DraftRequest::Entities(Vec::new());
    let request = std::mem::replace(&mut drafts.all[from].request, empty);
    drafts.all[from].merged = true;
    drafts.all[into].depends_on.extend(depends_on);
    for draft in &mut drafts.all {
        if draft.depends_on.remove(&from) {
            draft.depends_on.insert(into);
        }
    }
    if let (DraftRequest::Entities(known), DraftRequest::Entities(more)) =
        (&mut drafts.all[into].request, request)
    {
        for batch in more {
            add_batch(known, batch, selections);
        }
    }
}

fn add_batch(known: &mut Vec<DraftBatch>, batch: DraftBatch, selections: &mut Selections) {
    let condition = selections.condition(batch.set);
    let same = known.iter_mut().find(|known| {
        known.path == batch.path
            && agree(&known.representations, &batch.representations)
            && selections.condition(known.set) == condition
    });
    match same {
        Some(known) => {
            represent(&mut known.representations, batch.representations);
            selections.merge(known.set, batch.set);
        }
        None => match known.iter_mut().find_map(|known| {
            let path = unite(known, &batch, selections)?;
            Some((known, path))
        }) {
            Some((known, path)) => {
                known.path = path;
                represent(&mut known.representations, batch.representations);
            }
            None => known.push(batch),
        },
    }
}
