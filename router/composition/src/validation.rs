//! Checks what federation asks of one subgraph by itself: names, field sets, external fields, overrides.

use std::collections::BTreeSet;

use apollo_compiler::Name;
use apollo_compiler::ast::{Directive, FieldDefinition};
use apollo_compiler::schema::ExtendedType;
use supergraph::{FieldSet, FieldSetSelection};

use crate::error::{CompositionError, SubgraphLocation};
use crate::link::text;
use crate::subgraph::Subgraph;

/// Everything that is wrong within single subgraphs.
pub(crate) fn validate(subgraphs: &[Subgraph]) -> Vec<CompositionError> {
    let mut errors = Vec::new();
    for pair in subgraphs.windows(2) {
        if pair[0].name == pair[1].name {
            let message =
                format!("two subgraphs are named `{}`; each needs a name of its own", pair[0].name);
            errors.push(CompositionError {
                code: "INVALID_SUBGRAPH_NAME",
                message,
                locations: Vec::new(),
            });
        }
    }
    for subgraph in subgraphs {
        let mut validation =
            Validation { subgraph, errors: Vec::new(), used_external: BTreeSet::new() };
        validation.types();
        errors.append(&mut validation.errors);
    }
    errors
}

struct Validation<'a> {
    subgraph: &'a Subgraph,
    errors: Vec<CompositionError>,
    /// The external fields that a key, a requirement, a provision or an interface uses.
    used_external: BTreeSet<(Name, Name)>,
}

/// The codes for one directive's field set.
struct Codes {
    directive: &'static str,
    invalid_type: &'static str,
    invalid: &'static str,
    has_arguments: Option<&'static str>,
    has_directives: &'static str,
    missing_external: Option<&'static str>,
}

const KEY: Codes = Codes {
    directive: "key",
    invalid_type: "KEY_INVALID_FIELDS_TYPE",
    invalid: "KEY_INVALID_FIELDS",
    has_arguments: Some("KEY_FIELDS_HAS_ARGS"),
    has_directives: "KEY_DIRECTIVE_IN_FIELDS_ARG",
    missing_external: None,
};
const REQUIRES: Codes = Codes {
    directive: "requires",
    invalid_type: "REQUIRES_INVALID_FIELDS_TYPE",
    invalid: "REQUIRES_INVALID_FIELDS",
    has_arguments: None,
    has_directives: "REQUIRES_DIRECTIVE_IN_FIELDS_ARG",
    missing_external: Some("REQUIRES_FIELDS_MISSING_EXTERNAL"),
};
const PROVIDES: Codes = Codes {
    directive: "provides",
    invalid_type: "PROVIDES_INVALID_FIELDS_TYPE",
    invalid: "PROVIDES_INVALID_FIELDS",
    has_arguments: Some("PROVIDES_FIELDS_HAS_ARGS"),
    has_directives: "PROVIDES_DIRECTIVE_IN_FIELDS_ARG",
    missing_external: Some("PROVIDES_FIELDS_MISSING_EXTERNAL"),
};

impl Validation<'_> {
    fn types(&mut self) {
        let subgraph = self.subgraph;
        for ty in subgraph.schema.types.values().filter(|ty| !ty.is_built_in()) {
            for key in subgraph.link.all(ty.directives(), "key") {
                let codes = &KEY;
                self.field_set(ty.name(), ty.name().as_str(), key, codes);
            }
            for field in subgraph.fields(ty) {
                self.field(ty, field);
            }
        }
        self.unused_externals();
    }

    fn field(&mut self, ty: &ExtendedType, field: &FieldDefinition) {
        let subgraph = self.subgraph;
        let place = format!("{}.{}", ty.name(), field.name);
        for directive in subgraph.link.field_all(&field.directives, "requires") {
            self.field_set(ty.name(), &place, directive, &REQUIRES);
        }
        for directive in subgraph.link.field_all(&field.directives, "provides") {
            let on = field.ty.inner_named_type();
            let composite = subgraph
                .schema
                .types
                .get(on)
                .is_some_and(|t| t.is_object() || t.is_interface() || t.is_union());
            if composite {
                self.field_set(on, &place, directive, &PROVIDES);
            } else if subgraph.link.version.is_some() {
                let message = format!(
                    "`{place}` of `{}` is `{}`: `@provides` needs an object type",
                    subgraph.name, field.ty
                );
                self.error("PROVIDES_ON_NON_OBJECT_FIELD", message);
            }
        }
        if let Some(from) = subgraph.overrides(field) {
            self.overriding(ty, &place, field, from);
        }
        if ty.is_interface() && subgraph.link.version.is_some() && subgraph.is_external(ty, field) {
            let message = format!(
                "`{place}` of `{}` is a field of an interface and cannot be `@external`",
                subgraph.name
            );
            self.error("EXTERNAL_ON_INTERFACE", message);
        }
    }

    fn overriding(&mut self, ty: &ExtendedType, place: &str, field: &FieldDefinition, from: &str) {
        let subgraph = self.subgraph;
        if from == subgraph.name {
            self.error(
                "OVERRIDE_FROM_SELF_ERROR",
                format!("`{place}` of `{from}` overrides itself"),
            );
        }
        if ty.is_interface() {
            let message = format!(
                "`{place}` of `{}` is a field of an interface and cannot override",
                subgraph.name
            );
            self.error("OVERRIDE_ON_INTERFACE", message);
        }
        for other in ["external", "requires", "provides"] {
            if other == "external" && subgraph.link.field_has(&field.directives, other) {
                let message =
                    format!("`{place}` of `{}` has both `@override` and `@{other}`", subgraph.name);
                self.error("OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE", message);
            }
        }
    }

    fn field_set(&mut self, on: &Name, place: &str, directive: &Directive, codes: &Codes) {
        let subgraph = self.subgraph;
        let context = format!("`@{}` on `{place}` of `{}`", codes.directive, subgraph.name);
        let Some(fields) = text(directive, "fields") else {
            self.error(codes.invalid_type, format!("{context} needs its `fields` as a string"));
            return;
        };
        match FieldSet::parse(fields) {
            Ok(set) => self.selections(on, &set, &context, codes, false),
            Err(error) => self.error(codes.invalid, format!("{context}: {error}")),
        }
    }

    /// Checks that each selection exists, and notes the external fields used.
    fn selections(
        &mut self,
        on: &Name,
        set: &FieldSet,
        context: &str,
        codes: &Codes,
        mut external_above: bool,
    ) {
        let subgraph = self.subgraph;
        for selection in &set.selections {
            match selection {
                FieldSetSelection::InlineFragment { type_condition, selections } => {
                    let on = type_condition.as_ref().unwrap_or(on);
                    if subgraph.schema.types.contains_key(on) {
                        self.selections(on, selections, context, codes, external_above);
                    } else {
                        self.error(
                            codes.invalid,
                            format!(
                                "{context} has a fragment on `{on}`, which `{}` does not know",
                                subgraph.name
                            ),
                        );
                    }
                }
                FieldSetSelection::Field(field) if field.name == "__typename" => {}
                FieldSetSelection::Field(field) => {
                    if field.alias.is_some() {
                        self.error(
                            codes.invalid,
                            format!("{context} has an alias for `{}`", field.name),
                        );
                    }
                    if !field.directives.is_empty() {
                        self.error(
                            codes.has_directives,
                            format!("{context} has a directive on `{}`", field.name),
                        );
                    }
                    let ty = subgraph.schema.types.get(on).expect("the caller checked the type");
                    let Some(definition) = subgraph.fields(ty).find(|f| f.name == field.name)
                    else {
                        let message = format!(
                            "{context} selects `{on}.{}`, which `{}` does not have",
                            field.name, subgraph.name
                        );
                        self.error(codes.invalid, message);
                        continue;
                    };
                    if let Some(code) = codes.has_arguments
                        && !definition.arguments.is_empty()
                    {
                        self.error(
                            code,
                            format!("{context} selects `{on}.{}`, which has arguments", field.name),
                        );
                    }
                    let below = definition.ty.inner_named_type();
                    let leaf = subgraph.schema.types.get(below).is_none_or(ExtendedType::is_leaf);
                    if leaf != field.selections.is_empty() {
                        let needs = if leaf { "cannot have" } else { "needs" };
                        let message = format!(
                            "{context}: `{on}.{}` is `{}` and {needs} a selection",
                            field.name, definition.ty
                        );
                        self.error(codes.invalid, message);
                        continue;
                    }
                    let marked = subgraph.link.field_has(&definition.directives, "external")
                        || subgraph.link.has(ty.directives(), "external");
                    if marked {
                        external_above = true;
                        self.used_external.insert((on.clone(), field.name.clone()));
                        self.note_implementations(on, &field.name);
                    } else if leaf
                        && !external_above
                        && subgraph.link.version.is_some()
                        && !ty.is_interface()
                    {
                        if let Some(code) = codes.missing_external {
                            let message = format!(
                                "{context} selects `{on}.{}`, which is not `@external`: it can be resolved without",
                                field.name
                            );
                            self.error(code, message);
                        }
                    }
                    if !leaf {
                        self.selections(below, &field.selections, context, codes, external_above);
                    }
                }
            }
        }
    }

    /// A field set on an interface uses the field of every implementing type.
    fn note_implementations(&mut self, interface: &Name, field: &Name) {
        for object in self.subgraph.schema.types.values().filter_map(ExtendedType::as_object) {
            if object.implements_interfaces.iter().any(|i| i.name == *interface) {
                self.used_external.insert((object.name.clone(), field.clone()));
            }
        }
    }

    /// In Federation 2, an external field that nothing uses is a mistake.
    fn unused_externals(&mut self) {
        let subgraph = self.subgraph;
        if subgraph.link.version.is_none() {
            return;
        }
        for object in subgraph.schema.types.values().filter_map(ExtendedType::as_object) {
            for field in object.fields.values() {
                let marked = subgraph.link.field_has(&field.directives, "external");
                let by_interface = object.implements_interfaces.iter().any(|i| {
                    subgraph
                        .schema
                        .get_interface(&i.name)
                        .is_some_and(|interface| interface.fields.contains_key(&field.name))
                });
                let place = (object.name.clone(), field.name.clone());
                if marked
                    && !by_interface
                    && !self.used_external.contains(&place)
                    && !self.used_by_subtype(&place)
                {
                    let message = format!(
                        "`{}.{}` of `{}` is `@external`, but no `@key`, `@requires` or `@provides` there uses it and no interface has it",
                        place.0, place.1, subgraph.name
                    );
                    let mut error = error_in(subgraph, "EXTERNAL_UNUSED", message);
                    error.locations = vec![subgraph.location(field)];
                    self.errors.push(error);
                }
            }
        }
    }

    fn used_by_subtype(&self, (ty, field): &(Name, Name)) -> bool {
        self.used_external
            .iter()
            .any(|(on, used)| used == field && self.subgraph.schema.is_subtype(on, ty))
    }

    fn error(&mut self, code: &'static str, message: String) {
        self.errors.push(error_in(self.subgraph, code, message));
    }
}

fn error_in(subgraph: &Subgraph, code: &'static str, message: String) -> CompositionError {
    let locations = vec![SubgraphLocation { subgraph: subgraph.name.clone(), line_column: None }];
    CompositionError { code, message, locations }
}
