//! One server that has the data of all subgraphs: whatever a federated answer says, it must say the same.

use std::sync::Arc;

use serde_json::{Map, Value};
use supergraph::Supergraph;

use crate::data::{Data, Source, agree};

/// The monolith of a case; `None` where a subgraph's answers are not executed.
pub(crate) fn monolith(supergraph: &Supergraph, all: &[&Data]) -> Option<Source> {
    if all.iter().any(|data| !data.answers.is_empty()) {
        return None;
    }
    let mut merged = Data::default();
    for data in all {
        merge(&mut merged.query, &data.query);
        merge(&mut merged.mutation, &data.mutation);
        merge(&mut merged.subscription, &data.subscription);
    }
    let mut entities: Vec<Map<String, Value>> =
        all.iter().flat_map(|data| data.entities.iter().cloned()).collect();
    // What has been merged can agree with more: two subgraphs may know an entity by different keys.
    loop {
        let before = entities.len();
        entities = merge_entities(supergraph, entities);
        if entities.len() == before {
            break;
        }
    }
    merged.entities = entities;
    let schema = supergraph.api_schema().clone();
    Some(Source::new(schema, merged, Arc::default()))
}

fn merge_entities(
    supergraph: &Supergraph,
    entities: Vec<Map<String, Value>>,
) -> Vec<Map<String, Value>> {
    let (interface_objects, entities): (Vec<_>, Vec<_>) =
        entities.into_iter().partition(|entity| {
            let type_name = entity["__typename"].as_str().expect("an entity has a `__typename`");
            supergraph.api_schema().get_interface(type_name).is_some()
        });
    let mut merged: Vec<Map<String, Value>> = Vec::new();
    for entity in entities {
        match merged.iter_mut().find(|known| is_same(known, &entity)) {
            Some(known) => merge(known, &entity),
            None => merged.push(entity),
        }
    }
    // What is said of an interface object holds for the object, whatever its type.
    for mut interface_object in interface_objects {
        interface_object.remove("__typename");
        let implementing = merged.iter_mut().filter(|known| {
            agree(known, &interface_object)
                && interface_object.keys().any(|key| known.contains_key(key))
        });
        implementing.for_each(|known| merge(known, &interface_object));
    }
    merged
}

fn is_same(left: &Map<String, Value>, right: &Map<String, Value>) -> bool {
    left["__typename"] == right["__typename"]
        && agree(left, right)
        && left.keys().any(|key| key != "__typename" && right.contains_key(key))
}

/// Adds to an object what another says of it.
fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from),
            (Some(Value::Array(into)), Value::Array(from)) => merge_items(into, from),
            (Some(_), _) => {}
            (None, value) => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

fn merge_items(into: &mut [Value], from: &[Value]) {
    for pair in into.iter_mut().zip(from) {
        match pair {
            (Value::Object(into), Value::Object(from)) => merge(into, from),
            (Value::Array(into), Value::Array(from)) => merge_items(into, from),
            _ => {}
        }
    }
}
