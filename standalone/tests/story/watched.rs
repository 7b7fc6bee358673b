//! A subscription through the router's one endpoint: server-sent events.

use reqwest::Response;
use serde_json::{Value, json};

use super::{Story, User};

/// What a subscription tells, event by event.
pub(crate) struct Watched {
    answer: Response,
    /// What has arrived, and is not an event yet.
    text: String,
}

impl Story<'_> {
    /// Subscribes to a ride; the driver's name comes from another service.
    pub(crate) async fn watches(&self, user: &User, ride: &str) -> Watched {
        let query = "subscription ($ride: ID!) {
            rideUpdated(rideId: $ride) { status driver { user { firstName } } }
        }";
        self.subscribes(user, query, json!({ "ride": ride })).await
    }

    /// Subscribes to whatever the query's one field tells.
    pub(crate) async fn subscribes(&self, user: &User, query: &str, variables: Value) -> Watched {
        let request = self
            .client
            .post(format!("{}/graphql", self.place.url))
            .bearer_auth(&user.token)
            .header("accept", "text/event-stream")
            .json(&json!({ "query": query, "variables": variables }));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Watched { answer, text: String::new() }
    }
}

impl Watched {
    /// What the next event shows; none when the subscription is complete.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let Some((event, rest)) = self.text.split_once("\n\n") else {
                let piece =
                    self.answer.chunk().await.unwrap().expect("it ends when it is complete");
                self.text += std::str::from_utf8(&piece).unwrap();
                continue;
            };
            let (event, rest) = (event.to_owned(), rest.to_owned());
            self.text = rest;
            if event.starts_with("event: complete") {
                return None;
            }
            if let Some(data) = event.strip_prefix("event: next\ndata: ") {
                let answer: Value = serde_json::from_str(data).unwrap();
                assert_eq!(answer.get("errors"), None, "{answer}");
                return answer["data"].as_object().and_then(|data| data.values().next()).cloned();
            }
        }
    }

    /// The ride, or the registration, as it is seen when it has this status.
    pub(crate) async fn reaches(&mut self, status: &str) -> Value {
        loop {
            let ride = self.next().await.expect("it goes on");
            if ride["status"] == status {
                return ride;
            }
        }
    }
}
