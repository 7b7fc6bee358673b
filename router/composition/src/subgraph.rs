//! One subgraph's schema, parsed and read for what federation needs to know of it.

use std::collections::{BTreeMap, BTreeSet};

use apollo_compiler::ast::{FieldDefinition, OperationType};
use apollo_compiler::collections::{IndexMap, IndexSet};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{Component, DirectiveList, ExtendedType, ObjectType, SchemaBuilder};
use apollo_compiler::{Name, Schema, name};
use supergraph::{FieldSet, FieldSetSelection};

use crate::SubgraphSource;
use crate::error::{CompositionError, SubgraphLocation};
use crate::link::{Link, LinkError, text};

/// A subgraph that parses; whether it means anything is checked by `validation`.
pub(crate) struct Subgraph {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) schema: Schema,
    pub(crate) link: Link,
    /// Types that stand in the SDL only as `extend type`, or with `@extends`.
    pub(crate) extensions: BTreeSet<Name>,
    /// From the subgraph's names of its root types to `Query`, `Mutation` and `Subscription`.
    root_names: BTreeMap<Name, Name>,
    /// The fields that keys select, at any depth: type and field.
    key_fields: BTreeSet<(Name, Name)>,
}

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
        let builder = SchemaBuilder::new().adopt_orphan_extensions().ignore_builtin_redefinitions();
        let builder = builder.parse(&source.sdl, format!("{}.graphql", source.name));
        let extended: BTreeSet<Name> = builder.iter_orphan_extension_types().cloned().collect();
        let mut schema =
            builder.build().map_err(|broken| graphql_errors(&source.name, &broken.errors))?;
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
        let mut extensions = extended;
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
            extensions,
            root_names,
            key_fields: BTreeSet::new(),
        };
        subgraph.check_graphql()?;
        subgraph.add_query_root();
        subgraph.key_fields = subgraph.fields_of_keys();
        Ok(subgraph)
    }

    /// Validates the SDL as GraphQL, with the federation's own definitions added where it leaves them out.
    fn check_graphql(&self) -> Result<(), Vec<CompositionError>> {
        let mut definitions = String::from("scalar _FieldSetText scalar _AnyArgument\n");
        for (name, canonical) in self.link.names() {
            if !self.schema.directive_definitions.contains_key(name) {
                definitions += &lenient_definition(name, canonical);
            }
        }
        if !self.schema.directive_definitions.contains_key("link") {
            definitions += "directive @link(url: String, as: String, for: _AnyArgument, import: [_AnyArgument]) \
                            repeatable on SCHEMA\n";
        }
        let extra =
            Schema::parse(definitions, "federation.graphql").expect("our own definitions parse");
        let mut schema = self.schema.clone();
        for (name, ty) in extra.types {
            schema.types.entry(name).or_insert(ty);
        }
        for (name, definition) in extra.directive_definitions {
            schema.directive_definitions.entry(name).or_insert(definition);
        }
        if schema.schema_definition.query.is_none() {
            // A subgraph may have no root field at all; GraphQL wants one.
            let stand_in = Schema::parse("type _NoQuery { none: Int }", "none.graphql")
                .expect("our own type parses");
            schema.types.extend(stand_in.types.into_iter().filter(|(name, _)| name == "_NoQuery"));
            schema.schema_definition.make_mut().query = Some(name!("_NoQuery").into());
        }
        match schema.validate() {
            Ok(_) => Ok(()),
            Err(broken) => Err(graphql_errors(&self.name, &broken.errors)),
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

    fn fields_of_keys(&self) -> BTreeSet<(Name, Name)> {
        let mut found = BTreeSet::new();
        for ty in self.schema.types.values() {
            for (key, _) in self.keys(ty) {
                self.note_fields(ty.name(), &key, &mut found);
            }
        }
        found
    }

    /// Notes the fields that a field set on a type selects, at any depth.
    fn note_fields(&self, on: &Name, set: &FieldSet, found: &mut BTreeSet<(Name, Name)>) {
        for selection in &set.selections {
            match selection {
                FieldSetSelection::Field(selected) => {
                    found.insert((on.clone(), selected.name.clone()));
                    let definition = self.schema.type_field(on, &selected.name);
                    if let Ok(definition) = definition {
                        self.note_fields(
                            definition.ty.inner_named_type(),
                            &selected.selections,
                            found,
                        );
                    }
                }
                FieldSetSelection::InlineFragment { type_condition, selections } => {
                    self.note_fields(type_condition.as_ref().unwrap_or(on), selections, found);
                }
            }
        }
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

    /// A field of an object or interface type.
    pub(crate) fn field(
        &self,
        type_name: &str,
        field: &str,
    ) -> Option<&Component<FieldDefinition>> {
        let ty = self.ty(type_name)?;
        self.fields(ty).find(|candidate| candidate.name == field)
    }

    /// The keys of a type: field set and whether it is resolvable. Field sets that do not parse are left out.
    pub(crate) fn keys(&self, ty: &ExtendedType) -> Vec<(FieldSet, bool)> {
        self.link
            .all(ty.directives(), "key")
            .filter_map(|key| {
                let field_set = FieldSet::parse(text(key, "fields")?).ok()?;
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

    /// Whether the field is known here but not resolved here. The key fields of an extension are resolved here whatever
    /// their `@external` says: that is how Federation 1 wrote keys.
    pub(crate) fn is_external(&self, ty: &ExtendedType, field: &FieldDefinition) -> bool {
        self.is_marked_external(ty, field)
            && !(self.extensions.contains(ty.name()) && self.is_key_field(ty, &field.name))
    }

    /// Whether the field or its type says `@external`.
    pub(crate) fn is_marked_external(&self, ty: &ExtendedType, field: &FieldDefinition) -> bool {
        self.link.field_has(&field.directives, "external")
            || self.link.has(ty.directives(), "external")
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
        self.keys(ty).iter().any(|(key, _)| key.fields().any(|candidate| candidate.name == *field))
    }

    /// Whether other subgraphs may resolve the field too.
    pub(crate) fn is_shareable(&self, ty: &ExtendedType, field: &FieldDefinition) -> bool {
        self.link.version.is_none()
            || self.link.field_has(&field.directives, "shareable")
            || self.link.has(ty.directives(), "shareable")
            || self.key_fields.contains(&(ty.name().clone(), field.name.clone()))
    }

    /// A field set that a directive of a field names: `requires` or `provides`.
    pub(crate) fn field_set(
        &self,
        field: &FieldDefinition,
        canonical: &'static str,
    ) -> Option<FieldSet> {
        let directive = self.link.field_all(&field.directives, canonical).next()?;
        FieldSet::parse(text(directive, "fields")?).ok()
    }

    /// The subgraph that this field is taken from by `@override`, and the label under which it moves.
    pub(crate) fn overrides<'a>(
        &'a self,
        field: &'a FieldDefinition,
    ) -> Option<(&'a str, Option<&'a str>)> {
        let directive = self.link.field_all(&field.directives, "override").next()?;
        Some((text(directive, "from")?, text(directive, "label")))
    }

    /// Whether the type is extended here and defined nowhere here.
    pub(crate) fn only_extends(&self, ty: &ExtendedType) -> bool {
        self.extensions.contains(ty.name())
    }

    /// Whether a key, a requirement or a provision of this subgraph selects the field.
    pub(crate) fn field_set_uses(&self, type_name: &Name, field: &Name) -> bool {
        self.schema.types.values().any(|ty| {
            let keys = self.keys(ty).into_iter().map(|(key, _)| (ty.name().clone(), key));
            let of_fields = self.fields(ty).flat_map(|f| {
                let requires = self.field_set(f, "requires").map(|set| (ty.name().clone(), set));
                let provides =
                    self.field_set(f, "provides").map(|set| (f.ty.inner_named_type().clone(), set));
                requires.into_iter().chain(provides)
            });
            keys.chain(of_fields).any(|(on, set)| self.selects(&on, &set, type_name, field))
        })
    }

    /// Whether a field set on `on` selects `type_name.field` somewhere.
    fn selects(&self, on: &Name, set: &FieldSet, type_name: &Name, field: &Name) -> bool {
        set.selections.iter().any(|selection| match selection {
            FieldSetSelection::Field(selected) => {
                let here = selected.name == *field
                    && (on == type_name
                        || self.schema.is_subtype(on, type_name)
                        || self.schema.is_subtype(type_name, on));
                let below = self.field(&self.supergraph_name(on), &selected.name);
                here || below.is_some_and(|f| {
                    self.selects(f.ty.inner_named_type(), &selected.selections, type_name, field)
                })
            }
            FieldSetSelection::InlineFragment { type_condition, selections } => {
                self.selects(type_condition.as_ref().unwrap_or(on), selections, type_name, field)
            }
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

/// A definition that accepts what a subgraph may write; the federation's own rules are checked by `validation`.
fn lenient_definition(name: &str, canonical: &str) -> String {
    let arguments = match canonical {
        "key" => "(fields: _FieldSetText, resolvable: Boolean = true)",
        "requires" | "provides" => "(fields: _FieldSetText)",
        "tag" | "composeDirective" => "(name: String!)",
        "override" => "(from: String!, label: String)",
        "external" => "(reason: String)",
        "requiresScopes" => "(scopes: [[_AnyArgument!]!]!)",
        "policy" => "(policies: [[_AnyArgument!]!]!)",
        "cost" => "(weight: Int!)",
        "listSize" => {
            "(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean)"
        }
        _ => "",
    };
    format!(
        "directive @{name}{arguments} repeatable on SCHEMA | SCALAR | OBJECT | FIELD_DEFINITION | ARGUMENT_DEFINITION | \
         INTERFACE | UNION | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION\n"
    )
}

/// Every diagnostic of the parser or validator as an `INVALID_GRAPHQL`.
fn graphql_errors(
    subgraph: &str,
    errors: &apollo_compiler::validation::DiagnosticList,
) -> Vec<CompositionError> {
    errors
        .iter()
        .map(|diagnostic| {
            let line_column =
                diagnostic.line_column_range().map(|r| (r.start.line, r.start.column));
            CompositionError {
                code: "INVALID_GRAPHQL",
                message: format!(
                    "subgraph `{subgraph}` is not valid GraphQL: {}",
                    diagnostic.error
                ),
                locations: vec![SubgraphLocation { subgraph: subgraph.to_owned(), line_column }],
            }
        })
        .collect()
}
