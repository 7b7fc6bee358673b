//! GraphQL over HTTP, as <https://graphql.github.io/graphql-over-http/draft/> has it.

use http::Method;
use serde_json::{Value, json};
use server::Config;

use crate::http_client::{Answer, get, post, send};
use crate::world::Federation;

const JSON: &str = "application/json";
const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";

async fn federation() -> Federation {
    Federation::start(Config::default()).await
}

#[tokio::test]
async fn one_answer_comes_from_two_subgraphs() {
    let federation = federation().await;
    let query =
        json!({ "query": "{ latestReview { text author { name } } me { name reviews { id } } }" });
    let answer = post(federation.router, &[], &query).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.text,
        r#"{"data":{"latestReview":{"text":"Good","author":{"name":"Alan"}},"me":{"name":"Ada","reviews":[{"id":"r2"}]}}}"#
    );
}

#[tokio::test]
async fn the_media_type_is_what_the_client_accepts() {
    let federation = federation().await;
    let body = json!({ "query": "{ __typename }" });
    for (accept, content_type) in [
        (None, JSON),
        (Some("*/*"), JSON),
        (Some(JSON), JSON),
        (Some(GRAPHQL_RESPONSE), GRAPHQL_RESPONSE),
        (Some("application/json;q=0.5, application/graphql-response+json"), GRAPHQL_RESPONSE),
    ] {
        let headers: Vec<_> = accept.map(|accept| ("accept", accept)).into_iter().collect();
        let answer = post(federation.router, &headers, &body).await;
        assert_eq!(answer.status, 200, "{accept:?}");
        assert_eq!(answer.header("content-type"), format!("{content_type}; charset=utf-8"));
        assert_eq!(answer.json(), json!({ "data": { "__typename": "Query" } }));
    }
    let answer = post(federation.router, &[("accept", "text/html")], &body).await;
    assert_eq!((answer.status, answer.code().as_str()), (406, "NOT_ACCEPTABLE"));
}

/// Sends a body, and compares the code, and the status in each of the media types.
async fn check(federation: &Federation, body: Value, code: &str, statuses: (u16, u16)) -> Answer {
    let legacy = post(federation.router, &[("accept", JSON)], &body).await;
    let modern = post(federation.router, &[("accept", GRAPHQL_RESPONSE)], &body).await;
    assert_eq!((legacy.status, modern.status), statuses, "{body}: {}", modern.text);
    assert_eq!(modern.code(), code, "{body}");
    assert_eq!(legacy.text, modern.text);
    assert!(modern.json().get("data").is_none(), "nothing was executed: {}", modern.text);
    modern
}

#[tokio::test]
async fn a_refused_operation_says_why_and_has_no_data() {
    let federation = federation().await;
    let refused = (200, 400);
    check(&federation, json!({ "query": "{" }), "GRAPHQL_PARSE_FAILED", refused).await;
    check(&federation, json!({ "query": "{ nowhere }" }), "GRAPHQL_VALIDATION_FAILED", refused)
        .await;
    check(
        &federation,
        json!({ "query": "query A { me { id } } query B { me { id } }" }),
        "OPERATION_RESOLUTION_FAILURE",
        refused,
    )
    .await;
    check(
        &federation,
        json!({ "query": "query A { me { id } }", "operationName": "B" }),
        "OPERATION_RESOLUTION_FAILURE",
        refused,
    )
    .await;
    let query = "query ($id: ID!) { user(id: $id) { name } }";
    check(
        &federation,
        json!({ "query": query, "variables": { "id": null } }),
        "BAD_USER_INPUT",
        refused,
    )
    .await;
    check(
        &federation,
        json!({ "query": query, "variables": { "id": { "a": 1 } } }),
        "BAD_USER_INPUT",
        refused,
    )
    .await;
    assert!(federation.accounts.requests().is_empty(), "a refused operation reaches no subgraph");
}

#[tokio::test]
async fn all_errors_of_a_document_come_at_once_with_their_places() {
    let federation = federation().await;
    let body = json!({ "query": "{ me { nowhere nothing } }" });
    let answer = post(federation.router, &[], &body).await.json();
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{answer}");
    assert_eq!(errors[0]["locations"], json!([{ "line": 1, "column": 8 }]));
    assert!(errors[0]["message"].as_str().unwrap().contains("nowhere"));
}

#[tokio::test]
async fn a_malformed_request_is_a_400_in_both_media_types() {
    let federation = federation().await;
    for parameters in [
        json!({ "notquery": "{ __typename }" }),
        json!({ "query": { "an": "object" } }),
        json!({ "query": 0 }),
        json!({ "query": ["{ __typename }"] }),
        json!({ "query": "{ __typename }", "operationName": 0 }),
        json!({ "query": "{ __typename }", "operationName": ["a"] }),
        json!({ "query": "{ __typename }", "variables": "a" }),
        json!({ "query": "{ __typename }", "variables": ["a"] }),
        json!({ "query": "{ __typename }", "extensions": false }),
        json!({ "query": "{ __typename }", "extensions": ["a"] }),
        json!([{ "query": "{ __typename }" }]),
        json!("{ __typename }"),
    ] {
        check(&federation, parameters, "BAD_REQUEST", (400, 400)).await;
    }
    for body in ["", "{ \"not a JSON"] {
        let headers = [("content-type", JSON)];
        let answer = send(federation.router, Method::POST, "/graphql", &headers, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_REQUEST"), "{body}");
    }
}

#[tokio::test]
async fn parameters_may_be_null() {
    let federation = federation().await;
    let body = json!({ "query": "{ __typename }", "variables": null, "operationName": null, "extensions": null });
    let answer = post(federation.router, &[], &body).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "data": { "__typename": "Query" } })));
}

#[tokio::test]
async fn only_json_is_taken_by_post_so_that_no_form_of_another_site_can_send_it() {
    let federation = federation().await;
    let body = r#"{"query":"mutation { rename(name: \"x\") { id } }"}"#;
    for content_type in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json; charset=utf-16",
    ] {
        let headers: Vec<_> = Some(("content-type", content_type))
            .filter(|_| !content_type.is_empty())
            .into_iter()
            .collect();
        let answer = send(federation.router, Method::POST, "/graphql", &headers, body).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (415, "UNSUPPORTED_MEDIA_TYPE"),
            "{content_type}"
        );
    }
    assert!(federation.accounts.requests().is_empty());
}

#[tokio::test]
async fn a_query_can_be_sent_by_get() {
    let federation = federation().await;
    let path = "/graphql?query=query%20Q($id:%20ID!)%7Buser(id:$id)%7Bname%7D%7D&variables=%7B%22id%22:%222%22%7D&operationName=Q";
    let answer = get(federation.router, path).await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({ "data": { "user": { "name": "Alan" } } }))
    );
    let answer = get(federation.router, "/graphql").await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_REQUEST"));
}

#[tokio::test]
async fn a_mutation_cannot_be_sent_by_get() {
    let federation = federation().await;
    let path = "/graphql?query=mutation%20%7Brename(name:%22x%22)%7Bid%7D%7D";
    let answer = get(federation.router, path).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
    assert!(federation.accounts.requests().is_empty());
    let body = json!({ "query": "mutation { rename(name: \"Augusta\") { name } }" });
    let answer = post(federation.router, &[], &body).await;
    assert_eq!(answer.json(), json!({ "data": { "rename": { "name": "Augusta" } } }));
}

#[tokio::test]
async fn pages_of_other_sites_may_ask_only_where_they_are_named() {
    let config = Config::parse("cors: { origins: ['https://app.example.com'] }").unwrap();
    let federation = Federation::start(config).await;
    for (origin, allowed) in
        [("https://app.example.com", "https://app.example.com"), ("https://evil.example", "")]
    {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type"),
        ];
        let answer = send(federation.router, Method::OPTIONS, "/graphql", &headers, "").await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
        let answer =
            post(federation.router, &[("origin", origin)], &json!({ "query": "{ __typename }" }))
                .await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn pages_of_other_sites_cannot_send_a_query_by_get_either() {
    let config = Config::parse("cors: { origins: ['https://app.example.com'] }").unwrap();
    let federation = Federation::start(config).await;
    for (origin, site, status) in [
        ("https://evil.example", "cross-site", 403),
        ("https://app.example.com", "cross-site", 200),
        ("https://evil.example", "same-origin", 200),
    ] {
        let headers = [("origin", origin), ("sec-fetch-site", site)];
        let path = "/graphql?query=%7Bme%7Bname%7D%7D";
        let answer = send(federation.router, Method::GET, path, &headers, "").await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(federation.accounts.requests().len(), usize::from(status == 200));
    }
}

#[tokio::test]
async fn a_compressed_body_is_refused_rather_than_misread() {
    let federation = federation().await;
    let headers = [("content-encoding", "gzip")];
    let answer = post(federation.router, &headers, &json!({ "query": "{ me { name } }" })).await;
    assert_eq!((answer.status, answer.code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"));
}

#[tokio::test]
async fn other_methods_are_refused() {
    let federation = federation().await;
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD] {
        let answer = send(federation.router, method, "/graphql", &[], "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, POST"));
    }
}

#[tokio::test]
async fn the_schema_can_be_asked_for_unless_that_is_switched_off() {
    let query = json!({ "query": "{ __schema { queryType { name } } __type(name: \"User\") { fields { name } } }" });
    let open = Federation::start(Config::default()).await;
    let answer = post(open.router, &[], &query).await.json();
    assert_eq!(answer["data"]["__schema"]["queryType"]["name"], "Query");
    let fields = answer["data"]["__type"]["fields"].as_array().unwrap();
    assert_eq!(fields.len(), 3, "{answer}");
    assert!(open.accounts.requests().is_empty(), "the router knows the schema");

    let closed = Federation::start(Config { introspection: false, ..Config::default() }).await;
    let answer = post(closed.router, &[], &query).await;
    assert_eq!(answer.code(), "INTROSPECTION_DISABLED");
    let answer = post(closed.router, &[], &json!({ "query": "{ __typename }" })).await;
    assert_eq!(answer.json(), json!({ "data": { "__typename": "Query" } }));
}

#[tokio::test]
async fn several_requests_come_as_a_list_where_that_is_allowed() {
    let config = Config::parse("limits: { batch_requests: 3 }").unwrap();
    let federation = Federation::start(config).await;
    let query = json!({ "query": "{ me { name } }" });
    let list = json!([query, { "query": "{ nobody }" }, { "query": "{ latestReview { text } }" }]);
    let answer = post(federation.router, &[], &list).await;
    assert_eq!(answer.status, 200);
    let answers = answer.json();
    assert_eq!(answers[0], json!({ "data": { "me": { "name": "Ada" } } }));
    assert_eq!(answers[1]["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(answers[2], json!({ "data": { "latestReview": { "text": "Good" } } }));

    for list in [json!([]), json!([query, query, query, query]), json!([query, 1])] {
        let answer = post(federation.router, &[], &list).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_REQUEST"), "{list}");
    }
}

#[tokio::test]
async fn the_plan_is_shown_to_who_asks_where_that_is_allowed() {
    let config = Config::parse("expose_query_plan: true").unwrap();
    let federation = Federation::start(config).await;
    let query = json!({ "query": "{ me { name } }" });
    let answer = post(federation.router, &[("x-query-plan", "true")], &query).await.json();
    assert_eq!(answer["data"]["me"]["name"], "Ada");
    assert_eq!(answer["extensions"]["queryPlan"]["node"]["serviceName"], "accounts");
    let silent = post(federation.router, &[], &query).await.json();
    assert_eq!(silent, json!({ "data": { "me": { "name": "Ada" } } }));

    let federation = Federation::start(Config::default()).await;
    let answer = post(federation.router, &[("x-query-plan", "true")], &query).await.json();
    assert_eq!(answer.get("extensions"), None);
}
