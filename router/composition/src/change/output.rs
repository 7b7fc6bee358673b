//! Compares what clients read: fields, interfaces, union members, enum values.

use apollo_compiler::Name;
use apollo_compiler::ast::FieldDefinition;
use apollo_compiler::collections::{IndexMap, IndexSet};
use apollo_compiler::schema::{Component, ComponentName, EnumType, UnionType};

use super::{Comparison, Impact, is_readable_as};

impl Comparison<'_> {
    pub(super) fn fields(
        &mut self,
        name: &Name,
        old: &IndexMap<Name, Component<FieldDefinition>>,
        new: &IndexMap<Name, Component<FieldDefinition>>,
    ) {
        for field in old.values() {
            let coordinate = format!("{name}.{}", field.name);
            match new.get(&field.name) {
                None => {
                    let message = format!("field `{coordinate}` was removed");
                    self.note(Impact::Breaking, "FIELD_REMOVED", &coordinate, message);
                }
                Some(other) => self.field(&coordinate, field, other),
            }
        }
        for field in new.values().filter(|field| !old.contains_key(&field.name)) {
            let coordinate = format!("{name}.{}", field.name);
            let message = format!("field `{coordinate}` was added");
            self.note(Impact::Safe, "FIELD_ADDED", &coordinate, message);
        }
    }

    fn field(&mut self, coordinate: &str, old: &FieldDefinition, new: &FieldDefinition) {
        if old.ty != new.ty {
            let impact = if is_readable_as(self.new, &new.ty, &old.ty) {
                Impact::Safe
            } else {
                Impact::Breaking
            };
            let message = format!("field `{coordinate}` was `{}` and is `{}`", old.ty, new.ty);
            self.note(impact, "FIELD_TYPE_CHANGED", coordinate, message);
        }
        self.described(coordinate, old.description.as_ref(), new.description.as_ref());
        let is_deprecated = |field: &FieldDefinition| field.directives.has("deprecated");
        if is_deprecated(old) != is_deprecated(new) {
            let now =
                if is_deprecated(new) { "is deprecated now" } else { "is not deprecated any more" };
            let message = format!("field `{coordinate}` {now}");
            self.note(Impact::Safe, "FIELD_DEPRECATION_CHANGED", coordinate, message);
        }
        self.arguments(coordinate, &old.arguments, &new.arguments);
    }

    pub(super) fn interfaces(
        &mut self,
        name: &Name,
        old: &IndexSet<ComponentName>,
        new: &IndexSet<ComponentName>,
    ) {
        let has = |set: &IndexSet<ComponentName>, name: &Name| set.iter().any(|i| i.name == *name);
        for interface in old.iter().filter(|interface| !has(new, &interface.name)) {
            let message = format!("`{name}` does not implement `{}` any more", interface.name);
            let touches = vec![name.to_string(), interface.name.to_string()];
            self.note_touching(Impact::Breaking, "INTERFACE_REMOVED", name, message, touches);
        }
        for interface in new.iter().filter(|interface| !has(old, &interface.name)) {
            let message = format!(
                "`{name}` implements `{}` now: who reads the interface gets a type that was not there",
                interface.name
            );
            let touches = vec![interface.name.to_string()];
            self.note_touching(Impact::Dangerous, "INTERFACE_ADDED", name, message, touches);
        }
    }

    pub(super) fn members(&mut self, old: &UnionType, new: &UnionType) {
        let union = &old.name;
        let has = |ty: &UnionType, name: &Name| ty.members.iter().any(|m| m.name == *name);
        for member in old.members.iter().filter(|member| !has(new, &member.name)) {
            let message = format!("`{}` is no member of union `{union}` any more", member.name);
            self.note(Impact::Breaking, "UNION_MEMBER_REMOVED", union, message);
        }
        for member in new.members.iter().filter(|member| !has(old, &member.name)) {
            let message = format!(
                "`{}` is a member of union `{union}` now: who reads it gets a type that was not there",
                member.name
            );
            self.note(Impact::Dangerous, "UNION_MEMBER_ADDED", union, message);
        }
    }

    pub(super) fn values(&mut self, old: &EnumType, new: &EnumType) {
        let name = &old.name;
        for value in old.values.values() {
            let coordinate = format!("{name}.{}", value.value);
            let Some(other) = new.values.get(&value.value) else {
                let message = format!("value `{}` of enum `{name}` was removed", value.value);
                let touches = vec![name.to_string(), coordinate.clone()];
                let kind = "ENUM_VALUE_REMOVED";
                self.note_touching(Impact::Breaking, kind, &coordinate, message, touches);
                continue;
            };
            self.described(&coordinate, value.description.as_ref(), other.description.as_ref());
        }
        for value in new.values.keys().filter(|value| !old.values.contains_key(*value)) {
            let message = format!(
                "value `{value}` of enum `{name}` was added: who reads the enum gets a value that was not there"
            );
            let touches = vec![name.to_string()];
            let coordinate = format!("{name}.{value}");
            let kind = "ENUM_VALUE_ADDED";
            self.note_touching(Impact::Dangerous, kind, &coordinate, message, touches);
        }
    }
}
