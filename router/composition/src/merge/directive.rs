//! The directives that elements carry into the supergraph, as they mean something to clients or to the router.

use std::collections::{BTreeMap, BTreeSet};

use apollo_compiler::ast::{Directive, Value};

use super::Merge;
use super::element::Chosen;
use crate::link::text;

/// One subgraph's application of a directive.
pub(super) type Application<'d> = (usize, &'d Directive);

/// Directives that are printed on the elements themselves, in this order; with the feature to link.
pub(super) const CARRIED: [(&str, &str); 9] = [
    ("deprecated", ""),
    ("specifiedBy", ""),
    ("inaccessible", "inaccessible"),
    ("tag", "tag"),
    ("authenticated", "authenticated"),
    ("requiresScopes", "requiresScopes"),
    ("policy", "policy"),
    ("cost", "cost"),
    ("listSize", "cost"),
];

/// How many of these every GraphQL schema knows: no link names them.
pub(super) const BUILT_IN: usize = 2;

impl Merge<'_> {
    /// The carried directives of one element, from the subgraphs' applications of them, and those that it has from
    /// others (see `auth`).
    pub(super) fn carried<'d, D: Iterator<Item = &'d Directive>>(
        &mut self,
        element: &str,
        applications: impl IntoIterator<Item = (usize, D)>,
        inherited: &[Application<'d>],
    ) -> Vec<String> {
        let mut known: BTreeMap<usize, Vec<Application<'d>>> = BTreeMap::new();
        let mut composed: BTreeMap<&str, Vec<Application<'d>>> = BTreeMap::new();
        let mut cache_tags: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        for (index, directives) in applications {
            for directive in directives {
                let name = directive.name.as_str();
                if let Some(place) = self.place(index, name) {
                    known.entry(place).or_default().push((index, directive));
                } else if self.subgraphs[index].link.canonical(name) == Some("cacheTag") {
                    let format = text(directive, "format").unwrap_or_default();
                    cache_tags.entry(format).or_default().insert(index);
                } else if self.composed.contains(index, name) {
                    composed.entry(name).or_default().push((index, directive));
                }
            }
        }
        for (index, directive) in inherited {
            if let Some(place) = self.place(*index, &directive.name) {
                known.entry(place).or_default();
            }
        }
        let mut printed = Vec::new();
        for (place, own) in known {
            let (name, feature) = CARRIED[place];
            if !feature.is_empty() {
                self.features.insert(feature);
            }
            self.uses_list_sizes |= name == "listSize";
            let is_same = |(i, d): &&Application<'d>| self.place(*i, &d.name) == Some(place);
            let inherited: Vec<Application<'d>> =
                inherited.iter().filter(is_same).copied().collect();
            printed.extend(self.merged(element, name, &own, &inherited));
        }
        for (name, applications) in composed {
            printed.extend(self.composed(element, name, &applications));
        }
        for (format, subgraphs) in cache_tags {
            self.features.insert("cacheTag");
            let graphs: Vec<&str> =
                subgraphs.iter().map(|index| self.graphs[*index].as_str()).collect();
            printed.push(format!(
                "@join__directive(graphs: [{}], name: \"federation__cacheTag\", args: {{format: {format:?}}})",
                graphs.join(", ")
            ));
        }
        printed
    }

    fn place(&self, subgraph: usize, name: &str) -> Option<usize> {
        match self.subgraphs[subgraph].link.canonical(name) {
            Some(canonical) => CARRIED.iter().position(|(carried, _)| *carried == canonical),
            None => CARRIED[..BUILT_IN].iter().position(|(carried, _)| *carried == name),
        }
    }

    /// Several subgraphs' applications of one directive to one element, as the supergraph has them.
    fn merged(
        &mut self,
        element: &str,
        name: &str,
        own: &[Application<'_>],
        inherited: &[Application<'_>],
    ) -> Vec<String> {
        let directives: Vec<&Directive> =
            own.iter().chain(inherited).map(|(_, directive)| *directive).collect();
        let merged = match name {
            "tag" => {
                let tags: BTreeSet<String> =
                    directives.iter().map(|d| format!("@tag{}", arguments(d))).collect();
                return tags.into_iter().collect();
            }
            "inaccessible" | "authenticated" => return vec![format!("@{name}")],
            "requiresScopes" => format!("(scopes: {})", all_of(&directives, "scopes")),
            "policy" => format!("(policies: {})", all_of(&directives, "policies")),
            "cost" => format!("(weight: {})", largest(&directives, "weight").unwrap_or_default()),
            "listSize" => list_size(&directives),
            _ => return self.most_common(element, name, own).into_iter().collect(),
        };
        if own.iter().any(|(_, directive)| directive.arguments != own[0].1.arguments) {
            let parts: Vec<String> = own
                .iter()
                .map(|(i, d)| format!("`{}` in `{}`", arguments(d), self.subgraphs[*i].name))
                .collect();
            let message = format!(
                "`@{name}` on {element} is {}: the supergraph says `{merged}`",
                parts.join(", ")
            );
            let subgraphs: Vec<usize> = own.iter().map(|(index, _)| *index).collect();
            self.hint("MERGED_NON_REPEATABLE_DIRECTIVE_ARGUMENTS", message, subgraphs);
        }
        vec![format!("@{name}{merged}")]
    }

    /// Applications of a directive that is composed because a subgraph asks for it.
    fn composed(
        &mut self,
        element: &str,
        name: &str,
        applications: &[Application<'_>],
    ) -> Vec<String> {
        if !self.composed.is_repeatable(name) {
            return self.most_common(element, name, applications).into_iter().collect();
        }
        let distinct: BTreeSet<String> =
            applications.iter().map(|(_, d)| format!("@{name}{}", arguments(d))).collect();
        distinct.into_iter().collect()
    }

    /// The application that most subgraphs have.
    fn most_common(
        &mut self,
        element: &str,
        name: &str,
        applications: &[Application<'_>],
    ) -> Option<String> {
        let texts = applications.iter().map(|(index, d)| (*index, arguments(d)));
        let Chosen { value, having, others } = Chosen::most_common(texts)?;
        if !others.is_empty() {
            let used = if value.is_empty() {
                "where it has none: it has none".to_owned()
            } else {
                format!("whose `{value}` are used")
            };
            let message = format!(
                "`@{name}` on {element} has other arguments in {} than in {}, {used}",
                self.names(&others),
                self.names(&having)
            );
            self.hint("INCONSISTENT_NON_REPEATABLE_DIRECTIVE_ARGUMENTS", message, others);
        }
        Some(format!("@{name}{value}"))
    }
}

/// Directives after an element on its line, each after a space.
pub(super) fn after(directives: &[String]) -> String {
    if directives.is_empty() { String::new() } else { format!(" {}", directives.join(" ")) }
}

fn arguments(directive: &Directive) -> String {
    supergraph::arguments_text(&directive.arguments)
}

fn list<'d>(directive: &'d Directive, argument: &str) -> &'d [apollo_compiler::Node<Value>] {
    let list = directive.specified_argument_by_name(argument).and_then(|v| v.as_list());
    list.unwrap_or_default()
}

fn largest(directives: &[&Directive], argument: &str) -> Option<i32> {
    directives.iter().filter_map(|d| d.specified_argument_by_name(argument)?.to_i32()).max()
}

/// The largest size, all arguments and fields that anybody names; one slicing argument is required if all say so.
fn list_size(directives: &[&Directive]) -> String {
    let mut parts = Vec::new();
    if let Some(size) = largest(directives, "assumedSize") {
        parts.push(format!("assumedSize: {size}"));
    }
    for argument in ["slicingArguments", "sizedFields"] {
        let mut names: Vec<String> = Vec::new();
        for name in directives.iter().flat_map(|d| list(d, argument)).filter_map(|v| v.as_str()) {
            let name = format!("{name:?}");
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if !names.is_empty() {
            parts.push(format!("{argument}: [{}]", names.join(", ")));
        }
    }
    let flag = |d: &&&Directive| {
        let value = d.specified_argument_by_name("requireOneSlicingArgument");
        value.and_then(|v| v.to_bool()) == Some(false)
    };
    if directives.iter().any(|directive| flag(&directive)) {
        parts.push("requireOneSlicingArgument: false".to_owned());
    }
    if parts.is_empty() { String::new() } else { format!("({})", parts.join(", ")) }
}

/// The names of one alternative, which may be a lone one. What is no name is one that nobody has.
fn names(alternative: &Value) -> BTreeSet<String> {
    let name = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match alternative {
        Value::List(names) => names.iter().map(|value| name(value)).collect(),
        lone => BTreeSet::from([name(lone)]),
    }
}

/// Requirements of several subgraphs all hold: the conjunction of disjunctions of conjunctions, as one list of lists.
fn all_of(directives: &[&Directive], argument: &str) -> String {
    let mut alternatives: Vec<BTreeSet<String>> = vec![BTreeSet::new()];
    let mut seen: Vec<Vec<BTreeSet<String>>> = Vec::new();
    for directive in directives {
        let own: Vec<BTreeSet<String>> =
            list(directive, argument).iter().map(|list| names(list)).collect();
        if seen.contains(&own) {
            continue;
        }
        alternatives = alternatives
            .iter()
            .flat_map(|known| own.iter().map(move |more| known.union(more).cloned().collect()))
            .collect();
        seen.push(own);
    }
    let mut distinct: BTreeSet<BTreeSet<String>> = alternatives.into_iter().collect();
    if seen.len() > 1 {
        // What asks for more than another alternative adds nothing.
        let all = distinct.clone();
        distinct.retain(|names| !all.iter().any(|fewer| fewer != names && fewer.is_subset(names)));
    }
    let lists: Vec<String> = distinct
        .iter()
        .map(|names| {
            format!("[{}]", names.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>().join(", "))
        })
        .collect();
    format!("[{}]", lists.join(", "))
}
