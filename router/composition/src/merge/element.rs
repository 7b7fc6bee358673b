//! What any element can carry: a description, and directives that mean something to clients or to the router.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use apollo_compiler::ast::{Directive, Value};

use super::{Definitions, Merge};

/// Directives that are printed on the elements themselves, in this order; with the feature to link.
const CARRIED: [(&str, &str); 8] = [
    ("deprecated", ""),
    ("specifiedBy", ""),
    ("inaccessible", "inaccessible"),
    ("tag", "tag"),
    ("authenticated", "authenticated"),
    ("requiresScopes", "requiresScopes"),
    ("policy", "policy"),
    ("cost", "cost"),
];

impl Merge<'_> {
    /// Prints the first description that a subgraph gives.
    pub(super) fn describe<'t>(
        &self,
        descriptions: impl IntoIterator<Item = Option<&'t str>>,
        indent: &str,
        out: &mut String,
    ) {
        let Some(text) = descriptions.into_iter().flatten().find(|text| !text.is_empty()) else {
            return;
        };
        let _ = if text.contains('\n') || text.contains('"') {
            let escaped = text.replace("\"\"\"", "\\\"\"\"");
            let lines: Vec<String> =
                escaped.lines().map(|line| format!("{indent}{line}")).collect();
            writeln!(out, "{indent}\"\"\"\n{}\n{indent}\"\"\"", lines.join("\n"))
        } else {
            writeln!(out, "{indent}\"{}\"", text.replace('\\', "\\\\"))
        };
    }

    /// `@join__type` for each subgraph and key, and the carried directives.
    pub(super) fn type_directives(&mut self, definitions: &Definitions<'_>) -> String {
        let mut out = String::new();
        for (index, ty) in definitions {
            let subgraph = &self.subgraphs[*index];
            let graph = &self.graphs[*index];
            let extension =
                if subgraph.extensions.contains(ty.name()) { ", extension: true" } else { "" };
            let object =
                if subgraph.is_interface_object(ty) { ", isInterfaceObject: true" } else { "" };
            let keys = subgraph.keys(ty);
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
            definitions.iter().map(|(index, ty)| (*index, ty.directives().iter().map(|d| &***d)));
        for directive in self.carried(applications) {
            let _ = write!(out, "\n  {directive}");
        }
        out
    }

    /// The carried directives of one element, from the subgraphs' applications of them.
    pub(super) fn carried<'d, D: Iterator<Item = &'d Directive>>(
        &mut self,
        applications: impl IntoIterator<Item = (usize, D)>,
    ) -> Vec<String> {
        let mut found: Vec<(usize, &'static str, &'d Directive)> = Vec::new();
        for (index, directives) in applications {
            for directive in directives {
                let name = directive.name.as_str();
                let canonical = self.subgraphs[index].link.canonical(name).unwrap_or(name);
                let place = CARRIED.iter().position(|(carried, _)| *carried == canonical);
                found.extend(place.map(|place| (place, CARRIED[place].0, directive)));
            }
        }
        found.sort_by_key(|(place, ..)| *place);
        let mut printed: Vec<String> = Vec::new();
        for (place, name, _) in &found {
            if !CARRIED[*place].1.is_empty() {
                self.features.insert(CARRIED[*place].1);
            }
            let all: Vec<&Directive> = found
                .iter()
                .filter(|(other, ..)| other == place)
                .map(|(.., directive)| *directive)
                .collect();
            let texts = match *name {
                "tag" => all.iter().map(|d| format!("@tag{}", arguments(d))).collect(),
                "requiresScopes" => {
                    vec![format!("@requiresScopes(scopes: {})", all_of(&all, "scopes"))]
                }
                "policy" => vec![format!("@policy(policies: {})", all_of(&all, "policies"))],
                _ => vec![format!("@{name}{}", arguments(all[0]))],
            };
            for text in texts {
                if !printed.contains(&text) {
                    printed.push(text);
                }
            }
        }
        printed
    }
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
    let lists: Vec<String> = alternatives
        .iter()
        .map(|names| {
            format!("[{}]", names.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>().join(", "))
        })
        .collect();
    format!("[{}]", lists.join(", "))
}
