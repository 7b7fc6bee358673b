//! One-time secrets: sent, taken once, in their time.

use chrono::TimeDelta;
use serde_json::json;

use crate::world::{PASSWORD, RESET, VERIFY_MAIL, VERIFY_PHONE, each_world};

#[tokio::test]
async fn a_mail_address_is_verified_by_the_token_sent_to_it() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let token = world.secret_sent_to("robin@example.com", VERIFY_MAIL).await;
        let verify = "mutation ($token: String!) { verifyEmail(input: { token: $token }) { user { id emailVerified } problems { code } } }";
        let ask = async |token: &str| world.client.data(verify, json!({ "token": token })).await["verifyEmail"].take();
        assert_eq!(ask("nonsense").await["problems"], json!([{ "code": "TOKEN_INVALID" }]));
        assert_eq!(ask(&token).await, json!({ "user": { "id": robin.id, "emailVerified": true }, "problems": [] }));
        assert_eq!(ask(&token).await["problems"], json!([{ "code": "TOKEN_REUSED" }]));

        world.register("late").await;
        let token = world.secret_sent_to("late@example.com", VERIFY_MAIL).await;
        world.parts.clock.advance(TimeDelta::days(1));
        assert_eq!(ask(&token).await["problems"], json!([{ "code": "TOKEN_EXPIRED" }]));
    })
    .await;
}

#[tokio::test]
async fn a_request_tells_nothing_about_the_account() {
    each_world(async |world| {
        world.register("robin").await;
        let request = "mutation ($email: String!) { requestPasswordReset(input: { email: $email }) { problems { code } } \
             requestEmailVerification(input: { email: $email }) { problems { code } } }";
        let unknown = world.client.data(request, json!({ "email": "nobody@example.com" })).await;
        let known = world.client.data(request, json!({ "email": "robin@example.com" })).await;
        assert_eq!(known, unknown);
        world.secret_sent_to("robin@example.com", RESET).await;
        assert!(!world.has_heard("nobody@example.com").await);
    })
    .await;
}

#[tokio::test]
async fn a_password_is_reset_once_and_signs_nobody_in() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let request = "mutation { requestPasswordReset(input: { email: \"Robin@example.com\" }) { problems { code } } }";
        world.client.data(request, json!({})).await;
        let token = world.secret_sent_to("robin@example.com", RESET).await;
        let reset = "mutation ($token: String!, $new: String!) { resetPassword(input: { token: $token, newPassword: $new }) { problems { code } } }";
        let ask = async |new: &str| {
            world.client.data(reset, json!({ "token": token, "new": new })).await["resetPassword"]["problems"].take()
        };
        let new = "another horse, another staple";
        assert_eq!(ask("short").await, json!([{ "code": "TOO_SHORT" }]), "the token is not spent");
        assert_eq!(ask(new).await, json!([]));
        assert_eq!(ask(new).await, json!([{ "code": "TOKEN_REUSED" }]));
        let old = world.try_login(&world.client, "robin@example.com", PASSWORD).await;
        assert_eq!(old["problems"][0]["code"], "INVALID_CREDENTIALS");
        assert_eq!(world.try_login(&world.client, "robin@example.com", new).await["problems"], json!([]));
        let refresh = "mutation ($token: String!) { refreshSession(input: { refreshToken: $token }) { problems { code } } }";
        let refreshed = world.client.data(refresh, json!({ "token": robin.refresh_token })).await;
        assert_eq!(refreshed["refreshSession"]["problems"], json!([{ "code": "TOKEN_INVALID" }]));
    })
    .await;
}

#[tokio::test]
async fn a_phone_number_is_verified_by_a_code_with_five_guesses() {
    each_world(async |world| {
        let robin = world.register("robin").await;
        let number = "+491511234567";
        let request = "mutation ($phone: String!) { requestPhoneVerification(input: { phone: $phone }) { problems { code } } }";
        let verify = "mutation ($phone: String!, $code: String!) { verifyPhone(input: { phone: $phone, code: $code }) \
             { user { phone phoneVerified } problems { code } } }";
        let send = async || {
            robin.client.data(request, json!({ "phone": number })).await;
            world.secret_sent_to(number, VERIFY_PHONE).await
        };
        let take = async |code: &str| {
            robin.client.data(verify, json!({ "phone": number, "code": code })).await["verifyPhone"].take()
        };
        let invalid = json!({ "user": null, "problems": [{ "code": "CODE_INVALID" }] });

        let code = send().await;
        assert_eq!(code.len(), 6);
        for _ in 0..5 {
            assert_eq!(take("not it").await, invalid);
        }
        assert_eq!(take(&code).await, invalid, "too many guesses");
        let code = send().await;
        world.parts.clock.advance(TimeDelta::minutes(10));
        assert_eq!(take(&code).await, invalid, "too late");
        let code = send().await;
        assert_eq!(take(&code).await, json!({ "user": { "phone": number, "phoneVerified": true }, "problems": [] }));
    })
    .await;
}
