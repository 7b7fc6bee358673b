//! Two processes of logistics on one bus, each behind a router of its own: whoever watches at one sees what is done at the
//! other, over a WebSocket and over server-sent events.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::database::{FreshDatabase, required};
use crate::gate::{Gate, When};
use crate::running::{PATIENCE, Processes, authority};
use crate::socket::Socket;
use crate::story::{Place, Story, User, registration};
use crate::{place, variables};

/// How many subscriptions a process of logistics serves.
async fn streams(processes: &Processes, name: &str) -> u64 {
    let metrics = reqwest::get(format!("{}/metrics", processes.url(name))).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let gauge = "graphql_streams{service=\"logistics\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(gauge));
    line.map_or(0, |number| number.parse().unwrap())
}

/// Waits until the first process serves so many, and the other none.
async fn are_open(processes: &Processes, wanted: u64) {
    while streams(processes, "logistics").await != wanted {}
    assert_eq!(streams(processes, "logistics-2").await, 0, "everybody watches at the first");
}

struct Scene<'a> {
    processes: &'a Processes,
    database: &'a FreshDatabase,
    gate: Gate,
    /// Where everybody watches.
    here: &'a Place,
    watching: Story<'a>,
    /// Where everything is done.
    acting: Story<'a>,
}

impl Scene<'_> {
    /// Operations cancel a registration there; its user sees it here.
    async fn a_registration_is_watched(&mut self, admin: &User) -> Duration {
        let user = self.acting.register("Quentin", "quitter").await;
        self.gate.bar(When::Asked, "isActive");
        let input = registration(&user.id);
        let started =
            self.acting.does(Some(&user), "registerDriver", "registration { id }", input).await;
        let id = &started["registration"]["id"];
        self.gate.holds_one().await;
        let query = "subscription ($id: ID!) { driverRegistrationUpdated(id: $id) { status user { firstName } } }";
        let mut watched = self.watching.subscribes(&user, query, json!({ "id": id })).await;
        are_open(self.processes, 1).await;
        let cancel = json!({ "registrationId": id });
        let began = Instant::now();
        self.acting
            .does(Some(admin), "cancelDriverRegistration", "registration { id }", cancel)
            .await;
        let seen = watched.reaches("COMPENSATING").await;
        let took = began.elapsed();
        assert_eq!(seen["user"]["firstName"], "Quentin", "another service's field");
        self.gate.let_go();
        let ended = "UPDATE \"DriverRegistrationSession\" SET lease_until = now()";
        self.database.run(ended).await;
        watched.reaches("COMPENSATED").await;
        assert_eq!(watched.next().await, None, "nothing follows");
        took
    }

    /// A ride is requested there; the driver sees the offer here.
    async fn an_offer_is_watched(&self, rider: &User, driver: &User) -> (String, Duration) {
        let query = "subscription { rideOffered { ride { id pickup { address } } } }";
        let mut watched = self.watching.subscribes(driver, query, json!({})).await;
        are_open(self.processes, 1).await;
        let (product, quote) = self.acting.sees_home(rider).await;
        let began = Instant::now();
        let ride = self.acting.requests(rider, &product, &quote).await;
        let offer = watched.next().await.unwrap();
        let expected = json!({ "id": ride, "pickup": { "address": "Alexanderplatz" } });
        assert_eq!(offer["ride"], expected);
        (ride, began.elapsed())
    }

    /// The driver accepts and moves there; the rider sees both here.
    async fn a_ride_is_watched(&self, rider: &User, driver: &User, ride: &str) -> Duration {
        let mut socket = Socket::connect(&self.here.url, rider).await;
        let ride_updated = "subscription ($ride: ID!) { rideUpdated(rideId: $ride) { status driver { user { firstName } } } }";
        let located = "subscription ($ride: ID!) { rideDriverLocation(rideId: $ride) { coordinates { latitude } } }";
        socket.subscribe("ride", ride_updated, json!({ "ride": ride })).await;
        socket.subscribe("place", located, json!({ "ride": ride })).await;
        are_open(self.processes, 2).await;

        let began = Instant::now();
        let accept = json!({ "rideId": ride, "expectedVersion": 1 });
        self.acting.does(Some(driver), "acceptRide", "ride { id }", accept).await;
        let seen = socket.next("ride").await.unwrap();
        let took = began.elapsed();
        let expected =
            json!({ "status": "ACCEPTED", "driver": { "user": { "firstName": "Dora" } } });
        assert_eq!(seen["rideUpdated"], expected);

        self.reports(driver, 52.5215).await;
        while at(&socket.next("place").await.unwrap()) != json!(52.5215) {}
        let cancel = json!({ "rideId": ride, "reason": "CHANGED_MIND" });
        self.acting.does(Some(rider), "cancelRide", "ride { id }", cancel).await;
        assert_eq!(socket.next("ride").await.unwrap()["rideUpdated"]["status"], "CANCELLED");
        assert_eq!(socket.next("ride").await, None, "nothing follows");
        took
    }

    async fn reports(&self, driver: &User, latitude: f64) {
        let points = json!({ "points": [{
            "coordinates": { "latitude": latitude, "longitude": 13.4094 }, "recordedAt": chrono::Utc::now(),
        }] });
        self.acting.does(Some(driver), "reportDriverLocation", "accepted", points).await;
    }
}

fn at(location: &Value) -> Value {
    location["rideDriverLocation"]["coordinates"]["latitude"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_at_one_replica_is_watched_at_the_other() {
    let database = FreshDatabase::create("replicas").await;
    let variables = variables(&database);
    let mut processes = Processes::new(&variables, &authority(&required("TEST_DATABASE_URL")));
    let gate = Gate::on_the_way_to(processes.url("auth")).await;
    processes.set("logistics", "AUTH_URL", gate.url());
    processes.replicate("logistics", "logistics-2");
    processes.replicate("router", "router-2");
    processes.set("router-2", "LOGISTICS_URL", "http://logistics-2:4002");
    processes.start();
    let here = place(&processes, &variables);
    let there = Place { url: processes.url("router-2"), ..place(&processes, &variables) };
    let (watching, acting) = (Story::new(&here), Story::new(&there));
    let mut scene =
        Scene { processes: &processes, database: &database, gate, here: &here, watching, acting };

    let whole = async {
        let admin = scene.acting.log_in(&there.admin_email, &there.admin_password).await;
        let registration = scene.a_registration_is_watched(&admin).await;
        let rider = scene.acting.register("Rita", "rider").await;
        let driver = scene.acting.register("Dora", "driver").await;
        scene.acting.becomes_driver(&driver, &admin, &rider).await;
        scene.acting.goes_online(&driver, 52.5210).await;
        let (ride, offer) = scene.an_offer_is_watched(&rider, &driver).await;
        are_open(&processes, 0).await;
        let update = scene.a_ride_is_watched(&rider, &driver, &ride).await;
        println!(
            "from the request at one replica to the event at the other: a registration's {registration:?}, an offer \
             {offer:?}, a ride's {update:?}"
        );
    };
    tokio::time::timeout(PATIENCE, whole).await.expect("all events come");
    processes.end();
    database.drop().await;
}
