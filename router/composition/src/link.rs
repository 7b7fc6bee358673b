//! Resolves `@link`: which of a subgraph's directives is which of the federation specification's.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use apollo_compiler::ast::{Directive, Value};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::DirectiveList;
use apollo_compiler::{Name, Node, Schema};
use supergraph::{FEDERATION_SPEC, LINK_SPEC, LinkUrl};

/// The versions whose directives are known here.
const OLDEST: (u32, u32) = (2, 0);
const NEWEST: (u32, u32) = (2, 12);

/// The names of Federation 1, which needs no `@link`.
const FEDERATION_1: [&str; 7] =
    ["key", "external", "requires", "provides", "extends", "tag", "inaccessible"];

/// The directives of Federation 2, and the minor version that each came with.
const FEDERATION_2: [(&str, u32); 19] = [
    ("key", 0),
    ("external", 0),
    ("requires", 0),
    ("provides", 0),
    ("extends", 0),
    ("shareable", 0),
    ("inaccessible", 0),
    ("tag", 0),
    ("override", 0),
    ("composeDirective", 1),
    ("interfaceObject", 3),
    ("authenticated", 5),
    ("requiresScopes", 5),
    ("policy", 6),
    ("context", 8),
    ("fromContext", 8),
    ("cost", 9),
    ("listSize", 9),
    ("cacheTag", 12),
];

/// What else of the federation can be imported: its scalars.
const SCALARS: [&str; 4] = ["FieldSet", "Scope", "Policy", "ContextFieldValue"];

/// Why a `@link` cannot be followed.
pub(crate) struct LinkError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) span: Option<SourceSpan>,
}

/// How a subgraph names the federation's directives.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    /// The version of the federation specification; `None` for Federation 1.
    pub(crate) version: Option<(u32, u32)>,
    /// From the subgraph's name of a directive to the specification's.
    canonical: BTreeMap<String, &'static str>,
    /// The other specifications that the subgraph links.
    pub(crate) features: Vec<Feature>,
}

/// A specification of somebody's own that a subgraph links.
#[derive(Debug, Clone)]
pub(crate) struct Feature {
    pub(crate) identity: String,
    pub(crate) version: (u32, u32),
    /// The name that stands before what is not imported: `name__directive`.
    namespace: String,
    /// From the subgraph's name of a directive to the specification's.
    imports: BTreeMap<String, String>,
}

impl Feature {
    /// The specification's name of a directive of the subgraph, if it is one of its.
    pub(crate) fn original<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        if let Some(original) = self.imports.get(name) {
            return Some(original);
        }
        if name == self.namespace {
            return Some(name);
        }
        name.strip_prefix(self.namespace.as_str())?.strip_prefix("__")
    }
}

impl Link {
    /// Reads the links of a subgraph's schema.
    pub(crate) fn of(schema: &Schema) -> Result<Self, Vec<LinkError>> {
        let links: Vec<Linked<'_>> = schema
            .schema_definition
            .directives
            .get_all("link")
            .map(|link| Linked::new(link))
            .collect();
        let mut errors: Vec<LinkError> = links.iter().filter_map(Linked::unknown).collect();
        let mut seen = BTreeSet::new();
        for link in links.iter().filter(|link| !seen.insert(link.url.identity.as_str())) {
            let message = format!("`{}` is linked twice", link.url.identity);
            errors.push(link.error("INVALID_LINK_DIRECTIVE_USAGE", message));
        }
        let federation = links.iter().find(|link| link.url.identity == FEDERATION_SPEC);
        let link = match federation {
            None => Self::federation_1(schema),
            Some(federation) => {
                let minor = federation.url.version.map_or(0, |(_, minor)| minor);
                let canonical = federation.names(minor, &mut errors);
                let features = links.iter().filter_map(Linked::feature).collect();
                Self { version: federation.url.version, canonical, features }
            }
        };
        if errors.is_empty() { Ok(link) } else { Err(errors) }
    }

    /// Federation 1, which learnt some of Federation 2's directives from subgraphs that defined them themselves.
    fn federation_1(schema: &Schema) -> Self {
        let learnt = ["shareable", "override"].into_iter();
        let learnt = learnt.filter(|name| schema.directive_definitions.contains_key(*name));
        let canonical =
            FEDERATION_1.into_iter().chain(learnt).map(|name| (name.to_owned(), name)).collect();
        Self { version: None, canonical, features: Vec::new() }
    }

    /// The text of a field set. Federation 1 took a lone name and a list of texts as well.
    pub(crate) fn fields<'a>(&self, directive: &'a Directive) -> Option<Cow<'a, str>> {
        let value: &Value = directive.specified_argument_by_name("fields")?;
        match value {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Enum(name) if self.version.is_none() => Some(Cow::Borrowed(name)),
            Value::List(texts) if self.version.is_none() => {
                let texts: Option<Vec<&str>> = texts.iter().map(|text| text.as_str()).collect();
                texts.map(|texts| Cow::Owned(texts.join(" ")))
            }
            _ => None,
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

/// One `@link` of a schema.
struct Linked<'a> {
    directive: &'a Node<Directive>,
    url: LinkUrl,
}

impl<'a> Linked<'a> {
    fn new(directive: &'a Node<Directive>) -> Self {
        Self { directive, url: LinkUrl::parse(text(directive, "url").unwrap_or_default()) }
    }

    fn error(&self, code: &'static str, message: String) -> LinkError {
        LinkError { code, message, span: self.directive.location() }
    }

    /// The link as one to a specification of somebody's own.
    fn feature(&self) -> Option<Feature> {
        let LinkUrl { identity, name, version } = &self.url;
        if identity == FEDERATION_SPEC || identity == LINK_SPEC {
            return None;
        }
        let imports = self.directive.specified_argument_by_name("import").and_then(|v| v.as_list());
        let directives = imports.unwrap_or_default().iter().filter_map(|import| {
            let (name, alias) = imported(import)?;
            Some((alias.strip_prefix('@')?.to_owned(), name.strip_prefix('@')?.to_owned()))
        });
        Some(Feature {
            identity: identity.clone(),
            version: (*version)?,
            namespace: text(self.directive, "as").unwrap_or(name).to_owned(),
            imports: directives.collect(),
        })
    }

    /// The error of a link to what is not known here and must be.
    fn unknown(&self) -> Option<LinkError> {
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
    fn names(&self, minor: u32, errors: &mut Vec<LinkError>) -> BTreeMap<String, &'static str> {
        let namespace = text(self.directive, "as").unwrap_or("federation");
        if Name::new(namespace).is_err() || namespace.contains("__") {
            let message = format!(
                "`{}` is linked as `{namespace}`, which is not a name for a namespace",
                self.url
            );
            errors.push(self.error("INVALID_LINK_DIRECTIVE_USAGE", message));
        }
        let known = FEDERATION_2.iter().filter(|(_, since)| *since <= minor);
        let mut canonical: BTreeMap<String, &'static str> =
            known.map(|(name, _)| (format!("{namespace}__{name}"), *name)).collect();
        let imports = self.directive.specified_argument_by_name("import").and_then(|v| v.as_list());
        for import in imports.unwrap_or_default() {
            match self.import(import, minor) {
                Ok(Some((alias, name))) => {
                    canonical.insert(alias, name);
                }
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
        canonical
    }

    /// The name that an import gives to a directive; `None` for one that is not a directive.
    fn import(
        &self,
        import: &Value,
        minor: u32,
    ) -> Result<Option<(String, &'static str)>, LinkError> {
        let invalid = |message: String| self.error("INVALID_LINK_DIRECTIVE_USAGE", message);
        let Some((name, alias)) = imported(import) else {
            return Err(invalid(format!(
                "`{import}` is imported from `{}`: an import is a name, or an object with `name` and `as`",
                self.url
            )));
        };
        let Some(directive) = name.strip_prefix('@') else {
            if SCALARS.contains(&name) {
                return Ok(None);
            }
            return Err(invalid(format!(
                "`{name}` is imported from `{}`, which does not have it",
                self.url
            )));
        };
        let Some((known, since)) = FEDERATION_2.iter().find(|(known, _)| *known == directive)
        else {
            return Err(invalid(format!(
                "`{name}` is imported from `{}`, which does not have it",
                self.url
            )));
        };
        if *since > minor {
            return Err(invalid(format!(
                "`{name}` is imported from `{}`, which does not have it: it came with version 2.{since}",
                self.url
            )));
        }
        let alias = alias.strip_prefix('@').ok_or_else(|| {
            invalid(format!(
                "directive `{name}` is imported as `{alias}`: its name begins with `@` as well"
            ))
        })?;
        Ok(Some((alias.to_owned(), known)))
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

/// A string argument of a directive.
pub(crate) fn text<'a>(directive: &'a Directive, name: &str) -> Option<&'a str> {
    directive.specified_argument_by_name(name)?.as_str()
}
