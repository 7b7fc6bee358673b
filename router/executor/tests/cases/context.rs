//! What fields get from objects above them (`@context`, `@fromContext`), for a server that knows nothing of subgraphs.

use apollo_compiler::ast::{Definition, DirectiveList, Document, FieldDefinition, Selection, Type};
use serde_json::{Map, Value};

use crate::data::{Arguments, Source};
use crate::resolver::selections;

/// An argument that clients do not see: its value comes from the nearest object above that sets the context.
#[derive(Debug)]
pub(crate) struct Contextual {
    type_name: String,
    field: String,
    argument: String,
    ty: Type,
    /// The types that set the context.
    from: Vec<String>,
    selection_set: Vec<Selection>,
}

/// All such arguments of some subgraphs.
pub(crate) fn contextual_arguments<'s>(sdls: impl Iterator<Item = &'s str>) -> Vec<Contextual> {
    let mut found = Vec::new();
    for sdl in sdls {
        let document = Document::parse(sdl, "subgraph.graphql").unwrap_or_else(|it| it.partial);
        for definition in &document.definitions {
            let Some((name, _, fields)) = parts(definition) else { continue };
            for field in fields {
                found.extend(arguments(&document, name, field));
            }
        }
    }
    found
}

/// Name, directives and fields of a type.
fn parts(definition: &Definition) -> Option<(&str, &DirectiveList, Vec<&FieldDefinition>)> {
    let (name, fields) = match definition {
        Definition::ObjectTypeDefinition(it) => (&it.name, &it.fields),
        Definition::ObjectTypeExtension(it) => (&it.name, &it.fields),
        Definition::InterfaceTypeDefinition(it) => (&it.name, &it.fields),
        Definition::UnionTypeDefinition(it) => return Some((&it.name, &it.directives, Vec::new())),
        _ => return None,
    };
    Some((name, definition.directives(), fields.iter().map(|it| &**it).collect()))
}

fn arguments(document: &Document, type_name: &str, field: &FieldDefinition) -> Vec<Contextual> {
    let contextual = field.arguments.iter().filter_map(|argument| {
        let directive = argument.directives.get("fromContext")?;
        let text = directive.specified_argument_by_name("field")?.as_str()?.trim();
        let text = text.strip_prefix('$')?;
        let end = text.find(|it: char| !it.is_alphanumeric() && it != '_')?;
        let (context, selection_set) = text.split_at(end);
        let selection_set = selection_set.trim();
        let inside = selection_set.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
        let sets = |directives: &DirectiveList| {
            let names = directives.get_all("context");
            names.into_iter().any(|it| {
                it.specified_argument_by_name("name").and_then(|it| it.as_str()) == Some(context)
            })
        };
        let types = document.definitions.iter().filter_map(parts);
        Some(Contextual {
            type_name: type_name.to_owned(),
            field: field.name.to_string(),
            argument: argument.name.to_string(),
            ty: argument.ty.as_ref().clone(),
            from: types.filter(|it| sets(it.1)).map(|it| it.0.to_owned()).collect(),
            selection_set: selections(inside.unwrap_or(selection_set)),
        })
    });
    contextual.collect()
}

impl Contextual {
    /// Whether it is an argument of this field.
    pub(crate) fn is_of(&self, type_name: &str, field: &str) -> bool {
        self.type_name == type_name && self.field == field
    }

    /// Name and value, for objects that stand above each other, with their types; the nearest last.
    pub(crate) fn value(
        &self,
        source: &Source,
        above: &[(String, Map<String, Value>)],
    ) -> (String, Value) {
        let sets = |type_name: &str| {
            self.from.iter().any(|it| it == type_name || source.schema.is_subtype(it, type_name))
        };
        let nearest = above.iter().rev().find(|(type_name, _)| sets(type_name));
        let value = nearest.map(|(type_name, says)| {
            select(source, type_name, says, &self.selection_set).unwrap_or_default()
        });
        (self.argument.clone(), source.coerce(&self.ty, value.unwrap_or_default()))
    }
}

/// The value of the only field that is selected on each level, for an object of this type.
fn select(
    source: &Source,
    type_name: &str,
    says: &Map<String, Value>,
    selection_set: &[Selection],
) -> Option<Value> {
    selection_set.iter().find_map(|selection| match selection {
        Selection::Field(field) => {
            let value = source.value(type_name, says, &field.name, &Arguments::new())?;
            let Value::Object(below) = &value else { return Some(value) };
            if field.selection_set.is_empty() {
                return Some(value);
            }
            let definition = source.schema.type_field(type_name, &field.name).ok()?;
            let type_name = source.type_of(definition.ty.inner_named_type(), below);
            select(source, type_name, below, &field.selection_set)
        }
        Selection::InlineFragment(fragment) => {
            let condition = fragment.type_condition.as_ref();
            let applies = condition
                .is_none_or(|it| it == type_name || source.schema.is_subtype(it, type_name));
            applies.then(|| select(source, type_name, says, &fragment.selection_set)).flatten()
        }
        Selection::FragmentSpread(_) => None,
    })
}
