//! Merges one field: its signature, and what each subgraph makes of it.

use std::fmt::Write as _;

use apollo_compiler::ast::{Directive, FieldDefinition, InputValueDefinition, Type, Value};
use apollo_compiler::schema::{Component, ExtendedType};
use apollo_compiler::{Name, Node};

use super::directive::{BUILT_IN, CARRIED, after};
use super::element::context_name;
use super::overriding::Moves;
use super::{Merge, Place, TypeIn, listed};
use crate::default::is_same;
use crate::subgraph::selection_text;

/// One subgraph's definition of a field.
#[derive(Clone, Copy)]
pub(super) struct FieldIn<'a> {
    pub(super) subgraph: usize,
    pub(super) parent: &'a ExtendedType,
    pub(super) definition: &'a Component<FieldDefinition>,
}

impl FieldIn<'_> {
    pub(super) fn place(&self) -> Place {
        (self.subgraph, self.definition.name.location())
    }
}

impl<'a> Merge<'a> {
    /// Prints one field.
    pub(super) fn field(
        &mut self,
        type_name: &Name,
        definitions: &[TypeIn<'a>],
        field: &[FieldIn<'a>],
        out: &mut String,
    ) {
        let name = &field[0].definition.name;
        let coordinate = format!("{type_name}.{name}");
        let moves = self.moves(&coordinate, field);
        let mut owners: Vec<FieldIn<'a>> =
            field.iter().copied().filter(|field| !self.is_external(field)).collect();
        // What all its subgraphs know as external, interface objects may resolve.
        let mut added = Vec::new();
        if owners.is_empty() {
            added = self.added_by_interface_objects(type_name, name);
            owners.clone_from(&added);
        }
        if owners.is_empty() {
            self.check_base_field(&coordinate, field);
            return;
        }
        self.check_sharing(&coordinate, (type_name, name), field, &moves);
        let Some((ty, arguments)) = self.signature(&coordinate, &owners) else { return };
        self.check_externals(&coordinate, field, &owners, &ty);
        let joins = self.joins(definitions, field, &moves, &ty);
        let applications = field.iter().chain(&added);
        let applications =
            applications.map(|f| (f.subgraph, f.definition.directives.iter().map(|d| &**d)));
        let element = format!("field `{coordinate}`");
        let inherited = self.requirements_elsewhere(type_name, name);
        let carried = self.carried(&element, applications, &inherited);
        let descriptions = owners.iter().map(|f| (f.subgraph, f.definition.description.as_ref()));
        self.describe(&element, descriptions, "  ", out);
        let _ = writeln!(out, "  {name}{arguments}: {ty}{}{}", after(&joins), after(&carried));
    }

    /// The type of a field and its printed arguments, by those who resolve it.
    pub(super) fn signature(
        &mut self,
        coordinate: &str,
        owners: &[FieldIn<'a>],
    ) -> Option<(Type, String)> {
        let ty = self.common_type(coordinate, owners);
        let arguments = self.arguments(coordinate, owners);
        Some((ty?, arguments))
    }

    /// `@join__field` for each subgraph; none where all subgraphs that have the type resolve the field alike.
    fn joins(
        &self,
        definitions: &[TypeIn<'a>],
        field: &[FieldIn<'a>],
        moves: &Moves,
        ty: &Type,
    ) -> Vec<String> {
        let types: Vec<Type> =
            field.iter().map(|f| self.supergraph_type(f.subgraph, &f.definition.ty)).collect();
        let types_differ = types.iter().any(|own| own != ty);
        let mut is_plain = field.len() == definitions.len();
        let mut joins = Vec::new();
        for (part, own_type) in field.iter().zip(&types) {
            if moves.is_dropped(part.subgraph) {
                is_plain = false;
                continue;
            }
            let mut arguments = self.routing_arguments(part, moves);
            if types_differ {
                let _ = write!(arguments, ", type: \"{own_type}\"");
            }
            is_plain &= arguments.is_empty() || moves.only_names(part.subgraph, &arguments);
            joins.push(format!("@join__field(graph: {}{arguments})", self.graphs[part.subgraph]));
        }
        if is_plain { Vec::new() } else { joins }
    }

    /// What a subgraph says about resolving a field, as arguments of `@join__field`.
    fn routing_arguments(&self, part: &FieldIn<'_>, moves: &Moves) -> String {
        let subgraph = &self.subgraphs[part.subgraph];
        let mut arguments = String::new();
        for directive in ["requires", "provides"] {
            if let Some(set) = subgraph.field_set(part.parent, part.definition, directive) {
                let _ = write!(arguments, ", {directive}: {:?}", set.to_string());
            }
        }
        if self.is_external(part) {
            arguments += ", external: true";
        }
        arguments += &moves.source(part.subgraph);
        if moves.is_kept(part.subgraph) {
            arguments += ", usedOverridden: true";
        }
        if let Some(label) = moves.label(part.subgraph) {
            let _ = write!(arguments, ", overrideLabel: {label:?}");
        }
        let contexts = subgraph.context_arguments(part.definition).map(|(argument, name, set)| {
            format!(
                "{{context: {:?}, name: \"{}\", type: \"{}\", selection: {:?}}}",
                context_name(subgraph, name),
                argument.name,
                argument.ty,
                selection_text(&set)
            )
        });
        let contexts: Vec<String> = contexts.collect();
        if !contexts.is_empty() {
            let _ = write!(arguments, ", contextArguments: [{}]", contexts.join(", "));
        }
        arguments
    }

    pub(super) fn is_external(&self, field: &FieldIn<'_>) -> bool {
        self.subgraphs[field.subgraph].is_external(field.parent, field.definition)
    }

    /// An external field that nothing uses does not count in Federation 1; in Federation 2 it is an error.
    pub(super) fn is_left_out(&self, field: &FieldIn<'_>) -> bool {
        let subgraph = &self.subgraphs[field.subgraph];
        let name = &field.definition.name;
        subgraph.link.version.is_none()
            && self.is_external(field)
            && !subgraph.field_set_uses(field.parent.name(), name)
            && !subgraph.is_in_an_interface(field.parent, name)
    }

    /// A field that all subgraphs know only as external has nobody who resolves it.
    fn check_base_field(&mut self, coordinate: &str, field: &[FieldIn<'_>]) {
        let subgraphs: Vec<usize> = field.iter().map(|field| field.subgraph).collect();
        let message = format!(
            "field `{coordinate}` is `@external` in {} but no subgraph resolves it",
            self.names(&subgraphs)
        );
        self.error("EXTERNAL_MISSING_ON_BASE", message, field.iter().map(FieldIn::place));
    }

    /// What a subgraph says of a field that others resolve must be true of them.
    fn check_externals(
        &mut self,
        coordinate: &str,
        field: &[FieldIn<'a>],
        owners: &[FieldIn<'a>],
        ty: &Type,
    ) {
        let externals: Vec<FieldIn<'a>> =
            field.iter().copied().filter(|field| self.is_external(field)).collect();
        let owner = &owners[0];
        for external in &externals {
            let own = self.supergraph_type(external.subgraph, &external.definition.ty);
            let (here, there) =
                (&self.subgraphs[external.subgraph].name, &self.subgraphs[owner.subgraph].name);
            if own != *ty {
                let message = format!(
                    "field `{coordinate}` is `@external` in `{here}` as `{own}`, but `{}` in `{there}`",
                    owner.definition.ty
                );
                self.error("EXTERNAL_TYPE_MISMATCH", message, [external.place(), owner.place()]);
            }
            self.check_external_arguments(coordinate, external, owner);
            self.check_external_directives(coordinate, external, owners);
        }
    }

    fn check_external_arguments(
        &mut self,
        coordinate: &str,
        external: &FieldIn<'_>,
        owner: &FieldIn<'_>,
    ) {
        let (here, there) =
            (&self.subgraphs[external.subgraph].name, &self.subgraphs[owner.subgraph].name);
        let places = [external.place(), owner.place()];
        let mut found = Vec::new();
        let given = |argument: &&Node<InputValueDefinition>| {
            !self.subgraphs[owner.subgraph].is_contextual(argument)
        };
        for argument in owner.definition.arguments.iter().filter(given) {
            let element = format!("argument `{coordinate}({}:)`", argument.name);
            let Some(own) = external.definition.argument_by_name(&argument.name) else {
                let message = format!(
                    "{element} is in `{there}` but missing in `{here}`, where the field is `@external`"
                );
                found.push(("EXTERNAL_ARGUMENT_MISSING", message));
                continue;
            };
            if own.ty != argument.ty {
                let message = format!(
                    "{element} is `{}` in `{here}`, where the field is `@external`, but `{}` in `{there}`",
                    own.ty, argument.ty
                );
                found.push(("EXTERNAL_ARGUMENT_TYPE_MISMATCH", message));
            }
            let defaults = [own, argument].map(|value| value.default_value.as_deref());
            if !same_default(defaults) {
                let message = format!(
                    "{element} has another default in `{here}`, where the field is `@external`, than in `{there}`"
                );
                found.push(("EXTERNAL_ARGUMENT_DEFAULT_MISMATCH", message));
            }
        }
        for (code, message) in found {
            self.error(code, message, places);
        }
    }

    /// What is merged from all definitions of a field is said where the field is resolved. Federation 1 let others repeat
    /// the tags that it has there.
    fn check_external_directives(
        &mut self,
        coordinate: &str,
        external: &FieldIn<'_>,
        owners: &[FieldIn<'_>],
    ) {
        let subgraph = &self.subgraphs[external.subgraph];
        let is_repeated = |tag: &Directive| {
            let has = |owner: &FieldIn<'_>| {
                let link = &self.subgraphs[owner.subgraph].link;
                let mut tags = link.field_all(&owner.definition.directives, "tag");
                tags.any(|own| own.arguments == tag.arguments)
            };
            subgraph.link.version.is_none() && owners.iter().any(has)
        };
        for (place, (directive, _)) in CARRIED.into_iter().enumerate() {
            let directives = &external.definition.directives;
            let mut applied = subgraph.link.field_all(directives, directive);
            // `@deprecated` is nobody's to import.
            let is_built_in = place < BUILT_IN && directives.has(directive);
            if applied.any(|directive| !is_repeated(directive))
                || (is_built_in && subgraph.link.version.is_some())
            {
                let message = format!(
                    "`{coordinate}` of `{}` has both `@external` and `@{directive}`",
                    subgraph.name
                );
                self.error("MERGED_DIRECTIVE_APPLICATION_ON_EXTERNAL", message, [external.place()]);
            }
        }
    }

    /// A field that several subgraphs resolve must be `@shareable` in all of them. A subgraph resolves what it provides,
    /// and an interface object resolves the field for the types behind it.
    pub(super) fn check_sharing(
        &mut self,
        coordinate: &str,
        (type_name, name): (&Name, &Name),
        field: &[FieldIn<'a>],
        moves: &Moves,
    ) {
        let added = self.added_by_interface_objects(type_name, name);
        let resolving: Vec<FieldIn<'a>> = field
            .iter()
            .copied()
            .filter(|field| !field.parent.is_interface() && !moves.is_moved(field.subgraph))
            .filter(|field| !self.is_external(field) || self.is_provided(field))
            .chain(added)
            .collect();
        if resolving.len() < 2 {
            return;
        }
        let is_unshared = |field: &&FieldIn<'a>| {
            !self.is_external(field)
                && !self.subgraphs[field.subgraph].is_shareable(field.parent, field.definition)
        };
        let alone: Vec<FieldIn<'a>> =
            resolving.iter().copied().filter(|f| is_unshared(&f)).collect();
        if !alone.is_empty() {
            let message = format!(
                "field `{coordinate}` is resolved by {} but is not `@shareable` in {}",
                self.resolvers(&resolving),
                self.resolvers(&alone)
            );
            let places: Vec<Place> = resolving.iter().map(FieldIn::place).collect();
            self.error("INVALID_FIELD_SHARING", message, places);
        }
        self.check_shared_runtime_types(coordinate, &resolving);
    }

    /// Who resolves a field: the subgraphs, and for which interface where it is an interface object that does.
    fn resolvers(&self, fields: &[FieldIn<'_>]) -> String {
        let resolver = |field: &FieldIn<'_>| {
            let subgraph = &self.subgraphs[field.subgraph];
            if subgraph.is_interface_object(field.parent) {
                format!("`{}` for `{}`", subgraph.name, field.parent.name())
            } else {
                format!("`{}`", subgraph.name)
            }
        };
        listed(fields.iter().map(resolver).collect())
    }

    fn is_provided(&self, field: &FieldIn<'_>) -> bool {
        self.subgraphs[field.subgraph].is_provided(field.parent, &field.definition.name)
    }
}

/// Whether two definitions have the same default, or none.
fn same_default(defaults: [Option<&Value>; 2]) -> bool {
    match defaults {
        [Some(own), Some(other)] => is_same(own, other),
        [None, None] => true,
        _ => false,
    }
}
