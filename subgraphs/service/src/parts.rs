//! What every service is made of: the parts that `main` builds once and hands down.

use telemetry::PrometheusHandle;

use crate::bus::Bus;
use crate::clock::Clock;
use crate::database::Database;
use crate::peer::{Peer, PeerIdentity};
use crate::random::Random;
use crate::service_token::ServiceKeys;
use crate::tasks::Drain;
use crate::transport::Transport;

/// The parts of a service. Cheap to clone; several services in one process share them.
#[derive(Clone)]
pub struct Parts {
    /// What time it is.
    pub clock: Clock,
    /// Where secrets come from.
    pub random: Random,
    /// Where the service's tables are.
    pub database: Database,
    /// What service tokens are signed and verified with.
    pub keys: ServiceKeys,
    /// How events travel.
    pub bus: Bus,
    /// How the peers are reached.
    pub peers: Peers,
    /// Ends the subscriptions when the service does.
    pub drain: Drain,
    /// Renders `/metrics`.
    pub metrics: PrometheusHandle,
}

/// The ways to the services.
#[derive(Debug, Clone)]
pub struct Peers {
    /// To auth.
    pub auth: Transport,
    /// To logistics.
    pub logistics: Transport,
    /// To platform.
    pub platform: Transport,
}

impl Parts {
    /// A client of another service.
    pub fn peer(&self, identity: PeerIdentity, transport: &Transport) -> Peer {
        Peer::new(
            identity,
            self.keys.clone(),
            transport.clone(),
            self.clock.clone(),
            self.random.clone(),
        )
    }
}
