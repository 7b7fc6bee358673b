//! `@oneOf` inputs: exactly one of the fields is given, whether the document or a variable gives it.

use serde_json::{Value, json};
use server::Config;

use crate::http_client::post;
use crate::world::Federation;

#[tokio::test]
async fn one_field_is_given_and_the_subgraph_gets_it() {
    let federation = Federation::start(Config::default()).await;
    let with_a_variable = "query ($by: UserBy!) { find(by: $by) { name } }";
    for body in [
        json!({ "query": "{ find(by: { id: \"1\" }) { name } }" }),
        json!({ "query": with_a_variable, "variables": { "by": { "name": "Ada" } } }),
        json!({
            "query": "query ($id: ID!) { find(by: { id: $id }) { name } }", "variables": { "id": 1 },
        }),
    ] {
        let answer = post(federation.router, &[], &body).await;
        assert_eq!(answer.json(), json!({ "data": { "find": { "name": "Ada" } } }), "{body}");
        assert_eq!(federation.accounts.requests().len(), 1);
    }
}

#[tokio::test]
async fn none_two_or_null_are_refused_before_any_subgraph_is_asked() {
    let federation = Federation::start(Config::default()).await;
    let literal = |by: &str| json!({ "query": format!("{{ find(by: {by}) {{ name }} }}") });
    let variable = |by: Value| {
        let query = "query ($by: UserBy!) { find(by: $by) { name } }";
        json!({ "query": query, "variables": { "by": by } })
    };
    for body in [
        literal("{}"),
        literal("{ id: \"1\", name: \"Ada\" }"),
        literal("{ id: null }"),
        literal("{ id: \"1\", name: null }"),
        variable(json!({})),
        variable(json!({ "id": "1", "name": "Ada" })),
        variable(json!({ "id": null })),
        variable(json!({ "id": "1", "name": null })),
        json!({ "query": "query ($id: ID) { find(by: { id: $id }) { name } }" }),
    ] {
        let answer = post(federation.router, &[], &body).await.json();
        let message = answer["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(message.contains("exactly one"), "{body}: {answer}");
        assert!(answer.get("data").is_none(), "{body}: {answer}");
        assert!(federation.accounts.requests().is_empty(), "{body}");
    }
}

#[tokio::test]
async fn introspection_tells_which_inputs_are() {
    let federation = Federation::start(Config::default()).await;
    let query = "query ($one: Boolean = true) {
        by: __type(name: \"UserBy\") { ...Is }
        user: __type(name: \"User\") { name isOneOf }
        __schema {
            queryType {
                fields { args { type { isOneOf ofType { ... on __Type { isOneOf is: isOneOf } ...Is } } } }
            }
        }
    }
    fragment Is on __Type { isOneOf @include(if: $one) no: isOneOf @skip(if: $one) }";
    let answer = post(federation.router, &[], &json!({ "query": query })).await;
    let field = |ty: Value| json!({ "type": ty });
    let id = json!({ "isOneOf": null, "ofType": { "isOneOf": null, "is": null } });
    let by = json!({ "isOneOf": null, "ofType": { "isOneOf": true, "is": true } });
    assert_eq!(
        answer.json(),
        json!({ "data": {
            "by": { "isOneOf": true },
            "user": { "name": "User", "isOneOf": null },
            "__schema": { "queryType": { "fields": [
                { "args": [] },
                { "args": [field(id)] },
                { "args": [field(by)] },
                { "args": [] },
            ] } },
        } })
    );
}
