//! Merges requests that need not be apart.
//!
//! Two fetches to one subgraph become one where neither waits for the other and nothing ends later for it, counted in
//! rounds: into one batch where they are for the same objects, else into one request with several batches.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use supergraph::SubgraphId;

use crate::draft::{DraftBatch, DraftId, DraftRequest, Drafts, agree, represent};
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
        None => known.push(batch),
    }
}
