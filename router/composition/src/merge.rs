//! Merges the subgraphs type by type, and prints the supergraph.

mod element;
mod field;
mod leaf;
mod print;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use apollo_compiler::Name;
use apollo_compiler::schema::ExtendedType;

use crate::error::CompositionError;
use crate::link::FEDERATION_2;
use crate::subgraph::Subgraph;

/// What every part of the merge needs to know, and where it leaves its errors.
pub(crate) struct Merge<'a> {
    subgraphs: &'a [Subgraph],
    /// The values of `enum join__Graph`, by subgraph.
    graphs: Vec<String>,
    /// The types that stand in an argument or an input object somewhere, and in a field's type somewhere.
    used_as_input: BTreeSet<Name>,
    used_as_output: BTreeSet<Name>,
    /// Specifications beside join that the output uses: the name in `@link`.
    features: BTreeSet<&'static str>,
    errors: Vec<CompositionError>,
}

/// One type's definitions, with the place of each one's subgraph.
type Definitions<'a> = Vec<(usize, &'a ExtendedType)>;

/// Merges, or says everything that does not fit.
pub(crate) fn merge(subgraphs: &[Subgraph]) -> Result<String, Vec<CompositionError>> {
    let types = types_by_name(subgraphs);
    let mut merge = Merge {
        subgraphs,
        graphs: print::graph_names(subgraphs),
        used_as_input: BTreeSet::new(),
        used_as_output: BTreeSet::new(),
        features: BTreeSet::new(),
        errors: Vec::new(),
    };
    merge.note_uses(&types);
    let mut body = String::new();
    for (name, definitions) in &types {
        merge.ty(name, definitions, &types, &mut body);
    }
    let queries = types.get("Query").into_iter().flatten();
    if !queries.clone().any(|(index, query)| subgraphs[*index].fields(query).next().is_some()) {
        let message =
            "no subgraph has a field of the query root: at least one `Query` field is needed"
                .to_owned();
        merge.errors.push(CompositionError { code: "NO_QUERIES", message, locations: Vec::new() });
    }
    if merge.errors.is_empty() {
        Ok(print::supergraph(&merge, &types, &body))
    } else {
        Err(merge.errors)
    }
}

/// All types that the supergraph is made of, by their name there.
fn types_by_name(subgraphs: &[Subgraph]) -> BTreeMap<Name, Definitions<'_>> {
    let mut types: BTreeMap<Name, Definitions<'_>> = BTreeMap::new();
    for (index, subgraph) in subgraphs.iter().enumerate() {
        for ty in subgraph.schema.types.values() {
            let name = subgraph.supergraph_name(ty.name());
            let empty_root =
                subgraph.is_root(&name) && name != "Query" && subgraph.fields(ty).next().is_none();
            if ty.is_built_in() || is_machinery(ty.name(), subgraph) || empty_root {
                continue;
            }
            types.entry(name).or_default().push((index, ty));
        }
    }
    types
}

/// Types that are a specification's own: `_Any`, `_Entity`, `_Service`, `FieldSet`, `link__Import`.
fn is_machinery(name: &str, subgraph: &Subgraph) -> bool {
    matches!(name, "_Any" | "_Entity" | "_Service" | "_FieldSet")
        || ["federation__", "link__", "join__"].iter().any(|prefix| name.starts_with(prefix))
        || (matches!(name, "FieldSet") && subgraph.link.version.is_some())
}

impl<'a> Merge<'a> {
    /// Notes which types are used as input and which as output.
    fn note_uses(&mut self, types: &BTreeMap<Name, Definitions<'_>>) {
        for (index, ty) in types.values().flatten() {
            if let ExtendedType::InputObject(input) = ty {
                self.used_as_input
                    .extend(input.fields.values().map(|f| f.ty.inner_named_type().clone()));
            }
            for field in self.subgraphs[*index].fields(ty) {
                self.used_as_output.insert(field.ty.inner_named_type().clone());
                self.used_as_input
                    .extend(field.arguments.iter().map(|a| a.ty.inner_named_type().clone()));
            }
        }
    }

    /// Merges one type into the body.
    fn ty(
        &mut self,
        name: &Name,
        definitions: &Definitions<'a>,
        types: &BTreeMap<Name, Definitions<'a>>,
        body: &mut String,
    ) {
        if !self.kinds_agree(name, definitions) {
            return;
        }
        let is_interface = definitions.iter().any(|(_, ty)| ty.is_interface());
        let (_, first) = definitions[0];
        self.describe(
            definitions.iter().map(|(_, ty)| ty.description().map(|d| d.as_str())),
            "",
            body,
        );
        match first {
            _ if is_interface => self.interface(name, definitions, types, body),
            ExtendedType::Object(_) => self.object(name, definitions, types, body),
            ExtendedType::Scalar(_) => {
                let _ = writeln!(body, "scalar {name}{}\n", self.type_directives(definitions));
            }
            ExtendedType::Union(_) => self.union(name, definitions, body),
            ExtendedType::Enum(_) => self.enumeration(name, definitions, body),
            ExtendedType::InputObject(_) => self.input_object(name, definitions, body),
            ExtendedType::Interface(_) => {}
        }
    }

    /// Whether all subgraphs mean the same kind of type; an `@interfaceObject` counts as an interface.
    fn kinds_agree(&mut self, name: &Name, definitions: &Definitions<'_>) -> bool {
        let kind = |index: usize, ty: &ExtendedType| match ty {
            ExtendedType::Object(_) if self.subgraphs[index].is_interface_object(ty) => {
                "an interface"
            }
            ExtendedType::Object(_) => "an object type",
            ExtendedType::Interface(_) => "an interface",
            ExtendedType::Union(_) => "a union",
            ExtendedType::Enum(_) => "an enum",
            ExtendedType::Scalar(_) => "a scalar",
            ExtendedType::InputObject(_) => "an input object",
        };
        let (first_index, first) = definitions[0];
        let first_kind = kind(first_index, first);
        let other = definitions.iter().find(|(index, ty)| kind(*index, ty) != first_kind);
        let Some((index, ty)) = other else { return true };
        let message = format!(
            "`{name}` is {first_kind} in `{}` but {} in `{}`",
            self.subgraphs[first_index].name,
            kind(*index, ty),
            self.subgraphs[*index].name
        );
        let involved = [first_index, *index];
        self.error("TYPE_KIND_MISMATCH", message, &involved);
        false
    }

    /// Leaves an error that concerns these subgraphs.
    fn error(&mut self, code: &'static str, message: String, subgraphs: &[usize]) {
        let locations = subgraphs
            .iter()
            .map(|index| crate::SubgraphLocation {
                subgraph: self.subgraphs[*index].name.clone(),
                line_column: None,
            })
            .collect();
        self.errors.push(CompositionError { code, message, locations });
    }

    /// The names of subgraphs, in backticks: `` `a` and `b` ``.
    fn names(&self, subgraphs: &[usize]) -> String {
        let names: Vec<String> =
            subgraphs.iter().map(|i| format!("`{}`", self.subgraphs[*i].name)).collect();
        match names.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
            None => "no subgraph".to_owned(),
        }
    }
}

/// Whether the name is one of the federation's own directives.
pub(crate) fn is_federation_directive(name: &str) -> bool {
    FEDERATION_2.contains(&name)
}
