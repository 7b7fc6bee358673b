//! Merges enums and unions.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use apollo_compiler::Name;
use apollo_compiler::ast::EnumValueDefinition;
use apollo_compiler::schema::Component;
use indexmap::IndexMap;

use super::directive::after;
use super::{Merge, Place, TypeIn};

/// One subgraph's definition of an enum value.
type EnumValueIn<'a> = (usize, &'a Component<EnumValueDefinition>);

impl<'a> Merge<'a> {
    /// Prints a union: the members of all subgraphs.
    pub(super) fn union(&mut self, name: &Name, definitions: &[TypeIn<'a>], out: &mut String) {
        let mut members: BTreeMap<&Name, Vec<usize>> = BTreeMap::new();
        for definition in definitions {
            for member in definition.ty.as_union().into_iter().flat_map(|union| &union.members) {
                members.entry(&member.name).or_default().push(definition.subgraph);
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
        let directives = self.type_directives(name, definitions);
        let names: Vec<&str> = members.keys().map(|member| member.as_str()).collect();
        let _ = writeln!(out, "union {name}{directives}{joins}\n  = {}\n", names.join(" | "));
        for (member, having) in &members {
            let code = "INCONSISTENT_UNION_MEMBER";
            self.hint_partial(
                code,
                &format!("member `{member}` of union `{name}`"),
                definitions,
                having,
            );
        }
    }

    /// Prints an enum: all values where it is only returned, the common ones where it is only received; where it is
    /// both, the subgraphs must agree.
    pub(super) fn enumeration(
        &mut self,
        name: &Name,
        definitions: &[TypeIn<'a>],
        out: &mut String,
    ) {
        let mut values: IndexMap<&Name, Vec<EnumValueIn<'a>>> = IndexMap::new();
        for definition in definitions {
            for value in definition.ty.as_enum().into_iter().flat_map(|e| e.values.values()) {
                values.entry(&value.value).or_default().push((definition.subgraph, value));
            }
        }
        if !self.used_as_input.contains(name) && !self.used_as_output.contains(name) {
            let subgraphs = definitions.iter().map(|d| d.subgraph).collect::<Vec<_>>();
            let message = format!(
                "enum `{name}` is neither received nor returned in {}: the supergraph has all its values",
                self.names(&subgraphs)
            );
            self.hint("UNUSED_ENUM_TYPE", message, subgraphs);
        }
        let directives = self.type_directives(name, definitions);
        let _ = writeln!(out, "enum {name}{directives}\n{{");
        let mut is_empty = true;
        for (value, found) in &values {
            if self.keeps_value(name, value, definitions, found) {
                is_empty = false;
                self.enum_value(&format!("`{name}.{value}`"), value, found, out);
            }
        }
        out.push_str("}\n\n");
        if is_empty {
            let all: Vec<usize> =
                definitions.iter().map(|definition| definition.subgraph).collect();
            let message = format!(
                "enum `{name}` is received, and no value of it is known to all of {}",
                self.names(&all)
            );
            self.error("EMPTY_MERGED_ENUM_TYPE", message, definitions.iter().map(TypeIn::place));
        }
    }

    fn enum_value(
        &mut self,
        element: &str,
        value: &Name,
        found: &[EnumValueIn<'_>],
        out: &mut String,
    ) {
        let descriptions = found.iter().map(|(i, v)| (*i, v.description.as_ref()));
        self.describe(element, descriptions, "  ", out);
        let join = |(index, _): &EnumValueIn<'_>| {
            format!("@join__enumValue(graph: {})", self.graphs[*index])
        };
        let joins: Vec<String> = found.iter().map(join).collect();
        let applications =
            found.iter().map(|(index, v)| (*index, v.directives.iter().map(|d| &**d)));
        let carried = self.carried(element, applications, &[]);
        let _ = writeln!(out, "  {value}{}{}", after(&joins), after(&carried));
    }

    /// Whether the supergraph has a value that these subgraphs know.
    fn keeps_value(
        &mut self,
        name: &Name,
        value: &Name,
        definitions: &[TypeIn<'a>],
        found: &[EnumValueIn<'_>],
    ) -> bool {
        if found.len() == definitions.len() {
            return true;
        }
        let (is_input, is_output) =
            (self.used_as_input.contains(name), self.used_as_output.contains(name));
        let having: Vec<usize> = found.iter().map(|(index, _)| *index).collect();
        let is_hidden = found
            .iter()
            .any(|(index, v)| self.subgraphs[*index].link.field_has(&v.directives, "inaccessible"));
        let element = format!("value `{value}` of enum `{name}`");
        match (is_input, is_output) {
            (true, true) if !is_hidden => {
                let missing = lacking(definitions, &having);
                let message = format!(
                    "enum `{name}` is both received and returned, and its value `{value}` is in {} but not in {}",
                    self.names(&having),
                    self.names(&missing)
                );
                let places: Vec<Place> = found
                    .iter()
                    .map(|(index, v)| (*index, v.location()))
                    .chain(
                        definitions
                            .iter()
                            .filter(|d| missing.contains(&d.subgraph))
                            .map(TypeIn::place),
                    )
                    .collect();
                self.error("ENUM_VALUE_MISMATCH", message, places);
                true
            }
            (true, false) => {
                self.hint_partial(
                    "INCONSISTENT_ENUM_VALUE_FOR_INPUT_ENUM",
                    &element,
                    definitions,
                    &having,
                );
                false
            }
            (true, true) | (false, _) => {
                self.hint_partial(
                    "INCONSISTENT_ENUM_VALUE_FOR_OUTPUT_ENUM",
                    &element,
                    definitions,
                    &having,
                );
                true
            }
        }
    }

    /// Hints that only some of a type's subgraphs have a part of it.
    fn hint_partial(
        &mut self,
        code: &'static str,
        element: &str,
        definitions: &[TypeIn<'_>],
        having: &[usize],
    ) {
        let missing = lacking(definitions, having);
        if !missing.is_empty() {
            let message = format!(
                "{element} is in {} but not in {}",
                self.names(having),
                self.names(&missing)
            );
            self.hint(code, message, missing);
        }
    }
}

fn lacking(definitions: &[TypeIn<'_>], having: &[usize]) -> Vec<usize> {
    definitions
        .iter()
        .map(|definition| definition.subgraph)
        .filter(|index| !having.contains(index))
        .collect()
}
