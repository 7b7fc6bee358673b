//! Whatever riders, drivers and operations try, in whatever order: a ride does what a model of it says, and nothing else.
//!
//! The model is written from the contract, not from the code: a table of who may do what in which state, the rule of the
//! fee, and what may be seen of a ride at any time.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::world::{Account, OnTheRoad, PICKUP, World, change, each_world, point, text};

/// How many rides, and how much happens to each.
const RIDES: usize = 24;
const ACTS: usize = 24;
const FEE: i64 = 300;

/// What somebody tries. The number is the driver's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Accept(usize),
    Arrive(usize),
    Start(usize),
    Complete(usize),
    CancelByRider {
        blames: bool,
    },
    CancelByDriver {
        driver: usize,
        no_show: bool,
    },
    CancelByOperations,
    Assign(usize),
    /// With a version that was.
    ArriveLate(usize),
    /// So many seconds pass, and dispatch works.
    Wait(i64),
}

fn act() -> impl Strategy<Value = Act> {
    let driver = 0..2_usize;
    prop_oneof![
        8 => driver.clone().prop_map(Act::Accept),
        10 => driver.clone().prop_map(Act::Arrive),
        10 => driver.clone().prop_map(Act::Start),
        10 => driver.clone().prop_map(Act::Complete),
        1 => any::<bool>().prop_map(|blames| Act::CancelByRider { blames }),
        2 => (driver.clone(), any::<bool>()).prop_map(|(driver, no_show)| Act::CancelByDriver { driver, no_show }),
        1 => Just(Act::CancelByOperations),
        2 => driver.clone().prop_map(Act::Assign),
        2 => driver.prop_map(Act::ArriveLate),
        5 => prop_oneof![Just(5_i64), Just(21), Just(130), Just(660)].prop_map(Act::Wait),
    ]
}

/// What the model knows of a ride.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Model {
    status: &'static str,
    driver: Option<usize>,
    version: i64,
    accepted_at: Option<DateTime<Utc>>,
    fee: Option<i64>,
}

impl Model {
    const fn requested() -> Self {
        Self { status: "REQUESTED", driver: None, version: 1, accepted_at: None, fee: None }
    }

    fn goes(&self, status: &'static str) -> Self {
        Self { status, version: self.version + 1, ..self.clone() }
    }

    fn is_with(&self, driver: usize) -> bool {
        self.driver == Some(driver)
    }

    fn given_to(&self, driver: usize, now: DateTime<Utc>) -> Self {
        Self { driver: Some(driver), accepted_at: Some(now), ..self.goes("ACCEPTED") }
    }

    fn cancelled(&self, fee: Option<i64>) -> Self {
        Self { fee, ..self.goes("CANCELLED") }
    }

    /// What becomes of the ride; none where nothing does.
    fn after(&self, act: Act, now: DateTime<Utc>, is_offered: bool) -> Option<Self> {
        let is_late = self.accepted_at.is_some_and(|at| now - at > TimeDelta::minutes(2));
        match (act, self.status) {
            (Act::Accept(driver), "REQUESTED") => is_offered.then(|| self.given_to(driver, now)),
            (Act::Assign(driver), "REQUESTED") => Some(self.given_to(driver, now)),
            (Act::Assign(driver), "ACCEPTED" | "DRIVER_ARRIVED") => {
                (!self.is_with(driver)).then(|| self.given_to(driver, now))
            }
            (Act::Arrive(driver), "ACCEPTED") => {
                self.is_with(driver).then(|| self.goes("DRIVER_ARRIVED"))
            }
            (Act::Start(driver), "DRIVER_ARRIVED") => {
                self.is_with(driver).then(|| self.goes("IN_PROGRESS"))
            }
            (Act::Complete(driver), "IN_PROGRESS") => {
                self.is_with(driver).then(|| self.goes("COMPLETED"))
            }
            (Act::CancelByRider { blames }, "REQUESTED" | "ACCEPTED" | "DRIVER_ARRIVED") => {
                let owes = self.status == "DRIVER_ARRIVED" || self.status == "ACCEPTED" && is_late;
                Some(self.cancelled((owes && !blames).then_some(FEE)))
            }
            (Act::CancelByDriver { driver, no_show }, "ACCEPTED" | "DRIVER_ARRIVED") => {
                let owes = self.status == "DRIVER_ARRIVED" && no_show;
                self.is_with(driver).then(|| self.cancelled(owes.then_some(FEE)))
            }
            (
                Act::CancelByOperations,
                "REQUESTED" | "ACCEPTED" | "DRIVER_ARRIVED" | "IN_PROGRESS",
            ) => Some(self.cancelled(None)),
            _ => None,
        }
    }
}

/// A ride, those who have to do with it, and what the model says of it.
struct Scene<'a> {
    world: &'a World,
    rider: Account,
    drivers: [OnTheRoad; 2],
    ride: Value,
    requested_at: DateTime<Utc>,
    model: Model,
}

impl Scene<'_> {
    async fn step(&mut self, act: Act) {
        self.rider = self.world.renew(&self.rider);
        for driver in &mut self.drivers {
            driver.account = self.world.renew(&driver.account);
        }
        let now = self.world.parts.clock.now();
        if let Act::Wait(seconds) = act {
            self.world.advance(TimeDelta::seconds(seconds));
            self.world.dispatch().await;
            let waited = self.world.parts.clock.now() - self.requested_at;
            if self.model.status == "REQUESTED" && waited >= TimeDelta::minutes(10) {
                self.model = self.model.goes("EXPIRED");
            }
            self.rider = self.world.renew(&self.rider);
        } else {
            let is_offered = match act {
                Act::Accept(driver) => self.is_offered(driver).await,
                _ => false,
            };
            let expected = self.model.after(act, now, is_offered);
            let payload = self.attempt(act).await;
            let succeeded = payload["problems"] == json!([]);
            // Who has the ride is given it again without effect.
            let is_given = matches!(act, Act::Assign(driver) if self.model.is_with(driver))
                && ["ACCEPTED", "DRIVER_ARRIVED"].contains(&self.model.status);
            assert_eq!(
                succeeded,
                expected.is_some() || is_given,
                "{act:?} of {:?} {payload}",
                self.model
            );
            self.model = expected.unwrap_or_else(|| self.model.clone());
        }
        self.is_as_the_model_says().await;
    }

    async fn is_offered(&self, driver: usize) -> bool {
        let offers = self.world.offers(&self.drivers[driver]).await;
        offers.iter().any(|id| self.ride["id"] == **id)
    }

    async fn attempt(&self, act: Act) -> Value {
        let of_driver = |driver: usize| self.drivers[driver].account.client.clone();
        let id = &self.ride["id"];
        let version = self.model.version;
        let with = |more: Value| {
            let mut input = json!({ "rideId": id, "expectedVersion": version });
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            input
        };
        let (client, mutation, input) = match act {
            Act::Accept(driver) => (of_driver(driver), "acceptRide", with(json!({}))),
            Act::Arrive(driver) => (of_driver(driver), "arriveAtPickup", with(json!({}))),
            Act::ArriveLate(driver) => {
                let input = json!({ "rideId": id, "expectedVersion": version - 1 });
                (of_driver(driver), "arriveAtPickup", input)
            }
            Act::Start(driver) => {
                (of_driver(driver), "startRide", with(json!({ "pin": self.ride["startPin"] })))
            }
            Act::Complete(driver) => {
                (of_driver(driver), "completeRide", with(json!({ "distanceMeters": 1 })))
            }
            Act::CancelByRider { blames } => {
                let reason = if blames { "DRIVER_NO_SHOW" } else { "CHANGED_MIND" };
                (self.rider.client.clone(), "cancelRide", with(json!({ "reason": reason })))
            }
            Act::CancelByDriver { driver, no_show } => {
                let reason = if no_show { "RIDER_NO_SHOW" } else { "VEHICLE_ISSUE" };
                (of_driver(driver), "cancelRide", with(json!({ "reason": reason })))
            }
            Act::CancelByOperations => {
                (self.world.operator(), "cancelRide", with(json!({ "reason": "OTHER" })))
            }
            Act::Assign(driver) => {
                let driver_id = &self.drivers[driver].driver_id;
                (self.world.operator(), "assignRide", with(json!({ "driverId": driver_id })))
            }
            Act::Wait(_) => panic!("nobody is asked to wait"),
        };
        change(&client, mutation, input).await
    }

    async fn is_as_the_model_says(&self) {
        let query = "query ($id: ID!) { ride(id: $id) { status version driver { id } cancellation { fee { amount } } \
             finalFare { amount } quotedFare { amount } createdAt updatedAt events { status occurredAt } } }";
        let seen = self.world.operator().data(query, json!({ "id": self.ride["id"] })).await;
        let (seen, model) = (&seen["ride"], &self.model);
        assert_eq!(seen["status"], model.status);
        assert_eq!(seen["version"], model.version);
        let driver = model.driver.map(|driver| json!({ "id": self.drivers[driver].driver_id }));
        assert_eq!(seen["driver"], json!(driver));
        assert_eq!(seen["cancellation"]["fee"]["amount"], json!(model.fee));
        let fare = if model.status == "COMPLETED" { &seen["quotedFare"] } else { &Value::Null };
        assert_eq!(&seen["finalFare"], fare);

        // A row of history for each version, in order.
        let events = seen["events"].as_array().unwrap();
        assert_eq!(i64::try_from(events.len()).unwrap(), model.version);
        assert_eq!(events.last().unwrap()["status"], model.status);
        let time = |value: &Value| text(value).parse::<DateTime<Utc>>().unwrap();
        let times: Vec<DateTime<Utc>> = events.iter().map(|it| time(&it["occurredAt"])).collect();
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!(
            (times[0], times[times.len() - 1]),
            (time(&seen["createdAt"]), time(&seen["updatedAt"]))
        );

        // Who has the ride is on it, and nobody else is.
        let is_driven = ["ACCEPTED", "DRIVER_ARRIVED", "IN_PROGRESS"].contains(&model.status);
        for (number, driver) in self.drivers.iter().enumerate() {
            let query = "query ($id: ID!) { driver(id: $id) { availability } }";
            let seen = self.world.operator().data(query, json!({ "id": driver.driver_id })).await;
            let is_on_ride = is_driven && model.is_with(number);
            let availability = if is_on_ride { "ON_RIDE" } else { "AVAILABLE" };
            assert_eq!(seen["driver"]["availability"], availability, "driver {number}");
        }
    }

    /// The drivers are near, as they were.
    async fn report(&self) {
        let report = "mutation ($points: [LocationPointInput!]!) { reportDriverLocation(input: { points: $points }) { accepted } }";
        let time = self.world.parts.clock.now().to_rfc3339();
        let points = json!([{ "coordinates": point(PICKUP), "recordedAt": time }]);
        for driver in &self.drivers {
            let client = &self.world.renew(&driver.account).client;
            client.data(report, json!({ "points": points })).await;
        }
    }
}

#[tokio::test]
async fn a_ride_does_what_its_model_says() {
    each_world(async |world| {
        let mut runner = TestRunner::deterministic();
        let drivers = [world.driver_at(PICKUP).await, world.driver_at(PICKUP).await];
        let mut ends = std::collections::BTreeMap::<&str, usize>::new();
        for _ in 0..RIDES {
            let acts = vec(act(), ACTS).new_tree(&mut runner).unwrap().current();
            let mut scene = Scene {
                world: &world,
                rider: world.sign_in(&[]),
                drivers: drivers.clone(),
                ride: Value::Null,
                requested_at: world.parts.clock.now(),
                model: Model::requested(),
            };
            scene.report().await;
            scene.ride = world.requested_ride(&scene.rider).await;
            // Printed where a step fails: the last line is how it came to that.
            println!("{acts:?}");
            for act in acts {
                scene.step(act).await;
            }
            *ends.entry(scene.model.status).or_default() += 1;
            // The drivers are free for the next ride.
            if !["COMPLETED", "CANCELLED", "EXPIRED"].contains(&scene.model.status) {
                scene.step(Act::CancelByOperations).await;
            }
            world.advance(TimeDelta::seconds(1));
        }
        println!("{RIDES} rides, {ACTS} acts each: {ends:?}");
        assert!(ends.len() >= 3, "the acts reach too little: {ends:?}");
    })
    .await;
}
