//! What the supergraph knows of its composite types and their fields, subgraph by subgraph.

use std::sync::Arc;

use apollo_compiler::ast::{OperationType, Type};
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Schema};
use indexmap::IndexMap;

use crate::{
    FieldSet, LabelId, Labels, Moving, Presences, QueryGraph, Subgraph, SubgraphId, SubgraphSet,
    SupergraphError,
};

/// A composed schema with its routing facts.
#[derive(Debug, Clone)]
pub struct Supergraph {
    pub(crate) subgraphs: Vec<Subgraph>,
    pub(crate) api_schema: Valid<Schema>,
    pub(crate) types: IndexMap<Name, CompositeType>,
    pub(crate) query_graph: QueryGraph,
    pub(crate) override_labels: Vec<String>,
    /// The input values, enum values and leaf types that a subgraph knows are read from the full schema on demand.
    pub(crate) schema: Schema,
}

/// What kind of composite type it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeKind {
    /// `type`
    Object,
    /// `interface`
    Interface,
    /// `union`
    Union,
}

/// An object type, interface or union of the supergraph.
#[derive(Debug, Clone)]
pub struct CompositeType {
    /// Its name.
    pub name: Name,
    /// Its kind in the supergraph.
    pub kind: TypeKind,
    /// The object types that its values can have, anywhere; for an object type itself. Sorted.
    pub runtime_types: Arc<[Name]>,
    /// The fields, in the order of the SDL.
    pub fields: IndexMap<Name, Field>,
    /// What each subgraph that has it makes of it.
    pub presences: Presences<TypePresence>,
    /// The contexts that objects of this type set for the fields below them, by `@context`.
    pub contexts: Vec<String>,
}

/// A composite type in one subgraph.
#[derive(Debug, Clone, Default)]
pub struct TypePresence {
    /// Its keys there.
    pub keys: Vec<Key>,
    /// Whether it is an interface in the supergraph and an object there (`@interfaceObject`).
    pub is_interface_object: bool,
    /// The object types of the supergraph that its values can have there. Sorted. Those of an interface object are all
    /// that the interface has anywhere.
    pub runtime_types: Arc<[Name]>,
}

/// A key of an entity in one subgraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The fields of the key.
    pub field_set: FieldSet,
    /// Whether the subgraph answers `_entities` for it.
    pub resolvable: bool,
}

/// A field of a composite type.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name.
    pub name: Name,
    /// Its type in the supergraph.
    pub ty: Type,
    /// What each subgraph that has it makes of it.
    pub presences: Presences<FieldPresence>,
}

/// A field in one subgraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPresence {
    /// Its type there.
    pub ty: Type,
    /// Known there, but resolved there only under a `@provides`.
    pub external: bool,
    /// What the subgraph wants to know of the parent before it can resolve the field.
    pub requires: Option<FieldSet>,
    /// What the subgraph can resolve below this field though it is external there.
    pub provides: Option<FieldSet>,
    /// Moved to another subgraph by `@override`; kept only for keys and interfaces.
    pub used_overridden: bool,
    /// Being moved to or from this subgraph, by an `@override` with a label.
    pub moving: Option<Moving>,
    /// The arguments that the subgraph wants and clients do not give: an ancestor's fields do.
    pub context_arguments: Vec<ContextArgument>,
}

/// An argument whose value is taken from the nearest object above that sets a context (`@fromContext`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextArgument {
    /// The argument's name in the subgraph.
    pub name: Name,
    /// Its type there.
    pub ty: Type,
    /// The context, as in [`CompositeType::contexts`].
    pub context: String,
    /// Where the value stands in the object that sets the context: one field on each level.
    pub selection: FieldSet,
}

impl FieldPresence {
    /// Known and resolved like any other field.
    pub(crate) fn plain(ty: Type) -> Self {
        Self {
            ty,
            external: false,
            requires: None,
            provides: None,
            used_overridden: false,
            moving: None,
            context_arguments: Vec::new(),
        }
    }

    /// Whether the subgraph answers for the field wherever the type stands, be it only with some labels.
    pub fn resolvable(&self) -> bool {
        !self.external && (!self.used_overridden || self.moving.is_some())
    }

    /// Whether the subgraph answers for the field where these labels are on.
    pub fn resolvable_with(&self, labels: &Labels) -> bool {
        self.resolvable()
            && self.moving.is_none_or(|moving| labels.is_on(moving.label) == moving.answers_if)
    }
}

impl Supergraph {
    /// Reads supergraph SDL.
    pub fn parse(sdl: &str) -> Result<Self, SupergraphError> {
        let schema = Schema::parse(sdl, "supergraph.graphql").map_err(|broken| {
            SupergraphError::InvalidGraphql(first_line(&broken.errors.to_string()))
        })?;
        let subgraphs = crate::join::subgraphs(&schema)?;
        let (types, override_labels) = crate::join::composite_types(&schema, &subgraphs)?;
        let api_schema = crate::api_schema::api_schema(&schema)?;
        let query_graph = QueryGraph::new(&types);
        Ok(Self { subgraphs, api_schema, types, query_graph, override_labels, schema })
    }

    /// The subgraphs, by [`SubgraphId`].
    pub fn subgraphs(&self) -> &[Subgraph] {
        &self.subgraphs
    }

    /// The ids of all subgraphs, ascending.
    pub fn subgraph_ids(&self) -> impl Iterator<Item = SubgraphId> + use<> {
        (0..self.subgraphs.len())
            .map(|index| SubgraphId(u16::try_from(index).expect("at most 256 subgraphs")))
    }

    /// One subgraph.
    pub fn subgraph(&self, id: SubgraphId) -> &Subgraph {
        &self.subgraphs[id.index()]
    }

    /// The labels of all progressive overrides, by [`LabelId`].
    pub fn override_labels(&self) -> &[String] {
        &self.override_labels
    }

    /// The number of a label; `None` where no `@override` has it.
    pub fn label_id(&self, label: &str) -> Option<LabelId> {
        let place = self.override_labels.iter().position(|known| known == label)?;
        u16::try_from(place).ok().map(LabelId)
    }

    /// What clients may query.
    pub fn api_schema(&self) -> &Valid<Schema> {
        &self.api_schema
    }

    /// The composite types, in the order of the SDL.
    pub fn types(&self) -> &IndexMap<Name, CompositeType> {
        &self.types
    }

    /// A composite type; `None` for leaves and unknown names.
    pub fn composite_type(&self, name: &str) -> Option<&CompositeType> {
        self.types.get(name)
    }

    /// The name of a root type.
    pub fn root_type(&self, operation_type: OperationType) -> Option<&Name> {
        self.schema.root_operation(operation_type)
    }

    /// What the subgraph makes of a type.
    pub fn type_presence(&self, type_name: &str, subgraph: SubgraphId) -> Option<&TypePresence> {
        self.types.get(type_name)?.presences.get(subgraph)
    }

    /// What the subgraph makes of a field.
    pub fn field_presence(
        &self,
        type_name: &str,
        field: &str,
        subgraph: SubgraphId,
    ) -> Option<&FieldPresence> {
        self.types.get(type_name)?.fields.get(field)?.presences.get(subgraph)
    }

    /// The subgraphs that answer for a field wherever its type stands.
    pub fn resolvers(&self, type_name: &str, field: &str) -> SubgraphSet {
        let field = self.types.get(type_name).and_then(|ty| ty.fields.get(field));
        let presences = field.into_iter().flat_map(|field| field.presences.iter());
        presences.filter(|(_, presence)| presence.resolvable()).map(|(id, _)| id).collect()
    }

    /// The interfaces that the subgraph has as an `@interfaceObject` and this object type implements in the supergraph.
    pub fn interface_objects(
        &self,
        object_type: &str,
        subgraph: SubgraphId,
    ) -> impl Iterator<Item = &CompositeType> {
        self.types.values().filter(move |candidate| {
            candidate.kind == TypeKind::Interface
                && candidate.presences.get(subgraph).is_some_and(|p| p.is_interface_object)
                && candidate.runtime_types.iter().any(|name| name == object_type)
        })
    }

    /// The whole supergraph schema, join directives included.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

/// The first line of a diagnostic, without the drawing around it.
pub(crate) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_start_matches("Error: ").to_owned()
}
