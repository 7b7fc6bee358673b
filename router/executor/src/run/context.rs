//! Contexts: entities are asked for with what the objects above them have set, those with equal values together.

use std::ops::ControlFlow;

use indexmap::IndexMap;

use crate::error::FetchFailureReason;
use crate::program::{Batch, ContextValue, FetchIndex, Step};
use crate::run::answer::Sent;
use crate::run::place::for_each_place;
use crate::run::representation::{AbsentInput, Representations, write_value};
use crate::run::rows::RowId;
use crate::run::{Run, chunks};

/// The rows of a batch by what is set for them, as JSON.
type RowsByContext = IndexMap<Vec<u8>, Vec<RowId>>;

impl Run<'_> {
    /// Represents what a batch asks for, in requests each of which has one value for each context.
    pub(super) fn represent_in_context(
        &mut self,
        index: FetchIndex,
        batch: &Batch,
        absent: AbsentInput,
    ) -> Vec<Sent> {
        let mut rows = RowsByContext::new();
        self.rows_by_context(self.root, 0, &batch.path, &batch.context, &[], &mut rows);
        let mut representations = Representations::new(absent, true);
        let mut requests = Vec::new();
        for (context, rows) in rows {
            let start = representations.len();
            for row in rows {
                representations.add(&self.rows, row, &batch.templates);
            }
            let count = representations.len() - start;
            for chunk in chunks(&[count], self.limits.entities_per_fetch) {
                let entities =
                    chunk.iter().map(|range| start + range.start..start + range.end).collect();
                requests.push(Sent { fetch: index, entities, context: context.clone() });
            }
        }
        self.entities += representations.len();
        self.representations[index.index()] = vec![representations];
        if self.entities > self.limits.entities {
            self.fail(index, None, FetchFailureReason::TooManyEntities);
            return Vec::new();
        }
        requests
    }

    /// Walks from a row, `depth` steps below the root, to those of the batch, and collects what is set on the way.
    fn rows_by_context(
        &self,
        from: RowId,
        depth: usize,
        path: &[Step],
        context: &[ContextValue],
        set: &[u8],
        found: &mut RowsByContext,
    ) {
        let Some((value, rest)) = context.split_first() else {
            for_each_place(&self.rows, from, path, |row, _| {
                found.entry(set.to_vec()).or_default().push(row);
                ControlFlow::Continue(())
            });
            return;
        };
        let (way, below) = path.split_at(value.depth.saturating_sub(depth));
        for_each_place(&self.rows, from, way, |row, _| {
            let mut set = set.to_vec();
            if !set.is_empty() {
                set.push(b',');
            }
            set.extend_from_slice(&value.variable);
            write_value(&self.rows, row, &value.value, &mut set);
            self.rows_by_context(row, value.depth, below, rest, &set, found);
            ControlFlow::Continue(())
        });
    }
}
