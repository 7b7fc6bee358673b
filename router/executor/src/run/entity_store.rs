//! The entity store: what a batch would ask for is taken from earlier answers, where they have it whole.
//!
//! Objects count as equal where their representations are, byte for byte. Nothing is taken from an answer with errors:
//! its nulls may not be the subgraph's last word.

use crate::program::{Batch, Copy, Source, TypeId};
use crate::run::Run;
use crate::run::place::rows_at;
use crate::run::representation::{AbsentInput, Representations};
use crate::run::rows::{RowId, Rows, Slot};

/// For a representation, where its entity was found.
type Found<'p> = Option<(&'p Source, RowId)>;

impl<'p> Run<'p> {
    /// Fills the objects of a batch of which everything is known, and takes them out of what is to be sent.
    pub(crate) fn take_known(&mut self, batch: &'p Batch, wanted: &mut Representations) {
        if batch.sources.is_empty() || wanted.len() == 0 {
            return;
        }
        let found = self.find_known(batch, wanted);
        if found.iter().all(Option::is_none) {
            return;
        }
        let mut targets = vec![Vec::new(); found.len()];
        for &(row, representation) in wanted.rows() {
            targets[representation as usize].push(row);
        }
        let shape = self.program.readers[batch.reader.index()].shape;
        for (found, targets) in found.iter().zip(targets) {
            if let Some((source, row)) = found {
                let entity =
                    self.rows.add_row(&self.program.shapes, shape, self.rows.type_id(*row));
                self.copy_entries(*row, entity, &source.copies);
                self.merge_entity(Some(entity), targets);
            }
        }
        wanted.retain(|representation| found[representation].is_none());
    }

    fn find_known(&self, batch: &'p Batch, wanted: &Representations) -> Vec<Found<'p>> {
        let mut found: Vec<Found<'p>> = vec![None; wanted.len()];
        let mut missing = found.len();
        let mut json = Vec::new();
        for source in &batch.sources {
            if missing == 0 || !self.is_flawless(source.fetch) {
                continue;
            }
            for row in rows_at(&self.rows, self.root, &source.path) {
                let type_id = match self.rows.type_id(row) {
                    TypeId::UNKNOWN => source.static_type,
                    told => told,
                };
                if type_id != source.type_id {
                    continue;
                }
                json.clear();
                let template = &source.template;
                let represented =
                    template.represent(&self.rows, row, AbsentInput::Unknown, &mut json);
                if let Ok(()) = represented
                    && let Some(representation) = wanted.find(&json)
                    && found[representation].is_none()
                    && is_whole(&self.rows, row, &source.copies)
                {
                    found[representation] = Some((source, row));
                    missing -= 1;
                }
            }
        }
        found
    }

    fn copy_entries(&mut self, from: RowId, to: RowId, copies: &[Copy]) {
        for copy in copies {
            if !copy.is_of(&self.rows, from) {
                continue;
            }
            let value = self.copied(self.rows.slot(from, copy.from), copy);
            self.rows.set_slot(to, copy.to, value);
        }
    }

    /// A value as it is taken over: objects become rows of their new position.
    fn copied(&mut self, value: Slot, copy: &Copy) -> Slot {
        match (value, &copy.below) {
            (Slot::Row(row), Some((shape, copies))) => {
                let type_id = self.rows.type_id(row);
                let new = self.rows.add_row(&self.program.shapes, *shape, type_id);
                self.copy_entries(row, new, copies);
                Slot::Row(new)
            }
            (Slot::List(list), Some(_)) => {
                let items: Vec<Slot> = (0..list.len())
                    .map(|item| self.copied(self.rows.item(list, item), copy))
                    .collect();
                Slot::List(self.rows.add_list(items))
            }
            (leaf, _) => leaf,
        }
    }
}

impl Copy {
    fn is_of(&self, rows: &Rows, row: RowId) -> bool {
        self.types.as_ref().is_none_or(|types| types.admits(rows.type_id(row)))
    }
}

/// Whether a row has everything that is to be taken over.
fn is_whole(rows: &Rows, row: RowId, copies: &[Copy]) -> bool {
    copies
        .iter()
        .all(|copy| !copy.is_of(rows, row) || is_whole_value(rows, rows.slot(row, copy.from), copy))
}

fn is_whole_value(rows: &Rows, value: Slot, copy: &Copy) -> bool {
    match (value, &copy.below) {
        (Slot::Null, _) | (Slot::Leaf(_), None) => true,
        (Slot::Row(row), Some((_, copies))) => is_whole(rows, row, copies),
        (Slot::List(list), Some(_)) => {
            (0..list.len()).all(|item| is_whole_value(rows, rows.item(list, item), copy))
        }
        // Unknown, or of another kind than the plan expects.
        (Slot::Absent | Slot::Leaf(_), Some(_))
        | (Slot::Absent | Slot::Row(_) | Slot::List(_), None) => false,
    }
}
