//! The story through the separate processes that `compose.yaml` names, with its commands and variables, on a real
//! Postgres and a real NATS.
//!
//! `scripts/test processes` runs it, having built the binaries and set `TEST_DATABASE_URL`, `TEST_NATS_URL` and
//! `BINARIES`. A plain `cargo test` does not: it would have to pass without having tried.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]
#![expect(clippy::disallowed_methods, reason = "a test has no command line")]

#[expect(dead_code, reason = "the test of the packaging reads more of it")]
mod compose;
#[path = "story/mod.rs"]
mod story;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use compose::{Compose, Service};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection};
use tempfile::TempDir;

/// How long a process may take to start, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// What compose takes from a running container of another image; here it is given.
const GIVEN: [&str; 2] = ["postgres", "nats"];

#[tokio::test(flavor = "multi_thread")]
async fn the_story_goes_through_the_processes_of_compose_yaml() {
    service::telemetry::install_tls();
    let database = FreshDatabase::create().await;
    let variables = variables(&database);
    let mut processes = Processes::start(&variables);
    let place = story::Place {
        url: format!("http://{}", processes.address("router")),
        admin_email: variables["ADMIN_EMAIL"].clone(),
        admin_password: variables["ADMIN_PASSWORD"].clone(),
        signing_key: variables["AUTH_SIGNING_KEY"].clone(),
    };
    story::run(&place).await;
    processes.end();
    database.drop().await;
}

/// What an operator would put into `.env`.
fn variables(database: &FreshDatabase) -> BTreeMap<String, String> {
    let signing_key = service::SigningKeys::generate_pem(&service::Random::system());
    let variables = [
        ("POSTGRES_USER", database.name.as_str()),
        ("POSTGRES_PASSWORD", FreshDatabase::PASSWORD),
        ("POSTGRES_DB", &database.name),
        ("SERVICE_JWT_SECRET", "a secret that the processes of a test share"),
        ("AUTH_SIGNING_KEY", &signing_key),
        ("QUOTE_SECRET", "a secret that only logistics of a test has"),
        ("ADMIN_EMAIL", "admin@example.com"),
        ("ADMIN_PASSWORD", "the passphrase of a test"),
        ("LOG_FORMAT", "text"),
    ];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn required(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run `scripts/test processes`"))
}

/// A user and a database of its own on the server, as the Postgres image makes them.
struct FreshDatabase {
    server: DatabaseConnection,
    name: String,
}

impl FreshDatabase {
    const PASSWORD: &str = "a-password-of-a-test";

    async fn create() -> Self {
        let server = Database::connect(required("TEST_DATABASE_URL")).await.unwrap();
        let database = Self { server, name: format!("processes_{}", std::process::id()) };
        let (name, password) = (&database.name, Self::PASSWORD);
        database
            .execute(&format!("CREATE ROLE {name} LOGIN SUPERUSER PASSWORD '{password}'"))
            .await;
        database.execute(&format!("CREATE DATABASE {name} OWNER {name}")).await;
        database
    }

    async fn drop(self) {
        self.execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
        self.execute(&format!("DROP ROLE {}", self.name)).await;
    }

    async fn execute(&self, sql: &str) {
        self.server.execute_unprepared(sql).await.unwrap();
    }
}

/// What runs, and what it said. A test that fails prints the ends of the logs, and leaves nothing running.
struct Processes {
    compose: Compose,
    /// Where each service of the file is, as the file calls it: `auth:4001`.
    addresses: BTreeMap<String, String>,
    running: Vec<(String, Child)>,
    logs: TempDir,
}

impl Processes {
    fn start(variables: &BTreeMap<String, String>) -> Self {
        let compose = Compose::read().interpolate(variables).unwrap();
        let addresses = addresses(&compose);
        let logs = tempfile::tempdir().unwrap();
        let mut processes = Self { compose, addresses, running: Vec::new(), logs };
        let order: Vec<String> =
            processes.compose.in_order().into_iter().map(str::to_owned).collect();
        for name in order.iter().filter(|name| !GIVEN.contains(&name.as_str())) {
            processes.wait_for_dependencies(name);
            let child = processes.command(name).spawn();
            let child = child.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
            processes.running.push((name.clone(), child));
        }
        processes.wait_until_healthy("router");
        processes
    }

    fn address(&self, name: &str) -> &str {
        let prefix = format!("{name}:");
        let address = self.addresses.iter().find(|(place, _)| place.starts_with(&prefix));
        address.unwrap().1
    }

    fn service(&self, name: &str) -> &Service {
        &self.compose.services[name]
    }

    /// The text with the places of the file replaced by those of this machine.
    fn here(&self, name: &str, text: &str) -> String {
        let inside = text.replace("0.0.0.0:", &format!("{name}:"));
        self.addresses.iter().fold(inside, |text, (place, address)| text.replace(place, address))
    }

    fn command(&self, name: &str) -> Command {
        let service = self.service(name);
        let log = File::create(self.log(name)).unwrap();
        let mut command = Command::new(binaries().join(&service.command[0]));
        command
            .args(service.command[1..].iter().map(|argument| self.here(name, argument)))
            // The image's folder has the same files.
            .current_dir(root())
            .env_clear()
            .envs(service.environment.iter().map(|(key, value)| (key, self.here(name, value))))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        command
    }

    fn log(&self, name: &str) -> PathBuf {
        self.logs.path().join(name)
    }

    fn wait_for_dependencies(&mut self, name: &str) {
        for (dependency, how) in self.service(name).depends_on.clone() {
            match how.condition.as_str() {
                _ if GIVEN.contains(&dependency.as_str()) => {}
                "service_healthy" => self.wait_until_healthy(&dependency),
                "service_completed_successfully" => {
                    let status = self.wait_until_ended(&dependency);
                    assert!(status.success(), "{dependency}: {status}");
                }
                other => panic!("{name} waits for {dependency} to be `{other}`"),
            }
        }
    }

    /// Runs the health check of the file until it succeeds.
    fn wait_until_healthy(&mut self, name: &str) {
        let check = self.service(name).healthcheck.clone().unwrap().test;
        let [kind, command, port] = &check[..] else { panic!("{name}: {check:?}") };
        assert_eq!(kind, "CMD", "{name}");
        let place = self.here(name, &format!("{name}:{port}"));
        let port = place.rsplit(':').next().unwrap();
        let started = Instant::now();
        loop {
            let mut healthy = Command::new(root().join("scripts").join(command));
            let status = healthy.arg(port).stderr(Stdio::null()).status().unwrap();
            if status.success() {
                return;
            }
            let ended = self.child(name).try_wait().unwrap();
            assert_eq!(ended, None, "{name} has ended");
            assert!(started.elapsed() < PATIENCE, "{name} did not become healthy");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn wait_until_ended(&mut self, name: &str) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child(name).try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "{name} did not end");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn child(&mut self, name: &str) -> &mut Child {
        let entry = self.running.iter_mut().find(|(running, _)| running == name);
        &mut entry.expect("it was started").1
    }

    /// Asks all to end, the last started first, as compose does; each ends by itself and cleanly.
    fn end(&mut self) {
        let names: Vec<String> = self.running.iter().rev().map(|(name, _)| name.clone()).collect();
        for name in names {
            let child = self.child(&name);
            if child.try_wait().unwrap().is_none() {
                let id = child.id().to_string();
                assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
            }
            let status = self.wait_until_ended(&name);
            assert!(status.success(), "{name}: {status}");
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            for (name, _) in &self.running {
                eprintln!("{}", end_of_log(name, &self.log(name)));
            }
        }
    }
}

fn end_of_log(name: &str, path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let mut end = format!("---- the end of the log of {name}");
    for line in &lines[lines.len().saturating_sub(30)..] {
        let _ = write!(end, "\n{line}");
    }
    end
}

/// Gives each place that the file names an address of this machine: those of the database and the bus are given, the
/// others get ports that are free.
fn addresses(compose: &Compose) -> BTreeMap<String, String> {
    let mut addresses = BTreeMap::from([
        ("postgres:5432".to_owned(), authority(&required("TEST_DATABASE_URL"))),
        ("nats:4222".to_owned(), authority(&required("TEST_NATS_URL"))),
    ]);
    let mut held = Vec::new();
    for (name, service) in &compose.services {
        let Some(listen) = service.environment.get("LISTEN") else { continue };
        // All are held until all are known, so that none is given twice.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        addresses.insert(listen.replace("0.0.0.0", name), address.to_string());
        held.push(listener);
    }
    addresses
}

/// `host:port` of a URL.
fn authority(url: &str) -> String {
    let (_, rest) = url.split_once("://").expect("a URL");
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().to_owned()
}

/// Where the binaries are: beside the folder of this test's, unless `BINARIES` says otherwise.
fn binaries() -> PathBuf {
    let beside = || {
        let test = std::env::current_exe().unwrap();
        test.ancestors().nth(2).unwrap().to_owned()
    };
    std::env::var_os("BINARIES").map_or_else(beside, PathBuf::from)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
