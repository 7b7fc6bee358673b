//! What any element can carry: a description, and directives that mean something to clients or to the router.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use apollo_compiler::Node;
use apollo_compiler::ast::{Directive, Value};

use super::{Merge, TypeIn};
use crate::subgraph::Subgraph;

/// Directives that are printed on the elements themselves, in this order; with the feature to link.
const CARRIED: [(&str, &str); 9] = [
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

impl Merge<'_> {
    /// Prints the description that most subgraphs give, the first of them where several are as common.
    pub(super) fn describe<'t>(
        &mut self,
        element: &str,
        descriptions: impl IntoIterator<Item = (usize, Option<&'t Node<str>>)>,
        indent: &str,
        out: &mut String,
    ) {
        let mut texts: Vec<(&str, Vec<usize>)> = Vec::new();
        for (subgraph, text) in descriptions {
            let Some(text) = text.map(Node::as_str).filter(|text| !text.is_empty()) else {
                continue;
            };
            match texts.iter_mut().find(|(known, _)| *known == text) {
                Some((_, subgraphs)) => subgraphs.push(subgraph),
                None => texts.push((text, vec![subgraph])),
            }
        }
        let Some(most) = texts.iter().map(|(_, subgraphs)| subgraphs.len()).max() else { return };
        let Some((chosen, having)) = texts.iter().find(|(_, subgraphs)| subgraphs.len() == most)
        else {
            return;
        };
        if texts.len() > 1 {
            let others: Vec<usize> = texts
                .iter()
                .filter(|(text, _)| text != chosen)
                .flat_map(|(_, subgraphs)| subgraphs.iter().copied())
                .collect();
            let message = format!(
                "{element} is described differently in {} than in {}, whose description is used",
                self.names(&others),
                self.names(having)
            );
            self.hint("INCONSISTENT_DESCRIPTION", message, others);
        }
        print_description(chosen, indent, out);
    }

    /// `@join__type` for each subgraph and key, and the carried directives.
    pub(super) fn type_directives(&mut self, definitions: &[TypeIn<'_>]) -> String {
        let mut out = String::new();
        for definition in definitions {
            let subgraph = &self.subgraphs[definition.subgraph];
            let graph = &self.graphs[definition.subgraph];
            let extension =
                if subgraph.is_extension(definition.ty) { ", extension: true" } else { "" };
            let object =
                if self.is_interface_object(definition) { ", isInterfaceObject: true" } else { "" };
            let keys = subgraph.keys(definition.ty);
            if keys.is_empty() {
                let _ = write!(out, "\n  @join__type(graph: {graph}{object})");
            }
            for (key, resolvable) in keys {
                let unresolvable = if resolvable { "" } else { ", resolvable: false" };
                let _ = write!(
                    out,
                    "\n  @join__type(graph: {graph}, key: {:?}{extension}{unresolvable}{object})",
                    key.to_string()
                );
            }
        }
        let applications =
            definitions.iter().map(|d| (d.subgraph, d.ty.directives().iter().map(|x| &***x)));
        for directive in self.carried(applications) {
            let _ = write!(out, "\n  {directive}");
        }
        for definition in definitions {
            let subgraph = &self.subgraphs[definition.subgraph];
            for context in subgraph.contexts(definition.ty) {
                self.features.insert("context");
                let name = context_name(subgraph, context);
                let _ = write!(out, "\n  @context(name: {name:?})");
            }
        }
        out
    }

    /// The carried directives of one element, from the subgraphs' applications of them.
    pub(super) fn carried<'d, D: Iterator<Item = &'d Directive>>(
        &mut self,
        applications: impl IntoIterator<Item = (usize, D)>,
    ) -> Vec<String> {
        let mut known: BTreeMap<usize, Vec<&Directive>> = BTreeMap::new();
        let mut composed: BTreeSet<String> = BTreeSet::new();
        for (index, directives) in applications {
            for directive in directives {
                let name = directive.name.as_str();
                let canonical = self.subgraphs[index].link.canonical(name).unwrap_or(name);
                if let Some(place) = CARRIED.iter().position(|(carried, _)| *carried == canonical) {
                    known.entry(place).or_default().push(directive);
                } else if self.composed.contains(index, name) {
                    composed.insert(format!("@{name}{}", arguments(directive)));
                }
            }
        }
        let mut printed = Vec::new();
        for (place, directives) in known {
            let (name, feature) = CARRIED[place];
            if !feature.is_empty() {
                self.features.insert(feature);
            }
            printed.extend(merged(name, &directives));
        }
        printed.extend(composed);
        printed
    }
}

/// The supergraph's name of a context: each subgraph's contexts are its own.
pub(super) fn context_name(subgraph: &Subgraph, context: &str) -> String {
    format!("{}__{context}", subgraph.name)
}

/// Several subgraphs' applications of one directive to one element, as the supergraph has them.
fn merged(name: &str, directives: &[&Directive]) -> Vec<String> {
    match name {
        "tag" => {
            let tags: BTreeSet<String> =
                directives.iter().map(|d| format!("@tag{}", arguments(d))).collect();
            tags.into_iter().collect()
        }
        "requiresScopes" => {
            vec![format!("@requiresScopes(scopes: {})", all_of(directives, "scopes"))]
        }
        "policy" => vec![format!("@policy(policies: {})", all_of(directives, "policies"))],
        "cost" => {
            let weights =
                directives.iter().filter_map(|d| d.specified_argument_by_name("weight")?.to_i32());
            weights.max().map(|weight| format!("@cost(weight: {weight})")).into_iter().collect()
        }
        _ => vec![format!("@{name}{}", arguments(directives[0]))],
    }
}

fn print_description(text: &str, indent: &str, out: &mut String) {
    let _ = if text.contains(['\n', '"']) {
        let escaped = text.replace("\"\"\"", "\\\"\"\"");
        let lines: Vec<String> = escaped
            .lines()
            .map(|line| if line.is_empty() { String::new() } else { format!("{indent}{line}") })
            .collect();
        writeln!(out, "{indent}\"\"\"\n{}\n{indent}\"\"\"", lines.join("\n"))
    } else {
        writeln!(out, "{indent}\"{}\"", text.replace('\\', "\\\\"))
    };
}

/// Directives after an element on its line, each after a space.
pub(super) fn after(directives: &[String]) -> String {
    if directives.is_empty() { String::new() } else { format!(" {}", directives.join(" ")) }
}

fn arguments(directive: &Directive) -> String {
    supergraph::arguments_text(&directive.arguments)
}

/// Requirements of several subgraphs all hold: the conjunction of disjunctions of conjunctions, as one list of lists.
fn all_of(directives: &[&Directive], argument: &str) -> String {
    let mut alternatives: Vec<BTreeSet<String>> = vec![BTreeSet::new()];
    let mut seen: Vec<Vec<BTreeSet<String>>> = Vec::new();
    for directive in directives {
        let lists = directive
            .specified_argument_by_name(argument)
            .and_then(|v| v.as_list())
            .unwrap_or_default();
        let own: Vec<BTreeSet<String>> = lists
            .iter()
            .map(|list| {
                let names = list.as_list().unwrap_or_default().iter();
                names
                    .filter_map(
                        |v| if let Value::String(s) = &**v { Some(s.clone()) } else { None },
                    )
                    .collect()
            })
            .collect();
        if seen.contains(&own) {
            continue;
        }
        alternatives = alternatives
            .iter()
            .flat_map(|known| own.iter().map(move |more| known.union(more).cloned().collect()))
            .collect();
        seen.push(own);
    }
    let mut distinct: Vec<BTreeSet<String>> = Vec::new();
    for alternative in alternatives {
        if !distinct.contains(&alternative) {
            distinct.push(alternative);
        }
    }
    let lists: Vec<String> = distinct
        .iter()
        .map(|names| {
            format!("[{}]", names.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>().join(", "))
        })
        .collect();
    format!("[{}]", lists.join(", "))
}
