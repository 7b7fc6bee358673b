//! Resolves `@link`: which of a subgraph's directives is which of the federation specification's.

mod linked;
mod specification;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use apollo_compiler::Schema;
use apollo_compiler::ast::{Directive, Value};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::DirectiveList;
use supergraph::{FEDERATION_SPEC, LinkUrl};

use self::linked::Linked;
use self::specification::{FEDERATION_1, LEARNT_BY_FEDERATION_1};

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
    /// The name of `@link` itself.
    pub(crate) name: String,
    /// From the subgraph's name of a directive to the specification's.
    canonical: BTreeMap<String, &'static str>,
    /// From the specification's name of a directive to the one that the subgraph imports it by.
    pub(crate) imported: BTreeMap<&'static str, String>,
    /// The subgraph's names of the federation's scalars.
    scalars: BTreeSet<String>,
    /// The other specifications that the subgraph links.
    pub(crate) features: Vec<Feature>,
    /// The linked specification that needs a newer federation than the subgraph links, and the version of the latter.
    pub(crate) upgrade: Option<(LinkUrl, (u32, u32))>,
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
        let directives = &schema.schema_definition.directives;
        let name = linked::link_name(directives);
        let links: Vec<Linked<'_>> =
            directives.get_all(&name).map(|link| Linked::new(link)).collect();
        let mut errors: Vec<LinkError> = links.iter().filter_map(Linked::unknown).collect();
        let mut seen = BTreeSet::new();
        for link in links.iter().filter(|link| !seen.insert(link.url.identity.as_str())) {
            let message = format!("`{}` is linked twice", link.url.identity);
            errors.push(link.error("INVALID_LINK_DIRECTIVE_USAGE", message));
        }
        let mut link = Self {
            version: None,
            name,
            canonical: BTreeMap::new(),
            imported: BTreeMap::new(),
            scalars: BTreeSet::new(),
            features: Vec::new(),
            upgrade: None,
        };
        match links.iter().find(|link| link.url.identity == FEDERATION_SPEC) {
            None => link.add_federation_1(schema),
            Some(federation) => {
                let names = federation.federation_names(&mut errors);
                link.version = federation.url.version;
                link.canonical = names.directives;
                link.imported = names.imported;
                link.scalars = names.scalars;
                link.features = links.iter().filter_map(Linked::feature).collect();
            }
        }
        for linked in &links {
            link.add_included(linked, &mut errors);
        }
        if errors.is_empty() { Ok(link) } else { Err(errors) }
    }

    /// Federation 1 has no link: its directives have their own names.
    fn add_federation_1(&mut self, schema: &Schema) {
        let learnt = LEARNT_BY_FEDERATION_1.into_iter();
        let learnt = learnt.filter(|name| schema.directive_definitions.contains_key(*name));
        self.canonical =
            FEDERATION_1.into_iter().chain(learnt).map(|name| (name.to_owned(), name)).collect();
    }

    /// A specification that federation includes, linked by itself. It may be newer than the linked federation.
    fn add_included(&mut self, linked: &Linked<'_>, errors: &mut Vec<LinkError>) {
        let Some(included) = linked.included() else { return };
        let (names, imported) = linked.included_names(included, errors);
        self.canonical.extend(names);
        self.canonical.extend(imported.iter().cloned());
        self.imported.extend(imported.into_iter().map(|(name, directive)| (directive, name)));
        let needed = (2, included.since);
        if let Some(version) = self.version.filter(|version| *version < needed) {
            self.version = Some(needed);
            let from = self.upgrade.as_ref().map_or(version, |(_, from)| *from);
            self.upgrade = Some((linked.url.clone(), from));
        }
    }

    /// Whether a type is one of the federation's scalars here.
    pub(crate) fn is_scalar(&self, name: &str) -> bool {
        self.scalars.contains(name)
    }

    /// The subgraph's names of the federation's scalars.
    pub(crate) fn scalars(&self) -> impl Iterator<Item = &str> {
        self.scalars.iter().map(String::as_str)
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

/// A string argument of a directive.
pub(crate) fn text<'a>(directive: &'a Directive, name: &str) -> Option<&'a str> {
    directive.specified_argument_by_name(name)?.as_str()
}
