//! Checks `@context` and `@fromContext`: that a context is set, and that what is taken from it fits the argument.

use apollo_compiler::Name;
use apollo_compiler::ast::{Directive, FieldDefinition, InputValueDefinition, Type};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{Component, ExtendedType};
use supergraph::{FieldSet, FieldSetField, FieldSetSelection};

use super::Check;
use super::field_set::UsedFields;
use crate::link::text;
use crate::subgraph::ContextValue;

/// One argument with `@fromContext`, and the value it takes.
struct Taken<'a> {
    argument: &'a InputValueDefinition,
    value: ContextValue<'a>,
    /// How messages begin: `` argument `Child.greeting(locale:)` of `a` takes from the context `user` ``.
    subject: String,
    span: Option<SourceSpan>,
}

impl Check<'_> {
    /// Checks the contexts, and notes the fields that values are taken from.
    pub(super) fn contexts(&mut self, used: &mut UsedFields) {
        let subgraph = self.subgraph;
        for ty in subgraph.schema.types.values().filter(|ty| !ty.is_built_in()) {
            for context in subgraph.link.all(ty.directives(), "context") {
                self.context_name(ty, context);
            }
            for field in subgraph.fields(ty) {
                for argument in field.arguments.iter().filter(|a| subgraph.is_contextual(a)) {
                    self.contextual_argument(ty, field, argument, used);
                }
            }
        }
        for definition in subgraph.schema.directive_definitions.values() {
            for argument in definition.arguments.iter().filter(|a| subgraph.is_contextual(a)) {
                let message = format!(
                    "argument `@{}({}:)` of `{}` cannot have `@fromContext`: a directive stands below no object",
                    definition.name, argument.name, subgraph.name
                );
                self.error("CONTEXT_NOT_SET", message, argument.name.location());
            }
        }
    }

    fn context_name(&mut self, ty: &ExtendedType, context: &Directive) {
        let name = text(context, "name").unwrap_or_default();
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if begins && name.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return;
        }
        let message = format!(
            "`{}` of `{}` sets the context `{name}`: the name of a context begins with a letter and goes on with letters \
             and digits",
            ty.name(),
            self.subgraph.name
        );
        self.error("CONTEXT_NAME_INVALID", message, context.name.location());
    }

    fn contextual_argument(
        &mut self,
        ty: &ExtendedType,
        field: &Component<FieldDefinition>,
        argument: &InputValueDefinition,
        used: &mut UsedFields,
    ) {
        let subgraph = self.subgraph;
        let span = argument.name.location();
        let place = format!(
            "argument `{}.{}({}:)` of `{}`",
            ty.name(),
            field.name,
            argument.name,
            subgraph.name
        );
        if ty.is_interface() {
            let message = format!("{place} has `@fromContext`, but is an interface's");
            self.error("CONTEXT_NOT_SET", message, span);
            return;
        }
        if subgraph.is_in_an_interface(ty, &field.name) {
            let message = format!(
                "{place} has `@fromContext`, but an interface of `{}` has the field as well",
                ty.name()
            );
            self.error("CONTEXT_NOT_SET", message, span);
        }
        if argument.default_value.is_some() {
            let message =
                format!("{place} has `@fromContext` and a default: the context always has a value");
            self.error("CONTEXT_NOT_SET", message, span);
        }
        if subgraph.keys(ty).iter().all(|(_, resolvable)| !resolvable) {
            let message = format!(
                "{place} has `@fromContext`, but `{}` has no resolvable `@key` there, by which the field is fetched",
                ty.name()
            );
            self.error("CONTEXT_NO_RESOLVABLE_KEY", message, span);
        }
        let directive =
            subgraph.context_directive(argument).expect("the caller found the directive");
        let Some(value) = ContextValue::of(directive) else {
            let message = format!(
                "{place} takes `{}`, which does not name a context and what to select: `$context {{ field }}`",
                text(directive, "field").unwrap_or_default()
            );
            self.error("NO_CONTEXT_IN_SELECTION", message, span);
            return;
        };
        let subject = format!("{place} takes from the context `{}`", value.context);
        self.taken(&Taken { argument, value, subject, span }, used);
    }

    /// Checks what is taken against every type that sets the context.
    fn taken(&mut self, taken: &Taken<'_>, used: &mut UsedFields) {
        let subgraph = self.subgraph;
        let sources: Vec<&ExtendedType> =
            subgraph.types_with_context(taken.value.context).collect();
        if sources.is_empty() {
            let message = format!("{}, which no type there sets", taken.subject);
            self.error("CONTEXT_NOT_SET", message, taken.span);
            return;
        }
        let selection = match taken.value.selection() {
            Ok(selection) => selection,
            Err(error) => return self.refuse_selection(taken, &error.to_string()),
        };
        if let Some(object) = sources.iter().find(|ty| subgraph.is_interface_object(ty)) {
            let reason = format!("`{}`, which sets it, is an `@interfaceObject`", object.name());
            return self.refuse_selection(taken, &reason);
        }
        let fragments: Option<Vec<_>> = selection.selections.iter().map(fragment).collect();
        let checked = match fragments {
            None => sources
                .iter()
                .try_for_each(|source| self.one_field(source, &selection, taken, used)),
            Some(fragments) => self.fragments(&sources, &fragments, taken, used),
        };
        if let Err(reason) = checked {
            self.refuse_selection(taken, &reason);
        }
    }

    /// Each source needs a fragment that fits it, each fragment a source.
    fn fragments(
        &self,
        sources: &[&ExtendedType],
        fragments: &[(&Name, &FieldSet)],
        taken: &Taken<'_>,
        used: &mut UsedFields,
    ) -> Result<(), String> {
        let subgraph = self.subgraph;
        let mut unmatched: Vec<&ExtendedType> = sources.to_vec();
        for (condition, selections) in fragments {
            let Some(ty) = subgraph.schema.types.get(*condition) else {
                return Err(format!("there is no type `{condition}`"));
            };
            let possible = subgraph.possible_types(ty);
            let fits = |source: &ExtendedType| {
                subgraph.possible_types(source).iter().any(|name| possible.contains(name))
            };
            if !sources.iter().any(|source| fits(source)) {
                return Err(format!("no type that sets it can be a `{condition}`"));
            }
            unmatched.retain(|source| !fits(source));
            self.one_field(ty, selections, taken, used)?;
        }
        match unmatched.first() {
            Some(source) => Err(format!("no fragment is for `{}`, which sets it", source.name())),
            None => Ok(()),
        }
    }

    /// Checks that a selection is one field on each level, of the argument's type in the end.
    fn one_field(
        &self,
        on: &ExtendedType,
        selection: &FieldSet,
        taken: &Taken<'_>,
        used: &mut UsedFields,
    ) -> Result<(), String> {
        let ty = self.type_of_selection(on, selection, used)?;
        if taken.argument.ty.is_non_null() {
            return Err(format!(
                "the argument is `{}`: it must be nullable, as its value may be missing",
                taken.argument.ty
            ));
        }
        if is_given_by(&taken.argument.ty, &ty) {
            return Ok(());
        }
        Err(format!(
            "`{selection}` of `{}` is `{ty}` and the argument is `{}`",
            on.name(),
            taken.argument.ty
        ))
    }

    fn type_of_selection(
        &self,
        on: &ExtendedType,
        selection: &FieldSet,
        used: &mut UsedFields,
    ) -> Result<Type, String> {
        let [FieldSetSelection::Field(selected)] = selection.selections.as_slice() else {
            return Err(format!("`{selection}` is not one field: an argument has one value"));
        };
        self.type_of_field(on, selected, used)
    }

    fn type_of_field(
        &self,
        on: &ExtendedType,
        selected: &FieldSetField,
        used: &mut UsedFields,
    ) -> Result<Type, String> {
        let subgraph = self.subgraph;
        let coordinate = format!("{}.{}", on.name(), selected.name);
        if selected.alias.is_some() {
            return Err(format!("`{coordinate}` has an alias"));
        }
        if let Some(directive) = selected.directives.first() {
            return Err(format!("`{coordinate}` has the directive `@{directive}`"));
        }
        let Some(field) = subgraph.fields(on).find(|field| field.name == selected.name) else {
            return Err(format!("`{}` has no field `{}`", on.name(), selected.name));
        };
        self.note_use(on.name(), &selected.name, used);
        let below = subgraph.schema.types.get(field.ty.inner_named_type());
        let below = below.filter(|ty| ty.is_object() || ty.is_interface() || ty.is_union());
        match below {
            None if selected.selections.is_empty() => Ok(field.ty.clone()),
            Some(ty) if !selected.selections.is_empty() => {
                let inner = self.type_of_selection(ty, &selected.selections, used)?;
                Ok(within(&field.ty, inner))
            }
            None => Err(format!("`{coordinate}` is `{}` and has no fields", field.ty)),
            Some(_) => Err(format!("`{coordinate}` is `{}`: its field is missing", field.ty)),
        }
    }

    fn refuse_selection(&mut self, taken: &Taken<'_>, reason: &str) {
        let message = format!("{}, but {reason}", taken.subject);
        self.error("CONTEXT_INVALID_SELECTION", message, taken.span);
    }
}

/// The type condition and the selections of a fragment; `None` for a field.
fn fragment(selection: &FieldSetSelection) -> Option<(&Name, &FieldSet)> {
    match selection {
        FieldSetSelection::InlineFragment { type_condition, selections } => {
            Some((type_condition.as_ref()?, selections))
        }
        FieldSetSelection::Field(_) => None,
    }
}

/// The type of a value below a field: what may be null above may be null below, and a list has a value for each item.
fn within(outer: &Type, inner: Type) -> Type {
    let nested = if outer.is_list() {
        Type::List(Box::new(within(outer.item_type(), inner)))
    } else {
        inner
    };
    match (outer.is_non_null(), outer.is_list()) {
        (true, true) => nested.non_null(),
        (true, false) => nested,
        (false, _) => nested.nullable(),
    }
}

/// Whether every value of `given` is one of `wanted`.
fn is_given_by(wanted: &Type, given: &Type) -> bool {
    if wanted.is_non_null() && !given.is_non_null() {
        return false;
    }
    match (wanted.is_list(), given.is_list()) {
        (true, true) => is_given_by(wanted.item_type(), given.item_type()),
        (false, false) => wanted.inner_named_type() == given.inner_named_type(),
        _ => false,
    }
}
