//! The federation's directives and scalars, as a subgraph may define them itself.

use std::collections::BTreeSet;

use apollo_compiler::ast::{DirectiveDefinition, InputValueDefinition, Type};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{Name, Node, Schema};

use crate::error::CompositionError;
use crate::link::Link;

/// What a subgraph may write of one of the federation's directives.
#[derive(Clone, Copy)]
pub(super) struct Specification {
    pub(super) name: &'static str,
    /// The arguments as they are defined.
    arguments: &'static str,
    /// The arguments that a definition must have, and those that it may have.
    required: &'static [&'static str],
    optional: &'static [&'static str],
    locations: &'static str,
    is_repeatable: bool,
}

const ELEMENTS: &str = "FIELD_DEFINITION | INTERFACE | OBJECT | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | \
                        INPUT_OBJECT | INPUT_FIELD_DEFINITION";
const GUARDED: &str = "FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM";

/// A specification without arguments.
const fn plain(name: &'static str, locations: &'static str) -> Specification {
    Specification {
        name,
        arguments: "",
        required: &[],
        optional: &[],
        locations,
        is_repeatable: false,
    }
}

/// The directives of the federation; what their arguments mean is checked by `validation`.
pub(super) const SPECIFICATIONS: [Specification; 19] = [
    Specification {
        arguments: "(fields: _Any!, resolvable: Boolean = true)",
        required: &["fields"],
        optional: &["resolvable"],
        is_repeatable: true,
        ..plain("key", "OBJECT | INTERFACE")
    },
    Specification {
        arguments: "(fields: _Any!)",
        required: &["fields"],
        ..plain("requires", "FIELD_DEFINITION")
    },
    Specification {
        arguments: "(fields: _Any!)",
        required: &["fields"],
        ..plain("provides", "FIELD_DEFINITION")
    },
    Specification {
        arguments: "(reason: String)",
        optional: &["reason"],
        ..plain("external", "OBJECT | FIELD_DEFINITION")
    },
    plain("extends", "OBJECT | INTERFACE"),
    Specification { is_repeatable: true, ..plain("shareable", "FIELD_DEFINITION | OBJECT") },
    plain("inaccessible", ELEMENTS),
    Specification {
        arguments: "(name: String!)",
        required: &["name"],
        locations: "SCHEMA | FIELD_DEFINITION | INTERFACE | OBJECT | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | \
                    ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION",
        is_repeatable: true,
        ..plain("tag", "")
    },
    Specification {
        arguments: "(from: String!, label: String)",
        required: &["from"],
        optional: &["label"],
        ..plain("override", "FIELD_DEFINITION")
    },
    Specification {
        arguments: "(name: String)",
        optional: &["name"],
        is_repeatable: true,
        ..plain("composeDirective", "SCHEMA")
    },
    plain("interfaceObject", "OBJECT"),
    plain("authenticated", GUARDED),
    Specification {
        arguments: "(scopes: [[_Any!]!]!)",
        required: &["scopes"],
        ..plain("requiresScopes", GUARDED)
    },
    Specification {
        arguments: "(policies: [[_Any!]!]!)",
        required: &["policies"],
        ..plain("policy", GUARDED)
    },
    Specification {
        arguments: "(weight: Int!)",
        required: &["weight"],
        locations: "ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR",
        ..plain("cost", "")
    },
    Specification {
        arguments: "(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: \
                    Boolean = true)",
        optional: &["assumedSize", "slicingArguments", "sizedFields", "requireOneSlicingArgument"],
        ..plain("listSize", "FIELD_DEFINITION")
    },
    Specification {
        arguments: "(name: String!)",
        required: &["name"],
        is_repeatable: true,
        ..plain("context", "OBJECT | INTERFACE | UNION")
    },
    Specification {
        arguments: "(field: _Any)",
        required: &["field"],
        ..plain("fromContext", "ARGUMENT_DEFINITION")
    },
    Specification {
        arguments: "(format: String!)",
        required: &["format"],
        is_repeatable: true,
        ..plain("cacheTag", "OBJECT | INTERFACE | FIELD_DEFINITION")
    },
];

/// The scalars that definitions of these directives may name.
pub(super) const SCALARS: [&str; 8] = [
    "_Any",
    "_FieldSet",
    "FieldSet",
    "federation__FieldSet",
    "federation__Scope",
    "federation__Policy",
    "federation__ContextFieldValue",
    "link__Import",
];

impl Specification {
    /// A directive as it is in a version of the federation; `None` for Federation 1, which learnt what it was told.
    pub(super) fn of(canonical: &str, version: Option<(u32, u32)>) -> Option<Self> {
        let newest = *SPECIFICATIONS.iter().find(|it| it.name == canonical)?;
        let is_before = |minor| version.is_some_and(|version| version < (2, minor));
        Some(match canonical {
            "shareable" if is_before(2) => Self { is_repeatable: false, ..newest },
            "tag" if is_before(3) => Self { locations: ELEMENTS, ..newest },
            "override" if is_before(7) => {
                Self { arguments: "(from: String!)", optional: &[], ..newest }
            }
            _ => newest,
        })
    }

    pub(super) fn definition(&self, name: &str) -> String {
        let Self { arguments, locations, .. } = self;
        let repeatable = if self.is_repeatable { "repeatable " } else { "" };
        format!("directive @{name}{arguments} {repeatable}on {locations}\n")
    }

    /// The scalar that its arguments have, where the definition says `_Any`.
    fn scalar(&self) -> &'static str {
        match self.name {
            "requiresScopes" => "Scope",
            "policy" => "Policy",
            "fromContext" => "ContextFieldValue",
            _ => "FieldSet",
        }
    }

    /// The directive as it is defined, under its own name.
    fn parsed(&self) -> Option<Node<DirectiveDefinition>> {
        let definition = Schema::parse(self.definition(self.name), "federation.graphql").ok()?;
        definition.directive_definitions.get(self.name).cloned()
    }

    /// What a subgraph's own definition of the directive has that the specification has not.
    fn contradictions(
        &self,
        definition: &DirectiveDefinition,
        scalars: &Scalars<'_>,
    ) -> Vec<String> {
        let mut found = Vec::new();
        let specified = self.parsed();
        for argument in &definition.arguments {
            let specified = specified.as_ref().and_then(|own| own.argument_by_name(&argument.name));
            let contradiction =
                specified.and_then(|specified| scalars.contradiction(specified, argument));
            found.extend(contradiction.map(|what| what.replace("_Any", self.scalar())));
            let known = |names: &[&str]| names.contains(&argument.name.as_str());
            if !known(self.required) && !known(self.optional) {
                found.push(format!(
                    "has an argument `{}` that the specification does not have",
                    argument.name
                ));
            }
        }
        for required in self.required {
            if definition.argument_by_name(required).is_none() {
                found.push(format!("has no argument `{required}`"));
            }
        }
        let allowed: Vec<&str> = self.locations.split(" | ").collect();
        for location in &definition.locations {
            if !allowed.contains(&location.name()) {
                found.push(format!(
                    "stands on {location}, where the specification does not have it"
                ));
            }
        }
        if definition.repeatable && !self.is_repeatable {
            found.push("is repeatable, and in the specification it is not".to_owned());
        }
        found
    }
}

/// The scalars of a subgraph, some of which are the federation's.
struct Scalars<'a> {
    schema: &'a Schema,
    link: &'a Link,
}

impl Scalars<'_> {
    /// How an argument of a subgraph's own definition differs from the specification's. It may be required where there
    /// it is not.
    fn contradiction(
        &self,
        specified: &InputValueDefinition,
        own: &InputValueDefinition,
    ) -> Option<String> {
        let optional = if specified.ty.is_non_null() || !own.ty.is_non_null() {
            own.ty.as_ref().clone()
        } else {
            own.ty.as_ref().clone().nullable()
        };
        if !self.stands_for(&specified.ty, &optional) {
            return Some(format!(
                "takes `{}` as `{}` and not as `{}`",
                own.name, own.ty, specified.ty
            ));
        }
        if !own.ty.is_non_null() && specified.default_value != own.default_value {
            let default = specified.default_value.as_ref();
            let default = default.map_or("none".to_owned(), |value| format!("`{value}`"));
            return Some(format!("has another default of `{}` than {default}", own.name));
        }
        None
    }

    /// Whether a type may stand for the specification's, in which `_Any` is one of the federation's scalars. For these
    /// GraphQL's own types do as well.
    fn stands_for(&self, specified: &Type, own: &Type) -> bool {
        if specified.is_non_null() != own.is_non_null() {
            return false;
        }
        match (specified.is_list(), own.is_list()) {
            (true, true) => self.stands_for(specified.item_type(), own.item_type()),
            (true, false) => false,
            (false, true) => specified.inner_named_type() == "_Any",
            (false, false) => {
                let (specified, own) = (specified.inner_named_type(), own.inner_named_type());
                specified == own || (specified == "_Any" && self.is_federations(own))
            }
        }
    }

    /// Federation 1 had one scalar. What is no scalar of the subgraph's own will do.
    fn is_federations(&self, name: &Name) -> bool {
        match self.schema.types.get(name) {
            Some(ty) if !ty.is_scalar() || ty.is_built_in() => true,
            Some(_) if self.link.version.is_none() => name == "_FieldSet",
            _ => self.link.is_scalar(name) || SCALARS.contains(&name.as_str()),
        }
    }
}

/// A subgraph may define the federation's directives and scalars itself, but not otherwise than they are.
pub(super) fn check_definitions(
    subgraph: &str,
    schema: &Schema,
    link: &Link,
) -> Vec<CompositionError> {
    let error = |code, message: String, span: Option<SourceSpan>| CompositionError {
        code,
        message: format!("subgraph `{subgraph}`: {message}"),
        locations: vec![super::location(subgraph, schema, span)],
    };
    let mut errors = Vec::new();
    let scalars = Scalars { schema, link };
    for (name, canonical) in link.names() {
        let specification = Specification::of(canonical, link.version);
        let definition = schema.directive_definitions.get(name);
        for (specification, definition) in specification.into_iter().zip(definition) {
            let contradictions = specification.contradictions(definition, &scalars).into_iter();
            errors.extend(contradictions.map(|what| {
                let message = format!("its own definition of `@{name}` {what}");
                error("DIRECTIVE_DEFINITION_INVALID", message, definition.location())
            }));
        }
    }
    for scalar in SCALARS.into_iter().chain(link.scalars()).collect::<BTreeSet<_>>() {
        if let Some(ty) = schema.types.get(scalar).filter(|ty| !ty.is_scalar()) {
            let message = format!("`{scalar}` is a scalar of the federation, and not so here");
            errors.push(error("TYPE_DEFINITION_INVALID", message, ty.location()));
        }
    }
    errors
}
