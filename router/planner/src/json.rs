//! A query plan as JSON, in the shape that Apollo's tools read.

use apollo_compiler::ast::VariableDefinition;
use apollo_compiler::{Name, Node};
use serde_json::{Value, json};
use supergraph::Supergraph;

use crate::display::condition_text;
use crate::tree::Tree;
use crate::{
    ContextValue, EntityBatch, Fetch, FetchRequest, PathElement, QueryPlan,
    RepresentationSelection, ResponsePath, request_text,
};

impl QueryPlan {
    /// The plan as JSON. `variables` are the definitions of the client's operation.
    ///
    /// `{"kind":"QueryPlan","node":{"kind":"Sequence","nodes":[{"kind":"Fetch",…},{"kind":"Flatten","path":[…],"node":…}]}}`
    pub fn json(&self, supergraph: &Supergraph, variables: &[Node<VariableDefinition>]) -> String {
        let writer = Writer { supergraph, variables };
        let node = self.tree().map(|tree| writer.tree(&tree));
        json!({ "kind": "QueryPlan", "node": node }).to_string()
    }
}

struct Writer<'a> {
    supergraph: &'a Supergraph,
    variables: &'a [Node<VariableDefinition>],
}

impl Writer<'_> {
    fn tree(&self, tree: &Tree<'_>) -> Value {
        let nodes =
            |parts: &[Tree<'_>]| parts.iter().map(|part| self.tree(part)).collect::<Value>();
        match tree {
            Tree::Sequence(parts) => json!({ "kind": "Sequence", "nodes": nodes(parts) }),
            Tree::Parallel(parts) => json!({ "kind": "Parallel", "nodes": nodes(parts) }),
            Tree::Subscription { primary, rest } => json!({
                "kind": "Subscription",
                "primary": self.fetch(primary),
                "rest": rest.as_ref().map(|rest| self.tree(rest)),
            }),
            Tree::Fetch(fetch) if fetch.condition.is_always() => self.fetch(fetch),
            Tree::Fetch(fetch) => json!({
                "kind": "Condition",
                "condition": condition_text(&fetch.condition),
                "ifClause": self.fetch(fetch),
            }),
        }
    }

    fn fetch(&self, fetch: &Fetch) -> Value {
        let request = request_text(fetch, self.variables);
        let usages: Vec<&str> = request.variables.iter().map(Name::as_str).collect();
        let mut node = json!({
            "kind": "Fetch",
            "serviceName": self.supergraph.subgraph(fetch.subgraph).name.as_str(),
            "variableUsages": usages,
            "operation": request.text,
        });
        match &fetch.request {
            FetchRequest::Root { operation_type, path: at, .. } => {
                node["operationKind"] = operation_type.name().into();
                if at.0.is_empty() {
                    return node;
                }
                json!({ "kind": "Flatten", "path": path(at), "node": node })
            }
            FetchRequest::Entities(batches) => {
                node["operationKind"] = "query".into();
                if let [batch] = batches.as_slice() {
                    node["requires"] = requires(batch);
                    if !batch.context.is_empty() {
                        node["context"] = batch.context.iter().map(context).collect();
                    }
                    return json!({ "kind": "Flatten", "path": path(&batch.path), "node": node });
                }
                node["kind"] = "BatchFetch".into();
                let batch = |batch: &EntityBatch| {
                    let mut node =
                        json!({ "path": path(&batch.path), "requires": requires(batch) });
                    let condition = batch.condition.inside(&fetch.condition);
                    if !condition.is_always() {
                        node["condition"] = condition_text(&condition).into();
                    }
                    node
                };
                node["batches"] = batches.iter().map(batch).collect();
                node
            }
        }
    }
}

fn path(path: &ResponsePath) -> Value {
    let element = |element: &PathElement| match element {
        PathElement::Key(key) => key.as_str().to_owned(),
        PathElement::Items => "@".to_owned(),
        PathElement::TypeCondition(types) => {
            let names: Vec<&str> = types.iter().map(Name::as_str).collect();
            format!("|[{}]", names.join(","))
        }
    };
    path.0.iter().map(element).collect()
}

fn requires(batch: &EntityBatch) -> Value {
    let fragment = |typename: &Name, fields: &[RepresentationSelection]| {
        let mut selections = vec![json!({ "kind": "Field", "name": "__typename" })];
        selections.extend(fields.iter().map(representation));
        json!({ "kind": "InlineFragment", "typeCondition": typename.as_str(), "selections": selections })
    };
    batch.representations.iter().map(|r| fragment(&r.typename, &r.fields)).collect()
}

fn context(context: &ContextValue) -> Value {
    json!({
        "variable": context.variable.as_str(),
        "depth": context.depth,
        "value": context.value.iter().map(representation).collect::<Value>(),
    })
}

fn representation(selection: &RepresentationSelection) -> Value {
    let selections =
        |fields: &[RepresentationSelection]| fields.iter().map(representation).collect::<Value>();
    match selection {
        RepresentationSelection::Field { name, fields, .. } if fields.is_empty() => {
            json!({ "kind": "Field", "name": name.as_str() })
        }
        RepresentationSelection::Field { name, fields, .. } => {
            json!({ "kind": "Field", "name": name.as_str(), "selections": selections(fields) })
        }
        RepresentationSelection::InlineFragment { runtime_types, fields } => {
            let names: Vec<&str> = runtime_types.iter().map(Name::as_str).collect();
            let on = names.join(" | ");
            json!({ "kind": "InlineFragment", "typeCondition": on, "selections": selections(fields) })
        }
    }
}
