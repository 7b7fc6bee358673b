//! Lowers the selection sets of subgraph requests to readers of their answers.

use planner::{FetchField, FetchSelection, FetchSelectionSet};

use crate::json::quoted;
use crate::lower::Lowering;
use crate::program::{
    Reader, ReaderId, ReaderKey, ReaderKind, ReaderTarget, ShapeId, SlotId, TypeSet,
};

/// A selection set, and the types of whose objects it is read.
type Selected<'s> = (&'s FetchSelectionSet, Option<TypeSet>);

/// A key while the fields that answer under it are being merged.
struct PendingKey<'s> {
    quoted: Box<[u8]>,
    targets: Vec<PendingTarget<'s>>,
}

struct PendingTarget<'s> {
    slot: SlotId,
    types: Option<TypeSet>,
    is_type_name: bool,
    below: Vec<&'s FetchSelectionSet>,
}

impl Lowering<'_> {
    /// A reader of objects at a position.
    pub(super) fn reader(&mut self, sets: &[&FetchSelectionSet], shape: ShapeId) -> ReaderId {
        let mut pending = Vec::new();
        for set in sets {
            self.collect_keys((set, None), shape, &mut pending);
        }
        let keys: Vec<ReaderKey> =
            pending.into_iter().map(|key| self.reader_key(key, shape)).collect();
        let targets = || keys.iter().flat_map(|key| &key.targets);
        let needs_type = targets().any(|target| target.types.is_some())
            && targets().any(|target| target.kind == ReaderKind::TypeName);
        self.add_reader(Reader { shape, keys, needs_type })
    }

    pub(super) fn add_reader(&mut self, reader: Reader) -> ReaderId {
        self.program.readers.push(reader);
        ReaderId(u32::try_from(self.program.readers.len() - 1).expect("operations are limited"))
    }

    fn collect_keys<'s>(
        &mut self,
        (set, types): Selected<'s>,
        shape: ShapeId,
        keys: &mut Vec<PendingKey<'s>>,
    ) {
        for selection in &set.selections {
            match selection {
                FetchSelection::InlineFragment(fragment) => {
                    let mut narrowed = self.type_set(&fragment.runtime_types);
                    if let Some(types) = &types {
                        narrowed.intersect(types);
                    }
                    self.collect_keys((&fragment.selection_set, Some(narrowed)), shape, keys);
                }
                FetchSelection::Field(field) => {
                    self.collect_key(field, types.as_ref(), shape, keys);
                }
            }
        }
    }

    fn collect_key<'s>(
        &mut self,
        field: &'s FetchField,
        types: Option<&TypeSet>,
        shape: ShapeId,
        keys: &mut Vec<PendingKey<'s>>,
    ) {
        let quoted = quoted(field.alias.as_ref().unwrap_or(&field.name));
        let index = keys.iter().position(|key| key.quoted == quoted).unwrap_or_else(|| {
            keys.push(PendingKey { quoted, targets: Vec::new() });
            keys.len() - 1
        });
        let Some(output) = &field.output else { return };
        let slot = self.slot(shape, output);
        let targets = &mut keys[index].targets;
        let below = (!field.selection_set.selections.is_empty()).then_some(&field.selection_set);
        if let Some(target) = targets.iter_mut().find(|target| target.slot == slot) {
            match (&mut target.types, types) {
                (Some(known), Some(types)) => known.union(types),
                (known, _) => *known = None,
            }
            target.below.extend(below);
        } else {
            let is_type_name = field.name == "__typename";
            let types = types.cloned();
            targets.push(PendingTarget {
                slot,
                types,
                is_type_name,
                below: below.into_iter().collect(),
            });
        }
    }

    fn reader_key(&mut self, key: PendingKey<'_>, shape: ShapeId) -> ReaderKey {
        let targets = key
            .targets
            .into_iter()
            .map(|target| {
                let kind = if target.is_type_name {
                    ReaderKind::TypeName
                } else if target.below.is_empty() {
                    ReaderKind::Leaf
                } else {
                    let below = self.below(shape, target.slot);
                    ReaderKind::Object(self.reader(&target.below, below))
                };
                ReaderTarget { slot: target.slot, types: target.types, kind }
            })
            .collect();
        ReaderKey { quoted: key.quoted, targets }
    }
}
