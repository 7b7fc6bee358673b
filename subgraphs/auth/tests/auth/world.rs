//! What each test starts with: auth on a fresh database, with an administrator, and a clock that stands still.

use std::sync::{Arc, Mutex};

use auth::{Administrator, Config, Message, Notifier, PasswordCost};
use migrations::Owner;
use serde_json::{Value, json};
use service::testing::{Client, each_database, parts, signing_keys};
use service::{Database, Parts, Tasks};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

const REGISTER: &str = "mutation ($input: RegisterUserInput!) { registerUser(input: $input) { user { id } \
     tokens { accessToken refreshToken } problems { __typename code ... on ValidationProblem { path } } } }";
const LOGIN: &str = "mutation ($input: LoginInput!) { login(input: $input) { user { id email roles } \
     tokens { accessToken refreshToken } problems { __typename code ... on RateLimitProblem { retryAfterSeconds } } } }";

pub(crate) struct World {
    /// As the router, for nobody.
    pub(crate) client: Client,
    pub(crate) parts: Parts,
    sent: Arc<Mutex<Vec<Message>>>,
    _tasks: Tasks,
}

/// Somebody signed in.
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) client: Client,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
}

/// Runs the test on every database.
pub(crate) async fn each_world(test: impl AsyncFn(World)) {
    each_database(async |database| test(World::start(database).await).await).await;
}

impl World {
    async fn start(database: Database) -> Self {
        migrations::up(&database.write, Owner::Auth).await.unwrap();
        let (parts, peers) = parts(database);
        let sent = Arc::default();
        let config = Config {
            administrator: Some(Administrator {
                email: "Admin@Example.com".into(),
                password: PASSWORD.into(),
            }),
            password_cost: PasswordCost { memory_kib: 16, passes: 1 },
            notifier: Notifier::Kept(Arc::clone(&sent)),
            ..Config::new(signing_keys())
        };
        let running = auth::start(config, parts.clone()).await.unwrap();
        peers.auth.bind(running.app.clone());
        let client = Client::new("auth", running.app, &parts).address("192.0.2.1");
        Self { client, parts, sent, _tasks: running.tasks }
    }

    /// Registers somebody; the mail address is `name@example.com`.
    pub(crate) async fn register(&self, name: &str) -> Account {
        let input = json!({ "email": format!("{name}@example.com"), "password": PASSWORD, "firstName": name, "lastName": "Doe" });
        let payload = self.try_register(input).await;
        assert_eq!(payload["problems"], json!([]));
        self.account(&payload)
    }

    pub(crate) async fn try_register(&self, input: Value) -> Value {
        self.client.data(REGISTER, json!({ "input": input })).await["registerUser"].take()
    }

    pub(crate) async fn login(&self, name: &str) -> Account {
        let payload = self.try_login(&self.client, &format!("{name}@example.com"), PASSWORD).await;
        assert_eq!(payload["problems"], json!([]));
        self.account(&payload)
    }

    pub(crate) async fn try_login(&self, client: &Client, email: &str, password: &str) -> Value {
        let input = json!({ "email": email, "password": password });
        client.data(LOGIN, json!({ "input": input })).await["login"].take()
    }

    fn account(&self, payload: &Value) -> Account {
        let text =
            |pointer: &str| payload.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
        let access_token = text("/tokens/accessToken");
        Account {
            id: text("/user/id"),
            client: self.client.bearer(&access_token),
            access_token,
            refresh_token: text("/tokens/refreshToken"),
        }
    }

    /// The secret of the last message to this address or number.
    pub(crate) fn secret_sent_to(&self, to: &str) -> Option<String> {
        let sent = self.sent.lock().unwrap();
        sent.iter().rev().find(|message| message.to == to).map(|message| message.secret.clone())
    }
}
