//! Walks the response tree along the path of a batch.

use std::ops::ControlFlow;

use crate::error::PathSegment;
use crate::program::{Program, SlotId, Step};
use crate::run::rows::{RowId, Rows, Slot};

/// Rows that one walk may pass: shared rows can stand in many places, and those in many more.
const WALK_LIMIT: usize = 1_000_000;

/// A place in the client's answer, while walking: entries and items from the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlaceStep {
    Entry(RowId, SlotId),
    Item(u32),
}

/// The rows at a path, each once, in the order of the answer.
pub(crate) fn rows_at(rows: &Rows, root: RowId, path: &[Step]) -> Vec<RowId> {
    let mut found = Vec::new();
    let mut seen = vec![false; rows.len()];
    let mut walk = Walk {
        rows,
        steps_left: WALK_LIMIT,
        place: Vec::new(),
        // A row stands at one depth of one path only, so what is below it need not be walked twice.
        enter: |row: RowId| !std::mem::replace(&mut seen[row.0 as usize], true),
        visit: |row, _: &[PlaceStep]| {
            found.push(row);
            ControlFlow::Continue(())
        },
    };
    let _ = walk.row(root, path);
    found
}

/// Calls `visit` for every place of every row at a path, until it breaks.
pub(crate) fn for_each_place(
    rows: &Rows,
    root: RowId,
    path: &[Step],
    visit: impl FnMut(RowId, &[PlaceStep]) -> ControlFlow<()>,
) {
    let mut walk = Walk { rows, steps_left: WALK_LIMIT, place: Vec::new(), enter: |_| true, visit };
    let _ = walk.row(root, path);
}

struct Walk<'r, E, V> {
    rows: &'r Rows,
    steps_left: usize,
    place: Vec<PlaceStep>,
    /// Whether to look at a row at all.
    enter: E,
    visit: V,
}

impl<E: FnMut(RowId) -> bool, V: FnMut(RowId, &[PlaceStep]) -> ControlFlow<()>> Walk<'_, E, V> {
    fn row(&mut self, row: RowId, path: &[Step]) -> ControlFlow<()> {
        match self.steps_left.checked_sub(1) {
            Some(left) => self.steps_left = left,
            None => return ControlFlow::Break(()),
        }
        match path {
            [Step::Types(types), rest @ ..] if types.contains(self.rows.type_id(row)) => {
                self.row(row, rest)
            }
            [Step::Types(_) | Step::Items | Step::AnyItems, ..] => ControlFlow::Continue(()),
            _ if !(self.enter)(row) => ControlFlow::Continue(()),
            [] => (self.visit)(row, &self.place),
            [Step::Slot(slot), rest @ ..] => {
                self.place.push(PlaceStep::Entry(row, *slot));
                self.value(self.rows.slot(row, *slot), rest)?;
                self.place.pop();
                ControlFlow::Continue(())
            }
        }
    }

    fn value(&mut self, value: Slot, path: &[Step]) -> ControlFlow<()> {
        match (value, path) {
            (Slot::Row(row), [Step::AnyItems, rest @ ..]) => self.row(row, rest),
            (Slot::Row(row), _) => self.row(row, path),
            (Slot::List(list), [step @ (Step::Items | Step::AnyItems), rest @ ..]) => {
                let rest = if *step == Step::Items { rest } else { path };
                for item in 0..list.len() {
                    self.place.push(PlaceStep::Item(u32::try_from(item).unwrap_or(u32::MAX)));
                    self.value(self.rows.item(list, item), rest)?;
                    self.place.pop();
                }
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// The place as a path of the client's answer: it ends above the first entry that the client did not ask for.
pub(crate) fn response_path(
    program: &Program,
    rows: &Rows,
    place: &[PlaceStep],
) -> Vec<PathSegment> {
    let mut path = Vec::with_capacity(place.len());
    for step in place {
        match *step {
            PlaceStep::Entry(row, slot) => {
                let entry = &program.shapes[rows.shape(row).index()].entries[slot.index()];
                if !entry.visible {
                    break;
                }
                path.push(PathSegment::Key(entry.name.clone()));
            }
            PlaceStep::Item(item) => path.push(PathSegment::Index(item)),
        }
    }
    path
}
