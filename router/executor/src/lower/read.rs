//! Lowers the selection sets of subgraph requests to readers of their answers.

use apollo_compiler::Name;
use apollo_compiler::ast::OperationType;
use planner::{FetchField, FetchSelection, FetchSelectionSet};

use crate::json::quoted;
use crate::lower::Lowering;
use crate::program::{
    FieldId, Reader, ReaderId, ReaderKey, ReaderKind, ReaderTarget, ShapeId, SlotId, TypeId,
    TypeSet,
};

/// A selection set, the type that it is of, and the types of whose objects it is read.
type Selected<'s> = (&'s FetchSelectionSet, Option<&'s Name>, Option<TypeSet>);

/// A key while the fields that answer under it are being merged.
struct PendingKey<'s> {
    quoted: Box<[u8]>,
    targets: Vec<PendingTarget<'s>>,
}

struct PendingTarget<'s> {
    slot: SlotId,
    field: FieldId,
    types: Option<TypeSet>,
    is_type_name: bool,
    below: Vec<(&'s FetchSelectionSet, Option<&'s Name>)>,
}

impl<'a> Lowering<'a> {
    /// A reader of objects at a position: of selection sets, with the type that each is of, where that is known.
    pub(super) fn reader<'s>(
        &mut self,
        sets: &[(&'s FetchSelectionSet, Option<&'s Name>)],
        shape: ShapeId,
    ) -> ReaderId
    where
        'a: 's,
    {
        let mut pending = Vec::new();
        for (set, type_name) in sets {
            self.collect_keys((set, *type_name, None), shape, &mut pending);
        }
        let static_type = self.static_type(sets.iter().map(|(_, type_name)| *type_name));
        let keys: Vec<ReaderKey> =
            pending.into_iter().map(|key| self.reader_key(key, shape)).collect();
        let targets = || keys.iter().flat_map(|key| &key.targets);
        let needs_type = targets().any(|target| target.types.is_some())
            && targets().any(|target| target.kind == ReaderKind::TypeName);
        self.add_reader(Reader { shape, static_type, keys, needs_type })
    }

    /// The object type that all of these are.
    fn static_type<'n>(&mut self, mut names: impl Iterator<Item = Option<&'n Name>>) -> TypeId {
        let first = names.next().flatten();
        match first {
            Some(name) if names.all(|other| other == first) => {
                self.object_type(name).unwrap_or(TypeId::UNKNOWN)
            }
            _ => TypeId::UNKNOWN,
        }
    }

    pub(super) fn object_type(&mut self, name: &Name) -> Option<TypeId> {
        let is_object = self.supergraph.schema().get_object(name).is_some();
        is_object.then(|| self.program.types.intern(name))
    }

    /// Whether it is a root type, which a subgraph may call by another name.
    fn is_root(&self, name: &Name) -> bool {
        let operations =
            [OperationType::Query, OperationType::Mutation, OperationType::Subscription];
        operations.iter().any(|it| self.supergraph.root_type(*it) == Some(name))
    }

    pub(super) fn add_reader(&mut self, reader: Reader) -> ReaderId {
        self.program.readers.push(reader);
        ReaderId(u32::try_from(self.program.readers.len() - 1).expect("operations are limited"))
    }

    fn collect_keys<'s>(
        &mut self,
        (set, type_name, types): Selected<'s>,
        shape: ShapeId,
        keys: &mut Vec<PendingKey<'s>>,
    ) where
        'a: 's,
    {
        for selection in &set.selections {
            match selection {
                FetchSelection::InlineFragment(fragment) => {
                    let mut narrowed = self.type_set(&fragment.runtime_types);
                    if let Some(types) = &types {
                        narrowed.intersect(types);
                    }
                    let type_name = Some(&fragment.type_condition);
                    let selected = (&fragment.selection_set, type_name, Some(narrowed));
                    self.collect_keys(selected, shape, keys);
                }
                FetchSelection::Field(field) => {
                    self.collect_key(field, (type_name, types.as_ref()), shape, keys);
                }
            }
        }
    }

    fn collect_key<'s>(
        &mut self,
        field: &'s FetchField,
        (type_name, types): (Option<&'s Name>, Option<&TypeSet>),
        shape: ShapeId,
        keys: &mut Vec<PendingKey<'s>>,
    ) where
        'a: 's,
    {
        let quoted = quoted(field.alias.as_ref().unwrap_or(&field.name));
        let index = keys.iter().position(|key| key.quoted == quoted).unwrap_or_else(|| {
            keys.push(PendingKey { quoted, targets: Vec::new() });
            keys.len() - 1
        });
        let Some(output) = &field.output else { return };
        if field.name == "__typename" && type_name.is_some_and(|name| self.is_root(name)) {
            return;
        }
        let slot = self.slot(shape, output);
        let field_id = self.field_id(field);
        let below_type = type_name.and_then(|type_name| self.type_below(type_name, &field.name));
        let targets = &mut keys[index].targets;
        let below = (!field.selection_set.selections.is_empty())
            .then_some((&field.selection_set, below_type));
        let is_same =
            |target: &&mut PendingTarget<'_>| target.slot == slot && target.field == field_id;
        if let Some(target) = targets.iter_mut().find(is_same) {
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
                field: field_id,
                types,
                is_type_name,
                below: below.into_iter().collect(),
            });
        }
    }

    /// What a field says, by its name and arguments. Where these hold what no client sent, it is like no other.
    fn field_id(&mut self, field: &FetchField) -> FieldId {
        let next = FieldId(u32::try_from(self.fields.len()).expect("operations are limited"));
        let variables = &self.operation.variables;
        let is_the_clients = |name: &Name| variables.iter().any(|variable| variable.name == *name);
        let mut key = format!("{}{}", field.name, field.arguments);
        if !field.variables.iter().all(is_the_clients) {
            key = format!("{key} {}", next.0);
        }
        *self.fields.entry(key).or_insert(next)
    }

    /// The type of the objects in a field.
    fn type_below(&self, type_name: &Name, field: &Name) -> Option<&'a Name> {
        let supergraph = self.supergraph;
        let field = supergraph.composite_type(type_name)?.fields.get(field)?;
        Some(field.ty.inner_named_type())
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
                ReaderTarget {
                    slot: target.slot,
                    field: target.field,
                    is_one_of_many: false,
                    types: target.types,
                    kind,
                }
            })
            .collect();
        ReaderKey { quoted: key.quoted, targets }
    }
}
