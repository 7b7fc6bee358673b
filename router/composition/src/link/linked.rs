//! Reads one `@link`: the specification, and what it makes known under which names.

use std::collections::{BTreeMap, BTreeSet};

use apollo_compiler::ast::{Directive, Value};
use apollo_compiler::schema::DirectiveList;
use apollo_compiler::{Name, Node};
use supergraph::{FEDERATION_SPEC, LINK_SPEC, LinkUrl};

use super::specification::{
    CONNECT, FEDERATION_2, HOME, INCLUDED, Included, NEWEST, OLDEST, SCALARS,
};
use super::{Feature, LinkError, text};

/// What a link to the federation specification makes known.
pub(super) struct FederationNames {
    /// From the subgraph's name of a directive to the specification's.
    pub(super) directives: BTreeMap<String, &'static str>,
    /// From the specification's name of a directive to the one that it is imported by.
    pub(super) imported: BTreeMap<&'static str, String>,
    /// The subgraph's names of the scalars.
    pub(super) scalars: BTreeSet<String>,
}

/// The subgraph's name of a directive, and the specification's.
type DirectiveName = (String, &'static str);

/// The name of `@link` in a schema, which may link the link specification itself under another.
pub(super) fn link_name(directives: &DirectiveList) -> String {
    let own = directives.iter().find_map(|directive| {
        let linked = Linked::new(directive);
        let is_link = linked.url.identity == LINK_SPEC;
        let imported = linked.imports().find(|(name, _)| *name == "@link").map(|(_, alias)| alias);
        let name = imported.and_then(|alias| alias.strip_prefix('@')).or(linked.alias());
        (is_link && directive.name == name.unwrap_or("link")).then(|| directive.name.to_string())
    });
    own.unwrap_or_else(|| "link".to_owned())
}

/// One `@link` of a schema.
pub(super) struct Linked<'a> {
    directive: &'a Node<Directive>,
    pub(super) url: LinkUrl,
}

impl<'a> Linked<'a> {
    pub(super) fn new(directive: &'a Node<Directive>) -> Self {
        Self { directive, url: LinkUrl::parse(text(directive, "url").unwrap_or_default()) }
    }

    pub(super) fn error(&self, code: &'static str, message: String) -> LinkError {
        LinkError { code, message, span: self.directive.location() }
    }

    /// The name that the subgraph gives to the specification.
    fn alias(&self) -> Option<&'a str> {
        text(self.directive, "as")
    }

    /// The well-formed imports: the specification's name and the subgraph's.
    fn imports(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.import_values().iter().filter_map(|import| imported(import))
    }

    fn import_values(&self) -> &'a [Node<Value>] {
        let imports = self.directive.specified_argument_by_name("import");
        imports.and_then(|v| v.as_list()).unwrap_or_default()
    }

    /// The specification that federation includes, if it is one.
    pub(super) fn included(&self) -> Option<&'static Included> {
        let name = self.url.identity.strip_prefix(HOME)?;
        INCLUDED.iter().find(|included| included.name == name)
    }

    /// The link as one to a specification of somebody's own.
    pub(super) fn feature(&self) -> Option<Feature> {
        let LinkUrl { identity, name, version } = &self.url;
        if identity == FEDERATION_SPEC || identity == LINK_SPEC || self.included().is_some() {
            return None;
        }
        let directives = self.imports().filter_map(|(name, alias)| {
            Some((alias.strip_prefix('@')?.to_owned(), name.strip_prefix('@')?.to_owned()))
        });
        Some(Feature {
            identity: identity.clone(),
            version: (*version)?,
            namespace: self.alias().unwrap_or(name).to_owned(),
            imports: directives.collect(),
        })
    }

    /// The error of a link to what is not known here and must be.
    pub(super) fn unknown(&self) -> Option<LinkError> {
        let url = &self.url;
        match (url.identity.as_str(), url.version) {
            ("", _) => Some(
                self.error("INVALID_LINK_DIRECTIVE_USAGE", "a `@link` has no `url`".to_owned()),
            ),
            (_, None) => {
                let message = format!(
                    "`{url}` does not end in a name and a version, such as `federation/v2.5`"
                );
                Some(self.error("INVALID_LINK_IDENTIFIER", message))
            }
            (FEDERATION_SPEC, Some(version)) if (OLDEST..=NEWEST).contains(&version) => None,
            (FEDERATION_SPEC, _) => {
                let message =
                    format!("`{url}` is not known here: versions 2.0 to 2.{} are", NEWEST.1);
                Some(self.error("UNKNOWN_FEDERATION_LINK_VERSION", message))
            }
            (LINK_SPEC, version) if version != Some((1, 0)) => {
                let message = format!("`{url}` is not known here: version 1.0 is");
                Some(self.error("UNKNOWN_LINK_VERSION", message))
            }
            (LINK_SPEC, _) => None,
            (CONNECT, _) => {
                let message = format!("`{url}` is linked, and connectors are not composed here");
                Some(self.error("UNSUPPORTED_FEATURE", message))
            }
            (_, Some(version)) if self.included().is_some_and(|known| version <= known.newest) => {
                None
            }
            _ if self.included().is_some() => {
                let message = format!("`{url}` is not known here in this version");
                Some(self.error("UNKNOWN_LINK_VERSION", message))
            }
            _ => self
                .directive
                .specified_argument_by_name("for")
                .filter(|purpose| !purpose.is_null())
                .map(|purpose| {
                    let message = format!("`{url}` is linked for {purpose}, and is not known here");
                    self.error("UNSUPPORTED_LINKED_FEATURE", message)
                }),
        }
    }

    /// What a link to the federation specification makes known: imported names, and the rest by its namespace.
    pub(super) fn federation_names(&self, errors: &mut Vec<LinkError>) -> FederationNames {
        let minor = self.url.version.map_or(0, |(_, minor)| minor);
        let namespace = self.namespace("federation", errors);
        let known = FEDERATION_2.iter().filter(|(_, since)| *since <= minor);
        let mut names = FederationNames {
            directives: known.map(|(name, _)| (format!("{namespace}__{name}"), *name)).collect(),
            imported: BTreeMap::new(),
            scalars: SCALARS.iter().map(|name| format!("{namespace}__{name}")).collect(),
        };
        let mut imported: BTreeMap<&str, &str> = BTreeMap::new();
        for import in self.import_values() {
            match self.federation_import(import, minor) {
                Ok((alias, Some(directive))) => {
                    let known = imported.insert(alias, directive);
                    if let Some(known) = known.filter(|known| *known != directive) {
                        let message = format!(
                            "`@{known}` and `@{directive}` are both imported as `@{alias}`: each needs a name of its own"
                        );
                        errors.push(self.error("INVALID_LINK_DIRECTIVE_USAGE", message));
                    }
                    names.directives.insert(alias.to_owned(), directive);
                    names.imported.insert(directive, alias.to_owned());
                }
                Ok((alias, None)) => {
                    names.scalars.insert(alias.to_owned());
                }
                Err(error) => errors.push(error),
            }
        }
        names
    }

    /// The directives of a specification that federation includes: the names that all have without being imported, and
    /// the imports.
    pub(super) fn included_names(
        &self,
        included: &Included,
        errors: &mut Vec<LinkError>,
    ) -> (Vec<DirectiveName>, Vec<DirectiveName>) {
        let namespace = self.namespace(included.name, errors);
        let (mut names, mut imported) = (Vec::new(), Vec::new());
        for directive in included.directives {
            let is_main = *directive == included.name;
            let name =
                if is_main { namespace.to_owned() } else { format!("{namespace}__{directive}") };
            names.push((name, *directive));
        }
        for import in self.import_values() {
            let directive = self.import(import).and_then(|(name, alias)| {
                let name = name.strip_prefix('@').unwrap_or_default();
                let known = included.directives.iter().find(|known| **known == name);
                let known = known.ok_or_else(|| self.not_there(import))?;
                Ok((alias.trim_start_matches('@').to_owned(), *known))
            });
            match directive {
                Ok(directive) => imported.push(directive),
                Err(error) => errors.push(error),
            }
        }
        (names, imported)
    }

    fn namespace(&self, default: &'static str, errors: &mut Vec<LinkError>) -> &'a str {
        let namespace = self.alias().unwrap_or(default);
        if Name::new(namespace).is_err() || namespace.contains("__") {
            let message = format!(
                "`{}` is linked as `{namespace}`, which is not a name for a namespace",
                self.url
            );
            errors.push(self.error("INVALID_LINK_DIRECTIVE_USAGE", message));
        }
        namespace
    }

    /// The name that an import gives to something of the federation, and which directive it is; `None` for a scalar.
    fn federation_import(
        &self,
        import: &'a Value,
        minor: u32,
    ) -> Result<(&'a str, Option<&'static str>), LinkError> {
        let (name, alias) = self.import(import)?;
        let Some(directive) = name.strip_prefix('@') else {
            let is_scalar = SCALARS.contains(&name);
            return if is_scalar { Ok((alias, None)) } else { Err(self.not_there(import)) };
        };
        let known = FEDERATION_2.iter().find(|(known, _)| *known == directive);
        let (known, since) = known.ok_or_else(|| self.not_there(import))?;
        if *since > minor {
            let message = format!(
                "`{name}` is imported from `{}`, which does not have it: it came with version 2.{since}",
                self.url
            );
            return Err(self.error("INVALID_LINK_DIRECTIVE_USAGE", message));
        }
        Ok((alias.trim_start_matches('@'), Some(known)))
    }

    /// The specification's name and the subgraph's of a well-formed import; both are a directive's or neither is.
    fn import(&self, import: &'a Value) -> Result<(&'a str, &'a str), LinkError> {
        let invalid = |message: String| self.error("INVALID_LINK_DIRECTIVE_USAGE", message);
        let Some((name, alias)) = imported(import) else {
            return Err(invalid(format!(
                "`{import}` is imported from `{}`: an import is a name, or an object with `name` and `as`",
                self.url
            )));
        };
        if name.starts_with('@') == alias.starts_with('@') {
            return Ok((name, alias));
        }
        let (what, rule) = if name.starts_with('@') {
            ("directive", "begins with `@` as well")
        } else {
            ("type", "does not begin with `@`")
        };
        Err(invalid(format!("{what} `{name}` is imported as `{alias}`: its name {rule}")))
    }

    fn not_there(&self, import: &Value) -> LinkError {
        let name = imported(import).map_or_else(|| import.to_string(), |(name, _)| name.to_owned());
        let message = format!("`{name}` is imported from `{}`, which does not have it", self.url);
        self.error("INVALID_LINK_DIRECTIVE_USAGE", message)
    }
}

/// The name of an import and the one that it gets here: `"@key"` or `{ name: "@key", as: "@id" }`.
fn imported(import: &Value) -> Option<(&str, &str)> {
    if let Some(name) = import.as_str() {
        return Some((name, name));
    }
    let fields = import.as_object()?;
    let entry =
        |key| fields.iter().find(|(name, _)| name == key).and_then(|(_, value)| value.as_str());
    let name = entry("name")?;
    Some((name, entry("as").unwrap_or(name)))
}
