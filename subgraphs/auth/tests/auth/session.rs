//! Sessions: rotation, replays, and their ends.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World, each_world};

const REFRESH: &str = "mutation ($token: String!) { refreshSession(input: { refreshToken: $token }) \
     { tokens { accessToken refreshToken } problems { code } } }";

/// The new refresh token, or the code of the problem.
async fn refresh(world: &World, token: &str) -> Result<String, String> {
    let payload =
        world.client.data(REFRESH, json!({ "token": token })).await["refreshSession"].take();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    text(&payload["tokens"]["refreshToken"])
        .ok_or_else(|| text(&payload["problems"][0]["code"]).unwrap())
}

fn refused(code: &str) -> Result<String, String> {
    Err(code.to_owned())
}

#[tokio::test]
async fn a_refresh_token_is_good_for_one_successor() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let second = refresh(&world, &robin.refresh_token).await.unwrap();
        let third = refresh(&world, &second).await.unwrap();
        assert_ne!(second, third);
        // The first is used, and so is its successor: somebody else has a copy. All of the family end.
        assert_eq!(refresh(&world, &robin.refresh_token).await, refused("TOKEN_REUSED"));
        assert_eq!(refresh(&world, &third).await, refused("TOKEN_INVALID"));
        assert_eq!(refresh(&world, "not a token").await, refused("TOKEN_INVALID"));
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_is_forgiven_for_half_a_minute() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let lost = refresh(&world, &robin.refresh_token).await.unwrap();
        world.parts.clock.advance(TimeDelta::seconds(30));
        let again = refresh(&world, &robin.refresh_token).await.unwrap();
        assert_eq!(
            refresh(&world, &lost).await,
            refused("TOKEN_INVALID"),
            "the lost one was withdrawn"
        );
        world.parts.clock.advance(TimeDelta::seconds(31));
        assert_eq!(refresh(&world, &robin.refresh_token).await, refused("TOKEN_REUSED"));
        assert_eq!(refresh(&world, &again).await, refused("TOKEN_INVALID"));
    })
    .await;
}

#[tokio::test]
async fn of_many_refreshes_at_once_one_chain_remains() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let outcomes =
            futures::future::join_all((0..8).map(|_| refresh(&world, &robin.refresh_token))).await;
        let tokens: Vec<String> = outcomes.into_iter().flatten().collect();
        let mut good = 0;
        for token in tokens {
            good += usize::from(refresh(&world, &token).await.is_ok());
        }
        assert_eq!(good, 1, "successors of one token");
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_after_thirty_idle_days_and_after_ninety_in_any_case() {
    each_world(async |world| {
        let idle = world.register("idle").await;
        world.parts.clock.advance(TimeDelta::days(30));
        assert_eq!(refresh(&world, &idle.refresh_token).await, refused("TOKEN_EXPIRED"));

        let mut token = world.register("busy").await.refresh_token;
        for _ in 0..4 {
            world.parts.clock.advance(TimeDelta::days(20));
            token = refresh(&world, &token).await.unwrap();
        }
        world.parts.clock.advance(TimeDelta::days(10));
        assert_eq!(refresh(&world, &token).await, refused("TOKEN_EXPIRED"));
    })
    .await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner_alone() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let phone = world.login("robin").await;
        let marian = world.register("marian").await;
        let list = robin.client.data("{ me { sessions { id isCurrent } } }", json!({})).await;
        let sessions = list["me"]["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), 2);
        let other = sessions.iter().find(|session| session["isCurrent"] == false).unwrap()["id"].clone();

        let revoke = "mutation ($id: ID!) { revokeSession(input: { sessionId: $id }) { sessionId problems { code } } }";
        let stranger = marian.client.data(revoke, json!({ "id": other })).await;
        assert_eq!(stranger["revokeSession"], json!({ "sessionId": null, "problems": [{ "code": "NOT_FOUND" }] }));
        let owner = robin.client.data(revoke, json!({ "id": other })).await;
        assert_eq!(owner["revokeSession"], json!({ "sessionId": other, "problems": [] }));
        assert_eq!(refresh(&world, &phone.refresh_token).await, refused("TOKEN_INVALID"));

        let all = "mutation { revokeAllSessions { revokedCount problems { code } } }";
        assert_eq!(robin.client.data(all, json!({})).await["revokeAllSessions"]["revokedCount"], 1);
        assert_eq!(world.client.error_code(all, json!({})).await, "UNAUTHENTICATED");
    })
    .await;
}

#[tokio::test]
async fn logging_out_ends_the_session() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let logout = "mutation ($token: String!) { logout(input: { refreshToken: $token }) { problems { code } } }";
        let token = json!({ "token": robin.refresh_token });
        assert_eq!(world.client.data(logout, token).await["logout"]["problems"], json!([]));
        assert_eq!(refresh(&world, &robin.refresh_token).await, refused("TOKEN_INVALID"));
    })
    .await;
}

#[tokio::test]
async fn a_new_password_ends_all_sessions() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let change = "mutation ($old: String!, $new: String!) \
             { changePassword(input: { currentPassword: $old, newPassword: $new }) { problems { code } } }";
        let new = "another horse, another staple";
        let wrong = robin.client.data(change, json!({ "old": "a wrong password", "new": new })).await;
        assert_eq!(wrong["changePassword"]["problems"], json!([{ "code": "INVALID_CREDENTIALS" }]));
        let right = robin.client.data(change, json!({ "old": PASSWORD, "new": new })).await;
        assert_eq!(right["changePassword"]["problems"], json!([]));
        assert_eq!(refresh(&world, &robin.refresh_token).await, refused("TOKEN_INVALID"));
        let old = world.try_login(&world.client, "robin@example.com", PASSWORD).await;
        assert_eq!(old["problems"][0]["code"], "INVALID_CREDENTIALS");
        assert_eq!(world.try_login(&world.client, "robin@example.com", new).await["problems"], json!([]));
    })
    .await;
}
