//! The processes that `compose.yaml` names, started with its commands and variables, on this machine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::compose::{Compose, Service};
use crate::database::required;

/// How long a process may take to start, or to end, or to do what it is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// What compose takes from a running container of another image; here it is given.
const GIVEN: [&str; 2] = ["postgres", "nats"];

/// What runs, and what it said. A test that fails prints the ends of the logs, and leaves nothing running.
pub(crate) struct Processes {
    compose: Compose,
    /// Where each service of the file is, as the file calls it: `auth:4001`.
    addresses: BTreeMap<String, String>,
    running: Vec<(String, Child)>,
    logs: TempDir,
}

impl Processes {
    /// What the file says with these variables, on the database at this address. Nothing runs yet.
    pub(crate) fn new(variables: &BTreeMap<String, String>, database_address: &str) -> Self {
        let compose = Compose::read().interpolate(variables).unwrap();
        let addresses = addresses(&compose, database_address);
        let logs = tempfile::tempdir().unwrap();
        Self { compose, addresses, running: Vec::new(), logs }
    }

    /// Gives a process another value of a variable than the file does.
    pub(crate) fn set(&mut self, name: &str, variable: &str, value: &str) {
        let service = self.compose.services.get_mut(name).expect("the file has it");
        service.environment.insert(variable.to_owned(), value.to_owned());
    }

    /// Has another process run like this one, under a name and at an address of its own.
    pub(crate) fn replicate(&mut self, name: &str, replica: &str) {
        let service = self.service(name).clone();
        let port = service.environment["LISTEN"].rsplit(':').next().unwrap().to_owned();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        self.addresses.insert(format!("{replica}:{port}"), free.to_string());
        self.compose.services.insert(replica.to_owned(), service);
    }

    /// Starts everything, and waits until the router is well.
    pub(crate) fn start(&mut self) {
        let order: Vec<String> = self.compose.in_order().into_iter().map(str::to_owned).collect();
        for name in order.iter().filter(|name| !GIVEN.contains(&name.as_str())) {
            self.wait_for_dependencies(name);
            self.start_one(name);
        }
        self.wait_until_healthy("router");
    }

    /// Ends a process and starts it again, with the settings that it had.
    pub(crate) fn restart(&mut self, name: &str) {
        self.stop(name);
        self.start_again(name);
    }

    /// Ends a process.
    pub(crate) fn stop(&mut self, name: &str) {
        self.end_one(name);
        self.running.retain(|(running, _)| running != name);
    }

    /// Kills a process: it learns nothing of it (SIGKILL).
    pub(crate) fn kill(&mut self, name: &str) {
        let child = self.child(name);
        child.kill().unwrap();
        child.wait().unwrap();
        self.running.retain(|(running, _)| running != name);
    }

    /// Starts a process that was ended, and waits until it is well.
    pub(crate) fn start_again(&mut self, name: &str) {
        self.start_one(name);
        self.wait_until_healthy(name);
    }

    /// Runs `migrate` with these arguments and the variables of the file, to its end; what it says.
    pub(crate) async fn migrate(&self, arguments: &[&str]) -> String {
        let service = self.service("migrate");
        let mut command = Command::new(binaries().join("migrate"));
        command.args(arguments).env_clear().envs(self.environment("migrate", service));
        // Aside: the caller's other futures go on.
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = said(&output);
        assert!(output.status.success(), "migrate {arguments:?}: {said}");
        said
    }

    /// Runs a process that must end by itself; whether it succeeded, and what it said.
    pub(crate) fn outcome(&self, name: &str) -> (bool, String) {
        let mut command = self.command(name);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command.output().unwrap();
        (output.status.success(), said(&output))
    }

    fn start_one(&mut self, name: &str) {
        let child = self.command(name).spawn();
        let child = child.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        self.running.push((name.to_owned(), child));
    }

    /// `http://…` of a service.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}", self.address(name))
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

    fn environment<'a>(
        &'a self,
        name: &'a str,
        service: &'a Service,
    ) -> impl Iterator<Item = (&'a String, String)> {
        service.environment.iter().map(move |(key, value)| (key, self.here(name, value)))
    }

    fn command(&self, name: &str) -> Command {
        let service = self.service(name);
        let log = File::options().append(true).create(true).open(self.log(name)).unwrap();
        let mut command = Command::new(binaries().join(&service.command[0]));
        command
            .args(service.command[1..].iter().map(|argument| self.here(name, argument)))
            // The image's folder has the same files.
            .current_dir(root())
            .env_clear()
            .envs(self.environment(name, service))
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

    /// The id of a process.
    pub(crate) fn id(&mut self, name: &str) -> u32 {
        self.child(name).id()
    }

    fn child(&mut self, name: &str) -> &mut Child {
        let entry = self.running.iter_mut().find(|(running, _)| running == name);
        &mut entry.expect("it was started").1
    }

    /// Asks all to end, the last started first, as compose does; each ends by itself and cleanly.
    pub(crate) fn end(&mut self) {
        let names: Vec<String> = self.running.iter().rev().map(|(name, _)| name.clone()).collect();
        for name in names {
            self.end_one(&name);
        }
    }

    fn end_one(&mut self, name: &str) {
        let child = self.child(name);
        if child.try_wait().unwrap().is_none() {
            let id = child.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        }
        let status = self.wait_until_ended(name);
        assert!(status.success(), "{name}: {status}");
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
fn addresses(compose: &Compose, database_address: &str) -> BTreeMap<String, String> {
    let mut addresses = BTreeMap::from([
        ("postgres:5432".to_owned(), database_address.to_owned()),
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

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// `host:port` of a URL.
pub(crate) fn authority(url: &str) -> String {
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
