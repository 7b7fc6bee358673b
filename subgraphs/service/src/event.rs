//! Events: something happened to an entity, told to whoever listens, by the services that own it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Clock;

/// What happened, as it travels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its own id: what makes it applied once.
    pub id: Uuid,
    /// What happened: `user.created`.
    pub kind: String,
    /// To what: `user`. Events of one entity arrive in order.
    pub aggregate: String,
    /// To which one.
    pub aggregate_id: Uuid,
    /// What a consumer needs to know.
    pub payload: serde_json::Value,
    /// When.
    pub created_at: DateTime<Utc>,
    /// The request that it happened in, where that was traced (W3C trace context).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// What happened, as its owner writes it down; id and time are added.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What happened: `user.created`.
    pub kind: &'static str,
    /// To what: `user`.
    pub aggregate: &'static str,
    /// To which one.
    pub aggregate_id: Uuid,
    /// What a consumer needs to know.
    pub payload: serde_json::Value,
}

impl NewEvent {
    /// The event, happening now.
    pub fn now(self, clock: &Clock) -> Event {
        Event {
            id: clock.new_id(),
            kind: self.kind.to_owned(),
            aggregate: self.aggregate.to_owned(),
            aggregate_id: self.aggregate_id,
            payload: self.payload,
            created_at: clock.now(),
            traceparent: telemetry::context::traceparent(),
        }
    }
}
