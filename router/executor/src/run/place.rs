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
    let mut values = vec![Slot::Row(root)];
    for step in path {
        match step {
            Step::Slot(slot) => {
                keep_each_once(rows, &mut values);
                values.retain_mut(|value| {
                    let Slot::Row(row) = *value else { return false };
                    *value = rows.slot(row, *slot);
                    true
                });
            }
            Step::Types(types) => values.retain(
                |value| matches!(value, Slot::Row(row) if types.contains(rows.type_id(*row))),
            ),
            Step::Items => {
                let mut items = Vec::new();
                for value in values {
                    if let Slot::List(list) = value {
                        items.extend_from_slice(rows.items(list));
                    }
                }
                values = items;
            }
            Step::AnyItems => {
                let mut items = Vec::new();
                for value in values {
                    add_items(rows, value, &mut items);
                }
                values = items;
            }
        }
    }
    keep_each_once(rows, &mut values);
    let row = |value| if let Slot::Row(row) = value { Some(row) } else { None };
    values.into_iter().filter_map(row).collect()
}

/// Only a shared row can stand in several places, and then all that is below it does.
fn keep_each_once(rows: &Rows, values: &mut Vec<Slot>) {
    let is_shared = |value: &Slot| matches!(value, Slot::Row(row) if rows.is_shared(*row));
    if values.iter().filter(|value| is_shared(value)).count() > 1 {
        let mut seen = vec![false; rows.len()];
        values.retain(|value| {
            let Slot::Row(row) = value else { return true };
            !std::mem::replace(&mut seen[row.0 as usize], true)
        });
    }
}

fn add_items(rows: &Rows, value: Slot, items: &mut Vec<Slot>) {
    match value {
        Slot::List(list) => rows.items(list).iter().for_each(|item| add_items(rows, *item, items)),
        one => items.push(one),
    }
}

/// Calls `visit` for every place of every row at a path, until it breaks.
pub(crate) fn for_each_place(
    rows: &Rows,
    root: RowId,
    path: &[Step],
    visit: impl FnMut(RowId, &[PlaceStep]) -> ControlFlow<()>,
) {
    let mut walk = Walk { rows, steps_left: WALK_LIMIT, place: Vec::new(), visit };
    let _ = walk.row(root, path);
}

struct Walk<'r, V> {
    rows: &'r Rows,
    steps_left: usize,
    place: Vec<PlaceStep>,
    visit: V,
}

impl<V: FnMut(RowId, &[PlaceStep]) -> ControlFlow<()>> Walk<'_, V> {
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
