//! Idempotency keys: the same request does its work once.

use migrations::Owner;
use service::testing::{each_database, parts};
use service::{Claim, Idempotency, RequestKey};

fn request(caller: &str) -> RequestKey<'_> {
    RequestKey { caller, operation: "requestRide", key: "k1" }
}

#[tokio::test]
async fn a_key_is_of_one_caller_and_one_input() {
    each_database(async |database| {
        migrations::up(&database.write, Owner::Auth).await.unwrap();
        let (parts, _) = parts(database);
        let keys = Idempotency::new("auth", parts.clock.clone());
        let (first, second) = (parts.clock.new_id(), parts.clock.new_id());
        let claim = async |caller: &str, input: &str, id| {
            let transaction = parts.database.begin().await.unwrap();
            let claim = keys.claim(&transaction, request(caller), &input, id).await.unwrap();
            transaction.commit().await.unwrap();
            claim
        };
        assert_eq!(claim("user:1", "to the harbour", first).await, Claim::New);
        assert_eq!(claim("user:1", "to the harbour", second).await, Claim::Replay(first));
        assert_eq!(claim("user:1", "to the airport", second).await, Claim::Reused);
        assert_eq!(claim("user:2", "to the airport", second).await, Claim::New);
    })
    .await;
}

#[tokio::test]
async fn of_many_at_once_one_does_the_work() {
    each_database(async |database| {
        migrations::up(&database.write, Owner::Auth).await.unwrap();
        let (parts, _) = parts(database);
        let keys = Idempotency::new("auth", parts.clock.clone());
        let claims = futures::future::join_all((0..8).map(|_| async {
            let id = parts.clock.new_id();
            let transaction = parts.database.begin().await.unwrap();
            let claim = keys.claim(&transaction, request("user:1"), &"input", id).await.unwrap();
            transaction.commit().await.unwrap();
            (claim, id)
        }))
        .await;
        let worked: Vec<_> = claims.iter().filter(|(claim, _)| *claim == Claim::New).collect();
        let [(_, made)] = worked[..] else { panic!("not one did the work: {claims:?}") };
        let answers = claims.iter().filter(|(claim, _)| *claim == Claim::Replay(*made));
        assert_eq!(answers.count(), 7);
    })
    .await;
}
