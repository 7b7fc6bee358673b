//! Which subgraphs can be reached with an object in hand, and what they resolve there.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use apollo_compiler::Name;
use supergraph::{
    CompositeType, FieldPresence, FieldSet, FieldSetSelection, Key, Labels, SubgraphId, Supergraph,
    TypeKind,
};

/// A place to stand with an object in hand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Position {
    /// The subgraph that gave the object.
    pub(super) subgraph: SubgraphId,
    /// The object's type there: an interface where the subgraph has it as an `@interfaceObject`.
    pub(super) ty: Name,
    /// What is resolvable there although it is external: by `@provides` on the way.
    pub(super) provided: FieldSet,
}

/// What a field leads to.
pub(super) enum Reached {
    /// A scalar or an enum value.
    Leaf,
    /// For each object type that the value can have, the positions that can give it.
    Objects(BTreeMap<Name, BTreeSet<Position>>),
}

/// A key by which a subgraph answers `_entities` for an object type.
pub(super) struct Entry<'a> {
    pub(super) subgraph: SubgraphId,
    /// The `__typename` to send: the object type, or an interface of it.
    pub(super) type_name: &'a Name,
    pub(super) key: &'a FieldSet,
    /// The type of the answer there.
    answer: &'a Name,
}

/// Answers what can be reached, and remembers its answers.
pub(super) struct Reach<'a> {
    supergraph: &'a Supergraph,
    /// The labels of `@override` that are on.
    labels: Labels,
    /// The interfaces of each object type.
    interfaces: HashMap<&'a Name, Vec<&'a CompositeType>>,
    entries: HashMap<Name, Rc<[Entry<'a>]>>,
    known: HashMap<(Name, Position), BTreeSet<Position>>,
    /// Closures being computed, with what they found so far: a key may need an object whose key needs this one.
    open: HashMap<(Name, Position), BTreeSet<Position>>,
    /// Fields whose requirement is being checked: one that needs itself is not met.
    required: HashSet<(Position, Name)>,
    /// Whether an answer was cut short by what is `open` or `required`, and so must not be remembered.
    cut: bool,
}

impl<'a> Reach<'a> {
    pub(super) fn new(supergraph: &'a Supergraph, labels: Labels) -> Self {
        let mut interfaces: HashMap<&Name, Vec<&CompositeType>> = HashMap::new();
        for interface in supergraph.types().values().filter(|ty| ty.kind == TypeKind::Interface) {
            for object in interface.runtime_types.iter() {
                interfaces.entry(object).or_default().push(interface);
            }
        }
        Self {
            supergraph,
            labels,
            interfaces,
            entries: HashMap::new(),
            known: HashMap::new(),
            open: HashMap::new(),
            required: HashSet::new(),
            cut: false,
        }
    }

    /// The labels of `@override` that are on.
    pub(super) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The keys by which subgraphs answer for an object type, its own and those of its interfaces.
    pub(super) fn entries(&mut self, object: &Name) -> Rc<[Entry<'a>]> {
        if let Some(entries) = self.entries.get(object) {
            return entries.clone();
        }
        let own = self.supergraph.composite_type(object);
        let interfaces = self.interfaces.get(object).into_iter().flatten().copied();
        let types = own.into_iter().chain(interfaces);
        let entries: Rc<[Entry<'a>]> = own
            .into_iter()
            .flat_map(|own| types.clone().flat_map(|ty| entries_by(ty, own)))
            .collect();
        self.entries.insert(object.clone(), entries.clone());
        entries
    }

    /// All positions that an object can be brought to from any of these; a root type stands in all its subgraphs.
    pub(super) fn closure(
        &mut self,
        object: &Name,
        from: &BTreeSet<Position>,
    ) -> BTreeSet<Position> {
        if self
            .supergraph
            .api_schema()
            .schema_definition
            .iter_root_operations()
            .any(|(_, root)| root.name == *object)
        {
            return self.root_positions(object);
        }
        from.iter().flat_map(|position| self.closure_of(object, position)).collect()
    }

    fn root_positions(&self, root: &Name) -> BTreeSet<Position> {
        self.supergraph
            .subgraph_ids()
            .filter(|subgraph| self.supergraph.type_presence(root, *subgraph).is_some())
            .map(|subgraph| Position { subgraph, ty: root.clone(), provided: FieldSet::default() })
            .collect()
    }

    fn closure_of(&mut self, object: &Name, position: &Position) -> BTreeSet<Position> {
        let question = (object.clone(), position.clone());
        if let Some(answer) = self.known.get(&question) {
            return answer.clone();
        }
        if let Some(so_far) = self.open.get(&question) {
            self.cut = true;
            return so_far.clone();
        }
        let entries = self.entries(object);
        let mut reached = BTreeSet::from([position.clone()]);
        loop {
            self.open.insert(question.clone(), reached.clone());
            let found = self.next(object, &reached, &entries);
            if found.is_empty() {
                break;
            }
            reached.extend(found);
        }
        self.open.remove(&question);
        if self.open.is_empty() && self.required.is_empty() {
            self.cut = false;
        }
        if !self.cut {
            self.known.insert(question, reached.clone());
        }
        reached
    }

    /// The positions that one more hop leads to.
    fn next(
        &mut self,
        object: &Name,
        reached: &BTreeSet<Position>,
        entries: &[Entry<'_>],
    ) -> Vec<Position> {
        let mut found = Vec::new();
        for entry in entries {
            let stands = |p: &Position| p.subgraph == entry.subgraph && p.ty == *entry.answer;
            if reached.iter().chain(&found).any(stands) {
                continue;
            }
            if may_name(reached, object, entry.type_name)
                && self.has_all(object, reached, entry.key)
            {
                found.push(Position {
                    subgraph: entry.subgraph,
                    ty: entry.answer.clone(),
                    provided: FieldSet::default(),
                });
            }
        }
        found
    }

    /// Whether all of a field set can be had, standing at these positions without a hop at this object.
    pub(super) fn has_all(
        &mut self,
        object: &Name,
        positions: &BTreeSet<Position>,
        field_set: &FieldSet,
    ) -> bool {
        field_set.selections.iter().all(|selection| match selection {
            FieldSetSelection::Field(field) if field.name == "__typename" => {
                positions.iter().any(|position| position.ty == *object)
            }
            FieldSetSelection::Field(field) => match self.field(object, positions, &field.name) {
                None => false,
                Some(Reached::Leaf) => true,
                Some(Reached::Objects(objects)) => {
                    objects.iter().all(|(runtime_type, positions)| {
                        let positions = self.closure(runtime_type, positions);
                        self.has_all(runtime_type, &positions, &field.selections)
                    })
                }
            },
            FieldSetSelection::InlineFragment { type_condition, selections } => {
                !type_condition.as_ref().is_none_or(|condition| self.is_a(object, condition))
                    || self.has_all(object, positions, selections)
            }
        })
    }

    /// Whether a subgraph answers for a field as far as the labels go.
    pub(super) fn answers(&self, presence: &FieldPresence) -> bool {
        presence.resolvable_with(&self.labels)
    }

    /// Where a field leads from these positions, without a hop at this object; `None` if none of them resolves it.
    pub(super) fn field(
        &mut self,
        object: &Name,
        positions: &BTreeSet<Position>,
        field: &Name,
    ) -> Option<Reached> {
        let mut objects: BTreeMap<Name, BTreeSet<Position>> = BTreeMap::new();
        let mut is_resolved = false;
        for position in positions {
            let Some((ty, provided)) = self.resolve(object, position, field) else { continue };
            is_resolved = true;
            if self.supergraph.composite_type(&ty).is_none() {
                return Some(Reached::Leaf);
            }
            for (runtime_type, position) in self.landings(position.subgraph, &ty, &provided) {
                objects.entry(runtime_type).or_default().insert(position);
            }
        }
        is_resolved.then_some(Reached::Objects(objects))
    }

    /// The type of a field at a position and what is provided below it, if the position resolves the field.
    fn resolve(
        &mut self,
        object: &Name,
        position: &Position,
        field: &Name,
    ) -> Option<(Name, FieldSet)> {
        let supergraph = self.supergraph;
        let presence = supergraph.field_presence(&position.ty, field, position.subgraph)?;
        let mut provided = self.provided(object, &position.provided, field);
        if !presence.resolvable_with(&self.labels) && provided.is_none() {
            return None;
        }
        if let (None, Some(requires)) = (&provided, &presence.requires)
            && !self.meets(object, position, field, requires)
        {
            return None;
        }
        if let Some(more) = &presence.provides {
            provided.get_or_insert_default().selections.extend(more.selections.iter().cloned());
        }
        Some((presence.ty.inner_named_type().clone(), provided.unwrap_or_default()))
    }

    /// What a provision selects below a field; `None` if it does not select the field.
    fn provided(&self, object: &Name, provided: &FieldSet, field: &Name) -> Option<FieldSet> {
        let mut below: Option<FieldSet> = None;
        for selection in &provided.selections {
            let more = match selection {
                FieldSetSelection::Field(selected) if selected.name == *field => {
                    Some(selected.selections.clone())
                }
                FieldSetSelection::Field(_) => None,
                FieldSetSelection::InlineFragment { type_condition, selections } => type_condition
                    .as_ref()
                    .is_none_or(|condition| self.is_a(object, condition))
                    .then(|| self.provided(object, selections, field))
                    .flatten(),
            };
            if let Some(more) = more {
                below.get_or_insert_default().selections.extend(more.selections);
            }
        }
        below
    }

    /// Whether what a field requires can be fetched, and brought back to the field's subgraph.
    pub(super) fn meets(
        &mut self,
        object: &Name,
        position: &Position,
        field: &Name,
        requires: &FieldSet,
    ) -> bool {
        if !self.required.insert((position.clone(), field.clone())) {
            self.cut = true;
            return false;
        }
        let here = BTreeSet::from([position.clone()]);
        let met = self.has_all(object, &here, requires) || {
            let around = self.closure(object, &here);
            let returns =
                self.supergraph.type_presence(&position.ty, position.subgraph).is_some_and(
                    |presence| {
                        presence.keys.iter().any(|key| {
                            key.resolvable && self.has_all(object, &around, &key.field_set)
                        })
                    },
                );
            returns && self.has_all(object, &around, requires)
        };
        self.required.remove(&(position.clone(), field.clone()));
        met
    }

    /// The object types that a value of this type can have in a subgraph, each with its position.
    fn landings(
        &self,
        subgraph: SubgraphId,
        ty: &Name,
        provided: &FieldSet,
    ) -> Vec<(Name, Position)> {
        let Some(presence) = self.supergraph.type_presence(ty, subgraph) else { return Vec::new() };
        let at = |ty: &Name| Position { subgraph, ty: ty.clone(), provided: provided.clone() };
        let stands_as =
            |runtime_type| at(if presence.is_interface_object { ty } else { runtime_type });
        presence.runtime_types.iter().map(|name| (name.clone(), stands_as(name))).collect()
    }

    /// Whether an object type satisfies a type condition.
    fn is_a(&self, object: &Name, condition: &Name) -> bool {
        self.supergraph
            .composite_type(condition)
            .is_some_and(|ty| ty.runtime_types.binary_search(object).is_ok())
    }
}

/// The keys that subgraphs have on one of an object type's types.
fn entries_by<'a>(
    ty: &'a CompositeType,
    own: &'a CompositeType,
) -> impl Iterator<Item = Entry<'a>> + use<'a> {
    ty.presences.iter().flat_map(move |(subgraph, presence)| {
        let knows = || {
            presence.is_interface_object || presence.runtime_types.binary_search(&own.name).is_ok()
        };
        let answer = if presence.is_interface_object { &ty.name } else { &own.name };
        let resolvable = presence.keys.iter().filter(move |key| key.resolvable && knows());
        resolvable.map(move |Key { field_set, .. }| Entry {
            subgraph,
            type_name: &ty.name,
            key: field_set,
            answer,
        })
    })
}

/// Whether a representation may carry this `__typename`: a concrete type must be known first, an interface object only
/// knows its interface.
pub(super) fn may_name(reached: &BTreeSet<Position>, object: &Name, type_name: &Name) -> bool {
    reached.iter().any(|position| position.ty == *object || position.ty == *type_name)
}
