//! Riders who never rest: several clients that read from all services and write to each, and count what they did.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::story::{Place, Story, User, request, trip};

const PASSWORD: &str = "the passphrase of a rider";

/// What all riders did so far.
#[derive(Default)]
pub(crate) struct Tally {
    /// Rounds, by rider.
    pub(crate) rounds: Vec<AtomicU64>,
    /// Operations that were answered as they should be.
    answered: AtomicU64,
    /// Whether riders rest after the round they are in.
    stopping: AtomicBool,
}

impl Tally {
    fn new(riders: usize) -> Self {
        Self { rounds: (0..riders).map(|_| AtomicU64::new(0)).collect(), ..Self::default() }
    }

    /// How many rounds there were in all.
    pub(crate) fn total(&self) -> u64 {
        self.rounds.iter().map(|rounds| rounds.load(Ordering::SeqCst)).sum()
    }

    /// How many operations were answered as they should be.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }

    /// Waits until each rider has done so many rounds more.
    pub(crate) async fn more(&self, rounds: u64) {
        let goals: Vec<u64> =
            self.rounds.iter().map(|done| done.load(Ordering::SeqCst) + rounds).collect();
        while self.rounds.iter().zip(&goals).any(|(done, goal)| done.load(Ordering::SeqCst) < *goal)
        {
            tokio::task::yield_now().await;
        }
    }

    /// Has the riders rest after the round they are in.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    fn goes_on(&self) -> bool {
        !self.stopping.load(Ordering::SeqCst)
    }
}

/// Riders with accounts, and the story through which they ask.
pub(crate) struct Load<'a> {
    story: Story<'a>,
    riders: Vec<Rider>,
    advertisement: String,
}

/// One of them.
struct Rider {
    user: User,
    email: String,
    refresh_token: tokio::sync::Mutex<String>,
}

impl<'a> Load<'a> {
    /// Registers so many riders.
    pub(crate) async fn new(place: &'a Place, riders: usize) -> Self {
        let story = Story::new(place);
        let mut registered = Vec::new();
        for number in 0..riders {
            let email = format!("load-{number}@example.com");
            let names = json!({ "email": email, "password": PASSWORD, "firstName": "Load", "lastName": "Example" });
            let selection = "user { id } tokens { accessToken refreshToken }";
            let payload = story.does(None, "registerUser", selection, names).await;
            registered.push(Rider {
                user: User {
                    id: text(&payload["user"]["id"]),
                    token: text(&payload["tokens"]["accessToken"]),
                },
                email,
                refresh_token: text(&payload["tokens"]["refreshToken"]).into(),
            });
        }
        let shown = story
            .data(None, "{ activeAdvertisements(placement: HOME_BANNER) { id } }", json!({}))
            .await;
        let advertisement = text(&shown["activeAdvertisements"][0]["id"]);
        Self { story, riders: registered, advertisement }
    }

    /// Has all riders go on while `meanwhile` happens, which says when they may stop. A request that fails is a panic.
    pub(crate) async fn during<T>(&self, meanwhile: impl AsyncFnOnce(&Tally) -> T) -> (Tally, T) {
        let tally = Tally::new(self.riders.len());
        let riding = futures::future::join_all(self.riders.iter().zip(&tally.rounds).map(
            async |(rider, rounds)| {
                while tally.goes_on() {
                    self.round(rider, &tally.answered).await;
                    rounds.fetch_add(1, Ordering::SeqCst);
                }
            },
        ));
        let (_, done) = tokio::join!(riding, async {
            let done = meanwhile(&tally).await;
            tally.stop();
            done
        });
        (tally, done)
    }

    /// A round: each service is read and written. Each answer is counted.
    async fn round(&self, rider: &Rider, answered: &AtomicU64) {
        let (story, user) = (&self.story, &rider.user);
        let count = || answered.fetch_add(1, Ordering::SeqCst);
        let home = "query ($from: CoordinatesInput!, $to: CoordinatesInput!) {
            me { email roles isDriver activeRide { id } }
            serviceChannels(first: 10) { nodes { name products {
                id quote(pickup: $from, dropoff: $to) { fare { amount } token }
            } } }
            activeAdvertisements(placement: HOME_BANNER) { id title }
        }";
        let data = story.data(Some(user), home, trip()).await;
        count();
        assert_eq!(data["me"]["email"], rider.email);
        assert_eq!(data["me"]["activeRide"], Value::Null);
        assert_eq!(data["activeAdvertisements"][0]["id"], self.advertisement);
        let product = &data["serviceChannels"]["nodes"][0]["products"][0];

        let wanted = request(
            &text(&product["id"]),
            &text(&product["quote"]["token"]),
            &Uuid::now_v7().to_string(),
        );
        let requested = story.does(Some(user), "requestRide", "ride { id }", wanted).await;
        count();
        let ride = text(&requested["ride"]["id"]);
        let seen =
            "query ($id: ID!) { ride(id: $id) { status rider { firstName } product { name } } }";
        let data = story.data(Some(user), seen, json!({ "id": ride })).await;
        count();
        assert_eq!(data["ride"]["rider"]["firstName"], "Load");

        let shown = json!({ "events": [{
            "eventId": Uuid::now_v7(), "advertisementId": self.advertisement, "type": "IMPRESSION",
            "occurredAt": chrono::Utc::now(),
        }] });
        let recorded = story.does(Some(user), "recordAdEvents", "recorded", shown).await;
        count();
        assert_eq!(recorded["recorded"], 1);

        let cancel = json!({ "rideId": ride, "reason": "CHANGED_MIND" });
        let cancelled = story.does(Some(user), "cancelRide", "ride { status }", cancel).await;
        count();
        assert_eq!(cancelled["ride"]["status"], "CANCELLED");

        let mut refresh_token = rider.refresh_token.lock().await;
        let present = json!({ "refreshToken": *refresh_token });
        let refreshed =
            story.does(None, "refreshSession", "tokens { refreshToken }", present).await;
        count();
        *refresh_token = text(&refreshed["tokens"]["refreshToken"]);

        let mine = "query { me { sessions { id } rides(first: 1) { nodes { id status } } } }";
        let data = story.data(Some(user), mine, json!({})).await;
        count();
        let latest = json!({ "id": ride, "status": "CANCELLED" });
        assert_eq!(data["me"]["rides"]["nodes"][0], latest);
        assert_eq!(data["me"]["sessions"].as_array().map(Vec::len), Some(1));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}
