//! Merges object types and interfaces around their fields.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use apollo_compiler::Name;
use apollo_compiler::schema::ExtendedType;
use indexmap::IndexMap;

use super::directive::after;
use super::field::FieldIn;
use super::overriding::Moves;
use super::{Merge, Place, TypeIn};

impl<'a> Merge<'a> {
    /// Prints an object type.
    pub(super) fn object(&mut self, name: &Name, definitions: &[TypeIn<'a>], out: &mut String) {
        let interfaces = interfaces(definitions);
        self.open("type", name, definitions, &interfaces, out);
        let fields = self.fields_by_name(definitions);
        for field in fields.values() {
            self.field(name, definitions, field, out);
        }
        self.interface_object_fields(name, &interfaces, &fields, out);
        out.push_str("}\n\n");
        self.hint_partial_fields(
            "INCONSISTENT_OBJECT_VALUE_TYPE_FIELD",
            name,
            definitions,
            &fields,
        );
        self.hint_partial_entity(name, definitions);
    }

    /// Prints an interface; subgraphs that have it as an `@interfaceObject` add their fields to it.
    pub(super) fn interface(&mut self, name: &Name, definitions: &[TypeIn<'a>], out: &mut String) {
        let interfaces = interfaces(definitions);
        self.open("interface", name, definitions, &interfaces, out);
        let fields = self.fields_by_name(definitions);
        for field in fields.values() {
            self.field(name, definitions, field, out);
        }
        self.interface_object_fields(name, &interfaces, &fields, out);
        out.push_str("}\n\n");
        self.hint_partial_fields(
            "INCONSISTENT_INTERFACE_VALUE_TYPE_FIELD",
            name,
            definitions,
            &fields,
        );
        self.check_implementations(name, &fields);
        self.check_known_implementations(name, definitions);
    }

    fn open(
        &mut self,
        keyword: &str,
        name: &Name,
        definitions: &[TypeIn<'_>],
        interfaces: &BTreeMap<Name, Vec<usize>>,
        out: &mut String,
    ) {
        let names: Vec<&str> = interfaces.keys().map(Name::as_str).collect();
        let implements = if names.is_empty() {
            String::new()
        } else {
            format!(" implements {}", names.join(" & "))
        };
        let mut joins = String::new();
        for (interface, subgraphs) in interfaces {
            for index in subgraphs {
                let graph = &self.graphs[*index];
                let _ = write!(
                    joins,
                    "\n  @join__implements(graph: {graph}, interface: \"{interface}\")"
                );
            }
        }
        let directives = self.type_directives(name, definitions);
        let _ = writeln!(out, "{keyword} {name}{implements}{joins}{directives}\n{{");
    }

    /// All fields of a type, in the order in which the subgraphs name them.
    pub(super) fn fields_by_name(
        &self,
        definitions: &[TypeIn<'a>],
    ) -> IndexMap<Name, Vec<FieldIn<'a>>> {
        let mut fields: IndexMap<Name, Vec<FieldIn<'a>>> = IndexMap::new();
        for TypeIn { subgraph, ty } in definitions.iter().copied() {
            for definition in self.subgraphs[subgraph].fields(ty) {
                let field = FieldIn { subgraph, parent: ty, definition };
                if self.is_left_out(&field) {
                    continue;
                }
                fields.entry(definition.name.clone()).or_default().push(field);
            }
        }
        fields
    }

    /// Fields that interface objects add to a type that implements the interface: no subgraph resolves them on the type
    /// itself.
    fn interface_object_fields(
        &mut self,
        type_name: &Name,
        interfaces: &BTreeMap<Name, Vec<usize>>,
        own: &IndexMap<Name, Vec<FieldIn<'a>>>,
        out: &mut String,
    ) {
        let mut added: BTreeSet<Name> = BTreeSet::new();
        for interface in interfaces.keys() {
            let definitions = self.types.get(interface).cloned().unwrap_or_default();
            if !definitions.iter().any(|definition| self.is_interface_object(definition)) {
                continue;
            }
            for (name, field) in &self.fields_by_name(&definitions) {
                if own.contains_key(name) || !added.insert(name.clone()) {
                    continue;
                }
                self.check_added(type_name, name);
                let coordinate = format!("{interface}.{name}");
                // What is wrong with the field was said where the interface itself was merged.
                let (errors, hints) = (self.errors.len(), self.hints.len());
                let owners: Vec<_> =
                    field.iter().copied().filter(|field| !self.is_external(field)).collect();
                let signature = self.signature(&coordinate, &owners);
                let applications = field
                    .iter()
                    .map(|f| (f.subgraph, f.definition.directives.iter().map(|d| &**d)));
                let carried = self.carried(&format!("field `{coordinate}`"), applications, &[]);
                self.errors.truncate(errors);
                self.hints.truncate(hints);
                let Some((ty, arguments)) = signature else { continue };
                let _ = writeln!(out, "  {name}{arguments}: {ty} @join__field{}", after(&carried));
            }
        }
    }

    /// A type may get a field by several of its interfaces, if all who resolve it share it. What is wrong between those who
    /// stand for the same interface is said of the interface.
    fn check_added(&mut self, type_name: &Name, field: &Name) {
        let added = self.added_by_interface_objects(type_name, field);
        if added.iter().any(|other| other.parent.name() != added[0].parent.name()) {
            let coordinate = format!("{type_name}.{field}");
            self.check_sharing(&coordinate, (type_name, field), &[], &Moves::default());
        }
    }

    /// The definitions of a field that interface objects give to an object type.
    pub(super) fn added_by_interface_objects(
        &self,
        type_name: &Name,
        field: &Name,
    ) -> Vec<FieldIn<'a>> {
        let definitions = self.types.get(type_name).map(Vec::as_slice).unwrap_or_default();
        let interfaces = interfaces(definitions);
        let objects = interfaces
            .keys()
            .filter_map(|interface| self.types.get(interface))
            .flatten()
            .filter(|definition| self.is_interface_object(definition));
        objects
            .filter_map(|object| {
                let mut fields = self.subgraphs[object.subgraph].fields(object.ty);
                let definition = fields.find(|definition| definition.name == *field)?;
                Some(FieldIn { subgraph: object.subgraph, parent: object.ty, definition })
            })
            .filter(|field| !self.is_external(field))
            .collect()
    }

    /// Every object type that implements an interface must have its fields, in some subgraph.
    fn check_implementations(
        &mut self,
        interface: &Name,
        fields: &IndexMap<Name, Vec<FieldIn<'a>>>,
    ) {
        for (name, definitions) in self.implementing(interface) {
            let has = self.fields_by_name(&definitions);
            for (field, defined) in fields {
                let is_added = defined.iter().any(|field| {
                    self.is_interface_object(&TypeIn { subgraph: field.subgraph, ty: field.parent })
                });
                if has.contains_key(field) || is_added {
                    continue;
                }
                let implementing: Vec<usize> =
                    definitions.iter().map(|definition| definition.subgraph).collect();
                let message = format!(
                    "field `{interface}.{field}` is in the interface in `{}`, but `{name}`, which implements it, does \
                     not have the field in {}",
                    self.subgraphs[defined[0].subgraph].name,
                    self.names(&implementing)
                );
                let places =
                    defined.iter().map(FieldIn::place).chain(definitions.iter().map(TypeIn::place));
                self.error("INTERFACE_FIELD_NO_IMPLEM", message, places.collect::<Vec<_>>());
            }
        }
    }

    /// Whoever answers for an interface by a key must know all types that implement it, and an interface object none.
    fn check_known_implementations(&mut self, interface: &Name, definitions: &[TypeIn<'a>]) {
        let (objects, interfaces_proper): (Vec<TypeIn<'a>>, Vec<TypeIn<'a>>) = definitions
            .iter()
            .copied()
            .partition(|definition| self.is_interface_object(definition));
        if interfaces_proper.is_empty() {
            let subgraphs: Vec<usize> = objects.iter().map(|object| object.subgraph).collect();
            let message = format!(
                "`{interface}` is an `@interfaceObject` in {}, but an interface in no subgraph",
                self.names(&subgraphs)
            );
            self.error("INTERFACE_OBJECT_USAGE_ERROR", message, objects.iter().map(TypeIn::place));
        }
        if let Some(object) = objects.first() {
            self.check_not_keyed_by_federation_1(interface, object, &interfaces_proper);
        }
        for (name, implementing) in self.implementing(interface) {
            for object in &objects {
                self.check_not_beside(interface, object, &name, &implementing);
            }
            for proper in &interfaces_proper {
                self.check_known(interface, proper, &name, &implementing);
            }
        }
    }

    /// A `@key` on an interface, on which an interface object would rely, meant nothing in Federation 1.
    fn check_not_keyed_by_federation_1(
        &mut self,
        interface: &Name,
        object: &TypeIn<'a>,
        interfaces_proper: &[TypeIn<'a>],
    ) {
        let keyed = interfaces_proper.iter().find(|proper| {
            let link = &self.subgraphs[proper.subgraph].link;
            link.version.is_none() && link.has(proper.ty.directives(), "key")
        });
        if let Some(keyed) = keyed {
            let message = format!(
                "`{interface}` is an `@interfaceObject` in `{}`, and has a `@key` in `{}`, a subgraph of Federation 1, where a \
                 key of an interface means nothing: link Federation 2.3 or later there",
                self.subgraphs[object.subgraph].name, self.subgraphs[keyed.subgraph].name
            );
            self.error("INTERFACE_OBJECT_USAGE_ERROR", message, [object.place(), keyed.place()]);
        }
    }

    /// The types that implement an interface in some subgraph, with all their definitions.
    pub(super) fn implementing(&self, interface: &Name) -> Vec<(Name, Vec<TypeIn<'a>>)> {
        let names = self.implementations.get(interface).into_iter().flatten();
        names.map(|name| (name.clone(), self.types[name].clone())).collect()
    }

    fn check_not_beside(
        &mut self,
        interface: &Name,
        object: &TypeIn<'a>,
        name: &Name,
        implementing: &[TypeIn<'a>],
    ) {
        if let Some(concrete) = implementing.iter().find(|other| other.subgraph == object.subgraph)
        {
            let message = format!(
                "`{interface}` is an `@interfaceObject` in `{}`, which also defines `{name}`, a type that implements it: it \
                 can know one or the other",
                self.subgraphs[object.subgraph].name
            );
            self.error("INTERFACE_OBJECT_USAGE_ERROR", message, [object.place(), concrete.place()]);
        }
    }

    fn check_known(
        &mut self,
        interface: &Name,
        proper: &TypeIn<'a>,
        name: &Name,
        implementing: &[TypeIn<'a>],
    ) {
        let subgraph = &self.subgraphs[proper.subgraph];
        let answers = subgraph.keys(proper.ty).iter().any(|(_, resolvable)| *resolvable);
        let is_object = implementing.iter().any(|definition| definition.ty.is_object());
        let says_so = interfaces(implementing).remove(interface).unwrap_or_default();
        if !answers || !is_object || says_so.contains(&proper.subgraph) {
            return;
        }
        let here = implementing.iter().find(|definition| definition.subgraph == proper.subgraph);
        let lacks = if here.is_some() {
            format!("where `{name}` does not implement it, though it does")
        } else {
            format!("which does not know `{name}`, though that implements it")
        };
        let message = format!(
            "interface `{interface}` has a `@key` in `{}`, {lacks} in {}: whoever answers for an interface must know all \
             its types",
            subgraph.name,
            self.names(&says_so)
        );
        let others =
            implementing.iter().filter(|definition| says_so.contains(&definition.subgraph));
        let places: Vec<Place> =
            [proper].into_iter().chain(here).chain(others).map(TypeIn::place).collect();
        self.error("INTERFACE_KEY_MISSING_IMPLEMENTATION_TYPE", message, places);
    }

    /// A value type whose subgraphs do not have the same fields cannot be answered whole by each.
    fn hint_partial_fields(
        &mut self,
        code: &'static str,
        name: &Name,
        definitions: &[TypeIn<'a>],
        fields: &IndexMap<Name, Vec<FieldIn<'a>>>,
    ) {
        let is_entity =
            definitions.iter().any(|d| !self.subgraphs[d.subgraph].keys(d.ty).is_empty());
        if is_entity || matches!(name.as_str(), "Query" | "Mutation" | "Subscription") {
            return;
        }
        // Where all fields are external, there are those that a requirement or a provision needs.
        let resolving = definitions.iter().filter(|TypeIn { subgraph, ty }| {
            let subgraph = &self.subgraphs[*subgraph];
            !subgraph.fields(ty).all(|field| subgraph.is_external(ty, field))
        });
        let resolving: Vec<usize> = resolving.map(|definition| definition.subgraph).collect();
        for (field, having) in fields {
            let missing: Vec<usize> = resolving
                .iter()
                .copied()
                .filter(|index| having.iter().all(|field| field.subgraph != *index))
                .collect();
            if !missing.is_empty() {
                let having: Vec<usize> = having.iter().map(|field| field.subgraph).collect();
                let message = format!(
                    "field `{name}.{field}` is in {} but not in {}",
                    self.names(&having),
                    self.names(&missing)
                );
                self.hint(code, message, missing);
            }
        }
    }

    /// A type that is an entity in some subgraphs and a value in others.
    fn hint_partial_entity(&mut self, name: &Name, definitions: &[TypeIn<'a>]) {
        let (entities, values): (Vec<&TypeIn<'_>>, Vec<&TypeIn<'_>>) =
            definitions.iter().partition(|d| !self.subgraphs[d.subgraph].keys(d.ty).is_empty());
        if entities.is_empty() || values.is_empty() {
            return;
        }
        let subgraphs = |of: Vec<&TypeIn<'_>>| of.iter().map(|d| d.subgraph).collect::<Vec<_>>();
        let (entities, values) = (subgraphs(entities), subgraphs(values));
        let message = format!(
            "`{name}` has a `@key` in {} but none in {}",
            self.names(&entities),
            self.names(&values)
        );
        self.hint("INCONSISTENT_ENTITY", message, values);
    }
}

/// For each interface, the types that implement it.
pub(super) fn implementations(
    types: &BTreeMap<Name, Vec<TypeIn<'_>>>,
) -> BTreeMap<Name, Vec<Name>> {
    let mut implementations: BTreeMap<Name, Vec<Name>> = BTreeMap::new();
    for (name, definitions) in types {
        for interface in interfaces(definitions).into_keys() {
            implementations.entry(interface).or_default().push(name.clone());
        }
    }
    implementations
}

/// The interfaces of a type, with the subgraphs that say so.
fn interfaces(definitions: &[TypeIn<'_>]) -> BTreeMap<Name, Vec<usize>> {
    let mut interfaces: BTreeMap<Name, Vec<usize>> = BTreeMap::new();
    for definition in definitions {
        let implemented = match definition.ty {
            ExtendedType::Object(object) => &object.implements_interfaces,
            ExtendedType::Interface(interface) => &interface.implements_interfaces,
            _ => continue,
        };
        for interface in implemented {
            interfaces.entry(interface.name.clone()).or_default().push(definition.subgraph);
        }
    }
    interfaces
}
