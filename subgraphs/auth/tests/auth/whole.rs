//! What is there of an account, field by field, as its owner and a directory show it.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::world::{PASSWORD, each_world};

fn time(value: &Value) -> DateTime<Utc> {
    serde_json::from_value(value.clone()).unwrap()
}

#[tokio::test]
async fn an_account_and_its_sessions_are_shown_whole() {
    each_world(async |world| {
        let registered_at = world.parts.clock.now();
        let robin = world.register("robin").await;
        world.parts.clock.advance(TimeDelta::minutes(5));
        let login = "mutation ($input: LoginInput!) { login(input: $input)
            { tokens { accessToken accessTokenExpiresAt refreshTokenExpiresAt } problems { code message } } }";
        let mut input = json!({ "email": "robin@example.com", "password": "a wrong one", "deviceName": "a phone" });
        let refused = world.client.data(login, json!({ "input": input })).await["login"].take();
        let problem = json!({ "code": "INVALID_CREDENTIALS", "message": "no account has this mail address and password" });
        assert_eq!(refused, json!({ "tokens": null, "problems": [problem] }));
        input["password"] = json!(PASSWORD);
        let tokens = world.client.data(login, json!({ "input": input })).await["login"]["tokens"].take();
        let now = world.parts.clock.now();
        assert_eq!(time(&tokens["accessTokenExpiresAt"]), now + TimeDelta::minutes(15));
        assert_eq!(time(&tokens["refreshTokenExpiresAt"]), now + TimeDelta::days(30));

        let phone = world.client.bearer(tokens["accessToken"].as_str().unwrap());
        let update = r#"mutation { updateProfile(input: { avatarUrl: "https://example.com/robin.png", locale: "de-DE" })
            { user { id avatarUrl locale createdAt updatedAt } problems { code } } }"#;
        let user = phone.data(update, json!({})).await["updateProfile"]["user"].take();
        assert_eq!(user["id"], json!(robin.id));
        assert_eq!((&user["avatarUrl"], &user["locale"]), (&json!("https://example.com/robin.png"), &json!("de-DE")));
        assert_eq!((time(&user["createdAt"]), time(&user["updatedAt"])), (registered_at, now));

        let sessions = "{ me { sessions { createdAt lastUsedAt expiresAt userAgent ipAddress isCurrent } } }";
        let sessions = phone.data(sessions, json!({})).await["me"]["sessions"].take();
        let current = sessions.as_array().unwrap().iter().find(|session| session["isCurrent"] == true).unwrap();
        assert_eq!((&current["userAgent"], &current["ipAddress"]), (&json!("a phone"), &json!("192.0.2.1")));
        assert_eq!((time(&current["createdAt"]), time(&current["lastUsedAt"])), (now, now));
        assert_eq!(current["expiresAt"], tokens["refreshTokenExpiresAt"]);
        assert_eq!(sessions.as_array().unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_edge_of_the_directory_leads_on_from_its_user() {
    each_world(async |world| {
        for name in ["robin", "marian", "john"] {
            world.register(name).await;
        }
        let admin = world.login("admin").await.client;
        let list =
            "query ($after: String) { users(first: 2, after: $after, orderBy: CREATED_AT_ASC)
            { edges { cursor node { firstName } } pageInfo { endCursor } } }";
        let first = admin.data(list, json!({})).await["users"].take();
        assert_eq!(first["pageInfo"]["endCursor"], first["edges"][1]["cursor"]);
        let rest =
            admin.data(list, json!({ "after": first["edges"][0]["cursor"] })).await["users"].take();
        assert_eq!(rest["edges"][0], first["edges"][1], "what follows the first");
        assert_eq!(rest["edges"][1]["node"]["firstName"], "marian");
    })
    .await;
}
