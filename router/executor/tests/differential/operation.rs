//! Random operations: aliases, fragments, conditions, arguments and variables, valid against an API schema.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use apollo_compiler::Schema;
use apollo_compiler::ast::{FieldDefinition, InputValueDefinition, OperationType, Type};
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::directives::LABELS;
use crate::random::Random;

/// An operation, and what the client sends with it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Operation {
    pub(crate) text: String,
    pub(crate) variables: Map<String, Value>,
    /// Which operation of the document it is, where there are several.
    pub(crate) name: Option<&'static str>,
    /// The labels of fields that have moved.
    pub(crate) labels: Vec<&'static str>,
}

impl Operation {
    /// Whether something is skipped or included.
    pub(crate) fn has_conditions(&self) -> bool {
        self.text.contains("@skip") || self.text.contains("@include")
    }
}

/// What a response key stands for: conflicts are rare, so that operations are valid.
type Meaning = (String, String, String);

struct Writer<'a> {
    schema: &'a Schema,
    random: &'a mut Random,
    /// Definitions by variable.
    definitions: BTreeMap<String, String>,
    variables: Map<String, Value>,
    keys: BTreeMap<String, Meaning>,
    /// Named fragments: type condition and selection set.
    fragments: IndexMap<String, (String, String)>,
    /// How many more fields there may be.
    budget: usize,
}

/// Writes an operation; it may be invalid, where types conflict in fragments.
pub(crate) fn operation(schema: &Schema, random: &mut Random) -> Operation {
    let definition = &schema.schema_definition;
    let (kind, root) = match (random.below(100), &definition.mutation, &definition.subscription) {
        (0..15, Some(mutation), _) => (OperationType::Mutation, mutation),
        (15..30, _, Some(subscription)) => (OperationType::Subscription, subscription),
        _ => (OperationType::Query, definition.query.as_ref().expect("there is a query")),
    };
    let budget = if random.percent(10) { 80 } else { random.between(3, 30) };
    let mut writer = Writer {
        schema,
        random,
        definitions: BTreeMap::new(),
        variables: Map::new(),
        keys: BTreeMap::new(),
        fragments: IndexMap::new(),
        budget,
    };
    let selection_set = match kind {
        OperationType::Subscription => writer.event(root),
        _ => writer.selection_set(root, 0),
    };
    let name = writer.random.percent(10).then_some("Chosen");
    let mut text = format!("{kind} {}", name.unwrap_or_default());
    if !writer.definitions.is_empty() {
        let definitions = writer.definitions.iter().map(|(name, it)| format!("${name}: {it}"));
        let _ = write!(text, "({})", definitions.collect::<Vec<_>>().join(", "));
    }
    let _ = writeln!(text, " {selection_set}");
    for (name, (condition, selection_set)) in &writer.fragments {
        let _ = writeln!(text, "fragment {name} on {condition} {selection_set}");
    }
    if name.is_some() {
        text += "query Other { other: __typename }\n";
    }
    let labels = LABELS.into_iter().filter(|_| writer.random.percent(50)).collect();
    Operation { text, variables: writer.variables, name, labels }
}

impl Writer<'_> {
    /// A subscription has one root field, under no condition.
    fn event(&mut self, root: &str) -> String {
        let field = self.field(root, 0).expect("a root is not deep");
        format!("{{ {field} }}")
    }

    fn selection_set(&mut self, ty: &str, depth: usize) -> String {
        let mut selections = Vec::new();
        for _ in 0..self.random.between(1, if depth == 0 { 4 } else { 5 }) {
            if self.budget == 0 {
                break;
            }
            let selection = match self.random.below(100) {
                0..12 => Some(self.typename()),
                12..32 if depth > 0 => self.inline_fragment(ty, depth),
                32..40 => self.fragment_spread(ty, depth),
                40..43 if depth == 0 => self.inline_fragment(ty, depth),
                _ => self.field(ty, depth),
            };
            selections.extend(selection);
        }
        if selections.is_empty() {
            selections.push("__typename".to_owned());
        }
        format!("{{ {} }}", selections.join(" "))
    }

    fn typename(&mut self) -> String {
        if self.random.percent(30) { "kind: __typename" } else { "__typename" }.to_owned()
    }

    fn field(&mut self, ty: &str, depth: usize) -> Option<String> {
        let fields: Vec<&FieldDefinition> = match self.schema.types.get(ty)? {
            ExtendedType::Object(object) => object.fields.values().map(|it| &***it).collect(),
            ExtendedType::Interface(interface) => {
                interface.fields.values().map(|it| &***it).collect()
            }
            _ => return Some(self.typename()),
        };
        let field = self.random.pick(&fields);
        let below = field.ty.inner_named_type();
        let is_leaf = self.schema.types.get(below).is_none_or(ExtendedType::is_leaf);
        if !is_leaf && depth > 6 {
            return None;
        }
        self.budget -= 1;
        let arguments = self.arguments(field);
        let mut out = self.response_key(field, &arguments);
        out += &arguments;
        let is_subscription =
            self.schema.schema_definition.subscription.as_ref().is_some_and(|it| **it == *ty);
        if !is_subscription {
            out += &self.condition();
        }
        if !is_leaf {
            let _ = write!(out, " {}", self.selection_set(below, depth + 1));
        }
        Some(out)
    }

    /// `alias: name`, or only the name.
    fn response_key(&mut self, field: &FieldDefinition, arguments: &str) -> String {
        let meaning = (field.name.to_string(), arguments.to_owned(), field.ty.to_string());
        if self.random.percent(8) {
            // Perhaps the key stands for something else elsewhere: that is valid below types that exclude each other.
            let alias = self.random.pick(&["a", "b", "id", "title"]);
            return format!("{alias}: {}", field.name);
        }
        let plain = !self.random.percent(10);
        let candidates = (0..).map(|number| match number {
            0 => field.name.to_string(),
            number => format!("{}_{number}", field.name),
        });
        for key in candidates.skip(usize::from(!plain)) {
            if *self.keys.entry(key.clone()).or_insert_with(|| meaning.clone()) == meaning {
                return if key == field.name.as_str() {
                    key
                } else {
                    format!("{key}: {}", field.name)
                };
            }
        }
        unreachable!("there is always one more candidate")
    }

    /// The types that a fragment below a type may name.
    fn conditions(&self, ty: &str) -> Vec<String> {
        let possible = |name: &str| -> Vec<&str> {
            let objects = self.schema.types.iter().filter(|(_, it)| it.is_object());
            let objects = objects.map(|(name, _)| name.as_str());
            objects
                .filter(|object| *object == name || self.schema.is_subtype(name, object))
                .collect()
        };
        let here = possible(ty);
        let composite = self.schema.types.iter().filter(|(name, it)| {
            (it.is_object() || it.is_interface() || it.is_union()) && !name.starts_with("__")
        });
        let overlapping =
            composite.filter(|(name, _)| possible(name).iter().any(|it| here.contains(it)));
        overlapping.map(|(name, _)| name.to_string()).collect()
    }

    fn inline_fragment(&mut self, ty: &str, depth: usize) -> Option<String> {
        let conditions = self.conditions(ty);
        // An interface may be one of no type.
        if depth > 7 || conditions.is_empty() {
            return None;
        }
        let condition = self.random.pick(&conditions);
        let directive = self.condition();
        let selection_set = self.selection_set(&condition, depth + 1);
        if condition == ty && self.random.percent(50) {
            return Some(format!("...{directive} {selection_set}"));
        }
        Some(format!("... on {condition}{directive} {selection_set}"))
    }

    fn fragment_spread(&mut self, ty: &str, depth: usize) -> Option<String> {
        let conditions = self.conditions(ty);
        let known =
            self.fragments.iter().find(|(_, (condition, _))| conditions.contains(condition));
        let name = match known {
            Some((name, _)) if self.random.percent(60) => name.clone(),
            _ if depth > 5 || conditions.is_empty() => return None,
            _ => {
                let condition = self.random.pick(&conditions);
                let selection_set = self.selection_set(&condition, depth + 1);
                let name = format!("F{}", self.fragments.len());
                self.fragments.insert(name.clone(), (condition, selection_set));
                name
            }
        };
        Some(format!("...{name}{}", self.condition()))
    }

    fn condition(&mut self) -> String {
        if !self.random.percent(12) {
            return String::new();
        }
        let directive = self.random.pick(&["skip", "include"]);
        let value = match self.random.below(6) {
            0 => "true".to_owned(),
            1 => "false".to_owned(),
            number => {
                let name = format!("is{}", number / 2);
                if !self.definitions.contains_key(&name) {
                    let value = self.random.percent(50);
                    if self.random.percent(40) {
                        self.definitions.insert(name.clone(), format!("Boolean! = {value}"));
                    } else {
                        self.definitions.insert(name.clone(), "Boolean!".to_owned());
                        self.variables.insert(name.clone(), value.into());
                    }
                }
                format!("${name}")
            }
        };
        format!(" @{directive}(if: {value})")
    }

    fn arguments(&mut self, field: &FieldDefinition) -> String {
        let mut given = Vec::new();
        for argument in &field.arguments {
            if !argument.is_required() && self.random.percent(30) {
                continue;
            }
            let value = self.input(&argument.ty, argument.default_value.is_some(), 0);
            given.push(format!("{}: {value}", argument.name));
        }
        if given.is_empty() { String::new() } else { format!("({})", given.join(", ")) }
    }

    /// A literal, or a variable.
    fn input(&mut self, ty: &Type, has_default: bool, depth: usize) -> String {
        if !self.random.percent(45) {
            return self.literal(ty, depth);
        }
        let name = format!("v{}", self.definitions.len());
        let value = self.json(ty, depth);
        let mut definition = ty.to_string();
        match self.random.below(4) {
            // No value at all: allowed where null is, or where a default stands in.
            0 if !ty.is_non_null() => {}
            0 if has_default && definition.ends_with('!') => {
                definition.pop();
            }
            0 if has_default => {}
            1 => {
                let _ = write!(definition, " = {}", self.literal(ty, depth));
            }
            2 if !ty.is_non_null() => {
                definition.push('!');
                let value =
                    if value.is_null() { self.json(&ty.clone().non_null(), depth) } else { value };
                self.variables.insert(name.clone(), value);
            }
            _ => {
                self.variables.insert(name.clone(), value);
            }
        }
        self.definitions.insert(name.clone(), definition);
        format!("${name}")
    }

    fn literal(&mut self, ty: &Type, depth: usize) -> String {
        if !ty.is_non_null() && self.random.percent(10) {
            return "null".to_owned();
        }
        if ty.is_list() {
            // One value stands for a list of one.
            if self.random.percent(15) {
                return self.literal(&innermost(ty).clone().non_null(), depth + 1);
            }
            let items =
                (0..self.random.below(3)).map(|_| self.input(ty.item_type(), false, depth + 1));
            return format!("[{}]", items.collect::<Vec<_>>().join(", "));
        }
        let name = ty.inner_named_type();
        let Some(ExtendedType::InputObject(object)) = self.schema.types.get(name) else {
            return match self.leaf(name) {
                Value::String(value) if name == "Color" => value,
                value => value.to_string(),
            };
        };
        let mut entries = Vec::new();
        for (field, ty) in self.given_fields(object, depth) {
            entries.push(format!("{}: {}", field.name, self.input(&ty, false, depth + 1)));
        }
        format!("{{{}}}", entries.join(", "))
    }

    fn json(&mut self, ty: &Type, depth: usize) -> Value {
        if !ty.is_non_null() && self.random.percent(10) {
            return Value::Null;
        }
        if ty.is_list() {
            if self.random.percent(15) {
                return self.json(&innermost(ty).clone().non_null(), depth + 1);
            }
            return (0..self.random.below(3))
                .map(|_| self.json(ty.item_type(), depth + 1))
                .collect();
        }
        let name = ty.inner_named_type();
        let Some(ExtendedType::InputObject(object)) = self.schema.types.get(name) else {
            return self.leaf(name);
        };
        let mut entries = Map::new();
        for (field, ty) in self.given_fields(object, depth) {
            entries.insert(field.name.to_string(), self.json(&ty, depth + 1));
        }
        entries.into()
    }

    /// The fields of an input object that are given, and their types: one that is not null, where there may be only one.
    fn given_fields<'s>(
        &mut self,
        object: &'s InputObjectType,
        depth: usize,
    ) -> Vec<(&'s InputValueDefinition, Type)> {
        let is_deep = |it: &InputValueDefinition| {
            depth > 2 && matches!(it.ty.inner_named_type().as_str(), "Filter" | "Choice")
        };
        let open = object.fields.values().map(|it| &***it).filter(|it| !is_deep(it));
        if object.directives.has("oneOf") {
            let field = self.random.pick(&open.collect::<Vec<_>>());
            return vec![(field, field.ty.as_ref().clone().non_null())];
        }
        let given = open.filter(|it| it.is_required() || self.random.percent(50));
        given.map(|it| (it, it.ty.as_ref().clone())).collect()
    }

    fn leaf(&mut self, name: &str) -> Value {
        let number = self.random.below(1_000);
        match name {
            "Int" => json!(number),
            // A number without fraction is a `Float`, too, and an `ID`.
            "Float" | "ID" if self.random.percent(50) => json!(number),
            "Float" => json!(f64::from(u32::try_from(number).expect("it is small")) / 16.0),
            "Boolean" => json!(number.is_multiple_of(2)),
            "Color" => json!(["RED", "GREEN", "BLUE"][number % 3]),
            "Digits" => json!(18_446_744_073_709_551_000_u64 + number as u64 % 600),
            _ => json!(format!("x{number}")),
        }
    }
}

/// The type inside all lists.
fn innermost(ty: &Type) -> &Type {
    if ty.is_list() { innermost(ty.item_type()) } else { ty }
}
