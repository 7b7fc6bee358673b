//! Makes a contract of a supergraph: the same graph, of which its clients see a part chosen by `@tag`.
//!
//! What they do not see becomes `@inaccessible`; the router still uses it for keys and requirements.

use std::collections::{BTreeMap, BTreeSet};

use apollo_compiler::ast::{Directive, DirectiveList, Value};
use apollo_compiler::collections::IndexMap;
use apollo_compiler::schema::{Component, ExtendedType};
use apollo_compiler::{Name, Node, Schema, name};

use crate::accessibility;
use crate::error::{CompositionError, CompositionErrors};

/// Which part of a supergraph clients see.
///
/// An element with an excluded tag is hidden, whatever else it has. Where tags are included, a field of an object type or
/// interface is seen only with one of them, on itself or on its type, and a union only with one of them. A type none of
/// whose parts is seen is hidden, and so is one that nothing seen leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contract {
    /// The tags to show; where there are none, everything is shown that is not excluded.
    pub include: BTreeSet<String>,
    /// The tags to hide.
    pub exclude: BTreeSet<String>,
}

impl Contract {
    /// The supergraph as a contract, or what clients would see and could not use.
    pub fn apply(&self, supergraph_sdl: &str) -> Result<String, CompositionErrors> {
        let invalid = |message: String| {
            let code = "INVALID_GRAPHQL";
            CompositionErrors(vec![CompositionError { code, message, locations: Vec::new() }])
        };
        let mut schema = Schema::parse(supergraph_sdl, "supergraph.graphql")
            .map_err(|broken| invalid(format!("the supergraph does not parse: {broken}")))?;
        self.hide_by_tag(&mut schema);
        hide_empty_types(&mut schema);
        hide_unreachable_types(&mut schema);
        add_specification(&mut schema);
        let errors = accessibility::check_schema(&[], &schema);
        if errors.is_empty() { Ok(schema.to_string()) } else { Err(crate::sorted(errors)) }
    }

    fn hide_by_tag(&self, schema: &mut Schema) {
        for ty in schema.types.values_mut().filter(|ty| is_of_clients(ty)) {
            let is_included_whole = self.includes(ty.directives().iter().map(|d| &d.node));
            let is_excluded = self.excludes(ty.directives().iter().map(|d| &d.node));
            let is_union = ty.is_union();
            if is_excluded || (is_union && !is_included_whole) {
                hide_type(ty);
            }
            match ty {
                ExtendedType::Object(object) => {
                    self.hide_fields(&mut object.make_mut().fields, is_included_whole);
                }
                ExtendedType::Interface(interface) => {
                    self.hide_fields(&mut interface.make_mut().fields, is_included_whole);
                }
                ExtendedType::Enum(enumeration) => {
                    for value in enumeration.make_mut().values.values_mut() {
                        if self.excludes(value.directives.iter()) {
                            hide(&mut value.make_mut().directives);
                        }
                    }
                }
                ExtendedType::InputObject(input) => {
                    for field in input.make_mut().fields.values_mut() {
                        if self.excludes(field.directives.iter()) {
                            hide(&mut field.make_mut().directives);
                        }
                    }
                }
                ExtendedType::Union(_) | ExtendedType::Scalar(_) => {}
            }
        }
    }

    fn hide_fields(
        &self,
        fields: &mut IndexMap<Name, Component<apollo_compiler::ast::FieldDefinition>>,
        is_included_whole: bool,
    ) {
        for field in fields.values_mut() {
            let is_included = is_included_whole || self.includes(field.directives.iter());
            let field = field.make_mut();
            if !is_included || self.excludes(field.directives.iter()) {
                hide(&mut field.directives);
            }
            for argument in &mut field.arguments {
                if self.excludes(argument.directives.iter()) {
                    hide(&mut argument.make_mut().directives);
                }
            }
        }
    }

    fn includes<'d>(&self, directives: impl Iterator<Item = &'d Node<Directive>>) -> bool {
        self.include.is_empty() || tags(directives).any(|tag| self.include.contains(tag))
    }

    fn excludes<'d>(&self, directives: impl Iterator<Item = &'d Node<Directive>>) -> bool {
        tags(directives).any(|tag| self.exclude.contains(tag))
    }
}

fn tags<'d>(
    directives: impl Iterator<Item = &'d Node<Directive>>,
) -> impl Iterator<Item = &'d str> {
    directives
        .filter(|directive| directive.name == "tag")
        .filter_map(|directive| directive.specified_argument_by_name("name")?.as_str())
}

/// Types that are neither GraphQL's nor a specification's: `join__Graph` is one.
fn is_of_clients(ty: &ExtendedType) -> bool {
    !ty.is_built_in() && !ty.name().contains("__")
}

const HIDDEN: Name = name!("inaccessible");

fn is_hidden(directives: &DirectiveList) -> bool {
    directives.has(&HIDDEN)
}

fn hide(directives: &mut DirectiveList) {
    if !is_hidden(directives) {
        directives.0.push(Node::new(Directive { name: HIDDEN, arguments: Vec::new() }));
    }
}

fn hide_type(ty: &mut ExtendedType) {
    let directives = match ty {
        ExtendedType::Scalar(scalar) => &mut scalar.make_mut().directives,
        ExtendedType::Object(object) => &mut object.make_mut().directives,
        ExtendedType::Interface(interface) => &mut interface.make_mut().directives,
        ExtendedType::Union(union) => &mut union.make_mut().directives,
        ExtendedType::Enum(enumeration) => &mut enumeration.make_mut().directives,
        ExtendedType::InputObject(input) => &mut input.make_mut().directives,
    };
    if !directives.has(&HIDDEN) {
        let directive = Directive { name: HIDDEN, arguments: Vec::new() };
        directives.push(Component::new(directive));
    }
}

fn is_hidden_type(ty: &ExtendedType) -> bool {
    ty.directives().has(&HIDDEN)
}

/// Hides the types none of whose parts is seen; the query root stays, so that its absence is an error.
fn hide_empty_types(schema: &mut Schema) {
    let query = schema.schema_definition.query.as_ref().map(|query| query.name.clone());
    // A union may only lose its members once these are hidden.
    for _ in 0..2 {
        let hidden: BTreeSet<Name> = schema
            .types
            .values()
            .filter(|ty| is_hidden_type(ty))
            .map(|ty| ty.name().clone())
            .collect();
        for ty in schema.types.values_mut().filter(|ty| is_of_clients(ty)) {
            let is_empty = match &*ty {
                ExtendedType::Object(o) => o.fields.values().all(|f| is_hidden(&f.directives)),
                ExtendedType::Interface(i) => i.fields.values().all(|f| is_hidden(&f.directives)),
                ExtendedType::InputObject(i) => i.fields.values().all(|f| is_hidden(&f.directives)),
                ExtendedType::Enum(e) => e.values.values().all(|v| is_hidden(&v.directives)),
                ExtendedType::Union(u) => u.members.iter().all(|m| hidden.contains(&m.name)),
                ExtendedType::Scalar(_) => false,
            };
            if is_empty && query.as_ref() != Some(ty.name()) {
                hide_type(ty);
            }
        }
    }
}

/// Hides the types that no operation leads to.
fn hide_unreachable_types(schema: &mut Schema) {
    let mut implementations: BTreeMap<&Name, Vec<&Name>> = BTreeMap::new();
    for object in schema.types.values().filter_map(ExtendedType::as_object) {
        for interface in &object.implements_interfaces {
            implementations.entry(&interface.name).or_default().push(&object.name);
        }
    }
    let mut reached: BTreeSet<Name> = BTreeSet::new();
    let mut queue: Vec<Name> = Vec::new();
    queue
        .extend(schema.schema_definition.iter_root_operations().map(|(_, root)| root.name.clone()));
    while let Some(name) = queue.pop() {
        let Some(ty) = schema.types.get(&name).filter(|ty| !is_hidden_type(ty)) else { continue };
        if !reached.insert(name.clone()) {
            continue;
        }
        queue.extend(implementations.get(&name).into_iter().flatten().map(|name| (*name).clone()));
        let fields = match ty {
            ExtendedType::Object(object) => {
                queue.extend(object.implements_interfaces.iter().map(|i| i.name.clone()));
                &object.fields
            }
            ExtendedType::Interface(interface) => {
                queue.extend(interface.implements_interfaces.iter().map(|i| i.name.clone()));
                &interface.fields
            }
            ExtendedType::Union(union) => {
                queue.extend(union.members.iter().map(|member| member.name.clone()));
                continue;
            }
            ExtendedType::InputObject(input) => {
                let seen = input.fields.values().filter(|field| !is_hidden(&field.directives));
                queue.extend(seen.map(|field| field.ty.inner_named_type().clone()));
                continue;
            }
            ExtendedType::Scalar(_) | ExtendedType::Enum(_) => continue,
        };
        for field in fields.values().filter(|field| !is_hidden(&field.directives)) {
            queue.push(field.ty.inner_named_type().clone());
            let seen = field.arguments.iter().filter(|argument| !is_hidden(&argument.directives));
            queue.extend(seen.map(|argument| argument.ty.inner_named_type().clone()));
        }
    }
    for ty in schema.types.values_mut().filter(|ty| is_of_clients(ty)) {
        if !reached.contains(ty.name()) {
            hide_type(ty);
        }
    }
}

/// Links the specification that says what `@inaccessible` is.
fn add_specification(schema: &mut Schema) {
    if schema.directive_definitions.contains_key(&HIDDEN) {
        return;
    }
    let (url, definition) = crate::merge::INACCESSIBLE;
    let text = format!("schema {{ query: Q }} type Q {{ x: Int }} {definition}");
    let own = Schema::parse(text, "inaccessible.graphql").expect("our own definitions parse");
    schema.directive_definitions.extend(own.directive_definitions);
    let argument = |name: Name, value: Value| {
        Node::new(apollo_compiler::ast::Argument { name, value: Node::new(value) })
    };
    let link = Directive {
        name: name!("link"),
        arguments: vec![
            argument(name!("url"), Value::String(url.to_owned())),
            argument(name!("for"), Value::Enum(name!("SECURITY"))),
        ],
    };
    schema.schema_definition.make_mut().directives.push(Component::new(link));
}
