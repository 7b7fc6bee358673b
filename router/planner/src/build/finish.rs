//! Drafts become fetches: merged, put in order, and with their selection sets written out.

use std::sync::Arc;

use indexmap::IndexMap;
use supergraph::{SubgraphId, TypeId};

use super::Builder;
use crate::alias::separate_conflicts;
use crate::draft::{
    Draft, DraftBatch, DraftId, DraftRepresentation, DraftRepresentations, DraftRequest,
};
use crate::merge::merge;
use crate::selection::SelectionId;
use crate::{
    Condition, EntityBatch, Fetch, FetchId, FetchRequest, FetchSelectionSet, PlanError,
    Representation, ResponsePath,
};

impl Builder<'_> {
    /// The finished fetches, each after those it depends on.
    pub(crate) fn finish(mut self) -> Result<Vec<Fetch>, PlanError> {
        self.search.check_budget()?;
        merge(&mut self.drafts, &mut self.selections);
        self.drafts.reduce();
        let order = self.drafts.order();
        let mut places = vec![None; self.drafts.all.len()];
        for (place, draft) in order.iter().enumerate() {
            places[*draft] = Some(FetchId(u32::try_from(place).expect("a plan has few fetches")));
        }
        let id_of = |draft: &DraftId| places[*draft].expect("merged ones were replaced");
        let fetch = |draft: &DraftId| {
            let mut depends_on: Vec<FetchId> =
                self.drafts.all[*draft].depends_on.iter().map(id_of).collect();
            depends_on.sort();
            self.fetch(id_of(draft), &self.drafts.all[*draft], depends_on)
        };
        Ok(order.iter().map(fetch).collect())
    }

    fn fetch(&self, id: FetchId, draft: &Draft, depends_on: Vec<FetchId>) -> Fetch {
        let subgraph = draft.subgraph;
        let (condition, request) = match &draft.request {
            DraftRequest::Root { operation_type, path, set } => {
                let condition = self.condition(*set);
                let root = self.search.supergraph.root_type(*operation_type);
                let root = root.and_then(|name| self.search.supergraph.type_id(name));
                let selection_set = self.finished(*set, root, subgraph, &condition);
                let (operation_type, path) = (*operation_type, ResponsePath(path.clone()));
                (condition, FetchRequest::Root { operation_type, path, selection_set })
            }
            DraftRequest::Entities(batches) => {
                let condition = batches
                    .iter()
                    .fold(Condition::never(), |any, batch| any.or(&self.condition(batch.set)));
                let batches = batches.iter().map(|batch| self.batch(batch, subgraph)).collect();
                (condition, FetchRequest::Entities(batches))
            }
        };
        Fetch { id, subgraph, depends_on, condition, request }
    }

    fn batch(&self, batch: &DraftBatch, subgraph: SubgraphId) -> EntityBatch {
        let condition = self.condition(batch.set);
        EntityBatch {
            path: ResponsePath(batch.path.clone()),
            representations: self.representations(&batch.representations),
            context: batch.context.clone(),
            selection_set: self.finished(batch.set, None, subgraph, &condition),
            condition,
        }
    }

    /// When anything in a set is wanted; a set of nothing is.
    fn condition(&self, set: SelectionId) -> Condition {
        let condition = self.selections.condition(set);
        if condition.any.is_empty() { Condition::always() } else { condition }
    }

    fn finished(
        &self,
        set: SelectionId,
        parent: Option<TypeId>,
        subgraph: SubgraphId,
        condition: &Condition,
    ) -> FetchSelectionSet {
        let mut finished = self.selections.finish(set, condition);
        separate_conflicts(&mut finished, parent, self.search.supergraph, subgraph);
        finished
    }

    /// How objects are represented; classes that are represented alike stand together.
    fn representations(&self, drafts: &DraftRepresentations) -> Vec<Representation> {
        let mut alike: IndexMap<&DraftRepresentation, Vec<TypeId>> = IndexMap::new();
        for (class, representation) in drafts {
            alike.entry(representation).or_default().push(*class);
        }
        let representation =
            |(draft, classes): (&DraftRepresentation, Vec<TypeId>)| Representation {
                runtime_types: if draft.any { Arc::new([]) } else { self.runtime_types(classes) },
                typename: draft.typename.clone(),
                fields: draft.fields.clone(),
            };
        alike.into_iter().map(representation).collect()
    }
}
