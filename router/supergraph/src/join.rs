//! Reads the join directives: who has what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apollo_compiler::ast::{Directive, Type, Value};
use apollo_compiler::schema::{DirectiveList, ExtendedType};
use apollo_compiler::{Name, Node, Schema};
use indexmap::IndexMap;

use crate::{
    CompositeType, ContextArgument, Field, FieldPresence, FieldSet, Key, LinkUrl, Subgraph,
    SubgraphId, SubgraphName, SubgraphSet, SupergraphError, TypeKind, TypePresence,
};

/// The subgraphs that `enum join__Graph` lists.
pub(crate) fn subgraphs(schema: &Schema) -> Result<Vec<Subgraph>, SupergraphError> {
    check_features(schema)?;
    let graphs = schema.get_enum("join__Graph").ok_or(SupergraphError::NoSubgraphs)?;
    if graphs.values.len() > SubgraphSet::CAPACITY {
        return Err(SupergraphError::TooManySubgraphs(graphs.values.len()));
    }
    graphs
        .values
        .values()
        .map(|value| {
            let directive = value.directives.get("join__graph");
            let directive = directive.ok_or_else(|| SupergraphError::InvalidJoin {
                place: format!("join__Graph.{}", value.value),
                reason: "`@join__graph` is missing".to_owned(),
            })?;
            let text = |name| {
                argument(directive, name).and_then(|v| v.as_str()).unwrap_or_default().to_owned()
            };
            Ok(Subgraph { name: SubgraphName(text("name")), url: text("url") })
        })
        .collect()
}

/// Refuses what says that it must be understood and is not.
fn check_features(schema: &Schema) -> Result<(), SupergraphError> {
    const KNOWN: [&str; 9] = [
        "link",
        "join",
        "inaccessible",
        "authenticated",
        "requiresScopes",
        "policy",
        "context",
        "cost",
        "tag",
    ];
    for directive in schema.schema_definition.directives.get_all("link") {
        let purpose = argument(directive, "for").and_then(|v| v.as_enum());
        let url = argument(directive, "url").and_then(|v| v.as_str()).unwrap_or_default();
        if purpose.is_some() && !KNOWN.contains(&LinkUrl::parse(url).name.as_str()) {
            return Err(SupergraphError::UnknownFeature(url.to_owned()));
        }
    }
    Ok(())
}

/// All composite types with what each subgraph makes of them.
pub(crate) fn composite_types(
    schema: &Schema,
    subgraphs: &[Subgraph],
) -> Result<IndexMap<Name, CompositeType>, SupergraphError> {
    let reader = Reader { schema, graphs: graph_ids(schema), subgraph_count: subgraphs.len() };
    schema
        .types
        .values()
        .filter(|ty| !is_join_machinery(ty.name()))
        .filter_map(|ty| {
            let kind = match ty {
                ExtendedType::Object(_) => TypeKind::Object,
                ExtendedType::Interface(_) => TypeKind::Interface,
                ExtendedType::Union(_) => TypeKind::Union,
                _ => return None,
            };
            Some(reader.composite_type(ty, kind).map(|read| (ty.name().clone(), read)))
        })
        .collect()
}

/// Whether the name belongs to the supergraph's own machinery, or to introspection.
pub(crate) fn is_join_machinery(name: &str) -> bool {
    name.starts_with("join__") || name.starts_with("link__") || name.starts_with("__")
}

fn graph_ids(schema: &Schema) -> BTreeMap<Name, SubgraphId> {
    let values = schema.get_enum("join__Graph").into_iter().flat_map(|graphs| graphs.values.keys());
    values.zip(0u16..).map(|(name, index)| (name.clone(), SubgraphId(index))).collect()
}

struct Reader<'a> {
    schema: &'a Schema,
    graphs: BTreeMap<Name, SubgraphId>,
    subgraph_count: usize,
}

impl Reader<'_> {
    fn composite_type(
        &self,
        ty: &ExtendedType,
        kind: TypeKind,
    ) -> Result<CompositeType, SupergraphError> {
        let name = ty.name();
        let runtime_types = self.runtime_types(ty, None);
        let mut presences: Vec<Option<TypePresence>> = vec![None; self.subgraph_count];
        for directive in ty.directives().get_all("join__type") {
            let graph = self
                .graph(directive, name)?
                .ok_or_else(|| invalid(name, "`@join__type` names no graph"))?;
            let presence = presences[graph.index()].get_or_insert_default();
            presence.is_interface_object |= flag(directive, "isInterfaceObject", false);
            if let Some(field_set) = field_set(directive, "key", name)? {
                presence
                    .keys
                    .push(Key { field_set, resolvable: flag(directive, "resolvable", true) });
            }
        }
        for (index, presence) in presences.iter_mut().enumerate() {
            let Some(presence) = presence else { continue };
            presence.runtime_types = if presence.is_interface_object {
                runtime_types.clone()
            } else {
                self.runtime_types(
                    ty,
                    Some(SubgraphId(u16::try_from(index).expect("at most 256 subgraphs"))),
                )
            };
        }
        let fields = match ty {
            ExtendedType::Object(object) => self.fields(name, &object.fields, &presences)?,
            ExtendedType::Interface(interface) => {
                self.fields(name, &interface.fields, &presences)?
            }
            _ => IndexMap::new(),
        };
        let contexts = ty.directives().get_all("context").filter_map(|directive| {
            argument(directive, "name").and_then(|v| v.as_str()).map(str::to_owned)
        });
        let contexts = contexts.collect();
        Ok(CompositeType { name: name.clone(), kind, runtime_types, fields, presences, contexts })
    }

    /// The object types that values of `ty` can have: anywhere, or in one subgraph.
    fn runtime_types(&self, ty: &ExtendedType, graph: Option<SubgraphId>) -> Arc<[Name]> {
        let here = |directives: &DirectiveList,
                    directive: &str,
                    argument_name: &str,
                    value: &str| {
            let Some(graph) = graph else { return true };
            let mut says_any = false;
            let found = directives.get_all(directive).any(|d| {
                says_any = true;
                argument(d, argument_name).and_then(|v| v.as_str()) == Some(value)
                    && argument(d, "graph")
                        .and_then(|v| v.as_enum())
                        .and_then(|g| self.graphs.get(g))
                        == Some(&graph)
            });
            // Join v0.2 says nothing of union members: then a member counts where the object type stands.
            found || (!says_any && directive == "join__unionMember" && self.has_type(value, graph))
        };
        let mut types: BTreeSet<Name> = BTreeSet::new();
        match ty {
            ExtendedType::Object(object) => {
                types.insert(object.name.clone());
            }
            ExtendedType::Union(union) => {
                let members = union.members.iter().map(|m| &m.name);
                types.extend(
                    members
                        .filter(|m| {
                            here(&union.directives, "join__unionMember", "member", m.as_str())
                        })
                        .cloned(),
                );
            }
            ExtendedType::Interface(interface) => {
                let objects = self.schema.types.values().filter_map(ExtendedType::as_object);
                let implementing = objects.filter(|object| {
                    object.implements_interfaces.iter().any(|i| i.name == interface.name)
                        && here(
                            &object.directives,
                            "join__implements",
                            "interface",
                            interface.name.as_str(),
                        )
                });
                types.extend(implementing.map(|object| object.name.clone()));
            }
            _ => {}
        }
        types.into_iter().collect()
    }

    fn has_type(&self, type_name: &str, graph: SubgraphId) -> bool {
        let directives = self.schema.types.get(type_name).map(ExtendedType::directives);
        directives.into_iter().flat_map(|d| d.get_all("join__type")).any(|d| {
            argument(d, "graph").and_then(|v| v.as_enum()).and_then(|g| self.graphs.get(g))
                == Some(&graph)
        })
    }

    fn fields(
        &self,
        type_name: &Name,
        fields: &IndexMap<
            Name,
            apollo_compiler::schema::Component<apollo_compiler::ast::FieldDefinition>,
            impl std::hash::BuildHasher,
        >,
        type_presences: &[Option<TypePresence>],
    ) -> Result<IndexMap<Name, Field>, SupergraphError> {
        fields
            .values()
            .map(|field| {
                let place = format!("{type_name}.{}", field.name);
                let mut presences: Vec<Option<FieldPresence>> = vec![None; self.subgraph_count];
                let mut joined = false;
                for directive in field.directives.get_all("join__field") {
                    joined = true;
                    let Some(graph) = self.graph(directive, &place)? else { continue };
                    presences[graph.index()] = Some(field_presence(directive, &field.ty, &place)?);
                }
                if !joined {
                    // A field without the directive is resolved, alike, by every subgraph that has the type.
                    for (presence, type_presence) in presences.iter_mut().zip(type_presences) {
                        *presence = type_presence.as_ref().map(|_| FieldPresence {
                            ty: field.ty.clone(),
                            external: false,
                            requires: None,
                            provides: None,
                            used_overridden: false,
                            context_arguments: Vec::new(),
                        });
                    }
                }
                Ok((
                    field.name.clone(),
                    Field { name: field.name.clone(), ty: field.ty.clone(), presences },
                ))
            })
            .collect()
    }

    fn graph(
        &self,
        directive: &Directive,
        place: &str,
    ) -> Result<Option<SubgraphId>, SupergraphError> {
        let Some(value) = argument(directive, "graph") else { return Ok(None) };
        let known = value.as_enum().and_then(|name| self.graphs.get(name)).copied();
        match known {
            Some(id) => Ok(Some(id)),
            None if value.is_null() => Ok(None),
            None => Err(invalid(place, &format!("`@{}` names an unknown graph", directive.name))),
        }
    }
}

fn field_presence(
    directive: &Directive,
    default_type: &Type,
    place: &str,
) -> Result<FieldPresence, SupergraphError> {
    let ty = match argument(directive, "type").and_then(|v| v.as_str()) {
        Some(text) => Type::parse(text, "type")
            .map_err(|_| invalid(place, &format!("`{text}` is not a type")))?,
        None => default_type.clone(),
    };
    Ok(FieldPresence {
        ty,
        external: flag(directive, "external", false),
        requires: field_set(directive, "requires", place)?,
        provides: field_set(directive, "provides", place)?,
        used_overridden: flag(directive, "usedOverridden", false),
        context_arguments: context_arguments(directive, place)?,
    })
}

/// Join v0.5: `contextArguments: [{context: "a__user", name: "locale", type: "String", selection: "{ locale }"}]`.
fn context_arguments(
    directive: &Directive,
    place: &str,
) -> Result<Vec<ContextArgument>, SupergraphError> {
    let list = argument(directive, "contextArguments").and_then(|v| v.as_list());
    list.unwrap_or_default().iter().map(|value| context_argument(value, place)).collect()
}

fn context_argument(value: &Value, place: &str) -> Result<ContextArgument, SupergraphError> {
    let text = |name: &str| {
        let fields = value.as_object().unwrap_or_default();
        let entry = fields.iter().find(|(entry, _)| entry == name);
        entry.and_then(|(_, value)| value.as_str()).ok_or_else(|| {
            invalid(place, &format!("an entry of `contextArguments` has no text `{name}`"))
        })
    };
    let not_a = |what: &'static str| move |text| invalid(place, &format!("`{text}` is not {what}"));
    let (name, ty) = (text("name")?, text("type")?);
    let selection = FieldSet::parse(text("selection")?)
        .map_err(|error| SupergraphError::InvalidFieldSet { place: place.to_owned(), error })?;
    Ok(ContextArgument {
        name: Name::new(name).map_err(|_| not_a("a name")(name))?,
        ty: Type::parse(ty, "type").map_err(|_| not_a("a type")(ty))?,
        context: text("context")?.to_owned(),
        selection,
    })
}

fn field_set(
    directive: &Directive,
    name: &str,
    place: &str,
) -> Result<Option<FieldSet>, SupergraphError> {
    let Some(text) = argument(directive, name).and_then(|v| v.as_str()) else { return Ok(None) };
    FieldSet::parse(text)
        .map(Some)
        .map_err(|error| SupergraphError::InvalidFieldSet { place: place.to_owned(), error })
}

fn argument<'a>(
    directive: &'a Directive,
    name: &str,
) -> Option<&'a Node<apollo_compiler::ast::Value>> {
    directive.specified_argument_by_name(name)
}

fn flag(directive: &Directive, name: &str, default: bool) -> bool {
    argument(directive, name).and_then(|v| v.to_bool()).unwrap_or(default)
}

fn invalid(place: &str, reason: &str) -> SupergraphError {
    SupergraphError::InvalidJoin { place: place.to_owned(), reason: reason.to_owned() }
}
