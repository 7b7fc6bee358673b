//! Checks `@cacheTag`: that its format names arguments of a root field, or key fields of an entity.

use apollo_compiler::ast::{Directive, FieldDefinition};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::schema::{Component, ExtendedType};
use supergraph::FieldSet;

use super::Check;
use crate::link::text;

/// One `@cacheTag`: how messages begin, and where they point.
struct CacheTag {
    subject: String,
    span: Option<SourceSpan>,
    /// The paths in braces, without the `$`: `args.id`.
    paths: Vec<String>,
}

impl Check<'_> {
    /// Checks the cache tags of a type and its fields.
    pub(super) fn cache_tags(&mut self, ty: &ExtendedType) {
        let subgraph = self.subgraph;
        for directive in subgraph.link.all(ty.directives(), "cacheTag") {
            if let Some(tag) = self.cache_tag(ty.name(), directive) {
                self.entity_cache_tag(ty, &tag);
            }
        }
        for field in subgraph.fields(ty) {
            for directive in subgraph.link.field_all(&field.directives, "cacheTag") {
                let place = format!("{}.{}", ty.name(), field.name);
                if let Some(tag) = self.cache_tag(&place, directive) {
                    self.field_cache_tag(ty, field, &tag);
                }
            }
        }
    }

    /// Reads the format.
    fn cache_tag(&mut self, place: &str, directive: &Directive) -> Option<CacheTag> {
        let format = text(directive, "format").unwrap_or_default();
        let subject =
            format!("`@cacheTag(format: {format:?})` on `{place}` of `{}`", self.subgraph.name);
        let span = directive.name.location();
        match paths(format) {
            Ok(paths) => Some(CacheTag { subject, span, paths }),
            Err(reason) => {
                self.error("CACHE_TAG_INVALID_FORMAT", format!("{subject} {reason}"), span);
                None
            }
        }
    }

    fn entity_cache_tag(&mut self, ty: &ExtendedType, tag: &CacheTag) {
        let keys = self.subgraph.keys(ty).iter();
        let keys: Vec<&FieldSet> =
            keys.filter_map(|(key, resolvable)| resolvable.then_some(key)).collect();
        if keys.is_empty() {
            let message = format!("{} is on a type without a resolvable `@key`", tag.subject);
            self.error("CACHE_TAG_ENTITY_NOT_RESOLVABLE", message, tag.span);
            return;
        }
        for path in &tag.paths {
            let mut segments = path.split('.');
            let reason = if segments.next() == Some("key") {
                let segments: Vec<&str> = segments.collect();
                let lacking = keys.iter().find(|key| !selects(key, &segments));
                lacking.map(|key| format!("names `${path}`, which is no field of the key `{key}`"))
            } else {
                Some(format!("names `${path}`: a type's cache tag can name `$key` only"))
            };
            if let Some(reason) = reason {
                let message = format!("{} {reason}", tag.subject);
                self.error("CACHE_TAG_INVALID_FORMAT_ARGUMENT_ON_ENTITY", message, tag.span);
            }
        }
    }

    fn field_cache_tag(
        &mut self,
        ty: &ExtendedType,
        field: &Component<FieldDefinition>,
        tag: &CacheTag,
    ) {
        if self.subgraph.supergraph_name(ty.name()) != "Query" {
            let message = format!("{} is on a field that is not of the query root", tag.subject);
            self.error("CACHE_TAG_APPLIED_TO_NON_ROOT_FIELD", message, tag.span);
            return;
        }
        for path in &tag.paths {
            let segments: Vec<&str> = path.split('.').collect();
            let reason = match segments.as_slice() {
                ["args", argument, rest @ ..] if !self.is_argument(field, argument, rest) => {
                    format!("names `${path}`, which is no argument of the field with one value")
                }
                ["args", _, ..] => continue,
                _ => format!("names `${path}`: a field's cache tag can name `$args` only"),
            };
            let message = format!("{} {reason}", tag.subject);
            self.error("CACHE_TAG_INVALID_FORMAT_ARGUMENT_ON_ROOT_FIELD", message, tag.span);
        }
    }

    /// Whether the path leads from an argument through input objects to a scalar or an enum.
    fn is_argument(&self, field: &FieldDefinition, argument: &str, rest: &[&str]) -> bool {
        let types = &self.subgraph.schema.types;
        let Some(argument) = field.argument_by_name(argument) else { return false };
        let mut ty = &*argument.ty;
        for name in rest {
            let input = types.get(ty.inner_named_type()).and_then(|ty| ty.as_input_object());
            let Some(next) = input.and_then(|input| input.fields.get(*name)) else { return false };
            if ty.is_list() {
                return false;
            }
            ty = &next.ty;
        }
        let named = types.get(ty.inner_named_type());
        !ty.is_list() && !named.is_some_and(ExtendedType::is_input_object)
    }
}

/// The paths in a format: `user-{$args.id}`.
fn paths(format: &str) -> Result<Vec<String>, String> {
    let mut paths = Vec::new();
    let mut rest = format;
    while let Some(open) = rest.find(['{', '}']) {
        if rest[open..].starts_with('}') {
            return Err("has a `}` without a `{`".to_owned());
        }
        let inside = &rest[open + 1..];
        let close = inside.find('}').ok_or_else(|| "has a `{` without a `}`".to_owned())?;
        let expression = inside[..close].trim();
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        let path = expression
            .strip_prefix('$')
            .filter(|path| path.contains('.') && path.split('.').all(is_name));
        let path = path.ok_or_else(|| {
            format!(
                "has `{{{expression}}}`, which is not of the form `{{$args.id}}` or `{{$key.id}}`"
            )
        })?;
        paths.push(path.to_owned());
        rest = &inside[close + 1..];
    }
    if format.is_empty() { Err("is empty".to_owned()) } else { Ok(paths) }
}

/// Whether a key selects the leaf at the end of a path.
fn selects(key: &FieldSet, path: &[&str]) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    let field = key.fields().find(|field| field.name == *first);
    field.is_some_and(|field| {
        if rest.is_empty() { field.selections.is_empty() } else { selects(&field.selections, rest) }
    })
}
