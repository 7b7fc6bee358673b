//! Says, subgraph by subgraph, why a field cannot be reached.

use std::collections::BTreeSet;

use apollo_compiler::Name;
use supergraph::{FieldPresence, SubgraphId, Supergraph};

use super::reach::{Position, Reach, may_name};

/// The context that a field takes a value from and that nothing on the way gives.
pub(super) type MissingContext<'a> = &'a dyn Fn(&FieldPresence) -> Option<&str>;

/// For each subgraph that knows the field or stands on the way, why it does not help.
pub(super) fn reasons(
    supergraph: &Supergraph,
    reach: &mut Reach<'_>,
    object: &Name,
    positions: &BTreeSet<Position>,
    field: &Name,
    missing_context: MissingContext<'_>,
) -> Vec<(SubgraphId, String)> {
    let mut reasons = Vec::new();
    for subgraph in supergraph.subgraph_ids() {
        let name = &supergraph.subgraph(subgraph).name;
        let here = positions.iter().find(|position| position.subgraph == subgraph);
        let reason = match here {
            Some(position) => {
                let presence = supergraph.field_presence(&position.ty, field, position.subgraph);
                Some(match presence {
                    None => "does not have it".to_owned(),
                    Some(presence) => match missing_context(presence) {
                        Some(context) => format!(
                            "takes an argument of it from the context `{context}`, which no object above gives"
                        ),
                        None => why_not_here(reach, object, position, field, presence),
                    },
                })
            }
            None => why_not_there(supergraph, reach, object, positions, subgraph, field),
        };
        reasons.extend(reason.map(|reason| (subgraph, format!("`{name}` {reason}"))));
    }
    reasons
}

/// Why a subgraph that has the object in hand does not resolve the field.
fn why_not_here(
    reach: &mut Reach<'_>,
    object: &Name,
    position: &Position,
    field: &Name,
    presence: &FieldPresence,
) -> String {
    match &presence.requires {
        _ if presence.used_overridden => "has given it away by `@override`".to_owned(),
        _ if presence.external => "knows it only as `@external`".to_owned(),
        _ if !reach.answers(presence) => "does not have it with these labels".to_owned(),
        Some(requires) if !reach.meets(object, position, field, requires) => {
            format!(
                "requires `{requires}` for it, which cannot be fetched and brought back from there"
            )
        }
        _ => "has it".to_owned(),
    }
}

/// Why a subgraph that resolves the field cannot be reached; `None` if it does not resolve it either.
fn why_not_there(
    supergraph: &Supergraph,
    reach: &mut Reach<'_>,
    object: &Name,
    positions: &BTreeSet<Position>,
    subgraph: SubgraphId,
    field: &Name,
) -> Option<String> {
    let interfaces =
        supergraph.interface_objects(object, subgraph).map(|interface| &interface.name);
    let owner = std::iter::once(object).chain(interfaces).find(|ty| {
        supergraph
            .field_presence(ty, field, subgraph)
            .is_some_and(|presence| reach.answers(presence))
    })?;
    let entries = reach.entries(object);
    let mut keys = entries.iter().filter(|entry| entry.subgraph == subgraph).peekable();
    if keys.peek().is_none() {
        return Some(format!("has it, but no resolvable `@key` of `{owner}` leads there"));
    }
    let missing: Vec<String> = keys
        .map(|entry| {
            if may_name(positions, object, entry.type_name)
                && !reach.has_all(object, positions, entry.key)
            {
                format!("the key `{}` it asks for cannot be had", entry.key)
            } else {
                format!(
                    "it must be asked for a `{}`, and nobody says which objects are",
                    entry.type_name
                )
            }
        })
        .collect();
    let mut distinct: Vec<String> = Vec::new();
    for sentence in missing {
        if !distinct.contains(&sentence) {
            distinct.push(sentence);
        }
    }
    Some(format!("has it, but {}", distinct.join(", and ")))
}
