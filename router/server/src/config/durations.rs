//! The times of the settings, which are written in milliseconds.

use std::time::Duration;

use crate::config::{Limits, SubgraphsConfig, SubscriptionsConfig};

impl Limits {
    /// The time for a whole request.
    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms.get())
    }

    /// The time for the head of a request to arrive.
    pub(crate) fn head_timeout(&self) -> Duration {
        Duration::from_millis(self.head_timeout_ms.get())
    }

    /// The time for what is at work when the router is asked to end.
    pub(crate) fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms.get())
    }
}

impl SubscriptionsConfig {
    /// The time for a client to begin.
    pub(crate) fn init_timeout(&self) -> Duration {
        Duration::from_millis(self.init_timeout_ms.get())
    }

    /// How often a sign of life goes over a silent connection.
    pub(crate) fn keep_alive(&self) -> Duration {
        Duration::from_millis(self.keep_alive_ms.get())
    }

    /// How long a client may take to take what it is sent.
    pub(crate) fn client_timeout(&self) -> Duration {
        Duration::from_millis(self.client_timeout_ms.get())
    }
}

impl SubgraphsConfig {
    /// The time for one request to a subgraph.
    pub(crate) fn timeout(&self, subgraph_name: &str) -> Duration {
        let own = self.by_name.get(subgraph_name).and_then(|subgraph| subgraph.timeout_ms);
        Duration::from_millis(own.unwrap_or(self.timeout_ms).get())
    }
}
