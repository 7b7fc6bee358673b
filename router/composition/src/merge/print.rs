//! Prints the frame of a supergraph: the links, the join specification's definitions, and the root types.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use supergraph::{JOIN_SPEC, LINK_SPEC};

use super::Merge;
use crate::subgraph::Subgraph;

/// The versions of the join specification that are written: the least that the subgraphs' federation versions need.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum JoinVersion {
    /// Up to Federation 2.6.
    V3,
    /// Federation 2.7: progressive `@override`.
    V4,
    /// From Federation 2.8: contexts.
    V5,
}

impl JoinVersion {
    fn needed(subgraphs: &[Subgraph]) -> Self {
        match subgraphs.iter().filter_map(|subgraph| subgraph.link.version).max() {
            Some(version) if version >= (2, 8) => Self::V5,
            Some((2, 7)) => Self::V4,
            _ => Self::V3,
        }
    }

    fn minor(self) -> u32 {
        match self {
            Self::V3 => 3,
            Self::V4 => 4,
            Self::V5 => 5,
        }
    }

    fn definitions(self) -> String {
        let label = if self >= Self::V4 { ", overrideLabel: String" } else { "" };
        let context =
            if self >= Self::V5 { ", contextArguments: [join__ContextArgument!]" } else { "" };
        let mut definitions = vec![
            "directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA"
                .to_owned(),
            "directive @join__graph(name: String!, url: String!) on ENUM_VALUE".to_owned(),
            "directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: \
             Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | \
             INPUT_OBJECT | SCALAR"
                .to_owned(),
            format!(
                "directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: \
                 String, external: Boolean, override: String, usedOverridden: Boolean{label}{context}) repeatable on \
                 FIELD_DEFINITION | INPUT_FIELD_DEFINITION"
            ),
            "directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE"
                .to_owned(),
            "directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION".to_owned(),
            "directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE".to_owned(),
        ];
        if self >= Self::V4 {
            definitions.push(
                "directive @join__directive(graphs: [join__Graph!], name: String!, args: join__DirectiveArguments) \
                 repeatable on SCHEMA | OBJECT | INTERFACE | FIELD_DEFINITION"
                    .to_owned(),
            );
        }
        definitions.push("scalar join__FieldSet".to_owned());
        if self >= Self::V4 {
            definitions.push("scalar join__DirectiveArguments".to_owned());
        }
        if self >= Self::V5 {
            definitions.push("scalar join__FieldValue".to_owned());
            definitions.push(
                "input join__ContextArgument {\n  name: String!\n  type: String!\n  context: String!\n  selection: \
                 join__FieldValue!\n}"
                    .to_owned(),
            );
        }
        definitions.push("scalar link__Import".to_owned());
        definitions.join("\n\n") + "\n\n"
    }
}

const PURPOSE: &str = r#"enum link__Purpose
{
  "`SECURITY` features provide metadata necessary to securely resolve fields."
  SECURITY
  "`EXECUTION` features provide metadata necessary for operation execution."
  EXECUTION
}

"#;

/// The specification of `@inaccessible`: its URL and its definition.
pub(crate) const INACCESSIBLE: (&str, &str) = (
    "https://specs.apollo.dev/inaccessible/v0.2",
    "directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION\n\n",
);

/// The directive of inputs of which one field is given, as every GraphQL schema has it.
pub(crate) const ONE_OF: &str = "directive @oneOf on INPUT_OBJECT\n\n";

/// A feature that elements may use: its version, its purpose, and its definitions.
fn feature(name: &str) -> (&'static str, &'static str, &'static str) {
    match name {
        "inaccessible" => ("v0.2", ", for: SECURITY", INACCESSIBLE.1),
        "authenticated" => (
            "v0.1",
            ", for: SECURITY",
            "directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM\n\n",
        ),
        "requiresScopes" => (
            "v0.1",
            ", for: SECURITY",
            "directive @requiresScopes(scopes: [[requiresScopes__Scope!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM\n\nscalar requiresScopes__Scope\n\n",
        ),
        "policy" => (
            "v0.1",
            ", for: SECURITY",
            "directive @policy(policies: [[policy__Policy!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM\n\nscalar policy__Policy\n\n",
        ),
        "context" => (
            "v0.1",
            ", for: SECURITY",
            "directive @context(name: String!) repeatable on INTERFACE | OBJECT | UNION\n\ndirective @context__fromContext(field: context__ContextFieldValue) on ARGUMENT_DEFINITION\n\nscalar context__ContextFieldValue\n\n",
        ),
        // Its applications are `@join__directive`s.
        "cacheTag" => ("v0.1", ", for: EXECUTION", ""),
        "cost" => (
            "v0.1",
            "",
            "directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR\n\ndirective @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION\n\n",
        ),
        _ => (
            "v0.3",
            "",
            "directive @tag(name: String!) repeatable on FIELD_DEFINITION | INTERFACE | OBJECT | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION | SCHEMA\n\n",
        ),
    }
}

/// The whole supergraph around its merged types.
pub(super) fn supergraph(merge: &Merge<'_>, executable_directives: &str, body: &str) -> String {
    let join = JoinVersion::needed(merge.subgraphs);
    let mut out = format!(
        "schema\n  @link(url: \"{LINK_SPEC}/v1.0\")\n  @link(url: \"{JOIN_SPEC}/v0.{}\", for: EXECUTION)\n",
        join.minor()
    );
    for name in &merge.features {
        let (version, purpose, _) = feature(name);
        // A directive that is not named like its specification is imported.
        let imports =
            if *name == "cost" && merge.uses_list_sizes { ", import: [\"@listSize\"]" } else { "" };
        let _ = writeln!(
            out,
            "  @link(url: \"https://specs.apollo.dev/{name}/{version}\"{purpose}{imports})"
        );
    }
    out.push_str(&merge.composed.links());
    for directive in &merge.schema_directives {
        let _ = writeln!(out, "  {directive}");
    }
    out.push_str("{\n");
    for (field, root) in
        [("query", "Query"), ("mutation", "Mutation"), ("subscription", "Subscription")]
    {
        let is_root = |subgraph: &Subgraph| subgraph.is_root(root);
        if merge.types.contains_key(root) && merge.subgraphs.iter().any(is_root) {
            let _ = writeln!(out, "  {field}: {root}");
        }
    }
    out.push_str("}\n\n");
    out.push_str(&join.definitions());
    for name in &merge.features {
        out.push_str(feature(name).2);
    }
    out.push_str(&merge.composed.definitions());
    if merge.uses_one_of {
        // Readers that are older than it need to be told.
        out.push_str(ONE_OF);
    }
    out.push_str(executable_directives);
    out.push_str("enum join__Graph\n{\n");
    for (subgraph, graph) in merge.subgraphs.iter().zip(&merge.graphs) {
        let _ = writeln!(
            out,
            "  {graph} @join__graph(name: {:?}, url: {:?})",
            subgraph.name, subgraph.url
        );
    }
    out.push_str("}\n\n");
    out.push_str(PURPOSE);
    out.push_str(body.trim_end());
    out.push('\n');
    out
}

/// The values of `enum join__Graph`: upper case, only letters, digits and `_`, unique.
pub(super) fn graph_names(subgraphs: &[Subgraph]) -> Vec<String> {
    let wanted: Vec<String> = subgraphs.iter().map(|subgraph| graph_name(&subgraph.name)).collect();
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    wanted
        .iter()
        .map(|name| {
            if wanted.iter().filter(|other| *other == name).count() == 1 {
                return name.clone();
            }
            let number = numbers.entry(name).or_default();
            *number += 1;
            // No name of its own ends in a number: `graph_name` sees to that.
            format!("{name}_{number}")
        })
        .collect()
}

fn graph_name(name: &str) -> String {
    let mut graph: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect();
    if graph.starts_with(|c: char| c.is_ascii_digit()) {
        graph.insert(0, '_');
    }
    let numbered = graph
        .rsplit_once('_')
        .is_some_and(|(_, tail)| !tail.is_empty() && tail.bytes().all(|b| b.is_ascii_digit()));
    if numbered {
        graph.push('_');
    }
    graph
}
