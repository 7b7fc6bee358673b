//! Users: who sees what, the entity, the directory, and changes.

use serde_json::{Value, json};
use service::testing::Metrics;

use crate::world::{PASSWORD, each_world};

const PRIVATE: &str = "email phone emailVerified roles sessions { id }";
const ENTITIES: &str = "query ($representations: [_Any!]!) { _entities(representations: $representations) \
     { ... on User { id firstName email roles } } }";

#[tokio::test]
async fn private_fields_are_for_the_owner_and_read_users() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let marian = world.register("marian").await;
        let support = world.client.service("logistics", &["read:users"]);
        let entity = format!(
            "query ($id: ID!) {{ _entities(representations: [{{ __typename: \"User\", id: $id }}]) \
             {{ ... on User {{ firstName {PRIVATE} }} }} }}"
        );
        let ask = async |client: &service::testing::Client| {
            client.data(&entity, json!({ "id": robin.id })).await["_entities"][0].take()
        };
        let hidden = json!({ "firstName": "robin", "email": null, "phone": null, "emailVerified": null, "roles": null, "sessions": null });
        assert_eq!(ask(&world.client).await, hidden, "anonymous");
        assert_eq!(ask(&marian.client).await, hidden, "stranger");
        let owner = ask(&robin.client).await;
        assert_eq!((&owner["email"], &owner["roles"]), (&json!("robin@example.com"), &json!(["RIDER"])));
        assert_eq!(owner["sessions"].as_array().unwrap().len(), 1);
        let staff = ask(&support).await;
        assert_eq!((&staff["email"], &staff["sessions"]), (&json!("robin@example.com"), &json!(null)), "sessions are the owner's");
    })
    .await;
}

#[tokio::test]
async fn a_user_by_id_is_for_the_owner_and_read_users() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let marian = world.register("marian").await;
        let query = "query ($id: ID!) { user(id: $id) { firstName isActive } }";
        let id = json!({ "id": robin.id });
        let shown = json!({ "user": { "firstName": "robin", "isActive": true } });
        assert_eq!(robin.client.data(query, id.clone()).await, shown);
        assert_eq!(
            world.client.service("logistics", &["read:users"]).data(query, id.clone()).await,
            shown
        );
        assert_eq!(marian.client.data(query, id.clone()).await, json!({ "user": null }));
        assert_eq!(world.client.error_code(query, id).await, "UNAUTHENTICATED");
        assert_eq!(
            robin.client.data(query, json!({ "id": "malformed" })).await,
            json!({ "user": null })
        );
    })
    .await;
}

#[tokio::test]
async fn a_hundred_representations_are_one_load() {
    each_world(async |world| {
        let support = world.client.service("logistics", &["read:users"]);
        let mut representations = Vec::new();
        for number in 0..5 {
            let user = world.register(&format!("user{number}")).await;
            representations.push(json!({ "__typename": "User", "id": user.id }));
        }
        representations.extend((5..99).map(|number| {
            json!({ "__typename": "User", "id": format!("00000000-0000-7000-8000-0000000000{number:02}") })
        }));
        representations.push(json!({ "__typename": "User", "id": "malformed" }));

        let metrics = Metrics::record();
        let document = "query ($representations: [_Any!]!) { _entities(representations: $representations) \
             { ... on User { id firstName roles } } }";
        let answer = support.data(document, json!({ "representations": representations })).await;
        assert_eq!(metrics.value("entity_loads_total{entity=\"User\"}"), 1);
        assert_eq!(metrics.value("entity_loads_total{entity=\"UserRole\"}"), 1);
        assert_eq!(answer["_entities"][4]["roles"], json!(["RIDER"]));
        let entities = answer["_entities"].as_array().unwrap();
        assert_eq!(entities.len(), 100);
        assert_eq!(entities[4]["firstName"], "user4");
        assert!(entities[5..].iter().all(Value::is_null));
    })
    .await;
}

#[tokio::test]
async fn inline_representations_and_fragments_are_one_load_too() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let marian = world.register("marian").await;
        let metrics = Metrics::record();
        let document = format!(
            "query {{ ...Two more: _entities(representations: [{{ __typename: \"User\", id: \"{}\" }}]) {{ ...Name }} }} \
             fragment Two on Query {{ _entities(representations: [{{ __typename: \"User\", id: \"{}\" }}]) {{ ...Name }} }} \
             fragment Name on User {{ firstName }}",
            robin.id, marian.id
        );
        let answer = world.client.data(&document, json!({})).await;
        assert_eq!(answer["more"][0]["firstName"], "robin");
        assert_eq!(answer["_entities"][0]["firstName"], "marian");
        assert_eq!(metrics.value("entity_loads_total{entity=\"User\"}"), 1);
    })
    .await;
}

#[tokio::test]
async fn a_malformed_representation_costs_no_sibling() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let representations =
            json!([{ "__typename": "User", "id": robin.id }, { "__typename": "User", "id": "1" }]);
        let answer =
            world.client.data(ENTITIES, json!({ "representations": representations })).await;
        assert_eq!(answer["_entities"][0]["id"], json!(robin.id));
        assert_eq!(answer["_entities"][1], json!(null));
    })
    .await;
}

#[tokio::test]
async fn the_directory_goes_both_ways_a_page_at_a_time() {
    each_world(async |world| {
        for name in ["ann", "bob", "cid", "dan", "eve"] {
            world.register(name).await;
            world.parts.clock.advance(chrono::TimeDelta::milliseconds(1500));
        }
        let support = world.client.service("logistics", &["read:users"]);
        let page = "query ($first: Int, $after: String, $last: Int, $before: String) { users(first: $first, after: $after, \
             last: $last, before: $before, orderBy: CREATED_AT_ASC, filter: { role: RIDER }) { totalCount \
             nodes { firstName } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
        let ask = async |variables: Value| support.data(page, variables).await["users"].take();
        let names = |users: &Value| {
            let nodes = users["nodes"].as_array().unwrap();
            nodes.iter().map(|node| node["firstName"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        let first = ask(json!({ "first": 2 })).await;
        assert_eq!((names(&first), &first["totalCount"]), ("ann bob".to_owned(), &json!(5)));
        assert_eq!(first["pageInfo"]["hasNextPage"], true);
        assert_eq!(first["pageInfo"]["hasPreviousPage"], false);
        let rest = ask(json!({ "first": 10, "after": first["pageInfo"]["endCursor"] })).await;
        assert_eq!(names(&rest), "cid dan eve");
        assert_eq!(rest["pageInfo"]["hasNextPage"], false);
        assert_eq!(rest["pageInfo"]["hasPreviousPage"], true);
        let back = ask(json!({ "last": 2, "before": rest["pageInfo"]["endCursor"] })).await;
        assert_eq!(names(&back), "cid dan");
        assert_eq!(back["pageInfo"]["hasPreviousPage"], true);
        assert_eq!(support.error_code(page, json!({ "after": "nonsense" })).await, "BAD_USER_INPUT");
    })
    .await;
}

#[tokio::test]
async fn the_directory_is_searched_by_name_and_address() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        world.register("marian").await;
        let support = world.client.service("logistics", &["read:users"]);
        let search = "query ($filter: UserFilterInput) { users(filter: $filter) { edges { node { firstName } } } }";
        let found = support.data(search, json!({ "filter": { "query": "ROBIN@" } })).await;
        assert_eq!(found["users"]["edges"], json!([{ "node": { "firstName": "robin" } }]));
        let wildcard = support.data(search, json!({ "filter": { "query": "%" } })).await;
        assert_eq!(wildcard["users"]["edges"], json!([]));
        let none = support.data(search, json!({ "filter": { "isActive": false } })).await;
        assert_eq!(none["users"]["edges"], json!([]));
        assert_eq!(robin.client.error_code(search, json!({})).await, "FORBIDDEN");
        assert_eq!(world.client.error_code(search, json!({})).await, "UNAUTHENTICATED");
    })
    .await;
}

#[tokio::test]
async fn a_profile_changes_where_it_is_told() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let marian = world.register("marian").await;
        let update = "mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) \
             { user { firstName lastName phone phoneVerified locale } problems { code } } }";
        let input = json!({ "input": { "phone": "+49 151 1234567", "locale": "de" } });
        let changed = robin.client.data(update, input.clone()).await;
        let user = json!({ "firstName": "robin", "lastName": "Doe", "phone": "+491511234567", "phoneVerified": false, "locale": "de" });
        assert_eq!(changed["updateProfile"], json!({ "user": user, "problems": [] }));
        let taken = marian.client.data(update, input).await;
        assert_eq!(taken["updateProfile"], json!({ "user": null, "problems": [{ "code": "PHONE_TAKEN" }] }));
        let empty = robin.client.data(update, json!({ "input": { "firstName": "" } })).await;
        assert_eq!(empty["updateProfile"]["problems"], json!([{ "code": "REQUIRED" }]));
        assert_eq!(world.client.error_code(update, json!({ "input": {} })).await, "UNAUTHENTICATED");
    })
    .await;
}

#[tokio::test]
async fn a_closed_account_is_out_at_once_and_can_come_back() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let admin = world.login("admin").await;
        let close = "mutation ($id: ID!) { deactivateUser(input: { userId: $id, reason: \"fraud\" }) { user { isActive } problems { code } } }";
        let open = "mutation ($id: ID!) { reactivateUser(input: { userId: $id }) { user { isActive } problems { code } } }";
        let id = json!({ "id": robin.id });
        assert_eq!(robin.client.error_code(close, id.clone()).await, "FORBIDDEN");
        let closed = admin.client.data(close, id.clone()).await;
        assert_eq!(closed["deactivateUser"], json!({ "user": { "isActive": false }, "problems": [] }));
        let refused = world.try_login(&world.client, "robin@example.com", PASSWORD).await;
        assert_eq!(refused["problems"][0]["code"], "INVALID_CREDENTIALS");
        let refresh = "mutation ($token: String!) { refreshSession(input: { refreshToken: $token }) { problems { code } } }";
        let refreshed = world.client.data(refresh, json!({ "token": robin.refresh_token })).await;
        assert_eq!(refreshed["refreshSession"]["problems"][0]["code"], "TOKEN_INVALID");
        let opened = admin.client.data(open, id).await;
        assert_eq!(opened["reactivateUser"], json!({ "user": { "isActive": true }, "problems": [] }));
        assert_eq!(world.try_login(&world.client, "robin@example.com", PASSWORD).await["problems"], json!([]));
    })
    .await;
}
