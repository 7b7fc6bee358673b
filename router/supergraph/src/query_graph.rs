//! The query graph: which objects a type stands for in each subgraph, who resolves their fields, and which keys lead where.
//!
//! An object is known by its *class*: its runtime type or, where only an interface object stands for it (or an interface
//! that nothing implements), that interface.

use std::sync::Arc;

use apollo_compiler::Name;
use indexmap::IndexMap;

use crate::{
    CompositeType, FieldPresence, FieldSet, SubgraphId, SubgraphSet, TypeId, TypeKind, TypeSet,
};

/// The routing facts of a supergraph, by number.
#[derive(Debug, Clone)]
pub struct QueryGraph {
    nodes: Vec<TypeNode>,
}

#[derive(Debug, Clone)]
struct TypeNode {
    runtime_types: TypeSet,
    /// The classes of its values, by subgraph.
    classes: Vec<Option<TypeSet>>,
    /// The interfaces that stand for objects of this type, by subgraph.
    interface_objects: Vec<Vec<TypeId>>,
    /// The ways into the subgraphs for objects of this class.
    entries: Vec<Vec<Entry>>,
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
    pub(crate) fn new(types: &IndexMap<Name, CompositeType>, subgraph_count: usize) -> Self {
        let id = |name: &Name| types.get_index_of(name).map(type_id);
        let mut nodes: Vec<TypeNode> = types
            .values()
            .enumerate()
            .map(|(index, ty)| {
                let own = type_id(index);
                let classes = |names: &[Name]| {
                    let found: TypeSet = names.iter().filter_map(id).collect();
                    if found.is_empty() { TypeSet::one(own) } else { found }
                };
                let presences = ty.presences.iter().map(|presence| {
                    let presence = presence.as_ref()?;
                    Some(if presence.is_interface_object {
                        TypeSet::one(own)
                    } else {
                        classes(&presence.runtime_types)
                    })
                });
                TypeNode {
                    runtime_types: classes(&ty.runtime_types),
                    classes: presences.collect(),
                    interface_objects: vec![Vec::new(); subgraph_count],
                    entries: vec![Vec::new(); subgraph_count],
                }
            })
            .collect();
        for (index, ty) in types.values().enumerate() {
            let own = type_id(index);
            for (subgraph, presence) in ty.presences.iter().enumerate() {
                let Some(presence) = presence else { continue };
                let keys = presence.keys.iter().filter(|key| key.resolvable);
                let entries: Vec<Entry> = keys
                    .map(|key| Entry { typename: own, key: Arc::new(key.field_set.clone()) })
                    .collect();
                if presence.is_interface_object {
                    for class in nodes[index].runtime_types.clone().iter().filter(|c| *c != own) {
                        nodes[class.index()].interface_objects[subgraph].push(own);
                        nodes[class.index()].entries[subgraph].extend(entries.iter().cloned());
                    }
                }
                nodes[index].entries[subgraph].splice(0..0, entries);
            }
        }
        Self { nodes }
    }

    /// The object types that values of a type can have, anywhere; the type itself where nothing implements it.
    pub fn runtime_types(&self, id: TypeId) -> &TypeSet {
        &self.nodes[id.index()].runtime_types
    }

    /// The classes of a type's values in a subgraph; `None` where the subgraph does not have the type.
    pub fn classes(&self, id: TypeId, subgraph: SubgraphId) -> Option<&TypeSet> {
        self.nodes[id.index()].classes[subgraph.index()].as_ref()
    }

    /// The interfaces that stand, in a subgraph, for objects of this class.
    pub fn interface_objects(&self, class: TypeId, subgraph: SubgraphId) -> &[TypeId] {
        &self.nodes[class.index()].interface_objects[subgraph.index()]
    }

    /// The keys with which a subgraph can be asked for an object of this class.
    pub fn entries(&self, class: TypeId, subgraph: SubgraphId) -> &[Entry] {
        &self.nodes[class.index()].entries[subgraph.index()]
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
        self.type_of(id).presences[subgraph.index()].as_ref().is_some_and(|p| p.is_interface_object)
    }

    /// How a subgraph resolves a field for objects of a class, wherever they stand in it; `None` where it does not.
    ///
    /// `parent` is the type on which the field was selected. It matters where an interface object gives an interface a
    /// field that some implementation also has by itself: selected on the interface, the field is the interface object's;
    /// selected on the implementation, it is the implementation's.
    pub fn resolution(
        &self,
        parent: Option<TypeId>,
        class: TypeId,
        field: &str,
        subgraph: SubgraphId,
    ) -> Option<Resolution<'_>> {
        let parent = parent.unwrap_or(class);
        let is_interface = |id: TypeId| self.type_of(id).kind == TypeKind::Interface;
        if is_interface(class) {
            let elsewhere = parent != class
                && !is_interface(parent)
                && self.is_only_given(class, field)
                && !self.resolvers_of(parent, field).is_empty();
            return if elsewhere { None } else { self.resolved_on(class, field, subgraph) };
        }
        if is_interface(parent) && self.is_only_given(parent, field) {
            return self
                .is_interface_object(parent, subgraph)
                .then(|| self.resolved_on(parent, field, subgraph))
                .flatten();
        }
        self.resolved_on(class, field, subgraph).or_else(|| {
            let has_own = !self.resolvers_of(class, field).is_empty();
            let interfaces = self.query_graph.interface_objects(class, subgraph).iter();
            interfaces
                .filter(|interface| !has_own || !self.is_only_given(**interface, field))
                .find_map(|interface| self.resolved_on(*interface, field, subgraph))
        })
    }

    /// The subgraphs that resolve a field for objects of a class.
    pub fn resolutions(&self, parent: Option<TypeId>, class: TypeId, field: &str) -> SubgraphSet {
        let ids = self.subgraph_ids();
        ids.filter(|id| self.resolution(parent, class, field, *id).is_some()).collect()
    }

    /// The named type of a field, as the supergraph has it.
    pub fn field_of(&self, class: TypeId, field: &str) -> Option<&crate::Field> {
        self.type_of(class).fields.get(field)
    }

    fn resolved_on(&self, on: TypeId, field: &str, subgraph: SubgraphId) -> Option<Resolution<'_>> {
        let presence = self.field_of(on, field)?.presences[subgraph.index()].as_ref()?;
        presence.resolvable().then_some(Resolution { on, presence })
    }

    fn resolvers_of(&self, on: TypeId, field: &str) -> SubgraphSet {
        self.resolvers(&self.type_of(on).name, field)
    }

    /// Whether an interface has a field from interface objects alone.
    fn is_only_given(&self, interface: TypeId, field: &str) -> bool {
        let Some(field) = self.field_of(interface, field) else { return false };
        let mut present = self
            .subgraph_ids()
            .filter(|id| field.presences[id.index()].as_ref().is_some_and(|p| !p.external))
            .peekable();
        present.peek().is_some() && present.all(|id| self.is_interface_object(interface, id))
    }
}

fn type_id(index: usize) -> TypeId {
    TypeId(u32::try_from(index).expect("a schema has fewer types than a u32 counts"))
}
