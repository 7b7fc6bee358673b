//! The API schema: the supergraph as clients see it.

use std::collections::BTreeSet;

use apollo_compiler::ast::{Directive, DirectiveList, FieldDefinition, InputValueDefinition, Type};
use apollo_compiler::schema::{Component, ExtendedType};
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Node, Schema, name};

use crate::types::first_line;
use crate::{LinkUrl, SupergraphError};

/// Removes the routing facts, the linked specifications, and whatever is `@inaccessible`.
pub(crate) fn api_schema(supergraph: &Schema) -> Result<Valid<Schema>, SupergraphError> {
    let features = Features::of(supergraph);
    let mut schema = supergraph.clone();
    let hidden: BTreeSet<Name> = schema
        .types
        .values()
        .filter(|ty| features.own(ty.name()) || ty.directives().has("inaccessible"))
        .map(|ty| ty.name().clone())
        .collect();

    schema.directive_definitions.retain(|name, _| !features.own(name));
    for definition in schema.directive_definitions.values_mut() {
        if !definition.is_built_in() {
            features.prune_arguments(&mut definition.make_mut().arguments);
        }
    }
    schema.types.retain(|name, _| !hidden.contains(name));
    for ty in schema.types.values_mut() {
        if !ty.is_built_in() {
            features.prune(ty, &hidden);
        }
    }
    let definition = schema.schema_definition.make_mut();
    definition.directives.0.retain(|directive| !features.own(&directive.name));
    definition.mutation.take_if(|root| hidden.contains(&root.name));
    definition.subscription.take_if(|root| hidden.contains(&root.name));
    add_is_one_of(&mut schema);
    schema
        .validate()
        .map_err(|broken| SupergraphError::InvalidApiSchema(first_line(&broken.errors.to_string())))
}

/// Adds `__Type.isOneOf`, which came to introspection after apollo-compiler's own types.
fn add_is_one_of(schema: &mut Schema) {
    if let Some(ExtendedType::Object(object)) = schema.types.get_mut("__Type") {
        let field = FieldDefinition {
            description: None,
            name: name!("isOneOf"),
            arguments: Vec::new(),
            ty: Type::Named(name!("Boolean")),
            directives: DirectiveList::default(),
        };
        let fields = &mut object.make_mut().fields;
        fields.entry(field.name.clone()).or_insert(field.into());
    }
}

/// The names under which linked specifications stand in the schema.
struct Features {
    names: BTreeSet<String>,
}

impl Features {
    fn of(schema: &Schema) -> Self {
        let mut names = BTreeSet::from(["link".to_owned(), "join".to_owned(), "core".to_owned()]);
        for link in schema.schema_definition.directives.get_all("link") {
            let text = |name| link.specified_argument_by_name(name).and_then(|v| v.as_str());
            names.insert(text("as").map_or_else(
                || LinkUrl::parse(text("url").unwrap_or_default()).name,
                str::to_owned,
            ));
            let imports = link
                .specified_argument_by_name("import")
                .and_then(|v| v.as_list())
                .unwrap_or_default();
            for import in imports {
                let fields = import.as_object().unwrap_or_default();
                let entry =
                    |key| fields.iter().find(|(name, _)| name == key).and_then(|(_, v)| v.as_str());
                let name = import.as_str().or_else(|| entry("as")).or_else(|| entry("name"));
                names.extend(name.map(|n| n.trim_start_matches('@').to_owned()));
            }
        }
        Self { names }
    }

    /// Whether a type or directive belongs to a linked specification.
    fn own(&self, name: &str) -> bool {
        self.names.contains(name)
            || name.split_once("__").is_some_and(|(head, _)| self.names.contains(head))
    }

    fn keeps(&self, directive: &Directive) -> bool {
        !self.own(&directive.name)
    }

    /// Removes from a type what clients do not see of it.
    fn prune(&self, ty: &mut ExtendedType, hidden: &BTreeSet<Name>) {
        let keep = |directive: &Component<Directive>| self.keeps(directive);
        match ty {
            ExtendedType::Scalar(scalar) => scalar.make_mut().directives.0.retain(keep),
            ExtendedType::Union(union) => {
                let union = union.make_mut();
                union.directives.0.retain(keep);
                union.members.retain(|member| !hidden.contains(&member.name));
            }
            ExtendedType::Enum(enumeration) => {
                let enumeration = enumeration.make_mut();
                enumeration.directives.0.retain(keep);
                enumeration.values.retain(|_, value| !value.directives.has("inaccessible"));
                for value in enumeration.values.values_mut() {
                    value.make_mut().directives.0.retain(|directive| self.keeps(directive));
                }
            }
            ExtendedType::InputObject(input) => {
                let input = input.make_mut();
                input.directives.0.retain(keep);
                input.fields.retain(|_, field| {
                    !field.directives.has("inaccessible")
                        && !hidden.contains(field.ty.inner_named_type())
                });
                for field in input.fields.values_mut() {
                    field.make_mut().directives.0.retain(|directive| self.keeps(directive));
                }
            }
            ExtendedType::Object(object) => {
                let object = object.make_mut();
                object.directives.0.retain(keep);
                object.implements_interfaces.retain(|name| !hidden.contains(&name.name));
                object.fields.retain(|_, field| !is_hidden(field, hidden));
                object.fields.values_mut().for_each(|field| self.prune_field(field));
            }
            ExtendedType::Interface(interface) => {
                let interface = interface.make_mut();
                interface.directives.0.retain(keep);
                interface.implements_interfaces.retain(|name| !hidden.contains(&name.name));
                interface.fields.retain(|_, field| !is_hidden(field, hidden));
                interface.fields.values_mut().for_each(|field| self.prune_field(field));
            }
        }
    }

    fn prune_field(&self, field: &mut Component<FieldDefinition>) {
        let field = field.make_mut();
        field.directives.0.retain(|directive| self.keeps(directive));
        self.prune_arguments(&mut field.arguments);
    }

    fn prune_arguments(&self, arguments: &mut Vec<Node<InputValueDefinition>>) {
        arguments.retain(|argument| !argument.directives.has("inaccessible"));
        for argument in arguments {
            argument.make_mut().directives.0.retain(|directive| self.keeps(directive));
        }
    }
}

fn is_hidden(field: &FieldDefinition, hidden: &BTreeSet<Name>) -> bool {
    field.directives.has("inaccessible") || hidden.contains(field.ty.inner_named_type())
}
