//! Reads `@context` and `@fromContext`: which types set a context, and which arguments take a value from one.

use apollo_compiler::Name;
use apollo_compiler::ast::{Directive, FieldDefinition, InputValueDefinition};
use apollo_compiler::schema::ExtendedType;
use supergraph::{FieldSet, FieldSetError, FieldSetSelection};

use super::Subgraph;
use crate::link::text;

/// The value of `@fromContext(field: "$user { locale }")`, in its two parts.
pub(crate) struct ContextValue<'a> {
    /// The context: `user`.
    pub(crate) context: &'a str,
    /// The selection on the type that sets it: `{ locale }`.
    selection: &'a str,
}

impl<'a> ContextValue<'a> {
    /// Reads the value; `None` where it does not name a context and a selection.
    pub(crate) fn of(directive: &'a Directive) -> Option<Self> {
        let value = text(directive, "field")?.trim_start().strip_prefix('$')?.trim_start();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = value.find(|c| !is_name(c))?;
        let (context, selection) = value.split_at(end);
        let selection = selection.trim();
        (!context.is_empty() && !selection.is_empty()).then_some(Self { context, selection })
    }

    /// The selection, parsed.
    pub(crate) fn selection(&self) -> Result<FieldSet, FieldSetError> {
        FieldSet::parse(self.selection)
    }
}

impl Subgraph {
    /// The contexts that a type sets, by their names here.
    pub(crate) fn contexts<'a>(&'a self, ty: &'a ExtendedType) -> impl Iterator<Item = &'a str> {
        self.link.all(ty.directives(), "context").filter_map(|context| text(context, "name"))
    }

    /// The types that set a context.
    pub(crate) fn types_with_context<'a>(
        &'a self,
        context: &'a str,
    ) -> impl Iterator<Item = &'a ExtendedType> {
        let types = self.schema.types.values();
        types.filter(move |ty| self.contexts(ty).any(|name| name == context))
    }

    /// The `@fromContext` of an argument.
    pub(crate) fn context_directive<'a>(
        &'a self,
        argument: &'a InputValueDefinition,
    ) -> Option<&'a Directive> {
        self.link.field_all(&argument.directives, "fromContext").next()
    }

    /// Whether clients do not give the argument, as an object above does.
    pub(crate) fn is_contextual(&self, argument: &InputValueDefinition) -> bool {
        self.context_directive(argument).is_some()
    }

    /// The arguments of a field that a context gives, each with the context and the parsed selection.
    pub(crate) fn context_arguments<'a>(
        &'a self,
        field: &'a FieldDefinition,
    ) -> impl Iterator<Item = (&'a InputValueDefinition, &'a str, FieldSet)> {
        field.arguments.iter().filter_map(|argument| {
            let value = ContextValue::of(self.context_directive(argument)?)?;
            Some((&**argument, value.context, value.selection().ok()?))
        })
    }

    /// The object types that values of a type can have here.
    pub(crate) fn possible_types(&self, ty: &ExtendedType) -> Vec<Name> {
        match ty {
            ExtendedType::Object(object) => vec![object.name.clone()],
            ExtendedType::Interface(interface) => {
                self.implementing_types(&interface.name).map(|ty| ty.name().clone()).collect()
            }
            ExtendedType::Union(union) => {
                union.members.iter().map(|member| member.name.clone()).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Prints a selection as supergraphs have it: `{ locale }`, or fragments as they are.
pub(crate) fn selection_text(selection: &FieldSet) -> String {
    let is_field = |selection: &FieldSetSelection| matches!(selection, FieldSetSelection::Field(_));
    if selection.selections.iter().any(is_field) {
        format!("{{ {selection} }}")
    } else {
        selection.to_string()
    }
}
