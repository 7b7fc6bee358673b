//! Compares two schemas as clients see them: what breaks operations, what may surprise them, what is safe.
//!
//! 1. [`changes`] goes through both schemas, and says of each difference what it touches: the coordinates of the old one.
//! 2. [`Usage::of`] says which coordinates an operation uses; [`Usage::meets`], whether a change touches one of them.

mod input;
mod output;
mod usage;

use std::fmt;

use apollo_compiler::ast::{OperationType, Type};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node, Schema};

pub use self::usage::Usage;

/// A difference between two schemas.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// How much it matters to clients.
    pub impact: Impact,
    /// What kind it is, e.g. `FIELD_REMOVED`.
    pub kind: &'static str,
    /// Where it is: `User.name`, `Query.user(id:)`, `Color.RED`.
    pub coordinate: String,
    /// What was and what is.
    pub message: String,
    /// The coordinates of the old schema whose users it concerns: any of them.
    pub touches: Vec<String>,
}

/// How much a change matters to clients; the first matters most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// Operations that were answered will be refused, or answered with what their clients cannot read.
    Breaking,
    /// Operations are answered, but with what their clients may not expect.
    Dangerous,
    /// No operation notices.
    Safe,
}

impl fmt::Display for Impact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Breaking => "breaking",
            Self::Dangerous => "dangerous",
            Self::Safe => "safe",
        })
    }
}

/// All differences between two schemas, the worst first.
///
/// ```
/// use apollo_compiler::Schema;
/// use composition::{Impact, changes};
///
/// let old = Schema::parse("type Query { a: Int b: Int! }", "old.graphql").unwrap();
/// let new = Schema::parse("type Query { b: Int c: Int }", "new.graphql").unwrap();
/// let found: Vec<_> = changes(&old, &new).into_iter().map(|c| (c.impact, c.coordinate)).collect();
/// assert_eq!(found[0], (Impact::Breaking, "Query.a".to_owned()));
/// assert_eq!(found[1], (Impact::Breaking, "Query.b".to_owned()));
/// assert_eq!(found[2], (Impact::Safe, "Query.c".to_owned()));
/// ```
pub fn changes(old: &Schema, new: &Schema) -> Vec<Change> {
    let mut comparison = Comparison { old, new, changes: Vec::new() };
    comparison.roots();
    comparison.types();
    comparison.directives();
    comparison.changes.sort();
    comparison.changes
}

struct Comparison<'a> {
    old: &'a Schema,
    new: &'a Schema,
    changes: Vec<Change>,
}

impl Comparison<'_> {
    fn note(&mut self, impact: Impact, kind: &'static str, coordinate: &str, message: String) {
        self.note_touching(impact, kind, coordinate, message, vec![coordinate.to_owned()]);
    }

    fn note_touching(
        &mut self,
        impact: Impact,
        kind: &'static str,
        coordinate: &str,
        message: String,
        touches: Vec<String>,
    ) {
        let coordinate = coordinate.to_owned();
        self.changes.push(Change { impact, kind, coordinate, message, touches });
    }

    fn roots(&mut self) {
        for operation_type in
            [OperationType::Query, OperationType::Mutation, OperationType::Subscription]
        {
            let (old, new) =
                (self.old.root_operation(operation_type), self.new.root_operation(operation_type));
            if let (Some(old), Some(new)) = (old, new)
                && old != new
            {
                let message = format!("the {operation_type} root was `{old}` and is `{new}`");
                self.note(Impact::Breaking, "ROOT_TYPE_CHANGED", old.as_str(), message);
            }
        }
    }

    fn types(&mut self) {
        let (old, new) = (self.old, self.new);
        for ty in old.types.values().filter(|ty| !ty.is_built_in()) {
            let name = ty.name();
            match new.types.get(name) {
                None => {
                    let message = format!("{} `{name}` was removed", kind(ty));
                    self.note(Impact::Breaking, "TYPE_REMOVED", name, message);
                }
                Some(other) if kind(ty) != kind(other) => {
                    let message = format!("`{name}` was {} and is {}", a(kind(ty)), a(kind(other)));
                    self.note(Impact::Breaking, "TYPE_KIND_CHANGED", name, message);
                }
                Some(other) => {
                    self.described(name, ty.description(), other.description());
                    self.type_parts(ty, other);
                }
            }
        }
        for ty in new.types.values().filter(|ty| !ty.is_built_in()) {
            if !old.types.contains_key(ty.name()) {
                let message = format!("{} `{}` was added", kind(ty), ty.name());
                self.note(Impact::Safe, "TYPE_ADDED", ty.name(), message);
            }
        }
    }

    fn type_parts(&mut self, old: &ExtendedType, new: &ExtendedType) {
        match (old, new) {
            (ExtendedType::Object(a), ExtendedType::Object(b)) => {
                self.interfaces(&a.name, &a.implements_interfaces, &b.implements_interfaces);
                self.fields(&a.name, &a.fields, &b.fields);
            }
            (ExtendedType::Interface(a), ExtendedType::Interface(b)) => {
                self.interfaces(&a.name, &a.implements_interfaces, &b.implements_interfaces);
                self.fields(&a.name, &a.fields, &b.fields);
            }
            (ExtendedType::Union(a), ExtendedType::Union(b)) => self.members(a, b),
            (ExtendedType::Enum(a), ExtendedType::Enum(b)) => self.values(a, b),
            (ExtendedType::InputObject(a), ExtendedType::InputObject(b)) => self.input_fields(a, b),
            _ => {}
        }
    }

    fn described(&mut self, coordinate: &str, old: Option<&Node<str>>, new: Option<&Node<str>>) {
        if old.map(Node::as_str) != new.map(Node::as_str) {
            let message = format!("the description of `{coordinate}` changed");
            self.note(Impact::Safe, "DESCRIPTION_CHANGED", coordinate, message);
        }
    }

    fn directives(&mut self) {
        let (old, new) = (self.old, self.new);
        for (name, definition) in &old.directive_definitions {
            let coordinate = format!("@{name}");
            let Some(other) = new.directive_definitions.get(name) else {
                let message = format!("directive `{coordinate}` was removed");
                self.note(Impact::Breaking, "DIRECTIVE_REMOVED", &coordinate, message);
                continue;
            };
            for location in &definition.locations {
                if !other.locations.contains(location) {
                    let message = format!("`{coordinate}` cannot stand on {location} any more");
                    let kind = "DIRECTIVE_LOCATION_REMOVED";
                    self.note(Impact::Breaking, kind, &coordinate, message);
                }
            }
            if definition.repeatable && !other.repeatable {
                let message = format!("`{coordinate}` cannot be repeated any more");
                let kind = "DIRECTIVE_REPEATABLE_REMOVED";
                self.note(Impact::Breaking, kind, &coordinate, message);
            }
            self.arguments(&coordinate, &definition.arguments, &other.arguments);
        }
        for name in new.directive_definitions.keys() {
            if !old.directive_definitions.contains_key(name) {
                let message = format!("directive `@{name}` was added");
                self.note(Impact::Safe, "DIRECTIVE_ADDED", &format!("@{name}"), message);
            }
        }
    }
}

fn kind(ty: &ExtendedType) -> &'static str {
    match ty {
        ExtendedType::Scalar(_) => "scalar",
        ExtendedType::Object(_) => "object type",
        ExtendedType::Interface(_) => "interface",
        ExtendedType::Union(_) => "union",
        ExtendedType::Enum(_) => "enum",
        ExtendedType::InputObject(_) => "input object",
    }
}

/// With its article.
fn a(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// Whether whoever reads `old` can read `new`: the same, or a type of it, or never null where null was possible.
fn is_readable_as(schema: &Schema, new: &Type, old: &Type) -> bool {
    if old.is_non_null() && !new.is_non_null() {
        return false;
    }
    match (old.is_list(), new.is_list()) {
        (true, true) => is_readable_as(schema, new.item_type(), old.item_type()),
        (false, false) => {
            let (old, new): (&Name, &Name) = (old.inner_named_type(), new.inner_named_type());
            old == new || schema.is_subtype(old, new)
        }
        _ => false,
    }
}

/// Whether whatever was sent as `old` can be sent as `new`.
fn is_sendable_as(old: &Type, new: &Type) -> bool {
    if new.is_non_null() && !old.is_non_null() {
        return false;
    }
    match (old.is_list(), new.is_list()) {
        (true, true) => is_sendable_as(old.item_type(), new.item_type()),
        (false, false) => old.inner_named_type() == new.inner_named_type(),
        // Variables declared as `[T]` are refused where `T` is wanted, and `T` as a variable where `[T]` is.
        _ => false,
    }
}
