//! Checks directives where they stand: `@override`, `@shareable`, `@cost`, `@listSize`, `@tag`.

use std::collections::HashSet;

use apollo_compiler::ast::{Directive, FieldDefinition};
use apollo_compiler::schema::{Component, ExtendedType};

use super::Check;
use crate::link::text;

impl Check<'_> {
    /// Checks the directives on every field.
    pub(super) fn usage(&mut self) {
        let subgraph = self.subgraph;
        for ty in subgraph.schema.types.values().filter(|ty| !ty.is_built_in()) {
            self.requirements(ty);
            self.cache_tags(ty);
            for tag in subgraph.link.all(ty.directives(), "tag") {
                self.tag(ty.name(), tag);
            }
            self.shareable_twice(ty);
            for field in subgraph.fields(ty) {
                self.overriding(ty, field);
                self.shareable(ty, field);
                self.cost(ty, field);
                for tag in subgraph.link.field_all(&field.directives, "tag") {
                    self.tag(&format!("{}.{}", ty.name(), field.name), tag);
                }
            }
        }
    }

    fn overriding(&mut self, ty: &ExtendedType, field: &Component<FieldDefinition>) {
        let subgraph = self.subgraph;
        let Some((from, label)) = subgraph.overrides(field) else { return };
        let (place, span) = (
            format!("`{}.{}` of `{}`", ty.name(), field.name, subgraph.name),
            field.name.location(),
        );
        if ty.is_interface() {
            let message = format!("{place} is a field of an interface and cannot override");
            self.error("OVERRIDE_ON_INTERFACE", message, span);
            return;
        }
        if subgraph.is_interface_object(ty) {
            let message = format!(
                "{place} has `@override`, which a field of an `@interfaceObject` cannot have"
            );
            self.error("OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE", message, span);
        }
        if from == subgraph.name {
            self.error("OVERRIDE_FROM_SELF_ERROR", format!("{place} overrides itself"), span);
        }
        if subgraph.is_external(ty, field) {
            let message = format!("{place} has both `@override` and `@external`");
            self.error("OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE", message, span);
        }
        if let Some(label) = label.filter(|label| !is_label(label)) {
            let message = format!(
                "{place} has the override label `{label}`: a label is `percent(0)` to `percent(100)` with at most 8 \
                 decimals, or begins with a letter and goes on with letters, digits, `_`, `-`, `:`, `.` and `/`"
            );
            self.error("OVERRIDE_LABEL_INVALID", message, span);
        }
    }

    fn shareable(&mut self, ty: &ExtendedType, field: &Component<FieldDefinition>) {
        let subgraph = self.subgraph;
        if !subgraph.link.field_has(&field.directives, "shareable") {
            return;
        }
        if subgraph.supergraph_name(ty.name()) == "Subscription" {
            let message = format!(
                "`{}.{}` of `{}` is a subscription and cannot be `@shareable`: it has one source",
                ty.name(),
                field.name,
                subgraph.name
            );
            self.error("INVALID_FIELD_SHARING", message, field.name.location());
        }
        if ty.is_interface() {
            let message = format!(
                "`{}.{}` of `{}` is a field of an interface and cannot be `@shareable`: only what resolves can be shared",
                ty.name(),
                field.name,
                subgraph.name
            );
            self.error("INVALID_SHAREABLE_USAGE", message, field.name.location());
        }
    }

    /// `@shareable` may be repeated so that a type and its extensions can each have it, and not beside itself.
    fn shareable_twice(&mut self, ty: &ExtendedType) {
        let subgraph = self.subgraph;
        let is_shareable = |name: &str| subgraph.link.canonical(name) == Some("shareable");
        let directives = ty.directives().iter().filter(|d| is_shareable(&d.name));
        let mut origins = HashSet::new();
        if directives.map(|directive| &directive.origin).any(|origin| !origins.insert(origin)) {
            let message = format!("`{}` of `{}` is `@shareable` twice", ty.name(), subgraph.name);
            self.error("INVALID_SHAREABLE_USAGE", message, ty.name().location());
        }
        for field in subgraph.fields(ty) {
            if subgraph.link.field_all(&field.directives, "shareable").nth(1).is_some() {
                let message = format!(
                    "`{}.{}` of `{}` is `@shareable` twice",
                    ty.name(),
                    field.name,
                    subgraph.name
                );
                self.error("INVALID_SHAREABLE_USAGE", message, field.name.location());
            }
        }
    }

    fn cost(&mut self, ty: &ExtendedType, field: &Component<FieldDefinition>) {
        let subgraph = self.subgraph;
        let (place, span) = (
            format!("`{}.{}` of `{}`", ty.name(), field.name, subgraph.name),
            field.name.location(),
        );
        if ty.is_interface() && subgraph.link.field_has(&field.directives, "cost") {
            let message =
                format!("{place} is a field of an interface and has no `@cost` of its own");
            self.error("COST_APPLIED_TO_INTERFACE_FIELD", message, span);
        }
        for list_size in subgraph.link.field_all(&field.directives, "listSize") {
            self.list_size(&place, field, list_size);
        }
    }

    fn list_size(
        &mut self,
        place: &str,
        field: &Component<FieldDefinition>,
        list_size: &Directive,
    ) {
        let span = field.name.location();
        let sized_fields = names(list_size, "sizedFields");
        if !field.ty.is_list() && sized_fields.is_empty() {
            let message =
                format!("{place} has `@listSize` but is `{}`, which is no list", field.ty);
            self.error("LIST_SIZE_APPLIED_TO_NON_LIST", message, span);
        }
        let assumed =
            list_size.specified_argument_by_name("assumedSize").and_then(|size| size.to_i32());
        if let Some(size) = assumed.filter(|size| *size < 0) {
            self.error(
                "LIST_SIZE_INVALID_ASSUMED_SIZE",
                format!("{place} assumes the size {size}"),
                span,
            );
        }
        for argument in names(list_size, "slicingArguments") {
            let is_int = |name: &str| name == "Int";
            let known = field
                .argument_by_name(argument)
                .is_some_and(|a| is_int(a.ty.inner_named_type()) && !a.ty.is_list());
            if !known {
                let message = format!(
                    "{place} is sliced by the argument `{argument}`, which is no `Int` argument of it"
                );
                self.error("LIST_SIZE_INVALID_SLICING_ARGUMENT", message, span);
            }
        }
        for name in sized_fields {
            let sized = self.subgraph.schema.type_field(field.ty.inner_named_type(), name);
            let on = field.ty.inner_named_type();
            let (code, what) = match sized {
                Ok(sized) if sized.ty.is_list() => continue,
                Ok(_) => ("LIST_SIZE_APPLIED_TO_NON_LIST", "no list"),
                Err(_) => ("LIST_SIZE_INVALID_SIZED_FIELD", "not there"),
            };
            let message = format!("{place} sizes the field `{name}` of `{on}`, which is {what}");
            self.error(code, message, span);
        }
    }

    fn tag(&mut self, place: &str, tag: &Directive) {
        let name = text(tag, "name").unwrap_or_default();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
        if name.is_empty()
            || name.len() > 128
            || !name.starts_with(is_name_start)
            || !name.chars().all(is_name)
        {
            let message = format!(
                "`{place}` of `{}` has the tag `{name}`: a tag begins with a letter or `_` and goes on with at most 127 \
                 letters, digits, `_`, `-` and `/`",
                self.subgraph.name
            );
            self.error("INVALID_TAG_NAME", message, tag.name.location());
        }
    }
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

/// `percent(12.5)`, or a name that the router's operators define.
fn is_label(label: &str) -> bool {
    let percent = label.strip_prefix("percent(").and_then(|rest| rest.strip_suffix(')'));
    if let Some(percent) = percent {
        let (whole, fraction) = percent.split_once('.').unwrap_or((percent, "0"));
        let is_number = |digits: &str, most: usize| {
            (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        };
        return is_number(whole, 3)
            && is_number(fraction, 8)
            && percent.parse::<f64>().is_ok_and(|percent| percent <= 100.0);
    }
    label.starts_with(|c: char| c.is_ascii_alphabetic())
        && label.chars().all(|c| c.is_ascii_alphanumeric() || "_-:./".contains(c))
}

/// A list of names as an argument of a directive.
fn names<'a>(directive: &'a Directive, argument: &str) -> Vec<&'a str> {
    let list = directive.specified_argument_by_name(argument).and_then(|value| value.as_list());
    list.unwrap_or_default().iter().filter_map(|name| name.as_str()).collect()
}
