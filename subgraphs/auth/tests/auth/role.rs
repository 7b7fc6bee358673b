//! Roles: who grants them, and what they allow.

use chrono::TimeDelta;
use serde_json::{Value, json};
use service::Event;

use crate::world::{World, each_world};

const GRANT: &str = "mutation ($user: ID!, $role: Role!, $key: ID) \
     { grantRole(input: { userId: $user, role: $role, idempotencyKey: $key }) { user { roles } problems { code } } }";
const REVOKE: &str = "mutation ($user: ID!, $role: Role!, $key: ID) \
     { revokeRole(input: { userId: $user, role: $role, idempotencyKey: $key }) { user { roles } problems { code } } }";

#[tokio::test]
async fn the_saga_grants_a_role_once_however_often_it_asks() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let saga = world.client.service("logistics", &["read:users", "write:roles"]);
        let variables = json!({ "user": robin.id, "role": "DRIVER", "key": "session-1:grant" });
        for _ in 0..3 {
            let payload = saga.data(GRANT, variables.clone()).await;
            assert_eq!(
                payload["grantRole"],
                json!({ "user": { "roles": ["RIDER", "DRIVER"] }, "problems": [] })
            );
        }
        assert_eq!(kinds(&world).await, ["user.created", "user.created", "user.role_granted"]);

        let other = json!({ "user": robin.id, "role": "ADMIN", "key": "session-1:grant" });
        let reused = saga.data(GRANT, other).await;
        assert_eq!(
            reused["grantRole"],
            json!({ "user": null, "problems": [{ "code": "IDEMPOTENCY_KEY_REUSED" }] })
        );
        let unknown = saga.data(GRANT, json!({ "user": "nobody", "role": "DRIVER" })).await;
        assert_eq!(
            unknown["grantRole"],
            json!({ "user": null, "problems": [{ "code": "NOT_FOUND" }] })
        );

        let back = saga.data(REVOKE, variables).await;
        assert_eq!(back["revokeRole"], json!({ "user": { "roles": ["RIDER"] }, "problems": [] }));
        assert_eq!(kinds(&world).await.last().unwrap(), "user.role_revoked");
    })
    .await;
}

/// The kinds of all events recorded, in order.
async fn kinds(world: &World) -> Vec<String> {
    use sea_orm::{ConnectionTrait, Statement};
    let database = &world.parts.database.read;
    let select = Statement::from_string(
        database.get_database_backend(),
        "SELECT kind FROM auth_outbox ORDER BY seq",
    );
    let rows = database.query_all_raw(select).await.unwrap();
    rows.iter().map(|row| row.try_get("", "kind").unwrap()).collect()
}

#[tokio::test]
async fn nobody_grants_roles_without_the_scope() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let variables = json!({ "user": robin.id, "role": "ADMIN" });
        assert_eq!(world.client.error_code(GRANT, variables.clone()).await, "UNAUTHENTICATED");
        assert_eq!(robin.client.error_code(GRANT, variables.clone()).await, "FORBIDDEN");
        // In a user's name only the user's scopes count, whatever the service may do.
        let in_name = robin.client.service("logistics", &["read:users", "write:roles"]);
        assert_eq!(in_name.error_code(GRANT, variables.clone()).await, "FORBIDDEN");
        // A service cannot claim more than it is allowed.
        let platform = world.client.service("platform", &["write:roles"]);
        assert_eq!(platform.error_code(GRANT, variables.clone()).await, "UNAUTHENTICATED");
        let answer = robin.client.execute(GRANT, variables).await;
        assert_eq!(answer["data"], json!({ "grantRole": null }));
    })
    .await;
}

#[tokio::test]
async fn a_granted_role_shows_in_the_next_token() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let admin = world.login("admin").await;
        admin.client.data(GRANT, json!({ "user": robin.id, "role": "SUPPORT" })).await;
        let users = "{ users { totalCount } }";
        assert_eq!(robin.client.error_code(users, json!({})).await, "FORBIDDEN");
        let again = world.login("robin").await;
        assert_eq!(again.client.data(users, json!({})).await["users"]["totalCount"], 2);
    })
    .await;
}

#[tokio::test]
async fn services_ask_about_a_token() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let admin = world.login("admin").await;
        let validate = "query ($token: String!) { tokenValidation(token: $token) { valid user { id } permissions expiresAt } }";
        let peer = world.client.service("logistics", &["read:users"]);
        let ask = async |token: &str| peer.data(validate, json!({ "token": token })).await["tokenValidation"].take();

        let valid = ask(&robin.access_token).await;
        let expires = "2026-05-28T20:41:40Z";
        assert_eq!(valid, json!({ "valid": true, "user": { "id": robin.id }, "permissions": [], "expiresAt": expires }));
        let permissions = ask(&admin.access_token).await["permissions"].take();
        assert!(permissions.as_array().unwrap().contains(&Value::from("write:roles")));
        let invalid = json!({ "valid": false, "user": null, "permissions": [], "expiresAt": null });
        assert_eq!(ask("forged").await, invalid);

        let deactivate = "mutation ($id: ID!) { deactivateUser(input: { userId: $id, reason: \"fraud\" }) { problems { code } } }";
        admin.client.data(deactivate, json!({ "id": robin.id })).await;
        assert_eq!(ask(&robin.access_token).await, invalid);
        world.parts.clock.advance(TimeDelta::minutes(16));
        assert_eq!(ask(&admin.access_token).await, invalid);

        let token = json!({ "token": admin.access_token });
        assert_eq!(world.client.error_code(validate, token).await, "FORBIDDEN", "not through the router");
    })
    .await;
}

#[tokio::test]
async fn a_new_account_is_told_to_the_other_services() {
    use std::sync::{Arc, Mutex};
    each_world(async |world| {
        let heard: Arc<Mutex<Vec<Event>>> = Arc::default();
        let (into, arrived) = (Arc::clone(&heard), Arc::new(tokio::sync::Notify::new()));
        let notify = Arc::clone(&arrived);
        let handler: service::bus::Handler = Arc::new(move |event| {
            into.lock().unwrap().push(event);
            notify.notify_one();
            Box::pin(async { Ok(()) })
        });
        let mut tasks = service::Tasks::new();
        let robin = {
            world.parts.bus.consume("test", &["user.created"], handler, &mut tasks);
            world.register("robin").await
        };
        let told = || heard.lock().unwrap().iter().any(|event| event.aggregate_id.to_string() == robin.id);
        while !told() {
            tokio::time::timeout(std::time::Duration::from_secs(5), arrived.notified()).await.expect("the event arrives");
        }
        let heard = heard.lock().unwrap();
        let event = heard.iter().find(|event| event.aggregate_id.to_string() == robin.id).unwrap();
        assert_eq!(event.kind, "user.created");
        assert_eq!(
            event.payload,
            json!({ "userId": robin.id, "firstName": "robin", "lastName": "Doe", "roles": ["RIDER"] })
        );
    })
    .await;
}
