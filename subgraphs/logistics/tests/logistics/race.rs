//! Races: two want the same, and one gets it.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::world::{PICKUP, change, each_world, problem, text};

fn won(payloads: &[Value]) -> usize {
    payloads.iter().filter(|payload| payload["problems"] == json!([])).count()
}

#[tokio::test]
async fn one_of_many_drivers_gets_the_ride() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let mut drivers = Vec::new();
        for _ in 0..4 {
            drivers.push(world.driver_at(PICKUP).await);
        }
        let ride = world.requested_ride(&rider).await;
        let offered = {
            let mut offered = Vec::new();
            for driver in &drivers {
                if world.offers(driver).await.contains(&text(&ride["id"])) {
                    offered.push(driver);
                }
            }
            offered
        };
        assert!(offered.len() > 1, "a race needs two");
        let input = json!({ "rideId": ride["id"], "expectedVersion": ride["version"] });
        let accepts = offered
            .iter()
            .map(|driver| change(&driver.account.client, "acceptRide", input.clone()));
        let payloads = join_all(accepts).await;
        assert_eq!(won(&payloads), 1, "{payloads:?}");
        for payload in payloads.iter().filter(|payload| payload["problems"] != json!([])) {
            assert_eq!(problem(payload), "RIDE_TAKEN");
        }
    })
    .await;
}

#[tokio::test]
async fn a_driver_gets_one_of_two_rides() {
    each_world(async |world| {
        let driver = world.driver_at(PICKUP).await;
        let first = world.requested_ride(&world.sign_in(&[])).await;
        let second = world.requested_ride(&world.sign_in(&[])).await;
        assert_eq!(world.offers(&driver).await.len(), 2, "a race needs two");
        let accepts = [&first, &second].map(|ride| {
            let input = json!({ "rideId": ride["id"], "expectedVersion": ride["version"] });
            change(&driver.account.client, "acceptRide", input)
        });
        let payloads = join_all(accepts).await;
        assert_eq!(won(&payloads), 1, "{payloads:?}");
        let lost = payloads.iter().find(|payload| payload["problems"] != json!([])).unwrap();
        assert_eq!(problem(lost), "DRIVER_BUSY");
    })
    .await;
}

#[tokio::test]
async fn a_ride_is_cancelled_or_accepted_but_not_both() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let driver = world.driver_at(PICKUP).await;
        let ride = world.requested_ride(&rider).await;
        let cancel = json!({ "rideId": ride["id"], "reason": "CHANGED_MIND", "expectedVersion": ride["version"] });
        let accept = json!({ "rideId": ride["id"], "expectedVersion": ride["version"] });
        let (cancelled, accepted) = futures::join!(
            change(&rider.client, "cancelRide", cancel),
            change(&driver.account.client, "acceptRide", accept)
        );
        assert_eq!(won(&[cancelled.clone(), accepted.clone()]), 1, "{cancelled} {accepted}");
    })
    .await;
}

#[tokio::test]
async fn a_user_who_registers_twice_at_once_is_registered_once() {
    each_world(async |world| {
        let robin = world.sign_in(&[]);
        let payloads = join_all((0..4).map(|_| world.register(&robin, json!({})))).await;
        assert_eq!(won(&payloads), 1, "{payloads:?}");
        let lost = payloads.iter().filter(|payload| payload["problems"] != json!([]));
        assert!(lost.map(problem).all(|code| code == "ALREADY_REGISTERED"));
    })
    .await;
}

#[tokio::test]
async fn a_rider_who_asks_twice_at_once_has_one_ride() {
    each_world(async |world| {
        let rider = world.sign_in(&[]);
        let token = text(&world.quote(&rider.client).await["token"]);
        let payloads = join_all((0..4).map(|_| world.try_request(&rider, &token, json!({})))).await;
        assert_eq!(won(&payloads), 1, "{payloads:?}");
        let lost = payloads.iter().filter(|payload| payload["problems"] != json!([]));
        assert!(lost.map(problem).all(|code| code == "ACTIVE_RIDE_EXISTS"));
    })
    .await;
}
