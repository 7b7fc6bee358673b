//! Checks `@inaccessible`: that what clients still see makes sense without what they do not.

use apollo_compiler::ast::{FieldDefinition, InputValueDefinition, Value};
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use apollo_compiler::{Name, Node, Schema};

use crate::error::{CompositionError, SubgraphLocation};
use crate::subgraph::{EXECUTABLE_LOCATIONS, Subgraph};

/// Everything that refers to what is inaccessible, or is nothing without it.
pub(crate) fn check(subgraphs: &[Subgraph], supergraph_sdl: &str) -> Vec<CompositionError> {
    if !supergraph_sdl.contains("@inaccessible") {
        return Vec::new();
    }
    // What does not even parse is reported by the step that reads the supergraph.
    let Ok(schema) = Schema::parse(supergraph_sdl, "supergraph.graphql") else { return Vec::new() };
    check_schema(subgraphs, &schema)
}

/// The same of a parsed supergraph.
pub(crate) fn check_schema(subgraphs: &[Subgraph], schema: &Schema) -> Vec<CompositionError> {
    let mut check = Check { subgraphs, schema, errors: Vec::new() };
    check.query_root();
    for ty in schema.types.values().filter(|ty| !ty.is_built_in() && !is_hidden_type(ty)) {
        check.children(ty);
        match ty {
            ExtendedType::Object(object) => {
                let interfaces: Vec<&Name> =
                    object.implements_interfaces.iter().map(|i| &i.name).collect();
                check.fields(
                    &object.name,
                    object.fields.values().map(|field| &**field),
                    &interfaces,
                );
            }
            ExtendedType::Interface(interface) => {
                let interfaces: Vec<&Name> =
                    interface.implements_interfaces.iter().map(|i| &i.name).collect();
                check.fields(
                    &interface.name,
                    interface.fields.values().map(|field| &**field),
                    &interfaces,
                );
            }
            ExtendedType::InputObject(input) => check.input_fields(input),
            _ => {}
        }
    }
    // What the supergraph says of types has no place in operations.
    let executable = schema.directive_definitions.values().filter(|definition| {
        let mut locations = definition.locations.iter();
        !definition.is_built_in() && locations.any(|l| EXECUTABLE_LOCATIONS.contains(&l.name()))
    });
    for directive in executable {
        for argument in &directive.arguments {
            check.input_value(&format!("@{}({}:)", directive.name, argument.name), argument);
        }
    }
    check.errors
}

struct Check<'a> {
    subgraphs: &'a [Subgraph],
    schema: &'a Schema,
    errors: Vec<CompositionError>,
}

impl Check<'_> {
    fn query_root(&mut self) {
        let query = self.schema.schema_definition.query.as_ref();
        let query = query.and_then(|query| self.schema.types.get(&query.name));
        if query.is_some_and(is_hidden_type) {
            let message = "`Query` is `@inaccessible`: clients would see nothing".to_owned();
            self.error("QUERY_ROOT_TYPE_INACCESSIBLE", message, "Query");
        }
    }

    /// A type that clients see needs a part that they see.
    fn children(&mut self, ty: &ExtendedType) {
        let (part, mut hidden): (&str, Vec<bool>) = match ty {
            ExtendedType::Object(o) => {
                ("field", o.fields.values().map(|f| f.directives.has(HIDDEN)).collect())
            }
            ExtendedType::Interface(i) => {
                ("field", i.fields.values().map(|f| f.directives.has(HIDDEN)).collect())
            }
            ExtendedType::InputObject(i) => {
                ("field", i.fields.values().map(|f| f.directives.has(HIDDEN)).collect())
            }
            ExtendedType::Enum(e) => {
                ("value", e.values.values().map(|v| v.directives.has(HIDDEN)).collect())
            }
            ExtendedType::Union(u) => {
                ("member", u.members.iter().map(|m| self.is_hidden_name(&m.name)).collect())
            }
            ExtendedType::Scalar(_) => return,
        };
        hidden.dedup();
        if hidden == [true] {
            let name = ty.name();
            let message =
                format!("every {part} of `{name}` is `@inaccessible`, but `{name}` itself is not");
            self.error("ONLY_INACCESSIBLE_CHILDREN", message, name);
        }
    }

    fn fields<'f>(
        &mut self,
        parent: &Name,
        fields: impl Iterator<Item = &'f Node<FieldDefinition>>,
        interfaces: &[&Name],
    ) {
        for field in fields {
            let coordinate = format!("{parent}.{}", field.name);
            for interface in interfaces {
                self.implementation(interface, parent, field);
            }
            if field.directives.has(HIDDEN) {
                continue;
            }
            self.reference(&coordinate, field.ty.inner_named_type());
            for argument in &field.arguments {
                self.input_value(&format!("{coordinate}({}:)", argument.name), argument);
            }
        }
    }

    fn input_fields(&mut self, input: &InputObjectType) {
        for field in input.fields.values() {
            self.input_value(&format!("{}.{}", input.name, field.name), field);
        }
    }

    /// Checks an argument or input field of something that clients see.
    fn input_value(&mut self, coordinate: &str, value: &InputValueDefinition) {
        if !value.directives.has(HIDDEN) {
            self.reference(coordinate, value.ty.inner_named_type());
            if let Some(default) = &value.default_value
                && let Some(part) = self.hidden_part(default, value.ty.inner_named_type())
            {
                let message = format!(
                    "the default of `{coordinate}` uses `{part}`, which is `@inaccessible`"
                );
                self.error("DEFAULT_VALUE_USES_INACCESSIBLE", message, coordinate);
            }
        } else if value.is_required() {
            let message = format!(
                "`{coordinate}` is `@inaccessible`, but required: clients could not send it"
            );
            self.error("REQUIRED_INACCESSIBLE", message, coordinate);
        }
    }

    fn reference(&mut self, coordinate: &str, name: &Name) {
        if self.is_hidden_name(name) {
            let message = format!(
                "`{coordinate}` is `{name}`, which is `@inaccessible`, but is not so itself"
            );
            self.error("REFERENCED_INACCESSIBLE", message, name);
        }
    }

    /// What clients see of an interface they must find in the types that implement it.
    fn implementation(&mut self, interface: &Name, parent: &Name, field: &FieldDefinition) {
        let Some(ty) = self.schema.get_interface(interface) else { return };
        let Some(promised) = ty.fields.get(&field.name) else { return };
        if ty.directives.has(HIDDEN) || promised.directives.has(HIDDEN) {
            return;
        }
        let coordinate = format!("{parent}.{}", field.name);
        if field.directives.has(HIDDEN) {
            let message = format!(
                "`{coordinate}` is `@inaccessible`, but implements `{interface}.{}`, which is not",
                field.name
            );
            self.error("IMPLEMENTED_BY_INACCESSIBLE", message, &coordinate);
            return;
        }
        for argument in field.arguments.iter().filter(|argument| argument.directives.has(HIDDEN)) {
            let promised = promised.argument_by_name(&argument.name);
            if promised.is_some_and(|promised| !promised.directives.has(HIDDEN)) {
                let name = &argument.name;
                let message = format!(
                    "`{coordinate}({name}:)` is `@inaccessible`, but implements `{interface}.{}({name}:)`, which is not",
                    field.name
                );
                self.error("IMPLEMENTED_BY_INACCESSIBLE", message, &coordinate);
            }
        }
    }

    /// The enum value or input field in a default that clients do not see.
    fn hidden_part(&self, value: &Value, type_name: &Name) -> Option<String> {
        match (value, self.schema.types.get(type_name)?) {
            (Value::List(items), _) => {
                items.iter().find_map(|item| self.hidden_part(item, type_name))
            }
            (Value::Enum(value), ExtendedType::Enum(enumeration)) => {
                let definition = enumeration.values.get(value)?;
                definition.directives.has(HIDDEN).then(|| format!("{type_name}.{value}"))
            }
            (Value::Object(fields), ExtendedType::InputObject(input)) => {
                fields.iter().find_map(|(name, value)| {
                    let definition = input.fields.get(name)?;
                    if definition.directives.has(HIDDEN) {
                        return Some(format!("{type_name}.{name}"));
                    }
                    self.hidden_part(value, definition.ty.inner_named_type())
                })
            }
            _ => None,
        }
    }

    fn is_hidden_name(&self, name: &Name) -> bool {
        self.schema.types.get(name).is_some_and(is_hidden_type)
    }

    /// Leaves an error; it concerns the subgraphs that have the type.
    fn error(&mut self, code: &'static str, message: String, coordinate: &str) {
        let type_name = coordinate.split('.').next().unwrap_or(coordinate);
        let locations: Vec<SubgraphLocation> = self
            .subgraphs
            .iter()
            .filter_map(|subgraph| {
                Some(subgraph.location(subgraph.ty(type_name)?.name().location()))
            })
            .collect();
        self.errors.push(CompositionError { code, message, locations });
    }
}

const HIDDEN: &str = "inaccessible";

fn is_hidden_type(ty: &ExtendedType) -> bool {
    ty.directives().has(HIDDEN)
}
