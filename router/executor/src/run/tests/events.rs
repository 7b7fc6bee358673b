//! Events of a subscription: the rest of the plan is executed for each.

use super::*;

/// What is sent to the subgraph that is subscribed to, and what the client gets of an event.
fn run_event(event: Result<&'static str, SubgraphError>, answers: Vec<(String, Answer)>) -> String {
    let (supergraph, executable) = lower("subscription { sold { id inStock } }");
    let script = Script {
        subgraph_names: supergraph.subgraphs().iter().map(|s| s.name.to_string()).collect(),
        answers: Mutex::new(answers.into()),
        requests: Mutex::new(Vec::new()),
    };
    let options = Options::default();
    let request = executable.source_request("", &options).unwrap();
    let event = event.map(|body| SubgraphResponse { status: 200, body: body.into() });
    let response = executable.respond_to_event(event, "", &script, &(), &options).now_or_never();
    let body = response.expect("no one waits").unwrap().body;
    let [sent, told] = [&request.body, &body].map(|bytes| std::str::from_utf8(bytes).unwrap());
    format!("{sent}\n{told}")
}

#[test]
fn the_rest_is_fetched_for_an_event() {
    let answers = vec![ok("stock", r#"{"data":{"_entities":[{"inStock":3}]}}"#)];
    expect![[r#"
        {"query":"subscription{sold{id}}"}
        {"data":{"sold":{"id":"1","inStock":3}}}"#]]
    .assert_eq(&run_event(Ok(r#"{"data":{"sold":{"id":"1"}}}"#), answers));
}

#[test]
fn a_source_that_fails_is_an_error_of_the_subgraph() {
    expect![[r#"
        {"query":"subscription{sold{id}}"}
        {"data":null,"errors":[{"message":"the subgraph could not be reached","path":["sold"],"extensions":{"code":"SUBGRAPH_UNREACHABLE","service":"catalog"}}]}"#]]
    .assert_eq(&run_event(Err(SubgraphError::Unreachable), Vec::new()));
}

#[test]
fn a_subscription_has_no_single_answer() {
    check(
        "subscription { sold { id } }",
        Vec::new(),
        expect![
            "SUBSCRIPTION_NOT_SUPPORTED: a subscription has many answers: ask by WebSocket, or with `accept: text/event-stream`"
        ],
    );
}
