//! Checks the field sets of `@key`, `@requires` and `@provides`.

use std::collections::BTreeSet;

use apollo_compiler::ast::{Directive, FieldDefinition};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{Component, ExtendedType};
use apollo_compiler::{Name, Node};
use supergraph::{FieldSet, FieldSetField, FieldSetSelection};

use super::Check;

/// The fields that field sets select: type and field.
pub(super) type UsedFields = BTreeSet<(Name, Name)>;

/// The codes for one directive's field sets.
struct Codes {
    directive: &'static str,
    invalid_type: &'static str,
    invalid: &'static str,
    has_arguments: Option<&'static str>,
    has_directives: &'static str,
    missing_external: Option<&'static str>,
    unsupported_on_interface: &'static str,
}

const KEY: Codes = Codes {
    directive: "key",
    invalid_type: "KEY_INVALID_FIELDS_TYPE",
    invalid: "KEY_INVALID_FIELDS",
    has_arguments: Some("KEY_FIELDS_HAS_ARGS"),
    has_directives: "KEY_DIRECTIVE_IN_FIELDS_ARG",
    missing_external: None,
    unsupported_on_interface: "KEY_UNSUPPORTED_ON_INTERFACE",
};
const REQUIRES: Codes = Codes {
    directive: "requires",
    invalid_type: "REQUIRES_INVALID_FIELDS_TYPE",
    invalid: "REQUIRES_INVALID_FIELDS",
    has_arguments: None,
    has_directives: "REQUIRES_DIRECTIVE_IN_FIELDS_ARG",
    missing_external: Some("REQUIRES_FIELDS_MISSING_EXTERNAL"),
    unsupported_on_interface: "REQUIRES_UNSUPPORTED_ON_INTERFACE",
};
const PROVIDES: Codes = Codes {
    directive: "provides",
    invalid_type: "PROVIDES_INVALID_FIELDS_TYPE",
    invalid: "PROVIDES_INVALID_FIELDS",
    has_arguments: Some("PROVIDES_FIELDS_HAS_ARGS"),
    has_directives: "PROVIDES_DIRECTIVE_IN_FIELDS_ARG",
    missing_external: Some("PROVIDES_FIELDS_MISSING_EXTERNAL"),
    unsupported_on_interface: "PROVIDES_UNSUPPORTED_ON_INTERFACE",
};

/// The field set being checked.
struct Ctx<'a> {
    codes: &'a Codes,
    /// How messages begin: `` `@key` on `User` of `auth` ``.
    subject: String,
    span: Option<SourceSpan>,
    used: &'a mut UsedFields,
}

impl Check<'_> {
    /// Checks all field sets, and says which fields they use.
    pub(super) fn field_sets(&mut self) -> UsedFields {
        let subgraph = self.subgraph;
        let mut used = UsedFields::new();
        for ty in subgraph.schema.types.values().filter(|ty| !ty.is_built_in()) {
            for key in subgraph.link.all(ty.directives(), "key") {
                let supports_interfaces =
                    subgraph.link.version.is_none_or(|version| version >= (2, 3));
                if ty.is_interface() && !supports_interfaces {
                    self.on_interface(ty.name(), &KEY, ty.name().location());
                    continue;
                }
                self.field_set(
                    ty.name(),
                    ty.name().as_str(),
                    key,
                    &KEY,
                    ty.name().location(),
                    &mut used,
                );
            }
            for field in subgraph.fields(ty) {
                self.field_sets_of(ty, field, &mut used);
            }
        }
        used
    }

    fn field_sets_of(
        &mut self,
        ty: &ExtendedType,
        field: &Component<FieldDefinition>,
        used: &mut UsedFields,
    ) {
        let subgraph = self.subgraph;
        let place = format!("{}.{}", ty.name(), field.name);
        let span = field.name.location();
        for (codes, on) in [(&REQUIRES, ty.name()), (&PROVIDES, field.ty.inner_named_type())] {
            for directive in subgraph.link.field_all(&field.directives, codes.directive) {
                if !is_composite(subgraph.schema.types.get(on)) {
                    self.provides_on_leaf(&place, field);
                } else if ty.is_interface() && subgraph.link.version.is_some() {
                    self.on_interface(&place, codes, span);
                } else {
                    self.field_set(on, &place, directive, codes, span, used);
                }
            }
        }
    }

    fn provides_on_leaf(&mut self, place: &str, field: &Component<FieldDefinition>) {
        let subgraph = self.subgraph;
        if subgraph.link.version.is_some() {
            let message = format!(
                "`{place}` of `{}` is `{}`: `@provides` needs an object type, interface or union",
                subgraph.name, field.ty
            );
            self.error("PROVIDES_ON_NON_OBJECT_FIELD", message, field.name.location());
        }
    }

    fn on_interface(&mut self, place: &str, codes: &Codes, span: Option<SourceSpan>) {
        let message = format!(
            "`@{}` on `{place}` of `{}` stands on an interface",
            codes.directive, self.subgraph.name
        );
        self.error(codes.unsupported_on_interface, message, span);
    }

    fn field_set(
        &mut self,
        on: &Name,
        place: &str,
        directive: &Directive,
        codes: &Codes,
        span: Option<SourceSpan>,
        used: &mut UsedFields,
    ) {
        let subject = format!("`@{}` on `{place}` of `{}`", codes.directive, self.subgraph.name);
        let span = directive.specified_argument_by_name("fields").map_or(span, Node::location);
        let Some(fields) = self.subgraph.link.fields(directive) else {
            self.error(
                codes.invalid_type,
                format!("{subject} needs its `fields` as a string"),
                span,
            );
            return;
        };
        let mut ctx = Ctx { codes, subject, span, used };
        match FieldSet::parse(&fields) {
            Ok(set) => self.selections(on, &set, false, &mut ctx),
            Err(error) => self.error(codes.invalid, format!("{}: {error}", ctx.subject), span),
        }
    }

    fn selections(
        &mut self,
        on: &Name,
        set: &FieldSet,
        is_below_external: bool,
        ctx: &mut Ctx<'_>,
    ) {
        for selection in &set.selections {
            match selection {
                FieldSetSelection::InlineFragment { type_condition, selections } => {
                    let on = type_condition.as_ref().unwrap_or(on);
                    if is_composite(self.subgraph.schema.types.get(on)) {
                        self.selections(on, selections, is_below_external, ctx);
                    } else {
                        let reason = format!(
                            "has a fragment on `{on}`, which `{}` does not have",
                            self.subgraph.name
                        );
                        self.refuse(ctx.codes.invalid, &reason, ctx);
                    }
                }
                FieldSetSelection::Field(field) if field.name == "__typename" => {
                    let code = ctx.codes.missing_external.filter(|_| !is_below_external);
                    if let Some(code) = code.filter(|_| self.subgraph.link.version.is_some()) {
                        let reason =
                            format!("selects `{on}.__typename`, which every subgraph knows");
                        self.refuse(code, &reason, ctx);
                    }
                }
                FieldSetSelection::Field(field) => self.selected(on, field, is_below_external, ctx),
            }
        }
    }

    /// Checks one selected field, and notes that it is used.
    fn selected(
        &mut self,
        on: &Name,
        selected: &FieldSetField,
        is_below_external: bool,
        ctx: &mut Ctx<'_>,
    ) {
        let subgraph = self.subgraph;
        let coordinate = format!("{on}.{}", selected.name);
        if selected.alias.is_some() {
            self.refuse(ctx.codes.invalid, &format!("has an alias for `{coordinate}`"), ctx);
        }
        if let Some(directive) = selected.directives.first() {
            let is_known = subgraph.schema.directive_definitions.contains_key(directive);
            let code = if is_known { ctx.codes.has_directives } else { ctx.codes.invalid };
            self.refuse(code, &format!("has the directive `@{directive}` on `{coordinate}`"), ctx);
        }
        let ty = subgraph.schema.types.get(on).expect("the caller found the type");
        let Some(definition) = subgraph.fields(ty).find(|field| field.name == selected.name) else {
            let reason = format!("selects `{coordinate}`, which `{}` does not have", subgraph.name);
            self.refuse(ctx.codes.invalid, &reason, ctx);
            return;
        };
        self.note_use(on, &selected.name, ctx.used);
        if let Some(code) = ctx.codes.has_arguments.filter(|_| !definition.arguments.is_empty()) {
            self.refuse(code, &format!("selects `{coordinate}`, which has arguments"), ctx);
        }
        self.arguments(&coordinate, definition, selected, ctx);
        let below = subgraph.schema.types.get(definition.ty.inner_named_type());
        if is_composite(below) == selected.selections.is_empty() {
            let needs = if is_composite(below) { "needs" } else { "cannot have" };
            let reason = format!(
                "selects `{coordinate}`, which is `{}` and {needs} a selection",
                definition.ty
            );
            self.refuse(ctx.codes.invalid, &reason, ctx);
            return;
        }
        if ctx.codes.directive == KEY.directive
            && below.is_some_and(|ty| ty.is_interface() || ty.is_union())
        {
            let reason = format!(
                "selects `{coordinate}`, which is `{}`: a key has no interface or union",
                definition.ty
            );
            self.refuse("KEY_FIELDS_SELECT_INVALID_TYPE", &reason, ctx);
        }
        if !is_composite(below) && !is_below_external && !subgraph.is_external(ty, definition) {
            self.missing_external(ty, definition, ctx);
        }
        self.selections(
            definition.ty.inner_named_type(),
            &selected.selections,
            is_below_external || subgraph.is_external_somewhere(ty, definition),
            ctx,
        );
    }

    /// Checks the arguments that a selected field is given.
    fn arguments(
        &mut self,
        coordinate: &str,
        definition: &FieldDefinition,
        selected: &FieldSetField,
        ctx: &Ctx<'_>,
    ) {
        let subgraph = self.subgraph;
        let given = selected.argument_values();
        for argument in &given {
            let Some(known) = definition.argument_by_name(&argument.name) else {
                let reason = format!(
                    "gives `{coordinate}` an argument `{}`, which it does not have in `{}`",
                    argument.name, subgraph.name
                );
                self.refuse(ctx.codes.invalid, &reason, ctx);
                continue;
            };
            if !subgraph.is_value(&argument.value, &known.ty) {
                let (value, ty) = (argument.value.serialize().no_indent(), &known.ty);
                let reason = format!(
                    "gives `{coordinate}({}:)` the value `{value}`, which is no `{ty}`",
                    known.name
                );
                self.refuse(ctx.codes.invalid, &reason, ctx);
            }
        }
        let is_given = |name: &Name| given.iter().any(|argument| argument.name == *name);
        // What has arguments cannot be selected at all by some directives, which was said.
        let required = definition.arguments.iter().filter(|_| ctx.codes.has_arguments.is_none());
        for missing in required.filter(|known| known.is_required() && !is_given(&known.name)) {
            if !subgraph.is_contextual(missing) {
                let reason = format!(
                    "does not give `{coordinate}` the argument `{}`, which it needs",
                    missing.name
                );
                self.refuse(ctx.codes.invalid, &reason, ctx);
            }
        }
    }

    /// What a subgraph resolves itself need not be required, and is provided anyway.
    fn missing_external(&mut self, ty: &ExtendedType, definition: &FieldDefinition, ctx: &Ctx<'_>) {
        let subgraph = self.subgraph;
        let Some(code) = ctx.codes.missing_external.filter(|_| subgraph.link.version.is_some())
        else {
            return;
        };
        let why = if subgraph.is_marked_external(ty, definition) {
            "is a key field of an extended type and so resolved here, in spite of its `@external`"
        } else {
            "is not `@external`: this subgraph resolves it"
        };
        self.refuse(
            code,
            &format!("selects `{}.{}`, which {why}", ty.name(), definition.name),
            ctx,
        );
    }

    /// A field set on an interface uses the field of every implementing type.
    pub(super) fn note_use(&self, on: &Name, field: &Name, used: &mut UsedFields) {
        used.insert((on.clone(), field.clone()));
        for object in self.subgraph.implementing_types(on) {
            used.insert((object.name().clone(), field.clone()));
        }
    }

    fn refuse(&mut self, code: &'static str, reason: &str, ctx: &Ctx<'_>) {
        self.error(code, format!("{} {reason}", ctx.subject), ctx.span);
    }
}

fn is_composite(ty: Option<&ExtendedType>) -> bool {
    ty.is_some_and(|ty| ty.is_object() || ty.is_interface() || ty.is_union())
}
