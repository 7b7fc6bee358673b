//! Reads the join directives: who has what.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

use apollo_compiler::ast::{Directive, FieldDefinition, Type, Value};
use apollo_compiler::schema::{Component, ExtendedType, UnionType};
use apollo_compiler::{Name, Node, Schema};
use indexmap::{IndexMap, IndexSet};

use crate::type_reference::type_reference;
use crate::{
    CompositeType, ContextArgument, Field, FieldPresence, FieldSet, Key, LabelId, LinkUrl, Moving,
    Presences, Subgraph, SubgraphId, SubgraphName, SubgraphSet, SupergraphError, TypeKind,
    TypePresence,
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
    const KNOWN: [&str; 10] = [
        "link",
        "join",
        "inaccessible",
        "authenticated",
        "requiresScopes",
        "policy",
        "context",
        "cacheTag",
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

/// All composite types with what each subgraph makes of them, and the labels of overrides.
pub(crate) fn composite_types(
    schema: &Schema,
    subgraphs: &[Subgraph],
) -> Result<(IndexMap<Name, CompositeType>, Vec<String>), SupergraphError> {
    let graphs = graph_ids(schema);
    let implementing = implementing(schema, &graphs);
    let mut reader = Reader { schema, graphs, subgraphs, implementing, labels: IndexSet::new() };
    let mut types = IndexMap::new();
    for ty in schema.types.values().filter(|ty| !is_join_machinery(ty.name())) {
        let kind = match ty {
            ExtendedType::Object(_) => TypeKind::Object,
            ExtendedType::Interface(_) => TypeKind::Interface,
            ExtendedType::Union(_) => TypeKind::Union,
            _ => continue,
        };
        types.insert(ty.name().clone(), reader.composite_type(ty, kind)?);
    }
    Ok((types, reader.labels.into_iter().collect()))
}

/// The object types that implement an interface, each with the subgraphs in which it does.
type Implementing = HashMap<Name, Vec<(Name, SubgraphSet)>>;

fn implementing(schema: &Schema, graphs: &BTreeMap<Name, SubgraphId>) -> Implementing {
    let mut found = Implementing::new();
    for object in schema.types.values().filter_map(ExtendedType::as_object) {
        for interface in &object.implements_interfaces {
            let directives = object.directives.get_all("join__implements").filter(|directive| {
                argument(directive, "interface").and_then(|v| v.as_str())
                    == Some(interface.name.as_str())
            });
            let of = directives
                .filter_map(|directive| graphs.get(argument(directive, "graph")?.as_enum()?))
                .copied();
            let entry = (object.name.clone(), of.collect());
            found.entry(interface.name.clone()).or_default().push(entry);
        }
    }
    found
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
    subgraphs: &'a [Subgraph],
    implementing: Implementing,
    labels: IndexSet<String>,
}

impl Reader<'_> {
    fn composite_type(
        &mut self,
        ty: &ExtendedType,
        kind: TypeKind,
    ) -> Result<CompositeType, SupergraphError> {
        let name = ty.name();
        let mut presences: BTreeMap<SubgraphId, TypePresence> = BTreeMap::new();
        for directive in ty.directives().get_all("join__type") {
            let graph = self
                .graph(directive, name)?
                .ok_or_else(|| invalid(name, "`@join__type` names no graph"))?;
            let presence = presences.entry(graph).or_default();
            presence.is_interface_object |= flag(directive, "isInterfaceObject", false);
            if let Some(field_set) = field_set(directive, "key", name)? {
                presence
                    .keys
                    .push(Key { field_set, resolvable: flag(directive, "resolvable", true) });
            }
        }
        let runtime_types = self.runtime_types(ty, None);
        for (graph, presence) in &mut presences {
            let here =
                (!presence.is_interface_object).then(|| self.runtime_types(ty, Some(*graph)));
            // One list for all that agree.
            let here = here.filter(|here| *here != runtime_types);
            presence.runtime_types = here.unwrap_or_else(|| runtime_types.clone());
        }
        let having: SubgraphSet = presences.keys().copied().collect();
        let fields = match ty {
            ExtendedType::Object(object) => self.fields(name, &object.fields, having)?,
            ExtendedType::Interface(interface) => self.fields(name, &interface.fields, having)?,
            _ => IndexMap::new(),
        };
        let contexts = ty.directives().get_all("context").filter_map(|directive| {
            argument(directive, "name").and_then(|v| v.as_str()).map(str::to_owned)
        });
        let contexts = contexts.collect();
        let presences = presences.into_iter().collect();
        Ok(CompositeType { name: name.clone(), kind, runtime_types, fields, presences, contexts })
    }

    /// The object types that values of `ty` can have: anywhere, or in one subgraph. Sorted.
    fn runtime_types(&self, ty: &ExtendedType, graph: Option<SubgraphId>) -> Arc<[Name]> {
        let mut types: Vec<Name> = match ty {
            ExtendedType::Object(object) => vec![object.name.clone()],
            ExtendedType::Union(union) => {
                let members = union.members.iter().map(|member| &member.name);
                let here = members.filter(|member| {
                    graph.is_none_or(|graph| self.is_member(union, member, graph))
                });
                here.cloned().collect()
            }
            ExtendedType::Interface(interface) => {
                let implementing = self.implementing.get(&interface.name).into_iter().flatten();
                let here = implementing
                    .filter(|(_, graphs)| graph.is_none_or(|graph| graphs.contains(graph)));
                here.map(|(object, _)| object.clone()).collect()
            }
            _ => Vec::new(),
        };
        types.sort_unstable();
        types.dedup();
        types.into()
    }

    /// Whether a type is a member of a union in a subgraph.
    fn is_member(&self, union: &UnionType, member: &Name, graph: SubgraphId) -> bool {
        let mut says_any = false;
        let found = union.directives.get_all("join__unionMember").any(|directive| {
            says_any = true;
            argument(directive, "member").and_then(|v| v.as_str()) == Some(member.as_str())
                && self.names(directive, graph)
        });
        // Join v0.2 says nothing of union members: then a member counts where the object type stands.
        found || (!says_any && self.has_type(member, graph))
    }

    /// Whether a directive is for this subgraph.
    fn names(&self, directive: &Directive, graph: SubgraphId) -> bool {
        let named = argument(directive, "graph").and_then(|v| v.as_enum());
        named.and_then(|name| self.graphs.get(name)) == Some(&graph)
    }

    fn has_type(&self, type_name: &str, graph: SubgraphId) -> bool {
        let directives = self.schema.types.get(type_name).map(ExtendedType::directives);
        let mut directives = directives.into_iter().flat_map(|d| d.get_all("join__type"));
        directives.any(|directive| self.names(directive, graph))
    }

    fn fields(
        &mut self,
        type_name: &Name,
        fields: &IndexMap<Name, Component<FieldDefinition>, impl BuildHasher>,
        having: SubgraphSet,
    ) -> Result<IndexMap<Name, Field>, SupergraphError> {
        let mut read = IndexMap::with_capacity(fields.len());
        for field in fields.values() {
            let (name, ty) = (field.name.clone(), field.ty.clone());
            let presences = if field.directives.has("join__field") {
                self.field_presences(field, &format!("{type_name}.{name}"))?
            } else {
                // A field without the directive is resolved, alike, by every subgraph that has the type.
                Presences::alike(having, FieldPresence::plain(ty.clone()))
            };
            read.insert(name.clone(), Field { name, ty, presences });
        }
        Ok(read)
    }

    fn field_presences(
        &mut self,
        field: &FieldDefinition,
        place: &str,
    ) -> Result<Presences<FieldPresence>, SupergraphError> {
        let mut presences: BTreeMap<SubgraphId, FieldPresence> = BTreeMap::new();
        let mut moves = Vec::new();
        for directive in field.directives.get_all("join__field") {
            let Some(graph) = self.graph(directive, place)? else { continue };
            presences.insert(graph, field_presence(directive, &field.ty, place)?);
            let text = |name| argument(directive, name).and_then(|v| v.as_str());
            let Some(label) = text("overrideLabel") else { continue };
            let label = self.label(label, place)?;
            let from = text("override");
            moves.push((graph, Moving { label, answers_if: from.is_some() }));
            // Not every composition repeats the label where the field comes from.
            let from = from.and_then(|from| self.subgraphs.iter().position(|s| s.name.0 == from));
            let from = from.and_then(|place| u16::try_from(place).ok()).map(SubgraphId);
            moves.extend(from.map(|from| (from, Moving { label, answers_if: false })));
        }
        for (graph, moving) in moves {
            if let Some(presence) = presences.get_mut(&graph) {
                presence.moving = Some(moving);
            }
        }
        Ok(presences.into_iter().collect())
    }

    fn label(&mut self, label: &str, place: &str) -> Result<LabelId, SupergraphError> {
        let (index, _) = self.labels.insert_full(label.to_owned());
        let id = u16::try_from(index).map(LabelId);
        id.map_err(|_| invalid(place, "the supergraph has more than 65,536 override labels"))
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
        Some(text) => type_reference(text)
            .ok_or_else(|| invalid(place, &format!("`{text}` is not a type")))?,
        None => default_type.clone(),
    };
    Ok(FieldPresence {
        external: flag(directive, "external", false),
        requires: field_set(directive, "requires", place)?,
        provides: field_set(directive, "provides", place)?,
        used_overridden: flag(directive, "usedOverridden", false),
        context_arguments: context_arguments(directive, place)?,
        ..FieldPresence::plain(ty)
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
        ty: type_reference(ty).ok_or_else(|| not_a("a type")(ty))?,
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
