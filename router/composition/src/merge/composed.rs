//! Carries directives of somebody's own specifications into the supergraph, as `@composeDirective` asks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use apollo_compiler::Node;
use apollo_compiler::ast::{Directive, DirectiveDefinition};
use apollo_compiler::parser::SourceSpan;

use super::{Merge, Place};
use crate::link::text;
use crate::subgraph::Subgraph;

/// The directives that are composed, by name: the newest request for each, and all subgraphs that ask for it.
#[derive(Default)]
pub(super) struct ComposedDirectives(BTreeMap<String, (Composed, BTreeSet<usize>)>);

/// One subgraph's request to compose a directive.
struct Composed {
    subgraph: usize,
    identity: String,
    version: (u32, u32),
    /// The specification's name of the directive.
    original: String,
    definition: Node<DirectiveDefinition>,
    span: Option<SourceSpan>,
}

impl ComposedDirectives {
    /// Whether a subgraph's applications of a directive are composed.
    pub(super) fn contains(&self, subgraph: usize, name: &str) -> bool {
        self.0.get(name).is_some_and(|(_, subgraphs)| subgraphs.contains(&subgraph))
    }

    /// Whether a directive is composed, from whichever subgraphs.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether a directive may stand on an element several times.
    pub(super) fn is_repeatable(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|(composed, _)| composed.definition.repeatable)
    }

    /// The `@link`s of the specifications, each with the imports it needs.
    pub(super) fn links(&self) -> String {
        let mut imports: BTreeMap<&str, ((u32, u32), Vec<String>)> = BTreeMap::new();
        for (name, (composed, _)) in &self.0 {
            let import = if *name == composed.original {
                format!("\"@{name}\"")
            } else {
                format!("{{name: \"@{}\", as: \"@{name}\"}}", composed.original)
            };
            let (version, names) = imports.entry(&composed.identity).or_default();
            *version = composed.version.max(*version);
            names.push(import);
        }
        let mut out = String::new();
        for (identity, ((major, minor), names)) in imports {
            let _ = writeln!(
                out,
                "  @link(url: \"{identity}/v{major}.{minor}\", import: [{}])",
                names.join(", ")
            );
        }
        out
    }

    /// The definitions, by the newest version of each specification.
    pub(super) fn definitions(&self) -> String {
        self.0
            .values()
            .map(|(composed, _)| composed.definition.to_string().trim_end().to_owned() + "\n\n")
            .collect()
    }
}

/// The directives of the federation that stand in the supergraph without being asked for.
const COMPOSED_ANYWAY: [&str; 9] = [
    "tag",
    "inaccessible",
    "authenticated",
    "requiresScopes",
    "policy",
    "context",
    "cost",
    "listSize",
    "cacheTag",
];

/// The directives that every schema has.
const OF_GRAPHQL: [&str; 5] = ["oneOf", "deprecated", "specifiedBy", "skip", "include"];

impl Merge<'_> {
    /// Finds the directives to compose, and what speaks against them.
    pub(super) fn compose_directives(&mut self) {
        let mut requests: BTreeMap<String, Vec<Composed>> = BTreeMap::new();
        let subgraphs = self.subgraphs;
        for (index, subgraph) in subgraphs.iter().enumerate() {
            let directives = &subgraph.schema.schema_definition.directives;
            for directive in subgraph.link.all(directives, "composeDirective") {
                if let Some((name, composed)) = self.request(index, directive) {
                    requests.entry(name).or_default().push(composed);
                }
            }
        }
        self.check_imports();
        self.check_names(&requests);
        self.check_versions(&requests);
        for (name, mut asked) in requests {
            if self.check_agreement(&name, &asked) {
                self.hint_definitions(&name, &asked);
                self.hint_not_composed(&name, &asked);
                let subgraphs = asked.iter().map(|composed| composed.subgraph).collect();
                asked.sort_by_key(|composed| {
                    (composed.version, std::cmp::Reverse(composed.subgraph))
                });
                self.composed.0.extend(asked.pop().map(|newest| (name, (newest, subgraphs))));
            }
        }
    }

    /// The federation's directives that stand in the supergraph have one name there, and so in all subgraphs.
    fn check_imports(&mut self) {
        for directive in COMPOSED_ANYWAY {
            let subgraphs = self.subgraphs.iter().enumerate();
            let mut imports = subgraphs.filter_map(|(index, subgraph)| {
                let name = subgraph.link.imported.get(directive)?;
                subgraph.applies(name).then_some((index, name))
            });
            let Some((first, name)) = imports.next() else { continue };
            let Some((other, other_name)) = imports.find(|(_, other)| *other != name) else {
                continue;
            };
            let message = format!(
                "`@{directive}` is imported as `@{name}` in `{}` but as `@{other_name}` in `{}`",
                self.subgraphs[first].name, self.subgraphs[other].name
            );
            self.error("LINK_IMPORT_NAME_MISMATCH", message, [(first, None), (other, None)]);
        }
    }

    /// The supergraph links a specification in one version: the newest, which has to be compatible and to have all that
    /// is composed of it.
    fn check_versions(&mut self, requests: &BTreeMap<String, Vec<Composed>>) {
        let mut specifications: BTreeMap<&str, Vec<(&str, &Composed)>> = BTreeMap::new();
        for (name, composed) in
            requests.iter().flat_map(|(name, asked)| asked.iter().map(move |one| (name, one)))
        {
            specifications.entry(&composed.identity).or_default().push((name, composed));
        }
        for (identity, directives) in specifications {
            let Some((_, newest)) = directives.iter().max_by_key(|(_, one)| one.version) else {
                continue;
            };
            let place = (newest.subgraph, newest.span);
            let (major, minor) = newest.version;
            let newest_in = &self.subgraphs[newest.subgraph];
            for (name, other) in &directives {
                let there = &self.subgraphs[other.subgraph].name;
                let other_place = (other.subgraph, other.span);
                if other.version.0 != major {
                    let message = format!(
                        "`{identity}` is composed in version {major}.{minor} from `{}` but {}.{} from `{there}`",
                        newest_in.name, other.version.0, other.version.1
                    );
                    self.error("DIRECTIVE_COMPOSITION_ERROR", message, [place, other_place]);
                } else if other.version < newest.version && !defines(newest_in, other) {
                    let message = format!(
                        "`@{name}` is composed from `{there}`, but `{}`, which links the newest version \
                         {major}.{minor} of `{identity}`, does not define it",
                        newest_in.name
                    );
                    self.error("DIRECTIVE_COMPOSITION_ERROR", message, [place, other_place]);
                }
            }
        }
    }

    /// What is composed must not have the name of something that the supergraph has anyway.
    pub(super) fn check_composed_names(&mut self) {
        let is_taken = |name: &str| {
            name == "link"
                || name.starts_with("join__")
                || name.starts_with("link__")
                || self.features.contains(name)
                || (name == "listSize" && self.uses_list_sizes)
        };
        let taken = self.composed.0.iter().filter(|(name, _)| is_taken(name));
        let taken: Vec<(String, Place)> = taken
            .map(|(name, (composed, _))| (name.clone(), (composed.subgraph, composed.span)))
            .collect();
        for (name, place) in taken {
            let message = format!(
                "`@{name}` is composed from `{}`, but the supergraph has a directive of the federation by that name: \
                 it has to be imported by another",
                self.subgraphs[place.0].name
            );
            self.error("DIRECTIVE_COMPOSITION_ERROR", message, [place]);
        }
    }

    /// The supergraph can import a directive by one name only.
    fn check_names(&mut self, requests: &BTreeMap<String, Vec<Composed>>) {
        let mut names: BTreeMap<(&str, &str), (&str, &Composed)> = BTreeMap::new();
        for (name, composed) in
            requests.iter().flat_map(|(name, asked)| asked.iter().map(move |one| (name, one)))
        {
            let directive = (composed.identity.as_str(), composed.original.as_str());
            let (first_name, first) = *names.entry(directive).or_insert((name, composed));
            if first_name != name {
                let message = format!(
                    "`@{}` of `{}` is imported as `@{first_name}` in `{}` but as `@{name}` in `{}`",
                    composed.original,
                    composed.identity,
                    self.subgraphs[first.subgraph].name,
                    self.subgraphs[composed.subgraph].name
                );
                let places = [(first.subgraph, first.span), (composed.subgraph, composed.span)];
                self.error("DIRECTIVE_COMPOSITION_ERROR", message, places);
            }
        }
    }

    /// Reads one `@composeDirective`.
    fn request(&mut self, index: usize, directive: &Directive) -> Option<(String, Composed)> {
        let subgraph = &self.subgraphs[index];
        let argument = directive.specified_argument_by_name("name");
        let span = argument.and_then(Node::location);
        let written = text(directive, "name").unwrap_or_default();
        let mut refuse = |reason: String| {
            let message =
                format!("`@composeDirective(name: \"{written}\")` of `{}` {reason}", subgraph.name);
            self.error("DIRECTIVE_COMPOSITION_ERROR", message, [(index, span)]);
            None
        };
        let Some(name) = written.strip_prefix('@') else {
            return refuse("does not name a directive: its name begins with `@`".to_owned());
        };
        if let Some(canonical) = subgraph.link.canonical(name) {
            if COMPOSED_ANYWAY.contains(&canonical) {
                let message = format!(
                    "`@composeDirective(name: \"{written}\")` of `{}` can be removed: `@{canonical}` is composed anyway",
                    subgraph.name
                );
                self.hint("DIRECTIVE_COMPOSITION_INFO", message, [index]);
                return None;
            }
            return refuse(
                "names a directive of the federation, which is composed by its own rules"
                    .to_owned(),
            );
        }
        if OF_GRAPHQL.contains(&name) {
            let message = format!(
                "`@composeDirective(name: \"{written}\")` of `{}` can be removed: `@{name}` is GraphQL's own",
                subgraph.name
            );
            self.hint("DIRECTIVE_COMPOSITION_INFO", message, [index]);
            return None;
        }
        let Some(definition) = subgraph.schema.directive_definitions.get(name) else {
            return refuse(format!("names a directive that `{}` does not define", subgraph.name));
        };
        let features = &subgraph.link.features;
        let Some((feature, original)) =
            features.iter().find_map(|feature| Some((feature, feature.original(name)?)))
        else {
            return refuse(
                "names a directive that comes from no `@link`: only those are the same everywhere"
                    .to_owned(),
            );
        };
        let composed = Composed {
            subgraph: index,
            identity: feature.identity.clone(),
            version: feature.version,
            original: original.to_owned(),
            definition: definition.clone(),
            span,
        };
        Some((name.to_owned(), composed))
    }

    /// Whether all subgraphs that compose a directive mean the same.
    fn check_agreement(&mut self, name: &str, asked: &[Composed]) -> bool {
        let first = &asked[0];
        let other = asked
            .iter()
            .find(|other| (&other.identity, &other.original) != (&first.identity, &first.original));
        if let Some(other) = other {
            let message = format!(
                "`@{name}` is composed as `@{}` of `{}` in `{}` but as `@{}` of `{}` in `{}`",
                first.original,
                first.identity,
                self.subgraphs[first.subgraph].name,
                other.original,
                other.identity,
                self.subgraphs[other.subgraph].name
            );
            let places = [(first.subgraph, first.span), (other.subgraph, other.span)];
            self.error("DIRECTIVE_COMPOSITION_ERROR", message, places);
            return false;
        }
        if shared_locations(asked).is_empty() {
            let message = format!(
                "`@{name}` is composed from {}, whose definitions have no place in common",
                self.names_of(&asked.iter().collect::<Vec<_>>())
            );
            let places = asked.iter().map(|composed| (composed.subgraph, composed.span));
            self.error("DIRECTIVE_COMPOSITION_ERROR", message, places);
            return false;
        }
        true
    }

    /// The newest definition is used; where others differ, it may not be the one that their authors mean.
    fn hint_definitions(&mut self, name: &str, asked: &[Composed]) {
        let (repeatable, others): (Vec<&Composed>, Vec<&Composed>) =
            asked.iter().partition(|composed| composed.definition.repeatable);
        if !repeatable.is_empty() && !others.is_empty() {
            let message = format!(
                "`@{name}` is repeatable in {} but not in {}: the newest definition is used",
                self.names_of(&repeatable),
                self.names_of(&others)
            );
            let code = "INCONSISTENT_TYPE_SYSTEM_DIRECTIVE_REPEATABLE";
            self.hint(code, message, asked.iter().map(|composed| composed.subgraph));
        }
        let first = locations(&asked[0]);
        if let Some(other) = asked.iter().find(|other| locations(other) != first) {
            let message = format!(
                "`@{name}` stands on {} in `{}` but on {} in `{}`: the newest definition is used",
                locations(&asked[0]).join(", "),
                self.subgraphs[asked[0].subgraph].name,
                locations(other).join(", "),
                self.subgraphs[other.subgraph].name
            );
            let code = "INCONSISTENT_TYPE_SYSTEM_DIRECTIVE_LOCATIONS";
            self.hint(code, message, asked.iter().map(|composed| composed.subgraph));
        }
    }

    /// A subgraph that has the directive and does not ask for it: what it says is lost.
    fn hint_not_composed(&mut self, name: &str, asked: &[Composed]) {
        let has = |index: &usize| {
            let link = &self.subgraphs[*index].link;
            link.features.iter().any(|feature| {
                feature.identity == asked[0].identity
                    && feature.original(name) == Some(asked[0].original.as_str())
            })
        };
        let asks = |index: &usize| asked.iter().any(|composed| composed.subgraph == *index);
        let silent: Vec<usize> =
            (0..self.subgraphs.len()).filter(|index| !asks(index) && has(index)).collect();
        if silent.is_empty() {
            return;
        }
        let asking: Vec<&Composed> = asked.iter().collect();
        let message = format!(
            "`@{name}` is composed from {} but not from {}, which has it as well",
            self.names_of(&asking),
            self.names(&silent)
        );
        self.hint("DIRECTIVE_COMPOSITION_WARN", message, silent);
    }

    fn names_of(&self, composed: &[&Composed]) -> String {
        self.names(&composed.iter().map(|composed| composed.subgraph).collect::<Vec<_>>())
    }
}

/// Whether a subgraph defines the directive, by whichever name it has there.
fn defines(subgraph: &Subgraph, composed: &Composed) -> bool {
    let mut features = subgraph.link.features.iter();
    features.find(|feature| feature.identity == composed.identity).is_some_and(|feature| {
        let mut names = subgraph.schema.directive_definitions.keys();
        names.any(|name| feature.original(name) == Some(composed.original.as_str()))
    })
}

/// The places that all definitions of a directive have.
fn shared_locations(asked: &[Composed]) -> Vec<&'static str> {
    let mut shared = locations(&asked[0]);
    shared.retain(|place| asked.iter().all(|composed| locations(composed).contains(place)));
    shared
}

fn locations(composed: &Composed) -> Vec<&'static str> {
    let mut names: Vec<_> =
        composed.definition.locations.iter().map(|location| location.name()).collect();
    names.sort_unstable();
    names
}
