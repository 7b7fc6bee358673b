//! The types that several subgraphs' definitions of a field have in common.

use std::collections::BTreeSet;

use apollo_compiler::Name;
use apollo_compiler::ast::Type;
use apollo_compiler::schema::ExtendedType;

use super::field::FieldIn;
use super::{Merge, Place};

impl Merge<'_> {
    /// A type with the supergraph's names.
    pub(super) fn supergraph_type(&self, subgraph: usize, ty: &Type) -> Type {
        let rename = |name: &Name| self.subgraphs[subgraph].supergraph_name(name);
        match ty {
            Type::Named(name) => Type::Named(rename(name)),
            Type::NonNullNamed(name) => Type::NonNullNamed(rename(name)),
            Type::List(inner) => Type::List(Box::new(self.supergraph_type(subgraph, inner))),
            Type::NonNullList(inner) => {
                Type::NonNullList(Box::new(self.supergraph_type(subgraph, inner)))
            }
        }
    }

    /// The least type that is all of the field's types, or an error.
    pub(super) fn common_type(&mut self, coordinate: &str, owners: &[FieldIn<'_>]) -> Option<Type> {
        let types: Vec<Type> =
            owners.iter().map(|f| self.supergraph_type(f.subgraph, &f.definition.ty)).collect();
        let mut common = types[0].clone();
        let mut source = 0;
        for (index, ty) in types.iter().enumerate().skip(1) {
            let Some(joined) = self.join_types(&common, ty) else {
                let message = format!(
                    "field `{coordinate}` is `{common}` in `{}` but `{ty}` in `{}`",
                    self.subgraphs[owners[source].subgraph].name,
                    self.subgraphs[owners[index].subgraph].name
                );
                self.error(
                    "FIELD_TYPE_MISMATCH",
                    message,
                    [owners[source].place(), owners[index].place()],
                );
                return None;
            };
            if joined != common {
                common = joined;
                source = index;
            }
        }
        if types.iter().any(|ty| *ty != common) {
            let parts: Vec<String> = owners
                .iter()
                .zip(&types)
                .map(|(owner, ty)| format!("`{ty}` in `{}`", self.subgraphs[owner.subgraph].name))
                .collect();
            let message = format!(
                "field `{coordinate}` is {}: the supergraph says `{common}`",
                parts.join(", ")
            );
            let subgraphs: Vec<usize> = owners.iter().map(|owner| owner.subgraph).collect();
            self.hint("INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE", message, subgraphs);
        }
        Some(common)
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
        if self.is_named_subtype(b, a) {
            return Some(a.clone());
        }
        self.is_named_subtype(a, b).then(|| b.clone())
    }

    fn is_named_subtype(&self, lower: &Name, upper: &Name) -> bool {
        lower == upper
            || self.subgraphs.iter().any(|subgraph| subgraph.schema.is_subtype(upper, lower))
    }

    /// A shared field may be answered by any of its subgraphs, so all should be able to return the same types.
    pub(super) fn check_shared_runtime_types(
        &mut self,
        coordinate: &str,
        resolving: &[FieldIn<'_>],
    ) {
        let is_abstract = |field: &FieldIn<'_>| {
            let types = &self.subgraphs[field.subgraph].schema.types;
            types
                .get(field.definition.ty.inner_named_type())
                .is_some_and(|ty| ty.is_union() || ty.is_interface())
        };
        if !resolving.iter().any(is_abstract) {
            return;
        }
        let known: Vec<(usize, Place, BTreeSet<Name>)> = resolving
            .iter()
            .filter_map(|field| Some((field.subgraph, field.place(), self.runtime_types(field)?)))
            .collect();
        if known.len() < resolving.len() || known.windows(2).all(|pair| pair[0].2 == pair[1].2) {
            return;
        }
        let mut common = known[0].2.clone();
        for (.., types) in &known {
            common.retain(|name| types.contains(name));
        }
        let parts: Vec<String> = known
            .iter()
            .map(|(subgraph, _, types)| {
                let names: Vec<String> = types.iter().map(|name| format!("`{name}`")).collect();
                format!("{} in `{}`", names.join(", "), self.subgraphs[*subgraph].name)
            })
            .collect();
        let parts = parts.join(" but ");
        if common.is_empty() {
            let message =
                format!("shared field `{coordinate}` returns {parts}: no type is returned by all");
            let places: Vec<Place> = known.iter().map(|(_, place, _)| *place).collect();
            self.error("SHAREABLE_HAS_MISMATCHED_RUNTIME_TYPES", message, places);
        } else {
            let message = format!(
                "shared field `{coordinate}` returns {parts}: clients see the common types only"
            );
            let subgraphs: Vec<usize> = known.iter().map(|(subgraph, ..)| *subgraph).collect();
            self.hint("INCONSISTENT_RUNTIME_TYPES_FOR_SHAREABLE_RETURN", message, subgraphs);
        }
    }

    /// The object types that a field can return in its subgraph; `None` where it returns leaves, or an interface
    /// object, which can be anything.
    fn runtime_types(&self, field: &FieldIn<'_>) -> Option<BTreeSet<Name>> {
        let subgraph = &self.subgraphs[field.subgraph];
        let name = field.definition.ty.inner_named_type();
        match subgraph.schema.types.get(name)? {
            ty @ ExtendedType::Object(_) if subgraph.is_interface_object(ty) => None,
            ExtendedType::Object(_) => Some(BTreeSet::from([name.clone()])),
            ExtendedType::Union(union) => {
                Some(union.members.iter().map(|member| member.name.clone()).collect())
            }
            ExtendedType::Interface(_) => {
                let objects = subgraph.schema.types.values().filter_map(ExtendedType::as_object);
                let implementing = objects
                    .filter(|object| object.implements_interfaces.iter().any(|i| i.name == *name));
                let types: BTreeSet<Name> =
                    implementing.map(|object| object.name.clone()).collect();
                (!types.is_empty()).then_some(types)
            }
            _ => None,
        }
    }
}
