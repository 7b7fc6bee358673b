//! The auth that logistics talks to in these tests: it publishes keys, knows users and grants roles, or is down.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use service::SigningKeys;
use service::access_token::JWKS_PATH;
use tokio::sync::Notify;

/// What auth is asked for, and how it answers. The clones are one.
#[derive(Clone, Default)]
pub(crate) struct Auth(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    mood: Mood,
    drivers: BTreeSet<String>,
    keys_seen: Vec<String>,
    gate: Arc<Gate>,
}

/// Where a call is held: it says that it is there, and waits to be let go.
#[derive(Default)]
struct Gate {
    reached: Notify,
    opened: Notify,
}

/// How auth answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    /// As it should.
    #[default]
    Well,
    /// Not at all.
    Down,
    /// There is no such user.
    UserUnknown,
    /// The user is known, but gets no role.
    RefusesRole,
    /// The role is granted, but the answer is lost.
    LosesAnswers,
    /// The role stays where it is.
    RefusesRevocation,
    /// A grant waits for [`Auth::let_go`] before it is made.
    HoldsGrants,
    /// A grant is made, but the answer waits for [`Auth::let_go`].
    HoldsAnswers,
}

impl Auth {
    pub(crate) fn set(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    fn mood(&self) -> Mood {
        self.0.lock().unwrap().mood
    }

    fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.0.lock().unwrap().gate)
    }

    async fn hold(&self) {
        let gate = self.gate();
        gate.reached.notify_one();
        gate.opened.notified().await;
    }

    /// Waits until a call is held.
    pub(crate) async fn holds_one(&self) {
        self.gate().reached.notified().await;
    }

    /// Lets the held call go on.
    pub(crate) fn let_go(&self) {
        self.gate().opened.notify_one();
    }

    /// Whether the user has the role DRIVER.
    pub(crate) fn has_granted(&self, user_id: &str) -> bool {
        self.0.lock().unwrap().drivers.contains(user_id)
    }

    /// The idempotency keys of all grants asked for, answered or not.
    pub(crate) fn keys_seen(&self) -> Vec<String> {
        self.0.lock().unwrap().keys_seen.clone()
    }

    pub(crate) fn app(&self, keys: &SigningKeys) -> Router {
        let (auth, jwks) = (self.clone(), keys.public().clone());
        Router::new()
            .route(
                "/graphql",
                post(move |Json(body): Json<Value>| async move {
                    let is_grant = body["query"].as_str().unwrap().contains("grantRole");
                    let mood = auth.mood();
                    if is_grant && mood == Mood::HoldsGrants {
                        auth.hold().await;
                    }
                    let answer = auth.answer(&body);
                    if is_grant && mood == Mood::HoldsAnswers {
                        auth.hold().await;
                    }
                    answer
                }),
            )
            .route(JWKS_PATH, get(|| async { Json(jwks) }))
    }

    fn answer(&self, body: &Value) -> Response {
        let mut state = self.0.lock().unwrap();
        let query = body["query"].as_str().unwrap();
        let lost = || StatusCode::BAD_GATEWAY.into_response();
        if state.mood == Mood::Down {
            return lost();
        }
        let input = &body["variables"]["input"];
        let user_id = input["userId"].as_str().unwrap_or_default().to_owned();
        if query.contains("grantRole") {
            state.keys_seen.push(input["idempotencyKey"].as_str().unwrap().to_owned());
            if state.mood == Mood::RefusesRole {
                let problem = json!({ "code": "NOT_FOUND", "message": "no such user" });
                return Json(json!({ "data": { "change": { "problems": [problem] } } }))
                    .into_response();
            }
            state.drivers.insert(user_id);
            if state.mood == Mood::LosesAnswers {
                return lost();
            }
            Json(json!({ "data": { "change": { "problems": [] } } })).into_response()
        } else if query.contains("revokeRole") {
            if state.mood == Mood::RefusesRevocation {
                let problem = json!({ "code": "IN_PROGRESS", "message": "not now" });
                return Json(json!({ "data": { "change": { "problems": [problem] } } }))
                    .into_response();
            }
            state.drivers.remove(&user_id);
            Json(json!({ "data": { "change": { "problems": [] } } })).into_response()
        } else {
            let known = state.mood != Mood::UserUnknown;
            let user = known.then(|| json!({ "isActive": true, "firstName": "Robin" }));
            Json(json!({ "data": { "user": user } })).into_response()
        }
    }
}
