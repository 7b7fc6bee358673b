//! What any element can have: a description, and for types, what each subgraph makes of it.

use std::fmt::Write as _;

use apollo_compiler::{Name, Node};

use super::{Merge, TypeIn};
use crate::subgraph::Subgraph;

impl Merge<'_> {
    /// Prints the description that most subgraphs give, the first of them where several are as common.
    pub(super) fn describe<'t>(
        &mut self,
        element: &str,
        descriptions: impl IntoIterator<Item = (usize, Option<&'t Node<str>>)>,
        indent: &str,
        out: &mut String,
    ) {
        let texts = descriptions.into_iter().filter_map(|(subgraph, text)| {
            let text = text.map(Node::as_str).filter(|text| !text.is_empty())?;
            Some((subgraph, text))
        });
        let Some(Chosen { value, having, others }) = Chosen::most_common(texts) else { return };
        if !others.is_empty() {
            let message = format!(
                "{element} is described differently in {} than in {}, whose description is used",
                self.names(&others),
                self.names(&having)
            );
            self.hint("INCONSISTENT_DESCRIPTION", message, others);
        }
        print_description(value, indent, out);
    }

    /// `@join__type` for each subgraph and key, and the carried directives.
    pub(super) fn type_directives(&mut self, name: &Name, definitions: &[TypeIn<'_>]) -> String {
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
                let unresolvable = if *resolvable { "" } else { ", resolvable: false" };
                let _ = write!(
                    out,
                    "\n  @join__type(graph: {graph}, key: {:?}{extension}{unresolvable}{object})",
                    key.to_string()
                );
            }
        }
        let applications =
            definitions.iter().map(|d| (d.subgraph, d.ty.directives().iter().map(|x| &***x)));
        let inherited = self.requirements_of_implementations(name);
        for directive in self.carried(&format!("`{name}`"), applications, &inherited) {
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
}

/// The value that most subgraphs have, the first of them where several are as common.
pub(super) struct Chosen<T> {
    pub(super) value: T,
    pub(super) having: Vec<usize>,
    /// The subgraphs that have another.
    pub(super) others: Vec<usize>,
}

impl<T: PartialEq> Chosen<T> {
    /// Chooses among the values of subgraphs; `None` if there are none.
    pub(super) fn most_common(values: impl IntoIterator<Item = (usize, T)>) -> Option<Self> {
        let mut distinct: Vec<(T, Vec<usize>)> = Vec::new();
        for (subgraph, value) in values {
            match distinct.iter_mut().find(|(known, _)| *known == value) {
                Some((_, subgraphs)) => subgraphs.push(subgraph),
                None => distinct.push((value, vec![subgraph])),
            }
        }
        let most = distinct.iter().map(|(_, subgraphs)| subgraphs.len()).max()?;
        let place = distinct.iter().position(|(_, subgraphs)| subgraphs.len() == most)?;
        let (value, having) = distinct.remove(place);
        let others = distinct.into_iter().flat_map(|(_, subgraphs)| subgraphs).collect();
        Some(Self { value, having, others })
    }
}

/// The supergraph's name of a context: each subgraph's contexts are its own.
pub(super) fn context_name(subgraph: &Subgraph, context: &str) -> String {
    format!("{}__{context}", subgraph.name)
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
