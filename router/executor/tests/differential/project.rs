//! What a subgraph knows of the truth, by its schema.

use apollo_compiler::Schema;
use apollo_compiler::ast::Selection;
use apollo_compiler::schema::{Component, FieldDefinition, ObjectType};
use serde_json::{Map, Value};

use crate::data::{Data, Source};
use crate::resolver::selections;

/// Takes a subgraph's data from the truth, whose schema is the API schema.
pub(crate) struct Projection<'a> {
    pub(crate) truth: &'a Source,
    /// The subgraph's.
    pub(crate) schema: &'a Schema,
    /// The fields that other subgraphs took over by `@override`: nobody knows what it would answer there.
    pub(crate) overridden: &'a [(String, String)],
    /// The entities that it does not know.
    pub(crate) unknown: &'a [String],
}

impl Projection<'_> {
    pub(crate) fn data(&self) -> Data {
        let truth = &self.truth.data;
        let root = |name: &Option<apollo_compiler::schema::ComponentName>, values| {
            let object = name.as_ref().and_then(|name| self.schema.get_object(name));
            object.map(|object| self.fields(object, values)).unwrap_or_default()
        };
        let definition = &self.schema.schema_definition;
        Data {
            query: root(&definition.query, &truth.query),
            mutation: root(&definition.mutation, &truth.mutation),
            subscription: root(&definition.subscription, &truth.subscription),
            entities: truth.entities.iter().flat_map(|entity| self.entity(entity)).collect(),
            ..Data::default()
        }
    }

    /// The names under which the subgraph knows an object type: its own, or those of interface objects.
    fn known_as(&self, type_name: &str) -> Vec<&ObjectType> {
        if let Some(known) = self.schema.get_object(type_name) {
            return vec![known];
        }
        let ours = self.truth.schema.get_object(type_name);
        let interfaces = ours.into_iter().flat_map(|it| &it.implements_interfaces);
        interfaces.filter_map(|it| self.schema.get_object(it)).map(|it| &**it).collect()
    }

    /// What the subgraph says of an entity: once for each name under which it knows it.
    fn entity(&self, entity: &Map<String, Value>) -> Vec<Map<String, Value>> {
        if self.unknown.iter().any(|id| entity["$id"] == **id) {
            return Vec::new();
        }
        let type_name = entity["__typename"].as_str().expect("a name");
        let known_as = self.known_as(type_name).into_iter();
        known_as.map(|object| self.entity_as(object, entity)).collect()
    }

    fn entity_as(&self, object: &ObjectType, entity: &Map<String, Value>) -> Map<String, Value> {
        let mut known = self.fields(object, entity);
        known.insert("$id".to_owned(), entity["$id"].clone());
        known.insert("__typename".to_owned(), object.name.as_str().into());
        self.add_required(object, entity, &mut known);
        known
    }

    /// What the subgraph resolves of an object.
    fn fields(&self, object: &ObjectType, values: &Map<String, Value>) -> Map<String, Value> {
        let is_known = |field: &Component<FieldDefinition>| {
            let is_overridden = self
                .overridden
                .iter()
                .any(|(ty, name)| object.name == **ty && field.name == **name);
            let is_its_own = !is_overridden && !field.directives.has("external");
            // Whoever has a key knows it.
            is_its_own || is_in_a_key(object, &field.name)
        };
        let known = object.fields.values().filter(|field| is_known(field)).filter_map(|field| {
            let value = self.value(values.get(field.name.as_str())?, field);
            Some((field.name.to_string(), value))
        });
        known.collect()
    }

    /// External fields that others require are known by heart: representations must have the same.
    fn add_required(
        &self,
        object: &ObjectType,
        values: &Map<String, Value>,
        known: &mut Map<String, Value>,
    ) {
        let requires = object.fields.values().filter_map(|field| field.directives.get("requires"));
        let field_sets =
            requires.filter_map(|it| it.specified_argument_by_name("fields")?.as_str());
        for field_set in field_sets {
            let demanded = self.selected(object.name.as_str(), values, &selections(field_set));
            for (name, value) in demanded {
                known.entry(name).or_insert(value);
            }
        }
    }

    fn value(&self, value: &Value, field: &FieldDefinition) -> Value {
        let Value::Object(object) = value else {
            return match value {
                Value::Array(items) => items.iter().map(|item| self.value(item, field)).collect(),
                leaf => leaf.clone(),
            };
        };
        let Some(type_name) = object.get("__typename").and_then(Value::as_str) else {
            return value.clone();
        };
        // Of a type that was taken out of the subgraph: the data is no longer of its schema, which it must say.
        let known_as = self.known_as(type_name);
        let is_declared = |it: &&&ObjectType| it.name == *field.ty.inner_named_type();
        let known = known_as.iter().find(is_declared).or(known_as.first());
        let Some(known) = known else { return value.clone() };
        let mut projected = match object.get("$id") {
            Some(id) => Map::from_iter([("$id".to_owned(), id.clone())]),
            None => self.fields(known, object),
        };
        let provides = field.directives.get("provides");
        if let Some(provided) =
            provides.and_then(|it| it.specified_argument_by_name("fields")?.as_str())
        {
            let whole = self.truth.entity(type_name, object).unwrap_or(object);
            projected.extend(self.selected(type_name, whole, &selections(provided)));
        }
        // Where only one type can stand, as of an interface object, it goes without saying.
        if known.name != *field.ty.inner_named_type() {
            projected.insert("__typename".to_owned(), known.name.as_str().into());
        }
        projected.into()
    }

    /// The values of a field set, as a representation has them.
    fn selected(
        &self,
        type_name: &str,
        values: &Map<String, Value>,
        field_set: &[Selection],
    ) -> Map<String, Value> {
        let mut selected = Map::new();
        for selection in field_set {
            match selection {
                Selection::Field(field) => {
                    let known_as = self.known_as(type_name).into_iter();
                    let mut definitions = known_as
                        .filter_map(|it| self.schema.type_field(&it.name, &field.name).ok());
                    let Some(definition) = definitions.next() else { continue };
                    let arguments = self.truth.arguments(definition, &field.arguments, &Map::new());
                    let value = self.truth.value(type_name, values, &field.name, &arguments);
                    let value =
                        self.selected_value(value.unwrap_or_default(), &field.selection_set);
                    selected.insert(field.name.to_string(), value);
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.type_condition.as_ref();
                    let applies = condition.is_none_or(|it| {
                        *it == type_name || self.truth.schema.is_subtype(it, type_name)
                    });
                    if applies {
                        selected.extend(self.selected(type_name, values, &fragment.selection_set));
                    }
                }
                Selection::FragmentSpread(_) => {}
            }
        }
        selected
    }

    fn selected_value(&self, value: Value, field_set: &[Selection]) -> Value {
        match value {
            Value::Array(items) => {
                items.into_iter().map(|item| self.selected_value(item, field_set)).collect()
            }
            Value::Object(object) if object.contains_key("__typename") => {
                let type_name = object["__typename"].as_str().expect("a name");
                let whole = self.truth.entity(type_name, &object).unwrap_or(&object);
                let mut selected = self.selected(type_name, whole, field_set);
                // What is provided below an entity does not hide the rest of it.
                selected
                    .extend(object.get_key_value("$id").map(|(key, id)| (key.clone(), id.clone())));
                selected.insert("__typename".to_owned(), type_name.into());
                selected.into()
            }
            leaf => leaf,
        }
    }
}

fn is_in_a_key(object: &ObjectType, field_name: &str) -> bool {
    let keys = object.directives.get_all("key");
    let mut field_sets = keys.filter_map(|it| it.specified_argument_by_name("fields")?.as_str());
    let is_field = |it: &Selection| it.as_field().is_some_and(|it| it.name == field_name);
    field_sets.any(|field_set| selections(field_set).iter().any(is_field))
}
