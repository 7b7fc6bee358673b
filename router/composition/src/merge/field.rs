//! Merges object types and interfaces, field by field.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use apollo_compiler::Name;
use apollo_compiler::ast::{FieldDefinition, Type};
use apollo_compiler::schema::ExtendedType;
use indexmap::IndexMap;

use super::{Definitions, Merge, is_federation_directive};

/// One field's definitions: the subgraph, the type there, and the field.
type FieldDefinitions<'a> = Vec<(usize, &'a ExtendedType, &'a FieldDefinition)>;

impl<'a> Merge<'a> {
    /// Prints an object type.
    pub(super) fn object(
        &mut self,
        name: &Name,
        definitions: &Definitions<'a>,
        types: &BTreeMap<Name, Definitions<'a>>,
        out: &mut String,
    ) {
        let interfaces = self.interfaces(definitions);
        self.open("type", name, definitions, &interfaces, out);
        let fields = fields_by_name(self, definitions);
        for field in fields.values() {
            self.field(name, definitions, field, false, out);
        }
        self.interface_object_fields(&interfaces, &fields, types, out);
        out.push_str("}\n\n");
    }

    /// Prints an interface; subgraphs that have it as an `@interfaceObject` add their fields to it.
    pub(super) fn interface(
        &mut self,
        name: &Name,
        definitions: &Definitions<'a>,
        types: &BTreeMap<Name, Definitions<'a>>,
        out: &mut String,
    ) {
        let interfaces = self.interfaces(definitions);
        self.open("interface", name, definitions, &interfaces, out);
        let fields = fields_by_name(self, definitions);
        for field in fields.values() {
            self.field(name, definitions, field, true, out);
        }
        out.push_str("}\n\n");
        let has_real = definitions.iter().any(|(_, ty)| ty.is_interface());
        if !has_real {
            let involved: Vec<usize> = definitions.iter().map(|(index, _)| *index).collect();
            let message = format!(
                "`{name}` is an `@interfaceObject` in {}, but an interface in no subgraph",
                self.names(&involved)
            );
            self.error("INTERFACE_OBJECT_USAGE_ERROR", message, &involved);
        }
        self.check_implementations(name, &fields, types);
    }

    fn open(
        &mut self,
        keyword: &str,
        name: &Name,
        definitions: &Definitions<'_>,
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
        let directives = self.type_directives(definitions);
        let _ = writeln!(out, "{keyword} {name}{implements}{joins}{directives}\n{{");
    }

    /// The interfaces of a type, with the subgraphs that say so.
    fn interfaces(&self, definitions: &Definitions<'_>) -> BTreeMap<Name, Vec<usize>> {
        let mut interfaces: BTreeMap<Name, Vec<usize>> = BTreeMap::new();
        for (index, ty) in definitions {
            let implemented = match ty {
                ExtendedType::Object(object) => &object.implements_interfaces,
                ExtendedType::Interface(interface) => &interface.implements_interfaces,
                _ => continue,
            };
            for interface in implemented {
                interfaces.entry(interface.name.clone()).or_default().push(*index);
            }
        }
        interfaces
    }

    /// Prints one field with what each subgraph makes of it.
    fn field(
        &mut self,
        type_name: &Name,
        definitions: &Definitions<'a>,
        field: &FieldDefinitions<'a>,
        is_interface: bool,
        out: &mut String,
    ) {
        let name = &field[0].2.name;
        let place = format!("{type_name}.{name}");
        let Some(ty) = self.common_type(&place, field) else { return };
        self.check_sharing(&place, field, is_interface);
        let arguments = self.arguments(&place, field);
        let joins = self.joins(definitions, field, &ty);
        let applications =
            field.iter().map(|(index, _, f)| (*index, f.directives.iter().map(|d| &**d)));
        let carried = self.carried(applications);
        self.describe(
            field.iter().map(|(.., f)| f.description.as_ref().map(|d| d.as_str())),
            "  ",
            out,
        );
        let directives: String =
            joins.into_iter().chain(carried).map(|d| format!(" {d}")).collect();
        let _ = writeln!(out, "  {name}{arguments}: {ty}{directives}");
    }

    /// `@join__field` for each subgraph; none where all subgraphs that have the type resolve the field alike.
    fn joins(
        &self,
        definitions: &Definitions<'_>,
        field: &FieldDefinitions<'_>,
        ty: &Type,
    ) -> Vec<String> {
        let overridden: BTreeSet<&str> =
            field.iter().filter_map(|(index, _, f)| self.subgraphs[*index].overrides(f)).collect();
        let types: Vec<Type> =
            field.iter().map(|(index, _, f)| self.supergraph_type(*index, &f.ty)).collect();
        let types_differ = types.iter().any(|own| own != ty);
        let mut plain = field.len() == definitions.len();
        let mut joins = Vec::new();
        for ((index, parent, definition), own_type) in field.iter().zip(&types) {
            let subgraph = &self.subgraphs[*index];
            let is_external = subgraph.is_external(parent, definition);
            let mut arguments = format!("graph: {}", self.graphs[*index]);
            let mut say = |text: String| {
                plain = false;
                arguments += &text;
            };
            if let Some(set) = subgraph.field_set(definition, "requires") {
                say(format!(", requires: {:?}", set.to_string()));
            }
            if let Some(set) = subgraph.field_set(definition, "provides") {
                say(format!(", provides: {:?}", set.to_string()));
            }
            if types_differ {
                say(format!(", type: \"{own_type}\""));
            }
            if is_external {
                say(", external: true".to_owned());
            }
            if let Some(from) = subgraph.overrides(definition)
                && self.subgraphs.iter().any(|other| other.name == from)
            {
                say(format!(", override: {from:?}"));
            }
            if overridden.contains(subgraph.name.as_str()) && !is_external {
                plain = false;
                let used = subgraph.field_set_uses(parent.name(), &definition.name)
                    || self.interfaces_need(*index, parent, &definition.name);
                if !used {
                    continue;
                }
                arguments += ", usedOverridden: true";
            }
            joins.push(format!("@join__field({arguments})"));
        }
        if plain { Vec::new() } else { joins }
    }

    /// Whether an interface of the type, in that subgraph, has the field.
    fn interfaces_need(&self, index: usize, ty: &ExtendedType, field: &Name) -> bool {
        let ExtendedType::Object(object) = ty else { return false };
        let schema = &self.subgraphs[index].schema;
        object.implements_interfaces.iter().any(|i| {
            schema
                .get_interface(&i.name)
                .is_some_and(|interface| interface.fields.contains_key(field))
        })
    }

    /// The type with the supergraph's names.
    fn supergraph_type(&self, index: usize, ty: &Type) -> Type {
        let rename = |name: &Name| self.subgraphs[index].supergraph_name(name);
        match ty {
            Type::Named(name) => Type::Named(rename(name)),
            Type::NonNullNamed(name) => Type::NonNullNamed(rename(name)),
            Type::List(inner) => Type::List(Box::new(self.supergraph_type(index, inner))),
            Type::NonNullList(inner) => {
                Type::NonNullList(Box::new(self.supergraph_type(index, inner)))
            }
        }
    }

    /// The least common supertype of a field's types, or an error.
    fn common_type(&mut self, place: &str, field: &FieldDefinitions<'_>) -> Option<Type> {
        let types: Vec<(usize, Type)> = field
            .iter()
            .map(|(index, _, f)| (*index, self.supergraph_type(*index, &f.ty)))
            .collect();
        let mut common = types[0].clone();
        for (index, ty) in &types[1..] {
            match self.join_types(&common.1, ty) {
                Some(joined) => {
                    if joined != common.1 {
                        common = (*index, joined);
                    }
                }
                None => {
                    let external = |i: usize| {
                        field.iter().any(|(index, parent, f)| {
                            *index == i && self.subgraphs[i].is_external(parent, f)
                        })
                    };
                    let is_external = external(*index) || external(common.0);
                    let code =
                        if is_external { "EXTERNAL_TYPE_MISMATCH" } else { "FIELD_TYPE_MISMATCH" };
                    let message = format!(
                        "field `{place}` is `{}` in `{}` but `{ty}` in `{}`",
                        common.1, self.subgraphs[common.0].name, self.subgraphs[*index].name
                    );
                    self.error(code, message, &[common.0, *index]);
                    return None;
                }
            }
        }
        Some(common.1)
    }

    fn join_types(&self, a: &Type, b: &Type) -> Option<Type> {
        let joined = match (a.is_list(), b.is_list()) {
            (true, true) => Type::List(Box::new(self.join_types(a.item_type(), b.item_type())?)),
            (false, false) => {
                Type::Named(self.join_names(a.inner_named_type(), b.inner_named_type())?)
            }
            _ => return None,
        };
        Some(if a.is_non_null() && b.is_non_null() { joined.non_null() } else { joined })
    }

    fn join_names(&self, a: &Name, b: &Name) -> Option<Name> {
        let is_sub = |upper: &Name, lower: &Name| {
            self.subgraphs.iter().any(|s| s.schema.is_subtype(upper, lower))
        };
        match () {
            () if a == b => Some(a.clone()),
            () if is_sub(a, b) => Some(a.clone()),
            () if is_sub(b, a) => Some(b.clone()),
            () => None,
        }
    }

    /// A field that several subgraphs resolve must be `@shareable` in all of them.
    fn check_sharing(&mut self, place: &str, field: &FieldDefinitions<'_>, is_interface: bool) {
        let overridden: BTreeSet<&str> =
            field.iter().filter_map(|(index, _, f)| self.subgraphs[*index].overrides(f)).collect();
        let resolving: Vec<_> = field
            .iter()
            .filter(|(index, parent, f)| {
                let subgraph = &self.subgraphs[*index];
                !parent.is_interface()
                    && !subgraph.is_external(parent, f)
                    && !overridden.contains(subgraph.name.as_str())
            })
            .collect();
        let alone: Vec<usize> = resolving
            .iter()
            .filter(|(index, parent, f)| !self.subgraphs[*index].is_shareable(parent, f))
            .map(|(index, ..)| *index)
            .collect();
        if resolving.len() > 1 && !alone.is_empty() && !(is_interface && resolving.len() < 2) {
            let all: Vec<usize> = resolving.iter().map(|(index, ..)| *index).collect();
            let message = format!(
                "field `{place}` is resolved by {} but is not `@shareable` in {}",
                self.names(&all),
                self.names(&alone)
            );
            self.error("INVALID_FIELD_SHARING", message, &all);
        }
    }

    /// The arguments that all subgraphs have: `(first: Int = 5)`.
    fn arguments(&mut self, place: &str, field: &FieldDefinitions<'_>) -> String {
        let mut printed = Vec::new();
        let mut names: Vec<&Name> = Vec::new();
        for argument in field.iter().flat_map(|(.., f)| &f.arguments) {
            if !names.contains(&&argument.name) {
                names.push(&argument.name);
            }
        }
        for name in names {
            let found: Vec<_> = field
                .iter()
                .filter_map(|(i, _, f)| Some((*i, f.argument_by_name(name)?)))
                .collect();
            let missing: Vec<usize> = field
                .iter()
                .filter(|(.., f)| f.argument_by_name(name).is_none())
                .map(|(i, ..)| *i)
                .collect();
            let element = format!("argument `{place}({name}:)`");
            if !missing.is_empty() {
                let required: Vec<usize> =
                    found.iter().filter(|(_, a)| a.is_required()).map(|(i, _)| *i).collect();
                if !required.is_empty() {
                    let message = format!(
                        "{element} is required in {} but missing in {}",
                        self.names(&required),
                        self.names(&missing)
                    );
                    self.error("REQUIRED_ARGUMENT_MISSING_IN_SOME_SUBGRAPH", message, &missing);
                }
                continue;
            }
            let values: Vec<_> = found.iter().map(|(i, a)| (*i, &***a)).collect();
            let codes = ("FIELD_ARGUMENT_TYPE_MISMATCH", "FIELD_ARGUMENT_DEFAULT_MISMATCH");
            if let Some(text) = self.input_value(&element, &values, codes, "") {
                printed.push(text);
            }
        }
        if printed.is_empty() { String::new() } else { format!("({})", printed.join(", ")) }
    }

    /// Fields that interface objects add to an implementing type: no subgraph resolves them on the type itself.
    fn interface_object_fields(
        &mut self,
        interfaces: &BTreeMap<Name, Vec<usize>>,
        own: &IndexMap<Name, FieldDefinitions<'a>>,
        types: &BTreeMap<Name, Definitions<'a>>,
        out: &mut String,
    ) {
        let mut added: BTreeSet<Name> = BTreeSet::new();
        for interface in interfaces.keys() {
            let Some(definitions) = types.get(interface) else { continue };
            if !definitions.iter().any(|(index, ty)| self.subgraphs[*index].is_interface_object(ty))
            {
                continue;
            }
            for (name, field) in &fields_by_name(self, definitions) {
                if own.contains_key(name) || !added.insert(name.clone()) {
                    continue;
                }
                let place = format!("{interface}.{name}");
                let Some(ty) = self.common_type(&place, field) else { continue };
                let arguments = self.arguments(&place, field);
                let applications =
                    field.iter().map(|(index, _, f)| (*index, f.directives.iter().map(|d| &**d)));
                let carried: String =
                    self.carried(applications).into_iter().map(|d| format!(" {d}")).collect();
                let _ = writeln!(out, "  {name}{arguments}: {ty} @join__field{carried}");
            }
        }
    }

    /// Every object type that implements an interface must have its fields, in some subgraph.
    fn check_implementations(
        &mut self,
        interface: &Name,
        fields: &IndexMap<Name, FieldDefinitions<'a>>,
        types: &BTreeMap<Name, Definitions<'a>>,
    ) {
        let object_fields: BTreeSet<&Name> = fields
            .iter()
            .filter(|(_, field)| {
                field.iter().any(|(index, ty, _)| self.subgraphs[*index].is_interface_object(ty))
            })
            .map(|(name, _)| name)
            .collect();
        for (name, definitions) in types {
            let implementing: Vec<usize> =
                self.interfaces(definitions).remove(interface).unwrap_or_default();
            if implementing.is_empty() {
                continue;
            }
            let has = fields_by_name(self, definitions);
            for (field, defined) in fields {
                if has.contains_key(field)
                    || object_fields.contains(field)
                    || is_federation_directive(field)
                {
                    continue;
                }
                let (by, ..) = defined[0];
                let message = format!(
                    "interface field `{interface}.{field}` of `{}` is implemented by `{name}` in no subgraph",
                    self.subgraphs[by].name
                );
                self.error("INTERFACE_FIELD_NO_IMPLEM", message, &[by]);
            }
        }
    }
}

/// All fields of a type, in the order in which the subgraphs name them.
fn fields_by_name<'a>(
    merge: &Merge<'a>,
    definitions: &Definitions<'a>,
) -> IndexMap<Name, FieldDefinitions<'a>> {
    let mut fields: IndexMap<Name, FieldDefinitions<'a>> = IndexMap::new();
    for (index, ty) in definitions {
        for field in merge.subgraphs[*index].fields(ty) {
            fields.entry(field.name.clone()).or_default().push((*index, ty, field));
        }
    }
    fields
}
