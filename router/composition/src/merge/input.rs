//! Merges what clients send: arguments and input objects.

use std::fmt::Write as _;

use apollo_compiler::ast::{InputValueDefinition, Type, Value};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node};
use indexmap::IndexMap;

use super::directive::after;
use super::field::FieldIn;
use super::{Merge, Place, TypeIn};
use crate::default::{is_same, with_names};

/// One subgraph's definition of an argument or input field.
type InputValueIn<'a> = (usize, &'a Node<InputValueDefinition>);

/// The codes for arguments, or those for input fields.
struct Codes {
    type_mismatch: &'static str,
    default_mismatch: &'static str,
    type_hint: &'static str,
}

const ARGUMENT: Codes = Codes {
    type_mismatch: "FIELD_ARGUMENT_TYPE_MISMATCH",
    default_mismatch: "FIELD_ARGUMENT_DEFAULT_MISMATCH",
    type_hint: "INCONSISTENT_BUT_COMPATIBLE_ARGUMENT_TYPE",
};
const INPUT_FIELD: Codes = Codes {
    type_mismatch: "FIELD_TYPE_MISMATCH",
    default_mismatch: "INPUT_FIELD_DEFAULT_MISMATCH",
    type_hint: "INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE",
};

impl<'a> Merge<'a> {
    /// The arguments of a field that all subgraphs have: `(first: Int = 5)`.
    pub(super) fn arguments(&mut self, coordinate: &str, owners: &[FieldIn<'a>]) -> String {
        let arguments =
            owners.iter().map(|owner| (owner.subgraph, &owner.definition.arguments[..]));
        let places: Vec<Place> = owners.iter().map(FieldIn::place).collect();
        self.arguments_of(coordinate, arguments, &places)
    }

    /// The arguments that all of a field's or a directive's definitions have.
    pub(super) fn arguments_of(
        &mut self,
        coordinate: &str,
        definitions: impl Iterator<Item = (usize, &'a [Node<InputValueDefinition>])>,
        places: &[Place],
    ) -> String {
        let mut arguments: IndexMap<&Name, Vec<InputValueIn<'a>>> = IndexMap::new();
        for (subgraph, defined) in definitions {
            for argument in defined {
                arguments.entry(&argument.name).or_default().push((subgraph, argument));
            }
        }
        let subgraphs: Vec<usize> = places.iter().map(|(subgraph, _)| *subgraph).collect();
        let mut printed = Vec::new();
        for (name, found) in arguments {
            let element = format!("argument `{coordinate}({name}:)`");
            if self.is_given_by_context(&element, &found) {
                continue;
            }
            if let Some(missing) = missing(&subgraphs, &found) {
                let codes = (
                    "REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH",
                    "INCONSISTENT_ARGUMENT_PRESENCE",
                );
                self.leave_out(&element, &found, &missing, codes, places.to_vec());
            } else if let Some(text) = self.input_value(&element, &found, true, &ARGUMENT) {
                printed.push(text);
            }
        }
        if printed.is_empty() { String::new() } else { format!("({})", printed.join(", ")) }
    }

    /// Whether clients do not see an argument as a context gives it; it must do so wherever the argument is needed.
    fn is_given_by_context(&mut self, element: &str, found: &[InputValueIn<'_>]) -> bool {
        let is_contextual =
            |(index, argument): &&InputValueIn<'_>| self.subgraphs[*index].is_contextual(argument);
        let (contextual, others): (Vec<&InputValueIn<'_>>, Vec<&InputValueIn<'_>>) =
            found.iter().partition(is_contextual);
        let Some((first, _)) = contextual.first() else { return false };
        for (index, argument) in others {
            let code = "CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS";
            let message = format!(
                "{element} has `@fromContext` in `{}` but not in `{}`",
                self.subgraphs[*first].name, self.subgraphs[*index].name
            );
            if argument.is_required() {
                let message = format!("{message}, where it is required: nobody would give it");
                self.error(code, message, [(*index, argument.location())]);
            } else {
                let message = format!("{message}: nobody will give it there");
                self.hint(code, message, [*index]);
            }
        }
        true
    }

    /// Prints an input object: the fields that all subgraphs know.
    pub(super) fn input_object(
        &mut self,
        name: &Name,
        definitions: &[TypeIn<'a>],
        out: &mut String,
    ) {
        let mut fields: IndexMap<&Name, Vec<InputValueIn<'a>>> = IndexMap::new();
        for TypeIn { subgraph, ty } in definitions.iter().copied() {
            let ExtendedType::InputObject(input) = ty else { continue };
            for field in input.fields.values() {
                fields.entry(&field.name).or_default().push((subgraph, field));
            }
        }
        let is_one_of =
            definitions.iter().any(|definition| definition.ty.directives().has("oneOf"));
        let directives = self.type_directives(name, definitions);
        self.uses_one_of |= is_one_of;
        let one_of = if is_one_of { " @oneOf" } else { "" };
        let _ = writeln!(out, "input {name}{directives}{one_of}\n{{");
        let subgraphs: Vec<usize> =
            definitions.iter().map(|definition| definition.subgraph).collect();
        let mut is_empty = true;
        for (field, found) in &fields {
            let element = format!("input field `{name}.{field}`");
            let missing = missing(&subgraphs, found);
            if let Some(missing) = missing.filter(|_| !self.is_hidden(found)) {
                let places: Vec<Place> = definitions.iter().map(TypeIn::place).collect();
                let code = "REQUIRED_INPUT_FIELD_MISSING_IN_SOME_SUBGRAPH";
                self.leave_out(
                    &element,
                    found,
                    &missing,
                    (code, "INCONSISTENT_INPUT_OBJECT_FIELD"),
                    places,
                );
                continue;
            }
            is_empty = false;
            let is_everywhere = found.len() == definitions.len();
            let Some(text) = self.input_value(&element, found, is_everywhere, &INPUT_FIELD) else {
                continue;
            };
            let descriptions = found.iter().map(|(i, f)| (*i, f.description.as_ref()));
            self.describe(&element, descriptions, "  ", out);
            let _ = writeln!(out, "  {text}");
        }
        out.push_str("}\n\n");
        if is_empty {
            let message = format!(
                "no field of input object `{name}` is known to all of {}",
                self.names(&subgraphs)
            );
            self.error("EMPTY_MERGED_INPUT_TYPE", message, definitions.iter().map(TypeIn::place));
        }
    }

    /// Whether no client can send an input field, so that nobody has to know it.
    fn is_hidden(&self, found: &[InputValueIn<'_>]) -> bool {
        found.iter().any(|(index, value)| {
            self.subgraphs[*index].link.field_has(&value.directives, "inaccessible")
        })
    }

    /// What only some subgraphs know cannot be sent to the others: it is left out, unless some insist on it.
    fn leave_out(
        &mut self,
        element: &str,
        found: &[InputValueIn<'_>],
        missing: &[usize],
        (error, hint): (&'static str, &'static str),
        places: Vec<Place>,
    ) {
        let required: Vec<usize> =
            found.iter().filter(|(_, v)| v.is_required()).map(|(i, _)| *i).collect();
        if required.is_empty() {
            let having: Vec<usize> = found.iter().map(|(index, _)| *index).collect();
            let message = format!(
                "{element} is in {} but not in {}: the supergraph does not have it",
                self.names(&having),
                self.names(missing)
            );
            self.hint(hint, message, missing.to_vec());
        } else {
            let message = format!(
                "{element} is required in {} but missing in {}",
                self.names(&required),
                self.names(missing)
            );
            self.error(error, message, places);
        }
    }

    /// An argument or input field: the strictest of the types, the common default.
    fn input_value(
        &mut self,
        element: &str,
        found: &[InputValueIn<'_>],
        is_everywhere: bool,
        codes: &Codes,
    ) -> Option<String> {
        let ty = self.strictest_type(element, found, codes)?;
        let default = self.common_default(element, found, codes);
        let types_differ = found.iter().any(|(_, value)| *value.ty != ty);
        let is_field = codes.type_mismatch == INPUT_FIELD.type_mismatch;
        let joins: Vec<String> = if is_field && (types_differ || !is_everywhere) {
            let join = |(i, value): &InputValueIn<'_>| {
                let ty =
                    if types_differ { format!(", type: \"{}\"", value.ty) } else { String::new() };
                format!("@join__field(graph: {}{ty})", self.graphs[*i])
            };
            found.iter().map(join).collect()
        } else {
            Vec::new()
        };
        let applications =
            found.iter().map(|(index, value)| (*index, value.directives.iter().map(|d| &**d)));
        let carried = self.carried(element, applications, &[]);
        Some(format!("{}: {ty}{default}{}{}", found[0].1.name, after(&joins), after(&carried)))
    }

    fn strictest_type(
        &mut self,
        element: &str,
        found: &[InputValueIn<'_>],
        codes: &Codes,
    ) -> Option<Type> {
        let (first_index, first) = found[0];
        let mut ty = (*first.ty).clone();
        for (index, other) in &found[1..] {
            let Some(strictest) = stricter(&ty, &other.ty) else {
                let message = format!(
                    "{element} is `{ty}` in `{}` but `{}` in `{}`",
                    self.subgraphs[first_index].name, other.ty, self.subgraphs[*index].name
                );
                let places = [(first_index, first.location()), (*index, other.location())];
                self.error(codes.type_mismatch, message, places);
                return None;
            };
            ty = strictest;
        }
        if found.iter().any(|(_, value)| *value.ty != ty) {
            let parts: Vec<String> = found
                .iter()
                .map(|(i, value)| format!("`{}` in `{}`", value.ty, self.subgraphs[*i].name))
                .collect();
            let message = format!("{element} is {}: the supergraph says `{ty}`", parts.join(", "));
            self.hint(
                codes.type_hint,
                message,
                found.iter().map(|(index, _)| *index).collect::<Vec<_>>(),
            );
        }
        Some(ty)
    }

    /// The default that all give, printed; none where some give none.
    fn common_default(
        &mut self,
        element: &str,
        found: &[InputValueIn<'_>],
        codes: &Codes,
    ) -> String {
        let (having, lacking): (Vec<InputValueIn<'_>>, Vec<InputValueIn<'_>>) =
            found.iter().partition(|(_, value)| value.default_value.is_some());
        let written = |(index, value): &InputValueIn<'_>| {
            let default = value.default_value.as_deref()?;
            Some(with_names(&self.subgraphs[*index].schema, default, &value.ty))
        };
        let defaults: Vec<Value> = having.iter().filter_map(written).collect();
        let Some(default) = defaults.first() else { return String::new() };
        let text = |value: &Value| value.serialize().no_indent().to_string();
        let differing = having.iter().zip(&defaults).find(|(_, other)| !is_same(default, other));
        let default = text(default);
        if let Some((other, value)) = differing {
            let message = format!(
                "{element} has the default `{default}` in `{}` but `{}` in `{}`",
                self.subgraphs[having[0].0].name,
                text(value),
                self.subgraphs[other.0].name
            );
            let places = [(having[0].0, having[0].1.location()), (other.0, other.1.location())];
            self.error(codes.default_mismatch, message, places);
        }
        if lacking.is_empty() {
            return format!(" = {default}");
        }
        let subgraphs =
            |of: &[InputValueIn<'_>]| of.iter().map(|(index, _)| *index).collect::<Vec<_>>();
        let (having, lacking) = (subgraphs(&having), subgraphs(&lacking));
        let message = format!(
            "{element} has a default in {} but none in {}: the supergraph has none",
            self.names(&having),
            self.names(&lacking)
        );
        self.hint("INCONSISTENT_DEFAULT_VALUE_PRESENCE", message, lacking);
        String::new()
    }
}

/// The subgraphs that do not have an input value, if there are any.
fn missing(subgraphs: &[usize], found: &[InputValueIn<'_>]) -> Option<Vec<usize>> {
    let lacks = |index: &usize| found.iter().all(|(having, _)| having != index);
    let missing: Vec<usize> = subgraphs.iter().copied().filter(lacks).collect();
    (!missing.is_empty()).then_some(missing)
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
