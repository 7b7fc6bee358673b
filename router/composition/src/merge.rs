//! Merges the subgraphs type by type, and prints the supergraph.

mod auth;
mod composed;
mod composite;
mod directive;
mod element;
mod executable;
mod field;
mod field_type;
mod input;
mod leaf;
mod overriding;
mod print;
mod requirement;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use apollo_compiler::Name;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::ExtendedType;

use self::composed::ComposedDirectives;
pub(crate) use self::print::{INACCESSIBLE, ONE_OF};
use crate::error::{CompositionError, Hint, SubgraphLocation};
use crate::subgraph::Subgraph;

/// What every part of the merge needs to know, and where it leaves its errors and hints.
pub(crate) struct Merge<'a> {
    subgraphs: &'a [Subgraph],
    /// All definitions, by the type's name in the supergraph.
    types: BTreeMap<Name, Vec<TypeIn<'a>>>,
    /// The object types and interfaces that implement each interface, in some subgraph.
    implementations: BTreeMap<Name, Vec<Name>>,
    /// The values of `enum join__Graph`, by subgraph.
    graphs: Vec<String>,
    /// The types that stand in an argument or an input object somewhere, and in a field's type somewhere.
    used_as_input: BTreeSet<Name>,
    used_as_output: BTreeSet<Name>,
    /// Specifications beside join that the output uses: the name in `@link`.
    features: BTreeSet<&'static str>,
    uses_list_sizes: bool,
    uses_one_of: bool,
    composed: ComposedDirectives,
    /// What the schema itself carries, beside its links.
    schema_directives: Vec<String>,
    errors: Vec<CompositionError>,
    hints: Vec<Hint>,
}

/// One subgraph's definition of a type.
#[derive(Clone, Copy)]
struct TypeIn<'a> {
    subgraph: usize,
    ty: &'a ExtendedType,
}

/// Where in which subgraph an element stands.
type Place = (usize, Option<SourceSpan>);

impl TypeIn<'_> {
    fn place(&self) -> Place {
        (self.subgraph, self.ty.name().location())
    }
}

/// Merges into supergraph SDL, or says everything that does not fit.
pub(crate) fn merge(subgraphs: &[Subgraph]) -> Result<(String, Vec<Hint>), Vec<CompositionError>> {
    let types = types_by_name(subgraphs);
    let mut merge = Merge {
        subgraphs,
        implementations: composite::implementations(&types),
        types,
        graphs: print::graph_names(subgraphs),
        used_as_input: BTreeSet::new(),
        used_as_output: BTreeSet::new(),
        features: BTreeSet::new(),
        uses_list_sizes: false,
        uses_one_of: false,
        composed: ComposedDirectives::default(),
        schema_directives: Vec::new(),
        errors: Vec::new(),
        hints: Vec::new(),
    };
    merge.note_uses();
    merge.compose_directives();
    merge.check_queries();
    merge.hint_upgrades();
    let types = merge.types.clone();
    merge.schema_directives();
    let mut body = String::new();
    for (name, definitions) in &types {
        merge.ty(name, definitions, &mut body);
    }
    merge.check_requirements();
    merge.check_composed_names();
    let executable_directives = merge.executable_directives();
    if merge.errors.is_empty() {
        Ok((print::supergraph(&merge, &executable_directives, &body), merge.hints))
    } else {
        Err(merge.errors)
    }
}

/// All types that the supergraph is made of, by their name there.
fn types_by_name(subgraphs: &[Subgraph]) -> BTreeMap<Name, Vec<TypeIn<'_>>> {
    let mut types: BTreeMap<Name, Vec<TypeIn<'_>>> = BTreeMap::new();
    for (index, subgraph) in subgraphs.iter().enumerate() {
        for ty in subgraph.schema.types.values() {
            let name = subgraph.supergraph_name(ty.name());
            if !ty.is_built_in() && !is_machinery(ty.name(), subgraph) {
                types.entry(name).or_default().push(TypeIn { subgraph: index, ty });
            }
        }
    }
    types
}

/// Types that are a specification's own: `_Any`, `_Entity`, `_Service`, `FieldSet`, `link__Import`.
fn is_machinery(name: &str, subgraph: &Subgraph) -> bool {
    matches!(name, "_Any" | "_Entity" | "_Service" | "_FieldSet")
        || ["federation__", "link__", "join__"].iter().any(|prefix| name.starts_with(prefix))
        || name.split_once("__").is_some_and(|(prefix, _)| prefix == subgraph.link.name)
        || subgraph.link.is_scalar(name)
}

impl<'a> Merge<'a> {
    /// Notes which types are used as input and which as output.
    fn note_uses(&mut self) {
        for TypeIn { subgraph, ty } in self.types.values().flatten() {
            if let ExtendedType::InputObject(input) = ty {
                self.used_as_input
                    .extend(input.fields.values().map(|f| f.ty.inner_named_type().clone()));
            }
            for field in self.subgraphs[*subgraph].fields(ty) {
                self.used_as_output.insert(field.ty.inner_named_type().clone());
                self.used_as_input
                    .extend(field.arguments.iter().map(|a| a.ty.inner_named_type().clone()));
            }
        }
    }

    /// Merges what the subgraphs say of their schemas.
    fn schema_directives(&mut self) {
        let subgraphs = self.subgraphs;
        let applications = subgraphs.iter().enumerate().map(|(index, subgraph)| {
            let directives = &subgraph.schema.schema_definition.directives;
            (index, directives.iter().map(|directive| &***directive))
        });
        self.schema_directives = self.carried("the schema", applications, &[]);
    }

    fn check_queries(&mut self) {
        let mut queries = self.types.get("Query").into_iter().flatten();
        if !queries.any(|query| self.subgraphs[query.subgraph].fields(query.ty).next().is_some()) {
            let message =
                "no subgraph has a field of the query root: at least one `Query` field is needed";
            self.error("NO_QUERIES", message.to_owned(), []);
        }
    }

    /// A specification that is linked by itself may need a newer federation than the subgraph says.
    fn hint_upgrades(&mut self) {
        let subgraphs = self.subgraphs;
        for (index, subgraph) in subgraphs.iter().enumerate() {
            let (Some((url, (major, minor))), Some((new_major, new_minor))) =
                (&subgraph.link.upgrade, subgraph.link.version)
            else {
                continue;
            };
            let message = format!(
                "`{}` links version {major}.{minor} of federation, and `{url}`, which came with version \
                 {new_major}.{new_minor}: it is composed as of the latter",
                subgraph.name
            );
            self.hint("IMPLICITLY_UPGRADED_FEDERATION_VERSION", message, [index]);
        }
    }

    /// Merges one type into the body.
    fn ty(&mut self, name: &Name, definitions: &[TypeIn<'a>], body: &mut String) {
        if !self.kinds_agree(name, definitions) {
            return;
        }
        self.check_base(name, definitions);
        let is_interface =
            definitions.iter().any(|d| d.ty.is_interface() || self.is_interface_object(d));
        let descriptions = definitions.iter().map(|d| (d.subgraph, d.ty.description()));
        self.describe(&format!("`{name}`"), descriptions, "", body);
        match definitions[0].ty {
            _ if is_interface => self.interface(name, definitions, body),
            ExtendedType::Object(_) => self.object(name, definitions, body),
            ExtendedType::Scalar(_) => {
                let directives = self.type_directives(name, definitions);
                let _ = writeln!(body, "scalar {name}{directives}\n");
            }
            ExtendedType::Union(_) => self.union(name, definitions, body),
            ExtendedType::Enum(_) => self.enumeration(name, definitions, body),
            ExtendedType::InputObject(_) => self.input_object(name, definitions, body),
            ExtendedType::Interface(_) => unreachable!("interfaces are printed above"),
        }
    }

    /// Whether all subgraphs mean the same kind of type; an `@interfaceObject` counts as an interface.
    fn kinds_agree(&mut self, name: &Name, definitions: &[TypeIn<'_>]) -> bool {
        let kind = |definition: &TypeIn<'_>| match definition.ty {
            ExtendedType::Object(_) if self.is_interface_object(definition) => "an interface",
            ExtendedType::Object(_) => "an object type",
            ExtendedType::Interface(_) => "an interface",
            ExtendedType::Union(_) => "a union",
            ExtendedType::Enum(_) => "an enum",
            ExtendedType::Scalar(_) => "a scalar",
            ExtendedType::InputObject(_) => "an input object",
        };
        let first = &definitions[0];
        let Some(other) = definitions.iter().find(|other| kind(other) != kind(first)) else {
            return true;
        };
        let message = format!(
            "`{name}` is {} in `{}` but {} in `{}`",
            kind(first),
            self.subgraphs[first.subgraph].name,
            kind(other),
            self.subgraphs[other.subgraph].name
        );
        self.error("TYPE_KIND_MISMATCH", message, [first.place(), other.place()]);
        false
    }

    /// A type that is extended must be defined somewhere; in Federation 2, every subgraph may define it.
    fn check_base(&mut self, name: &Name, definitions: &[TypeIn<'_>]) {
        let extends = |definition: &TypeIn<'_>| {
            let subgraph = &self.subgraphs[definition.subgraph];
            let is_alone = definitions.len() == 1 && subgraph.expects_another(definition.ty);
            !subgraph.is_root(name) && (subgraph.only_extends(definition.ty) || is_alone)
        };
        if definitions.iter().all(extends) {
            let subgraphs: Vec<usize> =
                definitions.iter().map(|definition| definition.subgraph).collect();
            let message = format!(
                "`{name}` is extended in {} but defined in no subgraph",
                self.names(&subgraphs)
            );
            self.error("EXTENSION_WITH_NO_BASE", message, definitions.iter().map(TypeIn::place));
        }
    }

    fn is_interface_object(&self, definition: &TypeIn<'_>) -> bool {
        self.subgraphs[definition.subgraph].is_interface_object(definition.ty)
    }

    /// Leaves an error about elements at these places.
    fn error(
        &mut self,
        code: &'static str,
        message: String,
        places: impl IntoIterator<Item = Place>,
    ) {
        let locations =
            places.into_iter().map(|(index, span)| self.subgraphs[index].location(span)).collect();
        self.errors.push(CompositionError { code, message, locations });
    }

    /// Leaves a hint about elements of these subgraphs.
    fn hint(
        &mut self,
        code: &'static str,
        message: String,
        subgraphs: impl IntoIterator<Item = usize>,
    ) {
        let locations: Vec<SubgraphLocation> =
            subgraphs.into_iter().map(|index| self.subgraphs[index].location(None)).collect();
        self.hints.push(Hint { code, message, locations });
    }

    /// The names of subgraphs, in backticks: `` `a` and `b` ``.
    fn names(&self, subgraphs: &[usize]) -> String {
        listed(subgraphs.iter().map(|i| format!("`{}`", self.subgraphs[*i].name)).collect())
    }
}

/// `a`, `b` and `c`
fn listed(mut names: Vec<String>) -> String {
    match names.pop() {
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
        None => "no subgraph".to_owned(),
    }
}
