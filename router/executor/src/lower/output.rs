//! Lowers the client's operation: which fields are shown, in which order, for each runtime type.
//!
//! Spec: <https://spec.graphql.org/October2021/#CollectFields()>. What `@skip` and `@include` say is known only with the
//! variables, so a field that is selected several times is listed at each of its places, guarded so that the first
//! place that counts shows it.

use apollo_compiler::Name;
use apollo_compiler::ast::{Type, Value};
use apollo_compiler::executable::{DirectiveList, Field, Selection, SelectionSet};
use apollo_compiler::schema::ExtendedType;

use foldhash::{HashMap, HashMapExt};

use crate::json::quoted;
use crate::lower::Lowering;
use crate::program::{
    FieldListId, Guard, GuardId, GuardLiteral, LeafKind, Output, OutputField, OutputId, OutputKind,
    ShapeId, TypeId,
};

/// Selection sets, each with the guard under which it counts.
type GuardedSets<'d> = Vec<(&'d SelectionSet, Vec<GuardLiteral>)>;

/// What an output is made of: the addresses of its selection sets and their guards, its type and its shape. Equal
/// keys give equal outputs, so an interface with many types does not multiply what is below it.
pub(super) type OutputKey = (Vec<(usize, Vec<GuardLiteral>)>, Name, u32);

/// A field where it is selected.
struct Occurrence<'d> {
    field: &'d Field,
    guard: Vec<GuardLiteral>,
}

/// The objects for which fields are collected.
#[derive(Clone, Copy)]
struct Objects<'n> {
    /// The type of the field in which they stand.
    static_type: &'n Name,
    /// Theirs; `None` for objects that do not say it.
    runtime_type: Option<&'n Name>,
    shape: ShapeId,
}

impl<'a> Lowering<'a> {
    pub(super) fn root_output(&mut self, shape: ShapeId) -> OutputId {
        let operation = self.operation;
        let sets = vec![(&operation.selection_set, Vec::new())];
        self.output(&sets, operation.object_type(), shape)
    }

    fn output(&mut self, sets: &GuardedSets<'a>, type_name: &Name, shape: ShapeId) -> OutputId {
        let addresses =
            sets.iter().map(|(set, guard)| (std::ptr::from_ref(*set).addr(), guard.clone()));
        let key: OutputKey = (addresses.collect(), type_name.clone(), shape.0);
        if let Some(&known) = self.outputs.get(&key) {
            return known;
        }
        let id =
            OutputId(u32::try_from(self.program.outputs.len()).expect("operations are limited"));
        self.outputs.insert(key, id);
        // Its place is taken before what is below it.
        let none = Output {
            type_name: type_name.clone(),
            static_type: TypeId::UNKNOWN,
            by_type: Vec::new(),
        };
        self.program.outputs.push(none);
        let possible = self.possible_types(type_name);
        let is_object = possible == [type_name.clone()];
        let mut by_type = Vec::new();
        let mut set = |id: TypeId, list: FieldListId| {
            if by_type.len() <= id.index() {
                by_type.resize(id.index() + 1, None);
            }
            by_type[id.index()] = Some(list);
        };
        for name in &possible {
            let objects = Objects { static_type: type_name, runtime_type: Some(name), shape };
            let list = self.field_list(sets, objects);
            set(self.program.types.intern(name), list);
        }
        if !is_object {
            let objects = Objects { static_type: type_name, runtime_type: None, shape };
            let list = self.field_list(sets, objects);
            set(TypeId::UNKNOWN, list);
        }
        let static_type =
            if is_object { self.program.types.intern(type_name) } else { TypeId::UNKNOWN };
        let output = &mut self.program.outputs[id.index()];
        output.static_type = static_type;
        output.by_type = by_type;
        id
    }

    /// The object types that a client may meet where the type is `type_name`.
    fn possible_types(&self, type_name: &Name) -> Vec<Name> {
        let schema = self.supergraph.api_schema();
        match schema.types.get(type_name) {
            Some(ExtendedType::Union(union)) => {
                union.members.iter().map(|member| member.name.clone()).collect()
            }
            Some(ExtendedType::Interface(_)) => schema
                .types
                .values()
                .filter_map(|ty| ty.as_object())
                .filter(|object| object.implements_interfaces.contains(type_name))
                .map(|object| object.name.clone())
                .collect(),
            _ => vec![type_name.clone()],
        }
    }

    fn field_list(&mut self, sets: &GuardedSets<'a>, objects: Objects<'_>) -> FieldListId {
        let mut occurrences = Vec::new();
        let mut visited = Vec::new();
        for (set, guard) in sets {
            self.collect(&set.selections, guard, objects, &mut visited, &mut occurrences);
        }
        let mut by_key: HashMap<&Name, Vec<&Occurrence<'a>>> = HashMap::new();
        for occurrence in &occurrences {
            by_key.entry(occurrence.field.response_key()).or_default().push(occurrence);
        }
        let mut fields = Vec::new();
        for occurrence in &occurrences {
            let equals = &by_key[occurrence.field.response_key()];
            let Some(unless) = guards_before(occurrence, equals) else { continue };
            let guard = self.output_guard(&occurrence.guard, unless);
            let field = self.output_field(equals, objects, guard);
            fields.push(field);
        }
        let lists = &mut self.program.field_lists;
        let index = lists.iter().position(|known| *known == fields).unwrap_or_else(|| {
            lists.push(fields);
            lists.len() - 1
        });
        FieldListId(u32::try_from(index).expect("operations are limited"))
    }

    fn output_guard(&mut self, guard: &[GuardLiteral], unless: Vec<Vec<GuardLiteral>>) -> GuardId {
        if guard.is_empty() && unless.is_empty() {
            return Guard::ALWAYS;
        }
        self.guard(Guard { any: vec![guard.to_vec()], unless })
    }

    fn collect(
        &self,
        selections: &'a [Selection],
        guard: &[GuardLiteral],
        objects: Objects<'_>,
        visited: &mut Vec<(&'a Name, Vec<GuardLiteral>)>,
        occurrences: &mut Vec<Occurrence<'a>>,
    ) {
        for selection in selections {
            let Some(guard) = guarded(guard, selection.directives()) else { continue };
            let (condition, below) = match selection {
                Selection::Field(field) => {
                    occurrences.push(Occurrence { field, guard });
                    continue;
                }
                Selection::InlineFragment(fragment) => {
                    (fragment.type_condition.as_ref(), &fragment.selection_set)
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.fragment_name;
                    let seen = |(known, at): &(&Name, Vec<GuardLiteral>)| {
                        *known == name && at.iter().all(|literal| guard.contains(literal))
                    };
                    if visited.iter().any(seen) {
                        continue;
                    }
                    visited.push((name, guard.clone()));
                    let Some(fragment) = self.document.fragments.get(name) else { continue };
                    (Some(fragment.type_condition()), &fragment.selection_set)
                }
            };
            if condition.is_none_or(|condition| self.applies(condition, objects)) {
                self.collect(&below.selections, &guard, objects, visited, occurrences);
            }
        }
    }

    /// Whether a fragment on `condition` applies to objects of the runtime type; where that is unknown, whether it
    /// applies to all that there can be.
    fn applies(&self, condition: &Name, objects: Objects<'_>) -> bool {
        let schema = self.supergraph.api_schema();
        let covers = |name: &Name| condition == name || schema.is_subtype(condition, name);
        match objects.runtime_type {
            Some(name) => covers(name),
            None => {
                covers(objects.static_type)
                    || self.possible_types(objects.static_type).iter().all(covers)
            }
        }
    }

    /// A field of the answer, given all its occurrences.
    fn output_field(
        &mut self,
        occurrences: &[&Occurrence<'a>],
        objects: Objects<'_>,
        guard: GuardId,
    ) -> OutputField {
        let field = occurrences[0].field;
        let Objects { static_type, runtime_type, shape } = objects;
        let key = field.response_key();
        let slot = self.slot(shape, key);
        self.show(shape, slot);
        let schema = self.supergraph.api_schema();
        // An object type may narrow what its interface says.
        let ty: &Type =
            match runtime_type.and_then(|name| schema.type_field(name, &field.name).ok()) {
                Some(definition) => &definition.ty,
                None => &field.definition.ty,
            };
        let kind = match field.name.as_str() {
            "__typename" => OutputKind::TypeName,
            // The router answers these by itself.
            "__schema" | "__type" => OutputKind::Leaf(LeafKind::Any),
            _ if field.selection_set.is_empty() => {
                OutputKind::Leaf(self.leaf_kind(ty.inner_named_type()))
            }
            _ => {
                let sets: GuardedSets<'a> = occurrences
                    .iter()
                    .map(|occurrence| (&occurrence.field.selection_set, occurrence.guard.clone()))
                    .collect();
                let below = self.below(shape, slot);
                OutputKind::Object(self.output(&sets, ty.inner_named_type(), below))
            }
        };
        let parent = runtime_type.unwrap_or(static_type);
        OutputField {
            lead: [b",", &*quoted(key), b":"].concat().into(),
            key: key.clone(),
            slot,
            guard,
            coordinate: format!("{parent}.{}", field.name).into(),
            non_null: non_null(ty, &kind),
            kind,
        }
    }

    fn leaf_kind(&self, name: &Name) -> LeafKind {
        match name.as_str() {
            "Int" => LeafKind::Int,
            "Float" => LeafKind::Float,
            "String" => LeafKind::String,
            "Boolean" => LeafKind::Boolean,
            "ID" => LeafKind::Id,
            _ => match self.supergraph.api_schema().types.get(name) {
                Some(ExtendedType::Enum(definition)) => {
                    LeafKind::Enum(definition.values.keys().map(|value| quoted(value)).collect())
                }
                _ => LeafKind::Any,
            },
        }
    }
}

/// The guards of the earlier places of a field, each of which shows it already; `None` where one of them counts whenever
/// this place does.
fn guards_before(
    occurrence: &Occurrence<'_>,
    equals: &[&Occurrence<'_>],
) -> Option<Vec<Vec<GuardLiteral>>> {
    let mut guards = Vec::new();
    for earlier in equals.iter().take_while(|other| !std::ptr::eq(**other, occurrence)) {
        if earlier.guard.iter().all(|literal| occurrence.guard.contains(literal)) {
            return None;
        }
        guards.push(earlier.guard.clone());
    }
    Some(guards)
}

/// Whether null is forbidden, level by level. Introspection comes as one value, in lists or not.
fn non_null(ty: &Type, kind: &OutputKind) -> Box<[bool]> {
    let mut levels = vec![ty.is_non_null()];
    let mut item = ty;
    while item.is_list() && *kind != OutputKind::TypeName {
        item = item.item_type();
        levels.push(item.is_non_null());
    }
    levels.into()
}

/// The guard of a selection with its directives; `None` where it never counts.
fn guarded(guard: &[GuardLiteral], directives: &DirectiveList) -> Option<Vec<GuardLiteral>> {
    let mut guard = guard.to_vec();
    for (directive, wanted) in [("include", true), ("skip", false)] {
        let argument = directives.get(directive).and_then(|d| d.specified_argument_by_name("if"));
        match argument.map(AsRef::as_ref) {
            Some(Value::Variable(variable)) => guard.push((variable.clone(), wanted)),
            Some(Value::Boolean(value)) if *value != wanted => return None,
            _ => {}
        }
    }
    guard.sort();
    guard.dedup();
    let contradicts = guard.windows(2).any(|pair| pair[0].0 == pair[1].0);
    (!contradicts).then_some(guard)
}
