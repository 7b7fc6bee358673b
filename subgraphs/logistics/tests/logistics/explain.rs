//! What Postgres does for the queries that people wait for, at the size of a city: each is served by an index, and no
//! table that grows is scanned.
//!
//! The plans are those of the statements that the service really sends: Postgres itself (`auto_explain`) tells each
//! connection how it has just run a statement, and that is what is read here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use logistics::Logistics;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};
use service::Database;
use service::testing::Client;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::world::{Account, DROPOFF, OnTheRoad, PICKUP, World, each_world, point, text};

/// The tables that grow with drivers, rides and time.
const GROWING: [&str; 9] = [
    "Driver",
    "Vehicle",
    "Ride",
    "DriverRegistrationSession",
    "logistics_ride_event",
    "logistics_offer",
    "logistics_safety_alert",
    "logistics_shift",
    "logistics_outbox",
];

/// A city of 50,000 drivers online, and the rides of some months.
const CITY: &str = r#"
INSERT INTO "Driver" (id, user_id, license_number, license_expires_on, personal_info, vehicle_type, service_types, status,
    rating_sum, rating_count, availability, latitude, longitude, located_at, cell, x, y, z, created_at)
SELECT gen_random_uuid(), gen_random_uuid(), 'B072RRE2I55', '2031-12-31', '{}',
    CASE WHEN n % 3 = 0 THEN 'SUV' ELSE 'SEDAN' END, '["RIDE"]', 'APPROVED', 0, 0,
    CASE WHEN n % 5 = 0 THEN 'ON_RIDE' ELSE 'AVAILABLE' END, latitude, longitude, now, row * 65536
        + floor((longitude + 180) / 360 * floor(36000 * cos(radians((row + 0.5) / 100 - 90))))::int,
    cos(radians(latitude)) * cos(radians(longitude)), cos(radians(latitude)) * sin(radians(longitude)),
    sin(radians(latitude)), now - n * interval '1 minute'
FROM (SELECT n, latitude, longitude, floor((latitude + 90) * 100)::int AS row, to_timestamp(1780000000) AS now
    FROM (SELECT n, 52.35 + random() * 0.35 AS latitude, 13.1 + random() * 0.6 AS longitude
        FROM generate_series(1, 62500) AS n) AS place) AS driver;
INSERT INTO "Vehicle" SELECT gen_random_uuid(), id, vehicle_type, 'Toyota', 'Prius', 2022, 'white', 'B RG 2026', 4, true, created_at
    FROM "Driver";
INSERT INTO "Ride" (id, rider_id, driver_id, product_id, service_type, vehicle_types, status, pickup_latitude,
    pickup_longitude, pickup_cell, dropoff_latitude, dropoff_longitude, currency, quoted_fare, cancellation_fee, final_fare,
    quoted_meters, quoted_seconds, start_pin, ended_at, next_offer_at, expires_at, version, created_at, updated_at)
SELECT gen_random_uuid(), md5('rider ' || ride.n % 20000)::uuid, driver.id, gen_random_uuid(), 'RIDE', '["SEDAN"]', 'COMPLETED',
    52.5, 13.4, 0, 52.4, 13.3, 'EUR', 1500, 300, 1500, 9000, 1200, '0000', at, at, at, 5, at, at
FROM (SELECT n, to_timestamp(1780000000) - n * interval '1 minute' AS at FROM generate_series(1, 100000) AS n) AS ride
    JOIN (SELECT id, row_number() OVER () AS n FROM "Driver") AS driver ON driver.n = 1 + ride.n % 5000;
INSERT INTO "logistics_ride_event" SELECT gen_random_uuid(), id, status, 'DRIVER', version, created_at FROM "Ride";
INSERT INTO "logistics_offer" SELECT id, driver_id, 'ACCEPTED', 500, created_at, created_at FROM "Ride";
INSERT INTO "logistics_safety_alert" (id, ride_id, raised_by, kind, status, created_at)
    SELECT gen_random_uuid(), id, 'RIDER', 'SOS', 'RESOLVED', created_at FROM "Ride" LIMIT 20000;
INSERT INTO "logistics_shift" SELECT gen_random_uuid(), id, created_at, created_at FROM "Driver";
INSERT INTO "DriverRegistrationSession" (id, user_id, driver_id, status, input, steps, next_at, version, created_at, updated_at)
    SELECT gen_random_uuid(), user_id, id, 'COMPLETED', '{}', '[]', created_at, 4, created_at, created_at FROM "Driver";
INSERT INTO "logistics_outbox" (id, kind, aggregate, aggregate_id, payload, created_at, published_at)
    SELECT gen_random_uuid(), 'ride.completed', 'ride', id, '{}', to_timestamp(1780000000), to_timestamp(1780000000)
    FROM "Ride";
ANALYZE;
"#;

/// The plans that Postgres has told of.
#[derive(Clone, Default)]
struct Plans(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Plans {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::postgres::notice" {
            let mut told = Told::default();
            event.record(&mut told);
            if told.0.starts_with("duration: ") {
                self.0.lock().unwrap().push(told.0);
            }
        }
    }
}

#[derive(Default)]
struct Told(String);

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl Plans {
    /// What this process hears from now on.
    ///
    /// It listens for the whole process, though one test alone asks for plans: where a subscriber is of one thread, and
    /// another thread is the first to pass the place where sqlx tells of a notice, that place stays silent for both.
    fn heard() -> Self {
        let plans = Self::default();
        let subscriber = tracing_subscriber::registry().with(plans.clone());
        tracing::subscriber::set_global_default(subscriber).unwrap();
        tracing::callsite::rebuild_interest_cache();
        plans
    }

    /// The plans since the last time.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// The same database, whose connections tell of their plans, and plan for a disk without moving parts.
async fn explained(database: &Database) -> Database {
    let options = database.read.get_postgres_connection_pool().connect_options();
    let mut url = format!(
        "postgres://{}@{}:{}/{}?options[session_preload_libraries]=auto_explain&options[random_page_cost]=1.1",
        options.get_username(),
        options.get_host(),
        options.get_port(),
        options.get_database().unwrap(),
    );
    for (setting, value) in
        [("log_min_duration", "0"), ("log_analyze", "on"), ("log_level", "notice")]
    {
        write!(url, "&options[auto_explain.{setting}]={value}").unwrap();
    }
    Database::connect(&url, None).await.unwrap()
}

/// Where a plan scans a table that grows.
fn scanned(plan: &str) -> Option<&'static str> {
    GROWING.into_iter().find(|table| {
        let names = [format!("Seq Scan on \"{table}\""), format!("Seq Scan on {table} ")];
        names.iter().any(|name| plan.contains(name))
    })
}

/// How long the statement took, in milliseconds: `duration: 1.234 ms`.
fn duration(plan: &str) -> f64 {
    let after = plan.split("duration: ").nth(1).unwrap();
    after.split(' ').next().unwrap().parse().unwrap()
}

struct Explained<'a> {
    world: &'a World,
    plans: Plans,
    figures: BTreeMap<String, (usize, f64)>,
}

impl Explained<'_> {
    /// What the service did since the last time, events apart.
    fn check(&mut self, name: &str) {
        let plans = self.plans.take();
        let plans: Vec<String> = plans.into_iter().filter(|plan| !is_of_events(plan)).collect();
        self.hold(name, &plans);
    }

    /// No scan, and how long it took in Postgres.
    fn hold(&mut self, name: &str, plans: &[String]) {
        assert!(!plans.is_empty(), "{name} asked nothing");
        for plan in plans {
            assert_eq!(scanned(plan), None, "{name}: {plan}");
        }
        let took: f64 = plans.iter().map(|plan| duration(plan)).sum();
        self.figures.insert(name.to_owned(), (plans.len(), took));
    }

    /// One operation, so often that a prepared statement gets its lasting plan; the last time counts.
    async fn operation(
        &mut self,
        name: &str,
        client: &Client,
        document: &str,
        variables: Value,
    ) -> Value {
        let mut answer = Value::Null;
        for _ in 0..7 {
            self.plans.take();
            answer = client.data(document, variables.clone()).await;
        }
        self.check(name);
        answer
    }
}

#[tokio::test]
async fn an_index_serves_each_query_and_no_table_that_grows_is_scanned() {
    each_world(async |world| {
        if world.parts.database.backend() != DbBackend::Postgres {
            return;
        }
        // One who is known by name, beside the many.
        let driver = world.driver_at(PICKUP).await;
        world.parts.database.write.execute_unprepared(CITY).await.unwrap();
        let plans = Plans::heard();
        let database = explained(&world.parts.database).await;
        database
            .read
            .execute_unprepared("SELECT count(*) FROM \"Ride\" WHERE final_fare > 0")
            .await
            .unwrap();
        assert_eq!(
            plans.take().iter().find_map(|plan| scanned(plan)),
            Some("Ride"),
            "a scan is seen"
        );
        let process = world.another_process(database).await;
        let mut explained = Explained { world: &world, plans, figures: BTreeMap::new() };
        explained.all(&process, &driver).await;
        for (name, (statements, took)) in &explained.figures {
            println!("{name:<44} {statements:>3} statements {took:>8.2} ms");
        }
    })
    .await;
}

impl Explained<'_> {
    async fn all(&mut self, process: &Logistics, driver: &OnTheRoad) {
        let world = self.world;
        let router = Client::new("logistics", process.app(), &world.parts);
        let rider = world.sign_in(&[]).through(&router);
        let operator =
            world.sign_in(&["read:drivers", "read:rides", "write:rides"]).through(&router);
        let own = driver.account.through(&router);
        let near = json!({ "near": point(PICKUP) });

        let map = "query ($near: CoordinatesInput!) { nearbyDrivers(near: $near, radiusMeters: 3000) { vehicleType } }";
        let seen = self.operation("nearby drivers (50,000 online)", &rider.client, map, near).await;
        assert_eq!(seen["nearbyDrivers"].as_array().unwrap().len(), 20);

        let home = "query ($representations: [_Any!]!, $product: [_Any!]!, $pickup: CoordinatesInput!, $dropoff: CoordinatesInput!) { \
             me: _entities(representations: $representations) { ... on User { isDriver activeRide { id } rides(first: 5) { nodes { id } } \
             riderRating driverRegistration { status } } } \
             products: _entities(representations: $product) { ... on Product { quote(pickup: $pickup, dropoff: $dropoff) \
             { fare { amount } surgeMultiplier pickupEtaSeconds } } } }";
        let variables = json!({
            "representations": [{ "__typename": "User", "id": rider.id }],
            "product": [world.product()], "pickup": point(PICKUP), "dropoff": point(DROPOFF),
        });
        let seen = self.operation("home screen", &rider.client, home, variables).await;
        assert!(seen["products"][0]["quote"]["pickupEtaSeconds"].is_number());

        self.ride_lists(&operator.client).await;
        let of = "query ($id: ID!, $from: DateTime!, $to: DateTime!) { driver(id: $id) { rides(first: 20) { nodes { id events { status } } } \
             earnings(from: $from, to: $to) { rideCount } vehicles { id } } }";
        let time = json!({ "id": driver.driver_id, "from": "2026-05-01T00:00:00Z", "to": "2026-06-01T00:00:00Z" });
        self.operation("a driver's rides and earnings", &own.client, of, time).await;
        self.operation(
            "a driver's offers",
            &own.client,
            "{ rideOffers { ride { id } } }",
            json!({}),
        )
        .await;
        let lists = "{ drivers(first: 20) { nodes { id } } driverRegistrations(first: 20) { nodes { id } } \
             safetyAlerts(first: 20, filter: { status: OPEN }) { nodes { id } } }";
        self.operation("operations' lists", &operator.client, lists, json!({})).await;
        self.report(&own).await;
        self.batches(&router).await;
        self.ride(process, &rider, driver).await;
    }

    async fn ride_lists(&mut self, operator: &Client) {
        let newest = "query ($after: String) { rides(first: 20, after: $after) { pageInfo { endCursor } nodes { id driver { id } } } }";
        let first = self.operation("ride list, first page", operator, newest, json!({})).await;
        let after = json!({ "after": first["rides"]["pageInfo"]["endCursor"] });
        self.operation("ride list, next page", operator, newest, after).await;
        let oldest = "{ rides(last: 20) { nodes { id } } }";
        self.operation("ride list, last page", operator, oldest, json!({})).await;

        let of = "query ($id: ID!) { _entities(representations: [{ __typename: \"User\", id: $id }]) \
             { ... on User { rides(first: 20) { nodes { id } } } } }";
        let known = "SELECT md5('rider 7')::uuid::text AS id";
        let id = self.texts(known).await.remove(0);
        let seen = self.operation("a rider's rides", operator, of, json!({ "id": id })).await;
        assert_eq!(seen["_entities"][0]["rides"]["nodes"].as_array().unwrap().len(), 5);
    }

    /// The column `id` of what Postgres answers.
    async fn texts(&self, statement: &str) -> Vec<String> {
        let statement = Statement::from_string(DbBackend::Postgres, statement);
        let rows = self.world.parts.database.read.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get("", "id").unwrap()).collect()
    }

    async fn report(&mut self, own: &Account) {
        let report = "mutation ($at: DateTime!, $to: CoordinatesInput!) { reportDriverLocation(input: { points: [{ coordinates: $to, recordedAt: $at }] }) { accepted } }";
        for second in 1..8 {
            self.plans.take();
            let at = self.world.parts.clock.now() + chrono::TimeDelta::seconds(second);
            own.client.data(report, json!({ "at": at.to_rfc3339(), "to": point(PICKUP) })).await;
        }
        self.check("a position reported");
    }

    /// However many entities are asked for, it is one statement.
    async fn batches(&mut self, router: &Client) {
        let ids = self.texts("SELECT id::text AS id FROM \"Driver\" LIMIT 1000").await;
        let document = "query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Driver { id rating } } }";
        for size in [1, 10, 100, 1_000] {
            let representations: Vec<Value> =
                ids[..size].iter().map(|id| json!({ "__typename": "Driver", "id": id })).collect();
            let name = format!("_entities, {size} of Driver");
            self.operation(&name, router, document, json!({ "representations": representations }))
                .await;
            assert_eq!(self.figures[&name].0, 1, "{name}");
        }
    }

    /// A ride from the request to the offer, with dispatch, the relay and the saga of those days.
    async fn ride(&mut self, process: &Logistics, rider: &Account, driver: &OnTheRoad) {
        let world = self.world;
        self.plans.take();
        let token = text(&world.quote(&rider.client).await["token"]);
        let ride = world.try_request(rider, &token, json!({})).await["ride"].take();
        assert_eq!(ride["status"], "REQUESTED");
        self.check("a ride requested");
        process.workers().step_dispatch().await.unwrap();
        self.check("dispatch");
        assert_eq!(world.offers(driver).await, [text(&ride["id"])], "the nearest of 50,000");
        let robin = world.sign_in(&[]);
        world.register(&robin, json!({})).await;
        while process.workers().step_registration().await.unwrap() {}
        self.check("a registration, whole");
        self.relay().await;
    }

    /// The relay looks by itself, twice a second: what it asks is told like the rest.
    async fn relay(&mut self) {
        let looked = |plans: &[String]| {
            plans.iter().any(|plan| {
                plan.contains("FROM \"logistics_outbox\"") && plan.contains("published_at")
            })
        };
        while !looked(&self.plans.0.lock().unwrap()) {
            tokio::task::yield_now().await;
        }
        let plans = self.plans.take();
        let plans: Vec<String> = plans.into_iter().filter(|plan| is_of_events(plan)).collect();
        self.hold("the outbox looked through", &plans);
    }
}

/// The relay and the consumers work beside, whatever is asked.
fn is_of_events(plan: &str) -> bool {
    ["pg_try_advisory", "logistics_outbox", "logistics_inbox", "logistics_delivery"]
        .iter()
        .any(|name| plan.contains(name))
}
