//! Events under load, on a Postgres and a NATS of their own: all that are written are published, and each is applied by each
//! of its consumers, once.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::json;
use tempfile::TempDir;

use crate::database::{FreshDatabase, required};
use crate::load::{Load, Tally};
use crate::running::{PATIENCE, Processes, authority};
use crate::story::{Story, User};
use crate::{place, variables};

const RIDERS: usize = 4;
const ROUNDS: u64 = 10;
const SERVICES: [&str; 3] = ["auth", "logistics", "platform"];

/// Who applies which events of whom.
const CONSUMERS: [(&str, &str, &str, &str); 3] = [
    ("logistics", "logistics-riders", "auth", "kind IN ('user.created', 'user.deactivated')"),
    (
        "logistics",
        "logistics-catalogue",
        "platform",
        "kind IN ('product.updated', 'channel.updated')",
    ),
    ("platform", "platform-rides", "logistics", "kind LIKE 'ride.%' AND kind <> 'ride.offered'"),
];

/// A NATS server of the test's own: the consumers of other tests would take what is meant for its processes.
struct Nats {
    server: Child,
    url: String,
    _folder: TempDir,
}

impl Nats {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let server = Command::new("nats-server")
            .env("PATH", path)
            .args(["-a", "127.0.0.1", "-p", "-1", "-js", "--ports_file_dir"])
            .arg(folder.path())
            .arg("-sd")
            .arg(folder.path().join("store"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let ports = folder.path().join(format!("nats-server_{}.ports", server.id()));
        let started = Instant::now();
        let url = loop {
            let text = fs::read_to_string(&ports).unwrap_or_default();
            let ports: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            if let Some(url) = ports["nats"][0].as_str() {
                break url.to_owned();
            }
            assert!(started.elapsed() < PATIENCE, "nats-server does not come up");
            std::thread::yield_now();
        };
        Self { server, url, _folder: folder }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Waits until there are so many rows.
async fn reaches(database: &FreshDatabase, rows: &str, wanted: i64) {
    let reached = async { while database.count(rows).await != wanted {} };
    let reached = tokio::time::timeout(PATIENCE, reached).await;
    assert!(reached.is_ok(), "{} of {wanted}: {rows}", database.count(rows).await);
}

/// Changes a channel and a product: told, and of no consequence for riders.
async fn touch_the_catalogue(story: &Story<'_>, admin: &User) {
    let query = "{ serviceChannels(first: 1) { nodes { id name products { id version } } } }";
    let mut seen = story.data(Some(admin), query, json!({})).await;
    let channel = seen["serviceChannels"]["nodes"][0].take();
    let (id, name, product) = (&channel["id"], &channel["name"], &channel["products"][0]);
    let same = json!({ "id": id, "name": name });
    story.does(Some(admin), "updateServiceChannel", "channel { id }", same).await;
    let same = json!({ "id": product["id"], "expectedVersion": product["version"] });
    story.does(Some(admin), "updateProduct", "product { id }", same).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_of_a_busy_time_is_published_and_applied_once() {
    let (database, nats) = (FreshDatabase::create("events").await, Nats::start());
    let variables = variables(&database);
    let mut processes = Processes::new(&variables, &authority(&required("TEST_DATABASE_URL")));
    for service in SERVICES {
        processes.set(service, "NATS_URL", &nats.url);
    }
    processes.start();
    let place = place(&processes, &variables);
    let load = Load::new(&place, RIDERS).await;
    let story = Story::new(&place);
    let admin = story.log_in(&place.admin_email, &place.admin_password).await;
    let busy = async |tally: &Tally| {
        for _ in 0..ROUNDS {
            touch_the_catalogue(&story, &admin).await;
            tally.more(1).await;
        }
    };
    let (tally, ()) = load.during(busy).await;

    println!("{} requests of {RIDERS} riders; events:", tally.answered());
    for service in SERVICES {
        let written = database.count(&format!("{service}_outbox")).await;
        let published = format!("{service}_outbox WHERE published_at IS NOT NULL");
        reaches(&database, &published, written).await;
        assert_eq!(database.count(&format!("{service}_delivery")).await, 0, "none failed");
        println!("  {service:10} {written:5} written, {written:5} published");
    }
    for (service, consumer, teller, kinds) in CONSUMERS {
        let told = database.count(&format!("{teller}_outbox WHERE {kinds}")).await;
        assert!(told > 0, "{consumer} has something to do");
        let applied = format!("{service}_inbox WHERE consumer = '{consumer}'");
        reaches(&database, &applied, told).await;
        println!("  {consumer:20} {told:5} told by {teller}, {told:5} applied");
    }
    let rides = database.count("\"Ride\"").await;
    assert_eq!(database.count("platform_ride WHERE status = 'CANCELLED'").await, rides);
    let riders = i64::try_from(RIDERS).unwrap();
    assert!(database.count("logistics_rider").await >= riders);
    processes.end();
    database.drop().await;
}
