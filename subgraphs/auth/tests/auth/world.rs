//! What each test starts with: auth on a fresh database, with an administrator, and a clock that stands still.

use auth::{Administrator, Config, Message, Notifier, PasswordCost};
use migrations::Owner;
use serde_json::{Value, json};
use service::testing::{Client, each_database, parts, signing_keys};
use service::{Database, Parts, Tasks};
use tokio::sync::{Mutex, mpsc};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

const REGISTER: &str = "mutation ($input: RegisterUserInput!) { registerUser(input: $input) { user { id } \
     tokens { accessToken refreshToken } problems { __typename code ... on ValidationProblem { path } } } }";
const LOGIN: &str = "mutation ($input: LoginInput!) { login(input: $input) { user { id email roles } \
     tokens { accessToken refreshToken } problems { __typename code ... on RateLimitProblem { retryAfterSeconds } } } }";

pub(crate) const VERIFY_MAIL: &str = "verify your mail address";
pub(crate) const VERIFY_PHONE: &str = "verify your phone number";
pub(crate) const RESET: &str = "reset your password";

/// The messages to users: those that arrive, and those that did and nobody took.
struct Sent {
    arriving: mpsc::UnboundedReceiver<Message>,
    kept: Vec<Message>,
}

pub(crate) struct World {
    /// As the router, for nobody.
    pub(crate) client: Client,
    pub(crate) parts: Parts,
    sent: Mutex<Sent>,
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
        let (notifier, sent) = mpsc::unbounded_channel();
        let config = Config {
            administrator: Some(Administrator {
                email: "Admin@Example.com".into(),
                password: PASSWORD.into(),
            }),
            password_cost: PasswordCost { memory_kib: 16, passes: 1 },
            notifier: Notifier::Handed(notifier),
            ..Config::new(signing_keys())
        };
        let running = auth::start(config, parts.clone()).await.unwrap();
        peers.auth.bind(running.app.clone());
        let client = Client::new("auth", running.app, &parts).address("192.0.2.1");
        let sent = Mutex::new(Sent { arriving: sent, kept: Vec::new() });
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

    /// The secret of the next message to this address or number, about this.
    pub(crate) async fn secret_sent_to(&self, to: &str, subject: &str) -> String {
        let mut sent = self.sent.lock().await;
        let is_it = |message: &Message| message.to == to && message.subject == subject;
        loop {
            if let Some(index) = sent.kept.iter().position(is_it) {
                return sent.kept.remove(index).secret;
            }
            let message = sent.arriving.recv().await.unwrap();
            sent.kept.push(message);
        }
    }

    /// Whether a message to this address has arrived by now.
    pub(crate) async fn has_heard(&self, to: &str) -> bool {
        self.sent.lock().await.kept.iter().any(|message| message.to == to)
    }
}
