//! `supergraph.yaml`: which subgraphs there are, in the format that rover and other composition tools read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use crate::error::{StartError, yaml_error};
use crate::request_context::ROUTERS_OWN_HEADERS;

/// The subgraphs to compose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SupergraphYaml {
    /// Ordered by name.
    pub(crate) subgraphs: Vec<SubgraphEntry>,
}

/// One subgraph.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SubgraphEntry {
    pub(crate) name: String,
    /// Where the router reaches it.
    pub(crate) routing_url: String,
    /// Where its schema comes from.
    pub(crate) schema: SchemaSource,
}

/// Where a subgraph's schema comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum SchemaSource {
    /// A file.
    File(PathBuf),
    /// The subgraph itself, asked by `_service { sdl }` at this address.
    Subgraph {
        url: String,
        /// What is sent along, beside what the router sends to this subgraph anyway.
        headers: Vec<(HeaderName, HeaderValue)>,
    },
    /// The text itself.
    Sdl(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    federation_version: Option<FederationVersion>,
    subgraphs: BTreeMap<String, Entry>,
}

/// `2`, or `=2.9.0`. The router composes every version of Federation 2 alike.
#[derive(Deserialize)]
#[serde(untagged)]
enum FederationVersion {
    Major(u32),
    Exact(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    routing_url: Option<String>,
    schema: Schema,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Schema {
    file: Option<PathBuf>,
    subgraph_url: Option<String>,
    #[serde(default)]
    introspection_headers: BTreeMap<String, String>,
    sdl: Option<String>,
}

impl SupergraphYaml {
    /// Reads the file; its relative paths are meant from where it stands. `environment` reads a variable.
    pub(crate) fn read(
        path: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, StartError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| StartError::Read { path: path.to_owned(), source })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder, environment)
            .map_err(|reason| StartError::Config { path: path.to_owned(), reason })
    }

    fn parse(
        text: &str,
        folder: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let file: File = serde_saphyr::from_str(text).map_err(|error| yaml_error(&error))?;
        let of_federation_2 = match &file.federation_version {
            None | Some(FederationVersion::Major(2)) => true,
            Some(FederationVersion::Major(_)) => false,
            Some(FederationVersion::Exact(version)) => {
                version.trim_start_matches('=').starts_with('2')
            }
        };
        if !of_federation_2 {
            return Err(
                "`federation_version` must be 2: subgraphs of Federation 1 compose with it too"
                    .to_owned(),
            );
        }
        if file.subgraphs.is_empty() {
            return Err("it names no subgraph".to_owned());
        }
        let subgraphs = file
            .subgraphs
            .into_iter()
            .map(|(name, entry)| entry.subgraph(name, folder, environment))
            .collect::<Result<_, _>>()?;
        Ok(Self { subgraphs })
    }
}

impl Entry {
    fn subgraph(
        self,
        name: String,
        folder: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<SubgraphEntry, String> {
        let expand = |text: String| {
            expand(&text, environment).map_err(|reason| format!("subgraph `{name}`: {reason}"))
        };
        let Schema { file, subgraph_url, introspection_headers, sdl } = self.schema;
        if subgraph_url.is_none() && !introspection_headers.is_empty() {
            return Err(format!(
                "subgraph `{name}`: `introspection_headers` are for a `subgraph_url`"
            ));
        }
        let schema = match (file, subgraph_url, sdl) {
            (Some(file), None, None) => SchemaSource::File(folder.join(file)),
            (None, Some(url), None) => {
                let header = |(header, value): (String, String)| {
                    introspection_header(&header, &expand(value)?)
                        .map_err(|reason| format!("subgraph `{name}`: {reason}"))
                };
                let headers = introspection_headers.into_iter().map(header);
                SchemaSource::Subgraph {
                    url: expand(url)?,
                    headers: headers.collect::<Result<_, _>>()?,
                }
            }
            (None, None, Some(sdl)) => SchemaSource::Sdl(sdl),
            _ => {
                return Err(format!(
                    "subgraph `{name}`: `schema` needs one of `file`, `subgraph_url` and `sdl`"
                ));
            }
        };
        let routing_url = match (self.routing_url, &schema) {
            (Some(url), _) => expand(url)?,
            (None, SchemaSource::Subgraph { url, .. }) => url.clone(),
            (None, _) => return Err(format!("subgraph `{name}` has no `routing_url`")),
        };
        Ok(SubgraphEntry { name, routing_url, schema })
    }
}

/// A header, whose value is nobody's to see.
fn introspection_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let unusable = |what| format!("`introspection_headers`: {what}");
    let header = HeaderName::try_from(name)
        .map_err(|_| unusable(format!("`{name}` is not the name of a header")))?;
    if ROUTERS_OWN_HEADERS.contains(&header) {
        return Err(unusable(format!("`{header}` cannot be sent: the router sets it")));
    }
    let mut value = HeaderValue::try_from(value)
        .map_err(|_| unusable(format!("the value of `{header}` cannot be sent in a header")))?;
    value.set_sensitive(true);
    Ok((header, value))
}

/// Replaces `${env.NAME}` and `${env.NAME:-default}`.
fn expand(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (expression, after) =
            after.split_once('}').ok_or_else(|| format!("`{text}` has `${{` without `}}`"))?;
        let variable = expression
            .strip_prefix("env.")
            .ok_or_else(|| format!("`${{{expression}}}` is not of the form `${{env.NAME}}`"))?;
        let (variable, default) = match variable.split_once(":-") {
            Some((variable, default)) => (variable, Some(default)),
            None => (variable, None),
        };
        let value = environment(variable).or_else(|| default.map(str::to_owned));
        let value =
            value.ok_or_else(|| format!("the environment variable `{variable}` is not set"))?;
        expanded.push_str(before);
        expanded.push_str(&value);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let environment = |variable: &str| (variable == "HOST").then(|| "http://there".to_owned());
        match SupergraphYaml::parse(text, Path::new("graph"), &environment) {
            Ok(file) => expected.assert_debug_eq(&file.subgraphs),
            Err(reason) => expected.assert_eq(&reason),
        }
    }

    #[test]
    fn schemas_come_from_files_and_from_subgraphs() {
        check(
            "federation_version: =2.9.0
subgraphs:
  b: { schema: { subgraph_url: '${env.HOST}/graphql', introspection_headers: { Authorization: 'Bearer ${env.HOST}' } } }
  a: { routing_url: '${env.OTHER:-http://here:4001}/graphql', schema: { file: a.graphql } }",
            &expect![[r#"
                [
                    SubgraphEntry {
                        name: "a",
                        routing_url: "http://here:4001/graphql",
                        schema: File(
                            "graph/a.graphql",
                        ),
                    },
                    SubgraphEntry {
                        name: "b",
                        routing_url: "http://there/graphql",
                        schema: Subgraph {
                            url: "http://there/graphql",
                            headers: [
                                (
                                    "authorization",
                                    Sensitive,
                                ),
                            ],
                        },
                    },
                ]
            "#]],
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        check(
            "subgraphs: { a: { schema: { file: a.graphql } } }",
            &expect!["subgraph `a` has no `routing_url`"],
        );
        check(
            "subgraphs: { a: { routing_url: 'http://a', schema: {} } }",
            &expect!["subgraph `a`: `schema` needs one of `file`, `subgraph_url` and `sdl`"],
        );
        check(
            "subgraphs: { a: { schema: { subgraph_url: '${env.NOWHERE}' } } }",
            &expect!["subgraph `a`: the environment variable `NOWHERE` is not set"],
        );
        check(
            "subgraphs: { a: { routing_url: 'http://a', schema: { file: a.graphql, introspection_headers: { a: b } } } }",
            &expect!["subgraph `a`: `introspection_headers` are for a `subgraph_url`"],
        );
        check(
            "subgraphs: { a: { schema: { subgraph_url: 'http://a', introspection_headers: { x-service-token: b } } } }",
            &expect![
                "subgraph `a`: `introspection_headers`: `x-service-token` cannot be sent: the router sets it"
            ],
        );
        check("subgraphs: {}", &expect!["it names no subgraph"]);
        check(
            "{ federation_version: 1, subgraphs: {} }",
            &expect![
                "`federation_version` must be 2: subgraphs of Federation 1 compose with it too"
            ],
        );
    }

    #[test]
    fn our_own_file_is_one() {
        let text = include_str!("../../../supergraph.yaml");
        let file = SupergraphYaml::parse(text, Path::new(""), &|_| None).unwrap();
        let found: Vec<_> = file
            .subgraphs
            .iter()
            .map(|subgraph| format!("{} {}", subgraph.name, subgraph.routing_url))
            .collect();
        assert_eq!(
            found,
            [
                "auth http://127.0.0.1:4001/graphql",
                "logistics http://127.0.0.1:4002/graphql",
                "platform http://127.0.0.1:4003/graphql",
            ]
        );
    }
}
