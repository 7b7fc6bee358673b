//! What each test starts with: logistics on a fresh database, an auth, and a clock that stands still.

use chrono::TimeDelta;
use logistics::{Config, Logistics, QuoteKey, Workers};
use migrations::Owner;
use serde_json::{Value, json};
use service::testing::{Client, access_token, each_database, parts, signing_keys};
use service::{Database, Parts, SigningKeys};
use uuid::Uuid;

use crate::auth::Auth;

const REGISTER: &str = "mutation ($input: RegisterDriverInput!) { registerDriver(input: $input) \
     { registration { id status steps { name status attempts } } problems { __typename code \
     ... on ValidationProblem { path } } } }";
const QUOTE: &str = "query ($representations: [_Any!]!, $pickup: CoordinatesInput!, $dropoff: CoordinatesInput!) \
     { _entities(representations: $representations) { ... on Product { quote(pickup: $pickup, dropoff: $dropoff) \
     { fare { amount currency } distanceMeters durationSeconds surgeMultiplier token expiresAt product { id } } } } }";
const REQUEST: &str = "mutation ($input: RequestRideInput!) { requestRide(input: $input) \
     { ride { id status version startPin quotedFare { amount currency } } problems { __typename code } } }";

/// Alexanderplatz, and a place 12 km away.
pub(crate) const PICKUP: (f64, f64) = (52.5219, 13.4132);
pub(crate) const DROPOFF: (f64, f64) = (52.4537, 13.2880);

pub(crate) struct World {
    /// As the router, for nobody.
    pub(crate) client: Client,
    pub(crate) parts: Parts,
    pub(crate) auth: Auth,
    pub(crate) workers: Workers,
    pub(crate) product_id: String,
    keys: SigningKeys,
    _logistics: Logistics,
}

/// Somebody signed in.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) client: Client,
    token: String,
}

impl Account {
    /// The same account, through another process.
    pub(crate) fn through(&self, router: &Client) -> Self {
        Self { client: router.bearer(&self.token), ..self.clone() }
    }
}

/// A driver who takes rides.
#[derive(Clone)]
pub(crate) struct OnTheRoad {
    pub(crate) account: Account,
    pub(crate) driver_id: String,
    pub(crate) vehicle_id: String,
}

/// Runs the test on every database.
pub(crate) async fn each_world(test: impl AsyncFn(World)) {
    each_database(async |database| test(World::start(database).await).await).await;
}

async fn start(parts: &Parts) -> Logistics {
    let config = Config {
        share_page: Some("https://ride.example/follow/".to_owned()),
        ..Config::new(QuoteKey::new(b"a secret that only these tests know"))
    };
    logistics::build(config, parts.clone()).await.unwrap()
}

impl World {
    async fn start(database: Database) -> Self {
        migrations::up(&database.write, Owner::Logistics).await.unwrap();
        let (parts, peers) = parts(database);
        let (auth, keys) = (Auth::default(), signing_keys());
        peers.auth.bind(auth.app(&keys));
        let logistics = start(&parts).await;
        Self {
            client: Client::new("logistics", logistics.app(), &parts),
            auth,
            workers: logistics.workers(),
            product_id: Uuid::from_u128(1).to_string(),
            keys,
            parts,
            _logistics: logistics,
        }
    }

    /// Another process of the same service, which reaches the database in its own way.
    pub(crate) async fn another_process(&self, database: Database) -> Logistics {
        start(&Parts { database, ..self.parts.clone() }).await
    }

    /// Somebody new, with these scopes.
    pub(crate) fn sign_in(&self, scopes: &[&str]) -> Account {
        let id = self.parts.clock.new_id();
        let token = access_token(&self.keys, id, scopes, self.parts.clock.now());
        Account { id: id.to_string(), client: self.client.bearer(&token), token }
    }

    /// The same account, after time has passed: access tokens live for a quarter of an hour.
    pub(crate) fn renew(&self, account: &Account) -> Account {
        let token =
            access_token(&self.keys, account.id.parse().unwrap(), &[], self.parts.clock.now());
        Account { id: account.id.clone(), client: self.client.bearer(&token), token }
    }

    pub(crate) fn operator(&self) -> Client {
        self.sign_in(&["read:drivers", "write:drivers", "read:rides", "write:rides"]).client
    }

    /// Lets the saga work until nothing is due.
    pub(crate) async fn work_off_registrations(&self) {
        while self.workers.step_registration().await.unwrap() {}
    }

    /// Lets dispatch offer what is due.
    pub(crate) async fn dispatch(&self) {
        self.workers.step_dispatch().await.unwrap();
    }

    pub(crate) fn advance(&self, by: TimeDelta) {
        self.parts.clock.advance(by);
    }

    pub(crate) async fn register(&self, account: &Account, changes: Value) -> Value {
        let mut input = registration_of(&account.id);
        merge(&mut input, changes);
        account.client.data(REGISTER, json!({ "input": input })).await["registerDriver"].take()
    }

    /// A driver, approved, with a SEDAN, available at this place.
    pub(crate) async fn driver_at(&self, place: (f64, f64)) -> OnTheRoad {
        self.driver_with(json!({}), place).await
    }

    /// The same, whose registration differs by `changes` from the usual.
    pub(crate) async fn driver_with(
        &self,
        changes: Value,
        (latitude, longitude): (f64, f64),
    ) -> OnTheRoad {
        let account = self.sign_in(&[]);
        let registered = self.register(&account, changes).await;
        assert_eq!(registered["problems"], json!([]));
        self.work_off_registrations().await;
        let mine = "query ($id: ID!) { driverByUserId(userId: $id) { id vehicles { id } } }";
        let driver =
            account.client.data(mine, json!({ "id": account.id })).await["driverByUserId"].take();
        let (driver_id, vehicle_id) = (text(&driver["id"]), text(&driver["vehicles"][0]["id"]));

        let approve = "mutation ($id: ID!) { approveDriver(input: { driverId: $id }) { driver { status } problems { code } } }";
        let approved =
            self.operator().data(approve, json!({ "id": driver_id })).await["approveDriver"].take();
        assert_eq!(approved, json!({ "driver": { "status": "APPROVED" }, "problems": [] }));

        let online = "mutation ($id: ID!) { setDriverAvailability(input: { availability: AVAILABLE, vehicleId: $id }) \
             { driver { availability } problems { code } } }";
        let answer =
            account.client.data(online, json!({ "id": vehicle_id })).await["setDriverAvailability"]
                .take();
        assert_eq!(answer, json!({ "driver": { "availability": "AVAILABLE" }, "problems": [] }));

        let point = json!({
            "coordinates": { "latitude": latitude, "longitude": longitude },
            "recordedAt": self.parts.clock.now().to_rfc3339(),
        });
        let report = "mutation ($points: [LocationPointInput!]!) { reportDriverLocation(input: { points: $points }) \
             { accepted problems { code } } }";
        let answer =
            account.client.data(report, json!({ "points": [point] })).await["reportDriverLocation"]
                .take();
        assert_eq!(answer, json!({ "accepted": 1, "problems": [] }));
        OnTheRoad { account, driver_id, vehicle_id }
    }

    /// What platform says of the product, as the router sends it along.
    pub(crate) fn product(&self) -> Value {
        json!({
            "__typename": "Product",
            "id": self.product_id,
            "serviceType": "RIDE",
            "vehicleTypes": ["SEDAN", "SUV"],
            "rateCard": {
                "currency": "EUR", "baseFare": 250, "perKilometer": 120, "perMinute": 30,
                "minimumFare": 500, "cancellationFee": 300,
            },
        })
    }

    pub(crate) async fn quote_of(&self, client: &Client, product: Value) -> Value {
        let variables = json!({ "representations": [product], "pickup": point(PICKUP), "dropoff": point(DROPOFF) });
        client.data(QUOTE, variables).await["_entities"][0]["quote"].take()
    }

    pub(crate) async fn quote(&self, client: &Client) -> Value {
        self.quote_of(client, self.product()).await
    }

    /// The payload of a request, of which `changes` differ from the usual.
    pub(crate) async fn try_request(&self, rider: &Account, token: &str, changes: Value) -> Value {
        let mut input = json!({
            "productId": self.product_id,
            "pickup": { "address": "Alexanderplatz", "coordinates": point(PICKUP) },
            "dropoff": { "coordinates": point(DROPOFF) },
            "quoteToken": token,
            "idempotencyKey": self.parts.clock.new_id().to_string(),
        });
        merge(&mut input, changes);
        rider.client.data(REQUEST, json!({ "input": input })).await["requestRide"].take()
    }

    /// A ride that waits for a driver, offered to whoever is near.
    pub(crate) async fn requested_ride(&self, rider: &Account) -> Value {
        let quote = self.quote(&rider.client).await;
        let mut payload = self.try_request(rider, &text(&quote["token"]), json!({})).await;
        assert_eq!(payload["problems"], json!([]));
        self.dispatch().await;
        payload["ride"].take()
    }

    /// Takes a requested ride to its end.
    pub(crate) async fn drive(&self, driver: &OnTheRoad, ride: &Value) {
        let steps = [
            ("acceptRide", json!({})),
            ("arriveAtPickup", json!({})),
            ("startRide", json!({ "pin": ride["startPin"] })),
            ("completeRide", json!({ "distanceMeters": 15_000 })),
        ];
        for ((mutation, mut input), version) in steps.into_iter().zip(1..) {
            input["rideId"] = ride["id"].clone();
            input["expectedVersion"] = json!(version);
            let payload = change(&driver.account.client, mutation, input).await;
            assert_eq!(payload["problems"], json!([]), "{mutation}");
        }
    }

    /// The rides offered to a driver.
    pub(crate) async fn offers(&self, driver: &OnTheRoad) -> Vec<String> {
        let offers = driver.account.client.data("{ rideOffers { ride { id } } }", json!({})).await;
        offers["rideOffers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|offer| text(&offer["ride"]["id"]))
            .collect()
    }
}

/// One mutation of a ride; its payload.
pub(crate) async fn change(client: &Client, mutation: &str, input: Value) -> Value {
    let mut input_type = mutation[..1].to_uppercase();
    input_type.push_str(&mutation[1..]);
    let document = format!(
        "mutation ($input: {input_type}Input!) {{ {mutation}(input: $input) \
         {{ ride {{ id status version }} problems {{ __typename code }} }} }}"
    );
    client.data(&document, json!({ "input": input })).await[mutation].take()
}

/// The code of a payload's first problem; empty where there is none.
pub(crate) fn problem(payload: &Value) -> String {
    payload["problems"][0]["code"].as_str().unwrap_or_default().to_owned()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

pub(crate) fn point((latitude, longitude): (f64, f64)) -> Value {
    json!({ "latitude": latitude, "longitude": longitude })
}

fn registration_of(user_id: &str) -> Value {
    json!({
        "userId": user_id,
        "vehicleType": "SEDAN",
        "serviceTypes": ["RIDE"],
        "personalInfo": {
            "licenseNumber": "B072RRE2I55", "licenseExpiresOn": "2031-12-31",
            "dateOfBirth": "1990-01-31", "address": "Unter den Linden 1, Berlin",
        },
        "vehicleDetails": {
            "make": "Toyota", "model": "Prius", "year": 2022, "color": "white",
            "plateNumber": "B RG 2026", "seats": 4,
        },
    })
}

/// Puts the fields of `changes` over those of `value`, objects field by field.
fn merge(value: &mut Value, changes: Value) {
    match (value, changes) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(fields.entry(name).or_insert(Value::Null), change);
            }
        }
        (value, change) => *value = change,
    }
}
