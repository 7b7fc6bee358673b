//! The first administrator: made once, or made of an account that is there.

use auth::{Administrator, Config, PasswordCost};
use migrations::Owner;
use serde_json::{Value, json};
use service::testing::{Client, each_database, parts, signing_keys};
use service::{Parts, StartError};

use crate::world::PASSWORD;

const OTHER_PASSWORD: &str = "another horse, another staple";
const LOGIN: &str = "mutation ($email: String!, $password: String!) { login(input: { email: $email, \
     password: $password }) { user { roles emailVerified } problems { code } } }";

/// Auth with an administrator of this address and password, or none.
async fn start(parts: &Parts, admin: Option<(&str, &str)>) -> Result<Client, StartError> {
    let administrator = admin.map(|(email, password)| Administrator {
        email: email.to_owned(),
        password: password.into(),
    });
    let config = Config {
        administrator,
        password_cost: PasswordCost { memory_kib: 16, passes: 1 },
        ..Config::new(signing_keys())
    };
    let running = auth::start(config, parts.clone()).await?;
    Ok(Client::new("auth", running.app, parts))
}

async fn login(client: &Client, email: &str, password: &str) -> Value {
    client.data(LOGIN, json!({ "email": email, "password": password })).await["login"].take()
}

#[tokio::test]
async fn the_first_administrator_is_made_once() {
    each_database(async |database| {
        migrations::up(&database.write, Owner::Auth).await.unwrap();
        let (parts, _) = parts(database.clone());
        assert!(!auth::has_administrator(&database).await.unwrap());
        let client = start(&parts, Some(("Ada@Example.com", PASSWORD))).await.unwrap();
        assert!(auth::has_administrator(&database).await.unwrap());
        let ada = login(&client, "ada@example.com", PASSWORD).await;
        assert_eq!(ada["user"], json!({ "roles": ["ADMIN"], "emailVerified": true }));

        // Another start with other settings changes nothing.
        let client = start(&parts, Some(("eve@example.com", OTHER_PASSWORD))).await.unwrap();
        let eve = login(&client, "eve@example.com", OTHER_PASSWORD).await;
        assert_eq!(eve["problems"], json!([{ "code": "INVALID_CREDENTIALS" }]));
    })
    .await;
}

#[tokio::test]
async fn an_account_that_is_there_becomes_the_administrator_and_keeps_its_password() {
    each_database(async |database| {
        migrations::up(&database.write, Owner::Auth).await.unwrap();
        let (parts, _) = parts(database.clone());
        let client = start(&parts, None).await.unwrap();
        let register = "mutation ($password: String!) { registerUser(input: { email: \"robin@example.com\", \
             password: $password, firstName: \"Robin\", lastName: \"Doe\" }) { problems { code } } }";
        client.data(register, json!({ "password": PASSWORD })).await;
        assert!(auth::has_account(&database, " Robin@example.com").await.unwrap());
        assert!(!auth::has_account(&database, "ada@example.com").await.unwrap());

        let client = start(&parts, Some(("robin@example.com", OTHER_PASSWORD))).await.unwrap();
        let roles = json!({ "roles": ["RIDER", "ADMIN"], "emailVerified": false });
        assert_eq!(login(&client, "robin@example.com", PASSWORD).await["user"], roles);
        let other = login(&client, "robin@example.com", OTHER_PASSWORD).await;
        assert_eq!(other["problems"], json!([{ "code": "INVALID_CREDENTIALS" }]));
    })
    .await;
}

#[tokio::test]
async fn an_administrator_who_could_not_sign_in_is_refused_by_name() {
    each_database(async |database| {
        migrations::up(&database.write, Owner::Auth).await.unwrap();
        let (parts, _) = parts(database.clone());
        let refused = async |email: &str, password: &str| {
            start(&parts, Some((email, password))).await.err().unwrap().to_string()
        };
        assert_eq!(refused("nobody", PASSWORD).await, "ADMIN_EMAIL: not a mail address");
        assert_eq!(
            refused("ada@example.com", "short").await,
            "ADMIN_PASSWORD: a password needs 12 characters or more"
        );
    })
    .await;
}
