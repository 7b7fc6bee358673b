//! Events: what auth tells the other services, as `docs/events` says.

use futures::StreamExt;
use serde_json::{Value, json};
use service::testing::told;

use crate::world::each_world;

const KINDS: [&str; 5] = [
    "user.created",
    "user.role_granted",
    "user.role_revoked",
    "user.deactivated",
    "user.reactivated",
];

#[tokio::test]
async fn each_change_of_an_account_is_told_once_and_in_order() {
    each_world(async |world| {
        let mut told = told(&world.parts.bus, &KINDS);
        let robin = world.register("robin").await;
        let admin = world.login("admin").await.client;
        let change = async |mutation: &str, input: Value| {
            let document = format!(
                "mutation ($input: {}Input!) {{ {mutation}(input: $input) {{ problems {{ code }} }} }}",
                mutation[..1].to_uppercase() + &mutation[1..]
            );
            admin.data(&document, json!({ "input": input })).await[mutation]["problems"].take()
        };
        let changes = [
            ("grantRole", json!({ "userId": robin.id, "role": "SUPPORT" })),
            ("revokeRole", json!({ "userId": robin.id, "role": "SUPPORT" })),
            ("deactivateUser", json!({ "userId": robin.id, "reason": "fraud" })),
            ("reactivateUser", json!({ "userId": robin.id })),
        ];
        for (mutation, input) in &changes {
            // Asked twice: the second time there is nothing to change, and nothing to tell.
            for _ in 0..2 {
                assert_eq!(change(mutation, input.clone()).await, json!([]), "{mutation}");
            }
        }
        let mut heard = Vec::new();
        while heard.len() < KINDS.len() {
            let event = told.next().await.unwrap();
            if event.aggregate_id.to_string() == robin.id {
                heard.push(event.kind);
            }
        }
        assert_eq!(heard, KINDS);

        let nothing = json!({ "userId": robin.id, "reason": " " });
        assert_eq!(change("deactivateUser", nothing).await, json!([{ "code": "REQUIRED" }]));
    })
    .await;
}
