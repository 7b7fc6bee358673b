//! One subgraph's schema, parsed and read for what federation needs to know of it.

mod context;
mod document;
mod external;
mod field_use;
mod graphql;
mod specification;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use apollo_compiler::ast::{FieldDefinition, OperationType, Type, Value};
use apollo_compiler::collections::{IndexMap, IndexSet};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{Component, DirectiveList, ExtendedType, ObjectType};
use apollo_compiler::{Name, Schema, name};
use supergraph::{FieldSet, FieldSetSelection};

pub(crate) use self::context::{ContextValue, selection_text};
use self::document::Parsed;
use self::field_use::FieldUse;
use crate::SubgraphSource;
use crate::default::is_value;
use crate::error::{CompositionError, SubgraphLocation};
use crate::link::{Link, LinkError, text};

/// A subgraph that parses; whether it means anything is checked by `validation`.
pub(crate) struct Subgraph {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) schema: Schema,
    pub(crate) link: Link,
    /// Types that stand in the SDL only as `extend type`.
    orphans: BTreeSet<Name>,
    /// These types, and those with `@extends`.
    pub(crate) extensions: BTreeSet<Name>,
    /// From the subgraph's names of its root types to `Query`, `Mutation` and `Subscription`.
    root_names: BTreeMap<Name, Name>,
    /// The keys of each type that has any.
    keys: HashMap<Name, Vec<(FieldSet, bool)>>,
    field_use: FieldUse,
    /// The key fields of types that Federation 1 extends here without repeating their keys.
    inherited_keys: BTreeSet<(Name, Name)>,
}

/// Where a directive may stand in an operation.
pub(crate) const EXECUTABLE_LOCATIONS: [&str; 8] = [
    "QUERY",
    "MUTATION",
    "SUBSCRIPTION",
    "FIELD",
    "FRAGMENT_DEFINITION",
    "FRAGMENT_SPREAD",
    "INLINE_FRAGMENT",
    "VARIABLE_DEFINITION",
];

/// The name under which every supergraph has a root type.
pub(crate) fn root_name(operation_type: OperationType) -> Name {
    match operation_type {
        OperationType::Query => name!("Query"),
        OperationType::Mutation => name!("Mutation"),
        OperationType::Subscription => name!("Subscription"),
    }
}

impl Subgraph {
    /// Parses a subgraph's SDL.
    pub(crate) fn parse(source: &SubgraphSource) -> Result<Self, Vec<CompositionError>> {
        let Parsed { mut schema, orphans } = document::parse(source)?;
        add_default_roots(&mut schema);
        let link = Link::of(&schema).map_err(|errors| {
            let error = |LinkError { code, message, span }| {
                let locations = vec![location(&source.name, &schema, span)];
                CompositionError {
                    code,
                    message: format!("subgraph `{}`: {message}", source.name),
                    locations,
                }
            };
            errors.into_iter().map(error).collect::<Vec<_>>()
        })?;
        let mut extensions = orphans.clone();
        for ty in schema.types.values() {
            if link.has(ty.directives(), "extends") {
                extensions.insert(ty.name().clone());
            }
        }
        let root_names = schema
            .schema_definition
            .iter_root_operations()
            .map(|(operation_type, name)| (name.name.clone(), root_name(operation_type)))
            .collect();
        let mut subgraph = Self {
            name: source.name.clone(),
            url: source.url.clone(),
            schema,
            link,
            orphans,
            extensions,
            root_names,
            keys: HashMap::new(),
            field_use: FieldUse::default(),
            inherited_keys: BTreeSet::new(),
        };
        graphql::check(&subgraph.name, &subgraph.schema, &subgraph.link)?;
        subgraph.add_query_root();
        let keys = subgraph.schema.types.iter().filter_map(|(name, ty)| {
            let keys = subgraph.parse_keys(ty);
            (!keys.is_empty()).then(|| (name.clone(), keys))
        });
        subgraph.keys = keys.collect();
        subgraph.field_use = FieldUse::of(&subgraph);
        Ok(subgraph)
    }

    /// Federation 1 may extend a type without repeating its key: then the key is that of the type's other subgraphs.
    pub(crate) fn inherit_keys(subgraphs: &mut [Self]) {
        let mut keys: BTreeSet<(Name, Name)> = BTreeSet::new();
        for subgraph in subgraphs.iter() {
            for ty in subgraph.schema.types.values() {
                let fields = subgraph.keys(ty).iter().flat_map(|(key, _)| &key.selections);
                keys.extend(fields.filter_map(|selection| match selection {
                    FieldSetSelection::Field(field) => {
                        Some((ty.name().clone(), field.name.clone()))
                    }
                    FieldSetSelection::InlineFragment { .. } => None,
                }));
            }
        }
        for subgraph in subgraphs.iter_mut().filter(|subgraph| subgraph.link.version.is_none()) {
            let keyless = |name: &Name| {
                subgraph.schema.types.get(name).is_some_and(|ty| subgraph.keys(ty).is_empty())
            };
            let types: BTreeSet<Name> =
                subgraph.extensions.iter().filter(|name| keyless(name)).cloned().collect();
            subgraph.inherited_keys =
                keys.iter().filter(|(ty, _)| types.contains(ty)).cloned().collect();
        }
    }

    /// Every subgraph answers at its query root, if only for `_service` and `_entities`.
    fn add_query_root(&mut self) {
        let name = root_name(OperationType::Query);
        if self.schema.schema_definition.query.is_some() || self.schema.types.contains_key(&name) {
            return;
        }
        let root = ObjectType {
            description: None,
            name: name.clone(),
            implements_interfaces: IndexSet::default(),
            directives: DirectiveList::default(),
            fields: IndexMap::default(),
        };
        self.schema.types.insert(name.clone(), ExtendedType::Object(root.into()));
        self.schema.schema_definition.make_mut().query = Some(name.clone().into());
        self.root_names.insert(name.clone(), name);
    }

    /// The supergraph's name of a type: root types are `Query`, `Mutation` and `Subscription` there.
    pub(crate) fn supergraph_name(&self, type_name: &Name) -> Name {
        self.root_names.get(type_name).unwrap_or(type_name).clone()
    }

    /// The subgraph's own type of a name of the supergraph.
    pub(crate) fn ty(&self, supergraph_name: &str) -> Option<&ExtendedType> {
        let own = self
            .root_names
            .iter()
            .find(|(_, to)| *to == supergraph_name)
            .map(|(own, _)| own.as_str());
        self.schema.types.get(own.unwrap_or(supergraph_name))
    }

    /// Whether the type is a root type.
    pub(crate) fn is_root(&self, type_name: &str) -> bool {
        self.root_names.values().any(|root| root == type_name)
    }

    /// The fields of an object or interface type, without those that every subgraph serves for the router.
    pub(crate) fn fields<'a>(
        &self,
        ty: &'a ExtendedType,
    ) -> impl Iterator<Item = &'a Component<FieldDefinition>> + use<'a> {
        let query =
            self.schema.schema_definition.query.as_ref().is_some_and(|q| q.name == *ty.name());
        all_fields(ty).into_iter().flat_map(IndexMap::values).filter(move |field| {
            !(query && matches!(field.name.as_str(), "_service" | "_entities"))
        })
    }

    /// The keys of a type: field set and whether it is resolvable. Field sets that do not parse are left out, and those
    /// on interfaces of Federation 1, where they meant nothing.
    pub(crate) fn keys(&self, ty: &ExtendedType) -> &[(FieldSet, bool)] {
        self.keys.get(ty.name()).map_or(&[], Vec::as_slice)
    }

    fn parse_keys(&self, ty: &ExtendedType) -> Vec<(FieldSet, bool)> {
        if ty.is_interface() && self.link.version.is_none() {
            return Vec::new();
        }
        self.link
            .all(ty.directives(), "key")
            .filter_map(|key| {
                let field_set = FieldSet::parse(&self.link.fields(key)?).ok()?;
                let resolvable =
                    key.specified_argument_by_name("resolvable").and_then(|v| v.to_bool());
                Some((field_set, resolvable.unwrap_or(true)))
            })
            .collect()
    }

    /// Whether the type is an `@interfaceObject` here.
    pub(crate) fn is_interface_object(&self, ty: &ExtendedType) -> bool {
        self.link.has(ty.directives(), "interfaceObject")
    }

    /// Whether the `type` or `extend type` that declares the field carries a directive: it speaks for its own fields.
    fn declaration_has(&self, ty: &ExtendedType, field: &Name, canonical: &'static str) -> bool {
        let Some(field) = all_fields(ty).and_then(|fields| fields.get(field)) else { return false };
        ty.directives().iter().any(|directive| {
            directive.origin == field.origin
                && self.link.canonical(&directive.name) == Some(canonical)
        })
    }

    /// Whether a value, as it is written in the SDL, is one of a type.
    pub(crate) fn is_value(&self, value: &Value, ty: &Type) -> bool {
        is_value(&self.schema, value, ty)
    }

    /// The object types that implement an interface.
    pub(crate) fn implementing_types<'a>(
        &'a self,
        interface: &'a Name,
    ) -> impl Iterator<Item = &'a ExtendedType> {
        self.schema.types.values().filter(move |ty| {
            let object = ty.as_object();
            object.is_some_and(|o| o.implements_interfaces.iter().any(|i| i.name == *interface))
        })
    }

    fn is_key_field(&self, ty: &ExtendedType, field: &Name) -> bool {
        let is_own = self
            .keys(ty)
            .iter()
            .any(|(key, _)| key.fields().any(|candidate| candidate.name == *field));
        is_own || self.inherited_keys.contains(&(ty.name().clone(), field.clone()))
    }

    /// Whether other subgraphs may resolve the field too. A subscription has one source.
    pub(crate) fn is_shareable(&self, ty: &ExtendedType, field: &FieldDefinition) -> bool {
        if self.supergraph_name(ty.name()) == "Subscription" {
            return false;
        }
        self.link.version.is_none()
            || self.link.field_has(&field.directives, "shareable")
            || self.declaration_has(ty, &field.name, "shareable")
            || self.field_use.keys.contains(&(ty.name().clone(), field.name.clone()))
    }

    /// Whether a `@provides` of this subgraph selects the field.
    pub(crate) fn is_provided(&self, ty: &ExtendedType, field: &Name) -> bool {
        self.field_use.provides.contains(&(ty.name().clone(), field.clone()))
    }

    /// Whether a key, a requirement or a provision of this subgraph selects the field.
    pub(crate) fn field_set_uses(&self, type_name: &Name, field: &Name) -> bool {
        self.field_use.selects(&(type_name.clone(), field.clone()))
    }

    /// Whether an interface of the type has the field too.
    pub(crate) fn is_in_an_interface(&self, ty: &ExtendedType, field: &Name) -> bool {
        let interfaces = match ty {
            ExtendedType::Object(object) => &object.implements_interfaces,
            ExtendedType::Interface(interface) => &interface.implements_interfaces,
            _ => return false,
        };
        interfaces.iter().any(|interface| {
            let interface = self.schema.get_interface(&interface.name);
            interface.is_some_and(|interface| interface.fields.contains_key(field))
        })
    }

    /// The subgraph that this field is taken from by `@override`, and the label under which it moves.
    pub(crate) fn overrides<'a>(
        &'a self,
        field: &'a FieldDefinition,
    ) -> Option<(&'a str, Option<&'a str>)> {
        let directive = self.link.field_all(&field.directives, "override").next()?;
        Some((text(directive, "from")?, text(directive, "label")))
    }

    /// Whether the supergraph should say that the type is an extension here; of Federation 1's `extend type` it does not.
    pub(crate) fn is_extension(&self, ty: &ExtendedType) -> bool {
        let is_fed1_orphan = self.link.version.is_none() && self.orphans.contains(ty.name());
        self.extensions.contains(ty.name()) && !is_fed1_orphan
    }

    /// Whether the type is extended here and defined nowhere here.
    pub(crate) fn only_extends(&self, ty: &ExtendedType) -> bool {
        self.orphans.contains(ty.name())
    }

    /// Whether the type says `@extends` in Federation 1, where it means that another subgraph has it, too.
    pub(crate) fn expects_another(&self, ty: &ExtendedType) -> bool {
        self.link.version.is_none() && self.extensions.contains(ty.name())
    }

    /// Whether a directive stands on any type, field, argument or enum value.
    pub(crate) fn applies(&self, directive: &str) -> bool {
        self.schema.types.values().any(|ty| {
            let fields = all_fields(ty).into_iter().flat_map(IndexMap::values);
            let in_fields = |field: &Component<FieldDefinition>| {
                field.directives.has(directive)
                    || field.arguments.iter().any(|argument| argument.directives.has(directive))
            };
            let in_input = || {
                let input = ty.as_input_object();
                let fields = input.into_iter().flat_map(|input| input.fields.values());
                fields.into_iter().any(|field| field.directives.has(directive))
            };
            let in_enum = || {
                let enumeration = ty.as_enum();
                let values = enumeration.into_iter().flat_map(|ty| ty.values.values());
                values.into_iter().any(|value| value.directives.has(directive))
            };
            ty.directives().has(directive)
                || fields.into_iter().any(in_fields)
                || in_input()
                || in_enum()
        })
    }

    /// Where an element stands in the SDL.
    pub(crate) fn location(&self, span: Option<SourceSpan>) -> SubgraphLocation {
        location(&self.name, &self.schema, span)
    }
}

fn location(subgraph: &str, schema: &Schema, span: Option<SourceSpan>) -> SubgraphLocation {
    let range = span.and_then(|span| span.line_column_range(&schema.sources));
    let line_column = range.map(|range| (range.start.line, range.start.column));
    SubgraphLocation { subgraph: subgraph.to_owned(), line_column }
}

/// The fields of an object or interface type.
pub(crate) fn all_fields(ty: &ExtendedType) -> Option<&IndexMap<Name, Component<FieldDefinition>>> {
    match ty {
        ExtendedType::Object(object) => Some(&object.fields),
        ExtendedType::Interface(interface) => Some(&interface.fields),
        _ => None,
    }
}

/// Root types that are only extended have no `schema { … }` to name them.
fn add_default_roots(schema: &mut Schema) {
    let has = |name: &str| schema.get_object(name).is_some();
    let (query, mutation, subscription) = (has("Query"), has("Mutation"), has("Subscription"));
    if schema.schema_definition.iter_root_operations().next().is_none() {
        let definition = schema.schema_definition.make_mut();
        definition.query = query.then(|| name!("Query").into());
        definition.mutation = mutation.then(|| name!("Mutation").into());
        definition.subscription = subscription.then(|| name!("Subscription").into());
    }
}
