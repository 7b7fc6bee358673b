//! The published codes of composition: what each means, and how much a hint matters.

/// A code of an error or a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The code itself, e.g. `FIELD_TYPE_MISMATCH`.
    pub name: &'static str,
    /// Whether it keeps subgraphs from composing.
    pub severity: Severity,
    /// What it says, in one sentence.
    pub meaning: &'static str,
}

/// How much a code matters; the later, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A hint that most never want to see.
    Debug,
    /// A hint that is good to know.
    Info,
    /// A hint at what is probably a mistake.
    Warn,
    /// The subgraphs do not compose.
    Error,
}

impl Severity {
    /// `warn`, as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

const fn error(name: &'static str, meaning: &'static str) -> Code {
    Code { name, severity: Severity::Error, meaning }
}

const fn warn(name: &'static str, meaning: &'static str) -> Code {
    Code { name, severity: Severity::Warn, meaning }
}

const fn info(name: &'static str, meaning: &'static str) -> Code {
    Code { name, severity: Severity::Info, meaning }
}

const fn debug(name: &'static str, meaning: &'static str) -> Code {
    Code { name, severity: Severity::Debug, meaning }
}

/// Every code that composition uses: first the errors, then the hints.
pub const CODES: &[Code] = &[
    // Parsing, links, subgraphs.
    error("INVALID_GRAPHQL", "A schema is not valid GraphQL, by itself or merged."),
    error(
        "DIRECTIVE_DEFINITION_INVALID",
        "A subgraph defines one of the federation's directives otherwise than it is.",
    ),
    error(
        "TYPE_DEFINITION_INVALID",
        "A subgraph defines one of the federation's types otherwise than it is.",
    ),
    error(
        "UNSUPPORTED_LINKED_FEATURE",
        "A specification is linked `for` a purpose, and is not known.",
    ),
    error("UNSUPPORTED_FEATURE", "A specification is linked that is known and not composed."),
    error(
        "UNKNOWN_FEDERATION_LINK_VERSION",
        "The federation is linked in a version that is not known.",
    ),
    error(
        "UNKNOWN_LINK_VERSION",
        "Another specification is linked in a version that is not known.",
    ),
    error("INVALID_LINK_DIRECTIVE_USAGE", "A `@link` contradicts itself or what it links."),
    error("INVALID_LINK_IDENTIFIER", "The URL of a `@link` does not end in a name and a version."),
    error(
        "LINK_IMPORT_NAME_MISMATCH",
        "Subgraphs import a directive of the federation that the supergraph has under different names.",
    ),
    error("INVALID_SUBGRAPH_NAME", "A subgraph's name is taken, or means something else."),
    error(
        "DIRECTIVE_COMPOSITION_ERROR",
        "A directive cannot be composed as `@composeDirective` asks.",
    ),
    error("NO_QUERIES", "No subgraph has a field of the query root."),
    error("ROOT_QUERY_USED", "A type `Query` is not the query root."),
    error("ROOT_MUTATION_USED", "A type `Mutation` is not the mutation root."),
    error("ROOT_SUBSCRIPTION_USED", "A type `Subscription` is not the subscription root."),
    // Field sets.
    error("KEY_FIELDS_HAS_ARGS", "A key selects a field with arguments."),
    error("PROVIDES_FIELDS_HAS_ARGS", "A provision selects a field with arguments."),
    error(
        "PROVIDES_FIELDS_MISSING_EXTERNAL",
        "A provision selects what its subgraph resolves anyway.",
    ),
    error(
        "REQUIRES_FIELDS_MISSING_EXTERNAL",
        "A requirement selects what its subgraph resolves itself.",
    ),
    error("KEY_UNSUPPORTED_ON_INTERFACE", "A `@key` stands on an interface before Federation 2.3."),
    error("PROVIDES_UNSUPPORTED_ON_INTERFACE", "A `@provides` stands on a field of an interface."),
    error("REQUIRES_UNSUPPORTED_ON_INTERFACE", "A `@requires` stands on a field of an interface."),
    error("KEY_DIRECTIVE_IN_FIELDS_ARG", "A key has a directive in its field set."),
    error("PROVIDES_DIRECTIVE_IN_FIELDS_ARG", "A provision has a directive in its field set."),
    error("REQUIRES_DIRECTIVE_IN_FIELDS_ARG", "A requirement has a directive in its field set."),
    error("KEY_INVALID_FIELDS_TYPE", "The `fields` of a key are not a string."),
    error("PROVIDES_INVALID_FIELDS_TYPE", "The `fields` of a provision are not a string."),
    error("REQUIRES_INVALID_FIELDS_TYPE", "The `fields` of a requirement are not a string."),
    error("KEY_INVALID_FIELDS", "The field set of a key is not one of its type."),
    error(
        "PROVIDES_INVALID_FIELDS",
        "The field set of a provision is not one of the field's type.",
    ),
    error("REQUIRES_INVALID_FIELDS", "The field set of a requirement is not one of its type."),
    error("KEY_FIELDS_SELECT_INVALID_TYPE", "A key selects a union or an interface."),
    error(
        "PROVIDES_ON_NON_OBJECT_FIELD",
        "A `@provides` stands on a field that returns no object.",
    ),
    // External fields.
    error("EXTERNAL_UNUSED", "A field is `@external`, and nothing uses it."),
    error(
        "TYPE_WITH_ONLY_UNUSED_EXTERNAL",
        "A type of Federation 1 has nothing but unused external fields.",
    ),
    error(
        "EXTERNAL_TYPE_MISMATCH",
        "An external field has another type than the one that is resolved.",
    ),
    error(
        "EXTERNAL_COLLISION_WITH_ANOTHER_DIRECTIVE",
        "A field is `@external`, and has a directive of a resolver.",
    ),
    error(
        "EXTERNAL_ARGUMENT_MISSING",
        "An external field lacks an argument of the one that is resolved.",
    ),
    error("EXTERNAL_ARGUMENT_TYPE_MISMATCH", "An argument of an external field has another type."),
    error(
        "EXTERNAL_ARGUMENT_DEFAULT_MISMATCH",
        "An argument of an external field has another default.",
    ),
    error("EXTERNAL_ON_INTERFACE", "A field of an interface is `@external`."),
    error("EXTERNAL_MISSING_ON_BASE", "A field is `@external` in every subgraph that has it."),
    error(
        "MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL",
        "An external field has a directive that is merged.",
    ),
    // Merging.
    error("TYPE_KIND_MISMATCH", "A type is of different kinds."),
    error("FIELD_TYPE_MISMATCH", "A field has types that have nothing in common."),
    error("FIELD_ARGUMENT_TYPE_MISMATCH", "An argument has types that have nothing in common."),
    error("FIELD_ARGUMENT_DEFAULT_MISMATCH", "An argument has different defaults."),
    error("INPUT_FIELD_DEFAULT_MISMATCH", "An input field has different defaults."),
    error(
        "REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH",
        "An argument is required here and unknown there.",
    ),
    error(
        "REQUIRED_INPUT_FIELD_MISSING_IN_SOME_SUBGRAPH",
        "An input field is required here and unknown there.",
    ),
    error("EMPTY_MERGED_INPUT_TYPE", "No field of an input object is known to all."),
    error("EMPTY_MERGED_ENUM_TYPE", "No value of a received enum is known to all."),
    error("ENUM_VALUE_MISMATCH", "An enum is both received and returned, and its values differ."),
    error("EXTENSION_WITH_NO_BASE", "A type is extended and nowhere defined."),
    error(
        "INTERFACE_FIELD_NO_IMPLEM",
        "A field of an interface is missing in a type that implements it.",
    ),
    error(
        "INVALID_FIELD_SHARING",
        "Several subgraphs resolve a field that is not `@shareable` in all of them.",
    ),
    error("INVALID_SHAREABLE_USAGE", "A `@shareable` stands where nothing is resolved."),
    error(
        "SHAREABLE_HAS_MISMATCHED_RUNTIME_TYPES",
        "A shared field returns other types in each subgraph.",
    ),
    error(
        "SATISFIABILITY_ERROR",
        "Clients could ask for a field that cannot be fetched; an operation shows it.",
    ),
    error(
        "MAX_VALIDATION_SUBGRAPH_PATHS_EXCEEDED",
        "There are too many ways through the subgraphs to check.",
    ),
    // Overrides.
    error("OVERRIDE_FROM_SELF_ERROR", "A field overrides itself."),
    error("OVERRIDE_SOURCE_HAS_OVERRIDE", "A field is overridden, and overrides another."),
    error(
        "OVERRIDE_COLLISION_WITH_ANOTHER_DIRECTIVE",
        "An overridden or overriding field has a directive that contradicts it.",
    ),
    error("OVERRIDE_ON_INTERFACE", "A field of an interface overrides."),
    error("OVERRIDE_LABEL_INVALID", "The label of an override is no label."),
    // Interface objects.
    error(
        "INTERFACE_OBJECT_USAGE_ERROR",
        "An `@interfaceObject` has no key, no interface, or its types beside it.",
    ),
    error(
        "INTERFACE_KEY_NOT_ON_IMPLEMENTATION",
        "A key of an interface is missing on a type that implements it.",
    ),
    error(
        "INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE",
        "A subgraph answers for an interface, and does not know all its types.",
    ),
    // Inaccessible elements.
    error("REFERENCED_INACCESSIBLE", "What clients see refers to what they do not."),
    error("DEFAULT_VALUE_USES_INACCESSIBLE", "A default that clients see uses what they do not."),
    error("QUERY_ROOT_TYPE_INACCESSIBLE", "The query root is `@inaccessible`."),
    error("REQUIRED_INACCESSIBLE", "An argument or input field is required, and `@inaccessible`."),
    error(
        "IMPLEMENTED_BY_INACCESSIBLE",
        "What an interface promises is `@inaccessible` in a type that implements it.",
    ),
    error("DISALLOWED_INACCESSIBLE", "What GraphQL or a specification needs is `@inaccessible`."),
    error(
        "ONLY_INACCESSIBLE_CHILDREN",
        "Every part of a type is `@inaccessible`, and the type is not.",
    ),
    // Contexts.
    error("CONTEXT_NOT_SET", "A context is used that no type sets, or where none can be."),
    error("CONTEXT_INVALID_SELECTION", "What is selected of a context does not fit the argument."),
    error("NO_CONTEXT_IN_SELECTION", "A `@fromContext` does not name a context and a selection."),
    error("CONTEXT_NO_RESOLVABLE_KEY", "A type with a contextual argument has no resolvable key."),
    error("CONTEXT_NAME_INVALID", "The name of a context is no name."),
    error(
        "CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS",
        "A contextual argument is required in a subgraph where no context gives it.",
    ),
    // Costs.
    error("COST_APPLIED_TO_INTERFACE_FIELD", "A `@cost` stands on a field of an interface."),
    error("LIST_SIZE_APPLIED_TO_NON_LIST", "A `@listSize` stands on a field that is no list."),
    error("LIST_SIZE_INVALID_ASSUMED_SIZE", "The assumed size of a list is negative."),
    error(
        "LIST_SIZE_INVALID_SLICING_ARGUMENT",
        "A slicing argument is no integer argument of the field.",
    ),
    error("LIST_SIZE_INVALID_SIZED_FIELD", "A sized field is not there."),
    // Authorization.
    error("AUTH_REQUIREMENTS_APPLIED_ON_INTERFACE", "An interface has requirements of its own."),
    error(
        "MISSING_TRANSITIVE_AUTH_REQUIREMENTS",
        "A field requires less of its reader than the fields that it is computed from.",
    ),
    // Tags.
    error("INVALID_TAG_NAME", "The name of a tag is no name."),
    error("CACHE_TAG_INVALID_FORMAT", "The format of a cache tag cannot be read."),
    error(
        "CACHE_TAG_APPLIED_TO_NON_ROOT_FIELD",
        "A cache tag stands on a field that is not of the query root.",
    ),
    error(
        "CACHE_TAG_INVALID_FORMAT_ARGUMENT_ON_ROOT_FIELD",
        "A field's cache tag names what is no argument of it.",
    ),
    error(
        "CACHE_TAG_INVALID_FORMAT_ARGUMENT_ON_ENTITY",
        "A type's cache tag names what is no field of all its keys.",
    ),
    error("CACHE_TAG_ENTITY_NOT_RESOLVABLE", "A type with a cache tag has no resolvable key."),
    // Hints.
    warn(
        "INCONSISTENT_DEFAULT_VALUE_PRESENCE",
        "An argument or input field has a default in some subgraphs only.",
    ),
    warn("INCONSISTENT_INPUT_OBJECT_FIELD", "An input field is not known to all, and so left out."),
    warn(
        "INCONSISTENT_ENUM_VALUE_FOR_INPUT_ENUM",
        "A value of a received enum is not known to all, and so left out.",
    ),
    warn(
        "INCONSISTENT_EXECUTABLE_DIRECTIVE_PRESENCE",
        "A directive of operations is not known to all, and so left out.",
    ),
    warn(
        "NO_EXECUTABLE_DIRECTIVE_INTERSECTION",
        "A directive of operations can stand nowhere for all, and is left out.",
    ),
    warn(
        "INCONSISTENT_EXECUTABLE_DIRECTIVE_REPEATABLE",
        "A directive of operations is repeatable for some only.",
    ),
    warn(
        "INCONSISTENT_EXECUTABLE_DIRECTIVE_LOCATIONS",
        "A directive of operations can stand in some places for some only.",
    ),
    warn("INCONSISTENT_DESCRIPTION", "An element is described differently."),
    warn("INCONSISTENT_ARGUMENT_PRESENCE", "An argument is not known to all, and so left out."),
    warn("FROM_SUBGRAPH_DOES_NOT_EXIST", "An override names a subgraph that there is not."),
    warn(
        "INCONSISTENT_NON_REPEATABLE_DIRECTIVE_ARGUMENTS",
        "A directive has different arguments on one element; the most common are used.",
    ),
    warn(
        "DIRECTIVE_COMPOSITION_WARN",
        "A directive is composed from some of the subgraphs that have it only.",
    ),
    warn(
        "INCONSISTENT_RUNTIME_TYPES_FOR_SHAREABLE_RETURN",
        "A shared field returns some types in some subgraphs only.",
    ),
    info(
        "INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE",
        "A field has different types that have one in common.",
    ),
    info(
        "INCONSISTENT_BUT_COMPATIBLE_ARGUMENT_TYPE",
        "An argument has different types that have one in common.",
    ),
    info("INCONSISTENT_ENTITY", "A type has a key in some subgraphs only."),
    info(
        "OVERRIDDEN_FIELD_CAN_BE_REMOVED",
        "A field is overridden, and its old definition can go.",
    ),
    info("OVERRIDE_DIRECTIVE_CAN_BE_REMOVED", "A field overrides what is not there any more."),
    info(
        "OVERRIDE_MIGRATION_IN_PROGRESS",
        "A field moves from one subgraph to another under a label.",
    ),
    info(
        "MERGED_NON_REPEATABLE_DIRECTIVE_ARGUMENTS",
        "A directive has different arguments on one element; they are merged.",
    ),
    info("DIRECTIVE_COMPOSITION_INFO", "A `@composeDirective` asks for what is composed anyway."),
    info(
        "IMPLICITLY_UPGRADED_FEDERATION_VERSION",
        "A subgraph links a specification that is newer than its federation.",
    ),
    info(
        "CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS",
        "A contextual argument will not be given in a subgraph where no context gives it.",
    ),
    debug(
        "INCONSISTENT_OBJECT_VALUE_TYPE_FIELD",
        "A field of a value type is in some subgraphs only.",
    ),
    debug(
        "INCONSISTENT_INTERFACE_VALUE_TYPE_FIELD",
        "A field of an interface is in some subgraphs only.",
    ),
    debug("INCONSISTENT_UNION_MEMBER", "A member of a union is in some subgraphs only."),
    debug(
        "INCONSISTENT_ENUM_VALUE_FOR_OUTPUT_ENUM",
        "A value of a returned enum is in some subgraphs only.",
    ),
    debug(
        "INCONSISTENT_TYPE_SYSTEM_DIRECTIVE_REPEATABLE",
        "A composed directive is repeatable in some subgraphs only.",
    ),
    debug(
        "INCONSISTENT_TYPE_SYSTEM_DIRECTIVE_LOCATIONS",
        "A composed directive stands in different places.",
    ),
    debug("UNUSED_ENUM_TYPE", "An enum is neither received nor returned."),
];
