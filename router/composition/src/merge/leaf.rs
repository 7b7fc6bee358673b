//! Merges enums, unions and input objects.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use apollo_compiler::Name;
use apollo_compiler::ast::{InputValueDefinition, Type};
use apollo_compiler::schema::ExtendedType;
use indexmap::IndexMap;

use super::{Definitions, Merge};

impl<'a> Merge<'a> {
    /// Prints a union: the members of all subgraphs.
    pub(super) fn union(&mut self, name: &Name, definitions: &Definitions<'a>, out: &mut String) {
        let mut members: BTreeMap<&Name, Vec<usize>> = BTreeMap::new();
        for (index, ty) in definitions {
            for member in ty.as_union().into_iter().flat_map(|union| &union.members) {
                members.entry(&member.name).or_default().push(*index);
            }
        }
        let mut joins = String::new();
        for (member, subgraphs) in &members {
            for index in subgraphs {
                let graph = &self.graphs[*index];
                let _ =
                    write!(joins, "\n  @join__unionMember(graph: {graph}, member: \"{member}\")");
            }
        }
        let directives = self.type_directives(definitions);
        let names: Vec<&str> = members.keys().map(|member| member.as_str()).collect();
        let _ = writeln!(out, "union {name}{directives}{joins}\n  = {}\n", names.join(" | "));
    }

    /// Prints an enum: all values where it is only returned, the common ones where it is only received; where it is
    /// both, the subgraphs must agree.
    pub(super) fn enumeration(
        &mut self,
        name: &Name,
        definitions: &Definitions<'a>,
        out: &mut String,
    ) {
        let (input, output) =
            (self.used_as_input.contains(name), self.used_as_output.contains(name));
        let mut values: IndexMap<
            &Name,
            Vec<(usize, &'a apollo_compiler::ast::EnumValueDefinition)>,
        > = IndexMap::new();
        for (index, ty) in definitions {
            for value in ty.as_enum().into_iter().flat_map(|e| e.values.values()) {
                values.entry(&value.value).or_default().push((*index, value));
            }
        }
        let directives = self.type_directives(definitions);
        let _ = writeln!(out, "enum {name}{directives}\n{{");
        let mut printed = false;
        for (value, found) in &values {
            let everywhere = found.len() == definitions.len();
            let hidden = found.iter().any(|(index, v)| {
                self.subgraphs[*index].link.field_has(&v.directives, "inaccessible")
            });
            if !everywhere && input && output && !hidden {
                let missing: Vec<usize> = definitions
                    .iter()
                    .map(|(i, _)| *i)
                    .filter(|i| !found.iter().any(|(f, _)| f == i))
                    .collect();
                let having: Vec<usize> = found.iter().map(|(i, _)| *i).collect();
                let message = format!(
                    "enum `{name}` is both received and returned, and its value `{value}` is in {} but not in {}",
                    self.names(&having),
                    self.names(&missing)
                );
                self.error("ENUM_VALUE_MISMATCH", message, &missing);
            }
            if !everywhere && input && !output {
                continue;
            }
            printed = true;
            self.describe(
                found.iter().map(|(_, v)| v.description.as_ref().map(|d| d.as_str())),
                "  ",
                out,
            );
            let joins: String = found
                .iter()
                .map(|(i, _)| format!(" @join__enumValue(graph: {})", self.graphs[*i]))
                .collect();
            let applications =
                found.iter().map(|(index, v)| (*index, v.directives.iter().map(|d| &**d)));
            let carried: String =
                self.carried(applications).into_iter().map(|d| format!(" {d}")).collect();
            let _ = writeln!(out, "  {value}{joins}{carried}");
        }
        out.push_str("}\n\n");
        if !printed {
            let all: Vec<usize> = definitions.iter().map(|(index, _)| *index).collect();
            let message = format!(
                "enum `{name}` is received, and no value of it is known to all of {}",
                self.names(&all)
            );
            self.error("EMPTY_MERGED_ENUM_TYPE", message, &all);
        }
    }

    /// Prints an input object: the fields that all subgraphs know.
    pub(super) fn input_object(
        &mut self,
        name: &Name,
        definitions: &Definitions<'a>,
        out: &mut String,
    ) {
        let mut fields: IndexMap<&Name, Vec<(usize, &'a InputValueDefinition)>> = IndexMap::new();
        for (index, ty) in definitions {
            let ExtendedType::InputObject(input) = ty else { continue };
            for field in input.fields.values() {
                fields.entry(&field.name).or_default().push((*index, field));
            }
        }
        let one_of = definitions.iter().any(|(_, ty)| ty.directives().has("oneOf"));
        let directives = self.type_directives(definitions);
        let _ =
            writeln!(out, "input {name}{directives}{}\n{{", if one_of { " @oneOf" } else { "" });
        let mut printed = false;
        for (field, found) in &fields {
            let element = format!("input field `{name}.{field}`");
            let missing: Vec<usize> = definitions
                .iter()
                .map(|(i, _)| *i)
                .filter(|i| !found.iter().any(|(f, _)| f == i))
                .collect();
            if !missing.is_empty() {
                let required: Vec<usize> =
                    found.iter().filter(|(_, f)| f.is_required()).map(|(i, _)| *i).collect();
                if !required.is_empty() {
                    let message = format!(
                        "{element} is required in {} but missing in {}",
                        self.names(&required),
                        self.names(&missing)
                    );
                    self.error("REQUIRED_INPUT_FIELD_MISSING_IN_SOME_SUBGRAPH", message, &missing);
                }
                continue;
            }
            let types: Vec<&Type> = found.iter().map(|(_, f)| &*f.ty).collect();
            let joins: String = if types.windows(2).all(|pair| pair[0] == pair[1]) {
                String::new()
            } else {
                let join = |(i, f): &(usize, &InputValueDefinition)| {
                    format!(" @join__field(graph: {}, type: \"{}\")", self.graphs[*i], f.ty)
                };
                found.iter().map(join).collect()
            };
            let codes = ("FIELD_TYPE_MISMATCH", "INPUT_FIELD_DEFAULT_MISMATCH");
            let Some(text) = self.input_value(&element, found, codes, &joins) else { continue };
            printed = true;
            self.describe(
                found.iter().map(|(_, f)| f.description.as_ref().map(|d| d.as_str())),
                "  ",
                out,
            );
            let _ = writeln!(out, "  {text}");
        }
        out.push_str("}\n\n");
        if !printed {
            let all: Vec<usize> = definitions.iter().map(|(index, _)| *index).collect();
            let message = format!(
                "no field of input object `{name}` is known to all of {}",
                self.names(&all)
            );
            self.error("EMPTY_MERGED_INPUT_TYPE", message, &all);
        }
    }

    /// An argument or input field: the strictest of the types, the common default.
    pub(super) fn input_value(
        &mut self,
        element: &str,
        found: &[(usize, &InputValueDefinition)],
        (type_code, default_code): (&'static str, &'static str),
        joins: &str,
    ) -> Option<String> {
        let (first_index, first) = found[0];
        let mut ty = (*first.ty).clone();
        for (index, other) in &found[1..] {
            let Some(stricter) = stricter(&ty, &other.ty) else {
                let message = format!(
                    "{element} is `{ty}` in `{}` but `{}` in `{}`",
                    self.subgraphs[first_index].name, other.ty, self.subgraphs[*index].name
                );
                self.error(type_code, message, &[first_index, *index]);
                return None;
            };
            ty = stricter;
            if first.default_value != other.default_value {
                let text = |value: &InputValueDefinition| {
                    value
                        .default_value
                        .as_ref()
                        .map_or_else(|| "no default".to_owned(), |d| format!("the default `{d}`"))
                };
                let message = format!(
                    "{element} has {} in `{}` but {} in `{}`",
                    text(first),
                    self.subgraphs[first_index].name,
                    text(other),
                    self.subgraphs[*index].name
                );
                self.error(default_code, message, &[first_index, *index]);
            }
        }
        let default =
            first.default_value.as_ref().map(|d| format!(" = {}", d.serialize().no_indent()));
        let applications =
            found.iter().map(|(index, v)| (*index, v.directives.iter().map(|d| &**d)));
        let carried: String =
            self.carried(applications).into_iter().map(|d| format!(" {d}")).collect();
        Some(format!("{}: {ty}{}{joins}{carried}", first.name, default.unwrap_or_default()))
    }
}

/// The type whose values both accept.
fn stricter(a: &Type, b: &Type) -> Option<Type> {
    let inner = match (a.is_list(), b.is_list()) {
        (true, true) => Type::List(Box::new(stricter(a.item_type(), b.item_type())?)),
        (false, false) if a.inner_named_type() == b.inner_named_type() => {
            Type::Named(a.inner_named_type().clone())
        }
        _ => return None,
    };
    Some(if a.is_non_null() || b.is_non_null() { inner.non_null() } else { inner })
}
