//! The response tree while it grows: rows of slots, whose leaves are slices of the subgraphs' answers.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use foldhash::HashMap;

use crate::json::Cursor;
use crate::program::{FieldId, Shape, ShapeId, SlotId, TypeId};

/// A row's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RowId(pub(crate) u32);

/// An entry of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// No subgraph has said anything: counts as null.
    Absent,
    Null,
    /// JSON as the subgraph wrote it.
    Leaf(Slice),
    Row(RowId),
    List(List),
}

/// A part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) source: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Items that stand side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct List {
    start: u32,
    len: u32,
}

impl List {
    /// How many items.
    pub(crate) fn len(self) -> usize {
        self.len as usize
    }
}

#[derive(Debug, Clone, Copy)]
struct Row {
    shape: ShapeId,
    first_slot: u32,
    width: u32,
    type_id: TypeId,
    /// Whether several objects hold it, so that it must be copied before it changes.
    shared: bool,
}

/// All rows of a request, and the answers that their leaves point into.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    headers: Vec<Row>,
    slots: Vec<Slot>,
    items: Vec<Slot>,
    sources: Vec<Bytes>,
    /// The copies that were made of shared rows.
    copies: HashMap<RowId, Vec<RowId>>,
    /// Which field an entry holds, where several stand in it of objects of different types.
    fields: HashMap<(RowId, SlotId), FieldId>,
}

/// How much room the rows of a request take: the next request of the same operation makes it at once.
#[derive(Debug, Default)]
pub(crate) struct UsualSize {
    headers: AtomicUsize,
    slots: AtomicUsize,
    items: AtomicUsize,
    /// The answer's bytes.
    answer: AtomicUsize,
}

/// What is made room for at most: a request that is far above the usual does not weigh on the next.
const SIZE_LIMIT: usize = 1 << 14;

impl UsualSize {
    /// A buffer for the answer, where about so many bytes are expected the first time.
    pub(crate) fn answer_buffer(&self, expected: usize) -> Vec<u8> {
        let usual = self.answer.load(Relaxed);
        Vec::with_capacity(if usual == 0 { expected } else { usual.min(expected) })
    }

    /// Notes how large the answer is, with some room for the next to be larger.
    pub(crate) fn note_answer(&self, bytes: usize) {
        self.answer.store(bytes + bytes / 16, Relaxed);
    }
}

impl Rows {
    /// None, with room for so many.
    pub(crate) fn sized(size: &UsualSize) -> Self {
        Self {
            headers: Vec::with_capacity(size.headers.load(Relaxed)),
            slots: Vec::with_capacity(size.slots.load(Relaxed)),
            items: Vec::with_capacity(size.items.load(Relaxed)),
            ..Self::default()
        }
    }

    /// Notes how many there are.
    pub(crate) fn note_size(&self, size: &UsualSize) {
        size.headers.store(self.headers.len().min(SIZE_LIMIT), Relaxed);
        size.slots.store(self.slots.len().min(SIZE_LIMIT), Relaxed);
        size.items.store(self.items.len().min(SIZE_LIMIT), Relaxed);
    }

    /// Keeps an answer. Its length has been checked against a limit below 4 GiB.
    pub(crate) fn add_source(&mut self, source: Bytes) -> u32 {
        self.sources.push(source);
        index(self.sources.len() - 1)
    }

    /// A new row with nothing in it.
    pub(crate) fn add_row(&mut self, shapes: &[Shape], shape: ShapeId, type_id: TypeId) -> RowId {
        let first_slot = index(self.slots.len());
        let width = shapes[shape.index()].entries.len();
        self.slots.resize(self.slots.len() + width, Slot::Absent);
        let width = index(width);
        self.headers.push(Row { shape, first_slot, width, type_id, shared: false });
        RowId(index(self.headers.len() - 1))
    }

    /// A new list.
    pub(crate) fn add_list(&mut self, items: impl IntoIterator<Item = Slot>) -> List {
        let start = self.items.len();
        self.items.extend(items);
        List { start: index(start), len: index(self.items.len() - start) }
    }

    pub(crate) fn len(&self) -> usize {
        self.headers.len()
    }

    pub(crate) fn type_id(&self, row: RowId) -> TypeId {
        self.row(row).type_id
    }

    pub(crate) fn set_type(&mut self, row: RowId, type_id: TypeId) {
        self.headers[row.0 as usize].type_id = type_id;
    }

    pub(crate) fn shape(&self, row: RowId) -> ShapeId {
        self.row(row).shape
    }

    pub(crate) fn is_shared(&self, row: RowId) -> bool {
        self.row(row).shared
    }

    fn row(&self, row: RowId) -> Row {
        self.headers[row.0 as usize]
    }

    pub(crate) fn slot(&self, row: RowId, slot: SlotId) -> Slot {
        self.slots[self.row(row).first_slot as usize + slot.index()]
    }

    pub(crate) fn set_slot(&mut self, row: RowId, slot: SlotId, value: Slot) {
        let first = self.row(row).first_slot as usize;
        self.slots[first + slot.index()] = value;
    }

    /// Notes which field an entry holds.
    pub(crate) fn note_field(&mut self, row: RowId, slot: SlotId, field: FieldId) {
        self.fields.insert((row, slot), field);
    }

    /// Whether an entry is about to hold another field than it does: the one of the object's type, which is known now.
    fn changes_field(&mut self, slot: SlotId, into: RowId, from: RowId) -> bool {
        let Some(&field) = self.fields.get(&(from, slot)) else { return false };
        self.fields.insert((into, slot), field).is_some_and(|known| known != field)
    }

    pub(crate) fn item(&self, list: List, item: usize) -> Slot {
        self.items[list.start as usize + item]
    }

    pub(crate) fn items(&self, list: List) -> &[Slot] {
        &self.items[list.start as usize..][..list.len()]
    }

    /// The JSON of a leaf.
    pub(crate) fn json(&self, slice: Slice) -> &[u8] {
        &self.sources[slice.source as usize][slice.start as usize..slice.end as usize]
    }

    /// The items of a list that was kept as it stands; `None` where it is no list.
    pub(crate) fn leaf_items(&self, list: Slice, nesting_limit: usize) -> Option<Vec<Slot>> {
        let mut cursor = Cursor::new(self.json(list), nesting_limit);
        let mut items = Vec::new();
        let mut turn = cursor.enter(b'[').ok()?;
        while cursor.next_item(&mut turn).ok()? {
            let null = cursor.peek().ok()? == b'n';
            let item = cursor.value().ok()?;
            let (start, end) = (list.start + index(item.start), list.start + index(item.end));
            items.push(if null { Slot::Null } else { Slot::Leaf(Slice { start, end, ..list }) });
        }
        Some(items)
    }

    /// Writes into a row what a newer row of the same shape says.
    pub(crate) fn merge(&mut self, into: RowId, from: RowId) {
        if into == from {
            return;
        }
        if self.type_id(into) == TypeId::UNKNOWN {
            self.set_type(into, self.type_id(from));
        }
        let (old, new) = (self.row(into).first_slot, self.row(from).first_slot);
        for slot in 0..self.row(from).width {
            let changes_field =
                !self.fields.is_empty() && self.changes_field(SlotId(slot), into, from);
            let (old, new) = ((old + slot) as usize, (new + slot) as usize);
            match (self.slots[old], self.slots[new]) {
                (_, Slot::Absent) => {}
                (Slot::Absent | Slot::Null, said) => self.slots[old] = said,
                (_, said) if changes_field => self.slots[old] = said,
                (known, said) => self.slots[old] = self.merged(known, said),
            }
        }
    }

    /// Two subgraphs' word on one entry: objects become one, lists are joined item by item, and something goes before
    /// null.
    fn merged(&mut self, old: Slot, new: Slot) -> Slot {
        match (old, new) {
            (Slot::Absent | Slot::Null, Slot::Absent) => old,
            (Slot::Absent | Slot::Null, new) => new,
            (Slot::Row(old), Slot::Row(new)) => {
                let own = self.own(old);
                self.merge(own, new);
                Slot::Row(own)
            }
            (Slot::List(old), Slot::List(new)) if old.len == new.len => {
                let items: Vec<Slot> = (0..old.len())
                    .map(|item| self.merged(self.item(old, item), self.item(new, item)))
                    .collect();
                Slot::List(self.add_list(items))
            }
            (old, _) => old,
        }
    }

    /// The row itself where one object holds it, else a copy.
    fn own(&mut self, row: RowId) -> RowId {
        let original = self.row(row);
        if !original.shared {
            return row;
        }
        let first = original.first_slot as usize;
        let first_slot = index(self.slots.len());
        self.slots.extend_from_within(first..first + original.width as usize);
        self.headers.push(Row { first_slot, shared: false, ..original });
        let copy = RowId(index(self.headers.len() - 1));
        for slot in (0..original.width).map(SlotId) {
            if let Some(&field) = self.fields.get(&(row, slot)) {
                self.fields.insert((copy, slot), field);
            }
        }
        self.copies.entry(row).or_default().push(copy);
        copy
    }

    /// Adds to some rows the copies that were made of them: what is said of an entity holds for its copies.
    pub(crate) fn add_copies(&self, rows: &mut Vec<RowId>) {
        if self.copies.is_empty() {
            return;
        }
        let mut next = 0;
        while let Some(row) = rows.get(next) {
            rows.extend_from_slice(self.copies.get(row).map_or(&[], Vec::as_slice));
            next += 1;
        }
    }

    /// Notes that several objects are about to hold what this row holds.
    pub(crate) fn share_below(&mut self, row: RowId) {
        for slot in (0..self.row(row).width).map(SlotId) {
            self.share(self.slot(row, slot));
        }
    }

    fn share(&mut self, slot: Slot) {
        match slot {
            Slot::Row(row) if !self.is_shared(row) => {
                self.headers[row.0 as usize].shared = true;
                self.share_below(row);
            }
            Slot::List(list) => (0..list.len()).for_each(|item| self.share(self.item(list, item))),
            Slot::Absent | Slot::Null | Slot::Leaf(_) | Slot::Row(_) => {}
        }
    }
}

/// Arenas are indexed by `u32`: answers are limited long before.
fn index(len: usize) -> u32 {
    u32::try_from(len).expect("answers are limited to less than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::ShapeEntry;
    use apollo_compiler::name;

    /// A root with entries `a` and `b`; below each, objects with `a` and `b`.
    fn shapes() -> Vec<Shape> {
        let entries = |below| {
            [name!("a"), name!("b")]
                .into_iter()
                .map(|name| ShapeEntry { name, below, visible: true })
                .collect()
        };
        vec![Shape { entries: entries(Some(ShapeId(1))) }, Shape { entries: entries(None) }]
    }

    const A: SlotId = SlotId(0);
    const B: SlotId = SlotId(1);

    #[test]
    fn a_slot_is_sixteen_bytes() {
        assert_eq!(size_of::<Slot>(), 16);
    }

    #[test]
    fn merges_objects_entry_by_entry_and_prefers_something_to_null() {
        let (shapes, mut rows) = (shapes(), Rows::default());
        let new_row =
            |rows: &mut Rows, shape| rows.add_row(&shapes, ShapeId(shape), TypeId::UNKNOWN);
        let (root, other) = (new_row(&mut rows, 0), new_row(&mut rows, 0));
        let (left, right) = (new_row(&mut rows, 1), new_row(&mut rows, 1));
        let leaf = Slot::Leaf(Slice { source: 0, start: 0, end: 1 });
        rows.set_slot(left, A, leaf);
        rows.set_slot(right, B, leaf);
        rows.set_slot(root, A, Slot::Row(left));
        rows.set_slot(root, B, Slot::Null);
        rows.set_slot(other, A, Slot::Row(right));
        rows.set_slot(other, B, leaf);
        rows.merge(root, other);
        assert_eq!(rows.slot(root, A), Slot::Row(left));
        assert_eq!((rows.slot(left, A), rows.slot(left, B)), (leaf, leaf));
        assert_eq!(rows.slot(root, B), leaf);
    }

    #[test]
    fn copies_a_shared_row_before_it_changes() {
        let (shapes, mut rows) = (shapes(), Rows::default());
        let new_row =
            |rows: &mut Rows, shape| rows.add_row(&shapes, ShapeId(shape), TypeId::UNKNOWN);
        let (first, second, fresh) =
            (new_row(&mut rows, 0), new_row(&mut rows, 0), new_row(&mut rows, 0));
        let (shared, more) = (new_row(&mut rows, 1), new_row(&mut rows, 1));
        rows.set_slot(first, A, Slot::Row(shared));
        rows.set_slot(second, A, Slot::Row(shared));
        rows.share_below(first);
        rows.set_slot(more, B, Slot::Null);
        rows.set_slot(fresh, A, Slot::Row(more));
        rows.merge(first, fresh);
        assert_ne!(rows.slot(first, A), Slot::Row(shared));
        assert_eq!(rows.slot(second, A), Slot::Row(shared));
        assert_eq!(rows.slot(shared, B), Slot::Absent);
    }
}
