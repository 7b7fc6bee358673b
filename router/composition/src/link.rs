//! Resolves `@link`: which of a subgraph's directives is which of the federation specification's.

use std::collections::BTreeMap;

use apollo_compiler::Schema;
use apollo_compiler::ast::{Directive, Value};
use apollo_compiler::schema::DirectiveList;
use supergraph::{FEDERATION_SPEC, LinkUrl};

/// The highest version whose directives are known here.
const NEWEST: (u32, u32) = (2, 12);

/// The names of Federation 1, which needs no `@link`.
const FEDERATION_1: [&str; 7] =
    ["key", "external", "requires", "provides", "extends", "tag", "inaccessible"];

/// The directives of Federation 2 (connectors are not supported).
pub(crate) const FEDERATION_2: [&str; 16] = [
    "key",
    "external",
    "requires",
    "provides",
    "extends",
    "shareable",
    "inaccessible",
    "tag",
    "override",
    "composeDirective",
    "interfaceObject",
    "authenticated",
    "requiresScopes",
    "policy",
    "cost",
    "listSize",
];

/// How a subgraph names the federation's directives.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    /// The version of the federation specification; `None` for Federation 1.
    pub(crate) version: Option<(u32, u32)>,
    /// From the subgraph's name of a directive to the specification's.
    canonical: BTreeMap<String, &'static str>,
}

impl Link {
    /// Reads the links of a schema; `Err` names a version that is not known.
    pub(crate) fn of(schema: &Schema) -> Result<Self, String> {
        let links = schema.schema_definition.directives.get_all("link");
        let federation = links
            .map(|link| (link, LinkUrl::parse(text(link, "url").unwrap_or_default())))
            .find(|(_, url)| url.identity == FEDERATION_SPEC);
        let Some((link, url)) = federation else {
            let canonical = FEDERATION_1.iter().map(|name| ((*name).to_owned(), *name)).collect();
            return Ok(Self { version: None, canonical });
        };
        match url.version {
            Some(version) if (2, 0) <= version && version <= NEWEST => {
                Ok(Self { version: Some(version), canonical: imports(link) })
            }
            _ => Err(url.to_string()),
        }
    }

    /// The specification's name of a directive, if it is one of the federation's.
    pub(crate) fn canonical(&self, name: &str) -> Option<&'static str> {
        self.canonical.get(name).copied()
    }

    /// Every name that means one of the federation's directives here.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.canonical.iter().map(|(name, canonical)| (name.as_str(), *canonical))
    }

    /// The applications of one of the federation's directives.
    pub(crate) fn all<'a>(
        &'a self,
        directives: &'a DirectiveList,
        canonical: &'static str,
    ) -> impl Iterator<Item = &'a Directive> {
        directives.iter().filter(move |d| self.canonical(&d.name) == Some(canonical)).map(|d| &***d)
    }

    /// Whether one of the federation's directives is applied.
    pub(crate) fn has(&self, directives: &DirectiveList, canonical: &'static str) -> bool {
        self.all(directives, canonical).next().is_some()
    }

    /// The same, for the plain lists of fields, arguments and enum values.
    pub(crate) fn field_all<'a>(
        &'a self,
        directives: &'a apollo_compiler::ast::DirectiveList,
        canonical: &'static str,
    ) -> impl Iterator<Item = &'a Directive> {
        directives.iter().filter(move |d| self.canonical(&d.name) == Some(canonical)).map(|d| &**d)
    }

    /// Whether a field, argument or enum value carries one of the federation's directives.
    pub(crate) fn field_has(
        &self,
        directives: &apollo_compiler::ast::DirectiveList,
        canonical: &'static str,
    ) -> bool {
        self.field_all(directives, canonical).next().is_some()
    }
}

/// What a link to the federation specification makes known: imported names, and the rest by its namespace.
fn imports(link: &Directive) -> BTreeMap<String, &'static str> {
    let namespace = text(link, "as").unwrap_or("federation");
    let mut canonical: BTreeMap<String, &'static str> =
        FEDERATION_2.iter().map(|name| (format!("{namespace}__{name}"), *name)).collect();
    for import in
        link.specified_argument_by_name("import").and_then(|v| v.as_list()).unwrap_or_default()
    {
        let (name, alias) = match &**import {
            Value::String(name) => (name.as_str(), name.as_str()),
            Value::Object(fields) => {
                let entry =
                    |key| fields.iter().find(|(name, _)| name == key).and_then(|(_, v)| v.as_str());
                let Some(name) = entry("name") else { continue };
                (name, entry("as").unwrap_or(name))
            }
            _ => continue,
        };
        let known = FEDERATION_2.iter().find(|known| name.strip_prefix('@') == Some(**known));
        if let Some(known) = known {
            canonical.insert(alias.trim_start_matches('@').to_owned(), known);
        }
    }
    canonical
}

/// A string argument of a directive.
pub(crate) fn text<'a>(directive: &'a Directive, name: &str) -> Option<&'a str> {
    directive.specified_argument_by_name(name)?.as_str()
}
