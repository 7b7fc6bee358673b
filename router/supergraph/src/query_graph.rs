//! The query graph: which objects a type stands for in each subgraph, who resolves their fields, and which keys lead where.
//!
//! An object is known by its *class*: its runtime type or, where only an interface object stands for it (or an interface
//! that nothing implements), that interface.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use apollo_compiler::Name;
use indexmap::IndexMap;

use crate::{
    CompositeType, FieldPresence, FieldSet, Labels, Presences, SubgraphId, SubgraphSet, TypeId,
    TypeKind, TypeSet,
};

/// The routing facts of a supergraph, by number.
#[derive(Debug, Clone)]
pub struct QueryGraph {
    nodes: Vec<TypeNode>,
    /// The interfaces of a subgraph that have several classes, by these.
    interfaces: HashMap<(SubgraphId, TypeSet), Vec<TypeId>>,
    /// The classes whose objects set a context.
    contexts: HashMap<String, TypeSet>,
}

#[derive(Debug, Clone)]
struct TypeNode {
    runtime_types: TypeSet,
    /// The classes of its values in the subgraphs that have it.
    classes: Presences<TypeSet>,
    /// The interfaces that stand for objects of this type.
    interface_objects: Presences<Vec<TypeId>>,
    /// The ways into the subgraphs for objects of this class.
    entries: Presences<Vec<Entry>>,
    /// The subgraphs that have the type, or an interface object that stands for its objects.
    known_in: SubgraphSet,
}

/// A resolvable key: a way into a subgraph.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The `__typename` to send: the class itself, or an interface object.
    pub typename: TypeId,
    /// The fields to send.
    pub key: Arc<FieldSet>,
}

/// A field as one subgraph resolves it for a class of objects.
#[derive(Debug, Clone, Copy)]
pub struct Resolution<'a> {
    /// The type on which the subgraph has the field: the object's own, or an interface object.
    pub on: TypeId,
    /// What the subgraph makes of the field.
    pub presence: &'a FieldPresence,
}

impl QueryGraph {
    pub(crate) fn new(types: &IndexMap<Name, CompositeType>) -> Self {
        let id = |name: &Name| types.get_index_of(name).map(type_id);
        let classes = |own: TypeId, names: &[Name]| {
            let found: TypeSet = names.iter().filter_map(id).collect();
            if found.is_empty() { TypeSet::one(own) } else { found }
        };
        let mut interface_objects = vec![BTreeMap::<_, Vec<TypeId>>::new(); types.len()];
        let mut entries = vec![BTreeMap::<_, Vec<Entry>>::new(); types.len()];
        for (index, ty) in types.values().enumerate() {
            let own = type_id(index);
            for (subgraph, presence) in ty.presences.iter() {
                let keys = presence.keys.iter().filter(|key| key.resolvable);
                let ways: Vec<Entry> = keys
                    .map(|key| Entry { typename: own, key: Arc::new(key.field_set.clone()) })
                    .collect();
                if presence.is_interface_object {
                    for class in classes(own, &ty.runtime_types).iter().filter(|c| *c != own) {
                        interface_objects[class.index()].entry(subgraph).or_default().push(own);
                        let known = entries[class.index()].entry(subgraph).or_default();
                        known.extend(ways.iter().cloned());
                    }
                }
                entries[index].entry(subgraph).or_default().splice(0..0, ways);
            }
        }
        let nodes = types.values().zip(interface_objects).zip(entries).enumerate().map(
            |(index, ((ty, interface_objects), entries))| {
                let own = type_id(index);
                let runtime_types = classes(own, &ty.runtime_types);
                let classes_in = ty.presences.iter().map(|(subgraph, presence)| {
                    let found = if presence.is_interface_object {
                        TypeSet::one(own)
                    } else if presence.runtime_types == ty.runtime_types {
                        runtime_types.clone()
                    } else {
                        classes(own, &presence.runtime_types)
                    };
                    (subgraph, found)
                });
                let classes_in = classes_in.collect();
                let known_in = ty.presences.iter().map(|(subgraph, _)| subgraph);
                TypeNode {
                    runtime_types,
                    known_in: known_in.chain(interface_objects.keys().copied()).collect(),
                    classes: classes_in,
                    interface_objects: interface_objects.into_iter().collect(),
                    entries: entries.into_iter().filter(|(_, ways)| !ways.is_empty()).collect(),
                }
            },
        );
        let nodes: Vec<TypeNode> = nodes.collect();
        let mut interfaces: HashMap<_, Vec<TypeId>> = HashMap::new();
        let mut contexts: HashMap<String, TypeSet> = HashMap::new();
        for (index, ty) in types.values().enumerate() {
            let node = &nodes[index];
            for context in &ty.contexts {
                let classes = contexts.entry(context.clone()).or_default();
                *classes = classes.union(&node.runtime_types).union(&TypeSet::one(type_id(index)));
            }
            if ty.kind == TypeKind::Interface {
                for (subgraph, classes) in node.classes.iter().filter(|(_, c)| c.len() > 1) {
                    interfaces.entry((subgraph, classes.clone())).or_default().push(type_id(index));
                }
            }
        }
        Self { nodes, interfaces, contexts }
    }

    /// The object types that values of a type can have, anywhere; the type itself where nothing implements it.
    pub fn runtime_types(&self, id: TypeId) -> &TypeSet {
        &self.nodes[id.index()].runtime_types
    }

    /// The classes of a type's values in a subgraph; `None` where the subgraph does not have the type.
    pub fn classes(&self, id: TypeId, subgraph: SubgraphId) -> Option<&TypeSet> {
        self.nodes[id.index()].classes.get(subgraph)
    }

    /// The interfaces that stand, in a subgraph, for objects of this class.
    pub fn interface_objects(&self, class: TypeId, subgraph: SubgraphId) -> &[TypeId] {
        self.nodes[class.index()].interface_objects.get(subgraph).map_or(&[], Vec::as_slice)
    }

    /// The interfaces whose objects, in a subgraph, are of exactly these classes.
    pub fn interfaces_of(&self, classes: &TypeSet, subgraph: SubgraphId) -> &[TypeId] {
        self.interfaces.get(&(subgraph, classes.clone())).map_or(&[], Vec::as_slice)
    }

    /// Whether objects of this class set a context for the fields below them.
    pub fn sets_context(&self, class: TypeId, context: &str) -> bool {
        self.contexts.get(context).is_some_and(|classes| classes.contains(class))
    }

    /// The subgraphs in which objects of this class can stand.
    pub fn subgraphs_of(&self, class: TypeId) -> SubgraphSet {
        self.nodes[class.index()].known_in
    }

    /// The keys with which a subgraph can be asked for an object of this class.
    pub fn entries(&self, class: TypeId, subgraph: SubgraphId) -> &[Entry] {
        self.nodes[class.index()].entries.get(subgraph).map_or(&[], Vec::as_slice)
    }
}

impl crate::Supergraph {
    /// The routing facts by number.
    pub fn query_graph(&self) -> &QueryGraph {
        &self.query_graph
    }

    /// The number of a composite type; `None` for leaves and unknown names.
    pub fn type_id(&self, name: &str) -> Option<TypeId> {
        self.types.get_index_of(name).map(type_id)
    }

    /// The composite type of a number.
    pub fn type_of(&self, id: TypeId) -> &CompositeType {
        &self.types[id.index()]
    }

    /// Whether the subgraph has this interface as an object.
    pub fn is_interface_object(&self, id: TypeId, subgraph: SubgraphId) -> bool {
        self.type_of(id).presences.get(subgraph).is_some_and(|p| p.is_interface_object)
    }

    /// How a subgraph resolves a field for objects of a class, wherever they stand in it; `None` where it does not.
    ///
    /// `parent` is the type on which the field was selected. It matters where an interface object gives an interface a
    /// field that some implementation also has by itself: selected on the interface, the field is the interface object's;
    /// selected on the implementation, it is the implementation's. A field that is moving to another subgraph stands where
    /// the labels say.
    pub fn resolution(
        &self,
        parent: Option<TypeId>,
        class: TypeId,
        field: &str,
        subgraph: SubgraphId,
        labels: &Labels,
    ) -> Option<Resolution<'_>> {
        let parent = parent.unwrap_or(class);
        let is_interface = |id: TypeId| self.type_of(id).kind == TypeKind::Interface;
        if is_interface(class) {
            let elsewhere = parent != class
                && !is_interface(parent)
                && self.is_only_given(class, field)
                && !self.resolvers_of(parent, field).is_empty();
            return if elsewhere { None } else { self.resolved_on(class, field, subgraph, labels) };
        }
        if is_interface(parent) && self.is_only_given(parent, field) {
            return self
                .is_interface_object(parent, subgraph)
                .then(|| self.resolved_on(parent, field, subgraph, labels))
                .flatten();
        }
        self.resolved_on(class, field, subgraph, labels).or_else(|| {
            let has_own = !self.resolvers_of(class, field).is_empty();
            let interfaces = self.query_graph.interface_objects(class, subgraph).iter();
            interfaces
                .filter(|interface| !has_own || !self.is_only_given(**interface, field))
                .find_map(|interface| self.resolved_on(*interface, field, subgraph, labels))
        })
    }

    /// The subgraphs that resolve a field for objects of a class, ascending, and how.
    pub fn resolutions<'s>(
        &'s self,
        parent: Option<TypeId>,
        class: TypeId,
        field: &str,
        labels: &Labels,
    ) -> impl Iterator<Item = (SubgraphId, Resolution<'s>)> {
        let subgraphs = self.query_graph.subgraphs_of(class).iter();
        subgraphs
            .filter_map(move |id| Some((id, self.resolution(parent, class, field, id, labels)?)))
    }

    /// The named type of a field, as the supergraph has it.
    pub fn field_of(&self, class: TypeId, field: &str) -> Option<&crate::Field> {
        self.type_of(class).fields.get(field)
    }

    fn resolved_on(
        &self,
        on: TypeId,
        field: &str,
        subgraph: SubgraphId,
        labels: &Labels,
    ) -> Option<Resolution<'_>> {
        let presence = self.field_of(on, field)?.presences.get(subgraph)?;
        presence.resolvable_with(labels).then_some(Resolution { on, presence })
    }

    fn resolvers_of(&self, on: TypeId, field: &str) -> SubgraphSet {
        self.resolvers(&self.type_of(on).name, field)
    }

    /// Whether an interface has a field from interface objects alone.
    fn is_only_given(&self, interface: TypeId, field: &str) -> bool {
        let Some(field) = self.field_of(interface, field) else { return false };
        let mut present = field.presences.iter().filter(|(_, p)| !p.external).peekable();
        present.peek().is_some() && present.all(|(id, _)| self.is_interface_object(interface, id))
    }
}

fn type_id(index: usize) -> TypeId {
    TypeId(u32::try_from(index).expect("a schema has fewer types than a u32 counts"))
}
